//! The fast composition: fused operations on memory that is there already.
//!
//! Beside the blocks a pass launches seven kernels: patches and their product, the rows of the
//! stream, the class token's row of the last state (two kernels for the two summands), norm, head.

use candle_core::{Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use ops::linear::Linear;
use ops::{embedding, norm};

use super::config::{Config, NAMES};
use crate::checkpoint::{Affine, NormWeights};
use crate::fused::Fused;
use crate::seeing::{Output, Pass};
use crate::tower::patches::{PatchEmbedding, PatchWeights, resized};
use crate::tower::{Scratch, Tower};

/// The tensors beside the blocks, shared by both compositions.
pub struct Ends {
    /// Patches, class token and positions, these for the edge of the pictures.
    pub patches: PatchWeights,
    /// The last norm.
    pub norm: NormWeights,
    /// To the classes.
    pub classes: Affine,
}

impl Ends {
    /// Takes the tensors by their Hugging Face names, for pictures of an edge.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(config: &Config, weights: &VarBuilder<'_>, edge_px: usize) -> Result<Self> {
        let (width, patch) = (config.tower.width, config.patch_px);
        let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
        let embeddings = weights.pp("vit.embeddings");
        let projection = embeddings.pp("patch_embeddings.projection");
        let learned = config.positions(config.native_px);
        let positions = embeddings
            .get_with_hints((1, learned, width), "position_embeddings", random)?
            .squeeze(0)?;
        Ok(Self {
            patches: PatchWeights {
                projection: projection.get_with_hints(
                    (width, 3, patch, patch),
                    "weight",
                    random,
                )?,
                bias: Some(projection.get_with_hints(width, "bias", Init::Const(0.0))?),
                class: embeddings
                    .get_with_hints((1, 1, width), "cls_token", random)?
                    .flatten_all()?,
                positions: resized(&positions, config.native_px / patch, edge_px / patch)?,
            },
            norm: NormWeights::load(width, &weights.pp("vit.layernorm"))?,
            classes: Affine::load(width, config.classes, &weights.pp("classifier"))?,
        })
    }
}

/// A vision transformer with its weights, a batch of pictures, and all memory of a pass.
pub struct Network {
    embedding: PatchEmbedding,
    tower: Tower,
    norm: NormWeights,
    classes: Linear,
    epsilon: f32,
    /// `[batch, edge, edge, 3]`.
    pictures: Tensor,
    scratch: Scratch,
    /// The row of each picture's class token, u32 `[batch]`.
    class_rows: Tensor,
    /// Its state before and after the last norm, `[batch, width]`.
    state: Tensor,
    delta: Tensor,
    /// `[batch, classes]`.
    logits: Tensor,
}

impl Network {
    /// A network that looks at these pictures, in the number format that they have.
    ///
    /// # Errors
    /// A tensor is missing, or the device is out of memory.
    pub fn new(
        config: &Config,
        weights: &VarBuilder<'_>,
        fused: Fused,
        pictures: Tensor,
    ) -> Result<Self> {
        let (batch, edge_px, _, _) = pictures.dims4()?;
        let (dtype, device) = (pictures.dtype(), pictures.device().clone());
        let Ends {
            patches,
            norm,
            classes,
        } = Ends::load(config, weights, edge_px)?;
        let (width, positions) = (config.tower.width, config.positions(edge_px));
        let state = || Tensor::zeros((batch, width), dtype, &device);
        Ok(Self {
            embedding: PatchEmbedding::new(&patches, batch, fused.math)?,
            tower: Tower::load(config.tower, &NAMES, weights, fused)?,
            norm,
            classes: Linear::new(classes.weight, Some(classes.bias))?.with_math(fused.math),
            epsilon: config.tower.epsilon(),
            scratch: Scratch::new(&config.tower, [batch, positions], dtype, &device)?,
            class_rows: first_rows(batch, positions, &device)?,
            state: state()?,
            delta: state()?,
            logits: Tensor::zeros((batch, config.classes), dtype, &device)?,
            pictures,
        })
    }

    /// Numbers that a pass over pictures of an edge works on, beside the weights.
    pub fn elements(config: &Config, [batch, edge_px]: [usize; 2]) -> usize {
        let (width, positions) = (config.tower.width, config.positions(edge_px));
        batch * 3 * edge_px * edge_px
            + PatchEmbedding::elements(batch, positions - 1, config.patch_px, width)
            + Scratch::elements(&config.tower, batch * positions)
            + batch * (2 * width + config.classes)
    }

    /// Scores of the classes that the last pass gave, `[batch, classes]`.
    pub const fn logits(&self) -> &Tensor {
        &self.logits
    }
}

/// With fused attention all of a pass can be recorded.
impl Pass for Network {
    fn device(&self) -> &Device {
        self.pictures.device()
    }

    fn batch(&self) -> usize {
        self.pictures.dims()[0]
    }

    fn pass(&self) -> Result<()> {
        let Scratch { stream, delta, .. } = &self.scratch;
        self.embedding.embed(&self.pictures, stream)?;
        self.tower
            .pass(Some(&self.embedding.positions), &self.scratch)?;
        embedding::lookup(stream, &self.class_rows, &self.state)?;
        embedding::lookup(delta, &self.class_rows, &self.delta)?;
        let NormWeights { weight, bias } = &self.norm;
        norm::add_layer_norm_post(
            &self.state,
            &self.delta,
            weight,
            bias,
            self.epsilon,
            &self.state,
        )?;
        self.classes.forward(&self.state, &self.logits)
    }

    fn outputs(&self) -> Result<Vec<Output>> {
        Ok(vec![Output::of("logits", &self.logits)?])
    }
}

/// The first row of each sequence.
pub(crate) fn first_rows(batch: usize, length: usize, device: &Device) -> Result<Tensor> {
    let row = |picture: usize| {
        u32::try_from(picture * length).expect("a batch has fewer than 2^32 positions")
    };
    Tensor::from_vec((0..batch).map(row).collect(), batch, device)
}
