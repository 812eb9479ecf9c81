//! Building the dataset: one pass over the raw traces, one run in memory at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::trace::Trace;

use crate::checksum::CHECKSUM_FILE;
use crate::read::{Campaign, CampaignFile};
use crate::row::Row;
use crate::tidy::tidy;

use super::column::Filled;
use super::emulated_content::Sorted;
use super::parquet_file::TableWriter;
use super::{
    Counts, DatasetSummary, EmulatedContent, Error, Table, card, checksums, croissant, dictionary,
    emulated_runs, emulator_residuals, machines, marks, runs, samples, tool_readings,
};

/// Name of the dataset's folder in the output folder.
const FOLDER: &str = "dataset";
/// Name of the folder in which it is built, on the same file system.
const BUILDING: &str = "dataset.tmp";
/// Name of the older dataset between two renames.
const REPLACED: &str = "dataset.old.tmp";

/// Name of the licence inside the dataset.
const LICENCE_FILE: &str = "LICENSE";
const LICENCE: &str = include_str!("../../../artifacts/dataset/LICENSE.txt");

/// Builds `out/dataset` from the sealed runs of campaign folders and their rows, and from the
/// results of emulated boards, which lie in tables of their own.
///
/// Traces are read one after another, so memory is bounded by the largest run. The bytes depend on
/// the traces and the rows alone. An older dataset is replaced only when the new one is complete.
/// Attempts that failed before they were sealed are no runs; they stay in the campaign folders.
///
/// # Errors
/// [`Error::NotADataset`] where something else lies at `out/dataset`, [`Error::NoRuns`],
/// [`Error::DuplicateRun`], [`Error::RowsAndTracesDiffer`], [`Error::NotEmulated`],
/// [`Error::DuplicateKey`] and [`Error::RunInTwoTables`] before anything is written;
/// [`Error::Analysis`] for a trace that cannot be trusted, and errors of writing, which leave an
/// older dataset as it was.
pub fn build(
    raw_dirs: &[PathBuf],
    rows: &[Row],
    emulated: &EmulatedContent<'_>,
    out: &Path,
) -> Result<DatasetSummary, Error> {
    let traces = sealed_traces(raw_dirs)?;
    let rows = rows_by_run(&traces, rows)?;
    publish(&traces, emulated, out, |trace| {
        rows[trace.header.run.id.as_str()].clone()
    })
}

/// [`build()`] where the rows are not at hand: each trace is tidied as it passes by.
///
/// # Errors
/// Those of [`build()`].
pub fn build_from_traces(
    raw_dirs: &[PathBuf],
    emulated: &EmulatedContent<'_>,
    out: &Path,
) -> Result<DatasetSummary, Error> {
    publish(&sealed_traces(raw_dirs)?, emulated, out, tidy)
}

/// Builds beside the target and puts the result in its place.
fn publish(
    traces: &Traces,
    emulated: &EmulatedContent<'_>,
    out: &Path,
    row_of: impl Fn(&Trace) -> Row,
) -> Result<DatasetSummary, Error> {
    let emulated = emulated_beside(traces, emulated)?;
    let target = out.join(FOLDER);
    if target.exists() && !target.join(CHECKSUM_FILE).is_file() {
        return Err(Error::NotADataset {
            path: target,
            missing: CHECKSUM_FILE,
        });
    }
    let building = out.join(BUILDING);
    remove(&building)?;
    fs_err::create_dir_all(building.join("data"))?;
    let outcome = write(traces, &emulated, &building, row_of).and_then(|counts| {
        replace(&building, &target, &out.join(REPLACED))?;
        Ok(DatasetSummary {
            path: target,
            counts,
        })
    });
    if outcome.is_err() {
        // The failure that is reported is the first one; a rest in the temporary folder is
        // removed by the next build.
        let _ = remove(&building);
    }
    outcome
}

/// A sealed trace and the campaign it belongs to.
struct Sealed {
    campaign: Campaign,
    file: CampaignFile,
}

/// The sealed traces by run id, which is the order of every table.
type Traces = BTreeMap<String, Sealed>;

/// The sealed traces of all campaigns by run id, which their files are named after.
fn sealed_traces(raw_dirs: &[PathBuf]) -> Result<Traces, Error> {
    let mut traces = Traces::new();
    for folder in raw_dirs {
        let campaign = Campaign::open(folder)?;
        for file in campaign.sealed.clone() {
            let stem = file.path.file_stem().unwrap_or_default();
            let run_id = stem.to_string_lossy().into_owned();
            if let Some(first) = traces.get(&run_id) {
                return Err(Error::DuplicateRun {
                    run_id,
                    first: first.file.path.clone(),
                    second: file.path,
                });
            }
            let sealed = Sealed {
                campaign: campaign.clone(),
                file,
            };
            traces.insert(run_id, sealed);
        }
    }
    if traces.is_empty() {
        let folders: Vec<String> = raw_dirs
            .iter()
            .map(|dir| dir.display().to_string())
            .collect();
        return Err(Error::NoRuns {
            folders: folders.join(", "),
        });
    }
    Ok(traces)
}

/// The rows by run id; each trace must have one, and none may lack its trace.
fn rows_by_run<'a>(traces: &Traces, rows: &'a [Row]) -> Result<BTreeMap<&'a str, &'a Row>, Error> {
    let rows: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.run_id.as_str(), row)).collect();
    let differ = |run_id: &str, present, absent| Error::RowsAndTracesDiffer {
        run_id: run_id.to_owned(),
        present,
        absent,
    };
    if let Some(run_id) = traces
        .keys()
        .find(|run_id| !rows.contains_key(run_id.as_str()))
    {
        return Err(differ(run_id, "raw traces", "rows"));
    }
    if let Some(run_id) = rows.keys().find(|run_id| !traces.contains_key(**run_id)) {
        return Err(differ(run_id, "rows", "raw traces"));
    }
    Ok(rows)
}

/// The emulated content, none of which may be among the traces too.
fn emulated_beside<'a>(
    traces: &Traces,
    emulated: &EmulatedContent<'a>,
) -> Result<Sorted<'a>, Error> {
    let emulated = emulated.sorted()?;
    for row in &emulated.runs {
        if let Some(sealed) = traces.get(&row.run_id) {
            return Err(Error::RunInTwoTables {
                run_id: row.run_id.clone(),
                trace: sealed.file.path.clone(),
            });
        }
    }
    Ok(emulated)
}

/// Writes every file of the dataset into an empty folder.
fn write(
    traces: &Traces,
    emulated: &Sorted<'_>,
    root: &Path,
    row_of: impl Fn(&Trace) -> Row,
) -> Result<Counts, Error> {
    let mut run_table = TableWriter::create(root, Table::Runs)?;
    let mut sample_table = TableWriter::create(root, Table::Samples)?;
    let mut mark_table = TableWriter::create(root, Table::Marks)?;
    let mut machine_table = TableWriter::create(root, Table::Machines)?;
    let mut content = card::Content::default();

    for Sealed { campaign, file } in traces.values() {
        let trace = campaign.read_sealed(file)?;
        sample_table.append(samples::columns(&samples::records(&trace)))?;
        mark_table.append(marks::columns(&marks::records(&trace)))?;
        machine_table.append(machines::columns(&[machines::record(&trace)]))?;
        run_table.append(runs::columns(&[&row_of(&trace)]))?;
        content.add(&trace.header);
    }
    for row in &emulated.runs {
        content.add_emulated(row);
    }

    let counts = Counts {
        runs: run_table.finish()?,
        samples: sample_table.finish()?,
        marks: mark_table.finish()?,
        machines: machine_table.finish()?,
        emulated_runs: write_table(
            root,
            Table::EmulatedRuns,
            emulated_runs::columns(&emulated.runs),
        )?,
        emulator_residuals: write_table(
            root,
            Table::EmulatorResiduals,
            emulator_residuals::columns(&emulated.residuals),
        )?,
        tool_readings: write_table(
            root,
            Table::ToolReadings,
            tool_readings::columns(&emulated.readings),
        )?,
    };
    fs_err::write(root.join(dictionary::FILE), dictionary::to_csv())?;
    fs_err::write(root.join(LICENCE_FILE), LICENCE)?;
    fs_err::write(root.join(card::FILE), card::to_markdown(&content, &counts))?;
    let hashed = checksums::of_folder(root)?;
    fs_err::write(root.join(croissant::FILE), croissant::to_json(&hashed))?;
    checksums::seal(root)?;
    Ok(counts)
}

/// Writes a table that is in memory as a whole, and gives the number of its rows.
fn write_table(root: &Path, table: Table, filled: Vec<Filled>) -> Result<u64, Error> {
    let mut writer = TableWriter::create(root, table)?;
    writer.append(filled)?;
    writer.finish()
}

/// Puts a complete dataset in the place of an older one.
fn replace(building: &Path, target: &Path, replaced: &Path) -> Result<(), Error> {
    remove(replaced)?;
    if target.exists() {
        fs_err::rename(target, replaced)?;
    }
    fs_err::rename(building, target)?;
    remove(replaced)
}

fn remove(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    Ok(())
}
