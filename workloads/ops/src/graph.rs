//! A step, recorded once and replayed.
