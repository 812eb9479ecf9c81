//! `YOLOv8`: a detector that looks once.
//!
//! The family runs the network up to the distributions of the sides of boxes and the scores of
//! classes, on three levels. Boxes are not made of them here yet, and overlapping ones not
//! suppressed: the phase `infer` ends with the last convolutions.

mod network;

pub use network::{OUTPUTS, STRIDES_PX, Shape, describe};

use model::resolution::Resolutions;

use crate::checkpoint::Spelling;
use crate::convnet::family::{ConvNet, no_stock};
use crate::picture::Normalisation;

/// The family.
pub static YOLO: ConvNet = ConvNet {
    name: "yolo",
    models: &[
        "yolov8-tiny",
        "yolov8n",
        "yolov8s",
        "yolov8m",
        "yolov8l",
        "yolov8x",
    ],
    describe,
    resolutions: Resolutions::multiples(640, 32),
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
        agreement::costs(&YOLO);
    }

    #[test]
    fn both_compositions_agree() {
        agreement::compositions(&YOLO, "yolov8-tiny", 64);
    }

    #[test]
    fn heads_are_those_of_pytorch() {
        agreement::with_pytorch(&YOLO, "yolov8-tiny");
    }

    #[test]
    fn outputs_of_the_tiny_model() {
        let outputs = agreement::outputs(&YOLO, "yolov8-tiny", 64);
        insta::assert_json_snapshot!("yolov8_tiny", outputs);
    }
}
