//! The tensors of all networks of a model: seeded, or from a folder in diffusers' layout, in which
//! each network has a folder of its own.

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use super::config::{Config, DECODER_FOLDER, DENOISER_FOLDER};
use crate::Error;
use crate::checkpoint::{Folder, Spelling};
use crate::weights::Weights;

/// Names as diffusers has them today, and as it had them when the first models were released.
const SPELLING: Spelling = Spelling {
    optional_prefix: "",
    old_endings: &[
        ("attentions.0.to_q.weight", "attentions.0.query.weight"),
        ("attentions.0.to_q.bias", "attentions.0.query.bias"),
        ("attentions.0.to_k.weight", "attentions.0.key.weight"),
        ("attentions.0.to_k.bias", "attentions.0.key.bias"),
        ("attentions.0.to_v.weight", "attentions.0.value.weight"),
        ("attentions.0.to_v.bias", "attentions.0.value.bias"),
        (
            "attentions.0.to_out.0.weight",
            "attentions.0.proj_attn.weight",
        ),
        ("attentions.0.to_out.0.bias", "attentions.0.proj_attn.bias"),
    ],
};

/// Where the tensors of each network are.
pub struct Networks {
    /// Of the text encoders.
    pub text: Vec<VarBuilder<'static>>,
    /// Of the denoiser.
    pub denoiser: VarBuilder<'static>,
    /// Of the decoder.
    pub decoder: VarBuilder<'static>,
}

impl Networks {
    /// Finds all tensors; nothing is on the device yet.
    ///
    /// # Errors
    /// A file is missing or damaged, or a tensor is missing, has another shape or no floating-point
    /// format.
    pub fn load(
        config: &Config,
        weights: &Weights,
        dtype: DType,
        device: &Device,
    ) -> Result<Self, Error> {
        let Some(folder) = weights.folder() else {
            let all = weights.tensors(&config.tensors(), Spelling::EXACT, dtype, device)?;
            return Ok(Self::below(config, &all));
        };
        let network = |folder: &Folder, name: &str, tensors: &[(String, Vec<usize>)]| {
            folder
                .network(name)?
                .weights(tensors, SPELLING, dtype, device)
        };
        let mut text = Vec::with_capacity(config.text.len());
        for (name, own) in config.text_folders() {
            text.push(network(folder, name, &own.tensors())?);
        }
        Ok(Self {
            text,
            denoiser: network(folder, DENOISER_FOLDER, &config.denoiser.tensors())?,
            decoder: network(folder, DECODER_FOLDER, &config.decoder.tensors())?,
        })
    }

    /// Those of one source, each behind the folder of its network.
    pub fn below(config: &Config, all: &VarBuilder<'static>) -> Self {
        Self {
            text: config
                .text_folders()
                .map(|(folder, _)| all.pp(folder))
                .collect(),
            denoiser: all.pp(DENOISER_FOLDER),
            decoder: all.pp(DECODER_FOLDER),
        }
    }
}
