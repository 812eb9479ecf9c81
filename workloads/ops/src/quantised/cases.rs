//! Products with quantised weights as cases.

use candle_core::{DType, Device, Result, Tensor};

use super::{Format, QuantisedLinear, pack, seeded};
use crate::case::{Bound, Case, Draw, Pipe, Purpose, Tolerance, Work};
use crate::gemv::{MATRICES, Part, Projection, RmsNorm, Scratch};
use crate::plain;

const EPSILON: f32 = 1e-5;
const SEED: u64 = 11;

/// Shapes that are checked: rows, outputs, inputs. Tiles that end within, one unit of depth for
/// eight warps, more units than warps, rows of x that shared memory has no room for, and more rows
/// than the kernel takes.
const ODD: [(usize, usize, usize); 8] = [
    (1, 34, 256),
    (1, 48, 2560),
    (3, 66, 768),
    (8, 40, 2304),
    (5, 24, 5120),
    (7, 24, 11_008),
    (12, 32, 512),
    (33, 32, 512),
];

/// One product.
#[derive(Clone, Copy)]
struct Product {
    format: Format,
    part: Part,
    rows: usize,
    outputs: usize,
    inputs: usize,
}

impl Product {
    const fn op(self) -> &'static str {
        match (self.format, self.part) {
            (Format::Q4K, Part::Normed) => "q4_k_normed",
            (Format::Q4K, Part::Residual) => "q4_k_residual",
            (Format::Q4K, Part::Gated) => "q4_k_gated",
            (Format::Q4K, _) => "q4_k",
            (Format::Q40, Part::Normed) => "q4_0_normed",
            (Format::Q40, Part::Residual) => "q4_0_residual",
            (Format::Q40, Part::Gated) => "q4_0_gated",
            (Format::Q40, _) => "q4_0",
            (Format::Q80, Part::Normed) => "q8_0_normed",
            (Format::Q80, Part::Residual) => "q8_0_residual",
            (Format::Q80, Part::Gated) => "q8_0_gated",
            (Format::Q80, _) => "q8_0",
        }
    }

    fn width(self) -> usize {
        match self.part {
            Part::Gated => self.outputs / 2,
            _ => self.outputs,
        }
    }

    /// Operands: x, norm weight, residual, packed weight.
    fn inputs(self, draw: &mut Draw) -> Result<Vec<Tensor>> {
        let blocks = seeded::blocks(self.format, SEED, self.outputs, self.inputs);
        let packed = pack::pack(self.format, &blocks, self.outputs, self.inputs);
        let bytes = packed.len();
        Ok(vec![
            draw.normal((self.rows, self.inputs), 1.0)?,
            draw.normal(self.inputs, 1.0)?,
            draw.normal((self.rows, self.width()), 1.0)?,
            Tensor::from_vec(packed, bytes, &Device::Cpu)?,
        ])
    }

    fn call(
        self,
        layer: &QuantisedLinear,
        operands: &[Tensor],
        scratch: &Scratch,
        out: &Tensor,
    ) -> Result<()> {
        let [x, weight, _, _] = operands else {
            candle_core::bail!("four operands");
        };
        let norm = RmsNorm {
            weight,
            epsilon: EPSILON,
        };
        match self.part {
            Part::Normed => layer.forward_normed(x, norm, scratch, out),
            Part::Residual => layer.forward_residual(x, scratch, out),
            Part::Gated => layer.gated_normed(x, norm, scratch, out),
            Part::Bias | Part::Gelu => layer.forward(x, scratch, out),
        }
    }

    fn plain(self, operands: &[Tensor]) -> Result<Vec<Tensor>> {
        let [x, norm, residual, packed] = operands else {
            candle_core::bail!("four operands");
        };
        let packed = packed.to_vec1::<u8>()?;
        let weight = pack::expand(self.format, &packed, self.outputs, self.inputs);
        let weight = Tensor::from_vec(weight, (self.outputs, self.inputs), &Device::Cpu)?;
        let x = match self.part {
            Part::Normed | Part::Gated => plain::norm::rms_norm(x, norm, EPSILON)?,
            _ => x.clone(),
        };
        let product = plain::linear::linear(&x, &weight, None, None)?;
        Ok(vec![match self.part {
            Part::Residual => (product + residual)?,
            Part::Gated => plain::activation::silu_mul(&product)?,
            _ => product,
        }])
    }

    fn bind(self, operands: &[Tensor]) -> Result<Bound> {
        let operands = operands.to_vec();
        let (device, dtype) = (operands[0].device(), operands[0].dtype());
        let (out, packed) = (operands[2].clone(), operands[3].clone());
        let shape = (self.outputs, self.inputs);
        let layer = QuantisedLinear::from_packed(self.format, packed, shape)?;
        let weight = if self.rows > 8 || dtype == DType::F32 {
            layer.values()
        } else {
            0
        };
        let inner = self.outputs / 2;
        let scratch = Scratch::new(self.rows, self.inputs, inner, weight, dtype, device)?;
        Ok(Bound {
            outputs: vec![out.clone()],
            call: Box::new(move || self.call(&layer, &operands, &scratch, &out)),
        })
    }

    fn case(self, name: &str, dtype: DType, purpose: Purpose) -> Case {
        let weight_bytes = self.outputs * self.format.row_bytes(self.inputs);
        let values = self.rows * (self.inputs + self.width());
        Case {
            op: self.op(),
            shape: format!("{name}{}x{} to {}", self.rows, self.inputs, self.outputs),
            dtype,
            purpose,
            tolerance: tolerance(dtype),
            work: Work {
                bytes: (weight_bytes + values * dtype.size_in_bytes()) as u64,
                flops: (2 * self.rows * self.outputs * self.inputs) as u64,
                pipe: if dtype == DType::F32 {
                    Pipe::F32
                } else {
                    Pipe::Tensor16
                },
            },
            inputs: Box::new(move |draw| self.inputs(draw)),
            bind: Box::new(move |operands| self.bind(operands)),
            plain: Box::new(move |operands| self.plain(operands)),
        }
    }
}

fn tolerance(dtype: DType) -> Tolerance {
    Tolerance {
        relative: 2.0 * Tolerance::rounded_once(dtype).relative,
        reason: "the norm of x, or for many rows the widened weight, is rounded, then the result",
    }
}

/// Every format and part at odd shapes; the matrices of LLaMA-7B with 1 and 8 rows in each format,
/// those of its larger sisters with one row in `Q4_K`.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for format in Format::ALL {
        for part in [Part::Bias, Part::Residual, Part::Normed, Part::Gated] {
            for (rows, outputs, inputs) in ODD {
                let product = Product {
                    format,
                    part,
                    rows,
                    outputs,
                    inputs,
                };
                for dtype in [DType::F32, DType::F16, DType::BF16] {
                    cases.push(product.case("", dtype, Purpose::Check));
                }
            }
        }
        // More tiles than blocks, so that blocks take one after the other.
        let many_tiles = Product {
            format,
            part: Part::Gated,
            rows: 2,
            outputs: 4390,
            inputs: 256,
        };
        cases.push(many_tiles.case("", DType::BF16, Purpose::Check));
        for matrix in MATRICES.iter().filter(|matrix| matrix.is_llama()) {
            for rows in [1, 8] {
                if matrix.is_7b() || (format == Format::Q4K && rows == 1) {
                    let product = Product {
                        format,
                        part: matrix.part,
                        rows,
                        outputs: matrix.outputs,
                        inputs: matrix.inputs,
                    };
                    let name = format!("{} ", matrix.name);
                    cases.push(product.case(&name, DType::BF16, Purpose::Bench));
                }
            }
        }
    }
    cases
}
