//! How tasks of pictures are read, with families that cannot be loaded.

use candle_core::Device;

use super::*;
use crate::family::{Family, MemoryNeed, Takes};
use crate::weights::Weights;
use crate::workload::Workload;

struct Camera;

const NAMES: [&str; 2] = ["camera", "brush"];

impl Family for Camera {
    fn name(&self) -> &'static str {
        "camera"
    }

    fn models(&self) -> &'static [&'static str] {
        &NAMES
    }

    fn summary(&self, model: &str) -> Summary {
        let resolutions = Resolutions::multiples(224, 16);
        let draws = model == "brush";
        Summary {
            parameters: 1,
            kind: if draws {
                Kind::Draw {
                    resolutions,
                    most_steps: 1000,
                    guidance: Decimal::thousandths(7_500),
                }
            } else {
                Kind::See { resolutions }
            },
            context: None,
            takes: Takes {
                scheduler: if draws {
                    &[Scheduler::Euler, Scheduler::Ddim]
                } else {
                    &[]
                },
                ..Takes::LEAST
            },
            quality: &[],
        }
    }

    fn memory(&self, _: &Job) -> Result<MemoryNeed, Error> {
        Ok(MemoryNeed::default())
    }

    fn load(&self, _: &Job, _: &Weights, _: &Device) -> Result<Box<dyn Workload>, Error> {
        Err(Error::Device("takes no pictures".into()))
    }
}

fn point(model: &str) -> Point {
    Point::default()
        .with(Axis::Model, AxisValue::Text(model.into()))
        .with(Axis::Precision, AxisValue::Text("f32".into()))
        .with(Axis::Batch, AxisValue::Integer(2))
}

fn drawn() -> Point {
    point("brush").with(Axis::Steps, AxisValue::Integer(20))
}

fn read(point: &Point) -> Result<Job, Error> {
    Job::from_point(point, &Registry::own().with(&Camera), &Places::default())
}

#[test]
fn pictures_have_the_native_edge_where_nothing_is_said() {
    let job = read(&point("camera")).expect("complete");
    let native = Pictures {
        batch: 2,
        resolution_px: 224,
    };
    assert_eq!(job.pictures().expect("pictures"), native);
    let large = point("camera").with(Axis::ResolutionPx, AxisValue::Integer(448));
    let job = read(&large).expect("a multiple");
    assert_eq!(job.pictures().expect("pictures").resolution_px, 448);
    assert_eq!(job.point(), large);
    assert!(job.drawings().is_err());
}

#[test]
fn drawings_take_native_guidance_and_the_first_scheduler_where_nothing_is_said() {
    let job = read(&drawn()).expect("complete");
    let native = Drawings {
        batch: 2,
        resolution_px: 224,
        steps: 20,
        scheduler: Scheduler::Euler,
        guidance: Decimal::thousandths(7_500),
    };
    let drawings = job.drawings().expect("drawings");
    assert_eq!(drawings, native);
    assert!(drawings.is_guided());
    let wanted = drawn()
        .with(Axis::ResolutionPx, AxisValue::Integer(128))
        .with(Axis::Scheduler, AxisValue::Text("ddim".into()))
        .with(Axis::Guidance, AxisValue::Integer(1));
    let job = read(&wanted).expect("complete");
    assert_eq!(job.point(), wanted);
    assert!(!job.drawings().expect("drawings").is_guided());
}

#[test]
fn every_refusal_of_a_picture_names_what_would_be_right() {
    let count = AxisValue::Integer;
    let word = |word: &str| AxisValue::Text(word.into());
    for (point, expected) in [
        (
            point("camera").with(Axis::ResolutionPx, count(230)),
            "'resolution_px' has the value '230', model 'camera' takes: multiples of 16 from 16 to \
             16384; nearest: 224 and 240",
        ),
        (
            drawn().with(Axis::ResolutionPx, count(100)),
            "nearest: 96 and 112",
        ),
        (
            point("camera").with(Axis::ResolutionPx, count(4)),
            "'resolution_px' has the value '4', expected a whole number from 8 to 16384",
        ),
        (
            point("camera").with(Axis::Steps, count(4)),
            "axis 'steps' does not apply to model 'camera'",
        ),
        (
            point("camera").with(Axis::Scheduler, word("ddim")),
            "axis 'scheduler' does not apply to model 'camera'",
        ),
        (
            point("camera").with(Axis::Guidance, count(4)),
            "axis 'guidance' does not apply to model 'camera'",
        ),
        (
            point("camera").with(Axis::PromptTokens, count(4)),
            "axis 'prompt_tokens' does not apply to model 'camera'",
        ),
        (
            drawn().with(Axis::DecodeTokens, count(4)),
            "axis 'decode_tokens' does not apply to model 'brush'",
        ),
        (point("brush"), "axis 'steps' is missing"),
        (
            drawn().with(Axis::Steps, count(1001)),
            "'steps' has the value '1001', model 'brush' takes: 1 to 1000, the noise levels",
        ),
        (
            drawn().with(Axis::Steps, count(0)),
            "'steps' has the value '0', expected a whole number from 1 to 10000",
        ),
        (
            drawn().with(Axis::Guidance, count(51)),
            "'guidance' has the value '51', expected a number from 0 to 50 with up to three",
        ),
        (
            drawn().with(Axis::Guidance, word("much")),
            "'guidance' has the value 'much', expected a number from 0 to 50",
        ),
        (
            drawn().with(Axis::Scheduler, word("unipc")),
            "'scheduler' has the value 'unipc', model 'brush' takes: euler, ddim",
        ),
    ] {
        let message = read(&point).expect_err("refused").to_string();
        assert!(message.contains(expected), "'{message}' lacks '{expected}'");
        assert_eq!(message.lines().count(), 1);
    }
}
