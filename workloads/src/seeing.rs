//! Models that look at a batch of pictures once, as a workload: classifiers, detectors, networks
//! that segment and enlarge.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use model::mark::WorkerInfo;

use crate::Error;
use crate::family::Metric;
use crate::outputs;
use crate::weights::Weights;
use crate::workload::{Observer, Outcome, Workload, info};

/// The phase that every seer has, and in which its pictures are counted.
pub const INFER: &str = "infer";

/// The metric that every seer has; a family adds its own to it in its summary.
pub const METRICS: [Metric; 1] = [Metric {
    name: "distinct_outputs",
    meaning: "how many different outputs the first and the last pass gave; 1 where the engine repeats itself",
}];

/// A network with pictures on its device, and the room to look at them again and again. Nothing is
/// allocated after it was made.
pub trait Seer {
    /// Where it computes.
    fn device(&self) -> &Device;

    /// Pictures of the batch: the work of each phase of a pass.
    fn batch(&self) -> usize;

    /// What the work is counted in.
    fn unit(&self) -> &'static str {
        "image"
    }

    /// Phases of a pass in their order, [`INFER`] among them.
    fn phases(&self) -> &'static [&'static str] {
        &[INFER]
    }

    /// Does one phase of a pass, named by its place in [`Seer::phases`]. Those before it were done.
    ///
    /// # Errors
    /// The device failed.
    fn see(&mut self, phase: usize) -> candle_core::Result<()>;

    /// What the last pass has put out, on the host. The first of the outputs is never empty.
    ///
    /// # Errors
    /// The device failed.
    fn outputs(&self) -> candle_core::Result<Vec<Output>>;

    /// Metrics of the outputs of the last pass, by name.
    ///
    /// # Errors
    /// The outputs do not fit what is known of the pictures.
    fn quality(&self, outputs: &[Output]) -> Result<BTreeMap<String, f64>, Error> {
        let _ = outputs;
        Ok(BTreeMap::new())
    }
}

/// An array that a pass puts out.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// What it is: `logits`, `mask`, `boxes`.
    pub name: &'static str,
    /// Its dimensions, the pictures first.
    pub shape: Vec<usize>,
    /// Its values in the order of the dimensions.
    pub values: Vec<f32>,
}

impl Output {
    /// Copies a tensor to the host, in single precision.
    ///
    /// # Errors
    /// The device failed.
    pub fn of(name: &'static str, tensor: &Tensor) -> candle_core::Result<Self> {
        Ok(Self {
            name,
            shape: tensor.dims().to_vec(),
            values: tensor
                .flatten_all()?
                .to_dtype(DType::F32)?
                .to_vec1::<f32>()?,
        })
    }

    /// The index of the largest value of each row of the last dimension.
    pub fn choices(&self) -> Vec<u32> {
        let width = self.shape.last().copied().unwrap_or(1).max(1);
        let largest = |row: &[f32]| {
            let best =
                |best: usize, index: usize| if row[index] > row[best] { index } else { best };
            (0..row.len()).fold(0, best)
        };
        self.values
            .chunks_exact(width)
            .map(|row| u32::try_from(largest(row)).expect("a dimension has 32 bits"))
            .collect()
    }
}

/// Seeing as a workload.
pub struct Seeing<S> {
    seer: S,
    info: WorkerInfo,
    /// Digest of the outputs of the first pass, before the warm-up.
    first: String,
    seen: bool,
}

impl<S: Seer> Seeing<S> {
    /// The workload of a seer.
    ///
    /// # Errors
    /// The outputs of a first pass are those of no working model.
    pub fn new(mut seer: S, weights: &Weights) -> Result<Self, Error> {
        for phase in 0..seer.phases().len() {
            seer.see(phase)?;
        }
        let outputs = seer.outputs()?;
        check(&outputs)?;
        Ok(Self {
            info: info(seer.device(), weights, INFER, seer.unit()),
            first: digest(&outputs),
            seer,
            seen: false,
        })
    }
}

/// Refuses outputs that are not finite, and a first one that is empty or the same everywhere: no
/// working model gives them, and energy measured on them would mislead.
fn check(outputs: &[Output]) -> Result<(), Error> {
    let Some((first, others)) = outputs.split_first() else {
        return outputs::check_finite(&[]);
    };
    outputs::check_finite(std::slice::from_ref(&first.values))?;
    for output in others {
        if let Some(value) = output.values.iter().find(|value| !value.is_finite()) {
            return Err(Error::Scores {
                found: format!("{value} somewhere in '{}'", output.name),
            });
        }
    }
    Ok(())
}

/// SHA-256 of all values in the order of the outputs.
fn digest(outputs: &[Output]) -> String {
    outputs::digest_of_values(outputs.iter().map(|output| output.values.as_slice()))
}

/// Outputs of pictures are large: nothing is copied from the device in the measured window, and
/// the digest is taken once, of the last pass.
impl<S: Seer> Workload for Seeing<S> {
    fn info(&self) -> WorkerInfo {
        self.info.clone()
    }

    fn warmup_iterations(&self) -> u32 {
        if self.seer.device().is_cpu() { 2 } else { 3 }
    }

    fn iterate(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        self.seer.device().synchronize()?;
        for (index, phase) in self.seer.phases().iter().enumerate() {
            observer.begin(phase)?;
            self.seer.see(index)?;
            self.seer.device().synchronize()?;
            observer.end(phase, self.seer.batch() as u64)?;
        }
        self.seen = true;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome, Error> {
        if !self.seen {
            return Ok(Outcome::nothing());
        }
        let outputs = self.seer.outputs()?;
        check(&outputs)?;
        let digest = digest(&outputs);
        let mut quality = self.seer.quality(&outputs)?;
        let distinct = if digest == self.first { 1.0 } else { 2.0 };
        quality.insert("distinct_outputs".into(), distinct);
        Ok(Outcome { digest, quality })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Job;
    use crate::job::precision::Precision;
    use crate::job::task::{Pictures, Task};
    use crate::weights::Places;

    /// Counts its passes, and puts out what it was told to.
    struct Counter {
        passes: usize,
        outputs: fn(usize) -> Vec<f32>,
    }

    impl Seer for Counter {
        fn device(&self) -> &Device {
            &Device::Cpu
        }

        fn batch(&self) -> usize {
            3
        }

        fn phases(&self) -> &'static [&'static str] {
            &[INFER, "nms"]
        }

        fn see(&mut self, phase: usize) -> candle_core::Result<()> {
            self.passes += usize::from(phase == 1);
            Ok(())
        }

        fn outputs(&self) -> candle_core::Result<Vec<Output>> {
            let output = |name, values: Vec<f32>| Output {
                name,
                shape: vec![values.len()],
                values,
            };
            Ok(vec![
                output("scores", (self.outputs)(self.passes)),
                output("boxes", vec![]),
            ])
        }
    }

    fn seeing(outputs: fn(usize) -> Vec<f32>) -> Result<Seeing<Counter>, Error> {
        let pictures = Pictures {
            batch: 3,
            resolution_px: 8,
        };
        let job = Job::plain("counter", Precision::F32, Task::See(pictures));
        let weights = Weights::find(&job, &Places::default()).expect("seeded");
        Seeing::new(Counter { passes: 0, outputs }, &weights)
    }

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Observer for Log {
        fn begin(&mut self, phase: &str) -> Result<(), Error> {
            self.0.push(format!("begin {phase}"));
            Ok(())
        }

        fn end(&mut self, phase: &str, work: u64) -> Result<(), Error> {
            self.0.push(format!("end {phase} {work}"));
            Ok(())
        }
    }

    #[test]
    fn each_phase_is_marked_with_its_pictures_and_the_last_pass_is_judged() {
        let mut work = seeing(|_| vec![0.5, 0.25]).expect("plausible");
        assert_eq!(work.outcome().expect("nothing yet"), Outcome::nothing());
        let mut log = Log::default();
        work.iterate(&mut log).expect("counts");
        assert_eq!(
            log.0,
            ["begin infer", "end infer 3", "begin nms", "end nms 3"]
        );
        let outcome = work.outcome().expect("plausible");
        assert_eq!(outcome.quality["distinct_outputs"], 1.0);
        assert_eq!(work.info().output_phase, INFER);
        assert_eq!(work.info().unit, "image");
    }

    #[expect(clippy::cast_precision_loss, reason = "two passes")]
    #[test]
    fn outputs_that_change_are_counted_and_degenerate_ones_refused() {
        let mut work = seeing(|passes| vec![0.5, passes as f32]).expect("plausible");
        work.iterate(&mut Log::default()).expect("counts");
        let outcome = work.outcome().expect("plausible");
        assert_eq!(outcome.quality["distinct_outputs"], 2.0);
        for bad in [
            (|_| vec![]) as fn(usize) -> Vec<f32>,
            |_| vec![1.0; 4],
            |_| vec![f32::NAN, 1.0],
        ] {
            let message = seeing(bad).err().expect("refused").to_string();
            assert!(
                message.contains("scores of the first pass are"),
                "{message}"
            );
        }
    }

    #[test]
    fn the_choice_of_a_row_is_its_largest_value() {
        let output = Output {
            name: "logits",
            shape: vec![2, 3],
            values: vec![0.0, 2.0, 1.0, 5.0, 4.0, 3.0],
        };
        assert_eq!(output.choices(), [1, 0]);
    }
}
