//! The fast composition: fused operations on memory that is there already.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use ops::linear::Linear;
use ops::{Start, embedding, norm};

use super::captions::Captions;
use super::config::{Config, TEXT_NAMES, VISION_NAMES};
use super::see::{UNIT, outputs};
use crate::checkpoint::NormWeights;
use crate::fused::Fused;
use crate::seeing::{Output, Pass};
use crate::tower::patches::{PatchEmbedding, PatchWeights};
use crate::tower::{Names, Scratch, Shape, Tower};
use crate::vit::network::first_rows;

/// ln of the factor of similarities where weights are seeded: that of an untrained CLIP, 1/0.07.
pub const LOGIT_SCALE: f64 = 2.6592;
/// The one tensor that is a number.
pub const SCALE: &str = "logit_scale";

/// CLIP with its weights, a batch of pairs, and all memory of a pass.
pub struct Network {
    /// `[batch, edge, edge, 3]`.
    pictures: Tensor,
    embedding: PatchEmbedding,
    before: NormWeights,
    vision: Half,
    words: Tensor,
    positions: Tensor,
    /// u32 `[batch, length]`.
    tokens: Tensor,
    text: Half,
    scale: f32,
}

/// A tower, and what makes an embedding of one of its rows.
struct Half {
    tower: Tower,
    scratch: Scratch,
    epsilon: f32,
    /// The row of each sequence that is taken, u32 `[batch]`.
    rows: Tensor,
    norm: NormWeights,
    projection: Linear,
    /// 1/√width, with which a norm by the root mean square is one by length.
    unit: Tensor,
    /// `[batch, width]`.
    state: Tensor,
    delta: Tensor,
    /// `[batch, projection]`.
    projected: Tensor,
    embedded: Tensor,
}

impl Network {
    /// A network that looks at these pictures and captions, in the number format of the pictures.
    ///
    /// # Errors
    /// A tensor is missing, or the device is out of memory.
    pub fn new(
        config: &Config,
        weights: &VarBuilder<'_>,
        fused: Fused,
        pictures: Tensor,
        captions: &Captions,
    ) -> Result<Self> {
        let device = pictures.device().clone();
        let (batch, length) = (captions.batch(), captions.length());
        let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
        let vision = weights.pp("vision_model");
        let text = weights.pp("text_model.embeddings");
        let table = |weights: VarBuilder<'_>, rows: usize, width: usize| {
            weights.get_with_hints((rows, width), "weight", random)
        };
        let width = config.vision.width;
        let patches = vision_patches(config, &vision.pp("embeddings"))?;
        let ends = captions.ends();
        Ok(Self {
            embedding: PatchEmbedding::new(&patches, batch, fused.math)?,
            before: NormWeights::load(width, &vision.pp("pre_layrnorm"))?,
            vision: Half::load(
                config.vision,
                &VISION_NAMES,
                ["vision_model.post_layernorm", "visual_projection"],
                config.projection,
                weights,
                fused,
                [batch, config.positions()],
                first_rows(batch, config.positions(), &device)?,
            )?,
            words: table(
                text.pp("token_embedding"),
                config.vocabulary,
                config.text.width,
            )?,
            positions: table(
                text.pp("position_embedding"),
                config.tokens,
                config.text.width,
            )?,
            tokens: Tensor::from_slice(captions.tokens(), (batch, length), &device)?,
            text: Half::load(
                config.text,
                &TEXT_NAMES,
                ["text_model.final_layer_norm", "text_projection"],
                config.projection,
                weights,
                fused,
                [batch, length],
                Tensor::from_vec(ends, batch, &device)?,
            )?,
            scale: scale(weights)?,
            pictures,
        })
    }

    /// Numbers that a pass over so many pairs works on, beside the weights.
    pub fn elements(config: &Config, batch: usize) -> usize {
        let (positions, width) = (config.positions(), config.vision.width);
        batch * 3 * config.edge_px * config.edge_px
            + PatchEmbedding::elements(batch, positions - 1, config.patch_px, width)
            + Half::elements(&config.vision, [batch, positions], config.projection)
            + Half::elements(&config.text, [batch, config.tokens], config.projection)
    }

    /// Embeddings of the pictures, of length 1, `[batch, projection]`.
    pub const fn pictures(&self) -> &Tensor {
        &self.vision.embedded
    }

    /// Embeddings of the captions, of length 1, `[batch, projection]`.
    pub const fn captions(&self) -> &Tensor {
        &self.text.embedded
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

    fn unit(&self) -> &'static str {
        UNIT
    }

    fn pass(&self) -> Result<()> {
        let stream = &self.vision.scratch.stream;
        self.embedding.embed(&self.pictures, stream)?;
        let NormWeights { weight, bias } = &self.before;
        let (positions, epsilon) = (&self.embedding.positions, self.vision.epsilon);
        norm::add_layer_norm_post(stream, positions, weight, bias, epsilon, stream)?;
        self.vision.pass()?;
        let stream = &self.text.scratch.stream;
        let (words, positions) = (&self.words, &self.positions);
        embedding::lookup_with_positions(words, positions, &self.tokens, Start::At(0), stream)?;
        self.text.pass()
    }

    fn outputs(&self) -> Result<Vec<Output>> {
        outputs(self.pictures(), self.captions(), self.scale)
    }
}

/// The factor of similarities, whose logarithm a checkpoint has; not rounded to the weights' format.
///
/// # Errors
/// The tensor is missing.
pub fn scale(weights: &VarBuilder<'_>) -> Result<f32> {
    let logarithm = weights.to_dtype(DType::F32);
    let logarithm = logarithm.get_with_hints((), SCALE, Init::Const(LOGIT_SCALE))?;
    Ok(logarithm.to_scalar::<f32>()?.exp())
}

fn vision_patches(config: &Config, embeddings: &VarBuilder<'_>) -> Result<PatchWeights> {
    let (width, patch) = (config.vision.width, config.patch_px);
    let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
    Ok(PatchWeights {
        projection: embeddings.get_with_hints(
            (width, 3, patch, patch),
            "patch_embedding.weight",
            random,
        )?,
        bias: None,
        class: embeddings.get_with_hints(width, "class_embedding", random)?,
        positions: embeddings.get_with_hints(
            (config.positions(), width),
            "position_embedding.weight",
            random,
        )?,
    })
}

impl Half {
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a half, named once for each"
    )]
    fn load(
        shape: Shape,
        names: &Names,
        [norm, projection]: [&str; 2],
        width: usize,
        weights: &VarBuilder<'_>,
        fused: Fused,
        [batch, length]: [usize; 2],
        rows: Tensor,
    ) -> Result<Self> {
        let (dtype, device) = (weights.dtype(), rows.device());
        let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
        let matrix =
            weights
                .pp(projection)
                .get_with_hints((width, shape.width), "weight", random)?;
        let zeros = |columns: usize| Tensor::zeros((batch, columns), dtype, device);
        #[expect(clippy::cast_precision_loss, reason = "a width is far below 2^53")]
        let unit = 1.0 / (width as f64).sqrt();
        Ok(Self {
            tower: Tower::load(shape, names, weights, fused)?,
            scratch: Scratch::new(&shape, [batch, length], dtype, device)?,
            epsilon: shape.epsilon(),
            norm: NormWeights::load(shape.width, &weights.pp(norm))?,
            projection: Linear::new(matrix, None)?.with_math(fused.math),
            unit: Tensor::full(1f32, width, device)?
                .affine(unit, 0.0)?
                .to_dtype(dtype)?,
            state: zeros(shape.width)?,
            delta: zeros(shape.width)?,
            projected: zeros(width)?,
            embedded: zeros(width)?,
            rows,
        })
    }

    const fn elements(shape: &Shape, [batch, length]: [usize; 2], width: usize) -> usize {
        Scratch::elements(shape, batch * length) + batch * 2 * (shape.width + width)
    }

    fn pass(&self) -> Result<()> {
        self.tower.pass(None, &self.scratch)?;
        let Scratch { stream, delta, .. } = &self.scratch;
        let state = &self.state;
        embedding::lookup(stream, &self.rows, state)?;
        embedding::lookup(delta, &self.rows, &self.delta)?;
        let NormWeights { weight, bias } = &self.norm;
        norm::add_layer_norm_post(state, &self.delta, weight, bias, self.epsilon, state)?;
        self.projection.forward(state, &self.projected)?;
        norm::rms_norm(&self.projected, &self.unit, 0.0, &self.embedded)
    }
}
