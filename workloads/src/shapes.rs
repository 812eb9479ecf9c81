//! Pictures whose meaning is known: coloured shapes, what they are called, where they are, and tiny
//! networks that class, caption, find, mask, enlarge and draw them.
//!
//! A [`scene::Scene`] says what is to be seen; [`raster`] draws it in integer arithmetic, so a
//! picture has the same bytes on every machine; [`caption`] says it in words. Networks are written
//! once, over a [`compose::Compose`]: one composition has derivatives and is trained, the other
//! writes into memory that is there already and is measured. Both take the same tensors by name.

pub mod batch;
pub mod caption;
pub mod classifier;
pub mod clip;
pub mod compose;
pub mod denoiser;
pub mod detector;
pub mod draw;
pub mod family;
pub mod judges;
pub mod measure;
pub mod networks;
pub mod raster;
pub mod scene;
pub mod segmenter;
pub mod sheet;
pub mod study;
pub mod upscaler;
