//! Drawing as a workload.

use std::collections::BTreeMap;

use candle_core::DType;
use model::mark::WorkerInfo;
use model::run::hex;
use sha2::{Digest, Sha256};

use super::draw::Drawer;
use crate::Error;
use crate::family::Metric;
use crate::weights::Weights;
use crate::workload::{Observer, Outcome, Workload, info};

/// Phase that encodes captions, counted in pictures.
pub const TEXT_ENCODE: &str = "text_encode";
/// Phase of all steps, counted in steps of pictures.
pub const DENOISE: &str = "denoise";
/// Phase that makes pictures of latents, counted in pictures.
pub const VAE_DECODE: &str = "vae_decode";

/// Metrics of every drawing.
pub const METRICS: [Metric; 1] = [Metric {
    name: "distinct_outputs",
    meaning: "how many different outputs the first and the last pass gave; 1 where the engine repeats itself",
}];

/// A drawer that is measured.
pub struct Drawing {
    drawer: Drawer,
    batch: usize,
    info: WorkerInfo,
    /// Digest of the first pictures, before the warm-up.
    first: String,
    drawn: bool,
}

impl Drawing {
    /// The workload of a drawer.
    ///
    /// # Errors
    /// The pictures of a first pass are those of no working model.
    pub fn new(drawer: Drawer, weights: &Weights) -> Result<Self, Error> {
        drawer.encode()?;
        drawer.denoise()?;
        drawer.decode()?;
        let pictures = pictures(&drawer)?;
        Ok(Self {
            batch: drawer.pictures().dim(0)?,
            info: info(drawer.device(), weights, VAE_DECODE, "image"),
            first: digest(&pictures),
            drawer,
            drawn: false,
        })
    }
}

/// The pictures of the last pass, each pixel's red, green and blue as bytes.
///
/// # Errors
/// They are not finite, or of one colour: no working model draws such, and energy measured on them
/// would mislead.
pub fn pictures(drawer: &Drawer) -> Result<Vec<u8>, Error> {
    let values: Vec<f32> = drawer
        .pictures()
        .flatten_all()?
        .to_dtype(DType::F32)?
        .to_vec1()?;
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(Error::Pictures {
            found: format!("{value} somewhere"),
        });
    }
    let bytes: Vec<u8> = values.into_iter().map(byte).collect();
    let first = bytes.first().copied().unwrap_or_default();
    if bytes.iter().all(|byte| *byte == first) {
        return Err(Error::Pictures {
            found: format!("{first} everywhere"),
        });
    }
    Ok(bytes)
}

/// From −1 … 1 to 0 … 255; what lies outside is cut off.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte before"
)]
fn byte(value: f32) -> u8 {
    (255.0 * (value / 2.0 + 0.5).clamp(0.0, 1.0)).round_ties_even() as u8
}

fn digest(pictures: &[u8]) -> String {
    hex(&Sha256::digest(pictures))
}

/// One phase of a pass.
type Phase = fn(&Drawer) -> candle_core::Result<()>;

/// Pictures are large: nothing is copied from the device in the measured window, and the digest is
/// taken once, of the last pass.
impl Workload for Drawing {
    fn info(&self) -> WorkerInfo {
        self.info.clone()
    }

    fn warmup_iterations(&self) -> u32 {
        1
    }

    fn iterate(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let (pictures, steps) = (self.batch as u64, self.drawer.steps() as u64);
        let drawer = &self.drawer;
        let phases: [(&str, u64, Phase); 3] = [
            (TEXT_ENCODE, pictures, Drawer::encode),
            (DENOISE, pictures * steps, Drawer::denoise),
            (VAE_DECODE, pictures, Drawer::decode),
        ];
        drawer.device().synchronize()?;
        for (phase, work, run) in phases {
            observer.begin(phase)?;
            run(drawer)?;
            drawer.device().synchronize()?;
            observer.end(phase, work)?;
        }
        self.drawn = true;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome, Error> {
        if !self.drawn {
            return Ok(Outcome::nothing());
        }
        let digest = digest(&pictures(&self.drawer)?);
        let distinct = if digest == self.first { 1.0 } else { 2.0 };
        let quality = BTreeMap::from([("distinct_outputs".to_owned(), distinct)]);
        Ok(Outcome { digest, quality })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_rounded_and_cut_off() {
        assert_eq!([-2.0, -1.0, 0.0, 1.0, 9.0].map(byte), [0, 0, 128, 255, 255]);
    }
}
