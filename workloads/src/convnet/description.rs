//! What a network computes: values, and how each follows from those before it.

use super::layer::{Conv, Form, Layer};
use super::layer_norm::LayerNorm;
use crate::picture::CHANNELS;

/// A value of a network: a batch of square pictures of some channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(pub(super) usize);

/// Edge and channels of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Edge, in pixels.
    pub edge_px: usize,
    /// Channels.
    pub channels: usize,
}

impl Shape {
    /// Numbers of one picture.
    pub const fn elements(&self) -> usize {
        self.edge_px * self.edge_px * self.channels
    }
}

/// How a value follows from others.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    /// It is what the network looks at.
    Picture,
    /// A convolution of the first input, to which the second is added before the activation.
    Convolution { layer: usize },
    /// The largest of each window.
    MaxPool {
        kernel: usize,
        stride: usize,
        padding: usize,
    },
    /// The mean of each channel: a picture of one pixel.
    Average,
    /// Each pixel `factor · factor` times.
    Nearest { factor: usize },
    /// Between the four nearest pixels; the edges of the picture stay where they are.
    Bilinear,
    /// `factor²` channels become a square of pixels.
    Shuffle { factor: usize },
    /// The channels of all inputs, one after the other.
    Concatenation,
    /// The inputs, each times its weight, added up.
    Sum { weights: Vec<f32> },
    /// Each pixel normalised over its channels.
    LayerNorm { norm: usize },
    /// The pixels of the first input attend to those of the second, whose channels are keys, then
    /// values.
    Attention { heads: usize },
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) operation: Operation,
    pub(super) inputs: Vec<Value>,
    pub(super) shape: Shape,
}

/// A network on pictures of one edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub(super) nodes: Vec<Node>,
    pub(super) layers: Vec<Layer>,
    pub(super) norms: Vec<LayerNorm>,
    pub(super) outputs: Vec<(&'static str, Value)>,
}

impl Description {
    /// A network that does nothing yet with colour pictures of this edge.
    pub fn new(edge_px: usize) -> Self {
        let picture = Node {
            operation: Operation::Picture,
            inputs: Vec::new(),
            shape: Shape {
                edge_px,
                channels: CHANNELS,
            },
        };
        Self {
            nodes: vec![picture],
            layers: Vec::new(),
            norms: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// The picture that is looked at.
    pub const fn picture(&self) -> Value {
        Value(0)
    }

    /// Edge and channels of a value.
    pub fn shape(&self, value: Value) -> Shape {
        self.nodes[value.0].shape
    }

    /// Names a value that the network puts out; the first is what it is for.
    pub fn put_out(&mut self, name: &'static str, value: Value) {
        self.outputs.push((name, value));
    }

    /// A convolution.
    pub fn conv(&mut self, input: Value, conv: Conv) -> Value {
        self.convolve(vec![input], conv)
    }

    /// A convolution to whose result `addend` is added before the activation.
    ///
    /// # Panics
    /// The addend has another shape than the result: the network is written down wrongly.
    pub fn conv_residual(&mut self, input: Value, addend: Value, conv: Conv) -> Value {
        let sum = self.convolve(vec![input, addend], conv);
        assert_eq!(self.shape(sum), self.shape(addend), "a sum of two shapes");
        sum
    }

    fn convolve(&mut self, inputs: Vec<Value>, conv: Conv) -> Value {
        let input = self.shape(inputs[0]);
        let layer = Layer {
            inputs: input.channels,
            conv,
        };
        let shape = Shape {
            edge_px: layer.output_edge(input.edge_px),
            channels: layer.conv.outputs,
        };
        self.layers.push(layer);
        let layer = self.layers.len() - 1;
        self.add(Operation::Convolution { layer }, inputs, shape)
    }

    /// A transposed 2×2 convolution with stride 2: twice the edge, `outputs` channels.
    pub fn conv_doubling(&mut self, input: Value, name: String, outputs: usize) -> Value {
        let mut conv = Conv::new(name, 4 * outputs, 1);
        conv.form = Form::Transposed;
        let wide = self.conv(input, conv);
        self.shuffle(wide, 2)
    }

    /// The largest of each window.
    pub fn max_pool(
        &mut self,
        input: Value,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Value {
        let Shape { edge_px, channels } = self.shape(input);
        let shape = Shape {
            edge_px: (edge_px + 2 * padding - kernel) / stride + 1,
            channels,
        };
        let pool = Operation::MaxPool {
            kernel,
            stride,
            padding,
        };
        self.add(pool, vec![input], shape)
    }

    /// The mean of each channel, as a picture of one pixel.
    pub fn average(&mut self, input: Value) -> Value {
        let shape = Shape {
            edge_px: 1,
            ..self.shape(input)
        };
        self.add(Operation::Average, vec![input], shape)
    }

    /// Each pixel `factor · factor` times.
    pub fn nearest(&mut self, input: Value, factor: usize) -> Value {
        let Shape { edge_px, channels } = self.shape(input);
        let shape = Shape {
            edge_px: edge_px * factor,
            channels,
        };
        self.add(Operation::Nearest { factor }, vec![input], shape)
    }

    /// Resized to an edge, between the nearest pixels.
    pub fn bilinear(&mut self, input: Value, edge_px: usize) -> Value {
        let shape = Shape {
            edge_px,
            ..self.shape(input)
        };
        self.add(Operation::Bilinear, vec![input], shape)
    }

    /// `factor²` channels become a square of pixels.
    pub fn shuffle(&mut self, input: Value, factor: usize) -> Value {
        let Shape { edge_px, channels } = self.shape(input);
        let shape = Shape {
            edge_px: edge_px * factor,
            channels: channels / (factor * factor),
        };
        self.add(Operation::Shuffle { factor }, vec![input], shape)
    }

    /// The channels of all, one after the other.
    pub fn concatenate(&mut self, inputs: &[Value]) -> Value {
        let channels = inputs.iter().map(|value| self.shape(*value).channels).sum();
        let shape = Shape {
            channels,
            ..self.shape(inputs[0])
        };
        self.add(Operation::Concatenation, inputs.to_vec(), shape)
    }

    /// The values, each times its weight, added up.
    pub fn sum(&mut self, parts: &[(Value, f32)]) -> Value {
        let shape = self.shape(parts[0].0);
        let weights = parts.iter().map(|(_, weight)| *weight).collect();
        let inputs = parts.iter().map(|(value, _)| *value).collect();
        self.add(Operation::Sum { weights }, inputs, shape)
    }

    /// Each pixel normalised over its channels.
    pub fn layer_norm(&mut self, input: Value, name: impl Into<String>) -> Value {
        let shape = self.shape(input);
        self.norms.push(LayerNorm {
            name: name.into(),
            channels: shape.channels,
        });
        let norm = self.norms.len() - 1;
        self.add(Operation::LayerNorm { norm }, vec![input], shape)
    }

    /// The pixels of `queries` attend to those of another picture, whose channels are its keys, then
    /// its values, in so many heads.
    ///
    /// # Panics
    /// The channels do not fit each other or the heads: the network is written down wrongly.
    pub fn attention(&mut self, queries: Value, keys_values: Value, heads: usize) -> Value {
        let shape = self.shape(queries);
        let answering = self.shape(keys_values).channels;
        assert_eq!(answering, 2 * shape.channels, "keys and values");
        assert!(shape.channels.is_multiple_of(heads), "heads of one width");
        let inputs = vec![queries, keys_values];
        self.add(Operation::Attention { heads }, inputs, shape)
    }

    fn add(&mut self, operation: Operation, inputs: Vec<Value>, shape: Shape) -> Value {
        self.nodes.push(Node {
            operation,
            inputs,
            shape,
        });
        Value(self.nodes.len() - 1)
    }

    /// Every tensor of a checkpoint by its name.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let norms = self.norms.iter().flat_map(LayerNorm::tensors);
        self.layers
            .iter()
            .flat_map(Layer::tensors)
            .chain(norms)
            .collect()
    }

    /// Trained numbers; the statistics of batch norms are none.
    pub fn parameters(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(Layer::parameters).sum();
        layers + self.in_norms()
    }

    /// Numbers of weights that a pass reads, with the norms folded in.
    pub fn folded(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(Layer::folded).sum();
        layers + self.in_norms()
    }

    fn in_norms(&self) -> u64 {
        self.norms.iter().map(LayerNorm::parameters).sum()
    }

    /// Multiply-adds of one picture in products of matrices, convolutions and attention.
    pub fn multiply_adds(&self) -> u64 {
        let of_node = |node: &Node| match node.operation {
            Operation::Convolution { layer } => {
                let pixels = node.shape.edge_px * node.shape.edge_px;
                pixels as u64 * self.layers[layer].multiply_adds_a_pixel()
            }
            Operation::Attention { .. } => {
                let keys_px = self.shape(node.inputs[1]).edge_px;
                // Scores, then the values that they weigh.
                2 * (node.shape.elements() * keys_px * keys_px) as u64
            }
            _ => 0,
        };
        self.nodes.iter().map(of_node).sum()
    }

    /// Numbers of the largest value, of one picture.
    pub fn largest(&self) -> usize {
        let elements = self.nodes.iter().map(|node| node.shape.elements());
        elements.max().unwrap_or(0)
    }
}
