//! The table of residuals: silicon beside the boards that imitate it.

use model::provenance::Provenance;

use super::column::Filled;
use crate::emulated::residual::Residual;

/// Unit of a value whose unit stands in the row.
const UNIT_OF_ROW: &str = "unit";

/// The table for these residuals.
pub(super) fn columns(residuals: &[&Residual]) -> Vec<Filled> {
    let rows = || residuals.iter();
    vec![
        Filled::texts("board", rows().map(|r| Some(&r.board)))
            .about("emulated board")
            .required(),
        Filled::texts("row", rows().map(|r| Some(&r.row)))
            .about("what was recorded")
            .required(),
        Filled::texts("quantity", rows().map(|r| Some(&r.quantity)))
            .about("quantity that is compared")
            .required(),
        Filled::texts("unit", rows().map(|r| Some(&r.unit)))
            .about("unit of reference, solved, simulated and model, in UCUM notation")
            .required(),
        Filled::floats("reference", UNIT_OF_ROW, rows().map(|r| Some(r.reference)))
            .about("value on silicon, from the source; the one number of the row that is not emulated")
            .required(),
        Filled::floats("solved", UNIT_OF_ROW, rows().map(|r| r.solved))
            .about("value of the emulated board by its equations; null where they give none"),
        Filled::floats("simulated", UNIT_OF_ROW, rows().map(|r| r.simulated))
            .about("value of the emulated board in virtual time; null where it was not run"),
        Filled::floats("model", UNIT_OF_ROW, rows().map(|r| Some(r.model)))
            .about("the one of the two that is compared: simulated where there is one, else solved")
            .required(),
        Filled::floats("error_pct", "%", rows().map(|r| Some(r.error_pct)))
            .about("model relative to reference, less 100")
            .required(),
        Filled::floats("tolerance_pct", "%", rows().map(|r| r.tolerance_pct))
            .about("error that is allowed; null where the row is shown without judgement"),
        Filled::booleans("is_within", rows().map(|r| r.tolerance_pct.and(Some(r.is_within))))
            .about("whether the error is allowed; null where the row is shown without judgement"),
        Filled::texts("used_for", rows().map(|r| Some(&r.used_for)))
            .about("fit: the board was fitted to it; holdout: kept back, the error is that of a prediction")
            .required(),
        Filled::texts("source", rows().map(|r| Some(&r.source)))
            .about("where the reference comes from, in the project's repository")
            .required(),
        Filled::texts("provenance", rows().map(|_| Some(Provenance::Emulated.name())))
            .about("always emulated")
            .required(),
    ]
}
