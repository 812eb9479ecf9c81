//! Tests of "no difference", for tables that ask for p-values. Claims go through
//! [`crate::equivalence`], which looks at intervals and margins.

mod exact;
mod rank;
mod student;

pub use exact::{binomial_exact, mcnemar_exact};
pub use rank::{
    MANN_WHITNEY_EXACT_UP_TO, RankLaw, RankTest, WILCOXON_EXACT_UP_TO, mann_whitney,
    mann_whitney_exact, mann_whitney_normal, wilcoxon, wilcoxon_exact, wilcoxon_normal,
    wilcoxon_pairs,
};
pub use student::{TTest, paired_t, welch_t};
