//! What operations demand of their tensors, with messages that name the operation and the operand.

use candle_core::{DType, Result, Shape, Tensor, bail};

/// One operand: operation, name, tensor.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a> {
    op: &'static str,
    name: &'static str,
    tensor: &'a Tensor,
}

/// Names an operand for messages.
pub(crate) const fn operand<'a>(
    op: &'static str,
    name: &'static str,
    tensor: &'a Tensor,
) -> Operand<'a> {
    Operand { op, name, tensor }
}

impl Operand<'_> {
    /// Demands a shape, no gaps between elements, and a number format.
    pub(crate) fn is(self, shape: impl Into<Shape>, dtype: DType) -> Result<Self> {
        let shape = shape.into();
        let Self { op, name, tensor } = self;
        if tensor.shape() != &shape || tensor.dtype() != dtype {
            bail!(
                "{op}: {name} is {:?} {:?}, expected {dtype:?} {:?}",
                tensor.dtype(),
                tensor.dims(),
                shape.dims()
            );
        }
        self.contiguous()
    }

    /// Demands as many elements as a shape has, whatever their order of dimensions, and a format.
    pub(crate) fn holds(self, elements: usize, dtype: DType) -> Result<Self> {
        let Self { op, name, tensor } = self;
        if tensor.elem_count() != elements || tensor.dtype() != dtype {
            bail!(
                "{op}: {name} is {:?} {:?}, expected {dtype:?} with {elements} elements",
                tensor.dtype(),
                tensor.dims()
            );
        }
        self.contiguous()
    }

    /// Demands that elements lie side by side.
    pub(crate) fn contiguous(self) -> Result<Self> {
        let Self { op, name, tensor } = self;
        if tensor.is_contiguous() {
            Ok(self)
        } else {
            bail!(
                "{op}: {name} {:?} has gaps; make it contiguous",
                tensor.dims()
            )
        }
    }
}

/// Rows and columns of a tensor whose last dimension is what an operation works along.
pub(crate) fn rows_and_columns(op: &'static str, tensor: &Tensor) -> Result<(usize, usize)> {
    match tensor.dims() {
        [] => bail!("{op}: a scalar has no rows"),
        [rows @ .., columns] => Ok((rows.iter().product(), *columns)),
    }
}

/// Refuses number formats that no kernel has.
pub(crate) fn floating(op: &'static str, dtype: DType) -> Result<()> {
    match dtype {
        DType::F32 | DType::F16 | DType::BF16 => Ok(()),
        other => bail!("{op}: the number format is {other:?}, expected f32, f16 or bf16"),
    }
}

/// Writes what a plain computation gave into `out`, whose number of elements it must have.
pub(crate) fn write(out: &Tensor, computed: &Tensor) -> Result<()> {
    let computed = computed
        .to_dtype(out.dtype())?
        .reshape(out.shape())?
        .contiguous()?;
    match out.rank() {
        0 => bail!("an output has at least one dimension"),
        _ => out.slice_set(&computed, 0, 0),
    }
}
