//! One file per verb.

pub(crate) mod analyze;
pub(crate) mod calibrate;
pub(crate) mod claims;
pub(crate) mod compare;
pub(crate) mod dataset;
pub(crate) mod doctor;
pub(crate) mod emulate;
pub(crate) mod figures;
pub(crate) mod measure;
pub(crate) mod overhead;
pub(crate) mod paper;
pub(crate) mod plan;
pub(crate) mod reproduce;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod status;
pub(crate) mod study;
pub(crate) mod train;
pub(crate) mod watch;
pub(crate) mod workloads;
