//! EDSR in its large shape.
//!
//! Lim et al. 2017, section 3.4: 32 blocks of 256 channels, residuals times 0.1. Tensors by the
//! names of the authors' code, whose pixels go from 0 to 255, less the mean colour of their
//! training pictures. That mean is taken off here when pictures are made, and is not added to what
//! comes out.

use ops::image::Activation::Relu;

use super::RESOLUTIONS;
use crate::checkpoint::Spelling;
use crate::convnet::family::{ConvNet, no_stock};
use crate::convnet::{Conv, Description};
use crate::picture::Normalisation;

/// How much of a block is added to what it began with.
const RESIDUAL: f64 = 0.1;

/// Shape of the network.
struct Shape {
    blocks: usize,
    channels: usize,
}

fn shape(model: &str) -> Shape {
    match model {
        "edsr" => Shape {
            blocks: 32,
            channels: 256,
        },
        _ => Shape {
            blocks: 3,
            channels: 16,
        },
    }
}

fn describe(model: &str, edge_px: usize) -> Description {
    let Shape { blocks, channels } = shape(model);
    let mut net = Description::new(edge_px);
    let picture = net.picture();
    let first = net.conv(picture, Conv::new("head.0", channels, 3));
    let mut features = first;
    for block in 0..blocks {
        let conv = |number| Conv::new(format!("body.{block}.body.{number}"), channels, 3);
        let hidden = net.conv(features, conv(0).then(Relu));
        features = net.conv_residual(hidden, features, conv(2).scaled(RESIDUAL));
    }
    let last = Conv::new(format!("body.{blocks}"), channels, 3);
    let mut features = net.conv_residual(features, first, last);
    for number in [0, 2] {
        let wide = net.conv(
            features,
            Conv::new(format!("tail.0.{number}"), 4 * channels, 3),
        );
        features = net.shuffle(wide, 2);
    }
    let enlarged = net.conv(features, Conv::new("tail.1", 3, 3));
    net.put_out("enlarged", enlarged);
    net
}

/// The mean colour of DIV2K, and pixels up to 255.
const PIXELS: Normalisation = Normalisation {
    mean: [0.4488, 0.4371, 0.4040],
    deviation: [1.0 / 255.0; 3],
};

/// The family.
pub static EDSR: ConvNet = ConvNet {
    name: "edsr",
    models: &["edsr-tiny", "edsr"],
    describe,
    resolutions: RESOLUTIONS,
    normalisation: PIXELS,
    stock: no_stock,
    spelling: Spelling::EXACT,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convnet::agreement;

    #[test]
    fn it_costs_what_plans_are_costed_with() {
        agreement::costs(&EDSR);
    }

    #[test]
    fn both_compositions_agree() {
        agreement::compositions(&EDSR, "edsr-tiny", 13);
    }

    #[test]
    fn pictures_are_those_of_pytorch() {
        agreement::with_pytorch(&EDSR, "edsr-tiny");
    }

    #[test]
    fn outputs_of_the_tiny_model() {
        insta::assert_json_snapshot!("edsr_tiny", agreement::outputs(&EDSR, "edsr-tiny", 16));
    }
}
