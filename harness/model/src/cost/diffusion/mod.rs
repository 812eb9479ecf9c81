//! Latent diffusion: Stable Diffusion 1.5 and 2.1, SDXL and SDXL-Turbo.
//!
//! Rombach et al. 2022 and Podell et al. 2023; shapes from the released configurations, whose
//! parameter counts the tests hold them to. An iteration encodes the caption of each image (and
//! the empty one, where guidance asks for it), denoises for `steps` steps, and decodes the latents.
//! `resolution_px` is the edge of the image, eight times that of its latents. Every scheduler of
//! the vocabulary evaluates the network once a step, so the axis changes no count.

mod autoencoder;
mod denoiser;
mod text;

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::phase::Phase;
use super::tally::Tally;
use crate::axis::Axis;
use crate::decimal::Decimal;
use denoiser::Denoiser;
use text::TextEncoder;

const AXES: &[Axis] = &[
    Axis::ResolutionPx,
    Axis::Steps,
    Axis::Scheduler,
    Axis::Guidance,
];

/// A text-to-image model.
#[derive(Clone, Copy, Debug)]
struct Diffusion {
    text: &'static [TextEncoder],
    denoiser: Denoiser,
    native_px: u64,
    /// Whether every latent is denoised twice, with and without its caption, where the point has no
    /// guidance. It is where that is above 1.
    guided: bool,
}

impl Diffusion {
    const fn sdxl(native_px: u64, guided: bool) -> Self {
        Self {
            text: &[TextEncoder::CLIP_L, TextEncoder::OPEN_CLIP_BIG_G],
            denoiser: Denoiser::SDXL,
            native_px,
            guided,
        }
    }
}

impl Architecture for Diffusion {
    fn axes(&self) -> &'static [Axis] {
        AXES
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let edge_px = ask.resolution(self.native_px, 64)?;
        let steps = ask.count(Axis::Steps)?;
        let guided = match ask.decimal(Axis::Guidance)? {
            Some(guidance) => guidance > Decimal::whole(1),
            None => self.guided,
        };
        let latents = ask.batch * if guided { 2 } else { 1 };
        let edge = edge_px / 8;

        let mut encode = Tally::new(ask.format);
        for encoder in self.text {
            encoder.pass(&mut encode, latents);
        }
        let mut denoise = Tally::new(ask.format);
        self.denoiser.pass(&mut denoise, latents, edge);
        // Guidance and the scheduler: a few operations on each latent.
        denoise.elementwise(latents * edge * edge * 4, 8.0, 3.0);
        let mut decode = Tally::new(ask.format);
        autoencoder::decode(&mut decode, ask.batch, edge);
        Ok(vec![
            Phase::once("text_encode", "image", ask.batch, &encode),
            Phase::repeated(
                "denoise",
                "step",
                ask.batch * steps,
                steps,
                &denoise,
                &denoise,
            ),
            Phase::once("vae_decode", "image", ask.batch, &decode),
        ])
    }
}

pub(in crate::cost) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let diffusion = match model {
        "stable-diffusion-1.5" => Diffusion {
            text: &[TextEncoder::CLIP_L],
            denoiser: Denoiser::SD_1,
            native_px: 512,
            guided: true,
        },
        "stable-diffusion-2.1" => Diffusion {
            text: &[TextEncoder::OPEN_CLIP_H],
            denoiser: Denoiser::SD_2,
            native_px: 768,
            guided: true,
        },
        "sdxl" => Diffusion::sdxl(1024, true),
        // Distilled to few steps, without guidance (Sauer et al. 2023).
        "sdxl-turbo" => Diffusion::sdxl(512, false),
        _ => return None,
    };
    Some(Box::new(diffusion))
}
