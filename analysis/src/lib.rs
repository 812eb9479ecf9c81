//! From raw traces to rows, estimates, tables, numbers and verdicts.
//!
//! The core is pure: [`tidy`] turns one trace into one [`row::Row`], [`estimate`] turns rows into
//! values with intervals, [`claim`] holds sentences against them. Files are touched at the rim
//! only: [`read`] opens traces, [`stage`] runs one arrow of the flow from folder to folder. Start
//! with [`stage::analyze`].

#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::float_cmp,
        clippy::redundant_closure_for_method_calls,
        reason = "tests name small numbers and exact values"
    )
)]

pub mod checksum;
pub mod claim;
pub mod dataset;
pub mod emulated;
pub mod error;
pub mod estimate;
pub mod figure;
pub mod floor;
pub mod imported;
pub mod number;
pub mod quality;
pub mod quantity;
pub mod read;
pub mod report;
pub mod row;
pub mod stage;
pub mod table;
pub mod target;
pub mod tidy;
pub mod write;

pub use checksum::verify_checksums;
pub use error::Error;

#[cfg(test)]
mod synthetic;
