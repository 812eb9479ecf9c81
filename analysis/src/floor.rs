//! The least time that the hardware allows for the work of a point, as a share of the time taken.
//!
//! The counts and the roofline are those of [`model::cost`]; here is what boards reach. The
//! ceilings are what the best dense kernel and the best copy reached on such a board, not the
//! figures of its data sheet. A pipe that nobody measured has no ceiling, and work on it no floor.

use model::cost::floor::Ceilings;
use model::cost::{PerPipe, Pipe, workload};
use model::point::Point;
use model::units::Seconds;

/// One H200 SXM, as measured on such a board: 790 TFLOP/s in bf16 products, 4.3 TB/s. Two pipes are
/// exceptions, with rates that nothing can exceed: FP32 outside tensor cores (132 multiprocessors of
/// 128 lanes, a multiply-add each at 1,980 MHz), which never bounds 16-bit work, and TF32 (1,024
/// multiply-adds each, half the rate of 16-bit products).
pub fn h200() -> Ceilings {
    Ceilings {
        operations_per_s: PerPipe::only(Pipe::Fp16Tensor, 790e12)
            .with(Pipe::Fp32, 66.9e12)
            .with(Pipe::Tf32Tensor, 535e12),
        bytes_per_s: 4.3e12,
    }
}

/// Share of the floor that an iteration reached: 1 at the floor, 0.5 at twice its time. `None`
/// where the work of the point cannot be counted, or the board has no ceiling for it.
pub fn floor_share(point: &Point, device: &str, iteration: Seconds) -> Option<f64> {
    let phases = workload::phases(point).ok()?;
    let floor = ceilings(device)?.floor_of_all(&phases)?;
    (iteration.get() > 0.0).then(|| floor / iteration)
}

/// Least time of one phase of a point, by its name: of a `decode`, all steps. `None` where the work
/// cannot be counted, the model has no such phase, or the board has no ceiling for it.
pub fn phase_floor(point: &Point, device: &str, phase: &str) -> Option<Seconds> {
    let phases = workload::iteration(point).ok()?;
    let phase = phases.iter().find(|found| found.name == phase)?;
    ceilings(device)?.floor(phase)
}

fn ceilings(device: &str) -> Option<Ceilings> {
    (device == "NVIDIA H200").then(h200)
}

#[cfg(test)]
mod tests {
    use model::axis::{Axis, AxisValue};

    use super::*;
    use crate::synthetic::llama_point;

    fn assert_close(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 2e-3,
            "{found}, expected {expected}"
        );
    }

    /// Least time of an iteration of LLaMA-7B in bf16.
    fn floor_s(prompt_tokens: u64, decode_tokens: u64) -> f64 {
        let point = llama_point("candle", 1, prompt_tokens)
            .with(Axis::DecodeTokens, AxisValue::Integer(decode_tokens));
        floor_share(&point, "NVIDIA H200", Seconds::new(1.0)).expect("a known board")
    }

    #[test]
    fn decode_at_batch_one_is_bound_by_memory_and_long_prefill_by_arithmetic() {
        let step_s = floor_s(512, 2) - floor_s(512, 1);
        assert_close(step_s, (13.214e9 + 0.268_4e9) / 4.3e12);
        let step_s = floor_s(2048, 2) - floor_s(2048, 1);
        assert_close(floor_s(2048, 1) - step_s, 27.6e12 / 790e12);
    }

    #[test]
    fn a_phase_alone_has_its_own_floor() {
        let point = llama_point("candle", 8, 512);
        let of = |point: &Point| floor_share(point, "NVIDIA H200", Seconds::new(1.0));
        let alone = |phase: &str| {
            let point = point.clone();
            of(&point.with(Axis::Phase, AxisValue::Text(phase.into()))).expect("a known phase")
        };
        let whole = of(&point).expect("a known board");
        assert_close(alone("prefill") + alone("decode"), whole);
        assert!(alone("prefill") < whole);
    }

    #[test]
    fn phases_of_every_kind_of_model_have_floors() {
        let of = |model: &str, phase: &str| {
            let point =
                llama_point("candle", 1, 128).with(Axis::Model, AxisValue::Text(model.into()));
            phase_floor(&point, "NVIDIA H200", phase).map(Seconds::get)
        };
        let [prefill, decode] = ["prefill", "decode"].map(|phase| of("llama-7b", phase));
        let whole = floor_s(128, 128);
        assert_close(prefill.unwrap() + decode.unwrap(), whole);
        assert_eq!(of("llama-7b", "infer"), None);
        // An encoder has no tokens to decode; a point that asks for them is none of its.
        assert_eq!(of("bert-large", "infer"), None);
        let bert: Point = llama_point("candle", 1, 128)
            .iter()
            .filter(|(axis, _)| *axis != Axis::DecodeTokens)
            .map(|(axis, value)| (axis, value.clone()))
            .collect();
        let bert = bert.with(Axis::Model, AxisValue::Text("bert-large".into()));
        let floor = phase_floor(&bert, "NVIDIA H200", "infer").unwrap().get();
        // 0.67 GB of weights at 4.3 TB/s, or a little more in the passes that arithmetic bounds.
        assert!((0.12e-3..0.20e-3).contains(&floor), "{floor}");
    }

    #[test]
    fn unknown_boards_formats_and_models_have_no_floor() {
        let point = llama_point("candle", 1, 512);
        let share = |device| floor_share(&point, device, Seconds::new(1.0));
        assert!(share("NVIDIA H200").is_some_and(|share| (0.3..0.5).contains(&share)));
        assert_eq!(share("NVIDIA A100"), None);
        let with = |axis, word: &str| {
            let point = point.clone().with(axis, AxisValue::Text(word.into()));
            floor_share(&point, "NVIDIA H200", Seconds::new(1.0))
        };
        assert_eq!(with(Axis::Precision, "fp8"), None);
        let (single, tf32) = (with(Axis::Precision, "f32"), with(Axis::Precision, "tf32"));
        assert!(tf32 < single && tf32.is_some());
        assert_eq!(with(Axis::Model, "llama-9t"), None);
        let (dense, narrow) = (share("NVIDIA H200"), with(Axis::Quantisation, "q4_k"));
        assert!(narrow < dense && narrow.is_some());
    }
}
