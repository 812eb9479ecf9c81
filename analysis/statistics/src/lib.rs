//! Intervals, tests, resampling and the rules of the protocol: pure, seeded, without files or clocks.
