//! Encoding by the fast composition: a pass is recorded once and replayed.

use std::collections::BTreeMap;
use std::rc::Rc;

use candle_core::{DType, Device, bail};
use ops::graph::Graph;

use crate::Error;
use crate::encoder::inputs::Inputs;
use crate::encoder::network::Network;
use crate::encoder::quality;
use crate::encoder::scratch::Scratch;
use crate::job::word::Head;
use crate::quality::Expected;
use crate::reading::{Reader, Scores};

/// The fast encoder.
pub struct Fast {
    state: Rc<State>,
    pass: Graph,
    head: Head,
    inputs: Inputs,
    expected: Expected,
    ran: bool,
}

/// All that a pass works on.
struct State {
    network: Network,
    scratch: Scratch,
}

impl Fast {
    /// An encoder of these inputs. Where passes are recorded, the first is taken here.
    ///
    /// # Errors
    /// The model cannot read the inputs, or the device is out of memory.
    pub fn new(
        network: Network,
        records: bool,
        head: Head,
        inputs: Inputs,
        expected: Expected,
    ) -> Result<Self, Error> {
        inputs.check(network.config(), head)?;
        let (dtype, device) = (network.dtype(), network.device().clone());
        let scratch = Scratch::new(network.config(), head, &inputs, dtype, &device)?;
        let state = Rc::new(State { network, scratch });
        let pass = {
            let state = Rc::clone(&state);
            move || state.network.encode(&state.scratch)
        };
        Ok(Self {
            state,
            pass: if records {
                Graph::capture(&device, pass)?
            } else {
                Graph::unrecorded(pass)
            },
            head,
            inputs,
            expected,
            ran: false,
        })
    }
}

impl Reader for Fast {
    fn device(&self) -> &Device {
        self.state.network.device()
    }

    fn batch(&self) -> usize {
        self.inputs.batch()
    }

    fn infer(&mut self) -> candle_core::Result<()> {
        self.pass.replay()?;
        self.state.network.finish(&self.state.scratch)?;
        self.ran = true;
        Ok(())
    }

    fn scores(&self) -> candle_core::Result<Scores> {
        if !self.ran {
            bail!("nothing was read yet");
        }
        let head = &self.state.scratch.head;
        Ok(Scores {
            choices: head.choice.to_vec1()?,
            logits: head.logits.to_dtype(DType::F32)?.to_vec2()?,
        })
    }

    fn quality(&self, scores: &Scores) -> Result<BTreeMap<String, f64>, Error> {
        quality::metrics(self.head, scores, &self.inputs, &self.expected)
    }
}
