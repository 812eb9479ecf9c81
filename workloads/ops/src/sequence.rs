//! Token sequences that grow on the device.

use candle_core::{DType, Result, Tensor, bail};

use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::contract::{operand, write};
use crate::cuda::Argument::{Count, Read, Write};
use crate::cuda::{Gpu, Kernel};

/// Writes `tokens` (u32 `[batch]`) to `sequences` (u32 `[batch, capacity]`) at the place after
/// `position` (u32 `[1]`), and moves `position` there.
///
/// On the CPU a place beyond the capacity is an error; on a GPU nothing is written there.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn append(tokens: &Tensor, position: &Tensor, sequences: &Tensor) -> Result<()> {
    const OP: &str = "append";
    let (batch, capacity) = sequences.dims2()?;
    operand(OP, "tokens", tokens).is(batch, DType::U32)?;
    operand(OP, "position", position).is(1, DType::U32)?;
    operand(OP, "sequences", sequences).is((batch, capacity), DType::U32)?;
    if let Some(gpu) = Gpu::of(sequences) {
        let operands = [
            Read(tokens),
            Write(position),
            Write(sequences),
            Count(batch),
            Count(capacity),
        ];
        return gpu.launch(&Kernel::new("sequence", OP).threads(64), &operands);
    }
    let place = position.to_vec1::<u32>()?[0] + 1;
    if place as usize >= capacity {
        bail!("{OP}: place {place} is beyond the capacity {capacity}");
    }
    sequences.slice_set(&tokens.reshape((batch, 1))?, 1, place as usize)?;
    write(position, &Tensor::new(&[place], position.device())?)
}

/// A batch of three at the place that follows the fourth.
pub(crate) fn cases() -> Vec<Case> {
    const BATCH: usize = 3;
    const CAPACITY: usize = 9;
    const POSITION: u32 = 4;
    let grown = |operands: &[Tensor]| -> Result<Vec<Tensor>> {
        let mut rows = operands[2].to_vec2::<u32>()?;
        for (row, token) in rows.iter_mut().zip(operands[0].to_vec1::<u32>()?) {
            row[POSITION as usize + 1] = token;
        }
        let device = operands[0].device();
        Ok(vec![
            Tensor::new(rows, device)?,
            Tensor::new(&[POSITION + 1], device)?,
        ])
    };
    vec![Case {
        op: "append",
        shape: format!("{BATCH}x{CAPACITY}"),
        dtype: DType::U32,
        purpose: Purpose::Check,
        tolerance: Tolerance::EXACT,
        work: Work::traffic(8 * BATCH as u64),
        inputs: Box::new(|draw| {
            Ok(vec![
                draw.ids(BATCH, 1000)?,
                Tensor::new(&[POSITION], &candle_core::Device::Cpu)?,
                draw.ids((BATCH, CAPACITY), 1000)?,
            ])
        }),
        bind: Box::new(|operands| {
            let [tokens, position, sequences] = operands else {
                bail!("three operands");
            };
            let (tokens, position, sequences) =
                (tokens.clone(), position.clone(), sequences.clone());
            Ok(Bound {
                outputs: vec![sequences.clone(), position.clone()],
                call: Box::new(move || append(&tokens, &position, &sequences)),
            })
        }),
        plain: Box::new(grown),
    }]
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn tokens_go_to_the_next_place_until_there_is_none() {
        let cpu = Device::Cpu;
        let tokens = Tensor::new(&[7u32, 9], &cpu).expect("fits");
        let position = Tensor::new(&[0u32], &cpu).expect("fits");
        let sequences = Tensor::zeros((2, 3), DType::U32, &cpu).expect("fits");
        append(&tokens, &position, &sequences).expect("place 1");
        append(&tokens, &position, &sequences).expect("place 2");
        assert_eq!(
            sequences.to_vec2::<u32>().expect("on the CPU"),
            [[0, 7, 7], [0, 9, 9]]
        );
        assert_eq!(position.to_vec1::<u32>().expect("on the CPU"), [2]);
        let message = append(&tokens, &position, &sequences)
            .expect_err("full")
            .to_string();
        assert!(
            message.contains("place 3 is beyond the capacity 3"),
            "{message}"
        );
    }
}
