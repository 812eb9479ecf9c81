//! ResNet-50: a classifier of pictures, and the body of other networks.
//!
//! He et al. 2016, table 1, with the stride in the 3×3 convolution of a block, as torchvision and
//! candle-transformers have it, by whose names the tensors are called.

use candle_core::Module;
use candle_nn::VarBuilder;
use candle_transformers::models::resnet;
use model::resolution::Resolutions;
use ops::image::Activation::Relu;

use crate::checkpoint::Spelling;
use crate::convnet::family::ConvNet;
use crate::convnet::{Conv, Description, Value};
use crate::picture::Normalisation;

/// A block is so many times as wide outside as inside.
const EXPANSION: usize = 4;

/// Shape of a residual network of bottleneck blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backbone {
    /// Channels of the first convolution.
    pub stem: usize,
    /// Blocks of each stage.
    pub blocks: [usize; 4],
    /// Channels inside of the blocks of each stage.
    pub widths: [usize; 4],
}

impl Backbone {
    /// He et al. 2016.
    pub const RESNET_50: Self = Self {
        stem: 64,
        blocks: [3, 4, 6, 3],
        widths: [64, 128, 256, 512],
    };

    /// For tests.
    pub const TINY: Self = Self {
        stem: 8,
        blocks: [1, 2, 1, 1],
        widths: [8, 8, 16, 16],
    };

    /// The output of each stage. Where a stage is `dilated`, it keeps the edge and looks wider
    /// instead, as networks that segment do. Names begin with `prefix`.
    pub fn stages(
        &self,
        net: &mut Description,
        prefix: &str,
        picture: Value,
        dilated: [bool; 4],
    ) -> [Value; 4] {
        let stem = Conv::new(format!("{prefix}conv1"), self.stem, 7)
            .stride(2)
            .norm(format!("{prefix}bn1"))
            .then(Relu);
        let stem = net.conv(picture, stem);
        let mut features = net.max_pool(stem, 3, 2, 1);
        let mut dilation = 1;
        let mut outputs = [features; 4];
        for (stage, output) in outputs.iter_mut().enumerate() {
            let halves = if stage == 0 { 1 } else { 2 };
            let (mut stride, mut first) = (halves, dilation);
            if dilated[stage] {
                dilation *= halves;
                stride = 1;
            }
            for block in 0..self.blocks[stage] {
                let name = format!("{prefix}layer{}.{block}", stage + 1);
                let width = self.widths[stage];
                features = bottleneck(net, &name, features, width, stride, first);
                (stride, first) = (1, dilation);
            }
            *output = features;
        }
        outputs
    }
}

/// 1×1, 3×3 and 1×1, added to the input, which goes through a convolution where the shape changes.
fn bottleneck(
    net: &mut Description,
    name: &str,
    input: Value,
    width: usize,
    stride: usize,
    dilation: usize,
) -> Value {
    let conv = |number: usize, outputs: usize, kernel: usize| {
        Conv::new(format!("{name}.conv{number}"), outputs, kernel)
            .norm(format!("{name}.bn{number}"))
            .then(Relu)
    };
    let outputs = EXPANSION * width;
    let shortcut = if stride != 1 || net.shape(input).channels != outputs {
        let conv = Conv::new(format!("{name}.downsample.0"), outputs, 1)
            .stride(stride)
            .norm(format!("{name}.downsample.1"));
        net.conv(input, conv)
    } else {
        input
    };
    let narrow = net.conv(input, conv(1, width, 1));
    let seen = net.conv(narrow, conv(2, width, 3).stride(stride).dilated(dilation));
    net.conv_residual(seen, shortcut, conv(3, outputs, 1))
}

fn describe(model: &str, edge_px: usize) -> Description {
    let (backbone, classes) = match model {
        "resnet-50" => (Backbone::RESNET_50, 1_000),
        _ => (Backbone::TINY, 10),
    };
    let mut net = Description::new(edge_px);
    let picture = net.picture();
    let [.., last] = backbone.stages(&mut net, "", picture, [false; 4]);
    let mean = net.average(last);
    let logits = net.conv(mean, Conv::linear("fc", classes));
    net.put_out("logits", logits);
    net
}

/// ResNet-50 of candle-transformers; it has no smaller one of bottlenecks.
fn stock(
    model: &str,
    weights: VarBuilder<'static>,
) -> Option<candle_core::Result<Box<dyn Module>>> {
    let module = |weights| {
        let module = resnet::resnet50(1_000, weights)?;
        Ok(Box::new(module) as Box<dyn Module>)
    };
    (model == "resnet-50").then(|| module(weights))
}

/// The family.
pub static RESNET: ConvNet = ConvNet {
    name: "resnet",
    models: &["resnet-tiny", "resnet-50"],
    describe,
    resolutions: Resolutions::multiples(224, 32),
    normalisation: Normalisation::IMAGENET,
    stock,
    spelling: Spelling::EXACT,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convnet::agreement;

    #[test]
    fn it_costs_what_plans_are_costed_with() {
        agreement::costs(&RESNET);
    }

    #[test]
    fn both_compositions_agree() {
        agreement::compositions(&RESNET, "resnet-tiny", 64);
    }

    #[test]
    fn logits_are_those_of_pytorch() {
        agreement::with_pytorch(&RESNET, "resnet-tiny");
    }

    #[test]
    fn outputs_of_the_tiny_model() {
        insta::assert_json_snapshot!(
            "resnet_tiny",
            agreement::outputs(&RESNET, "resnet-tiny", 64)
        );
    }

    /// The stock module, whose layers candle-transformers describes, gives the same of the same
    /// weights.
    #[test]
    fn it_agrees_with_the_stock_module() {
        agreement::with_stock(&RESNET, "resnet-50", 32);
    }
}
