//! `shapes-detector`: a grid of 8×8 cells, each of which says whether the middle of a shape is in
//! it, where its box ends, and what it is.

use candle_core::{Result, Tensor};

use super::compose::{Compose, Conv};
use super::scene::{Kind, SIDE_UNITS, Scene};

/// Cells along a side.
pub const CELLS: usize = 8;

/// Numbers of a cell: whether, box, kinds.
pub const NUMBERS: usize = 1 + 4 + Kind::ALL.len();

/// Units along a side of a cell.
const CELL_UNITS: i32 = SIDE_UNITS / 8;

/// The largest box, in cells.
const MOST_CELLS: f32 = 4.0;

/// A found box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Left, top, right and bottom, as parts of the side of the picture.
    pub bounds: [f32; 4],
    /// What it is.
    pub kind: usize,
    /// How sure: whether, times the share of the kind.
    pub score: f32,
}

/// Numbers `[batch, CELLS, CELLS, NUMBERS]` of pictures `[batch, 32, 32, 3]`.
///
/// # Errors
/// A tensor is missing or has another shape, or the device failed.
pub fn network(compose: &mut dyn Compose, pictures: &Tensor) -> Result<Tensor> {
    let x = compose.conv("conv1", pictures, Conv::new(3, 32).halving().relu())?;
    let x = compose.conv("conv2", &x, Conv::new(3, 32).relu())?;
    let x = compose.conv("conv3", &x, Conv::new(3, 64).halving().relu())?;
    let fine = compose.conv("conv4", &x, Conv::new(3, 64).relu())?;
    let x = compose.conv("conv5", &fine, Conv::new(3, 64).halving().relu())?;
    let x = compose.conv("conv6", &x, Conv::new(3, 64).relu())?;
    let x = compose.upsample(&x, 2)?;
    let x = compose.concat(&x, &fine)?;
    let x = compose.conv("conv7", &x, Conv::new(3, 64).relu())?;
    compose.conv("numbers", &x, Conv::new(1, NUMBERS))
}

/// What a cell should say of the shape whose middle is in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// The cell, row by row.
    pub cell: usize,
    /// Middle of the box in its cell, and its sides as parts of the largest: all from 0 to 1.
    pub numbers: [f32; 4],
    /// What it is.
    pub kind: usize,
}

/// What the cells of a scene should say; of two shapes in one cell, the one before.
pub fn wanted(scene: &Scene) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for shape in scene.shapes.iter().rev() {
        let [left, top, right, bottom] = shape.bounds();
        // Twice the middle, so that it is whole.
        let (x, y) = (left + right, top + bottom);
        let cell = |twice: i32| usize::try_from(twice / (2 * CELL_UNITS)).expect("inside");
        let cell = cell(y) * CELLS + cell(x);
        if wanted.iter().any(|other| other.cell == cell) {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "units are far fewer than 2^24")]
        let share = |units: i32, of: i32| units as f32 / of as f32;
        let side = |units: i32| share(units, CELL_UNITS) / MOST_CELLS;
        wanted.push(Wanted {
            cell,
            numbers: [
                share(x % (2 * CELL_UNITS), 2 * CELL_UNITS),
                share(y % (2 * CELL_UNITS), 2 * CELL_UNITS),
                side(right - left),
                side(bottom - top),
            ],
            kind: shape.kind as usize,
        });
    }
    wanted
}

/// The boxes of one picture, from its numbers cell by cell, the surest first. Of boxes of one kind
/// that share more than half of what both cover, the surest is kept.
pub fn boxes(numbers: &[f32], least_score: f32) -> Vec<Found> {
    let mut all: Vec<Found> = numbers
        .chunks(NUMBERS)
        .enumerate()
        .map(|(cell, numbers)| of_cell(cell, numbers))
        .filter(|found| found.score >= least_score)
        .collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for found in all {
        if kept
            .iter()
            .all(|other| other.kind != found.kind || shared(other, &found) <= 0.5)
        {
            kept.push(found);
        }
    }
    kept
}

fn of_cell(cell: usize, numbers: &[f32]) -> Found {
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    #[expect(clippy::cast_precision_loss, reason = "cells are few")]
    let (column, row, cells) = ((cell % CELLS) as f32, (cell / CELLS) as f32, CELLS as f32);
    let x = (column + sigmoid(numbers[1])) / cells;
    let y = (row + sigmoid(numbers[2])) / cells;
    let half = |number: f32| sigmoid(number) * MOST_CELLS / cells / 2.0;
    let (w, h) = (half(numbers[3]), half(numbers[4]));
    let kinds = &numbers[5..];
    let largest = kinds.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = kinds.iter().map(|score| (score - largest).exp()).sum();
    let kind = kinds
        .iter()
        .position(|score| *score >= largest)
        .unwrap_or(0);
    Found {
        bounds: [x - w, y - h, x + w, y + h],
        kind,
        score: sigmoid(numbers[0]) / sum,
    }
}

/// The part of what two boxes cover that both do.
fn shared(a: &Found, b: &Found) -> f32 {
    let (a, b) = (a.bounds, b.bounds);
    let side = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low])).max(0.0);
    let area = |b: [f32; 4]| (b[2] - b[0]) * (b[3] - b[1]);
    let both = side(0) * side(1);
    both / (area(a) + area(b) - both).max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Batch, Layout, SIDE, held_out};
    use super::*;
    use crate::corpus::Part;

    /// Numbers that say exactly what is wanted give the boxes of the scene.
    #[test]
    fn wanted_numbers_are_read_back_as_the_boxes_of_the_scene() {
        let batch = Batch::clean(&mut held_out(9), Part::HeldOut, Layout::Crowded, SIDE, 30);
        for scene in &batch.scenes {
            let mut numbers = vec![0f32; CELLS * CELLS * NUMBERS];
            numbers.chunks_mut(NUMBERS).for_each(|cell| cell[0] = -20.0);
            let wanted = wanted(scene);
            for one in &wanted {
                let cell = &mut numbers[one.cell * NUMBERS..][..NUMBERS];
                cell[0] = 20.0;
                for (number, share) in cell[1..5].iter_mut().zip(one.numbers) {
                    let share = share.clamp(1e-6, 1.0 - 1e-6);
                    *number = (share / (1.0 - share)).ln();
                }
                cell[5 + one.kind] = 30.0;
            }
            let found = boxes(&numbers, 0.5);
            assert_eq!(found.len(), wanted.len());
            for shape in &scene.shapes {
                let bounds = shape.bounds().map(|units| units as f32 / SIDE_UNITS as f32);
                let near = |found: &&Found| {
                    let apart = found.bounds.iter().zip(bounds).map(|(a, b)| (a - b).abs());
                    apart.fold(0.0, f32::max) < 1e-4 && found.kind == shape.kind as usize
                };
                assert!(found.iter().any(|f| near(&f)), "{shape:?}, {found:?}");
            }
        }
    }

    #[test]
    fn of_two_boxes_of_one_kind_in_one_place_the_surest_is_kept() {
        let mut numbers = vec![0f32; CELLS * CELLS * NUMBERS];
        numbers.chunks_mut(NUMBERS).for_each(|cell| cell[0] = -20.0);
        for (cell, sure) in [(9, 3.0), (10, 2.0)] {
            let cell = &mut numbers[cell * NUMBERS..][..NUMBERS];
            // At the edge between the cells, so nearly the same box.
            cell[0] = sure;
            cell[1] = if sure > 2.5 { 4.0 } else { -4.0 };
            cell[6] = 9.0;
        }
        let found = boxes(&numbers, 0.3);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, 1);
        assert!(found[0].score > 0.94);
    }
}
