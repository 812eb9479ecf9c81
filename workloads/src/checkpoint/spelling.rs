//! Released files spell the names of one architecture in several ways.

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;

/// How the names of an architecture are found in a file.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    /// Prefix that a model without a head is saved without, with its dot; may be empty.
    pub optional_prefix: &'static str,
    /// Endings and what older files have in their place.
    pub old_endings: &'static [(&'static str, &'static str)],
}

impl Spelling {
    /// The names are as they are.
    pub const EXACT: Self = Self {
        optional_prefix: "",
        old_endings: &[],
    };

    /// What a tensor may be called, the canonical name first.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        let mut candidates = vec![name.to_owned()];
        for (ending, old) in self.old_endings {
            if let Some(stem) = name.strip_suffix(ending) {
                candidates.push(format!("{stem}{old}"));
            }
        }
        if !self.optional_prefix.is_empty() {
            let bare: Vec<String> = candidates
                .iter()
                .filter_map(|name| name.strip_prefix(self.optional_prefix))
                .map(str::to_owned)
                .collect();
            candidates.extend(bare);
        }
        candidates
    }

    /// What a tensor is called in these files, where they have it.
    pub(super) fn find(&self, name: &str, tensors: &MmapedSafetensors) -> Option<String> {
        self.candidates(name)
            .into_iter()
            .find(|candidate| tensors.get(candidate).is_ok())
    }
}

/// Files that are asked by canonical names.
pub(super) struct Spelled {
    pub(super) tensors: MmapedSafetensors,
    pub(super) spelling: Spelling,
}

impl Spelled {
    fn name(&self, name: &str) -> Result<String> {
        match self.spelling.find(name, &self.tensors) {
            Some(name) => Ok(name),
            None => bail!("no file has the tensor '{name}'"),
        }
    }
}

impl SimpleBackend for Spelled {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let found = self.name(name)?;
        SimpleBackend::get(&self.tensors, shape, &found, init, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.tensors.get_unchecked(&self.name(name)?, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.spelling.find(name, &self.tensors).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_go_from_the_canonical_name_to_the_oldest() {
        let spelling = Spelling {
            optional_prefix: "bert.",
            old_endings: &[("LayerNorm.weight", "LayerNorm.gamma")],
        };
        assert_eq!(
            spelling.candidates("bert.x.LayerNorm.weight"),
            [
                "bert.x.LayerNorm.weight",
                "bert.x.LayerNorm.gamma",
                "x.LayerNorm.weight",
                "x.LayerNorm.gamma"
            ]
        );
        assert_eq!(spelling.candidates("cls.bias"), ["cls.bias"]);
        assert_eq!(Spelling::EXACT.candidates("a.b"), ["a.b"]);
    }
}
