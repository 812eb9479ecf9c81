//! A model in the layout of Hugging Face: `config.json`, safetensors, `tokenizer.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use ops::linear::Math;
use serde::Deserialize;
use tokenizers::Tokenizer;

use super::config::Config;
use super::network::Network;
use crate::Error;
use crate::error::first_line;

const TOKENIZER: &str = "tokenizer.json";

/// A folder that holds a `LLaMA` model; nothing but `config.json` is read until asked for.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    config: Config,
}

/// `model.safetensors.index.json`: which file of a split checkpoint holds which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Folder {
    /// Opens a folder and reads its `config.json`.
    ///
    /// # Errors
    /// The file cannot be read or describes a model that this decoder does not support.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = path.join("config.json");
        let config = Config::from_hugging_face(&read(&file)?)
            .map_err(|problem| Error::file(&file, problem))?;
        Ok(Self {
            path: path.to_owned(),
            config,
        })
    }

    /// Shape of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Refuses a folder with another model than the named one, so that no result is filed under
    /// the wrong name.
    ///
    /// # Errors
    /// The first field that differs.
    pub fn expect(&self, model: &str, config: &Config) -> Result<(), Error> {
        match config.difference(&self.config) {
            None => Ok(()),
            Some(difference) => Err(Error::file(
                &self.path.join("config.json"),
                format!(
                    "{difference} for the model '{model}'; choose the folder or the model to match"
                ),
            )),
        }
    }

    /// Loads the weights onto a device, in the wanted number format.
    ///
    /// # Errors
    /// A file is missing or damaged, or a tensor is missing or has another shape.
    pub fn load(&self, dtype: DType, device: &Device) -> Result<Network, Error> {
        let files = self.files()?;
        for file in &files {
            // Each by itself first, so that a damaged one can be named.
            map(std::slice::from_ref(file)).map_err(|error| {
                Error::file(
                    file,
                    format!(
                        "is no complete safetensors file ({}); fetch it again",
                        first_line(&error)
                    ),
                )
            })?;
        }
        let tensors = map(&files)?;
        self.check_tensors(&tensors)?;
        let weights = VarBuilder::from_backend(Box::new(tensors), dtype, device.clone());
        Ok(Network::load(&self.config, Math::Default, &weights)?)
    }

    /// The tokenizer that belongs to the model.
    ///
    /// # Errors
    /// The file is missing or is no tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer, Error> {
        let file = self.path.join(TOKENIZER);
        Tokenizer::from_bytes(read(&file)?.as_bytes())
            .map_err(|error| Error::file(&file, format!("is no tokenizer ({error})")))
    }

    /// Token ids as text; `None` where the folder has no tokenizer.
    ///
    /// # Errors
    /// The tokenizer is damaged or does not know a token.
    pub fn decode(&self, sequences: &[Vec<u32>]) -> Result<Option<Vec<String>>, Error> {
        let file = self.path.join(TOKENIZER);
        if !file.is_file() {
            return Ok(None);
        }
        let tokenizer = self.tokenizer()?;
        let text = |tokens: &Vec<u32>| {
            tokenizer
                .decode(tokens, true)
                .map_err(|error| Error::file(&file, format!("cannot decode the output ({error})")))
        };
        sequences
            .iter()
            .map(text)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The files that hold the tensors, in the order of their names.
    fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let single = self.path.join("model.safetensors");
        if single.is_file() {
            return Ok(vec![single]);
        }
        let file = self.path.join("model.safetensors.index.json");
        if !file.is_file() {
            return Err(Error::file(
                &self.path,
                "has neither model.safetensors nor model.safetensors.index.json; convert other \
                 formats to safetensors first",
            ));
        }
        let index: Index = serde_json::from_str(&read(&file)?)
            .map_err(|error| Error::file(&file, error.to_string()))?;
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        names
            .into_iter()
            .map(|name| {
                let part = self.path.join(name);
                if part.is_file() {
                    Ok(part)
                } else {
                    Err(Error::file(
                        &file,
                        format!("'weight_map' names {name}, which is missing; fetch it again"),
                    ))
                }
            })
            .collect()
    }

    fn check_tensors(&self, tensors: &MmapedSafetensors) -> Result<(), Error> {
        for (name, expected) in self.config.tensors() {
            let Ok(found) = tensors.get(&name) else {
                return Err(Error::file(
                    &self.path,
                    format!("no file has the tensor '{name}', which config.json implies"),
                ));
            };
            if found.shape() != expected {
                return Err(Error::file(
                    &self.path,
                    format!(
                        "tensor '{name}' has the shape {:?}, expected {expected:?} from config.json",
                        found.shape()
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn map(files: &[PathBuf]) -> candle_core::Result<MmapedSafetensors> {
    #[allow(unsafe_code, reason = "a checkpoint of many GiB is mapped, not read")]
    // SAFETY: undefined only if another process shortens the files while they are loaded, which
    // ends this process and harms nothing else.
    unsafe {
        MmapedSafetensors::multi(files)
    }
}

fn read(file: &Path) -> Result<String, Error> {
    std::fs::read_to_string(file)
        .map_err(|error| Error::file(file, format!("cannot be read ({error})")))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;

    use candle_core::Tensor;
    use tempfile::TempDir;

    use super::*;
    use crate::llama::generate::{Extent, Generator, Options, seeded_prompt};
    use crate::seeded::SeededWeights;

    const EXTENT: Extent = Extent {
        batch: 2,
        prompt_tokens: 16,
        decode_tokens: 8,
    };

    fn seeded() -> VarBuilder<'static> {
        let seeded = SeededWeights::new(1, Config::tiny().parameters());
        VarBuilder::from_backend(Box::new(seeded), DType::F32, Device::Cpu)
    }

    fn tensors() -> HashMap<String, Tensor> {
        let init = |name: &str| {
            if name.contains("norm") {
                candle_nn::Init::Const(1.0)
            } else {
                candle_nn::init::DEFAULT_KAIMING_NORMAL
            }
        };
        Config::tiny()
            .tensors()
            .into_iter()
            .map(|(name, shape)| {
                let tensor = seeded()
                    .get_with_hints(shape, &name, init(&name))
                    .expect("seeded");
                (name, tensor)
            })
            .collect()
    }

    fn config_json() -> serde_json::Value {
        let mut config = serde_json::to_value(Config::tiny()).expect("serialises");
        config["model_type"] = "llama".into();
        config
    }

    fn folder() -> TempDir {
        let folder = TempDir::new().expect("a temporary folder");
        fs::write(folder.path().join("config.json"), config_json().to_string()).expect("writes");
        candle_core::safetensors::save(&tensors(), folder.path().join("model.safetensors"))
            .expect("writes");
        folder
    }

    fn load(path: &Path) -> Result<Network, Error> {
        Folder::open(path)?.load(DType::F32, &Device::Cpu)
    }

    fn generated(network: Network) -> Vec<Vec<u32>> {
        let prompt = seeded_prompt(2, 512, EXTENT);
        let generator = Generator::new(network, EXTENT, prompt, Options::default()).expect("fits");
        generator
            .prefill()
            .and_then(|()| generator.decode())
            .and_then(|()| generator.tokens())
            .expect("runs")
    }

    #[test]
    fn a_written_model_gives_the_same_tokens_whole_or_split() {
        let expected =
            generated(Network::load(&Config::tiny(), Math::Default, &seeded()).expect("seeded"));
        let folder = folder();
        assert_eq!(generated(load(folder.path()).expect("loads")), expected);

        fs::remove_file(folder.path().join("model.safetensors")).expect("removes");
        let (first, second): (Vec<_>, Vec<_>) = tensors()
            .into_iter()
            .partition(|(name, _)| name.contains("layers.0"));
        let mut weight_map = serde_json::Map::new();
        for (file, part) in [
            ("model-00001-of-00002.safetensors", first),
            ("model-00002-of-00002.safetensors", second),
        ] {
            let part: HashMap<String, Tensor> = part.into_iter().collect();
            weight_map.extend(part.keys().map(|name| (name.clone(), file.into())));
            candle_core::safetensors::save(&part, folder.path().join(file)).expect("writes");
        }
        let index = serde_json::json!({"metadata": {}, "weight_map": weight_map});
        fs::write(
            folder.path().join("model.safetensors.index.json"),
            index.to_string(),
        )
        .expect("writes");
        assert_eq!(generated(load(folder.path()).expect("loads")), expected);

        fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).expect("removes");
        let message = load(folder.path()).err().expect("incomplete").to_string();
        assert!(
            message.contains("index.json: 'weight_map' names model-00002-of-00002"),
            "{message}"
        );
    }

    fn failure(damage: impl FnOnce(&Path)) -> String {
        let folder = folder();
        damage(folder.path());
        load(folder.path()).err().expect("damaged").to_string()
    }

    #[test]
    fn every_damage_is_one_line_with_file_and_field() {
        let truncated = failure(|path| {
            let file = path.join("model.safetensors");
            let bytes = fs::read(&file).expect("reads");
            fs::write(file, &bytes[..bytes.len() - 100]).expect("writes");
        });
        let missing = failure(|path| {
            let mut some = tensors();
            some.remove("model.layers.1.mlp.up_proj.weight");
            candle_core::safetensors::save(&some, path.join("model.safetensors")).expect("writes");
        });
        let narrower = failure(|path| {
            let mut config = config_json();
            config["intermediate_size"] = 300.into();
            fs::write(path.join("config.json"), config.to_string()).expect("writes");
        });
        let no_config = failure(|path| fs::remove_file(path.join("config.json")).expect("removes"));
        let no_weights =
            failure(|path| fs::remove_file(path.join("model.safetensors")).expect("removes"));
        for (message, expected) in [
            (
                truncated,
                "model.safetensors: is no complete safetensors file",
            ),
            (
                missing,
                "no file has the tensor 'model.layers.1.mlp.up_proj.weight'",
            ),
            (
                narrower,
                "'model.layers.0.mlp.gate_proj.weight' has the shape [344, 128], expected [300, 128]",
            ),
            (no_config, "config.json: cannot be read"),
            (no_weights, "has neither model.safetensors nor"),
        ] {
            assert!(message.contains(expected), "'{message}' lacks '{expected}'");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }

    #[test]
    fn another_model_than_the_named_one_is_refused() {
        let folder = folder();
        let opened = Folder::open(folder.path()).expect("opens");
        opened
            .expect("llama-tiny", &Config::tiny())
            .expect("the same shape");
        let message = opened
            .expect("llama-7b", &Config::llama_2_7b())
            .expect_err("another shape")
            .to_string();
        assert!(
            message.contains("config.json: 'vocab_size' is 512, expected 32000"),
            "{message}"
        );
    }

    #[test]
    fn the_tokenizer_of_the_folder_reads_text() {
        let folder = folder();
        let opened = Folder::open(folder.path()).expect("opens");
        assert_eq!(
            opened.decode(&[vec![1]]).expect("no tokenizer is no error"),
            None
        );
        assert!(
            opened
                .tokenizer()
                .expect_err("none there")
                .to_string()
                .contains("tokenizer.json")
        );
        let tokenizer = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
            "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "hello": 1, "world": 2}, "unk_token": "[UNK]"}
        });
        fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).expect("writes");
        let tokenizer = opened.tokenizer().expect("reads");
        assert_eq!(
            tokenizer
                .encode("hello world", false)
                .expect("encodes")
                .get_ids(),
            [1, 2]
        );
        let text = opened.decode(&[vec![2, 1]]).expect("decodes");
        assert_eq!(text.as_deref(), Some(["world hello".to_owned()].as_slice()));
    }
}
