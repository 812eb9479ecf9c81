//! Encoding by the fast composition: nothing is allocated, and a pass can be recorded.

use candle_core::DType;

use super::{Encoder, Outputs};
use crate::Error;
use crate::encoder::config::Task;
use crate::encoder::inputs::Inputs;
use crate::encoder::network::Network;
use crate::encoder::scratch::Scratch;

/// The fast encoder.
pub struct Fast {
    network: Network,
    scratch: Scratch,
    ran: bool,
}

impl Fast {
    /// An encoder of these inputs.
    ///
    /// # Errors
    /// The model cannot read the inputs, or the device is out of memory.
    pub fn new(network: Network, task: Task, inputs: &Inputs) -> Result<Self, Error> {
        inputs.check(network.config(), task)?;
        let (dtype, device) = (network.dtype(), network.device());
        let scratch = Scratch::new(network.config(), task, inputs, dtype, device)?;
        Ok(Self {
            network,
            scratch,
            ran: false,
        })
    }
}

impl Encoder for Fast {
    fn encode(&mut self) -> candle_core::Result<()> {
        self.network.forward(&self.scratch)?;
        self.ran = true;
        Ok(())
    }

    fn synchronise(&self) -> candle_core::Result<()> {
        self.network.device().synchronize()
    }

    fn outputs(&self) -> candle_core::Result<Outputs> {
        if !self.ran {
            return Ok(Outputs::default());
        }
        let head = &self.scratch.head;
        Ok(Outputs {
            choices: head.choice.to_vec1()?,
            logits: head.logits.to_dtype(DType::F32)?.to_vec2()?,
        })
    }
}
