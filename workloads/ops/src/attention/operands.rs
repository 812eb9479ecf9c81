//! What attention demands of its tensors, and what kernels need to know of them.

use candle_core::{DType, Result, Tensor, bail};

use crate::Start;
use crate::contract::{floating, operand};

/// Steps between neighbours in the memory of a tensor `[batch, heads, rows, d]`, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strides {
    pub(super) batch: usize,
    pub(super) head: usize,
    pub(super) row: usize,
}

impl Strides {
    /// Those of a tensor whose rows have no gaps.
    fn of(op: &'static str, name: &str, tensor: &Tensor) -> Result<Self> {
        let [batch, head, row, 1] = *tensor.stride() else {
            bail!(
                "{op}: {name} {:?} has gaps within its rows; make it contiguous",
                tensor.dims()
            );
        };
        Ok(Self { batch, head, row })
    }
}

/// The shape of attention: who looks at how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) batch: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    /// Queries of a sequence.
    pub(super) length: usize,
    /// Places that the cache has.
    pub(super) places: usize,
    pub(super) d: usize,
    pub(super) dtype: DType,
}

impl Shape {
    /// Of a query `[batch, heads, length, d]` and a cache `[batch, kv_heads, places, d]`.
    pub(super) fn new(
        op: &'static str,
        query: &Tensor,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<Self> {
        floating(op, query.dtype())?;
        let (Ok((batch, heads, length, d)), Ok((_, kv_heads, places, _))) =
            (query.dims4(), keys.dims4())
        else {
            bail!(
                "{op}: query is {:?} and keys {:?}, expected [batch, heads, length, d] and \
                 [batch, kv_heads, places, d]",
                query.dims(),
                keys.dims()
            );
        };
        for (name, tensor) in [("keys", keys), ("values", values)] {
            if tensor.dims() != [batch, kv_heads, places, d] || tensor.dtype() != query.dtype() {
                bail!(
                    "{op}: {name} are {:?} {:?}, expected {:?} [{batch}, {kv_heads}, {places}, \
                     {d}] like the query and the keys",
                    tensor.dtype(),
                    tensor.dims(),
                    query.dtype()
                );
            }
        }
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            bail!("{op}: {heads} query heads cannot share {kv_heads} key heads evenly");
        }
        if batch * heads * length * places * d == 0 {
            bail!(
                "{op}: query {:?} or keys {:?} are empty",
                query.dims(),
                keys.dims()
            );
        }
        Ok(Self {
            batch,
            heads,
            kv_heads,
            length,
            places,
            d,
            dtype: query.dtype(),
        })
    }

    /// Refuses an `out` of another size or format than `[batch · length, heads · d]`.
    pub(super) fn check_out(&self, op: &'static str, out: &Tensor) -> Result<()> {
        let elements = self.batch * self.length * self.heads * self.d;
        operand(op, "out", out).holds(elements, self.dtype)?;
        Ok(())
    }

    /// Refuses a query whose place the cache does not have.
    pub(super) fn check_causal(&self, op: &'static str, start: usize) -> Result<()> {
        if start + self.length > self.places {
            bail!(
                "{op}: {} queries from place {start} on do not fit {} places; make the cache longer",
                self.length,
                self.places
            );
        }
        Ok(())
    }
}

/// A tensor `[batch, heads, rows, d]` as kernels see it.
pub(super) struct Rows {
    /// Memory that begins with the first row: all of it, or only that row where the rows of the
    /// rest have gaps between them, which no tensor without gaps can say.
    pub(super) memory: Tensor,
    pub(super) strides: Strides,
}

impl Rows {
    fn new(op: &'static str, name: &str, tensor: &Tensor) -> Result<Self> {
        let memory = if tensor.is_contiguous() {
            tensor.clone()
        } else {
            tensor.narrow(0, 0, 1)?.narrow(1, 0, 1)?.narrow(2, 0, 1)?
        };
        Ok(Self {
            memory,
            strides: Strides::of(op, name, tensor)?,
        })
    }

    /// Heads of width `d` that begin at column `begin` of fused rows `[batch, length, columns]`.
    pub(super) fn part(fused: &Tensor, begin: usize, d: usize) -> Result<Self> {
        let (_, length, columns) = fused.dims3()?;
        let flat = fused.flatten_all()?;
        Ok(Self {
            memory: flat.narrow(0, begin, flat.elem_count() - begin)?,
            strides: Strides {
                batch: length * columns,
                head: d,
                row: columns,
            },
        })
    }

    /// Refuses rows that do not begin at multiples of 16 bytes, the width of a load.
    pub(super) fn check_aligned(&self, op: &str) -> Result<()> {
        let bytes = self.memory.dtype().size_in_bytes();
        let Strides { batch, head, row } = self.strides;
        let starts = [self.memory.layout().start_offset(), batch, head, row];
        if starts
            .iter()
            .any(|start| !(start * bytes).is_multiple_of(16))
        {
            bail!(
                "{op}: rows begin at element {} and every {row}, {head}, {batch} elements, \
                 expected multiples of 16 bytes",
                starts[0]
            );
        }
        Ok(())
    }
}

/// Checked operands of attention over many queries.
pub(super) struct PrefillOperands<'a> {
    pub(super) op: &'static str,
    pub(super) shape: Shape,
    pub(super) query: Rows,
    pub(super) keys: Rows,
    pub(super) values: Rows,
    pub(super) lengths: Option<&'a Tensor>,
    /// Place of the first query, where queries see only what is before them.
    pub(super) causal_from: Option<usize>,
    pub(super) out: &'a Tensor,
}

impl<'a> PrefillOperands<'a> {
    pub(super) fn new(
        query: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        start: usize,
        causal: bool,
        out: &'a Tensor,
    ) -> Result<Self> {
        let op = "prefill attention";
        let shape = Shape::new(op, query, keys, values)?;
        shape.check_out(op, out)?;
        if causal {
            shape.check_causal(op, start)?;
        }
        let (keys, values) = alike(op, keys, values)?;
        Ok(Self {
            op,
            shape,
            query: Rows::new(op, "query", query)?,
            keys,
            values,
            lengths: None,
            causal_from: causal.then_some(start),
            out,
        })
    }
}

/// Keys and values, which kernels walk over with the same steps.
fn alike(op: &'static str, keys: &Tensor, values: &Tensor) -> Result<(Rows, Rows)> {
    let (keys, values) = (
        Rows::new(op, "keys", keys)?,
        Rows::new(op, "values", values)?,
    );
    if keys.strides == values.strides {
        Ok((keys, values))
    } else {
        bail!("{op}: keys and values lie in memory in different ways; make both contiguous")
    }
}

/// Checked operands of attention within the sequences of an encoder.
pub(super) struct EncoderOperands<'a> {
    /// `[batch, length, 3 · heads · d]`.
    pub(super) qkv: Tensor,
    pub(super) prefill: PrefillOperands<'a>,
}

impl EncoderOperands<'_> {
    /// The same, where each place sees only those before it and itself.
    pub(super) fn causal(mut self) -> Self {
        self.prefill.causal_from = Some(0);
        self
    }
}

impl<'a> EncoderOperands<'a> {
    pub(super) fn new(
        qkv: &Tensor,
        lengths: Option<&'a Tensor>,
        heads: usize,
        out: &'a Tensor,
    ) -> Result<Self> {
        let op = "encoder attention";
        operand(op, "qkv", qkv).contiguous()?;
        let qkv = match (qkv.dims(), lengths) {
            ([_, _, _], _) => qkv.clone(),
            ([rows, columns], Some(lengths)) => {
                let batch = lengths.elem_count().max(1);
                qkv.reshape((batch, rows / batch, *columns))?
            }
            (dims, _) => bail!(
                "{op}: qkv is {dims:?}, expected [batch, length, 3·heads·d], or [batch·length, \
                 3·heads·d] with lengths"
            ),
        };
        let (batch, length, columns) = qkv.dims3()?;
        if heads == 0 || !columns.is_multiple_of(3 * heads) {
            bail!("{op}: rows of {columns} values are no 3 times {heads} heads");
        }
        if let Some(lengths) = lengths {
            operand(op, "lengths", lengths).is(batch, DType::U32)?;
        }
        let d = columns / (3 * heads);
        let split = qkv.reshape((batch, length, 3 * heads, d))?;
        let part = |index: usize| split.narrow(2, index * heads, heads)?.transpose(1, 2);
        let shape = Shape::new(op, &part(0)?, &part(1)?, &part(2)?)?;
        shape.check_out(op, out)?;
        let rows = |index: usize| Rows::part(&qkv, index * heads * d, d);
        Ok(Self {
            prefill: PrefillOperands {
                op,
                shape,
                query: rows(0)?,
                keys: rows(1)?,
                values: rows(2)?,
                lengths,
                causal_from: None,
                out,
            },
            qkv,
        })
    }
}

/// Checked operands of attention for one query per sequence.
pub(super) struct DecodeOperands<'a> {
    pub(super) op: &'static str,
    pub(super) shape: Shape,
    pub(super) query: &'a Tensor,
    pub(super) keys: Rows,
    pub(super) values: Rows,
    pub(super) position: Start<'a>,
    pub(super) out: &'a Tensor,
}

impl<'a> DecodeOperands<'a> {
    pub(super) fn new(
        query: &'a Tensor,
        keys: &Tensor,
        values: &Tensor,
        position: Start<'a>,
        out: &'a Tensor,
    ) -> Result<Self> {
        let op = "decode attention";
        let shape = Shape::new(op, query, keys, values)?;
        if shape.length != 1 {
            bail!("{op}: {} queries per sequence, expected 1", shape.length);
        }
        operand(op, "query", query).contiguous()?;
        shape.check_out(op, out)?;
        position.check()?;
        if let Start::At(position) = position {
            shape.check_causal(op, position)?;
        }
        let (keys, values) = alike(op, keys, values)?;
        Ok(Self {
            op,
            shape,
            query,
            keys,
            values,
            position,
            out,
        })
    }

    /// The position as a number that the cache has. Kernels, which cannot refuse, see all places
    /// where it has not.
    pub(super) fn position_on_host(&self) -> Result<usize> {
        let position = self.position.resolve()?;
        self.shape.check_causal(self.op, position)?;
        Ok(position)
    }
}
