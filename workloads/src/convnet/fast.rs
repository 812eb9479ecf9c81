//! The fast composition: fused operations on channels-last pictures, in memory that is there
//! already.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use ops::attention;
use ops::image::{self, Conv2d};
use ops::linear::Math;

use super::description::{Description, Node, Operation, Value};
use super::layer_norm::Loaded;
use super::plan::Plan;
use crate::seeing::{Output, Pass};

/// A network with its weights, its values and a batch of pictures on a device.
pub struct Fast {
    pictures: Tensor,
    steps: Vec<Step>,
    outputs: Vec<(&'static str, Tensor)>,
}

/// A node that is computed in one launch, or few.
enum Step {
    Convolution {
        conv: Box<Conv2d>,
        input: Tensor,
        addend: Option<Tensor>,
        out: Tensor,
    },
    MaxPool {
        window: [usize; 3],
        input: Tensor,
        out: Tensor,
    },
    Average {
        input: Tensor,
        out: Tensor,
    },
    Nearest {
        factor: usize,
        input: Tensor,
        out: Tensor,
    },
    Bilinear {
        input: Tensor,
        out: Tensor,
    },
    Shuffle {
        factor: usize,
        input: Tensor,
        out: Tensor,
    },
    Concatenation {
        inputs: Vec<Tensor>,
        out: Tensor,
    },
    Sum {
        parts: Vec<(Tensor, f32)>,
        out: Tensor,
    },
    LayerNorm {
        norm: Loaded,
        input: Tensor,
        out: Tensor,
    },
    Attention {
        queries: Tensor,
        keys_values: Tensor,
        heads: usize,
        out: Tensor,
    },
}

impl Fast {
    /// A network of these tensors, which are taken in single precision, that looks at `pictures`
    /// (`[batch, edge, edge, 3]`) in the number format that they have.
    ///
    /// # Errors
    /// A tensor is missing, or the device is out of memory.
    pub fn new(
        network: &Description,
        weights: &VarBuilder<'_>,
        math: Math,
        pictures: Tensor,
    ) -> Result<Self> {
        let (dtype, device) = (pictures.dtype(), pictures.device().clone());
        let layers = network
            .layers
            .iter()
            .map(|layer| layer.fused(weights, dtype, math))
            .collect::<Result<_>>()?;
        let values = values(network, &pictures, dtype, &device)?;
        let norms = network
            .norms
            .iter()
            .map(|norm| norm.load(weights, dtype))
            .collect::<Result<_>>()?;
        let build = Build {
            layers,
            norms,
            values,
        };
        let steps = network
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(index, node)| build.step(node, index))
            .collect();
        let outputs = network
            .outputs
            .iter()
            .map(|(name, value)| (*name, build.value(*value)))
            .collect();
        Ok(Self {
            pictures,
            steps,
            outputs,
        })
    }

    /// What a pass puts out, by name: `[batch, edge, edge, channels]`.
    pub fn tensors(&self) -> &[(&'static str, Tensor)] {
        &self.outputs
    }
}

/// All of a pass can be recorded.
impl Pass for Fast {
    fn device(&self) -> &Device {
        self.pictures.device()
    }

    fn batch(&self) -> usize {
        self.pictures.dims()[0]
    }

    fn pass(&self) -> Result<()> {
        self.steps.iter().try_for_each(Step::run)
    }

    fn outputs(&self) -> Result<Vec<Output>> {
        let output = |(name, tensor): &(&'static str, Tensor)| Output::of(name, tensor);
        self.outputs.iter().map(output).collect()
    }
}

/// A tensor for each value, in the buffers of a plan.
fn values(
    network: &Description,
    pictures: &Tensor,
    dtype: DType,
    device: &Device,
) -> Result<Vec<Tensor>> {
    let plan = Plan::of(network);
    let batch = pictures.dim(0)?;
    let buffers: Vec<Tensor> = plan
        .buffers
        .iter()
        .map(|elements| Tensor::zeros(batch * elements, dtype, device))
        .collect::<Result<_>>()?;
    network
        .nodes
        .iter()
        .zip(&plan.places)
        .map(|(node, place)| match place {
            None => Ok(pictures.clone()),
            Some(place) => {
                let edge_px = node.shape.edge_px;
                buffers[*place]
                    .narrow(0, 0, batch * node.shape.elements())?
                    .reshape((batch, edge_px, edge_px, node.shape.channels))
            }
        })
        .collect()
}

/// What the steps are made of: each layer is taken once.
struct Build {
    layers: Vec<Conv2d>,
    norms: Vec<Loaded>,
    values: Vec<Tensor>,
}

impl Build {
    fn value(&self, value: Value) -> Tensor {
        self.values[value.0].clone()
    }

    fn step(&self, node: &Node, index: usize) -> Option<Step> {
        let inputs: Vec<Tensor> = node.inputs.iter().map(|value| self.value(*value)).collect();
        let out = self.values[index].clone();
        let input = inputs.first().cloned()?;
        Some(match &node.operation {
            // It has no inputs, so it came to its end above.
            Operation::Picture => return None,
            Operation::Convolution { layer } => Step::Convolution {
                conv: Box::new(self.layers[*layer].clone()),
                input,
                addend: inputs.get(1).cloned(),
                out,
            },
            Operation::MaxPool {
                kernel,
                stride,
                padding,
            } => Step::MaxPool {
                window: [*kernel, *stride, *padding],
                input,
                out,
            },
            Operation::Average => Step::Average { input, out },
            Operation::Nearest { factor } => Step::Nearest {
                factor: *factor,
                input,
                out,
            },
            Operation::Bilinear => Step::Bilinear { input, out },
            Operation::Shuffle { factor } => Step::Shuffle {
                factor: *factor,
                input,
                out,
            },
            Operation::Concatenation => Step::Concatenation { inputs, out },
            Operation::Sum { weights } => Step::Sum {
                parts: inputs.into_iter().zip(weights.iter().copied()).collect(),
                out,
            },
            Operation::LayerNorm { norm } => Step::LayerNorm {
                norm: self.norms[*norm].clone(),
                input,
                out,
            },
            Operation::Attention { heads } => Step::Attention {
                queries: input,
                keys_values: inputs[1].clone(),
                heads: *heads,
                out,
            },
        })
    }
}

impl Step {
    fn run(&self) -> Result<()> {
        match self {
            Self::Convolution {
                conv,
                input,
                addend,
                out,
            } => match addend {
                None => conv.forward(input, out),
                Some(addend) => conv.forward_residual(input, addend, out),
            },
            Self::MaxPool {
                window: [kernel, stride, padding],
                input,
                out,
            } => image::max_pool2d(
                input,
                (*kernel, *kernel),
                (*stride, *stride),
                (*padding, *padding),
                out,
            ),
            Self::Average { input, out } => image::global_average(input, &out.flatten(1, 3)?),
            Self::Nearest { factor, input, out } => image::upsample_nearest(input, *factor, out),
            Self::Bilinear { input, out } => image::resize_bilinear(input, false, out),
            Self::Shuffle { factor, input, out } => image::pixel_shuffle(input, *factor, out),
            Self::Concatenation { inputs, out } => {
                let parts: Vec<&Tensor> = inputs.iter().collect();
                image::concat(&parts, out)
            }
            Self::Sum { parts, out } => {
                let parts: Vec<(&Tensor, f32)> =
                    parts.iter().map(|(part, weight)| (part, *weight)).collect();
                image::weighted_sum(&parts, None, out)
            }
            Self::LayerNorm { norm, input, out } => norm.fused(input, out),
            Self::Attention {
                queries,
                keys_values,
                heads,
                out,
            } => {
                let (batch, .., channels) = queries.dims4()?;
                #[expect(clippy::cast_precision_loss, reason = "a head is narrow")]
                let scale = ((channels / heads) as f32).powf(-0.5);
                attention::cross(queries, keys_values, batch, *heads, scale, out)
            }
        }
    }
}
