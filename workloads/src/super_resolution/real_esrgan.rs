//! Real-ESRGAN: the generator `RRDBNet`.
//!
//! Wang et al. 2018 (residual in residual dense blocks) and 2021 (the released ×4 model: 23 blocks
//! of 64 channels, growth 32). Tensors by the names of the released checkpoints, within their
//! `params_ema` or without.

use ops::image::Activation::LeakyRelu;

use super::RESOLUTIONS;
use crate::checkpoint::Spelling;
use crate::convnet::family::{ConvNet, no_stock};
use crate::convnet::{Conv, Description, Value};
use crate::picture::Normalisation;

/// What is left of values below zero.
const SLOPE: f32 = 0.2;
/// How much of a block is added to what it began with.
const RESIDUAL: f32 = 0.2;

/// Shape of the network.
struct Shape {
    blocks: usize,
    channels: usize,
    growth: usize,
}

fn shape(model: &str) -> Shape {
    match model {
        "real-esrgan" => Shape {
            blocks: 23,
            channels: 64,
            growth: 32,
        },
        _ => Shape {
            blocks: 2,
            channels: 12,
            growth: 6,
        },
    }
}

fn conv(name: &str, outputs: usize) -> Conv {
    Conv::new(format!("{PREFIX}{name}"), outputs, 3)
}

fn seen(name: &str, outputs: usize) -> Conv {
    conv(name, outputs).then(LeakyRelu(SLOPE))
}

/// Five convolutions, each of which sees all before it; the last is added to the input.
fn dense_block(net: &mut Description, name: &str, input: Value, growth: usize) -> Value {
    let channels = net.shape(input).channels;
    let mut all = vec![input];
    for number in 1..=4 {
        let before = together(net, &all);
        all.push(net.conv(before, seen(&format!("{name}.conv{number}"), growth)));
    }
    let before = together(net, &all);
    let last = conv(&format!("{name}.conv5"), channels).scaled(f64::from(RESIDUAL));
    net.conv_residual(before, input, last)
}

fn together(net: &mut Description, all: &[Value]) -> Value {
    match all {
        [one] => *one,
        _ => net.concatenate(all),
    }
}

fn describe(model: &str, edge_px: usize) -> Description {
    let Shape {
        blocks,
        channels,
        growth,
    } = shape(model);
    let mut net = Description::new(edge_px);
    let picture = net.picture();
    let first = net.conv(picture, conv("conv_first", channels));
    let mut features = first;
    for block in 0..blocks {
        let mut inner = features;
        for dense in 1..=3 {
            inner = dense_block(&mut net, &format!("body.{block}.rdb{dense}"), inner, growth);
        }
        features = net.sum(&[(inner, RESIDUAL), (features, 1.0)]);
    }
    let mut features = net.conv_residual(features, first, conv("conv_body", channels));
    for number in 1..=2 {
        let large = net.nearest(features, 2);
        features = net.conv(large, seen(&format!("conv_up{number}"), channels));
    }
    let features = net.conv(features, seen("conv_hr", channels));
    let enlarged = net.conv(features, conv("conv_last", 3));
    net.put_out("enlarged", enlarged);
    net
}

/// What released files call the generator, where they keep it beside others.
const PREFIX: &str = "params_ema.";

/// The family.
pub static REAL_ESRGAN: ConvNet = ConvNet {
    name: "real-esrgan",
    models: &["real-esrgan-tiny", "real-esrgan"],
    describe,
    resolutions: RESOLUTIONS,
    normalisation: Normalisation::NONE,
    stock: no_stock,
    spelling: Spelling {
        optional_prefix: PREFIX,
        old_endings: &[],
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convnet::agreement;

    #[test]
    fn it_costs_what_plans_are_costed_with() {
        agreement::costs(&REAL_ESRGAN);
    }

    #[test]
    fn both_compositions_agree() {
        agreement::compositions(&REAL_ESRGAN, "real-esrgan-tiny", 13);
    }

    #[test]
    fn pictures_are_those_of_pytorch() {
        agreement::with_pytorch(&REAL_ESRGAN, "real-esrgan-tiny");
    }

    #[test]
    fn outputs_of_the_tiny_model() {
        let outputs = agreement::outputs(&REAL_ESRGAN, "real-esrgan-tiny", 16);
        insta::assert_json_snapshot!("real_esrgan_tiny", outputs);
    }
}
