//! Raw traces to rows, exclusions and estimates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::plan::{DECISION_FILE, Decision, Plan, PlanSource};
use model::run::RunId;

use super::exclusion::{Exclusion, exclusions_to_csv};
use super::layout::Layout;
use super::roles;
use super::summary::{AnalyzeSummary, SweepSummary};
use crate::Error;
use crate::estimate::{ESTIMATES_SCHEMA, Estimates, comparisons_of, estimates_of};
use crate::imported::sensor_report;
use crate::read::{Campaign, read_trace};
use crate::row::{Row, rows_to_csv};
use crate::tidy::tidy;
use crate::write::{write_atomically, write_json};

/// How far the analysis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Traces read so far.
    pub done: usize,
    /// Traces to read.
    pub total: usize,
}

/// [`analyze_with`] without a listener.
///
/// # Errors
/// Those of [`analyze_with`].
pub fn analyze(raw: &[PathBuf], imported: &Path, out: &Path) -> Result<AnalyzeSummary, Error> {
    analyze_with(raw, imported, out, &mut |_| {})
}

/// Reads campaign folders and recordings and writes `rows.csv`, `exclusions.csv`,
/// `estimates.json`, `sensor.json` and `summary.json`. Everything is read and checked before
/// anything is written.
///
/// # Errors
/// The first trace, plan or recording, in the order of names, that cannot be trusted.
pub fn analyze_with(
    raw: &[PathBuf],
    imported: &Path,
    out: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<AnalyzeSummary, Error> {
    let mut campaigns = raw
        .iter()
        .map(|path| Ok((Campaign::open(path)?, read_plan(path)?)))
        .collect::<Result<Vec<(Campaign, Plan)>, Error>>()?;
    // The order of the arguments must not show in the results.
    campaigns.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    if let Some(pair) = campaigns
        .windows(2)
        .find(|pair| pair[0].1.name == pair[1].1.name)
    {
        return Err(Error::Campaign {
            path: pair[1].0.path.clone(),
            problem: format!(
                "holds the sweep '{}', as does {}; give each sweep once",
                pair[1].1.name,
                pair[0].0.path.display()
            ),
        });
    }

    let mut counter = Counter {
        progress,
        done: 0,
        total: campaigns
            .iter()
            .map(|(c, _)| c.sealed.len() + c.failed.len())
            .sum(),
    };
    let mut rows = Vec::new();
    let mut exclusions = Vec::new();
    let mut sweeps = Vec::new();
    for (campaign, plan) in &campaigns {
        let found = read_campaign(campaign, plan, &mut counter)?;
        sweeps.push(found.summary);
        rows.extend(found.rows);
        exclusions.extend(found.exclusions);
    }
    let sensors = sensor_report(imported)?;

    let (estimates, missing) = estimates_of(&rows);
    let comparisons = comparisons_of(&rows);
    let estimates = Estimates {
        schema: ESTIMATES_SCHEMA,
        estimates,
        comparisons,
        missing,
    };
    let summary = AnalyzeSummary { sweeps };
    let layout = Layout::new(out);
    let exclusions = exclusions_to_csv(&exclusions)
        .map_err(|error| Error::content(layout.exclusions(), error))?;
    write_atomically(&layout.rows(), rows_to_csv(&rows).as_bytes())?;
    write_atomically(&layout.exclusions(), exclusions.as_bytes())?;
    write_json(&layout.estimates(), &estimates)?;
    write_json(&layout.sensors(), &sensors)?;
    write_json(&layout.summary(), &summary)?;
    Ok(summary)
}

struct Counter<'a> {
    progress: &'a mut dyn FnMut(Progress),
    done: usize,
    total: usize,
}

impl Counter<'_> {
    fn step(&mut self) {
        self.done += 1;
        (self.progress)(Progress {
            done: self.done,
            total: self.total,
        });
    }
}

/// What a campaign folder holds.
struct Found {
    rows: Vec<Row>,
    exclusions: Vec<Exclusion>,
    summary: SweepSummary,
}

fn read_campaign(
    campaign: &Campaign,
    plan: &Plan,
    counter: &mut Counter<'_>,
) -> Result<Found, Error> {
    let mut rows: Vec<Row> = Vec::new();
    let mut exclusions = Vec::new();
    let mut sealed: BTreeSet<RunId> = BTreeSet::new();
    for file in &campaign.sealed {
        let trace = campaign.read_sealed(file)?;
        let row = tidy(&trace);
        check_belongs(campaign, plan, rows.first(), &row, &file.name)?;
        exclusions.extend(Exclusion::of_row(&row, &file.name));
        sealed.insert(trace.header.run.id);
        rows.push(row);
        counter.step();
    }
    for file in &campaign.failed {
        let row = tidy(&read_trace(&file.path)?);
        check_belongs(campaign, plan, rows.first(), &row, &file.name)?;
        let before = exclusions.len();
        exclusions.extend(Exclusion::of_row(&row, &file.name));
        if exclusions.len() == before {
            exclusions.push(Exclusion::of_attempt(&row, &file.name));
        }
        counter.step();
    }
    let decision = read_decision(plan, &campaign.path)?;
    let planned = plan.runs_with(decision.as_ref());
    let not_run: Vec<Exclusion> = planned
        .iter()
        .filter(|run| !sealed.contains(&run.id))
        .map(Exclusion::not_run)
        .collect();
    rows.sort_by(|a, b| (a.order, &a.run_id).cmp(&(b.order, &b.run_id)));
    roles::assign(plan, &mut rows);
    let summary = SweepSummary::of(
        plan,
        planned.len(),
        &rows,
        campaign.failed.len(),
        not_run.len(),
    );
    exclusions.extend(not_run);
    Ok(Found {
        rows,
        exclusions,
        summary,
    })
}

/// A folder holds one sweep of one origin.
fn check_belongs(
    campaign: &Campaign,
    plan: &Plan,
    first: Option<&Row>,
    row: &Row,
    file: &str,
) -> Result<(), Error> {
    let wrong = |problem: String| {
        Err(Error::Campaign {
            path: campaign.path.clone(),
            problem,
        })
    };
    if row.sweep != plan.name {
        return wrong(format!(
            "{file} belongs to the sweep '{}', expected '{}' as in plan.toml; move it away",
            row.sweep, plan.name
        ));
    }
    match first {
        Some(first) if first.provenance != row.provenance => wrong(format!(
            "{file} is {}, the runs before it are {}; they are never mixed, move it away",
            row.provenance, first.provenance
        )),
        _ => Ok(()),
    }
}

/// What the first stage decided; nothing where the plan has one stage, or is not that far.
fn read_decision(plan: &Plan, folder: &Path) -> Result<Option<Decision>, Error> {
    let path = folder.join(DECISION_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs_err::read_to_string(&path)?;
    let decision: Decision =
        serde_json::from_str(&text).map_err(|error| Error::content(&path, error))?;
    if decision.is_for(plan) {
        return Ok(Some(decision));
    }
    Err(Error::content(
        &path,
        "was decided for another plan than the plan.toml beside it; restore the two from one copy",
    ))
}

fn read_plan(folder: &Path) -> Result<Plan, Error> {
    let path = Campaign::plan_path(folder);
    let text = fs_err::read_to_string(&path)?;
    let source: PlanSource = toml::from_str(&text).map_err(|error| Error::content(&path, error))?;
    source
        .validate()
        .map_err(|error| Error::content(&path, error))
}
