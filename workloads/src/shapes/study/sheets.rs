//! Contact sheets of the study: what a person should see.

use std::path::Path;

use candle_core::{DType, Device};

use super::drawn::{STEPS, Shown, draw};
use super::seen::{bicubic, found_boxes, found_large, found_masks};
use crate::Error;
use crate::corpus::Part;
use crate::job::word::Scheduler;
use crate::shapes::batch::{Batch, Layout, SIDE, held_out};
use crate::shapes::caption::Caption;
use crate::shapes::networks::Network;
use crate::shapes::raster::{Picture, mask};
use crate::shapes::scene::{Colour, Kind, Place, SIDE_UNITS, Size};
use crate::shapes::sheet::Sheet;
use crate::shapes::upscaler;
use crate::weights::Places;

/// Pixels along a side of a cell.
const CELL: usize = 64;

/// Pictures in a row.
const COLUMNS: usize = 12;

/// The stream of the generator of held-out pictures.
const PURPOSE: u64 = 17;

/// Colours of background and kinds in masks and boxes.
const PALETTE: [[u8; 3]; 5] = [
    [20, 20, 20],
    [240, 90, 90],
    [90, 200, 250],
    [250, 220, 80],
    [150, 240, 130],
];

/// Writes all sheets into a folder.
pub(super) fn write(folder: &Path, places: &Places, shown: &Shown) -> Result<(), Error> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Error::file(folder, format!("cannot be made ({error})")))?;
    captioned(places)?.write(&folder.join("shapes-drawn.png"))?;
    steps(shown).write(&folder.join("shapes-drawn-steps.png"))?;
    boxes(places)?.write(&folder.join("shapes-boxes.png"))?;
    masks(places)?.write(&folder.join("shapes-masks.png"))?;
    enlarged(places)?.write(&folder.join("shapes-enlarged.png"))
}

/// A row for each size and kind, a column for each colour twice; places in turn.
fn captioned(places: &Places) -> Result<Sheet, Error> {
    let mut captions = Vec::new();
    for size in Size::ALL {
        for kind in Kind::ALL {
            for (index, colour) in Colour::ALL.iter().chain(&Colour::ALL).enumerate() {
                let place = Place::of_class((captions.len() / COLUMNS + index) % Place::COUNT);
                captions.push(Caption {
                    size,
                    colour: *colour,
                    kind,
                    place,
                });
            }
        }
    }
    let (weights, _) = Network::Denoiser.trained(places, DType::F32, &Device::Cpu)?;
    let drawn = draw(weights, Scheduler::DpmPp2m, 20, &captions)?;
    let mut sheet = Sheet::new(COLUMNS, captions.len() / COLUMNS, CELL);
    for (index, picture) in drawn.iter().enumerate() {
        sheet.put(index % COLUMNS, index / COLUMNS, picture);
    }
    Ok(sheet)
}

/// A row for each sampler and number of steps, the same captions and noise in each.
fn steps(shown: &Shown) -> Sheet {
    let rows: Vec<&Vec<Picture>> = ["ddim", "dpmpp_2m"]
        .into_iter()
        .flat_map(|scheduler| STEPS.map(|steps| (scheduler.to_owned(), steps)))
        .filter_map(|key| shown.get(&key))
        .collect();
    let mut sheet = Sheet::new(COLUMNS, rows.len(), CELL);
    for (row, pictures) in rows.iter().enumerate() {
        for (column, picture) in pictures.iter().take(COLUMNS).enumerate() {
            sheet.put(column, row, picture);
        }
    }
    sheet
}

/// Noisy pictures with the boxes that were found, and the same with the true ones.
fn boxes(places: &Places) -> Result<Sheet, Error> {
    let (mut rng, count) = (held_out(PURPOSE), 2 * COLUMNS);
    let batch = Batch::noisy(&mut rng, Part::HeldOut, Layout::Crowded, count);
    let (weights, _) = Network::Detector.trained(places, DType::F32, &Device::Cpu)?;
    let mut sheet = Sheet::new(COLUMNS, 4, 2 * CELL);
    for (index, found) in found_boxes(weights, &batch.pictures, 0.5)?
        .iter()
        .enumerate()
    {
        let (column, row) = (index % COLUMNS, index / COLUMNS * 2);
        sheet.put(column, row, &batch.pictures[index]);
        sheet.put(column, row + 1, &batch.pictures[index]);
        for found in found {
            sheet.outline(column, row, found.bounds, PALETTE[1 + found.kind]);
        }
        for shape in &batch.scenes[index].shapes {
            #[expect(clippy::cast_precision_loss, reason = "units are few")]
            let bounds = shape.bounds().map(|units| units as f32 / SIDE_UNITS as f32);
            sheet.outline(column, row + 1, bounds, PALETTE[1 + shape.kind as usize]);
        }
    }
    Ok(sheet)
}

/// Noisy pictures, the masks that were found, and the true ones.
fn masks(places: &Places) -> Result<Sheet, Error> {
    let mut rng = held_out(PURPOSE + 1);
    let batch = Batch::noisy(&mut rng, Part::HeldOut, Layout::Crowded, COLUMNS);
    let (weights, _) = Network::Segmenter.trained(places, DType::F32, &Device::Cpu)?;
    let found = found_masks(weights, &batch.pictures)?;
    let coloured = |classes: &[u8]| Picture {
        side: SIDE,
        rgb: classes
            .iter()
            .flat_map(|class| PALETTE[usize::from(*class)])
            .collect(),
    };
    let mut sheet = Sheet::new(COLUMNS, 3, CELL);
    for (column, found) in found.iter().enumerate() {
        sheet.put(column, 0, &batch.pictures[column]);
        sheet.put(column, 1, &coloured(found));
        sheet.put(column, 2, &coloured(&mask(&batch.scenes[column], SIDE)));
    }
    Ok(sheet)
}

/// Small pictures, enlarged by Pillow's bicubic and by the network, and the truth.
fn enlarged(places: &Places) -> Result<Sheet, Error> {
    let (mut rng, side) = (held_out(PURPOSE + 2), upscaler::FACTOR * SIDE);
    let batch = Batch::clean(&mut rng, Part::HeldOut, Layout::Crowded, side, COLUMNS);
    let small: Vec<Picture> = batch.pictures.iter().map(Picture::halved).collect();
    let (weights, _) = Network::Upscaler.trained(places, DType::F32, &Device::Cpu)?;
    let found = found_large(weights, &small)?;
    let mut sheet = Sheet::new(COLUMNS, 4, 2 * CELL);
    for (column, found) in found.iter().enumerate() {
        sheet.put(column, 0, &small[column]);
        sheet.put(column, 1, &bicubic(&small[column])?);
        sheet.put(column, 2, found);
        sheet.put(column, 3, &batch.pictures[column]);
    }
    Ok(sheet)
}
