//! The points of a figure as a table, for readers who want to draw it again.

use super::chart::Chart;
use crate::Error;

/// The CSV beside the SVG: one line for each point, exact values, units in the column names.
///
/// # Errors
/// [`Error::Io`] only if memory cannot be written, which does not happen.
pub(crate) fn csv(chart: &Chart) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let y = chart.y.column;
    let header = [
        "panel",
        "series",
        chart.x.column,
        y,
        &format!("{y}_low"),
        &format!("{y}_high"),
        "provenance",
    ];
    writer.write_record(header).map_err(std::io::Error::from)?;
    for panel in &chart.panels {
        for series in &panel.series {
            for point in &series.points {
                let bound =
                    |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
                writer
                    .write_record([
                        &panel.title,
                        &series.label,
                        &point.x.to_string(),
                        &point.y.to_string(),
                        &bound(point.interval.map(|interval| interval.low)),
                        &bound(point.interval.map(|interval| interval.high)),
                        chart.provenance.name(),
                    ])
                    .map_err(std::io::Error::from)?;
            }
        }
    }
    Ok(writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?)
}
