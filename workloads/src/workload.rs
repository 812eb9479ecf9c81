//! What a model has to offer to be measured.

use std::collections::BTreeMap;

use candle_core::Device;
use model::mark::WorkerInfo;

use crate::job::word::Word;
use crate::weights::Weights;
use crate::{Error, device, outputs};

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

    /// Token ids of each sequence of the last iteration; `None` before the first, and for models
    /// that make none.
    fn tokens(&self) -> Option<&[Vec<u32>]> {
        None
    }
}

/// What the worker of this project says of itself.
pub fn info(device: &Device, weights: &Weights, output_phase: &str, unit: &str) -> WorkerInfo {
    WorkerInfo {
        name: concat!("joulebench-worker ", env!("CARGO_PKG_VERSION")).into(),
        engine: "candle 0.11.1".into(),
        device: device::name(device).into(),
        weights: weights.origin().word().into(),
        weights_id: Some(weights.id().to_owned()),
        inputs_id: weights.inputs_id().map(str::to_owned),
        output_phase: output_phase.into(),
        unit: unit.into(),
    }
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

impl Outcome {
    /// Before the first iteration.
    pub fn nothing() -> Self {
        Self {
            digest: outputs::digest(&[]),
            quality: BTreeMap::new(),
        }
    }
}
