//! The names that the word axes accept: models, number formats, schedulers.

/// Models whose work is counted in [`cost`](crate::cost::workload), so that they have a floor and run
/// on emulated boards. Which of them an engine can run, the engine says; it may run others, see
/// [`is_model_name`].
pub const MODELS: &[&str] = &[
    "llama-tiny",
    "llama-7b",
    "llama-13b",
    "llama-70b",
    "llama-3-8b",
    "gpt2-tiny",
    "gpt2-small",
    "gpt2-medium",
    "gpt2-large",
    "gpt2-xl",
    "starcoder-tiny",
    "starcoder-1b",
    "starcoder-3b",
    "bert-tiny",
    "bert-base",
    "bert-large",
    "roberta-tiny",
    "roberta-base",
    "roberta-large",
    "lstm-sentiment",
    "whisper-micro",
    "whisper-tiny",
    "whisper-base",
    "whisper-small",
    "whisper-medium",
    "whisper-large-v3",
    "vit-micro",
    "vit-base",
    "vit-large",
    "vit-huge",
    "clip-micro",
    "clip-vit-b-32",
    "clip-vit-l-14",
    "resnet-tiny",
    "resnet-50",
    "diffusion-tiny",
    "stable-diffusion-1.5",
    "stable-diffusion-2.1",
    "sdxl",
    "sdxl-turbo",
    "yolov8-tiny",
    "yolov8n",
    "yolov8s",
    "yolov8m",
    "yolov8l",
    "yolov8x",
    "faster-rcnn",
    "unet-tiny",
    "unet",
    "deeplabv3-tiny",
    "deeplabv3",
    "segformer-tiny",
    "segformer-b0",
    "segformer-b2",
    "real-esrgan-tiny",
    "real-esrgan",
    "edsr-tiny",
    "edsr",
];

/// Whether a word can name a model: 1 to 64 lower-case letters, digits, dots, hyphens and
/// underscores, a letter or digit first. An engine may have models that are not counted here; on
/// real devices plans may name them.
pub fn is_model_name(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=64).contains(&word.len())
        && word.starts_with(plain)
        && word
            .chars()
            .all(|c| plain(c) || matches!(c, '.' | '-' | '_'))
}

/// Number formats of weights and activations.
pub const PRECISIONS: &[&str] = &["f32", "tf32", "f16", "bf16", "fp8", "int8"];

/// Block formats of quantised weights, in GGUF's names; `none` is dense.
pub const QUANTISATIONS: &[&str] = &["none", "q8_0", "q4_0", "q4_k"];

/// Samplers of diffusion models.
pub const SCHEDULERS: &[&str] = &["ddim", "euler", "euler_ancestral", "dpmpp_2m", "unipc"];

/// Phases of an iteration that can be repeated alone.
pub const PHASES: &[&str] = &["prefill", "decode"];

/// Compositions of a model: ours of fused operations, or the stock one that it is held against.
pub const IMPLEMENTATIONS: &[&str] = &["fast", "reference"];

/// Ways to compute attention: in one kernel, or as product, softmax and product.
pub const ATTENTIONS: &[&str] = &["fused", "naive"];

/// Whether the kernels of a step are recorded once and replayed as a CUDA graph.
pub const GRAPHS: &[&str] = &["on", "off"];

/// Ways to pick the next token.
pub const SAMPLINGS: &[&str] = &["greedy", "seeded"];

/// What an encoder of text computes from its last states.
pub const HEADS: &[&str] = &["classification", "masked_lm"];

/// Where weights come from: random numbers from the plan's seed, this project's training, the
/// user's files.
pub const WEIGHTS: &[&str] = &["seeded", "tiny", "file"];
