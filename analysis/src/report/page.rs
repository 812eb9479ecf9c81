//! The page, from values alone.

use super::html::Html;
use super::sheet::{self, Sheet};
use super::{table, verdicts};
use crate::claim::Claims;
use crate::figure::{FigureEntry, energy, points};
use crate::stage::SweepSummary;
use crate::table::Table;

/// Files beside the report, in the order in which a reader wants them.
const FILES: [(&str, &str); 15] = [
    ("paper.pdf", "Paper (PDF)"),
    ("dataset/README.md", "Dataset: card"),
    ("dataset/SHA256SUMS", "Dataset: checksums"),
    ("rows.csv", "Rows: one line per run"),
    ("exclusions.csv", "Exclusions with reasons"),
    ("estimates.json", "Estimates with intervals"),
    ("claims.json", "Claims and verdicts"),
    ("targets.json", "Targets and what came of them"),
    ("numbers.json", "Numbers of the paper"),
    ("sensor.json", "Sensor recordings, evaluated"),
    ("tables/energy-per-token.csv", "Table: energy per token"),
    ("tables/targets.csv", "Table: targets"),
    ("tables/sensor.csv", "Table: sensors"),
    ("tables/exclusions.csv", "Table: exclusions"),
    ("tables/claims.csv", "Table: claims"),
];

/// All that the report shows.
pub(super) struct Report {
    pub(super) claims: Claims,
    pub(super) sweeps: Vec<SweepSummary>,
    pub(super) energy: Table,
    pub(super) targets: Table,
    pub(super) exclusions: Table,
    pub(super) sensors: Table,
    pub(super) figures: Vec<Drawing>,
    /// Contact sheets of the project's own models; empty where there are none.
    pub(super) sheets: Vec<Sheet>,
    /// Tables of emulated boards with their captions; empty where nothing was emulated.
    pub(super) emulated: Vec<(&'static str, Table)>,
    /// Links to folders of raw traces, relative to the report.
    pub(super) raw: Vec<String>,
}

/// A figure with its drawing.
pub(super) struct Drawing {
    pub(super) entry: FigureEntry,
    /// The SVG document, without an XML declaration.
    pub(super) svg: String,
}

/// The whole document.
pub(super) fn document(report: &Report) -> String {
    let head = Html::joined([
        Html::trusted("<meta charset=\"utf-8\">"),
        Html::trusted("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"),
        Html::tagged("title", "joulebench report"),
        Html::element("style", &[], Html::trusted(include_str!("style.css"))),
    ]);
    let body = Html::joined([
        Html::tagged("h1", "joulebench report"),
        Html::tagged("p", &verdicts::summary(&report.claims)),
        Html::tagged(
            "p",
            "Everything on this page was derived from the raw traces by one command. A number is measured on hardware, emulated, or imported from a recording; the word stands beside it.",
        ),
        Html::element("main", &[], sections(report)),
    ]);
    let html = Html::joined([
        Html::element("head", &[], head),
        Html::element("body", &[], body),
    ]);
    format!(
        "<!DOCTYPE html>\n{}\n",
        Html::element("html", &[("lang", "en")], html).into_string()
    )
}

fn sections(report: &Report) -> Html {
    let figure = |slug: &str| {
        let found = report
            .figures
            .iter()
            .filter(|drawing| drawing.entry.slug == slug);
        Html::joined(found.map(drawn))
    };
    let energy = report.figures.iter().filter(|drawing| {
        let slug = &drawing.entry.slug;
        slug.starts_with(energy::SLUG) || slug.starts_with(points::SLUG)
    });
    let emulated = if report.emulated.is_empty() {
        Html::joined([])
    } else {
        let figures = ["dvfs-energy", "dvfs-edp", "dvfs-ed2p"].map(figure);
        let tables = report
            .emulated
            .iter()
            .map(|(caption, table)| table::html(table, caption));
        section(
            "emulated",
            "Emulated boards: nothing here was measured",
            figures.into_iter().chain(tables),
        )
    };
    let sheets = if report.sheets.is_empty() {
        Html::joined([])
    } else {
        section(
            "sheets",
            "What our own tiny models see and draw",
            std::iter::once(Html::tagged(
                "p",
                "These pictures are not derived here: `joulebench-worker quality --shapes` drew them, and they are part of the artifact.",
            ))
            .chain(report.sheets.iter().map(sheet::html)),
        )
    };
    Html::joined([
        section("verdicts", "Verdicts", [verdicts::html(&report.claims)]),
        section(
            "energy",
            "Energy per token",
            [
                Html::joined(energy.map(drawn)),
                table::html(&report.energy, "Energy per unit of output at every point"),
            ],
        ),
        section(
            "targets",
            "Targets",
            [
                figure(points::RATIO_SLUG),
                table::html(&report.targets, "Targets and what came of them"),
            ],
        ),
        section(
            "runs",
            "Runs and exclusions",
            [runs(&report.sweeps), excluded(&report.exclusions)],
        ),
        section(
            "sensors",
            "Sensors",
            [
                figure("sensor"),
                table::html(&report.sensors, "What the recordings say about the sensors"),
            ],
        ),
        sheets,
        emulated,
        section("files", "Files", [files(&report.raw)]),
    ])
}

fn section(id: &'static str, title: &str, content: impl IntoIterator<Item = Html>) -> Html {
    let mut all = Html::tagged("h2", title);
    all.push(&Html::joined(content));
    Html::element("section", &[("id", id)], all)
}

fn drawn(drawing: &Drawing) -> Html {
    let entry = &drawing.entry;
    let on = entry
        .device
        .as_ref()
        .map(|device| format!(" on {device}"))
        .unwrap_or_default();
    let runs = match (entry.runs_min, entry.runs_max) {
        (Some(fewest), Some(most)) if fewest == most => {
            format!(" Bars: 95 % intervals, t on logarithms of runs; n = {fewest} runs per point.")
        }
        (Some(fewest), Some(most)) => {
            format!(
                " Bars: 95 % intervals, t on logarithms of runs; n = {fewest} to {most} runs per point."
            )
        }
        _ => " One recording, so no interval.".to_owned(),
    };
    let text = format!("{}{on}. Source: {}.{runs} ", entry.title, entry.source);
    let caption = Html::joined([
        Html::text(&text),
        Html::element(
            "span",
            &[("class", "mark")],
            Html::text(entry.provenance.name()),
        ),
        link(&format!("figures/{}.svg", entry.slug), "SVG"),
        link(&format!("figures/{}.csv", entry.slug), "CSV"),
    ]);
    Html::element(
        "figure",
        &[],
        Html::joined([
            Html::element("div", &[], Html::trusted(&drawing.svg)),
            Html::element("figcaption", &[], caption),
        ]),
    )
}

fn runs(sweeps: &[SweepSummary]) -> Html {
    const COLUMNS: [(&str, &str); 8] = [
        ("words", "Sweep"),
        ("words", "Device"),
        ("number", "Planned"),
        ("number", "Sealed"),
        ("number", "Faultless"),
        ("number", "Failed attempts"),
        ("number", "Not run"),
        ("words", "Provenance"),
    ];
    let heading = |(class, title): &(&str, &str)| {
        Html::element(
            "th",
            &[("scope", "col"), ("class", class)],
            Html::text(title),
        )
    };
    let head = Html::element("tr", &[], Html::joined(COLUMNS.iter().map(heading)));
    let row = |sweep: &SweepSummary| {
        let counts = [
            sweep.planned_runs,
            sweep.runs,
            sweep.faultless_runs,
            sweep.failed_attempts,
            sweep.not_run,
        ];
        let count = |count: usize| {
            Html::element("td", &[("class", "number")], Html::text(&count.to_string()))
        };
        let mut cells = Html::element("th", &[("scope", "row")], Html::text(&sweep.sweep));
        cells.push(&Html::tagged("td", &sweep.devices.join("; ")));
        cells.push(&Html::joined(counts.map(count)));
        let origin = sweep
            .provenance
            .map_or("nothing was run", |provenance| provenance.name());
        cells.push(&Html::tagged("td", origin));
        Html::element("tr", &[], cells)
    };
    table::framed(
        "Runs of each sweep",
        head,
        Html::joined(sweeps.iter().map(row)),
    )
}

fn excluded(exclusions: &Table) -> Html {
    if exclusions.rows.is_empty() {
        return Html::tagged("p", "No run and no attempt was excluded.");
    }
    table::html(
        exclusions,
        "Runs and attempts that entered no estimate, each with its reason",
    )
}

fn files(raw: &[String]) -> Html {
    let item = |href: &str, text: &str| Html::element("li", &[], link(href, text));
    let named = FILES.iter().map(|(href, text)| item(href, text));
    let traces = raw
        .iter()
        .map(|href| item(href, &format!("Raw traces: {href}")));
    Html::element(
        "ul",
        &[("class", "files")],
        Html::joined(named.chain(traces)),
    )
}

fn link(href: &str, text: &str) -> Html {
    Html::element("a", &[("href", href)], Html::text(text))
}
