//! The matrices of the models, as their configurations give them.

/// Where in a model a matrix stands, and so what is fused with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// After an `RMSNorm`: query, key and value, or the logits.
    Normed,
    /// Adds to the residual.
    Residual,
    /// Gate over up, after an `RMSNorm`.
    Gated,
    /// With a bias.
    Bias,
    /// With a bias and GELU.
    Gelu,
}

/// One matrix of a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    /// Model and matrix: `7b-qkv`.
    pub(crate) name: &'static str,
    pub(crate) part: Part,
    /// Rows of the weight.
    pub(crate) outputs: usize,
    /// Columns of the weight.
    pub(crate) inputs: usize,
    /// How many of them a step of the model reads.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the sum over a model is a test")
    )]
    pub(crate) per_model: usize,
}

impl Matrix {
    /// Whether it is one of LLaMA-7B's.
    pub(crate) fn is_7b(&self) -> bool {
        self.name.starts_with("7b-")
    }

    /// Whether it is one of a LLaMA's.
    pub(crate) fn is_llama(&self) -> bool {
        ["7b-", "13b-", "70b-", "llama3-8b-"]
            .iter()
            .any(|model| self.name.starts_with(model))
    }
}

const fn matrix(
    name: &'static str,
    part: Part,
    outputs: usize,
    inputs: usize,
    per_model: usize,
) -> Matrix {
    Matrix {
        name,
        part,
        outputs,
        inputs,
        per_model,
    }
}

/// LLaMA 7B, 13B, 70B, LLaMA-3-8B, GPT-2 XL, StarCoder-1B and BERT-large.
pub(crate) const MATRICES: [Matrix; 34] = [
    matrix("7b-qkv", Part::Normed, 12_288, 4096, 32),
    matrix("7b-o", Part::Residual, 4096, 4096, 32),
    matrix("7b-gate-up", Part::Gated, 22_016, 4096, 32),
    matrix("7b-down", Part::Residual, 4096, 11_008, 32),
    matrix("7b-head", Part::Normed, 32_000, 4096, 1),
    matrix("13b-qkv", Part::Normed, 15_360, 5120, 40),
    matrix("13b-o", Part::Residual, 5120, 5120, 40),
    matrix("13b-gate-up", Part::Gated, 27_648, 5120, 40),
    matrix("13b-down", Part::Residual, 5120, 13_824, 40),
    matrix("13b-head", Part::Normed, 32_000, 5120, 1),
    matrix("70b-qkv", Part::Normed, 10_240, 8192, 80),
    matrix("70b-o", Part::Residual, 8192, 8192, 80),
    matrix("70b-gate-up", Part::Gated, 57_344, 8192, 80),
    matrix("70b-down", Part::Residual, 8192, 28_672, 80),
    matrix("70b-head", Part::Normed, 32_000, 8192, 1),
    matrix("llama3-8b-qkv", Part::Normed, 6144, 4096, 32),
    matrix("llama3-8b-o", Part::Residual, 4096, 4096, 32),
    matrix("llama3-8b-gate-up", Part::Gated, 28_672, 4096, 32),
    matrix("llama3-8b-down", Part::Residual, 4096, 14_336, 32),
    matrix("llama3-8b-head", Part::Normed, 128_256, 4096, 1),
    matrix("gpt2-xl-qkv", Part::Bias, 4800, 1600, 48),
    matrix("gpt2-xl-o", Part::Residual, 1600, 1600, 48),
    matrix("gpt2-xl-up", Part::Gelu, 6400, 1600, 48),
    matrix("gpt2-xl-down", Part::Residual, 1600, 6400, 48),
    matrix("gpt2-xl-head", Part::Bias, 50_257, 1600, 1),
    matrix("starcoder-1b-qkv", Part::Bias, 2304, 2048, 24),
    matrix("starcoder-1b-o", Part::Residual, 2048, 2048, 24),
    matrix("starcoder-1b-up", Part::Gelu, 8192, 2048, 24),
    matrix("starcoder-1b-down", Part::Residual, 2048, 8192, 24),
    matrix("starcoder-1b-head", Part::Bias, 49_152, 2048, 1),
    matrix("bert-large-qkv", Part::Bias, 3072, 1024, 24),
    matrix("bert-large-o", Part::Residual, 1024, 1024, 24),
    matrix("bert-large-up", Part::Gelu, 4096, 1024, 24),
    matrix("bert-large-down", Part::Residual, 1024, 4096, 24),
];
