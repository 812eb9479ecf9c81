//! What the rows of a sweep are for, as far as only its plan tells. Why each run was taken stands in
//! the column `role`.

use model::plan::{PairedWith, Plan};
use model::run::Role;

use crate::row::{Row, TwoStageRow};

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
