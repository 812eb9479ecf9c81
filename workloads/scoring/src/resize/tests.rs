use serde_json::Value;

use super::*;
use crate::fixture::{self, count, number};
use crate::picture::Picture;

/// FNV-1a of 64 bits over bytes.
fn fnv(values: &[u8]) -> String {
    let digest = values
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |digest, byte| {
            (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        });
    format!("{digest:016x}")
}

fn size(value: &Value) -> Size {
    let [height, width] = [0, 1].map(|index| value[index].as_u64().unwrap());
    Size::new(height.try_into().unwrap(), width.try_into().unwrap())
}

fn bytes(path: &str, picture: &Picture<u8>, target: Size) -> Option<Picture<u8>> {
    let resize = match path {
        "pillow_bytes_bicubic" => pillow_bytes(picture, target, Filter::Bicubic),
        "pillow_bytes_bilinear" => pillow_bytes(picture, target, Filter::Bilinear),
        "torch_bytes_bilinear_antialias" => torch_bytes(picture, target, Filter::Bilinear),
        "torch_bytes_bicubic_antialias" => torch_bytes(picture, target, Filter::Bicubic),
        _ => return None,
    };
    Some(resize.unwrap())
}

fn numbers(path: &str, picture: &Picture<f32>, target: Size) -> Picture<f32> {
    match path {
        "pillow_float_bicubic" => pillow_float(picture, target, Filter::Bicubic, (0.0, 255.0)),
        "torch_bilinear" => torch_bilinear(picture, target),
        "torch_bilinear_antialias" => torch_antialiased(picture, target, Filter::Bilinear),
        "torch_bicubic_antialias" => torch_antialiased(picture, target, Filter::Bicubic),
        "tensorflow1_bilinear" => tensorflow1_bilinear(picture, target),
        other => panic!("unknown path {other}"),
    }
    .unwrap()
}

#[test]
fn every_path_is_that_of_its_program() {
    let cases = fixture::expected("resize");
    let mut paths = std::collections::BTreeSet::new();
    let mut worst = 0f64;
    for case in cases.as_array().unwrap() {
        let path = case["path"].as_str().unwrap();
        paths.insert(path.to_owned());
        let kind = case["picture"].as_str().unwrap();
        let picture = fixture::picture(kind, size(&case["from"]));
        let target = size(&case["to"]);
        let step = count(case, "step");
        let sample = case["sample"].as_array().unwrap().iter();
        let sample: Vec<f64> = sample.map(|value| value.as_f64().unwrap()).collect();
        let what = format!("{path} of {kind} {:?} to {target:?}", picture.size());
        if let Some(found) = bytes(path, &picture, target) {
            let values = found.values().iter().step_by(step);
            for (found, expected) in values.zip(&sample) {
                assert_eq!(f64::from(*found), *expected, "{what}");
            }
            assert_eq!(fnv(found.values()), case["fnv"].as_str().unwrap(), "{what}");
        } else {
            let found = numbers(path, &picture.map(f32::from), target);
            let values = found.values().iter().step_by(step).copied();
            for (found, expected) in values.zip(&sample) {
                let apart = (f64::from(found) - expected).abs() / 255.0;
                worst = worst.max(apart);
                assert!(apart < 1e-5, "{found} for {expected}: {what}");
            }
            let all = found.values();
            let mean = all.iter().copied().map(f64::from).sum::<f64>() / all.len() as f64;
            assert!((mean - number(case, "mean")).abs() < 1e-3, "{what}");
        }
    }
    assert_eq!(paths.len(), 9);
    // Far inside of the bar: the arithmetic is the same, not only alike.
    assert!(worst < 2e-6, "{worst}");
}

#[test]
fn a_constant_stays_one_and_a_size_stays_itself() {
    let grey = Picture::new(Size::new(7, 9), 3, vec![100u8; 189]).unwrap();
    let noise = fixture::picture("noise", Size::new(7, 9));
    for path in [
        "pillow_bytes_bicubic",
        "pillow_bytes_bilinear",
        "torch_bytes_bilinear_antialias",
        "torch_bytes_bicubic_antialias",
    ] {
        let found = bytes(path, &grey, Size::new(20, 3)).unwrap();
        assert!(found.values().iter().all(|value| *value == 100), "{path}");
        assert_eq!(bytes(path, &noise, noise.size()).unwrap(), noise, "{path}");
    }
    assert!(pillow_bytes(&grey, Size::new(0, 3), Filter::Bicubic).is_err());
}
