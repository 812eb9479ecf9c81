//! Reading raw traces: [`trace`] opens one file and checks its seal, [`campaign`] lists the files
//! of a campaign folder.

mod campaign;
mod guard;
mod trace;

pub use campaign::{Campaign, CampaignFile};
pub use trace::{TraceProblem, read_trace};

#[cfg(test)]
mod tests;
