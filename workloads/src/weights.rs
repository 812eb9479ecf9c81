//! Where the tensors of a model come from, and what tells one set of weights from another.

pub(crate) mod hash;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use tokenizers::Tokenizer;

use crate::Error;
use crate::checkpoint::{self, Folder, Spelling, pickle};
use crate::job::Job;
use crate::job::word::{Origin, Quantisation, Word};
use crate::quality::{Readable, TEXT_VARIABLE, Texts};
use crate::training;

/// Environment variable that names the user's folder of weights.
pub const FILE_VARIABLE: &str = "JOULEBENCH_WEIGHTS";

/// Environment variable that names the folder of the weights that this project trained.
pub const MODELS_VARIABLE: &str = "JOULEBENCH_MODELS";

/// Where those lie in the repository.
const MODELS: &str = "artifacts/models";

/// Where weights of a dense model can come from: the project's own only where it trained the model.
pub fn origins(model: &str) -> &'static [Origin] {
    if training::TRAINED.contains(&model) {
        Origin::ALL
    } else {
        &[Origin::Seeded, Origin::File]
    }
}

/// Folders that weights are looked for in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The user's folder or GGUF file.
    pub file: Option<PathBuf>,
    /// Folder of the project's own; `None`: `artifacts/models` of the repository around the
    /// working directory or, failing that, around this program.
    pub models: Option<PathBuf>,
    /// The user's text, which models with the user's weights read and are judged on.
    pub text: Option<PathBuf>,
}

impl Places {
    /// Those that the environment names.
    pub fn from_environment() -> Self {
        let path = |variable| {
            std::env::var_os(variable)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            file: path(FILE_VARIABLE),
            models: path(MODELS_VARIABLE),
            text: path(TEXT_VARIABLE),
        }
    }
}

/// The weights of a job: where they are, not the tensors themselves.
#[derive(Clone, Debug)]
pub struct Weights {
    source: Source,
    id: String,
    /// The user's text.
    text: Option<PathBuf>,
    /// What tells the inputs that belong to them from others.
    inputs_id: Option<String>,
}

/// Where tensors come from.
#[derive(Clone, Debug)]
enum Source {
    Seeded(u64),
    Tiny(Folder),
    File(Folder),
    /// A GGUF file of the user.
    Gguf(PathBuf),
}

impl Weights {
    /// Finds the weights of a job and what identifies them: `seed:N`, or `sha256:…` of the files.
    ///
    /// # Errors
    /// There are none, or they cannot be read, or they are pickles.
    pub fn find(job: &Job, places: &Places) -> Result<Self, Error> {
        let weights = Self::find_for(job, places)?;
        let seed = job.input_seed;
        let documents = match (&weights.source, &weights.text) {
            (Source::Tiny(_), _) => training::held_out_sha256(&job.model),
            (Source::File(_) | Source::Gguf(_), Some(text)) if text.is_file() => {
                Some(hash::of_files(std::slice::from_ref(text))?)
            }
            _ => None,
        };
        Ok(Self {
            inputs_id: Some(match documents {
                Some(hash) => format!("{hash} from {seed}"),
                None => format!("seed:{seed}"),
            }),
            ..weights
        })
    }

    fn find_for(job: &Job, places: &Places) -> Result<Self, Error> {
        match job.origin {
            Origin::Seeded => Ok(Self::seeded(job.weights_seed)),
            Origin::Tiny => Self::tiny(&job.model, places.models.as_deref()),
            Origin::File => match &places.file {
                Some(path) => Ok(Self {
                    text: places.text.clone(),
                    ..Self::file(path, job.quantisation)?
                }),
                None => Err(Error::Request(format!(
                    "axis 'weights' has the value 'file', but {FILE_VARIABLE} is not set; set it \
                     to the folder with config.json and safetensors, or to the GGUF file"
                ))),
            },
        }
    }

    /// Random numbers.
    pub fn seeded(seed: u64) -> Self {
        Self {
            source: Source::Seeded(seed),
            id: format!("seed:{seed}"),
            text: None,
            inputs_id: None,
        }
    }

    fn tiny(model: &str, models: Option<&Path>) -> Result<Self, Error> {
        let folder = models.map_or_else(own_models, Path::to_owned);
        let path = folder.join(model);
        if !path.is_dir() {
            return Err(Error::file(
                &path,
                format!(
                    "is missing: this project has no trained weights of '{model}' there; run in \
                     the repository, set {MODELS_VARIABLE}, or train it with `joulebench train \
                     {model}`"
                ),
            ));
        }
        let folder = Folder::new(&path);
        Ok(Self {
            id: hash::of_files(&folder.files()?)?,
            source: Source::Tiny(folder),
            text: None,
            inputs_id: None,
        })
    }

    fn file(path: &Path, quantisation: Quantisation) -> Result<Self, Error> {
        pickle::refuse(path)?;
        if !path.exists() {
            return Err(Error::file(
                path,
                format!(
                    "does not exist; {FILE_VARIABLE} names a folder with config.json and \
                     safetensors, or a GGUF file"
                ),
            ));
        }
        let is_gguf = path.extension().is_some_and(|ending| ending == "gguf");
        if is_gguf != (quantisation != Quantisation::Dense) {
            return Err(Error::file(
                path,
                if is_gguf {
                    "is a GGUF file of quantised weights; set axis 'quantisation' to its format, \
                     or name a folder with safetensors"
                } else {
                    "is no GGUF file; name one, or set axis 'quantisation' to 'none'"
                },
            ));
        }
        if is_gguf {
            return Ok(Self {
                id: hash::of_files(&[path.to_owned()])?,
                source: Source::Gguf(path.to_owned()),
                text: None,
                inputs_id: None,
            });
        }
        let folder = Folder::new(path);
        Ok(Self {
            id: hash::of_files(&folder.files()?)?,
            source: Source::File(folder),
            text: None,
            inputs_id: None,
        })
    }

    /// Seed, training, or files.
    pub const fn origin(&self) -> Origin {
        match self.source {
            Source::Seeded(_) => Origin::Seeded,
            Source::Tiny(_) => Origin::Tiny,
            Source::File(_) | Source::Gguf(_) => Origin::File,
        }
    }

    /// What tells these weights from others: `seed:N` or `sha256:…`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What tells the inputs of the job that they were found for from others: `seed:N`, or
    /// `sha256:… from N` of documents and the number of the first that is read.
    pub fn inputs_id(&self) -> Option<&str> {
        self.inputs_id.as_deref()
    }

    /// The seed, where they are random.
    pub const fn seed(&self) -> Option<u64> {
        match self.source {
            Source::Seeded(seed) => Some(seed),
            _ => None,
        }
    }

    /// The folder that they come from, the user's or this project's: it has `config.json` and may
    /// have a tokenizer.
    pub const fn folder(&self) -> Option<&Folder> {
        match &self.source {
            Source::Tiny(folder) | Source::File(folder) => Some(folder),
            _ => None,
        }
    }

    /// The shape of a model: that of its name, once the folder, where there is one, is known to hold
    /// no other; what a name leaves open is the folder's.
    ///
    /// # Errors
    /// The folder cannot be read, or `difference` says in which field it holds another model.
    pub fn config<C>(
        &self,
        model: &str,
        named: C,
        read: fn(&str) -> Result<C, String>,
        difference: fn(&C, &C) -> Option<String>,
    ) -> Result<C, Error> {
        let Some(folder) = self.folder() else {
            return Ok(named);
        };
        let found = folder.config(read)?;
        match difference(&named, &found) {
            None => Ok(found),
            Some(difference) => Err(folder.differs(model, &difference)),
        }
    }

    /// Text with known answers that belongs to these weights: the held-out documents of the
    /// project's own models, or the user's file; `None` where inputs are random.
    ///
    /// # Errors
    /// The text cannot be read or has classes that the model does not have, or the folder has no
    /// tokenizer.
    pub fn texts(&self, readable: Readable) -> Result<Option<Texts>, Error> {
        match (&self.source, &self.text) {
            (Source::Tiny(folder), _) => {
                Texts::generated(&training::held_out(), folder, readable).map(Some)
            }
            (Source::File(folder), Some(file)) => Texts::file(file, folder, readable).map(Some),
            (Source::Gguf(path), Some(file)) => {
                let folder = Folder::new(path.parent().unwrap_or(Path::new(".")));
                Texts::file(file, &folder, readable).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The user's GGUF file, where they come from one.
    pub fn gguf(&self) -> Option<&Path> {
        match &self.source {
            Source::Gguf(path) => Some(path),
            _ => None,
        }
    }

    /// The tokenizer of the user's folder.
    ///
    /// # Errors
    /// The weights are no folder, or it has no tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer, Error> {
        match self.folder() {
            Some(folder) => folder.tokenizer(),
            None => Err(Error::Request(format!(
                "weights '{}' have no tokenizer; text is read with axis 'weights' = 'file' and \
                 {FILE_VARIABLE} set to a folder with tokenizer.json",
                self.origin().word()
            ))),
        }
    }

    /// The dense tensors by their canonical names, once all of `wanted` are known to be there with
    /// the wanted shapes and in a format of numbers. Nothing is on the device yet.
    ///
    /// # Errors
    /// A file is damaged, or a tensor is missing, has another shape or no floating-point format.
    pub fn tensors(
        &self,
        wanted: &[(String, Vec<usize>)],
        spelling: Spelling,
        dtype: DType,
        device: &Device,
    ) -> Result<VarBuilder<'static>, Error> {
        match &self.source {
            Source::Seeded(seed) => {
                let parameters = checkpoint::parameters(wanted);
                Ok(checkpoint::seeded(*seed, parameters, dtype, device))
            }
            Source::Tiny(folder) | Source::File(folder) => {
                folder.weights(wanted, spelling, dtype, device)
            }
            Source::Gguf(path) => Err(Error::file(
                path,
                "holds quantised weights, dense ones are wanted; name a folder with safetensors",
            )),
        }
    }
}

/// `artifacts/models` of the repository that holds the working directory or this program.
fn own_models() -> PathBuf {
    let program = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    [here, program]
        .into_iter()
        .flatten()
        .find_map(|place| {
            place
                .ancestors()
                .map(|folder| folder.join(MODELS))
                .find(|folder| folder.is_dir())
        })
        .unwrap_or_else(|| PathBuf::from(MODELS))
}

#[cfg(test)]
mod tests;
