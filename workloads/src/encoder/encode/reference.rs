//! Encoding by the stock composition.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Tensor, bail};

use crate::Error;
use crate::encoder::config::Config;
use crate::encoder::inputs::Inputs;
use crate::encoder::quality;
use crate::encoder::stock::{Stock, StockInputs};
use crate::encoder::weights::Weights;
use crate::job::word::Head;
use crate::quality::Expected;
use crate::reading::{Reader, Scores};

/// The reference encoder.
pub struct Reference {
    stock: Stock,
    head: Head,
    inputs: Inputs,
    expected: Expected,
    on_device: StockInputs,
    /// Choices and logits of the last pass.
    last: Option<[Tensor; 2]>,
}

impl Reference {
    /// An encoder of these inputs.
    ///
    /// # Errors
    /// The model cannot read the inputs, or the device is out of memory.
    pub fn new(
        config: &Config,
        weights: &Weights,
        head: Head,
        inputs: Inputs,
        expected: Expected,
    ) -> Result<Self, Error> {
        inputs.check(config, head)?;
        Ok(Self {
            stock: Stock::new(config, weights)?,
            on_device: StockInputs::new(head, &inputs, weights.words.device())?,
            head,
            inputs,
            expected,
            last: None,
        })
    }
}

impl Reader for Reference {
    fn device(&self) -> &Device {
        self.on_device.device()
    }

    fn batch(&self) -> usize {
        self.inputs.batch()
    }

    fn infer(&mut self) -> candle_core::Result<()> {
        let logits = self.stock.forward(&self.on_device)?;
        self.last = Some([logits.argmax(D::Minus1)?, logits]);
        Ok(())
    }

    fn scores(&self) -> candle_core::Result<Scores> {
        let Some([choices, logits]) = &self.last else {
            bail!("nothing was read yet");
        };
        Ok(Scores {
            choices: choices.to_vec1()?,
            logits: logits.to_dtype(DType::F32)?.to_vec2()?,
        })
    }

    fn quality(&self, scores: &Scores) -> Result<BTreeMap<String, f64>, Error> {
        quality::metrics(self.head, scores, &self.inputs, &self.expected)
    }
}
