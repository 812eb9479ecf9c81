//! A step, recorded once and replayed.
//!
//! A decode step is some three hundred kernels of a few microseconds; handing each to the driver
//! takes longer than running it. A recorded step is handed over as a whole.
//!
//! What is replayed is exactly what was recorded: the same kernels, addresses and numbers. So what
//! changes from step to step (token, position) has to lie in tensors that the step reads, and writes
//! for the next one, and every tensor has to be allocated before. Tensors that the step names are
//! kept alive by the closure.

#[cfg_attr(feature = "cuda", path = "graph/driver.rs")]
#[cfg_attr(not(feature = "cuda"), path = "graph/absent.rs")]
mod backend;

use candle_core::{Device, Result};

use backend::Recorded;

/// A step that can be replayed.
pub struct Graph {
    step: Box<dyn Fn() -> Result<()>>,
    recorded: Option<Recorded>,
}

impl Graph {
    /// Runs `step` once, so that everything it needs is loaded, and on a GPU records it then. After
    /// this the step has taken effect once: either count that, or set token and position back.
    ///
    /// # Errors
    /// The step failed, or did something that cannot be recorded: waited for the device, copied from
    /// or to the host, or allocated memory.
    pub fn capture(device: &Device, step: impl Fn() -> Result<()> + 'static) -> Result<Self> {
        step()?;
        let recorded = match device {
            Device::Cuda(_) => Some(Recorded::new(device, &step)?),
            _ => None,
        };
        Ok(Self {
            step: Box::new(step),
            recorded,
        })
    }

    /// A step that is called anew each time, without recording: the variant to compare with.
    pub fn unrecorded(step: impl Fn() -> Result<()> + 'static) -> Self {
        Self {
            step: Box::new(step),
            recorded: None,
        }
    }

    /// Takes the step once more; on a GPU this returns before the step is done.
    ///
    /// # Errors
    /// The device failed.
    pub fn replay(&self) -> Result<()> {
        match &self.recorded {
            Some(recorded) => recorded.launch(),
            None => (self.step)(),
        }
    }

    /// Kernels and copies of the recorded step; `None` where nothing is recorded.
    pub fn nodes(&self) -> Option<usize> {
        self.recorded.as_ref().map(Recorded::nodes)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Tensor};

    use super::*;

    #[test]
    fn on_the_cpu_each_replay_is_a_step() {
        let counter = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
        let step = {
            let counter = counter.clone();
            move || counter.slice_set(&(&counter + 1.0)?, 0, 0)
        };
        let graph = Graph::capture(&Device::Cpu, step).unwrap();
        assert_eq!(counter.to_vec1::<f32>().unwrap(), [1.0]);
        graph.replay().unwrap();
        graph.replay().unwrap();
        assert_eq!(counter.to_vec1::<f32>().unwrap(), [3.0]);
        assert_eq!(graph.nodes(), None);
    }

    #[test]
    fn a_step_that_fails_is_not_recorded() {
        let refused = Graph::capture(&Device::Cpu, || candle_core::bail!("no"));
        assert!(refused.is_err());
    }
}
