//! The models that are released or ours.

use model::decimal::Decimal;

use super::autoencoder::DecoderConfig;
use super::denoiser::DenoiserConfig;
use super::schedule::{Prediction, Spacing, Training};
use super::text::TextConfig;

/// A text-to-image model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Text encoders; their rows lie side by side.
    pub text: &'static [TextConfig],
    /// The denoiser.
    pub denoiser: DenoiserConfig,
    /// The decoder.
    pub decoder: DecoderConfig,
    /// What the denoiser predicts.
    pub prediction: Prediction,
    /// Where times lie; `None`: as the sampler usually has it.
    pub spacing: Option<Spacing>,
    /// Edge of the pictures that it was trained on, in pixels.
    pub native_px: u64,
    /// Weight of the caption where nothing is said.
    pub guidance: Decimal,
}

/// Edges of pictures are multiples of this: 8 of the autoencoder times 8 of three halvings.
pub const EDGE_STEP_PX: u64 = 64;

/// Where the tensors of text encoders are in a folder of a pipeline.
const TEXT_FOLDERS: [&str; 2] = ["text_encoder", "text_encoder_2"];
/// Where those of the denoiser are.
pub const DENOISER_FOLDER: &str = "unet";
/// Where those of the decoder are.
pub const DECODER_FOLDER: &str = "vae";

impl Config {
    /// Names of the models that this worker runs, the smallest first.
    pub const NAMES: [&'static str; 5] = [
        "diffusion-tiny",
        "stable-diffusion-1.5",
        "stable-diffusion-2.1",
        "sdxl",
        "sdxl-turbo",
    ];

    /// The model of this name, where it is one of these. Shapes, predictions and spacings from the
    /// released configurations.
    pub fn named(model: &str) -> Option<Self> {
        Some(match model {
            "diffusion-tiny" => Self::TINY,
            "stable-diffusion-1.5" => Self::SD_1,
            "stable-diffusion-2.1" => Self {
                text: &[TextConfig::OPEN_CLIP_H],
                denoiser: DenoiserConfig::SD_2,
                prediction: Prediction::Velocity,
                native_px: 768,
                ..Self::SD_1
            },
            "sdxl" => Self::SDXL,
            // Distilled to few steps, without guidance (Sauer et al. 2023).
            "sdxl-turbo" => Self {
                spacing: Some(Spacing::Trailing),
                native_px: 512,
                guidance: Decimal::whole(0),
                ..Self::SDXL
            },
            _ => return None,
        })
    }

    const SD_1: Self = Self {
        text: &[TextConfig::CLIP_L],
        denoiser: DenoiserConfig::SD_1,
        decoder: DecoderConfig::STABLE_DIFFUSION,
        prediction: Prediction::Noise,
        spacing: None,
        native_px: 512,
        guidance: Decimal::thousandths(7_500),
    };

    const SDXL: Self = Self {
        text: &[TextConfig::CLIP_L_XL, TextConfig::OPEN_CLIP_BIG_G],
        denoiser: DenoiserConfig::SDXL,
        decoder: DecoderConfig::SDXL,
        spacing: Some(Spacing::Leading),
        native_px: 1024,
        guidance: Decimal::whole(5),
        ..Self::SD_1
    };

    /// The first version, small enough for processors.
    pub const TINY: Self = Self {
        text: &[TextConfig::TINY],
        denoiser: DenoiserConfig::TINY,
        decoder: DecoderConfig::TINY,
        native_px: 64,
        ..Self::SD_1
    };

    /// Noise levels that it was trained on.
    pub fn training(&self) -> Training {
        Training::stable_diffusion()
    }

    /// Edge of the latents of a picture.
    pub const fn latent_edge(&self, edge_px: usize) -> usize {
        edge_px / self.decoder.factor()
    }

    /// Text encoders, and where the tensors of each are.
    pub fn text_folders(&self) -> impl Iterator<Item = (&'static str, &'static TextConfig)> {
        TEXT_FOLDERS.into_iter().zip(self.text)
    }

    /// Every tensor with its shape, each behind the folder of its network and a dot.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut all = Vec::new();
        let mut add = |folder: &str, tensors: Vec<(String, Vec<usize>)>| {
            let below = |(name, shape)| (format!("{folder}.{name}"), shape);
            all.extend(tensors.into_iter().map(below));
        };
        for (folder, text) in self.text_folders() {
            add(folder, text.tensors());
        }
        add(DENOISER_FOLDER, self.denoiser.tensors());
        add(DECODER_FOLDER, self.decoder.tensors());
        all
    }

    /// Number of parameters of all networks.
    pub fn parameters(&self) -> u64 {
        crate::checkpoint::parameters(&self.tensors())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_model_whose_parts_fit() {
        for name in Config::NAMES {
            let config = Config::named(name).expect("known");
            let seen: usize = config.text.iter().map(|text| text.width).sum();
            assert_eq!(seen, config.denoiser.caption_width, "{name}");
            assert_eq!(config.decoder.factor(), 8, "{name}");
            let pooled = config.text.iter().find(|text| text.pooled);
            let width = config.denoiser.added.map(|added| added.pooled_width);
            assert_eq!(pooled.map(|text| text.width), width, "{name}");
            let stride = config.decoder.factor() * config.denoiser.stride();
            assert!(EDGE_STEP_PX.is_multiple_of(stride as u64), "{name}");
        }
        assert_eq!(Config::named("sd"), None);
    }

    /// Sums of the networks' published counts.
    #[test]
    fn models_have_the_published_parameter_counts() {
        let parameters = |name| Config::named(name).expect("known").parameters();
        let decoder = 49_490_179 + 20;
        assert_eq!(
            parameters("stable-diffusion-1.5"),
            123_060_480 + 859_520_964 + decoder
        );
        assert_eq!(
            parameters("sdxl-turbo"),
            123_060_480 + 694_659_840 + 2_567_463_684 + decoder
        );
    }
}
