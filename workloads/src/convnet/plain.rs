//! A network by candle's own operations, one by one, on channels-first pictures: nothing is fused or
//! folded.

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::pixel_shuffle;
use ops::image::Activation;

use super::description::{Description, Node, Operation};
use super::layer::{Layer, NormTensors, Tensors};
use super::layer_norm::Loaded;

/// A network with its weights on a device.
pub struct Plain {
    network: Description,
    layers: Vec<Tensors>,
    norms: Vec<Loaded>,
}

impl Plain {
    /// A network of these tensors, which are taken in single precision, that computes in a format.
    ///
    /// # Errors
    /// A tensor is missing, or the device is out of memory.
    pub fn new(network: &Description, weights: &VarBuilder<'_>, dtype: DType) -> Result<Self> {
        let load = |layer: &Layer| converted(&layer.load(weights)?, dtype);
        Ok(Self {
            layers: network.layers.iter().map(load).collect::<Result<_>>()?,
            norms: network
                .norms
                .iter()
                .map(|norm| norm.load(weights, dtype))
                .collect::<Result<_>>()?,
            network: network.clone(),
        })
    }

    /// What the network puts out of pictures `[batch, 3, edge, edge]`, channels first.
    ///
    /// # Errors
    /// The device failed.
    pub fn forward(&self, pictures: &Tensor) -> Result<Vec<(&'static str, Tensor)>> {
        let mut values: Vec<Tensor> = Vec::with_capacity(self.network.nodes.len());
        for node in &self.network.nodes {
            let inputs: Vec<&Tensor> = node.inputs.iter().map(|value| &values[value.0]).collect();
            let value = self.node(node, pictures, &inputs)?;
            values.push(value);
        }
        let output =
            |(name, value): &(&'static str, super::Value)| (*name, values[value.0].clone());
        Ok(self.network.outputs.iter().map(output).collect())
    }

    fn node(&self, node: &Node, pictures: &Tensor, inputs: &[&Tensor]) -> Result<Tensor> {
        let Some(input) = inputs.first() else {
            return Ok(pictures.clone());
        };
        match &node.operation {
            Operation::Picture => Ok(pictures.clone()),
            Operation::Convolution { layer } => {
                let tensors = &self.layers[*layer];
                convolve(&self.network.layers[*layer], tensors, input, inputs.get(1))
            }
            Operation::MaxPool {
                kernel,
                stride,
                padding,
            } => {
                // A window that hangs over the edge sees the pixels of the edge anyway.
                let padded = input
                    .pad_with_same(2, *padding, *padding)?
                    .pad_with_same(3, *padding, *padding)?;
                padded.max_pool2d_with_stride(*kernel, *stride)
            }
            Operation::Average => input.mean_keepdim((2, 3)),
            Operation::Nearest { factor } => {
                let edge_px = input.dim(2)? * factor;
                input.upsample_nearest2d(edge_px, edge_px)
            }
            Operation::Bilinear => {
                let edge_px = node.shape.edge_px;
                input.upsample_bilinear2d(edge_px, edge_px, false)
            }
            Operation::Shuffle { factor } => pixel_shuffle(input, *factor),
            Operation::Concatenation => Tensor::cat(inputs, 1),
            Operation::Sum { weights } => {
                let mut parts = inputs.iter().zip(weights);
                let scaled =
                    |(part, weight): (&&Tensor, &f32)| part.affine(f64::from(*weight), 0.0);
                let first = parts.next().map(scaled).expect("a sum has parts")?;
                parts.try_fold(first, |sum, part| sum + scaled(part)?)
            }
            Operation::LayerNorm { norm } => self.norms[*norm].plain(input),
            Operation::Attention { heads } => attend(input, inputs[1], *heads),
        }
    }
}

fn convolve(
    layer: &Layer,
    tensors: &Tensors,
    input: &Tensor,
    addend: Option<&&Tensor>,
) -> Result<Tensor> {
    let conv = &layer.conv;
    let mut sum = input.conv2d(
        &tensors.weight,
        layer.padding(),
        conv.stride,
        conv.dilation,
        conv.groups,
    )?;
    if let Some(bias) = &tensors.bias {
        sum = sum.broadcast_add(&by_channel(bias)?)?;
    }
    if let (Some(norm), Some(tensors)) = (&conv.norm, &tensors.norm) {
        let deviation = (&tensors.variance + norm.epsilon)?.sqrt()?;
        sum = sum
            .broadcast_sub(&by_channel(&tensors.mean)?)?
            .broadcast_div(&by_channel(&deviation)?)?
            .broadcast_mul(&by_channel(&tensors.weight)?)?
            .broadcast_add(&by_channel(&tensors.bias)?)?;
    }
    if let Some(scale) = conv.scale {
        sum = (sum * scale)?;
    }
    if let Some(addend) = addend {
        sum = (sum + *addend)?;
    }
    match conv.activation {
        None => Ok(sum),
        Some(activation) => activate(&sum, activation),
    }
}

/// Product, softmax and product: queries `[batch, c, h, w]`, keys and values `[batch, 2 c, h', w']`.
fn attend(queries: &Tensor, keys_values: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, channels, ..) = queries.dims4()?;
    let by_head = |x: &Tensor| x.reshape((batch, heads, channels / heads, ()));
    let keys = by_head(&keys_values.narrow(1, 0, channels)?.contiguous()?)?;
    let values = by_head(&keys_values.narrow(1, channels, channels)?.contiguous()?)?;
    let asked = by_head(queries)?.t()?.contiguous()?;
    #[expect(clippy::cast_precision_loss, reason = "a head is narrow")]
    let scale = ((channels / heads) as f64).powf(-0.5);
    let scores = (asked.matmul(&keys)? * scale)?;
    let shares = candle_nn::ops::softmax_last_dim(&scores)?;
    let seen = values.matmul(&shares.t()?.contiguous()?)?;
    seen.reshape(queries.shape())
}

fn by_channel(vector: &Tensor) -> Result<Tensor> {
    vector.reshape((1, (), 1, 1))
}

fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Relu => x.relu(),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu(slope) => candle_nn::ops::leaky_relu(x, f64::from(slope)),
        Activation::Silu => x.silu(),
        Activation::Sigmoid => candle_nn::ops::sigmoid(x),
        Activation::Gelu => x.gelu_erf(),
    }
}

fn converted(tensors: &Tensors, dtype: DType) -> Result<Tensors> {
    let to = |tensor: &Tensor| tensor.to_dtype(dtype);
    Ok(Tensors {
        weight: to(&tensors.weight)?,
        bias: tensors.bias.as_ref().map(to).transpose()?,
        norm: match &tensors.norm {
            None => None,
            Some(norm) => Some(NormTensors {
                weight: to(&norm.weight)?,
                bias: to(&norm.bias)?,
                mean: to(&norm.mean)?,
                variance: to(&norm.variance)?,
            }),
        },
    })
}
