//! Attention on a GPU.

use candle_core::{DType, Result, Tensor, bail};

use super::operands::{DecodeOperands, EncoderOperands, PrefillOperands, Rows, Strides};
use super::plan::{
    DecodePlan, HEAD_SIZES, PrefillPlan, PrefillWork, ROWS, STEP_HEAD_SIZES, WIDE, decode_rows,
    head_size, prefill_f32_shared_bytes, wide_shared_bytes,
};
use super::scratch::DecodeScratch;
use crate::cuda::Argument::{self, Count, Extend, Long, Maybe, Number, Position, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name, wide};
use crate::rope::Tables;

/// Kernels take exponentials to the base 2.
fn to_base_2(scale: f32) -> Result<f32> {
    if scale > 0.0 && scale.is_finite() {
        Ok(scale * std::f32::consts::LOG2_E)
    } else {
        bail!("attention: the scale is {scale}, expected a positive number")
    }
}

fn strides(strides: Strides) -> [Argument<'static>; 3] {
    [strides.batch, strides.head, strides.row].map(|stride| Long(stride as u64))
}

/// Refuses rows that kernels cannot take.
fn check(op: &str, d: usize, rows: &[&Rows], out: &Tensor) -> Result<()> {
    for rows in rows {
        rows.check_aligned(op)?;
    }
    if !wide(&[out], d) {
        bail!("{op}: out does not begin at a multiple of 16 bytes");
    }
    Ok(())
}

pub(super) fn encoder(gpu: Gpu<'_>, operands: &EncoderOperands<'_>, scale: f32) -> Result<()> {
    prefill(gpu, &operands.prefill, scale)
}

pub(super) fn prefill(gpu: Gpu<'_>, operands: &PrefillOperands<'_>, scale: f32) -> Result<()> {
    let PrefillOperands {
        op,
        shape,
        query,
        keys,
        values,
        lengths,
        causal_from,
        out,
    } = operands;
    head_size(op, shape.d, &HEAD_SIZES)?;
    check(op, shape.d, &[query, keys, values], out)?;
    // Where queries see only what is before them, places behind the last are not there.
    let places = causal_from.map_or(shape.places, |start| start + shape.length);
    let tensors = [
        Read(&query.memory),
        Read(&keys.memory),
        Read(&values.memory),
        Write(out),
        Maybe(*lengths),
    ];
    let sizes = [
        Count(shape.heads / shape.kv_heads),
        Count(shape.length),
        Count(places),
        Count(causal_from.unwrap_or(0)),
        Count(usize::from(causal_from.is_some())),
        Number(to_base_2(scale)?),
    ];
    let steps = [strides(query.strides), strides(keys.strides)].concat();
    let of_64_rows = match (shape.dtype, shape.d) {
        (DType::F32, d) => Some((
            "attention_f32",
            "attention_prefill",
            prefill_f32_shared_bytes(d),
        )),
        (_, WIDE) => Some(("attention_wide", "attention_wide", wide_shared_bytes())),
        _ => None,
    };
    if let Some((file, root, shared_bytes)) = of_64_rows {
        let name = format!("{}_{}", kernel_name(root, shape.dtype, true)?, shape.d);
        let kernel = Kernel::new(file, &name)
            .grid([shape.length.div_ceil(ROWS), shape.batch * shape.heads, 1])
            .threads(256)
            .shared(shared_bytes);
        let heads = [Count(shape.heads)];
        return gpu.launch(&kernel, &[&tensors[..], &heads, &sizes, &steps].concat());
    }
    let root = kernel_name("attention_prefill", shape.dtype, true)?;
    let plan = PrefillPlan::new(&PrefillWork {
        batch: shape.batch,
        heads: shape.heads,
        kv_heads: shape.kv_heads,
        length: shape.length,
        places,
        d: shape.d,
        causal: causal_from.is_some(),
    });
    let name = format!("{root}_{}_{}", shape.d, plan.rows);
    let kernel = Kernel::new("attention_prefill", &name)
        .grid([plan.blocks, 1, 1])
        .threads(128)
        .shared(plan.shared_bytes);
    let heads = [Count(shape.heads), Count(shape.batch * shape.heads)];
    let order = [Count(plan.heads_at_once)];
    gpu.launch(
        &kernel,
        &[&tensors[..], &heads, &sizes, &steps, &order].concat(),
    )
}

/// Where the query and the newest key and value come from, if not from the operands.
#[derive(Clone, Copy)]
pub(super) struct Newest<'a> {
    pub(super) qkv: &'a Tensor,
    pub(super) tables: Option<&'a Tables>,
}

pub(super) fn decode(
    gpu: Gpu<'_>,
    operands: &DecodeOperands<'_>,
    newest: Option<Newest<'_>>,
    scale: f32,
    scratch: &DecodeScratch,
) -> Result<()> {
    let DecodeOperands {
        op,
        shape,
        query,
        keys,
        values,
        position,
        out,
    } = operands;
    head_size(op, shape.d, &STEP_HEAD_SIZES)?;
    check(op, shape.d, &[keys, values], out)?;
    let source = newest.map_or(*query, |newest| newest.qkv);
    if !wide(&[source], shape.d) {
        bail!("{op}: the query does not begin at a multiple of 16 bytes");
    }
    let groups = shape.batch * shape.kv_heads;
    let sharing = shape.heads / shape.kv_heads;
    let plan = DecodePlan::new(groups, sharing, shape.places, shape.d, shape.dtype);
    let parts = groups * plan.tiles * plan.splits;
    let floats = parts * decode_rows(shape.dtype) * (shape.d + 2);
    if plan.splits > 1
        && (parts > scratch.counters.elem_count() || floats > scratch.parts.elem_count())
    {
        bail!(
            "{op}: the scratch was made for less than {} sequences of {} heads of {} and {} places",
            shape.batch,
            shape.heads,
            shape.d,
            shape.places
        );
    }
    let root = match (newest, plan.short) {
        (None, false) => "attention_decode",
        (None, true) => "attention_decode_short",
        (Some(_), false) => "attention_step",
        (Some(_), true) => "attention_step_short",
    };
    let root = kernel_name(root, shape.dtype, true)?;
    let name = format!("{root}_{}", shape.d);
    let file = match shape.dtype {
        DType::F32 => "attention_f32",
        _ => "attention_decode",
    };
    let query_bytes = sharing.min(decode_rows(shape.dtype)) * shape.d * shape.dtype.size_in_bytes();
    let kernel = Kernel::new(file, &name)
        .grid([plan.splits, plan.tiles, groups])
        .threads(128)
        .shared(plan.shared_bytes + newest.map_or(0, |_| query_bytes));
    let tensors = match newest {
        None => vec![Read(query), Read(&keys.memory), Read(&values.memory)],
        Some(Newest { qkv, tables }) => vec![
            Read(qkv),
            Maybe(tables.map(|tables| &tables.cos)),
            Maybe(tables.map(|tables| &tables.sin)),
            Extend(&keys.memory),
            Extend(&values.memory),
        ],
    };
    let sizes = [
        Write(out),
        Position(*position),
        Count(shape.places),
        Write(&scratch.parts),
        Write(&scratch.counters),
        Count(shape.kv_heads),
        Count(sharing),
        Number(to_base_2(scale)?),
    ];
    gpu.launch(
        &kernel,
        &[&tensors[..], &sizes, &strides(keys.strides)].concat(),
    )
}
