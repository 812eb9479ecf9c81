//! The names that the word axes accept: models, number formats, schedulers.

/// Models that a worker of this project can run.
pub const MODELS: &[&str] = &["llama-tiny", "llama-7b"];

/// Number formats of weights and activations.
pub const PRECISIONS: &[&str] = &["f32", "f16", "bf16"];

/// Block formats of quantised weights, in GGUF's names; `none` is dense.
pub const QUANTISATIONS: &[&str] = &["none", "q8_0", "q4_0", "q4_k"];

/// Samplers of diffusion models.
pub const SCHEDULERS: &[&str] = &["ddim", "euler", "euler_ancestral", "dpmpp_2m", "unipc"];
