//! The proof of the statistics: the whole protocol on simulated experiments, held against its bars.
//!
//! A [`bar`](BarId) names functions of the crate `statistics`, cells of simulated data and a demand,
//! such as a coverage of 94 to 96 %. [`run`] repeats each cell some thousands of times and puts the
//! measured share with its Monte-Carlo interval beside the demand. Negative controls do what should
//! not be done, and have to fail. The result, a [`StudyReport`], depends on seed and size alone.
//!
//! Start at [`run`]; the data come from [`generator`], the bars lie in `bar/`, one file each.

mod bar;
mod error;
pub mod generator;
mod measure;
mod random;
mod report;
mod runner;

pub use bar::{BarId, Requirement, Role, Target, Unit, Verdict};
pub use error::{Refusal, StudyError};
pub use random::Stream;
pub use report::{BarReport, Counts, FORMAT, HEADINGS, Measured, PrintedRow, Row, StudyReport};
pub use runner::{DEFAULT_SEED, Options, Progress, Size, run};
