//! Encoding by the fast composition: nothing is allocated, and a pass can be recorded.

use std::collections::BTreeMap;

use candle_core::{DType, Device, bail};

use crate::Error;
use crate::encoder::inputs::Inputs;
use crate::encoder::network::Network;
use crate::encoder::quality::{self, Expected};
use crate::encoder::scratch::Scratch;
use crate::job::word::Head;
use crate::reading::{Reader, Scores};

/// The fast encoder.
pub struct Fast {
    network: Network,
    head: Head,
    inputs: Inputs,
    expected: Expected,
    scratch: Scratch,
    ran: bool,
}

impl Fast {
    /// An encoder of these inputs.
    ///
    /// # Errors
    /// The model cannot read the inputs, or the device is out of memory.
    pub fn new(
        network: Network,
        head: Head,
        inputs: Inputs,
        expected: Expected,
    ) -> Result<Self, Error> {
        inputs.check(network.config(), head)?;
        let (dtype, device) = (network.dtype(), network.device());
        let scratch = Scratch::new(network.config(), head, &inputs, dtype, device)?;
        Ok(Self {
            network,
            head,
            inputs,
            expected,
            scratch,
            ran: false,
        })
    }
}

impl Reader for Fast {
    fn device(&self) -> &Device {
        self.network.device()
    }

    fn batch(&self) -> usize {
        self.inputs.batch()
    }

    fn infer(&mut self) -> candle_core::Result<()> {
        self.network.forward(&self.scratch)?;
        self.ran = true;
        Ok(())
    }

    fn scores(&self) -> candle_core::Result<Scores> {
        if !self.ran {
            bail!("nothing was read yet");
        }
        let head = &self.scratch.head;
        Ok(Scores {
            choices: head.choice.to_vec1()?,
            logits: head.logits.to_dtype(DType::F32)?.to_vec2()?,
        })
    }

    fn quality(&self, scores: &Scores) -> Result<BTreeMap<String, f64>, Error> {
        quality::metrics(self.head, scores, &self.inputs, &self.expected)
    }
}
