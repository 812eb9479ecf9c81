//! Recordings by other programs, taken in with their source. Everything here is `imported`.
//!
//! [`square_wave`] shows how the sensors of an H200 behave under a load that is switched on and
//! off; [`anatomy`] compares sampled power with the counter for single kernels.

pub mod anatomy;
mod reading;
mod sensor;
pub mod square_wave;
mod square_wave_facts;

use std::path::Path;

use crate::Error;

pub use sensor::{
    PowerPoint, SENSOR_SCHEMA, SensorQuantity, SensorReport, SensorSeries, UnreadSource,
};

/// Computes what the recordings in a folder say about sensors. A recording that is not there is
/// listed with its reason; one that is damaged is an error.
///
/// # Errors
/// Those of the readers of the recordings.
pub fn sensor_report(folder: &Path) -> Result<SensorReport, Error> {
    let mut report = SensorReport {
        schema: SENSOR_SCHEMA,
        quantities: Vec::new(),
        series: Vec::new(),
        unread: Vec::new(),
    };
    let mut missing = |source: &str, path: &Path| {
        let absent = !path.exists();
        if absent {
            report.unread.push(UnreadSource {
                source: source.to_owned(),
                reason: "the recording is not in the folder of imported data".to_owned(),
            });
        }
        absent
    };
    let wave_path = folder.join(square_wave::FILE);
    let anatomy_path = folder.join(anatomy::FILE);
    let no_wave = missing(square_wave::SOURCE, &wave_path);
    let no_anatomy = missing(anatomy::SOURCE, &anatomy_path);
    if !no_wave {
        let wave = square_wave::SquareWave::read(&wave_path)?;
        report.quantities.extend(wave.quantities(&wave_path)?);
        report.series.extend(wave.series());
    }
    if !no_anatomy {
        report.quantities.extend(anatomy::read(&anatomy_path)?);
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
