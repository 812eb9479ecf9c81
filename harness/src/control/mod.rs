//! Control that gives back: settings of a GPU are changed only under a [`Lease`], which puts them
//! back to what they were before, whatever ends the harness.
//!
//! ```text
//! lock of the GPU → ledger of an earlier death replayed → watchdog started → prior state read
//!   → ledger written and synced → prior state written once (proof that it can be given back)
//!   → changes … → prior state written again → ledger removed → watchdog dismissed
//! ```
//!
//! Three things put settings back, each where the one before it cannot: the lease (every normal
//! path, and the signals that can be caught: [`signals`]), the watchdog process (SIGKILL, out of
//! memory: [`watch`]), and whoever comes next (both killed, power cut: [`repair`], [`Lease::take`]).
//! `docs/control.md` has the reasons and the measured figures.

mod error;
mod evidence;
mod folder;
mod give_back;
mod lease;
mod ledger;
mod lock;
pub mod repair;
mod replay;
mod right;
mod settings;
pub mod signals;
pub mod watch;
mod watchdog;
mod wish;

pub use error::ControlError;
pub use evidence::{LockEvidence, PriorLock};
pub use folder::Folder;
pub use lease::Lease;
pub use ledger::{Ledger, LedgerError};
pub use lock::GpuLock;
pub use right::{holds_sys_admin, missing_right};
pub use settings::{ApplicationClocks, ClockRange, KnobError, Knobs, Prior, Readable, Setting};
pub use watchdog::watchdog_program;
pub use wish::Wish;
