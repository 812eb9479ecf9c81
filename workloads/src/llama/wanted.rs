//! What a GGUF file has to hold, so that no result is filed under the name of another.

use std::collections::BTreeMap;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Content;
use ops::quantised::Format;

use super::config::Config;
use super::quantised::{is_multiplied, tensors};

/// Model and format that a job names.
pub(super) struct Wanted<'a> {
    /// Name of the model.
    pub(super) model: &'a str,
    /// Its shape.
    pub(super) config: &'a Config,
    /// Format of most of its matrices.
    pub(super) format: Format,
}

impl Wanted<'_> {
    /// Refuses another model or format. The shape comes first: no list is made of as many tensors
    /// as a damaged file claims to have.
    ///
    /// # Errors
    /// What differs.
    pub(super) fn check(&self, found: &Config, content: &Content) -> Result<(), String> {
        match self.config.difference(found) {
            None => self.check_format(found, content),
            Some(difference) => Err(format!(
                "{difference} for the model '{}'; choose the file or the model to match",
                self.model
            )),
        }
    }

    /// Files mix formats (`Q4_K_M` has some matrices in `Q6_K`), so the name is that of most weights.
    fn check_format(&self, found: &Config, content: &Content) -> Result<(), String> {
        let mut weights: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, shape) in tensors(found) {
            let info = content.tensor_infos.get(&name);
            if let Some(info) = info.filter(|_| is_multiplied(found, &name, &shape)) {
                let count: usize = shape.iter().product();
                *weights.entry(name_of(info.ggml_dtype)).or_default() += count as u64;
            }
        }
        let all: u64 = weights.values().sum();
        let asked = weights.get(self.format.name()).copied().unwrap_or(0);
        // A file without any matrix is refused by the names that it lacks.
        let Some((most, count)) = weights.iter().max_by_key(|(_, count)| **count) else {
            return Ok(());
        };
        if 2 * asked > all {
            return Ok(());
        }
        Err(format!(
            "holds mostly {most} ({} % of the weights that are multiplied), axis 'quantisation' \
             asks for {} ({} %); set the axis to the format of the file, or name another file",
            100 * count / all,
            self.format.name(),
            100 * asked / all
        ))
    }
}

/// The name of a format in llama.cpp.
const fn name_of(format: GgmlDType) -> &'static str {
    match format {
        GgmlDType::F32 => "F32",
        GgmlDType::F16 => "F16",
        GgmlDType::BF16 => "BF16",
        GgmlDType::Q4_0 => "Q4_0",
        GgmlDType::Q4_1 => "Q4_1",
        GgmlDType::Q5_0 => "Q5_0",
        GgmlDType::Q5_1 => "Q5_1",
        GgmlDType::Q8_0 => "Q8_0",
        GgmlDType::Q8_1 => "Q8_1",
        GgmlDType::Q2K => "Q2_K",
        GgmlDType::Q3K => "Q3_K",
        GgmlDType::Q4K => "Q4_K",
        GgmlDType::Q5K => "Q5_K",
        GgmlDType::Q6K => "Q6_K",
        GgmlDType::Q8K => "Q8_K",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is counted by one name is asked for by the other.
    #[test]
    fn formats_have_one_name() {
        for format in Format::ALL {
            assert_eq!(name_of(format.ggml()), format.name());
        }
    }
}
