//! A model in the layout of Hugging Face: `config.json`, safetensors, `tokenizer.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use serde::Deserialize;
use tokenizers::Tokenizer;

use super::pickle;
use super::spelling::{Spelled, Spelling};
use crate::Error;
use crate::error::first_line;

const CONFIG: &str = "config.json";
const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const TOKENIZER: &str = "tokenizer.json";

/// What a folder of several networks has, each in a folder of its own: diffusers' layout.
const PIPELINE: &str = "model_index.json";
/// Whole checkpoints of such a network, the usual name first.
const WHOLE_OF_NETWORK: [&str; 2] = ["diffusion_pytorch_model.safetensors", WHOLE];
/// Networks whose outputs nobody here reads: they are not loaded, and are no part of the identity.
const UNUSED_NETWORKS: [&str; 2] = ["safety_checker", "image_encoder"];

/// A folder that holds a model, or one safetensors file; nothing is read until asked for.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// `model.safetensors.index.json`: which file of a split checkpoint holds which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Folder {
    /// The folder, or the safetensors file, at a path.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Reads `config.json` with the reader of an architecture.
    ///
    /// # Errors
    /// The file cannot be read, or `read` says what is wrong with it.
    pub fn config<C>(&self, read: impl FnOnce(&str) -> Result<C, String>) -> Result<C, Error> {
        let file = self.path.join(CONFIG);
        read(&text(&file)?).map_err(|problem| Error::file(&file, problem))
    }

    /// The refusal of a folder that holds another model than the named one, so that no result is
    /// filed under the wrong name.
    pub fn differs(&self, model: &str, difference: &str) -> Error {
        Error::file(
            &self.path.join(CONFIG),
            format!(
                "{difference} for the model '{model}'; choose the folder or the model to match"
            ),
        )
    }

    /// The tensors of the folder, by their canonical names, once all of `wanted` are known to be
    /// there with the wanted shapes and in a format of numbers.
    ///
    /// # Errors
    /// A file is missing or damaged, or a tensor is missing, has another shape or no
    /// floating-point format.
    pub fn weights(
        &self,
        wanted: &[(String, Vec<usize>)],
        spelling: Spelling,
        dtype: DType,
        device: &Device,
    ) -> Result<VarBuilder<'static>, Error> {
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
        for (name, shape) in wanted {
            self.check(name, shape, spelling, &tensors)?;
        }
        let backend = Spelled { tensors, spelling };
        Ok(VarBuilder::from_backend(
            Box::new(backend),
            dtype,
            device.clone(),
        ))
    }

    /// Where the tokenizer is, if there is one.
    pub fn tokenizer_file(&self) -> PathBuf {
        self.path.join(TOKENIZER)
    }

    /// The tokenizer that belongs to the model.
    ///
    /// # Errors
    /// The file is missing or is no tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer, Error> {
        let file = self.tokenizer_file();
        if !file.is_file() {
            return Err(Error::file(
                &file,
                "is missing: text cannot be read without the tokenizer; fetch it with the model",
            ));
        }
        Tokenizer::from_bytes(text(&file)?.as_bytes())
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
        let decode = |tokens: &Vec<u32>| {
            tokenizer
                .decode(tokens, true)
                .map_err(|error| Error::file(&file, format!("cannot decode the output ({error})")))
        };
        let texts: Result<_, _> = sequences.iter().map(decode).collect();
        texts.map(Some)
    }

    /// The files that hold the tensors, in the order of their names.
    ///
    /// # Errors
    /// There are none, or some of a split checkpoint are missing.
    pub fn files(&self) -> Result<Vec<PathBuf>, Error> {
        if self.path.is_file() {
            return Ok(vec![self.path.clone()]);
        }
        let single = self.path.join(WHOLE);
        if single.is_file() {
            return Ok(vec![single]);
        }
        let file = self.path.join(INDEX);
        if !file.is_file() {
            return self.files_of_networks();
        }
        let index: Index = serde_json::from_str(&text(&file)?)
            .map_err(|error| Error::file(&file, error.to_string()))?;
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        names
            .into_iter()
            .map(|name| {
                let part = self.path.join(name);
                pickle::refuse(&part)?;
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

    /// One network of several, by the name of its folder.
    ///
    /// # Errors
    /// The folder has no safetensors of it.
    pub fn network(&self, name: &str) -> Result<Self, Error> {
        let folder = self.path.join(name);
        let whole = WHOLE_OF_NETWORK
            .iter()
            .map(|file| folder.join(file))
            .find(|file| file.is_file());
        match whole {
            Some(path) => Ok(Self { path }),
            None => Err(Error::file(
                &folder,
                format!(
                    "has none of {}; fetch the model as safetensors",
                    WHOLE_OF_NETWORK.join(", ")
                ),
            )),
        }
    }

    /// The files of all networks, in the order of their names.
    fn files_of_networks(&self) -> Result<Vec<PathBuf>, Error> {
        if !self.path.join(PIPELINE).is_file() {
            return Err(self.no_weights());
        }
        let unreadable =
            |error: std::io::Error| Error::file(&self.path, format!("cannot be read ({error})"));
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(&self.path).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            names.extend(name.into_string());
        }
        let mut files = Vec::new();
        for name in names {
            if UNUSED_NETWORKS.contains(&name.as_str()) {
                continue;
            }
            match self.network(&name) {
                Ok(network) => files.push(network.path),
                // A tokenizer, a scheduler, or a network that is nothing but pickles.
                Err(_) => pickle::refuse_inside(&self.path.join(name))?,
            }
        }
        if files.is_empty() {
            return Err(self.no_weights());
        }
        Ok(files)
    }

    fn no_weights(&self) -> Error {
        if let Err(pickle) = pickle::refuse_inside(&self.path) {
            return pickle;
        }
        Error::file(
            &self.path,
            format!("has neither {WHOLE} nor {INDEX}; convert other formats to safetensors first"),
        )
    }

    fn check(
        &self,
        name: &str,
        expected: &[usize],
        spelling: Spelling,
        tensors: &MmapedSafetensors,
    ) -> Result<(), Error> {
        let found = spelling
            .find(name, tensors)
            .and_then(|found| tensors.get(&found).ok());
        let Some(found) = found else {
            return Err(Error::file(
                &self.path,
                format!("no file has the tensor '{name}', which this model needs"),
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
        match DType::try_from(found.dtype()) {
            Ok(DType::F64 | DType::F32 | DType::F16 | DType::BF16) => Ok(()),
            _ => Err(Error::file(
                &self.path,
                format!(
                    "tensor '{name}' is stored as {:?}, expected F64, F32, F16 or BF16; fetch a \
                     checkpoint that is not quantised",
                    found.dtype()
                ),
            )),
        }
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

fn text(file: &Path) -> Result<String, Error> {
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

    const SPELLING: Spelling = Spelling {
        optional_prefix: "net.",
        old_endings: &[],
    };

    fn wanted() -> Vec<(String, Vec<usize>)> {
        vec![("net.w".into(), vec![2, 3]), ("net.v".into(), vec![4])]
    }

    fn tensors() -> HashMap<String, Tensor> {
        let ones = |shape: Vec<usize>| Tensor::ones(shape, DType::F16, &Device::Cpu).expect("made");
        [("net.w", vec![2, 3]), ("v", vec![4])]
            .map(|(name, shape)| (name.to_owned(), ones(shape)))
            .into()
    }

    fn folder() -> TempDir {
        let folder = TempDir::new().expect("a temporary folder");
        save(&folder, "model.safetensors", &tensors());
        folder
    }

    fn save(folder: &TempDir, file: &str, tensors: &HashMap<String, Tensor>) {
        candle_core::safetensors::save(tensors, folder.path().join(file)).expect("writes");
    }

    fn load(folder: &TempDir) -> Result<VarBuilder<'static>, Error> {
        Folder::new(folder.path()).weights(&wanted(), SPELLING, DType::F32, &Device::Cpu)
    }

    fn failure(damage: impl FnOnce(&TempDir)) -> String {
        let folder = folder();
        damage(&folder);
        load(&folder).err().expect("damaged").to_string()
    }

    #[test]
    fn tensors_are_found_under_each_spelling_and_converted() {
        let folder = folder();
        let weights = load(&folder).expect("loads");
        let v = weights.get(4, "net.v").expect("there");
        assert_eq!((v.dtype(), v.dims()), (DType::F32, [4].as_slice()));
        assert!(weights.contains_tensor("net.w") && !weights.contains_tensor("net.u"));
    }

    #[test]
    fn a_split_checkpoint_is_one() {
        let folder = folder();
        fs::remove_file(folder.path().join("model.safetensors")).expect("removes");
        let mut weight_map = serde_json::Map::new();
        let mut sorted: Vec<_> = tensors().into_iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        for (number, (name, tensor)) in sorted.into_iter().enumerate() {
            let file = format!("model-{number}.safetensors");
            save(&folder, &file, &HashMap::from([(name.clone(), tensor)]));
            weight_map.insert(name, file.into());
        }
        let index = serde_json::json!({ "weight_map": weight_map }).to_string();
        fs::write(folder.path().join(INDEX), index).expect("writes");
        load(&folder).expect("loads");
        fs::remove_file(folder.path().join("model-1.safetensors")).expect("removes");
        let message = load(&folder).err().expect("incomplete").to_string();
        assert!(
            message.contains("'weight_map' names model-1.safetensors"),
            "{message}"
        );
    }

    #[test]
    fn every_damage_is_one_line_with_file_and_tensor() {
        let truncated = failure(|folder| {
            let file = folder.path().join(WHOLE);
            let bytes = fs::read(&file).expect("reads");
            fs::write(file, &bytes[..bytes.len() - 5]).expect("writes");
        });
        let missing = failure(|folder| {
            let mut some = tensors();
            some.remove("v");
            save(folder, WHOLE, &some);
        });
        let reshaped = failure(|folder| {
            let mut other = tensors();
            let tensor = Tensor::ones((3, 2), DType::F32, &Device::Cpu).expect("made");
            other.insert("net.w".into(), tensor);
            save(folder, WHOLE, &other);
        });
        let integers = failure(|folder| {
            let mut other = tensors();
            let tensor = Tensor::ones(4, DType::U8, &Device::Cpu).expect("made");
            other.insert("v".into(), tensor);
            save(folder, WHOLE, &other);
        });
        let empty = failure(|folder| fs::remove_file(folder.path().join(WHOLE)).expect("removes"));
        let pickled = failure(|folder| {
            fs::rename(
                folder.path().join(WHOLE),
                folder.path().join("pytorch_model.bin"),
            )
            .expect("renames");
        });
        for (message, expected) in [
            (
                truncated,
                "model.safetensors: is no complete safetensors file",
            ),
            (missing, "no file has the tensor 'net.v'"),
            (reshaped, "'net.w' has the shape [3, 2], expected [2, 3]"),
            (integers, "'net.v' is stored as U8"),
            (empty, "has neither model.safetensors nor"),
            (pickled, "pytorch_model.bin: is a pickle file"),
        ] {
            assert!(message.contains(expected), "'{message}' lacks '{expected}'");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }

    #[test]
    fn pickles_are_refused_whatever_their_name() {
        for name in [
            "pytorch_model-00001-of-00002.bin",
            "pytorch_model.bin.index.json",
            "model.ckpt",
            "consolidated.00.pth",
            "weights.PKL",
        ] {
            let message = failure(|folder| {
                fs::rename(folder.path().join(WHOLE), folder.path().join(name)).expect("renames");
            });
            assert!(
                message.contains(&format!("{name}: is a pickle file")),
                "{message}"
            );
        }
        let indexed = failure(|folder| {
            fs::rename(
                folder.path().join(WHOLE),
                folder.path().join("pytorch_model.bin"),
            )
            .expect("renames");
            let index = r#"{"weight_map":{"net.w":"pytorch_model.bin"}}"#;
            fs::write(folder.path().join(INDEX), index).expect("writes");
        });
        assert!(
            indexed.contains("pytorch_model.bin: is a pickle file"),
            "{indexed}"
        );
        let network = failure(|folder| {
            fs::remove_file(folder.path().join(WHOLE)).expect("removes");
            fs::write(folder.path().join(PIPELINE), "{}").expect("writes");
            let unet = folder.path().join("unet");
            fs::create_dir(&unet).expect("makes a folder");
            fs::write(unet.join("diffusion_pytorch_model.bin"), "x").expect("writes");
        });
        assert!(
            network.contains("diffusion_pytorch_model.bin: is a pickle file"),
            "{network}"
        );
    }

    #[test]
    fn config_and_tokenizer_are_named_where_they_are_missing() {
        let folder = folder();
        let opened = Folder::new(folder.path());
        let config = opened.config(|_| Ok(())).expect_err("none there");
        assert!(config.to_string().contains("config.json: cannot be read"));
        assert_eq!(
            opened.decode(&[vec![1]]).expect("no tokenizer is no error"),
            None
        );
        let tokenizer = opened.tokenizer().expect_err("none there");
        assert!(tokenizer.to_string().contains("tokenizer.json"));
    }
}
