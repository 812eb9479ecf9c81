//! Linear layers of many rows as cases; few rows are cases of [`crate::gemv`].

use candle_core::{DType, Result, Tensor};

use super::{Linear, Math};
use crate::Gelu;
use crate::case::{Bound, Case, Pipe, Purpose, Tolerance, Work};
use crate::plain;

/// What a layer does besides multiplying.
#[derive(Clone, Copy, PartialEq)]
enum Extra {
    Nothing,
    Bias,
    BiasAndGelu(Gelu),
    BiasAndResidual,
    Residual,
}

impl Extra {
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "linear",
            Self::Bias => "linear_bias",
            Self::BiasAndGelu(Gelu::Erf) => "linear_bias_gelu_erf",
            Self::BiasAndGelu(Gelu::Tanh) => "linear_bias_gelu_tanh",
            Self::BiasAndResidual => "linear_bias_residual",
            Self::Residual => "linear_residual",
        }
    }

    const fn has_bias(self) -> bool {
        !matches!(self, Self::Nothing | Self::Residual)
    }

    const fn has_residual(self) -> bool {
        matches!(self, Self::BiasAndResidual | Self::Residual)
    }

    const fn activation(self) -> Option<Gelu> {
        match self {
            Self::BiasAndGelu(kind) => Some(kind),
            _ => None,
        }
    }
}

/// Rows, outputs, inputs.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    outputs: usize,
    inputs: usize,
    purpose: Purpose,
}

const fn shape([rows, outputs, inputs]: [usize; 3], purpose: Purpose) -> Shape {
    Shape {
        rows,
        outputs,
        inputs,
        purpose,
    }
}

/// Every combination that models use. Checks: odd sizes, and one that fills tiles. Benches:
/// LLaMA-7B's prefill of 2,048, BERT-large at 32×384, batch 32 decoding.
pub(crate) fn cases() -> Vec<Case> {
    use Extra::{BiasAndGelu, BiasAndResidual};
    let check = |sizes| shape(sizes, Purpose::Check);
    let bench = |sizes| shape(sizes, Purpose::Bench);
    let mut cases = Vec::new();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for extra in [
            Extra::Nothing,
            Extra::Bias,
            BiasAndGelu(Gelu::Erf),
            BiasAndGelu(Gelu::Tanh),
            BiasAndResidual,
            Extra::Residual,
        ] {
            for shape in [check([37, 51, 67]), check([300, 256, 512])] {
                cases.push(case(shape, extra, dtype, Math::Default));
            }
        }
    }
    cases.push(case(
        check([300, 256, 512]),
        Extra::Bias,
        DType::F32,
        Math::Tf32,
    ));
    for (sizes, extra) in [
        ([2048, 12_288, 4096], Extra::Nothing),
        ([2048, 22_016, 4096], Extra::Nothing),
        ([2048, 4096, 11_008], Extra::Residual),
        ([2048, 4096, 4096], Extra::Residual),
        ([12_288, 3072, 1024], Extra::Bias),
        ([12_288, 4096, 1024], BiasAndGelu(Gelu::Tanh)),
        ([12_288, 4096, 1024], BiasAndGelu(Gelu::Erf)),
        ([12_288, 1024, 4096], Extra::Bias),
        ([32, 12_288, 4096], Extra::Nothing),
        ([32, 32_000, 4096], Extra::Nothing),
    ] {
        cases.push(case(bench(sizes), extra, DType::BF16, Math::Default));
    }
    let llama = bench([2048, 12_288, 4096]);
    cases.push(case(llama, Extra::Nothing, DType::F16, Math::Default));
    cases.push(case(llama, Extra::Nothing, DType::F32, Math::Default));
    cases.push(case(llama, Extra::Nothing, DType::F32, Math::Tf32));
    cases
}

fn case(shape: Shape, extra: Extra, dtype: DType, math: Math) -> Case {
    let Shape {
        rows,
        outputs,
        inputs,
        purpose,
    } = shape;
    Case {
        op: extra.name(),
        shape: format!(
            "{rows}x{outputs}x{inputs}{}",
            if math == Math::Tf32 { " tf32" } else { "" }
        ),
        dtype,
        purpose,
        tolerance: tolerance(dtype, math),
        work: work(shape, extra, dtype, math),
        inputs: Box::new(move |draw| {
            #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^24 wide")]
            let deviation = 1.0 / (inputs as f32).sqrt();
            Ok(vec![
                draw.normal((rows, inputs), 1.0)?,
                draw.normal((outputs, inputs), deviation)?,
                draw.normal(outputs, 1.0)?,
                draw.normal((rows, outputs), 1.0)?,
            ])
        }),
        bind: Box::new(move |operands| bind(operands, extra, math)),
        plain: Box::new(move |operands| expected(operands, extra)),
    }
}

/// Operands: x, weight, bias, residual.
fn bind(operands: &[Tensor], extra: Extra, math: Math) -> Result<Bound> {
    let [x, weight, bias, residual] = operands else {
        candle_core::bail!("four operands");
    };
    let (x, out) = (x.clone(), residual.clone());
    let bias = extra.has_bias().then(|| bias.clone());
    let mut layer = Linear::new(weight.clone(), bias)?.with_math(math);
    layer.activation = extra.activation();
    Ok(Bound {
        outputs: vec![out.clone()],
        call: Box::new(move || {
            if extra.has_residual() {
                layer.forward_residual(&x, &out)
            } else {
                layer.forward(&x, &out)
            }
        }),
    })
}

fn expected(operands: &[Tensor], extra: Extra) -> Result<Vec<Tensor>> {
    let [x, weight, bias, residual] = operands else {
        candle_core::bail!("four operands");
    };
    let bias = extra.has_bias().then_some(bias);
    let product = plain::linear::linear(x, weight, bias, extra.activation())?;
    Ok(vec![if extra.has_residual() {
        (product + residual)?
    } else {
        product
    }])
}

const fn tolerance(dtype: DType, math: Math) -> Tolerance {
    match (dtype, math) {
        (DType::F32, Math::Tf32) => Tolerance {
            relative: 1e-3,
            reason: "factors are rounded to 2^-11; the errors of a sum of products average out",
        },
        _ => Tolerance::rounded_once(dtype),
    }
}

fn work(shape: Shape, extra: Extra, dtype: DType, math: Math) -> Work {
    let Shape {
        rows,
        outputs,
        inputs,
        ..
    } = shape;
    let results = if extra.has_residual() { 2 } else { 1 } * rows * outputs;
    let values = rows * inputs + outputs * inputs + results;
    Work {
        bytes: (values * dtype.size_in_bytes()) as u64,
        flops: (2 * rows * outputs * inputs) as u64,
        pipe: match (dtype, math) {
            (DType::F32, Math::Default) => Pipe::F32,
            (DType::F32, Math::Tf32) => Pipe::Tf32,
            _ => Pipe::Tensor16,
        },
    }
}
