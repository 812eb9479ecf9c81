//! What follows a convolution, value by value.

/// An activation of pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` where it is positive, elsewhere `x` times this slope (between 0 and 1).
    LeakyRelu(f32),
    /// `x · sigmoid(x)`, also called swish.
    Silu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x · Φ(x)`.
    Gelu,
}

impl Activation {
    /// Number of the formula and its slope, as the kernels want them; 0 is no activation.
    pub(crate) const fn code(activation: Option<Self>) -> (usize, f32) {
        match activation {
            None => (0, 0.0),
            Some(Self::Relu) => (1, 0.0),
            Some(Self::Relu6) => (2, 0.0),
            Some(Self::LeakyRelu(slope)) => (3, slope),
            Some(Self::Silu) => (4, 0.0),
            Some(Self::Sigmoid) => (5, 0.0),
            Some(Self::Gelu) => (6, 0.0),
        }
    }
}
