//! Which network made the features, and what a score of them may be called.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ScoringError;

/// How pictures reach the FID Inception. The published programs differ, and so do their scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FidInput {
    /// clean-fid, "clean": Pillow's bicubic filter on each channel in float, no rounding.
    Clean,
    /// pytorch-fid 0.3: bilinear in the network, without antialiasing.
    PytorchFid,
    /// torch-fidelity 0.4, and torchmetrics with `antialias=False`: bilinear as in TensorFlow 1.
    TorchFidelity,
    /// torchmetrics 1.9 by default: bilinear with antialiasing. Older versions are `TorchFidelity`.
    Torchmetrics,
}

/// A network that the literature means when it prints a score by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Canonical {
    /// `pt_inception-2015-12-05`, the pooled features of width 2,048.
    FidInception(FidInput),
    /// VGG-16 of torchvision with the linear heads of LPIPS 0.1.
    LpipsVgg16,
    /// CLIP of `OpenAI`, `clip-vit-base-patch32`.
    ClipVitBase32,
    /// CLIP of `OpenAI`, `clip-vit-large-patch14`: what torchmetrics takes by default.
    ClipVitLarge14,
}

/// A network with its weights. One with canonical weights gives scores their canonical names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    name: String,
    weights: String,
    canonical: Option<Canonical>,
}

impl Network {
    /// A network of ours, of random weights, or of another tap: its scores are named after it.
    pub fn other(name: impl Into<String>, weights: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            weights: weights.into(),
            canonical: None,
        }
    }

    /// A canonical network with the weights of files, known by their hash. That they are the
    /// published ones is what the user says; the hash lets a reader check it.
    ///
    /// # Errors
    /// Weights that are no files, such as seeded ones.
    pub fn canonical(
        canonical: Canonical,
        weights: impl Into<String>,
    ) -> Result<Self, ScoringError> {
        let weights = weights.into();
        if !weights.starts_with("sha256:") {
            return Err(ScoringError::Value {
                what: "weights of a canonical network",
                found: format!("'{weights}'"),
                expected: "the hash of files, 'sha256:…'; scores of other weights are named after \
                           their network"
                    .into(),
            });
        }
        Ok(Self {
            name: canonical.name().into(),
            weights,
            canonical: Some(canonical),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells its weights from others: `seed:N` or `sha256:…`.
    pub fn weights(&self) -> &str {
        &self.weights
    }

    /// What a score of its features is called.
    pub fn title(&self, score: Score) -> String {
        let canonical = self.canonical.and_then(|network| network.title(score));
        canonical.unwrap_or_else(|| format!("{}({})", score.short(), self.name))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, weights {}", self.name, self.weights)
    }
}

/// What is computed from features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// [`crate::frechet`].
    FrechetDistance,
    /// [`crate::kernel_distance`].
    KernelDistance,
    /// [`crate::perceptual`].
    PerceptualDistance,
    /// [`crate::clip`].
    CaptionFit,
}

impl Score {
    const fn short(self) -> &'static str {
        match self {
            Self::FrechetDistance => "fd",
            Self::KernelDistance => "kd",
            Self::PerceptualDistance => "pd",
            Self::CaptionFit => "caption fit",
        }
    }
}

impl Canonical {
    /// The network's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FidInception(FidInput::Clean) => "fid-inception/clean",
            Self::FidInception(FidInput::PytorchFid) => "fid-inception/pytorch-fid",
            Self::FidInception(FidInput::TorchFidelity) => "fid-inception/torch-fidelity",
            Self::FidInception(FidInput::Torchmetrics) => "fid-inception/torchmetrics",
            Self::LpipsVgg16 => "lpips-vgg16",
            Self::ClipVitBase32 => "clip-vit-base-patch32",
            Self::ClipVitLarge14 => "clip-vit-large-patch14",
        }
    }

    fn title(self, score: Score) -> Option<String> {
        let input = |input| match input {
            FidInput::Clean => "clean",
            FidInput::PytorchFid => "pytorch-fid",
            FidInput::TorchFidelity => "torch-fidelity",
            FidInput::Torchmetrics => "torchmetrics",
        };
        match (self, score) {
            (Self::FidInception(how), Score::FrechetDistance) => {
                Some(format!("FID ({})", input(how)))
            }
            (Self::FidInception(how), Score::KernelDistance) => {
                Some(format!("KID ({})", input(how)))
            }
            (Self::LpipsVgg16, Score::PerceptualDistance) => Some("LPIPS (VGG-16)".into()),
            (Self::ClipVitBase32, Score::CaptionFit) => Some("CLIP score (ViT-B/32)".into()),
            (Self::ClipVitLarge14, Score::CaptionFit) => Some("CLIP score (ViT-L/14)".into()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_weights_have_canonical_names() {
        let canonical = Canonical::FidInception(FidInput::Clean);
        let fid = Network::canonical(canonical, "sha256:ab").unwrap();
        assert_eq!(fid.title(Score::FrechetDistance), "FID (clean)");
        assert_eq!(fid.title(Score::KernelDistance), "KID (clean)");
        // A CLIP score of Inception features is none.
        assert_eq!(
            fid.title(Score::CaptionFit),
            "caption fit(fid-inception/clean)"
        );
        let ours = Network::other("shapes-net", "sha256:cd");
        assert_eq!(ours.title(Score::FrechetDistance), "fd(shapes-net)");
        assert_eq!(ours.to_string(), "shapes-net, weights sha256:cd");
        let seeded = Network::canonical(Canonical::LpipsVgg16, "seed:1").unwrap_err();
        assert!(seeded.to_string().contains("'seed:1'"), "{seeded}");
    }
}
