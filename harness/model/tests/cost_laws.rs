//! Laws that the counts of every model obey.

#![expect(
    clippy::float_cmp,
    reason = "counts are whole numbers, which floats hold exactly"
)]

use std::fmt::Write as _;

use model::axis::{Axis, AxisValue};
use model::cost::decoder::{Decoder, Lengths};
use model::cost::number_format::NumberFormat;
use model::cost::phase::Phase;
use model::cost::workload;
use model::decimal::Decimal;
use model::point::Point;
use model::workload::{MODELS, PRECISIONS};
use proptest::prelude::*;

const BATCH: (Axis, u64) = (Axis::Batch, 1);

/// Axes that decide how much work a model has, each with a small value; a step that is allowed.
fn extents(model: &str) -> &'static [(Axis, u64)] {
    const PROMPT: (Axis, u64) = (Axis::PromptTokens, 16);
    const DECODE: (Axis, u64) = (Axis::DecodeTokens, 8);
    match model.split('-').next().unwrap_or_default() {
        "llama" | "gpt2" | "starcoder" => &[BATCH, PROMPT, DECODE],
        "bert" | "roberta" | "lstm" => &[BATCH, PROMPT],
        "whisper" => &[BATCH, DECODE],
        "stable" | "sdxl" => &[BATCH, (Axis::ResolutionPx, 128), (Axis::Steps, 2)],
        _ if model == "vit-huge" => &[BATCH, (Axis::ResolutionPx, 112)],
        _ => &[BATCH, (Axis::ResolutionPx, 64)],
    }
}

fn is_small(model: &str) -> bool {
    [
        "gpt2-tiny",
        "starcoder-tiny",
        "bert-tiny",
        "roberta-tiny",
        "whisper-micro",
    ]
    .contains(&model)
}

fn text(word: &str) -> AxisValue {
    AxisValue::Text(word.into())
}

fn small(model: &str) -> Point {
    let point = Point::default()
        .with(Axis::Model, text(model))
        .with(Axis::Precision, text("bf16"));
    extents(model).iter().fold(point, |point, (axis, value)| {
        point.with(*axis, AxisValue::Integer(*value))
    })
}

fn phases(point: &Point) -> Vec<Phase> {
    workload::phases(point).unwrap_or_else(|error| panic!("{point}: {error}"))
}

/// Everything that must not shrink when there is more to do.
fn needs(phase: &Phase) -> Vec<f64> {
    let cost = phase.cost;
    let mut needs: Vec<f64> = cost.operations.iter().map(|(_, count)| count).collect();
    needs.extend([cost.dram_bytes, cost.cache_bytes, cost.kernels]);
    needs.extend([phase.matrix_operations, phase.weight_bytes]);
    needs.extend([phase.kv_bytes, phase.spilled_bytes]);
    needs
}

#[test]
fn every_model_of_the_vocabulary_is_counted_in_every_format() {
    for model in MODELS {
        for precision in PRECISIONS {
            let point = small(model).with(Axis::Precision, text(precision));
            for phase in phases(&point) {
                let name = format!("{point} {}", phase.name);
                assert!(needs(&phase).iter().all(|need| need.is_finite()), "{name}");
                assert!(phase.units > 0 && phase.parameters > 0, "{name}");
                assert!(phase.matrix_operations > 0.0, "{name}");
                let cost = phase.cost;
                assert!(cost.operations.sum() > phase.matrix_operations, "{name}");
                let parts = phase.weight_bytes + phase.kv_bytes + phase.spilled_bytes;
                assert!(cost.dram_bytes >= parts, "{name}");
                // What comes from memory passes the cache on its way; new keys are counted once.
                assert!(cost.cache_bytes >= phase.weight_bytes, "{name}");
                assert!(cost.kernels >= count(phase.passes), "{name}");
                assert!((cost.toggle - 1.0).abs() < 1e-12, "{name}");
                assert_eq!(cost.host.get(), 0.0, "{name}");
            }
        }
    }
}

#[test]
fn the_output_phase_is_the_last_one() {
    let output = |model| workload::output(&small(model)).unwrap();
    assert_eq!(output("llama-7b"), ("decode", "token"));
    assert_eq!(output("bert-base"), ("infer", "request"));
    assert_eq!(output("sdxl"), ("vae_decode", "image"));
    let prefill = small("llama-7b").with(Axis::Phase, text("prefill"));
    assert_eq!(workload::output(&prefill).unwrap(), ("prefill", "token"));
}

#[test]
fn the_axis_phase_leaves_that_phase_alone() {
    let point = small("llama-7b");
    let both = phases(&point);
    for phase in &both {
        let one = phases(&point.clone().with(Axis::Phase, text(phase.name)));
        assert_eq!(one, [*phase]);
    }
    assert_eq!(both[0].units, 16);
    assert_eq!(both[1].units, 8);
    // A prefill alone needs no length of its decode.
    let prefill: Point = point
        .iter()
        .filter(|(axis, _)| *axis != Axis::DecodeTokens)
        .map(|(axis, value)| (axis, value.clone()))
        .collect();
    let prefill = prefill.with(Axis::Phase, text("prefill"));
    assert_eq!(phases(&prefill), [both[0]]);
}

/// Guidance above 1 runs the network twice a step, with and without the caption.
#[test]
fn guidance_doubles_the_steps_of_a_denoiser() {
    let denoise = |model, guidance: u64| {
        let guidance = AxisValue::number(Decimal::thousandths(guidance));
        phases(&small(model).with(Axis::Guidance, guidance))[1].matrix_operations
    };
    for model in ["stable-diffusion-1.5", "sdxl-turbo"] {
        assert_eq!(denoise(model, 7_500), 2.0 * denoise(model, 1_000));
        assert_eq!(denoise(model, 0), denoise(model, 1_000));
    }
    let native = phases(&small("stable-diffusion-1.5"))[1].matrix_operations;
    assert_eq!(native, denoise("stable-diffusion-1.5", 7_500));
}

#[test]
fn work_that_cannot_be_counted_is_refused_with_a_reason() {
    let refusal = |point: &Point| workload::phases(point).unwrap_err().to_string();
    let with = |model, axis, value: u64| small(model).with(axis, AxisValue::Integer(value));
    let messages = [
        refusal(&Point::default()),
        refusal(&small("llama-7b").with(Axis::Model, text("llama-8b")))
            .split(" one of")
            .next()
            .unwrap()
            .to_owned(),
        refusal(&Point::default().with(Axis::Model, text("vit-base"))),
        refusal(
            &Point::default()
                .with(Axis::Model, text("llama-7b"))
                .with(Axis::Precision, text("f16"))
                .with(BATCH.0, AxisValue::Integer(1)),
        ),
        refusal(&with("llama-7b", Axis::Steps, 4)),
        refusal(&small("edsr").with(Axis::Quantisation, text("q4_k"))),
        refusal(&with("gpt2-xl", Axis::PromptTokens, 1024)),
        refusal(&with("gpt2-xl", Axis::DecodeTokens, 1009)),
        refusal(&with("bert-base", Axis::PromptTokens, 513)),
        refusal(&with("whisper-tiny", Axis::DecodeTokens, 445)),
        refusal(&with("sdxl", Axis::ResolutionPx, 1000)),
        refusal(&with("llama-7b", Axis::Batch, 0)),
        refusal(&small("llama-7b").with(Axis::Batch, text("two"))),
        refusal(&small("whisper-tiny").with(Axis::Phase, text("prefill"))),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

/// The counts that people look up: one request at the native size.
#[test]
fn the_table_of_all_models() {
    let mut table = format!(
        "{:<20} {:<12} {:>8} {:>14} {:>11} {:>11} {:>11} {:>11} {:>8}\n",
        "model",
        "phase",
        "units",
        "parameters",
        "GFLOP",
        "weights MB",
        "memory MB",
        "cache MB",
        "kernels"
    );
    for model in MODELS {
        let native = extents(model)
            .iter()
            .fold(small(model), |point, (axis, _)| {
                let value = match axis {
                    Axis::Batch => 1,
                    Axis::PromptTokens if *model == "lstm-sentiment" => 300,
                    // Models of this project with room for 128 tokens.
                    Axis::PromptTokens if is_small(model) => 96,
                    Axis::DecodeTokens if is_small(model) => 32,
                    Axis::PromptTokens => 384,
                    Axis::DecodeTokens => 128,
                    Axis::Steps => 50,
                    _ => match *model {
                        "vit-base" | "vit-large" | "vit-huge" | "resnet-50" => 224,
                        "stable-diffusion-2.1" => 768,
                        "sdxl" => 1024,
                        "faster-rcnn" => 800,
                        "deeplabv3" => 520,
                        "real-esrgan" | "edsr" => 256,
                        model if model.starts_with("yolo") => 640,
                        _ => 512,
                    },
                };
                point.with(*axis, AxisValue::Integer(value))
            });
        for phase in phases(&native) {
            let _ = writeln!(
                table,
                "{model:<20} {:<12} {:>8} {:>14} {:>11.3} {:>11.3} {:>11.3} {:>11.3} {:>8}",
                phase.name,
                phase.units,
                phase.parameters,
                phase.matrix_operations / 1e9,
                phase.weight_bytes / 1e6,
                phase.cost.dram_bytes / 1e6,
                phase.cost.cache_bytes / 1e6,
                phase.cost.kernels,
            );
        }
    }
    insta::assert_snapshot!(table);
}

#[expect(clippy::cast_precision_loss, reason = "counts of tests are small")]
fn count(value: u64) -> f64 {
    value as f64
}

fn tiny() -> (Decoder, NumberFormat) {
    (
        Decoder::named("llama-tiny").expect("a model of the vocabulary"),
        NumberFormat::of("f32", "none").expect("words of the vocabulary"),
    )
}

fn any_model() -> impl Strategy<Value = &'static str> {
    prop::sample::select(MODELS)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_are_linear_in_the_batch_and_weights_do_not_grow_with_it(
        model in any_model(), batch in 2u64..64,
    ) {
        let one = phases(&small(model));
        let many = phases(&small(model).with(Axis::Batch, AxisValue::Integer(batch)));
        for (one, many) in one.iter().zip(&many) {
            prop_assert_eq!(many.matrix_operations, count(batch) * one.matrix_operations);
            prop_assert_eq!(many.kv_bytes, count(batch) * one.kv_bytes);
            prop_assert_eq!(many.units, batch * one.units);
            prop_assert_eq!(many.weight_bytes, one.weight_bytes);
            prop_assert_eq!(many.cost.kernels, one.cost.kernels);
        }
    }

    #[test]
    fn more_of_any_axis_never_needs_less(
        model in any_model(), which in 0usize..3, factor in 2u64..6,
    ) {
        let (axis, value) = extents(model)[which % extents(model).len()];
        let less = phases(&small(model));
        let more = phases(&small(model).with(axis, AxisValue::Integer(factor * value)));
        for (less, more) in less.iter().zip(&more) {
            for (less, more) in needs(less).into_iter().zip(needs(more)) {
                prop_assert!(more >= less, "{} {}: {} < {}", model, axis, more, less);
            }
        }
    }

    /// The closed form is the sum of the steps, and a step is what a decode of one token is.
    #[test]
    fn a_decode_is_the_sum_of_its_steps(batch in 1u64..9, prompt in 1u64..512, steps in 1u64..65) {
        let (decoder, format) = tiny();
        let lengths = Lengths { batch, prompt_tokens: prompt, decode_tokens: steps };
        let decode = decoder.decode(format, lengths);
        let mut sums = vec![0.0; needs(&decode).len()];
        for step in 0..steps {
            let lengths = Lengths { prompt_tokens: prompt + step, decode_tokens: 1, ..lengths };
            let alone = decoder.decode(format, lengths);
            let inside = decode.pass(step);
            prop_assert!((inside.cost.dram_bytes / alone.cost.dram_bytes - 1.0).abs() < 1e-12);
            for (sum, need) in sums.iter_mut().zip(needs(&alone)) {
                *sum += need;
            }
        }
        for (sum, need) in sums.into_iter().zip(needs(&decode)) {
            prop_assert!((sum - need).abs() <= 1e-12 * need, "{} is not {}", need, sum);
        }
    }

    /// Reading a text at once takes the products of reading it by steps, less the logits that only
    /// the last position needs.
    #[test]
    fn a_prefill_is_its_steps_without_their_logits(batch in 1u64..5, prompt in 1u64..128) {
        let (decoder, format) = tiny();
        let whole = Lengths { batch, prompt_tokens: prompt, decode_tokens: 0 };
        let steps = Lengths { batch, prompt_tokens: 0, decode_tokens: prompt };
        let spared = 2 * batch * (prompt - 1) * decoder.vocabulary * decoder.block.width;
        let prefill = decoder.prefill(format, whole).matrix_operations;
        let decode = decoder.decode(format, steps).matrix_operations;
        prop_assert_eq!(prefill + count(spared), decode);
    }

    #[test]
    fn narrower_weights_never_stream_more(prompt in 1u64..512) {
        let streamed = |quantisation| {
            let point = small("llama-7b")
                .with(Axis::PromptTokens, AxisValue::Integer(prompt))
                .with(Axis::Quantisation, text(quantisation));
            phases(&point)[1].weight_bytes
        };
        prop_assert!(streamed("none") > streamed("q8_0"));
        prop_assert!(streamed("q8_0") > streamed("q4_k"));
        prop_assert_eq!(streamed("q4_0"), streamed("q4_k"));
    }
}
