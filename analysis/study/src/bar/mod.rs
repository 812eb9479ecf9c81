//! The bars: what each calls, in which cells, and what it demands. One file for each.

mod autocorrelation;
mod cell;
mod coverage;
mod determinism;
mod frechet;
mod headline;
mod id;
mod margin;
mod multiplicity;
mod optimum;
mod order;
mod prediction;
mod quantile;
mod ratio;
mod refusal;
mod relabelling;
mod requirement;
mod resampling;
mod two_stage;
mod warm_up;

pub(crate) use cell::{Answers, Cell, CellDraft, Effort, Measure, Question};
pub use id::BarId;
pub use requirement::{Requirement, Role, Target, Unit, Verdict};

/// One bar.
pub(crate) struct Bar {
    /// Which.
    pub(crate) id: BarId,
    /// What has to hold.
    pub(crate) title: &'static str,
    /// Functions under test.
    pub(crate) calls: &'static [&'static str],
    /// What a reader of its rows must know.
    pub(crate) note: Option<&'static str>,
    /// Its cells.
    pub(crate) cells: Vec<Cell>,
}

/// The bar of a name.
pub(crate) fn build(id: BarId) -> Bar {
    match id {
        BarId::Headline => headline::bar(),
        BarId::Refusal => refusal::bar(),
        BarId::Ratio => ratio::bar(),
        BarId::TwoStage => two_stage::bar(),
        BarId::Autocorrelation => autocorrelation::bar(),
        BarId::Order => order::bar(),
        BarId::Margin => margin::bar(),
        BarId::Multiplicity => multiplicity::bar(),
        BarId::Optimum => optimum::bar(),
        BarId::WarmUp => warm_up::bar(),
        BarId::Prediction => prediction::bar(),
        BarId::Quantile => quantile::bar(),
        BarId::Frechet => frechet::bar(),
        BarId::Determinism => determinism::bar(),
        BarId::Relabelling => relabelling::bar(),
    }
}
