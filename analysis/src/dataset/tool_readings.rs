//! The table of tool readings: what common tools report on a known load.

use super::column::Filled;
use crate::emulated::tool::ToolReading;

/// The table for these readings.
pub(super) fn columns(readings: &[&ToolReading]) -> Vec<Filled> {
    let rows = || readings.iter();
    let reason = |r: &&ToolReading| (!r.reason.is_empty()).then(|| r.reason.clone());
    vec![
        Filled::texts("client", rows().map(|r| Some(&r.client)))
            .about("tool, by its name on PyPI")
            .required(),
        Filled::texts("version", rows().map(|r| Some(&r.version)))
            .about("version of the tool")
            .required(),
        Filled::texts("method", rows().map(|r| Some(&r.method)))
            .about("how the tool comes to its number")
            .required(),
        Filled::texts("board", rows().map(|r| Some(&r.board)))
            .about("emulated board that the tool read, as `joulebench emulate --gpu` names it")
            .required(),
        Filled::texts("load", rows().map(|r| Some(&r.load)))
            .about("load that ran on the board")
            .required(),
        Filled::floats("window_s", "s", rows().map(|r| Some(r.window_s)))
            .about("time from the call that begins the tool's measurement to the one that ends it")
            .required(),
        Filled::floats("reported_j", "J", rows().map(|r| r.reported_j))
            .about("energy that the tool reports; null where it reports none"),
        Filled::floats("true_j", "J", rows().map(|r| Some(r.true_j)))
            .about("exact integral of the emulated power over the same time")
            .required(),
        Filled::floats("error_pct", "%", rows().map(|r| r.error_pct))
            .about("reported_j relative to true_j, less 100"),
        Filled::texts("reason", rows().map(reason))
            .about("why the tool reports nothing, or what it says about its number; null where it says nothing"),
        Filled::texts("provenance", rows().map(|r| Some(&r.provenance)))
            .about("always emulated")
            .required(),
    ]
}
