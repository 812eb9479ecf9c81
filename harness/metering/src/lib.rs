//! What readings are worth: the profile of a sensor, the energy of a window with its error budget,
//! the validity of a run.

pub mod beat;
pub mod class;
pub mod coverage;
pub mod identify;
pub mod instrument;
pub mod profile;
mod quantity;
pub mod schedule;
pub mod series;
pub mod validity;
pub mod window;

pub use quantity::{Identified, Quantity, Unidentified};
