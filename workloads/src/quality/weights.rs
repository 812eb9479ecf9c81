//! Trained weights in fewer bits.
//!
//! A format that the CPU cannot multiply is applied to the weights: they are rounded to it, and the
//! products are those of f32. That is also what a quantised layer computes on a GPU: it widens its
//! blocks exactly and keeps activations as they are.

use std::collections::HashMap;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

/// A number format of the study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Single precision: the reference.
    F32,
    /// Half precision, weights and arithmetic.
    F16,
    /// Weights rounded to the upper half of single precision.
    Bf16Weights,
    /// Matrices in blocks of 32 weights of 8 bits with a scale.
    Q8_0,
    /// Matrices in blocks of 32 weights of 4 bits with a scale.
    Q4_0,
}

impl Format {
    /// All, the reference first.
    pub(super) const ALL: [Self; 5] = [
        Self::F32,
        Self::F16,
        Self::Bf16Weights,
        Self::Q8_0,
        Self::Q4_0,
    ];

    /// Those of whole numbers of bytes, which weights of any shape can have.
    pub(super) const DENSE: [Self; 3] = [Self::F32, Self::F16, Self::Bf16Weights];

    /// Its name in outcomes and tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16Weights => "bf16 weights",
            Self::Q8_0 => "q8_0 weights",
            Self::Q4_0 => "q4_0 weights",
        }
    }

    /// How tensors are held and multiplied.
    pub(super) const fn dtype(self) -> DType {
        match self {
            Self::F16 => DType::F16,
            Self::F32 | Self::Bf16Weights | Self::Q8_0 | Self::Q4_0 => DType::F32,
        }
    }

    /// A tensor as this format leaves it, in f32.
    fn round(self, tensor: &Tensor) -> Result<Tensor> {
        let blocks = |format| QTensor::quantize(tensor, format)?.dequantize(&Device::Cpu);
        match self {
            // Half precision is rounded to where the network takes the tensors.
            Self::F32 | Self::F16 => Ok(tensor.clone()),
            Self::Bf16Weights => tensor.to_dtype(DType::BF16)?.to_dtype(DType::F32),
            Self::Q8_0 => blocks(GgmlDType::Q8_0),
            Self::Q4_0 => blocks(GgmlDType::Q4_0),
        }
    }

    const fn is_blocks(self) -> bool {
        matches!(self, Self::Q8_0 | Self::Q4_0)
    }
}

/// How the matrices of a checkpoint lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A row for each output.
    RowPerOutput,
    /// A column for each output (the `Conv1D` of GPT-2). Blocks run along the inputs of an output,
    /// whatever the layout.
    ColumnPerOutput,
}

/// The tensors of `wanted`, in a format. Blocks are for matrices that are multiplied: embeddings,
/// norms and biases stay as they are, as in files of quantised weights.
///
/// # Errors
/// A tensor is missing, or a row is no whole number of blocks.
pub(super) fn rounded(
    weights: &VarBuilder<'_>,
    wanted: &[(String, Vec<usize>)],
    format: Format,
    layout: Layout,
) -> Result<VarBuilder<'static>> {
    let mut tensors = HashMap::new();
    for (name, shape) in wanted {
        let tensor = weights.get(shape.as_slice(), name)?;
        let is_product = shape.len() == 2 && !is_table(name);
        let tensor = match layout {
            _ if format.is_blocks() && !is_product => tensor,
            Layout::ColumnPerOutput if format.is_blocks() => format
                .round(&tensor.t()?.contiguous()?)?
                .t()?
                .contiguous()?,
            _ => format.round(&tensor)?,
        };
        tensors.insert(name.clone(), tensor);
    }
    Ok(VarBuilder::from_tensors(
        tensors,
        format.dtype(),
        &Device::Cpu,
    ))
}

/// Whether rows of a matrix are looked up rather than multiplied.
fn is_table(name: &str) -> bool {
    [
        "wte.",
        "wpe.",
        "embeddings.",
        "embedding.",
        "embed_tokens.",
        "embed_positions.",
    ]
    .iter()
    .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(weights: &VarBuilder<'_>, name: &str) -> Vec<f32> {
        weights
            .get((64, 64), name)
            .and_then(|t| t.to_dtype(DType::F32)?.flatten_all()?.to_vec1())
            .expect("there")
    }

    #[test]
    fn each_format_rounds_what_it_says() {
        let exact = crate::checkpoint::seeded(1, 8192, DType::F32, &Device::Cpu);
        let wanted: Vec<(String, Vec<usize>)> = ["h.0.attn.weight", "wte.weight"]
            .map(|name| (name.to_owned(), vec![64, 64]))
            .into();
        let worst = |format, layout, name: &str| {
            let tensors: HashMap<String, Tensor> = wanted
                .iter()
                .map(|(name, _)| {
                    let init = candle_nn::init::DEFAULT_KAIMING_NORMAL;
                    let tensor = exact.get_with_hints((64, 64), name, init);
                    (name.clone(), tensor.expect("made"))
                })
                .collect();
            let exact = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
            let found = rounded(&exact, &wanted, format, layout).expect("rounds");
            let (found, exact) = (values(&found, name), values(&exact, name));
            let largest = exact.iter().fold(0f32, |max, v| max.max(v.abs()));
            found
                .iter()
                .zip(&exact)
                .fold(0f32, |max, (a, b)| max.max((a - b).abs()))
                / largest
        };
        let (matrix, table) = ("h.0.attn.weight", "wte.weight");
        for layout in [Layout::RowPerOutput, Layout::ColumnPerOutput] {
            assert_eq!(worst(Format::F32, layout, matrix), 0.0);
            // Half a unit in the last place of 11 and of 8 bits.
            assert!((1e-5..4.9e-4).contains(&worst(Format::F16, layout, matrix)));
            assert!((1e-4..4e-3).contains(&worst(Format::Bf16Weights, layout, table)));
            // Half a step of 127, and a step of 8, of the largest value of a block.
            assert!((1e-3..4.1e-3).contains(&worst(Format::Q8_0, layout, matrix)));
            assert!((0.02..0.13).contains(&worst(Format::Q4_0, layout, matrix)));
            assert_eq!(worst(Format::Q4_0, layout, table), 0.0);
        }
    }
}
