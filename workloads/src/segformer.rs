//! `SegFormer`: a class for each pixel, by attention.
//!
//! Xie et al. 2021 (B0 and B2, table 6), by the names of the released checkpoints of Hugging Face:
//! four stages of attention whose keys and values come from a smaller picture, a depthwise
//! convolution in each feed-forward layer in place of positions, and a head of linear layers whose
//! results are resized between pixels (edges stay where they are) and fused.
//!
//! The mask is resized once more to the edge of the picture, as the metrics of segmentation and
//! `post_process_semantic_segmentation` of Hugging Face take it.

use model::resolution::Resolutions;
use ops::image::Activation::{Gelu, Relu};

use crate::checkpoint::Spelling;
use crate::convnet::family::{ConvNet, no_stock};
use crate::convnet::{Conv, Description, Value};
use crate::picture::Normalisation;

/// A feed-forward layer is so many times as wide inside.
const EXPANSION: usize = 4;

/// Shape of the network.
struct Shape {
    /// Blocks of each stage.
    depths: [usize; 4],
    /// Channels of each stage.
    widths: [usize; 4],
    heads: [usize; 4],
    /// Edge of the picture by that of the one that keys and values come from.
    reductions: [usize; 4],
    /// Channels of the head.
    decoder: usize,
    classes: usize,
}

fn shape(model: &str) -> Shape {
    let released = Shape {
        depths: [2; 4],
        widths: [32, 64, 160, 256],
        heads: [1, 2, 5, 8],
        reductions: [8, 4, 2, 1],
        decoder: 256,
        // Of ADE20K.
        classes: 150,
    };
    match model {
        "segformer-b0" => released,
        "segformer-b2" => Shape {
            depths: [3, 4, 6, 3],
            widths: [64, 128, 320, 512],
            decoder: 768,
            ..released
        },
        _ => Shape {
            depths: [1, 2, 1, 1],
            widths: [16, 16, 32, 32],
            heads: [1, 1, 2, 2],
            reductions: [4, 2, 2, 1],
            decoder: 24,
            classes: 5,
        },
    }
}

/// Attention to a picture that is `reduction` times smaller, added to the input.
fn attend(
    net: &mut Description,
    name: &str,
    input: Value,
    heads: usize,
    reduction: usize,
) -> Value {
    let width = net.shape(input).channels;
    let own = format!("{name}.attention.self");
    let seen = net.layer_norm(input, format!("{name}.layer_norm_1"));
    let queries = net.conv(seen, Conv::linear(format!("{own}.query"), width));
    let answering = if reduction == 1 {
        seen
    } else {
        let smaller = Conv::new(format!("{own}.sr"), width, reduction);
        let smaller = net.conv(seen, smaller.stride(reduction).unpadded());
        net.layer_norm(smaller, format!("{own}.layer_norm"))
    };
    let both = Conv::linear(format!("{own}.key"), 2 * width).beside(format!("{own}.value"));
    let keys_values = net.conv(answering, both);
    let attended = net.attention(queries, keys_values, heads);
    let output = Conv::linear(format!("{name}.attention.output.dense"), width);
    net.conv_residual(attended, input, output)
}

/// A feed-forward layer that looks at neighbouring pixels inside, added to the input.
fn feed_forward(net: &mut Description, name: &str, input: Value) -> Value {
    let width = net.shape(input).channels;
    let inner = EXPANSION * width;
    let seen = net.layer_norm(input, format!("{name}.layer_norm_2"));
    let seen = net.conv(seen, Conv::linear(format!("{name}.mlp.dense1"), inner));
    let around = Conv::new(format!("{name}.mlp.dwconv.dwconv"), inner, 3);
    let seen = net.conv(seen, around.grouped(inner).then(Gelu));
    net.conv_residual(
        seen,
        input,
        Conv::linear(format!("{name}.mlp.dense2"), width),
    )
}

/// The result of each stage, at a quarter of the edge of the picture and then half as large each.
fn encode(net: &mut Description, shape: &Shape) -> [Value; 4] {
    let mut features = net.picture();
    let mut outputs = [features; 4];
    for (stage, output) in outputs.iter_mut().enumerate() {
        let (kernel, stride) = if stage == 0 { (7, 4) } else { (3, 2) };
        let name = format!("segformer.encoder.patch_embeddings.{stage}");
        let patches = Conv::new(format!("{name}.proj"), shape.widths[stage], kernel);
        features = net.conv(features, patches.stride(stride));
        features = net.layer_norm(features, format!("{name}.layer_norm"));
        for block in 0..shape.depths[stage] {
            let name = format!("segformer.encoder.block.{stage}.{block}");
            let (heads, reduction) = (shape.heads[stage], shape.reductions[stage]);
            features = attend(net, &name, features, heads, reduction);
            features = feed_forward(net, &name, features);
        }
        features = net.layer_norm(features, format!("segformer.encoder.layer_norm.{stage}"));
        *output = features;
    }
    outputs
}

fn describe(model: &str, edge_px: usize) -> Description {
    let shape = shape(model);
    let mut net = Description::new(edge_px);
    let stages = encode(&mut net, &shape);
    let finest_px = net.shape(stages[0]).edge_px;
    // The coarsest first, as the weights of the fusing layer have it.
    let mut parts = Vec::new();
    for (stage, features) in stages.into_iter().enumerate().rev() {
        let name = format!("decode_head.linear_c.{stage}.proj");
        let part = net.conv(features, Conv::linear(name, shape.decoder));
        parts.push(if net.shape(part).edge_px == finest_px {
            part
        } else {
            net.bilinear(part, finest_px)
        });
    }
    let joined = net.concatenate(&parts);
    let fuse = Conv::new("decode_head.linear_fuse", shape.decoder, 1)
        .norm("decode_head.batch_norm")
        .then(Relu);
    let fused = net.conv(joined, fuse);
    let mask = net.conv(fused, Conv::new("decode_head.classifier", shape.classes, 1));
    let mask = net.bilinear(mask, edge_px);
    net.put_out("mask", mask);
    net
}

/// The family. The module of candle-transformers is no reference for it: that one resizes to the
/// nearest pixel.
pub static SEGFORMER: ConvNet = ConvNet {
    name: "segformer",
    models: &["segformer-tiny", "segformer-b0", "segformer-b2"],
    describe,
    resolutions: Resolutions::multiples(512, 32),
    normalisation: Normalisation::IMAGENET,
    stock: no_stock,
    spelling: Spelling::EXACT,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convnet::agreement;

    #[test]
    fn it_costs_what_plans_are_costed_with() {
        agreement::costs(&SEGFORMER);
    }

    #[test]
    fn both_compositions_agree() {
        agreement::compositions(&SEGFORMER, "segformer-tiny", 64);
    }

    #[test]
    fn masks_are_those_of_pytorch() {
        agreement::with_pytorch(&SEGFORMER, "segformer-tiny");
    }

    #[test]
    fn outputs_of_the_tiny_model() {
        let outputs = agreement::outputs(&SEGFORMER, "segformer-tiny", 64);
        insta::assert_json_snapshot!("segformer_tiny", outputs);
    }
}
