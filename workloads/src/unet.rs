//! The U-Net of image segmentation: a class for each pixel.
//!
//! Ronneberger et al. 2015, figure 1, with padded convolutions, batch norms and transposed
//! convolutions: the common form, by the names of the most used implementation of it
//! (`milesial/Pytorch-UNet`).

use std::f64::consts::SQRT_2;

use model::resolution::Resolutions;
use ops::image::Activation::Relu;

use crate::checkpoint::Spelling;
use crate::convnet::family::{ConvNet, no_stock};
use crate::convnet::{Conv, Description, Value};
use crate::picture::Normalisation;

const CLASSES: usize = 2;

const fn channels(model: &str) -> [usize; 5] {
    // Names of this file's own list; the small one has a hyphen.
    if model.len() == "unet".len() {
        [64, 128, 256, 512, 1024]
    } else {
        [8, 12, 16, 24, 32]
    }
}

/// Two convolutions that look at their neighbours.
fn twice(net: &mut Description, name: &str, input: Value, channels: usize) -> Value {
    let conv = |[conv, norm]: [usize; 2]| {
        Conv::new(format!("{name}.double_conv.{conv}"), channels, 3)
            .norm(format!("{name}.double_conv.{norm}"))
            .gain(SQRT_2)
            .then(Relu)
    };
    let hidden = net.conv(input, conv([0, 1]));
    net.conv(hidden, conv([3, 4]))
}

fn describe(model: &str, edge_px: usize) -> Description {
    let channels = channels(model);
    let mut net = Description::new(edge_px);
    let picture = net.picture();
    let mut features = twice(&mut net, "inc", picture, channels[0]);
    let mut skipped = Vec::new();
    for (down, wide) in channels.into_iter().enumerate().skip(1) {
        skipped.push(features);
        let pooled = net.max_pool(features, 2, 2, 0);
        features = twice(
            &mut net,
            &format!("down{down}.maxpool_conv.1"),
            pooled,
            wide,
        );
    }
    for (up, skip) in skipped.into_iter().rev().enumerate() {
        let name = format!("up{}", up + 1);
        let narrow = net.shape(skip).channels;
        let doubled = net.conv_doubling(features, format!("{name}.up"), narrow);
        let both = net.concatenate(&[skip, doubled]);
        features = twice(&mut net, &format!("{name}.conv"), both, narrow);
    }
    let mask = net.conv(features, Conv::new("outc.conv", CLASSES, 1));
    net.put_out("mask", mask);
    net
}

/// The family.
pub static UNET: ConvNet = ConvNet {
    name: "unet",
    models: &["unet-tiny", "unet"],
    describe,
    resolutions: Resolutions::multiples(512, 16),
    normalisation: Normalisation::NONE,
    stock: no_stock,
    spelling: Spelling::EXACT,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convnet::agreement;

    #[test]
    fn it_costs_what_plans_are_costed_with() {
        agreement::costs(&UNET);
    }

    #[test]
    fn both_compositions_agree() {
        agreement::compositions(&UNET, "unet-tiny", 48);
    }

    #[test]
    fn masks_are_those_of_pytorch() {
        agreement::with_pytorch(&UNET, "unet-tiny");
    }

    #[test]
    fn outputs_of_the_tiny_model() {
        insta::assert_json_snapshot!("unet_tiny", agreement::outputs(&UNET, "unet-tiny", 48));
    }
}
