//! Which runs are no points: sentinels of the reference and long confirmations. They are rows like
//! any other and enter no estimate, so whoever reads `rows.csv` must be able to tell them.

use std::path::Path;

use model::plan::{PairedWith, Plan};
use model::run::Role;

use crate::Error;
use crate::row::{Row, TwoStageRow};
use crate::write::write_atomically;

/// Lets the sentinels stand for the reference in ratios, where the plan says so, and tells the rows
/// of a plan with two stages.
pub(super) fn assign(plan: &Plan, rows: &mut [Row]) {
    if plan
        .rules()
        .is_some_and(|rules| rules.second_stage.is_some())
    {
        for row in rows.iter_mut() {
            row.two_stage = Some(TwoStageRow {
                pilot_blocks: plan.blocks,
                is_reference: plan.reference.as_ref() == Some(&row.point),
            });
        }
    }
    if plan.paired_with != Some(PairedWith::Sentinels) {
        return;
    }
    for row in rows.iter_mut() {
        let is_reference = plan.reference.as_ref() == Some(&row.point);
        row.enters_ratios = match row.role {
            Role::Sentinel(_) => true,
            Role::Point => !is_reference,
            Role::Confirmation => false,
        };
    }
}

/// Writes the list, or takes an old one away where every run is a point.
///
/// # Errors
/// Where the folder cannot be written.
pub(super) fn write(path: &Path, rows: &[Row]) -> Result<(), Error> {
    let mut text = String::from("run_id,role,enters_ratios\n");
    let others = rows.iter().filter(|row| !row.role.is_point());
    let lines: Vec<String> = others
        .map(|row| format!("{},{},{}\n", row.run_id, row.role, row.enters_ratios))
        .collect();
    if lines.is_empty() {
        return match fs_err::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
    }
    text.extend(lines);
    write_atomically(path, text.as_bytes())
}
