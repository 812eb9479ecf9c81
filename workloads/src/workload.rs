//! What a model has to offer to be measured.

use std::collections::BTreeMap;

use model::mark::WorkerInfo;

use crate::Error;

/// Something that can be run again and again with the same inputs.
pub trait Workload {
    /// Who works and with what.
    fn info(&self) -> WorkerInfo;

    /// Iterations that have to run before the first one may be measured: kernels are compiled,
    /// memory pools filled and libraries tuned in these.
    fn warmup_iterations(&self) -> u32;

    /// Does the whole work once. The device is synchronised before each call to `observer`.
    ///
    /// # Errors
    /// The device or the observer failed.
    fn iterate(&mut self, observer: &mut dyn Observer) -> Result<(), Error>;

    /// Digest and quality of what the iterations so far have put out.
    ///
    /// # Errors
    /// The outputs cannot be copied from the device.
    fn outcome(&self) -> Result<Outcome, Error>;
}

/// Watches the phases of an iteration.
pub trait Observer {
    /// A phase begins.
    ///
    /// # Errors
    /// The observation cannot be written.
    fn begin(&mut self, phase: &str) -> Result<(), Error>;

    /// The phase ended, with the work that was done in it.
    ///
    /// # Errors
    /// The observation cannot be written.
    fn end(&mut self, phase: &str, work: u64) -> Result<(), Error>;
}

/// Watches nothing: warm-up.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn begin(&mut self, _phase: &str) -> Result<(), Error> {
        Ok(())
    }

    fn end(&mut self, _phase: &str, _work: u64) -> Result<(), Error> {
        Ok(())
    }
}

/// What the iterations put out.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// SHA-256 (hex) of the outputs of the last iteration.
    pub digest: String,
    /// Quality metrics, by name.
    pub quality: BTreeMap<String, f64>,
}
