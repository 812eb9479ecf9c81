//! The networks on this processor in every number format, on pictures that they never saw, and the
//! drawings of every sampler: what quality is left with fewer bits and fewer steps.
//!
//! The compositions are those that runs measure. Distances and scores are named after the networks
//! of this room that made the features: none is FID.

mod drawn;
mod record;
mod seen;
mod sheets;

use std::path::Path;

use candle_core::{DType, Device};

use super::networks::Network;
use crate::Error;
use crate::weights::Places;

pub use record::{Beside, Cell, ModelRecord, Record, Variant, Verdict};

/// Version of the format. Changelog: 1 = first.
pub const SCHEMA: u32 = 1;

/// Number formats of weights and arithmetic, the reference first.
const FORMATS: [(&str, DType); 3] = [
    ("f32", DType::F32),
    ("f16", DType::F16),
    ("bf16", DType::BF16),
];

/// Runs the study. `observe` is told of each part before its turn; contact sheets are written into
/// the folder `sheets`, where there is one.
///
/// # Errors
/// Weights are missing or damaged, a sheet cannot be written, or the processor failed.
pub fn run(
    places: &Places,
    sheets: Option<&Path>,
    observe: &mut dyn FnMut(&str),
) -> Result<Record, Error> {
    let seeing: [(Network, seen::Study); 5] = [
        (Network::Classifier, seen::classes),
        (Network::Clip, seen::captions),
        (Network::Segmenter, seen::masks),
        (Network::Upscaler, seen::enlarged),
        (Network::Detector, seen::boxes),
    ];
    let mut models = Vec::new();
    for (network, study) in seeing {
        let (_, weights_id) = network.trained(places, DType::F32, &Device::Cpu)?;
        let mut judged = seen::Judged::default();
        for (name, dtype) in FORMATS {
            observe(&format!("{}, {name}", network.model()));
            let (weights, _) = network.trained(places, dtype, &Device::Cpu)?;
            study(&mut judged, name, weights)?;
        }
        models.push(ModelRecord {
            model: network.model().into(),
            weights_id,
            task: judged.task,
            variants: judged.variants,
        });
    }
    let (drawings, shown) = drawn::study(places, observe)?;
    if let Some(folder) = sheets {
        sheets::write(folder, places, &shown)?;
    }
    Ok(Record {
        schema: SCHEMA,
        worker: concat!("joulebench-worker ", env!("CARGO_PKG_VERSION")).into(),
        engine: "candle 0.11.1".into(),
        device: "cpu".into(),
        models,
        drawings,
    })
}
