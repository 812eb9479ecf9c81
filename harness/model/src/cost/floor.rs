//! The least time that a board allows for a phase.
//!
//! Roofline: a pass takes at least as long as its operations on the busiest pipe, and as its
//! compulsory memory traffic. Passes wait for each other, so their floors add up, and the floor
//! of a phase is more than that of its sums. One-sided: spilled activations, launches, the host
//! and operations on other pipes are given away.

use super::PerPipe;
use super::counts::Counts;
use super::kernel::count;
use super::phase::Phase;
use crate::units::Seconds;

/// What a board reaches at best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Operations per second of each pipe; zero where it is not known.
    pub operations_per_s: PerPipe,
    /// Streaming reads of the memory, B/s.
    pub bytes_per_s: f64,
}

impl Ceilings {
    /// Least time of a phase. `None` where it computes on a pipe without a ceiling.
    pub fn floor(&self, phase: &Phase) -> Option<Seconds> {
        let seconds = if phase.is_even() {
            self.pass_s(&phase.pass(0))? * count(phase.passes)
        } else {
            (0..phase.passes)
                .map(|index| self.pass_s(&phase.pass(index)))
                .sum::<Option<f64>>()?
        };
        Some(Seconds::new(seconds))
    }

    /// Least time of several phases, one after the other.
    pub fn floor_of_all(&self, phases: &[Phase]) -> Option<Seconds> {
        phases.iter().try_fold(Seconds::new(0.0), |sum, phase| {
            Some(sum + self.floor(phase)?)
        })
    }

    fn pass_s(&self, counts: &Counts) -> Option<f64> {
        let memory_s = counts.compulsory_bytes() / self.bytes_per_s;
        counts
            .cost
            .operations
            .iter()
            .filter(|(_, operations)| *operations > 0.0)
            .try_fold(memory_s, |floor_s, (pipe, operations)| {
                let ceiling = self.operations_per_s.get(pipe);
                (ceiling > 0.0).then(|| floor_s.max(operations / ceiling))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Pipe;
    use crate::cost::decoder::{Decoder, Lengths};
    use crate::cost::number_format::NumberFormat;

    const LENGTHS: Lengths = Lengths {
        batch: 1,
        prompt_tokens: 512,
        decode_tokens: 128,
    };

    fn h200() -> Ceilings {
        Ceilings {
            operations_per_s: PerPipe::only(Pipe::Fp16Tensor, 790e12).with(Pipe::Fp32, 66.9e12),
            bytes_per_s: 4.3e12,
        }
    }

    fn llama_7b(lengths: Lengths) -> [Phase; 2] {
        let format = NumberFormat::of("bf16", "none").expect("words of the vocabulary");
        Decoder::named("llama-7b")
            .expect("a model of the vocabulary")
            .phases(format, lengths)
    }

    fn assert_close(found: f64, expected: f64, relative: f64) {
        assert!(
            (found / expected - 1.0).abs() < relative,
            "{found}, expected {expected}"
        );
    }

    #[test]
    fn decode_at_batch_one_is_bound_by_memory_and_long_prefill_by_arithmetic() {
        let [_, decode] = llama_7b(Lengths {
            decode_tokens: 1,
            ..LENGTHS
        });
        let decode_s = h200().floor(&decode).unwrap().get();
        assert_close(decode_s, (13.214e9 + 0.268_4e9) / 4.3e12, 3e-3);
        let [prefill, _] = llama_7b(Lengths {
            prompt_tokens: 2048,
            ..LENGTHS
        });
        let prefill_s = h200().floor(&prefill).unwrap().get();
        assert_close(prefill_s, 27.6e12 / 790e12, 2e-3);
    }

    #[test]
    fn floors_of_steps_add_up_where_the_bound_changes_on_the_way() {
        // Many short contexts: the first steps wait for arithmetic, the last for the cache.
        let [_, decode] = llama_7b(Lengths {
            batch: 256,
            prompt_tokens: 1,
            decode_tokens: 80,
        });
        let by_steps = h200().floor(&decode).unwrap().get();
        let sum = decode.cost.dram_bytes / h200().bytes_per_s;
        let arithmetic = decode.matrix_operations / 790e12;
        assert!(by_steps > 1.01 * sum.max(arithmetic));
        assert!(by_steps < sum + arithmetic);
    }

    #[test]
    fn spilled_activations_and_slower_pipes_do_not_lift_the_floor() {
        let [prefill, _] = llama_7b(Lengths {
            batch: 64,
            prompt_tokens: 2048,
            decode_tokens: 1,
        });
        assert!(prefill.spilled_bytes > 0.0);
        let memory_only = Ceilings {
            operations_per_s: PerPipe::default()
                .with(Pipe::Fp16Tensor, f64::INFINITY)
                .with(Pipe::Fp32, f64::INFINITY),
            bytes_per_s: 1.0,
        };
        let floor_s = memory_only.floor(&prefill).unwrap().get();
        assert_close(
            floor_s,
            prefill.cost.dram_bytes - prefill.spilled_bytes,
            1e-12,
        );
    }

    #[test]
    fn a_pipe_without_a_ceiling_has_no_floor() {
        let tf32 = NumberFormat::of("tf32", "none").unwrap();
        let phases = Decoder::named("llama-7b").unwrap().phases(tf32, LENGTHS);
        assert_eq!(h200().floor_of_all(&phases), None);
        assert_eq!(h200().floor(&phases[0]), None);
    }

    /// Figures of the first release took two operations for each parameter and token, embedding
    /// included, and counted neither attention, nor the logits that a prefill spares, nor the
    /// keys and values that it writes.
    #[test]
    fn exact_counts_move_the_floors_of_the_first_release_by_little() {
        let rough = |lengths: Lengths| {
            let step_s = |tokens: f64, context: f64| {
                let bytes = 6.607e9 * 2.0 + 524_288.0 * context;
                (2.0 * 6.738e9 * tokens / 790e12).max(bytes / 4.3e12)
            };
            let [batch, prompt] = [lengths.batch, lengths.prompt_tokens].map(count);
            let decode_s: f64 = (0..lengths.decode_tokens)
                .map(|done| step_s(batch, batch * (prompt + count(done))))
                .sum();
            step_s(batch * prompt, 0.0) + decode_s
        };
        for (batch, prompt_tokens, ratio) in [
            (1, 512, 0.999_5),
            (1, 2048, 1.000_2),
            (8, 512, 0.996_5),
            (8, 2048, 1.000_5),
            (32, 512, 0.992_1),
            (32, 2048, 1.000_6),
        ] {
            let lengths = Lengths {
                batch,
                prompt_tokens,
                ..LENGTHS
            };
            let exact = h200().floor_of_all(&llama_7b(lengths)).unwrap().get();
            assert_close(exact / rough(lengths), ratio, 1e-4);
        }
    }
}
