//! Drawings of every sampler, judged by the networks that see.

use std::collections::BTreeMap;

use candle_core::Device;
use candle_nn::VarBuilder;

use super::FORMATS;
use super::record::{Beside, Cell};
use crate::Error;
use crate::job::word::{Scheduler, Word};
use crate::shapes::batch::pictures;
use crate::shapes::caption::Caption;
use crate::shapes::compose::Prepared;
use crate::shapes::denoiser::GUIDANCE;
use crate::shapes::draw::{Easel, Manner};
use crate::shapes::judges::{Judgement, Judges};
use crate::shapes::networks::Network;
use crate::shapes::raster::Picture;
use crate::weights::Places;

/// Drawings of a cell; a third of the captions, each once.
const DRAWN: usize = Caption::COUNT / 3;

/// Pictures that are drawn together.
const BATCH: usize = 24;

/// Seed of the noise.
const SEED: u64 = 1;

/// Steps of the study.
pub(super) const STEPS: [usize; 5] = [1, 4, 10, 20, 50];

/// Cells in f32: every sampler with every number of steps but the most, which two samplers take.
/// In fewer bits: both of these with steps that people take.
fn cells() -> Vec<(Scheduler, usize, usize)> {
    let mut cells = Vec::new();
    for scheduler in Scheduler::ALL {
        for steps in STEPS {
            let long = matches!(scheduler, Scheduler::Ddim | Scheduler::DpmPp2m);
            if steps < 50 || long {
                cells.push((*scheduler, steps, 0));
            }
        }
    }
    for format in 1..FORMATS.len() {
        cells.push((Scheduler::Ddim, 20, format));
        cells.push((Scheduler::DpmPp2m, 10, format));
    }
    cells
}

/// Drawings that are shown: those in f32, by sampler and number of steps.
pub(super) type Shown = BTreeMap<(String, usize), Vec<Picture>>;

/// Draws and judges all cells.
pub(super) fn study(
    places: &Places,
    observe: &mut dyn FnMut(&str),
) -> Result<(Vec<Cell>, Shown), Error> {
    let judges = Judges::new(places, Caption::spread(DRAWN))?;
    let mut references: BTreeMap<(&str, usize), Judgement> = BTreeMap::new();
    let (mut found_cells, mut shown) = (Vec::new(), Shown::new());
    for (scheduler, steps, format) in cells() {
        let (name, dtype) = FORMATS[format];
        let model = Network::Denoiser.model();
        observe(&format!(
            "{model}, {} in {steps} steps, {name}",
            scheduler.word()
        ));
        let (weights, _) = Network::Denoiser.trained(places, dtype, &Device::Cpu)?;
        let drawn = draw(weights, scheduler, steps, judges.captions())?;
        let found = judges.judge(&drawn)?;
        let key = (scheduler.word(), steps);
        let mut cell = Cell {
            scheduler: scheduler.word().into(),
            steps,
            variant: name.into(),
            distance: judges.distance(&found)?,
            caption_accuracy: judges.caption_accuracy(&found)?,
            caption_fit: judges.caption_fit(&found)?,
            right: found
                .right
                .iter()
                .map(|right| if *right { '1' } else { '0' })
                .collect(),
            beside_f32: BTreeMap::new(),
            distance_beside_f32: None,
        };
        if format == 0 {
            references.insert(key, found);
            shown.insert((scheduler.word().to_owned(), steps), drawn);
        } else if let Some(reference) = references.get(&key) {
            let accuracy = judges.accuracy_beside(&found, reference)?;
            let fit = judges.fit_beside(&found, reference)?;
            let of_reference = judges.caption_accuracy(reference)?.value;
            let put = |name: &str, beside| (name.to_owned(), beside);
            cell.beside_f32 = BTreeMap::from([
                put("caption_accuracy", Beside::new(accuracy, of_reference)),
                put(
                    "caption_fit",
                    Beside::new(fit, judges.caption_fit(reference)?.score),
                ),
            ]);
            cell.distance_beside_f32 = Some(judges.distance_beside(&found, reference)?);
        }
        found_cells.push(cell);
    }
    Ok((found_cells, shown))
}

/// Pictures of captions.
pub(super) fn draw(
    weights: VarBuilder<'static>,
    scheduler: Scheduler,
    steps: usize,
    captions: &[Caption],
) -> Result<Vec<Picture>, Error> {
    let dtype = weights.dtype();
    let mut compose = Prepared::new(weights);
    let mut drawn = Vec::new();
    for (index, captions) in captions.chunks(BATCH).enumerate() {
        let manner = Manner {
            scheduler,
            steps,
            guidance: GUIDANCE,
            seed: SEED,
            first: index * BATCH,
        };
        let mut easel = Easel::new(manner, captions, dtype, &Device::Cpu)?;
        easel.draw(&mut compose)?;
        drawn.extend(pictures(easel.drawn())?);
    }
    Ok(drawn)
}
