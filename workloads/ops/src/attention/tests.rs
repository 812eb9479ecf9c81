//! The plain version against sums written out, the naive one against the plain one, and refusals.

use candle_core::{DType, Device, Tensor};

use super::*;
use crate::case::Draw;

const CPU: Device = Device::Cpu;

/// Query, keys and values of `[batch, heads, length, d]` and `[batch, kv_heads, places, d]`.
fn draw(
    [batch, heads, kv_heads, d]: [usize; 4],
    length: usize,
    places: usize,
) -> (Tensor, Tensor, Tensor) {
    let mut draw = Draw::new(7);
    (
        draw.normal((batch, heads, length, d), 1.0).unwrap(),
        draw.normal((batch, kv_heads, places, d), 1.0).unwrap(),
        draw.normal((batch, kv_heads, places, d), 1.0).unwrap(),
    )
}

/// What query `row` of head `head` gives when it sees the first `seen` places.
fn by_hand(
    (query, keys, values): (&Tensor, &Tensor, &Tensor),
    [sequence, head, row]: [usize; 3],
    seen: usize,
    scale: f64,
) -> Vec<f64> {
    let share = query.dim(1).unwrap() / keys.dim(1).unwrap();
    let vector = |x: &Tensor, head: usize, row: usize| {
        let row = x.get(sequence).unwrap().get(head).unwrap().get(row);
        row.unwrap().to_vec1::<f32>().unwrap()
    };
    let asked = vector(query, head, row);
    let weights: Vec<f64> = (0..seen)
        .map(|place| {
            let key = vector(keys, head / share, place);
            let products = asked.iter().zip(&key);
            let score: f64 = products.map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
            (score * scale).exp()
        })
        .collect();
    let total: f64 = weights.iter().sum();
    let mut sum = vec![0.0; asked.len()];
    for (place, weight) in weights.iter().enumerate() {
        for (sum, value) in sum.iter_mut().zip(vector(values, head / share, place)) {
            *sum += weight / total * f64::from(value);
        }
    }
    sum
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    let wide = |x: &Tensor| x.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
    let difference = (wide(a) - wide(b)).unwrap().abs().unwrap();
    difference.max(0).unwrap().to_scalar::<f32>().unwrap()
}

fn zeros(shape: (usize, usize)) -> Tensor {
    Tensor::zeros(shape, DType::F32, &CPU).unwrap()
}

#[test]
fn causal_queries_see_what_is_before_them() {
    let (heads, kv_heads, d, length, start) = (4, 2, 8, 5, 3);
    let (query, keys, values) = draw([2, heads, kv_heads, d], length, 11);
    let out = zeros((2 * length, heads * d));
    prefill(&query, &keys, &values, start, true, 0.3, &out).unwrap();
    let rows = out.to_vec2::<f32>().unwrap();
    for sequence in 0..2 {
        for head in 0..heads {
            for row in 0..length {
                let place = [sequence, head, row];
                let expected = by_hand((&query, &keys, &values), place, start + row + 1, 0.3);
                let found = &rows[sequence * length + row][head * d..(head + 1) * d];
                for (found, expected) in found.iter().zip(expected) {
                    assert!((f64::from(*found) - expected).abs() < 1e-5, "{place:?}");
                }
            }
        }
    }
}

#[test]
fn a_step_gives_what_the_prompt_gave() {
    let (heads, kv_heads, d, length) = (6, 2, 8, 9);
    let (query, keys, values) = draw([2, heads, kv_heads, d], length, 12);
    let prompt = zeros((2 * length, heads * d));
    prefill(&query, &keys, &values, 0, true, 0.3, &prompt).unwrap();
    let prompt = prompt.reshape((2, length, heads * d)).unwrap();
    let scratch = DecodeScratch::new(2, heads, d, 12, &CPU).unwrap();
    for place in [0, 4, 8] {
        let one = query.narrow(2, place, 1).unwrap().contiguous().unwrap();
        let expected = prompt.narrow(1, place, 1).unwrap();
        let on_device = Tensor::new(&[u32::try_from(place).unwrap()], &CPU).unwrap();
        for kind in [Kind::Fused, Kind::Naive] {
            for position in [Start::At(place), Start::Device(&on_device)] {
                let out = zeros((2, heads * d));
                (kind.decode())(&one, &keys, &values, position, 0.3, &scratch, &out).unwrap();
                let difference = largest_difference(&out, &expected);
                assert!(difference < 1e-5, "{kind:?} {position:?}: {difference}");
            }
        }
    }
}

#[test]
fn naive_prompts_equal_plain_ones() {
    for (heads, kv_heads, length, start, causal) in [
        (4, 4, 7, 0, true),
        (4, 2, 7, 5, true),
        (4, 1, 1, 0, true),
        (4, 4, 7, 0, false),
        (6, 2, 3, 9, false),
    ] {
        let (query, keys, values) = draw([2, heads, kv_heads, 16], length, 15);
        let (fused, naive) = (
            zeros((2 * length, heads * 16)),
            zeros((2 * length, heads * 16)),
        );
        prefill(&query, &keys, &values, start, causal, 0.25, &fused).unwrap();
        naive::prefill(&query, &keys, &values, start, causal, 0.25, &naive).unwrap();
        let difference = largest_difference(&fused, &naive);
        assert!(
            difference < 1e-5,
            "{heads}/{kv_heads} {causal}: {difference}"
        );
    }
}

#[test]
fn cross_attention_may_look_at_a_part_of_a_longer_cache() {
    let (query, keys, values) = draw([2, 3, 3, 8], 4, 20);
    let part = |x: &Tensor| x.narrow(2, 0, 13).unwrap();
    let (gaps, none) = (zeros((8, 24)), zeros((8, 24)));
    prefill(&query, &part(&keys), &part(&values), 0, false, 0.3, &gaps).unwrap();
    let whole = |x: &Tensor| part(x).contiguous().unwrap();
    prefill(&query, &whole(&keys), &whole(&values), 0, false, 0.3, &none).unwrap();
    assert_eq!(largest_difference(&gaps, &none), 0.0);
}

#[test]
fn encoders_see_each_sequence_up_to_its_length() {
    let (batch, heads, d, length) = (3, 2, 8, 6);
    let mut draw = Draw::new(3);
    let qkv = draw.normal((batch, length, 3 * heads * d), 1.0).unwrap();
    let lengths = Tensor::new(&[1_u32, 4, 6], &CPU).unwrap();
    let out = zeros((batch * length, heads * d));
    encoder(&qkv, Some(&lengths), heads, 0.3, &out).unwrap();
    let split = qkv.reshape((batch, length, 3 * heads, d)).unwrap();
    let part = |index: usize| {
        let part = split.narrow(2, index * heads, heads).unwrap();
        part.transpose(1, 2).unwrap().contiguous().unwrap()
    };
    let (query, keys, values) = (part(0), part(1), part(2));
    let rows = out.to_vec2::<f32>().unwrap();
    for (sequence, seen) in [(0, 1), (1, 4), (2, 6)] {
        let place = [sequence, 1, 2];
        let expected = by_hand((&query, &keys, &values), place, seen, 0.3);
        for (found, expected) in rows[sequence * length + 2][d..].iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{place:?}");
        }
    }
    // Rows without a batch dimension, and the naive way.
    let flat = qkv.reshape((batch * length, 3 * heads * d)).unwrap();
    for given in [&qkv, &flat] {
        let naive = zeros((batch * length, heads * d));
        naive::encoder(given, Some(&lengths), heads, 0.3, &naive).unwrap();
        assert!(largest_difference(&out, &naive) < 1e-5);
    }
    let (all, whole) = (out.zeros_like().unwrap(), out.zeros_like().unwrap());
    encoder(&qkv, None, heads, 0.3, &all).unwrap();
    naive::encoder(&qkv, None, heads, 0.3, &whole).unwrap();
    assert!(largest_difference(&all, &whole) < 1e-5);
    assert!(largest_difference(&all, &out) > 0.1, "lengths matter");
}

#[test]
fn what_does_not_fit_is_named() {
    let (query, keys, values) = draw([1, 4, 2, 8], 3, 10);
    let out = zeros((3, 32));
    let message = |result: Result<()>| result.unwrap_err().to_string();
    let refused = message(prefill(&query, &keys, &values, 8, true, 0.3, &out));
    assert!(refused.contains("3 queries from place 8"), "{refused}");
    let refused = message(prefill(&query, &keys, &query, 0, true, 0.3, &out));
    assert!(refused.contains("values are"), "{refused}");
    let refused = message(prefill(&query, &keys, &values, 0, true, 0.3, &keys));
    assert!(refused.contains("out is"), "{refused}");
    let three = keys.narrow(1, 0, 1).unwrap().repeat((1, 3, 1, 1)).unwrap();
    let refused = message(prefill(&query, &three, &three, 0, true, 0.3, &out));
    assert!(refused.contains("cannot share"), "{refused}");
    let flat = Tensor::zeros((6, 24), DType::F32, &CPU).unwrap();
    let refused = message(encoder(&flat, None, 1, 0.3, &flat));
    assert!(refused.contains("with lengths"), "{refused}");
    let scratch = DecodeScratch::new(1, 4, 8, 10, &CPU).unwrap();
    let one = query.narrow(2, 0, 1).unwrap().contiguous().unwrap();
    let out = zeros((1, 32));
    let late = Tensor::new(&[10_u32], &CPU).unwrap();
    for position in [Start::At(10), Start::Device(&late)] {
        let refused = message(decode(&one, &keys, &values, position, 0.3, &scratch, &out));
        assert!(refused.contains("do not fit 10 places"), "{refused}");
    }
    let refused = message(decode(
        &query,
        &keys,
        &values,
        Start::At(0),
        0.3,
        &scratch,
        &out,
    ));
    assert!(refused.contains("expected 1"), "{refused}");
}

#[test]
fn sixteen_bit_formats_stay_near_f32() {
    let (query, keys, values) = draw([1, 4, 2, 16], 9, 9);
    let expected = zeros((9, 64));
    prefill(&query, &keys, &values, 0, true, 0.25, &expected).unwrap();
    for (dtype, bound) in [(DType::F16, 0.01), (DType::BF16, 0.08)] {
        let cast = |x: &Tensor| x.to_dtype(dtype).unwrap();
        for kind in [Kind::Fused, Kind::Naive] {
            let out = Tensor::zeros((9, 64), dtype, &CPU).unwrap();
            let (query, keys, values) = (cast(&query), cast(&keys), cast(&values));
            (kind.prefill())(&query, &keys, &values, 0, true, 0.25, &out).unwrap();
            let difference = largest_difference(&out, &expected);
            assert!(difference < bound, "{dtype:?} {kind:?}: {difference}");
        }
    }
}
