//! Encoding by the stock composition.

use candle_core::{D, DType, Tensor};

use super::{Encoder, Outputs};
use crate::Error;
use crate::encoder::config::{Config, Task};
use crate::encoder::inputs::Inputs;
use crate::encoder::stock::{Stock, StockInputs};
use crate::encoder::weights::Weights;

/// The reference encoder.
pub struct Reference {
    stock: Stock,
    inputs: StockInputs,
    last: Option<(Tensor, Tensor)>,
}

impl Reference {
    /// An encoder of these inputs.
    ///
    /// # Errors
    /// The model cannot read the inputs, or the device is out of memory.
    pub fn new(
        config: &Config,
        weights: &Weights,
        task: Task,
        inputs: &Inputs,
    ) -> Result<Self, Error> {
        inputs.check(config, task)?;
        Ok(Self {
            stock: Stock::new(config, weights)?,
            inputs: StockInputs::new(task, inputs, weights.words.device())?,
            last: None,
        })
    }
}

impl Encoder for Reference {
    fn encode(&mut self) -> candle_core::Result<()> {
        let logits = self.stock.forward(&self.inputs)?;
        self.last = Some((logits.argmax(D::Minus1)?, logits));
        Ok(())
    }

    fn synchronise(&self) -> candle_core::Result<()> {
        self.inputs.device().synchronize()
    }

    fn outputs(&self) -> candle_core::Result<Outputs> {
        let Some((choices, logits)) = &self.last else {
            return Ok(Outputs::default());
        };
        Ok(Outputs {
            choices: choices.to_vec1()?,
            logits: logits.to_dtype(DType::F32)?.to_vec2()?,
        })
    }
}
