//! From result files to figure files.

use std::path::{Path, PathBuf};

use model::provenance::Provenance;
use serde::{Deserialize, Serialize};

use super::chart::Chart;
use super::dots;
use super::points::{self, PointsFigure};
use super::{draw, dvfs, energy, sensor, source};
use crate::Error;
use crate::emulated::read_curves;
use crate::stage::{Layout, read_estimates, read_sensors};
use crate::write::{write_atomically, write_json};

/// What a page that shows a figure has to say about it: one entry of `figures/index.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureEntry {
    /// File name of the SVG and of its CSV, without ending.
    pub slug: String,
    /// Name of the figure.
    pub title: String,
    /// Text for readers who cannot see it.
    pub alt: String,
    /// Where its numbers come from.
    pub provenance: Provenance,
    /// Sweep or recording it shows.
    pub source: String,
    /// Device, where the source names one.
    pub device: Option<String>,
    /// Fewest runs behind a point, where points are estimates.
    pub runs_min: Option<usize>,
    /// Most runs behind a point, where points are estimates.
    pub runs_max: Option<usize>,
}

/// Draws the figures of the paper from `out/estimates.json` and `out/sensor.json` into
/// `out/figures`: for each an SVG and the CSV of its points, and one `index.json`.
///
/// # Errors
/// [`Error::Io`] where a file is missing or cannot be written; [`Error::Content`] where a file
/// cannot be understood or holds nothing to draw. Nothing is written then.
pub fn stage(out: &Path) -> Result<Vec<PathBuf>, Error> {
    let layout = Layout::new(out);
    let estimates = read_estimates(out)?;
    let report = read_sensors(out)?;
    let energy = energy::figures(&estimates);
    let has_curve = |sweep: &str| energy.iter().any(|figure| figure.sweep == sweep);
    let mut of_points = points::energy_figures(&estimates, |sweep| !has_curve(sweep));
    of_points.extend(points::ratio_figure(&estimates));
    if energy.is_empty() && of_points.is_empty() {
        return Err(Error::content(
            layout.estimates(),
            "has no energy to draw; run a sweep on a device with an energy counter, then `joulebench analyze`",
        ));
    }
    let sensor_chart = sensor::figure(&report).ok_or_else(|| {
        Error::content(
            layout.sensors(),
            "has no recorded series to draw; restore artifacts/imported, then `joulebench analyze`",
        )
    })?;
    let recording = report
        .series
        .first()
        .map_or("", |series| series.source.as_str());
    let curves = read_curves(out)?;
    let dvfs_charts = curves
        .as_ref()
        .map_or_else(Vec::new, |curves| dvfs::figures(&curves.curves));
    let runs = curves.as_ref().and_then(|curves| {
        let runs = curves.curves.iter().flat_map(|curve| &curve.points);
        let runs = runs.map(|point| point.n);
        Some((runs.clone().min()?, runs.max()?))
    });
    let mut entries: Vec<FigureEntry> = energy
        .iter()
        .map(|energy| {
            entry(
                &energy.chart,
                &energy.sweep,
                Some(&energy.device),
                Some(energy.runs),
            )
        })
        .collect();
    entries.extend(of_points.iter().map(points_entry));
    entries.push(entry(&sensor_chart, recording, None, None));
    entries.extend(
        dvfs_charts
            .iter()
            .map(|chart| entry(chart, "sweeps on emulated boards", None, runs)),
    );
    let figures = out.join("figures");
    let mut written = Vec::new();
    for chart in energy
        .iter()
        .map(|energy| &energy.chart)
        .chain([&sensor_chart])
        .chain(&dvfs_charts)
    {
        let path = figures.join(&chart.slug);
        let files = [
            ("svg", draw::svg(chart).into_bytes()),
            ("csv", source::csv(chart)?),
        ];
        for (ending, bytes) in files {
            let path = path.with_extension(ending);
            write_atomically(&path, &bytes)?;
            written.push(path);
        }
    }
    for figure in &of_points {
        let path = figures.join(&figure.chart.slug);
        let files = [
            ("svg", dots::svg(&figure.chart).into_bytes()),
            ("csv", dots::csv(&figure.chart)?),
        ];
        for (ending, bytes) in files {
            let path = path.with_extension(ending);
            write_atomically(&path, &bytes)?;
            written.push(path);
        }
    }
    let index = figures.join("index.json");
    write_json(&index, &entries)?;
    written.push(index);
    Ok(written)
}

fn entry(
    chart: &Chart,
    source: &str,
    device: Option<&str>,
    runs: Option<(usize, usize)>,
) -> FigureEntry {
    FigureEntry {
        slug: chart.slug.clone(),
        title: chart.title.clone(),
        alt: chart.description.clone(),
        provenance: chart.provenance,
        source: source.to_owned(),
        device: device.map(str::to_owned),
        runs_min: runs.map(|(fewest, _)| fewest),
        runs_max: runs.map(|(_, most)| most),
    }
}

fn points_entry(figure: &PointsFigure) -> FigureEntry {
    FigureEntry {
        slug: figure.chart.slug.clone(),
        title: figure.chart.title.clone(),
        alt: figure.chart.description.clone(),
        provenance: figure.chart.provenance,
        source: figure.sweeps.join(", "),
        device: Some(figure.devices.join("; ")),
        runs_min: Some(figure.runs.0),
        runs_max: Some(figure.runs.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{ESTIMATES_SCHEMA, Estimates};
    use crate::imported::{PowerPoint, SENSOR_SCHEMA, SensorReport, SensorSeries};

    fn sensors() -> SensorReport {
        let power = |time_s: f64, power_w: f64| PowerPoint { time_s, power_w };
        let readings = vec![power(1.0, 120.0), power(1.1, 700.0)];
        SensorReport {
            schema: SENSOR_SCHEMA,
            quantities: Vec::new(),
            series: vec![SensorSeries {
                key: "step".to_owned(),
                source: "recording".to_owned(),
                provenance: Provenance::Imported,
                span_s: [1.0, 1.2],
                instant: readings.clone(),
                average: readings.clone(),
                counter: readings,
                busy_s: vec![[1.05, 1.2]],
            }],
            unread: Vec::new(),
        }
    }

    fn results(estimates: &Estimates) -> tempfile::TempDir {
        let out = tempfile::tempdir().unwrap();
        write_json(&out.path().join("estimates.json"), estimates).unwrap();
        write_json(&out.path().join("sensor.json"), &sensors()).unwrap();
        out
    }

    fn estimates(records: Vec<crate::estimate::EstimateRecord>) -> Estimates {
        Estimates {
            schema: ESTIMATES_SCHEMA,
            estimates: records,
            comparisons: vec![],
            missing: vec![],
        }
    }

    #[test]
    fn two_folders_get_the_same_files() {
        let bytes = || {
            let out = results(&estimates(vec![energy::tests::record(
                "candle",
                1,
                512,
                Provenance::Emulated,
            )]));
            let written = stage(out.path()).unwrap();
            let name = |path: &Path| path.strip_prefix(out.path()).unwrap().to_owned();
            written
                .iter()
                .map(|path| (name(path), fs_err::read(path).unwrap()))
                .collect::<Vec<_>>()
        };
        let (one, other) = (bytes(), bytes());
        assert_eq!(one, other);
        let names: Vec<String> = one
            .iter()
            .map(|(name, _)| name.display().to_string())
            .collect();
        let expected = [
            "sensor.svg",
            "sensor.csv",
            "energy-of-points-s-token.svg",
            "energy-of-points-s-token.csv",
            "index.json",
        ];
        assert_eq!(names, expected.map(|name| format!("figures/{name}")));
    }

    #[test]
    fn the_source_table_holds_exact_values_and_the_origin() {
        let of = |batch| energy::tests::record("candle", batch, 512, Provenance::Emulated);
        let out = results(&estimates(vec![of(8), of(16)]));
        stage(out.path()).unwrap();
        let csv =
            fs_err::read_to_string(out.path().join("figures/energy-per-token-s.csv")).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            lines[0],
            "panel,series,batch,energy_per_token_j,energy_per_token_j_low,energy_per_token_j_high,provenance"
        );
        assert_eq!(
            lines[1],
            "Prompt of 512 tokens,candle,8,0.625,0.61875,0.63125,emulated"
        );
    }

    #[test]
    fn without_energy_nothing_is_written_and_the_next_step_is_named() {
        let out = results(&estimates(vec![]));
        let error = stage(out.path()).unwrap_err().to_string();
        assert!(
            error.contains("estimates.json") && error.contains("joulebench analyze"),
            "{error}"
        );
        assert!(!out.path().join("figures").exists());
    }
}
