mod emulated;
mod fake;
mod shell;
mod tier;
