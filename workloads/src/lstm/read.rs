//! Reading a batch again and again, by either composition of the network.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result as CandleResult, Tensor, bail};
use ops::graph::Graph;

use super::inputs::Inputs;
use super::network::Network;
use super::quality;
use super::scratch::Scratch;
use super::stock::Stock;
use crate::Error;
use crate::reading::{Reader, Scores};

/// The fast reader: nothing is allocated, and a pass is recorded where the device can.
pub struct Fast {
    inputs: Inputs,
    device: Device,
    /// `[batch]`.
    scores: Tensor,
    pass: Graph,
}

impl Fast {
    /// A reader of these inputs; with `record`, its pass is recorded and replayed.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(network: Network, inputs: Inputs, record: bool) -> CandleResult<Self> {
        let (dtype, device) = (network.dtype(), network.device().clone());
        let scratch = Scratch::new(network.config(), inputs.sequences(), dtype, &device)?;
        let words = inputs.on_device(&device)?;
        // Kernels may begin to read weights while the one before still runs.
        device.synchronize()?;
        let scores = scratch.scores.clone();
        let pass = move || network.forward(&words, &scratch);
        Ok(Self {
            pass: if record {
                Graph::capture(&device, pass)?
            } else {
                Graph::unrecorded(pass)
            },
            inputs,
            device,
            scores,
        })
    }
}

impl Reader for Fast {
    fn device(&self) -> &Device {
        &self.device
    }

    fn batch(&self) -> usize {
        self.inputs.sequences().batch
    }

    fn infer(&mut self) -> CandleResult<()> {
        self.pass.replay()
    }

    fn scores(&self) -> CandleResult<Scores> {
        let scores = self.scores.to_dtype(DType::F32)?.to_vec1()?;
        Ok(quality::scores(&scores))
    }

    fn quality(&self, scores: &Scores) -> Result<BTreeMap<String, f64>, Error> {
        quality::metrics(scores, &self.inputs)
    }
}

/// The reference reader.
pub struct Reference {
    stock: Stock,
    inputs: Inputs,
    words: Tensor,
    last: Option<Tensor>,
}

impl Reference {
    /// A reader of these inputs.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(stock: Stock, inputs: Inputs, device: &Device) -> CandleResult<Self> {
        Ok(Self {
            stock,
            words: inputs.on_device(device)?,
            inputs,
            last: None,
        })
    }
}

impl Reader for Reference {
    fn device(&self) -> &Device {
        self.words.device()
    }

    fn batch(&self) -> usize {
        self.inputs.sequences().batch
    }

    fn infer(&mut self) -> CandleResult<()> {
        self.last = Some(self.stock.forward(&self.words)?);
        Ok(())
    }

    fn scores(&self) -> CandleResult<Scores> {
        match &self.last {
            Some(scores) => Ok(quality::scores(&scores.to_dtype(DType::F32)?.to_vec1()?)),
            None => bail!("nothing was read yet"),
        }
    }

    fn quality(&self, scores: &Scores) -> Result<BTreeMap<String, f64>, Error> {
        quality::metrics(scores, &self.inputs)
    }
}
