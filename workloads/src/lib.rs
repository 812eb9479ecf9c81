//! What the harness measures: models that compute, and the worker process around them.
//!
//! The binary `joulebench-worker` is started by the harness, works when told to, and prints marks
//! with the work it has done; `docs/worker-protocol.md` is the protocol. Nothing here reads power
//! or energy, and nothing here knows the harness beyond the words of `model::mark`.
//!
//! Start with [`family::Family`] (what a family of models answers), [`registry`] (which there are),
//! [`job::Job`] (what a request becomes) and [`worker::serve`] (the protocol).

#![cfg_attr(
    test,
    allow(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "tests name small numbers and exact values"
    )
)]

pub mod checkpoint;
pub mod clip;
pub mod clock;
pub mod convnet;
pub mod corpus;
pub mod deeplab;
pub mod demo;
pub mod describe;
pub mod device;
pub mod diffusion;
pub mod encoder;
pub mod error;
pub mod family;
pub mod features;
pub mod fused;
pub mod generation;
pub mod gpt;
pub mod job;
pub mod llama;
pub mod lstm;
pub mod memory;
pub mod outputs;
#[cfg(test)]
mod parity;
pub mod picture;
pub mod quality;
pub mod reading;
pub mod registry;
pub mod resnet;
pub mod seeded;
pub mod seeing;
pub mod segformer;
pub mod shapes;
pub mod super_resolution;
pub mod tower;
pub mod training;
pub mod unet;
pub mod vit;
pub mod weights;
pub mod whisper;
pub mod worker;
pub mod workload;
pub mod yolo;

pub use error::Error;
