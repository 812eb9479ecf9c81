//! `DeepLabV3` on a ResNet-50: a class for each pixel.
//!
//! Chen et al. 2017, in torchvision's form and by its names: the last two stages are dilated, so an
//! eighth of the edge is kept; a second head on the third stage, which torchvision computes too.

use model::resolution::Resolutions;
use ops::image::Activation::Relu;

use crate::checkpoint::Spelling;
use crate::convnet::family::{ConvNet, no_stock};
use crate::convnet::{Conv, Description, Value};
use crate::picture::Normalisation;
use crate::resnet::Backbone;

/// Shape of the network.
struct Shape {
    backbone: Backbone,
    /// Channels of the branches of the pyramid.
    pyramid: usize,
    /// How far the branches look.
    dilations: [usize; 3],
    classes: usize,
}

fn shape(model: &str) -> Shape {
    match model {
        "deeplabv3" => Shape {
            backbone: Backbone::RESNET_50,
            pyramid: 256,
            dilations: [12, 24, 36],
            // Of Pascal VOC, background included.
            classes: 21,
        },
        _ => Shape {
            backbone: Backbone::TINY,
            pyramid: 16,
            dilations: [1, 2, 3],
            classes: 5,
        },
    }
}

/// A convolution with norm and `ReLU`, whose tensors are numbered.
fn numbered(name: &str, [conv, norm]: [usize; 2], outputs: usize, kernel: usize) -> Conv {
    Conv::new(format!("{name}.{conv}"), outputs, kernel)
        .norm(format!("{name}.{norm}"))
        .then(Relu)
}

/// Features looked at from near and from far, and their mean, side by side.
fn pyramid(
    net: &mut Description,
    features: Value,
    channels: usize,
    dilations: [usize; 3],
) -> Value {
    let name = |branch: usize| format!("classifier.0.convs.{branch}");
    let mut branches = vec![net.conv(features, numbered(&name(0), [0, 1], channels, 1))];
    for (branch, dilation) in dilations.into_iter().enumerate() {
        let conv = numbered(&name(branch + 1), [0, 1], channels, 3).dilated(dilation);
        branches.push(net.conv(features, conv));
    }
    let mean = net.average(features);
    // The pool is number 0 of this branch.
    let mean = net.conv(mean, numbered(&name(4), [1, 2], channels, 1));
    let edge_px = net.shape(features).edge_px;
    branches.push(net.bilinear(mean, edge_px));
    net.concatenate(&branches)
}

fn describe(model: &str, edge_px: usize) -> Description {
    let Shape {
        backbone,
        pyramid: channels,
        dilations,
        classes,
    } = shape(model);
    let mut net = Description::new(edge_px);
    let picture = net.picture();
    let dilated = [false, false, true, true];
    let [_, _, third, last] = backbone.stages(&mut net, "backbone.", picture, dilated);

    let seen = pyramid(&mut net, last, channels, dilations);
    let seen = net.conv(seen, numbered("classifier.0.project", [0, 1], channels, 1));
    let seen = net.conv(seen, numbered("classifier", [1, 2], channels, 3));
    let mask = net.conv(seen, Conv::new("classifier.4", classes, 1));
    let mask = net.bilinear(mask, edge_px);
    net.put_out("mask", mask);

    let width = net.shape(third).channels / 4;
    let seen = net.conv(third, numbered("aux_classifier", [0, 1], width, 3));
    let second = net.conv(seen, Conv::new("aux_classifier.4", classes, 1));
    let second = net.bilinear(second, edge_px);
    net.put_out("auxiliary_mask", second);
    net
}

/// The family.
pub static DEEPLAB: ConvNet = ConvNet {
    name: "deeplabv3",
    models: &["deeplabv3-tiny", "deeplabv3"],
    describe,
    resolutions: Resolutions::multiples(520, 8),
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
        agreement::costs(&DEEPLAB);
    }

    #[test]
    fn both_compositions_agree() {
        agreement::compositions(&DEEPLAB, "deeplabv3-tiny", 72);
    }

    #[test]
    fn masks_are_those_of_pytorch() {
        agreement::with_pytorch(&DEEPLAB, "deeplabv3-tiny");
    }

    #[test]
    fn outputs_of_the_tiny_model() {
        let outputs = agreement::outputs(&DEEPLAB, "deeplabv3-tiny", 72);
        insta::assert_json_snapshot!("deeplabv3_tiny", outputs);
    }
}
