//! The least time that the hardware allows for the work of a point.
//!
//! Roofline: each step takes at least `max(FLOP / peak, bytes / bandwidth)`. A prefill streams the
//! weights once and computes on every prompt token; a decode step streams the weights and the
//! keys and values of the whole context. The ceilings are what the best dense kernel and the best
//! copy reached on such a board, not the figures of its data sheet.

use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::units::Seconds;

/// What a board reaches at best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Dense bf16 matrix products, FLOP/s.
    pub flop_per_s: f64,
    /// Streaming reads of the memory, B/s.
    pub bytes_per_s: f64,
}

/// What a decoder-only transformer costs for each token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoderCost {
    /// Parameters; each takes one multiplication and one addition per token.
    pub parameters: f64,
    /// Parameters that every step streams; the embedding table is only looked up.
    pub streamed_parameters: f64,
    /// Bytes of a parameter.
    pub parameter_bytes: f64,
    /// Bytes of keys and values for each token of context of each sequence.
    pub kv_bytes_per_token: f64,
}

/// LLaMA-7B in a 16-bit format: 32 layers of width 4096.
pub const LLAMA_7B: DecoderCost = DecoderCost {
    parameters: 6.738e9,
    streamed_parameters: 6.607e9,
    parameter_bytes: 2.0,
    kv_bytes_per_token: 2.0 * 32.0 * 4096.0 * 2.0,
};

/// One H200 SXM, as measured on such a board.
pub const H200: Ceilings = Ceilings {
    flop_per_s: 790e12,
    bytes_per_s: 4.3e12,
};

impl DecoderCost {
    /// FLOP of this many tokens.
    pub fn flop(&self, tokens: f64) -> f64 {
        2.0 * self.parameters * tokens
    }

    /// Bytes that a step streams at this many tokens of context, summed over the sequences.
    pub fn bytes(&self, context_tokens: f64) -> f64 {
        self.streamed_parameters * self.parameter_bytes + self.kv_bytes_per_token * context_tokens
    }

    /// Least time of one iteration: a prefill and then one step for each decoded token.
    pub fn floor(&self, ceilings: Ceilings, work: DecoderWork) -> Seconds {
        let step_s = |tokens: f64, context: f64| {
            (self.flop(tokens) / ceilings.flop_per_s)
                .max(self.bytes(context) / ceilings.bytes_per_s)
        };
        let batch = f64::from(work.batch);
        let prompt = f64::from(work.prompt_tokens);
        let prefill_s = step_s(batch * prompt, 0.0);
        let decode_s: f64 = (0..work.decode_tokens)
            .map(|done| step_s(batch, batch * (prompt + f64::from(done))))
            .sum();
        Seconds::new(prefill_s + decode_s)
    }
}

/// The size of one iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderWork {
    /// Sequences.
    pub batch: u32,
    /// Prompt tokens of each sequence.
    pub prompt_tokens: u32,
    /// Decoded tokens of each sequence.
    pub decode_tokens: u32,
}

/// Share of the floor that an iteration reached: 1 at the floor, 0.5 at twice its time. `None`
/// where the model, its number format or the board has no figures here.
pub fn floor_share(point: &Point, device: &str, iteration: Seconds) -> Option<f64> {
    let floor = cost(point)?.floor(ceilings(device)?, work(point)?);
    (iteration.get() > 0.0).then(|| floor / iteration)
}

fn ceilings(device: &str) -> Option<Ceilings> {
    (device == "NVIDIA H200").then_some(H200)
}

fn cost(point: &Point) -> Option<DecoderCost> {
    let word = |axis| point.get(axis).and_then(AxisValue::as_text);
    let dense = word(Axis::Quantisation).is_none_or(|format| format == "none");
    match (word(Axis::Model)?, word(Axis::Precision)?) {
        ("llama-7b", "bf16" | "f16") if dense => Some(LLAMA_7B),
        _ => None,
    }
}

fn work(point: &Point) -> Option<DecoderWork> {
    let number = |axis| {
        let value = point.get(axis).and_then(AxisValue::as_integer)?;
        u32::try_from(value).ok()
    };
    Some(DecoderWork {
        batch: number(Axis::Batch)?,
        prompt_tokens: number(Axis::PromptTokens)?,
        decode_tokens: number(Axis::DecodeTokens)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 2e-3,
            "{found}, expected {expected}"
        );
    }

    #[test]
    fn the_figures_of_llama_7b() {
        assert_close(LLAMA_7B.bytes(0.0), 13.214e9);
        assert_close(LLAMA_7B.bytes(512.0) - LLAMA_7B.bytes(0.0), 0.268_4e9);
        assert_close(LLAMA_7B.flop(2048.0), 27.6e12);
    }

    #[test]
    fn decode_at_batch_one_is_bound_by_memory_and_long_prefill_by_arithmetic() {
        let decode = |decode_tokens| {
            let work = DecoderWork {
                batch: 1,
                prompt_tokens: 512,
                decode_tokens,
            };
            LLAMA_7B.floor(H200, work).get()
        };
        assert_close(decode(1) - decode(0), (13.214e9 + 0.268_4e9) / 4.3e12);
        let prefill = LLAMA_7B.floor(
            H200,
            DecoderWork {
                batch: 1,
                prompt_tokens: 2048,
                decode_tokens: 0,
            },
        );
        assert_close(prefill.get(), 27.6e12 / 790e12);
    }

    #[test]
    fn unknown_boards_and_formats_have_no_floor() {
        let point = crate::synthetic::llama_point("candle", 1, 512);
        let share = |device| floor_share(&point, device, Seconds::new(1.0));
        assert!(share("NVIDIA H200").is_some_and(|share| (0.3..0.5).contains(&share)));
        assert_eq!(share("NVIDIA A100"), None);
        let full = point.with(Axis::Precision, AxisValue::Text("f32".into()));
        assert_eq!(floor_share(&full, "NVIDIA H200", Seconds::new(1.0)), None);
    }
}
