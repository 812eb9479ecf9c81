//! One run's worth of work, checked: what is left of a request once every doubt is removed.

use candle_core::DType;
use model::axis::Axis;
use model::mark::{PROTOCOL_VERSION, RunRequest};

use crate::Error;
use crate::llama::generate::Extent;

/// What to run, with which seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Name of the model, for example `llama-7b`.
    pub model: String,
    /// Number format of weights and activations.
    pub precision: DType,
    /// Sequences and their lengths.
    pub extent: Extent,
    /// Seed of the weights.
    pub weights_seed: u64,
    /// Seed of the inputs.
    pub input_seed: u64,
    /// How long to work before the first measured iteration, in seconds.
    pub warmup_s: f64,
}

impl Job {
    /// Reads a request of the harness.
    ///
    /// # Errors
    /// An axis is missing, has a value that this worker does not support, or does not belong to
    /// a language model.
    pub fn from_request(request: &RunRequest) -> Result<Self, Error> {
        if request.protocol != PROTOCOL_VERSION {
            return Err(Error::Request(format!(
                "the harness speaks protocol {}, this worker {PROTOCOL_VERSION}; install both from \
                 the same release",
                request.protocol
            )));
        }
        if !request.warmup_s.is_finite() || request.warmup_s < 0.0 {
            return Err(Error::Request(format!(
                "warmup_s is {}, expected 0 or more seconds",
                request.warmup_s
            )));
        }
        for axis in [Axis::ResolutionPx, Axis::Steps, Axis::Scheduler] {
            if request.point.get(axis).is_some() {
                return Err(Error::Request(format!(
                    "axis '{axis}' does not apply to a language model; remove it from [axes] of the plan"
                )));
            }
        }
        if request.point.get(Axis::Phase).is_some() {
            return Err(Error::Request(
                "axis 'phase' is set, this worker runs whole iterations; remove it from [axes] of the plan"
                    .to_owned(),
            ));
        }
        if request.point.get(Axis::Quantisation).is_some() {
            let format = request.text(Axis::Quantisation).map_err(Error::Request)?;
            if format != "none" {
                return Err(Error::Request(format!(
                    "axis 'quantisation' has the value '{format}', this worker supports: none"
                )));
            }
        }
        let count = |axis: Axis| -> Result<usize, Error> {
            let value = request.integer(axis).map_err(Error::Request)?;
            match usize::try_from(value) {
                Ok(value) if value > 0 => Ok(value),
                _ => Err(Error::Request(format!(
                    "axis '{axis}' has the value '{value}', expected 1 or more"
                ))),
            }
        };
        Ok(Self {
            model: request
                .text(Axis::Model)
                .map_err(Error::Request)?
                .to_owned(),
            precision: precision(request.text(Axis::Precision).map_err(Error::Request)?)?,
            extent: Extent {
                batch: count(Axis::Batch)?,
                prompt_tokens: count(Axis::PromptTokens)?,
                decode_tokens: count(Axis::DecodeTokens)?,
            },
            weights_seed: request.weights_seed,
            input_seed: request.input_seed,
            warmup_s: request.warmup_s,
        })
    }
}

/// Number formats that this worker computes in; plans accept more.
const PRECISIONS: [&str; 3] = ["f32", "f16", "bf16"];

/// The number format of this name.
///
/// # Errors
/// The name is not one of those that this worker computes in.
pub fn precision(name: &str) -> Result<DType, Error> {
    match name {
        "f32" => Ok(DType::F32),
        "f16" => Ok(DType::F16),
        "bf16" => Ok(DType::BF16),
        other => Err(Error::Request(format!(
            "axis 'precision' has the value '{other}', this worker supports: {}",
            PRECISIONS.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use model::axis::AxisValue;
    use model::point::Point;

    use super::*;

    fn request() -> RunRequest {
        let words = [(Axis::Model, "llama-tiny"), (Axis::Precision, "f32")];
        let counts = [
            (Axis::Batch, 2),
            (Axis::PromptTokens, 16),
            (Axis::DecodeTokens, 8),
        ];
        RunRequest {
            protocol: PROTOCOL_VERSION,
            run_id: "0123".into(),
            point: words
                .map(|(axis, word)| (axis, AxisValue::Text(word.into())))
                .into_iter()
                .chain(counts.map(|(axis, count)| (axis, AxisValue::Integer(count))))
                .collect(),
            weights_seed: 1,
            input_seed: 2,
            warmup_s: 0.5,
        }
    }

    fn refusal(change: impl FnOnce(&mut RunRequest)) -> String {
        let mut request = request();
        change(&mut request);
        Job::from_request(&request)
            .expect_err("the change makes it unusable")
            .to_string()
    }

    #[test]
    fn a_complete_request_becomes_a_job() {
        let job = Job::from_request(&request()).expect("complete");
        assert_eq!(
            job.extent,
            Extent {
                batch: 2,
                prompt_tokens: 16,
                decode_tokens: 8
            }
        );
        assert_eq!(job.precision, DType::F32);
    }

    #[test]
    fn every_refusal_names_what_is_wrong() {
        let with = |axis, value: AxisValue| {
            move |request: &mut RunRequest| request.point = request.point.clone().with(axis, value)
        };
        for (message, expected) in [
            (refusal(|request| request.protocol = 99), "protocol 99"),
            (
                refusal(|request| request.warmup_s = f64::NAN),
                "warmup_s is NaN",
            ),
            (
                refusal(|request| request.point = Point::default()),
                "axis '",
            ),
            (
                refusal(with(Axis::Batch, AxisValue::Integer(0))),
                "'batch' has the value '0'",
            ),
            (
                refusal(with(Axis::Batch, AxisValue::Text("x".into()))),
                "'batch'",
            ),
            (
                refusal(with(Axis::Precision, AxisValue::Text("f8".into()))),
                "f32, f16, bf16",
            ),
            (
                refusal(with(Axis::Quantisation, AxisValue::Text("q8_0".into()))),
                "supports: none",
            ),
            (
                refusal(with(Axis::Phase, AxisValue::Text("decode".into()))),
                "runs whole iterations",
            ),
            (
                refusal(with(Axis::Steps, AxisValue::Integer(4))),
                "'steps' does not apply",
            ),
        ] {
            assert!(message.contains(expected), "'{message}' lacks '{expected}'");
            assert_eq!(message.lines().count(), 1);
        }
    }
}
