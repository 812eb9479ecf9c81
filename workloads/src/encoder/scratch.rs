//! Memory of a pass, all of it allocated and filled with the inputs before the first.

use candle_core::{DType, Device, Result, Tensor};

use super::config::Config;
use super::inputs::Inputs;
use crate::job::word::Head;

/// Inputs on the device, and everything that a pass writes.
pub struct Scratch {
    /// Token of each row, u32 `[batch · length]`.
    pub(super) tokens: Tensor,
    /// Row of the table of positions and segments for each row, u32 `[batch · length]`.
    pub(super) places: Tensor,
    /// Tokens of each sequence, u32 `[batch]`, where some are padding.
    pub(super) lengths: Option<Tensor>,
    /// Rows that the head reads, u32 `[selected]`.
    pub(super) selected: Tensor,
    /// The stream of the blocks, `[batch · length, hidden]`, as the next two.
    pub(super) stream: Tensor,
    /// What a half of a block adds to it.
    pub(super) delta: Tensor,
    pub(super) attended: Tensor,
    /// `[batch, length, 3 · hidden]`.
    pub(super) qkv: Tensor,
    /// `[batch · length, inner]`.
    pub(super) inner: Tensor,
    pub(super) head: HeadScratch,
}

/// What the head writes.
pub(super) struct HeadScratch {
    /// Rows before and after the square matrix, `[selected, hidden]`.
    pub(super) before: Tensor,
    pub(super) after: Tensor,
    /// `[selected, classes]` or `[selected, vocabulary]`.
    pub(super) logits: Tensor,
    /// The largest of each, u32 `[selected]`.
    pub(super) choice: Tensor,
}

impl Scratch {
    /// Room for passes over these inputs.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        config: &Config,
        head: Head,
        inputs: &Inputs,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let (batch, length, hidden) = (inputs.batch(), inputs.length(), config.hidden_size);
        let rows = batch * length;
        let ids = |ids: Vec<u32>| {
            let count = ids.len();
            Tensor::from_vec(ids, count, device)
        };
        let wide = |rows: usize, columns: usize| Tensor::zeros((rows, columns), dtype, device);
        let selected = inputs.selected(head);
        let choices = selected.len();
        Ok(Self {
            tokens: ids(inputs.tokens().to_vec())?,
            places: ids(places(config, inputs))?,
            lengths: inputs
                .is_padded()
                .then(|| ids(inputs.lengths().to_vec()))
                .transpose()?,
            selected: ids(selected)?,
            stream: wide(rows, hidden)?,
            delta: wide(rows, hidden)?,
            attended: wide(rows, hidden)?,
            qkv: Tensor::zeros((batch, length, 3 * hidden), dtype, device)?,
            inner: wide(rows, config.inner_size)?,
            head: HeadScratch {
                before: wide(choices, hidden)?,
                after: wide(choices, hidden)?,
                logits: wide(choices, outputs(config, head))?,
                choice: Tensor::zeros(choices, DType::U32, device)?,
            },
        })
    }

    /// Bytes of a scratch with so many rows, of which the head reads so many; ids are far fewer.
    pub fn bytes(config: &Config, head: Head, rows: usize, selected: usize, dtype: DType) -> u64 {
        let row = 6 * config.hidden_size + config.inner_size;
        let choice = 2 * config.hidden_size + outputs(config, head);
        ((rows * row + selected * choice) * dtype.size_in_bytes()) as u64
    }
}

/// Scores that a head gives for each of its rows.
const fn outputs(config: &Config, head: Head) -> usize {
    match head {
        Head::Classification => config.classes,
        Head::MaskedLm => config.vocab_size,
    }
}

/// Row of the joint table of segments and positions for each token.
fn places(config: &Config, inputs: &Inputs) -> Vec<u32> {
    let positions = u32::try_from(config.positions).expect("a model has fewer than 2^32 positions");
    inputs
        .positions(config)
        .into_iter()
        .zip(inputs.segments())
        .map(|(position, segment)| segment * positions + position)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::config::Family;

    /// What is promised before is what is allocated afterwards.
    #[test]
    fn bytes_are_those_of_the_tensors() {
        let config = Config::tiny(Family::Bert);
        for head in [Head::Classification, Head::MaskedLm] {
            let inputs = Inputs::seeded(&config, head, 1, [3, 24]).expect("fits");
            let scratch =
                Scratch::new(&config, head, &inputs, DType::F16, &Device::Cpu).expect("fits");
            let tensors = [
                &scratch.stream,
                &scratch.delta,
                &scratch.attended,
                &scratch.qkv,
                &scratch.inner,
                &scratch.head.before,
                &scratch.head.after,
                &scratch.head.logits,
            ];
            let bytes: usize = tensors.iter().map(|tensor| 2 * tensor.elem_count()).sum();
            let selected = inputs.selected(head).len();
            let promised = Scratch::bytes(&config, head, 72, selected, DType::F16);
            assert_eq!(promised, bytes as u64, "{head:?}");
        }
    }
}
