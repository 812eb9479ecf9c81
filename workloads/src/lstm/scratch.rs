//! Memory of a pass, all of it allocated before the first.

use candle_core::{DType, Device, Result, Tensor};

use super::config::Config;
use crate::job::task::Sequences;

/// Values that words are padded to: rows that begin at multiples of 16 bytes in every format.
const ALIGNED: usize = 8;

/// Width of a word in the fast composition: zeros follow it, so that every row is aligned.
pub(super) const fn padded(width: usize) -> usize {
    width.next_multiple_of(ALIGNED)
}

/// Everything that a pass writes.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// `[batch · words, padded width]`.
    pub(super) embedded: Tensor,
    /// What the gates get from the words, `[batch, words, 4 · cells]`.
    pub(super) gates: Tensor,
    /// `[batch]`.
    pub(super) scores: Tensor,
}

impl Scratch {
    /// Room for a batch.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        config: &Config,
        Sequences { batch, tokens }: Sequences,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        Ok(Self {
            embedded: Tensor::zeros((batch * tokens, padded(config.width)), dtype, device)?,
            gates: Tensor::zeros((batch, tokens, config.gates()), dtype, device)?,
            scores: Tensor::zeros(batch, dtype, device)?,
        })
    }

    /// Bytes of a scratch, with the words that it is made for.
    pub fn bytes(config: &Config, Sequences { batch, tokens }: Sequences, dtype: DType) -> u64 {
        let rows = batch * tokens;
        let values = rows * (padded(config.width) + config.gates()) + batch;
        (values * dtype.size_in_bytes() + 4 * rows) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is promised before is what is allocated afterwards.
    #[test]
    fn bytes_are_those_of_the_tensors() {
        let config = Config::named("lstm-sentiment").expect("a name of this worker");
        let sequences = Sequences {
            batch: 3,
            tokens: 7,
        };
        let made = Scratch::new(&config, sequences, DType::F16, &Device::Cpu).expect("fits");
        let values = [&made.embedded, &made.gates, &made.scores].map(Tensor::elem_count);
        let expected = 2 * values.iter().sum::<usize>() + 4 * 21;
        assert_eq!(
            Scratch::bytes(&config, sequences, DType::F16),
            expected as u64
        );
    }
}
