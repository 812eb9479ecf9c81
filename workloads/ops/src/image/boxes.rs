//! The choice among boxes: the best scores, and of boxes that overlap the best one (non-maximum
//! suppression). On the device, so that a detector needs no copy to the host within a pass, and on
//! the host, to compare both.
//!
//! Floor: one read of the scores; one read of the boxes for each of them is from the cache.

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Maybe, Number, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name};
use crate::plain;

/// Keys that a block sorts at once.
const SORTED: usize = 2 * MOST_RANKED;

/// Boxes whose overlaps with one are the bits of a word.
const WORD: usize = 64;

/// In place of the number of a box where there is none.
pub const NO_BOX: u32 = u32::MAX;

/// Boxes that can be ranked and compared with each other.
pub const MOST_RANKED: usize = 4096;

/// When a box gives way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suppression {
    /// Boxes whose shared area, by their common area, is above this give way to the better one.
    pub iou_threshold: f32,
    /// Boxes whose score is not above this do not take part.
    pub least_score: f32,
}

/// Working memory of [`top_k`] and [`nms`].
#[derive(Clone, Debug)]
pub struct BoxScratch {
    batch: usize,
    boxes: usize,
    ranked: usize,
    /// Keys of two rounds, one after the other.
    keys: [Tensor; 2],
    /// For each ranked box of each picture, which of the others overlap it.
    mask: Tensor,
}

impl BoxScratch {
    /// For `batch` pictures of up to `boxes` scores each, of which up to `ranked` are ranked.
    ///
    /// # Errors
    /// More are to be ranked than can be, or the memory is short.
    pub fn new(batch: usize, boxes: usize, ranked: usize, device: &Device) -> Result<Self> {
        if ranked == 0 || ranked > MOST_RANKED {
            bail!("top_k: {ranked} boxes are to be ranked, expected 1 to {MOST_RANKED}");
        }
        let keys = |count: usize| Tensor::zeros(batch * count, DType::I64, device);
        let first = blocks(boxes) * ranked;
        Ok(Self {
            batch,
            boxes,
            ranked,
            keys: [keys(first)?, keys(blocks(first) * ranked)?],
            mask: keys(ranked * ranked.div_ceil(WORD))?,
        })
    }

    fn check(&self, op: &str, batch: usize, boxes: usize, ranked: usize) -> Result<()> {
        if batch > self.batch || boxes > self.boxes || ranked > self.ranked {
            bail!(
                "{op}: {batch} pictures with {boxes} boxes of which {ranked} are ranked, but the \
                 scratch is for {}, {} and {}",
                self.batch,
                self.boxes,
                self.ranked
            );
        }
        Ok(())
    }
}

/// The numbers of the largest scores of each picture, best first, equal ones by number: scores
/// `[b, n]`, `order` `[b, k]` in u32. Where there are fewer than `k` scores, the rest is [`NO_BOX`].
///
/// # Errors
/// Shapes or formats differ, more than [`MOST_RANKED`] are asked for, or the device failed.
pub fn top_k(scores: &Tensor, scratch: &BoxScratch, order: &Tensor) -> Result<()> {
    const OP: &str = "top_k";
    let (batch, boxes) = scores.dims2()?;
    let ranked = order.elem_count() / batch.max(1);
    floating(OP, scores.dtype())?;
    operand(OP, "scores", scores).contiguous()?;
    operand(OP, "order", order).is((batch, ranked), DType::U32)?;
    scratch.check(OP, batch, boxes, ranked)?;
    if let Some(gpu) = Gpu::of(order) {
        return rank(gpu, scores, scratch, order);
    }
    let scores: Vec<Vec<f32>> = scores.to_dtype(DType::F32)?.to_vec2()?;
    let mut found = Vec::with_capacity(batch * ranked);
    for scores in &scores {
        let mut best = plain::image::ranked(scores, ranked);
        best.resize(ranked, NO_BOX);
        found.append(&mut best);
    }
    write(
        order,
        &Tensor::from_vec(found, (batch, ranked), &Device::Cpu)?.to_device(order.device())?,
    )
}

/// Blocks that sort so many keys.
const fn blocks(keys: usize) -> usize {
    let blocks = keys.div_ceil(SORTED);
    if blocks == 0 { 1 } else { blocks }
}

/// Each block keeps the best of what it sorts, until one block is left.
fn rank(gpu: Gpu<'_>, scores: &Tensor, scratch: &BoxScratch, order: &Tensor) -> Result<()> {
    let (batch, mut count) = scores.dims2()?;
    let ranked = order.dim(1)?;
    let mut name = kernel_name("rank_scores", scores.dtype(), true)?;
    let mut from = scores;
    let [mut to, mut next] = [&scratch.keys[0], &scratch.keys[1]];
    loop {
        let blocks = blocks(count);
        let size = count.next_power_of_two().clamp(WORD, SORTED);
        let kernel = Kernel::new("nms", &name)
            .grid([blocks, batch, 1])
            .threads((size / 2).min(1024))
            .shared(size * size_of::<u64>());
        let operands = [
            Read(from),
            Write(to),
            Count(count),
            Count(ranked),
            Count(size),
        ];
        gpu.launch(&kernel, &operands)?;
        if blocks == 1 {
            let kernel = Kernel::one_thread_each("nms", "order_of_keys", batch * ranked);
            let operands = [Read(to), Write(order), Count(batch * ranked)];
            return gpu.launch(&kernel, &operands);
        }
        (from, count) = (to, blocks * ranked);
        (to, next) = (next, to);
        name = "rank_keys".into();
    }
}

/// Which boxes overlap, then who gives way.
fn suppress(
    gpu: Gpu<'_>,
    candidates: &Candidates<'_>,
    suppression: Suppression,
    scratch: &BoxScratch,
    kept: &Tensor,
    counts: &Tensor,
) -> Result<()> {
    let Candidates {
        boxes,
        scores,
        groups,
        order,
    } = *candidates;
    let (batch, count) = scores.dims2()?;
    let (ranked, most) = (order.dim(1)?, kept.dim(1)?);
    let words = ranked.div_ceil(WORD);
    let kernel = Kernel::new("nms", "nms_mask")
        .grid([words, words, batch])
        .threads(WORD);
    let operands = [
        Read(boxes),
        Maybe(groups),
        Read(order),
        Write(&scratch.mask),
        Count(count),
        Count(ranked),
        Count(words),
        Number(suppression.iou_threshold),
    ];
    gpu.launch(&kernel, &operands)?;
    let name = kernel_name("nms_scan", scores.dtype(), true)?;
    let kernel = Kernel::new("nms", &name).grid([batch, 1, 1]).threads(WORD);
    let operands = [
        Read(scores),
        Read(order),
        Read(&scratch.mask),
        Write(kept),
        Write(counts),
        Count(count),
        Count(ranked),
        Count(words),
        Count(most),
        Number(suppression.least_score),
    ];
    gpu.launch(&kernel, &operands)
}

/// What boxes are chosen from.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// `[b, n, 4]` in f32: left, top, right, bottom.
    pub boxes: &'a Tensor,
    /// `[b, n]` in a floating format.
    pub scores: &'a Tensor,
    /// `[b, n]` in u32: boxes of different groups (categories) never give way to each other.
    pub groups: Option<&'a Tensor>,
    /// `[b, k]` from [`top_k`]: which take part, best first.
    pub order: &'a Tensor,
}

/// Non-maximum suppression as torchvision does it: from the best score down, a box is kept unless a
/// kept one of its group overlaps it by more than the threshold. `kept` (`[b, m]`, u32) gets the
/// numbers of the first `m` that are kept, best first, the rest [`NO_BOX`]; `counts` (`[b]`, u32) how
/// many there are.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn nms(
    candidates: &Candidates<'_>,
    suppression: &Suppression,
    scratch: &BoxScratch,
    kept: &Tensor,
    counts: &Tensor,
) -> Result<()> {
    const OP: &str = "nms";
    let Candidates {
        boxes,
        scores,
        groups,
        order,
    } = *candidates;
    let (batch, count) = scores.dims2()?;
    let (ranked, most) = (
        order.elem_count() / batch.max(1),
        kept.elem_count() / batch.max(1),
    );
    floating(OP, scores.dtype())?;
    operand(OP, "scores", scores).contiguous()?;
    operand(OP, "boxes", boxes).is((batch, count, 4), DType::F32)?;
    if let Some(groups) = groups {
        operand(OP, "groups", groups).is((batch, count), DType::U32)?;
    }
    operand(OP, "order", order).is((batch, ranked), DType::U32)?;
    operand(OP, "kept", kept).is((batch, most), DType::U32)?;
    operand(OP, "counts", counts).is(batch, DType::U32)?;
    scratch.check(OP, batch, count, ranked)?;
    if let Some(gpu) = Gpu::of(kept) {
        return suppress(gpu, candidates, *suppression, scratch, kept, counts);
    }
    let (mut all, mut numbers) = (Vec::with_capacity(batch * most), Vec::new());
    for picture in 0..batch {
        let corners: Vec<f32> = boxes.get(picture)?.flatten_all()?.to_vec1()?;
        let (corners, _) = corners.as_chunks::<4>();
        let scores: Vec<f32> = scores.get(picture)?.to_dtype(DType::F32)?.to_vec1()?;
        let groups: Option<Vec<u32>> = match groups {
            Some(groups) => Some(groups.get(picture)?.to_vec1()?),
            None => None,
        };
        let order: Vec<u32> = order.get(picture)?.to_vec1()?;
        let order = order.iter().filter(|number| **number != NO_BOX).copied();
        let mut chosen = plain::image::suppressed(
            corners,
            &scores,
            groups.as_deref(),
            order,
            suppression,
            most,
        );
        numbers.push(u32::try_from(chosen.len())?);
        chosen.resize(most, NO_BOX);
        all.append(&mut chosen);
    }
    let device = kept.device();
    write(
        kept,
        &Tensor::from_vec(all, (batch, most), &Device::Cpu)?.to_device(device)?,
    )?;
    write(
        counts,
        &Tensor::from_vec(numbers, batch, &Device::Cpu)?.to_device(device)?,
    )
}

/// Non-maximum suppression of one picture on the host, of all boxes: the numbers of those that are
/// kept, best first, at most `most`.
///
/// # Errors
/// There is not one score, and one group, for each box.
pub fn nms_host(
    boxes: &[[f32; 4]],
    scores: &[f32],
    groups: Option<&[u32]>,
    suppression: &Suppression,
    most: usize,
) -> Result<Vec<u32>> {
    if scores.len() != boxes.len() || groups.is_some_and(|groups| groups.len() != boxes.len()) {
        bail!(
            "nms: {} boxes with {} scores and {:?} groups",
            boxes.len(),
            scores.len(),
            groups.map(<[u32]>::len)
        );
    }
    let order = plain::image::ranked(scores, boxes.len());
    let order = order.into_iter();
    Ok(plain::image::suppressed(
        boxes,
        scores,
        groups,
        order,
        suppression,
        most,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUPPRESSION: Suppression = Suppression {
        iou_threshold: 0.5,
        least_score: 0.1,
    };

    #[test]
    fn each_picture_is_ranked_and_chosen_from_by_itself() {
        let boxes = [
            [
                [0f32, 0.0, 10.0, 10.0],
                [1.0, 0.0, 11.0, 10.0],
                [20.0, 0.0, 30.0, 10.0],
            ],
            [
                [0.0, 0.0, 1.0, 1.0],
                [5.0, 5.0, 6.0, 6.0],
                [5.0, 5.0, 6.0, 6.0],
            ],
        ];
        let scores = [[0.5f32, 0.9, 0.2], [0.05, 0.3, 0.3]];
        let new = Tensor::new(&boxes, &Device::Cpu).unwrap();
        let own = Tensor::new(&scores, &Device::Cpu).unwrap();
        let scratch = BoxScratch::new(2, 3, 4, &Device::Cpu).unwrap();
        let u32s = |shape: (usize, usize)| Tensor::zeros(shape, DType::U32, &Device::Cpu).unwrap();
        let order = u32s((2, 4));
        top_k(&own, &scratch, &order).unwrap();
        assert_eq!(
            order.to_vec2::<u32>().unwrap(),
            [[1, 0, 2, NO_BOX], [1, 2, 0, NO_BOX]]
        );
        let (kept, counts) = (
            u32s((2, 3)),
            Tensor::zeros(2, DType::U32, &Device::Cpu).unwrap(),
        );
        let candidates = Candidates {
            boxes: &new,
            scores: &own,
            groups: None,
            order: &order,
        };
        nms(&candidates, &SUPPRESSION, &scratch, &kept, &counts).unwrap();
        assert_eq!(
            kept.to_vec2::<u32>().unwrap(),
            [[1, 2, NO_BOX], [1, NO_BOX, NO_BOX]]
        );
        assert_eq!(counts.to_vec1::<u32>().unwrap(), [2, 1]);
        for (picture, expected) in [vec![1, 2], vec![1]].iter().enumerate() {
            let found = nms_host(&boxes[picture], &scores[picture], None, &SUPPRESSION, 3);
            assert_eq!(&found.unwrap(), expected);
        }
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let message = BoxScratch::new(1, 10_000, 5000, &Device::Cpu)
            .unwrap_err()
            .to_string();
        assert!(message.contains("expected 1 to 4096"), "{message}");
        let scratch = BoxScratch::new(1, 4, 4, &Device::Cpu).unwrap();
        let scores = Tensor::zeros((1, 5), DType::F32, &Device::Cpu).unwrap();
        let order = Tensor::zeros((1, 4), DType::U32, &Device::Cpu).unwrap();
        let message = top_k(&scores, &scratch, &order).unwrap_err().to_string();
        assert!(
            message.contains("the scratch is for 1, 4 and 4"),
            "{message}"
        );
        assert!(nms_host(&[[0.0; 4]], &[], None, &SUPPRESSION, 1).is_err());
    }
}
