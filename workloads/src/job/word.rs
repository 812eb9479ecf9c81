//! Axes whose values are words, as types: how work is computed.

use model::axis::Axis;
use serde::{Serialize, Serializer};

/// A closed list of words that an axis takes.
pub trait Word: Copy + PartialEq + 'static {
    /// The axis.
    const AXIS: Axis;
    /// Every word, the usual one first.
    const ALL: &'static [Self];
    /// As it stands in plans.
    fn word(self) -> &'static str;

    /// The word that stands in a plan.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|candidate| candidate.word() == text)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident of $axis:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl Word for $name {
            const AXIS: Axis = Axis::$axis;
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

words! {
    /// Blocks that quantised weights lie in, as GGUF has them.
    Quantisation of Quantisation {
        /// Weights are numbers of the precision.
        Dense = "none",
        /// 32 weights of 8 bits with a 16-bit scale.
        Q8_0 = "q8_0",
        /// 32 weights of 4 bits with a 16-bit scale.
        Q4_0 = "q4_0",
        /// 256 weights of 4 bits with scales and minima of eight sub-blocks.
        Q4K = "q4_k",
    }
}

words! {
    /// Which composition of the model runs.
    Implementation of Implementation {
        /// Ours, of fused operations.
        Fast = "fast",
        /// The stock module of candle-transformers or, where it has none, plain operations.
        Reference = "reference",
    }
}

words! {
    /// How attention is computed.
    Attention of Attention {
        /// In one kernel.
        Fused = "fused",
        /// Product, softmax, product.
        Naive = "naive",
    }
}

words! {
    /// How kernels are launched.
    Graph of Graph {
        /// A step is recorded once as a CUDA graph and replayed.
        On = "on",
        /// One by one.
        Off = "off",
    }
}

words! {
    /// How the next token is picked.
    Sampling of Sampling {
        /// The most likely one.
        Greedy = "greedy",
        /// At random with the model's probabilities, from the seed of the inputs.
        Seeded = "seeded",
    }
}

words! {
    /// How a diffusion model gets from one noise level to the next.
    Scheduler of Scheduler {
        /// Denoising diffusion implicit models.
        Ddim = "ddim",
        /// Euler's method.
        Euler = "euler",
        /// Euler's method with fresh noise in each step.
        EulerAncestral = "euler_ancestral",
        /// DPM-Solver++ of second order, multistep.
        DpmPp2m = "dpmpp_2m",
        /// Unified predictor-corrector.
        UniPc = "unipc",
    }
}

words! {
    /// What an encoder of text computes from its last states.
    Head of Head {
        /// Scores of the classes of each sequence.
        Classification = "classification",
        /// Scores of the hidden tokens.
        MaskedLm = "masked_lm",
    }
}

words! {
    /// Where the weights come from.
    Origin of Weights {
        /// Random numbers from the plan's seed.
        Seeded = "seeded",
        /// Trained by this project, `artifacts/models`.
        Tiny = "tiny",
        /// The user's, in a folder.
        File = "file",
    }
}

words! {
    /// The one phase that is repeated.
    Only of Phase {
        /// Reading the prompt.
        Prefill = "prefill",
        /// Making tokens.
        Decode = "decode",
    }
}

#[cfg(test)]
mod tests {
    use model::axis::Domain;

    use super::*;

    fn check<W: Word + std::fmt::Debug>() {
        let Domain::Words(words) = W::AXIS.domain() else {
            panic!("{} takes no words", W::AXIS)
        };
        let ours: Vec<&str> = W::ALL.iter().map(|word| word.word()).collect();
        assert_eq!(ours, words, "{}", W::AXIS);
        for word in W::ALL {
            assert_eq!(W::parse(word.word()), Some(*word));
        }
        assert_eq!(W::parse("?"), None);
    }

    #[test]
    fn words_are_those_that_plans_accept() {
        check::<Quantisation>();
        check::<Implementation>();
        check::<Attention>();
        check::<Graph>();
        check::<Sampling>();
        check::<Scheduler>();
        check::<Head>();
        check::<Origin>();
        check::<Only>();
    }
}
