mod emulated;
mod fake;
mod shell;
