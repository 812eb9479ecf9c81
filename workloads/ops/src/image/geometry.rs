//! Where the windows of convolutions and pools lie.

use candle_core::{Result, bail};

use crate::cuda::Argument::{self, Count};

/// How a convolution moves over a picture: pairs are (height, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Geometry {
    /// Steps between windows.
    pub stride: (usize, usize),
    /// Rows and columns of zeros on each side.
    pub padding: (usize, usize),
    /// Steps between the values that a window sees; 1: neighbours.
    pub dilation: (usize, usize),
    /// Parts of the channels that do not see each other; as many as channels: depthwise.
    pub groups: usize,
}

impl Default for Geometry {
    /// Every place, no padding, neighbours, one group.
    fn default() -> Self {
        Self {
            stride: (1, 1),
            padding: (0, 0),
            dilation: (1, 1),
            groups: 1,
        }
    }
}

impl Geometry {
    /// The same in both directions, neighbours, one group.
    pub const fn square(stride: usize, padding: usize) -> Self {
        Self {
            stride: (stride, stride),
            padding: (padding, padding),
            dilation: (1, 1),
            groups: 1,
        }
    }

    /// With as many groups.
    #[must_use]
    pub const fn grouped(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// With so many steps between the values of a window, in both directions.
    #[must_use]
    pub const fn dilated(self, dilation: usize) -> Self {
        Self {
            dilation: (dilation, dilation),
            ..self
        }
    }
}

/// A window of so many rows and columns, and how it moves. Whatever lies outside the picture counts
/// as padding, whose trailing rows and columns may be more than the leading ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// Rows and columns.
    pub kernel: (usize, usize),
    /// Steps between windows.
    pub stride: (usize, usize),
    /// Rows and columns of padding before the picture.
    pub padding: (usize, usize),
    /// Rows and columns of padding after the picture.
    pub trailing: (usize, usize),
    /// Steps between the values that a window sees.
    pub dilation: (usize, usize),
}

impl Window {
    /// As kernels take it: size, steps, padding before, dilation; each down and across.
    pub(super) const fn arguments(&self) -> [Argument<'static>; 8] {
        [
            Count(self.kernel.0),
            Count(self.kernel.1),
            Count(self.stride.0),
            Count(self.stride.1),
            Count(self.padding.0),
            Count(self.padding.1),
            Count(self.dilation.0),
            Count(self.dilation.1),
        ]
    }

    /// A window of neighbours with the same padding on each side.
    pub const fn new(
        kernel: (usize, usize),
        stride: (usize, usize),
        padding: (usize, usize),
    ) -> Self {
        Self {
            kernel,
            stride,
            padding,
            trailing: padding,
            dilation: (1, 1),
        }
    }

    /// How many windows a picture of (height, width) has: the last one still lies in it.
    ///
    /// # Errors
    /// The picture is smaller than the window, or a step is 0.
    pub fn output_size(&self, (height, width): (usize, usize)) -> Result<(usize, usize)> {
        let along = |what, size: usize, kernel, stride, padding: usize, trailing, dilation| {
            let seen = span(kernel, dilation);
            let padded = size + padding + trailing;
            if kernel == 0 || stride == 0 || dilation == 0 {
                bail!("a window needs kernel, stride and dilation of at least 1, not {self:?}");
            }
            if padded < seen {
                bail!(
                    "a {what} of {size} with padding {padding} and {trailing} is less than the \
                     {seen} that a window spans; give a larger picture"
                );
            }
            Ok((padded - seen) / stride + 1)
        };
        Ok((
            along(
                "height",
                height,
                self.kernel.0,
                self.stride.0,
                self.padding.0,
                self.trailing.0,
                self.dilation.0,
            )?,
            along(
                "width",
                width,
                self.kernel.1,
                self.stride.1,
                self.padding.1,
                self.trailing.1,
                self.dilation.1,
            )?,
        ))
    }

    /// How many values a window sees.
    pub const fn taps(&self) -> usize {
        self.kernel.0 * self.kernel.1
    }

    /// Whether a window sees one value, and every value has one.
    pub fn is_one_value(&self) -> bool {
        *self == Self::new((1, 1), (1, 1), (0, 0)).dilated(self.dilation)
    }

    /// With so many steps between the values that it sees.
    #[must_use]
    pub const fn dilated(self, dilation: (usize, usize)) -> Self {
        Self { dilation, ..self }
    }
}

/// From the first to the last value that a window sees.
const fn span(kernel: usize, dilation: usize) -> usize {
    if kernel == 0 {
        0
    } else {
        (kernel - 1) * dilation + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_formula() {
        let window = Window::new((3, 3), (2, 2), (1, 1));
        assert_eq!(window.output_size((224, 7)).unwrap(), (112, 4));
        let wide = Window::new((1, 7), (1, 1), (0, 3));
        assert_eq!(wide.output_size((17, 17)).unwrap(), (17, 17));
        let dilated = Window::new((3, 3), (1, 1), (2, 2)).dilated((2, 2));
        assert_eq!(dilated.output_size((28, 5)).unwrap(), (28, 5));
        assert!(Window::new((1, 1), (1, 1), (0, 0)).is_one_value());
        assert!(!Window::new((1, 1), (2, 2), (0, 0)).is_one_value());
        // Zeros after the picture only, as TensorFlow pads an even size for a stride of 2.
        let trailing = Window {
            trailing: (1, 1),
            ..Window::new((3, 3), (2, 2), (0, 0))
        };
        assert_eq!(trailing.output_size((8, 512)).unwrap(), (4, 256));
    }

    #[test]
    fn pictures_smaller_than_the_window_are_refused() {
        let window = Window::new((3, 3), (1, 1), (0, 0));
        let message = window.output_size((8, 2)).unwrap_err().to_string();
        assert!(
            message.contains("a width of 2 with padding 0 and 0 is less than the 3"),
            "{message}"
        );
        let still = Window::new((3, 3), (0, 1), (0, 0));
        assert!(still.output_size((8, 8)).is_err());
    }
}
