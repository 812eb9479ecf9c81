//! What the emulated boards must show: figures that were recorded on real ones, and properties that
//! hold for any history.
//!
//! Recorded figures without another source are those of one H200: steady kernels (`h200-anatomy`)
//! and a square wave of matrix products (`h200-square-wave`).

mod conservation;
mod determinism;
mod faults;
mod heat;
mod lab;
mod part_time_sensor;
mod power_cap;
mod settings;
mod square_wave;
mod step_response;
