//! What a training leaves: a folder in the layout of Hugging Face, with its log and checksums.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use model::run::hex;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Course, STORED, Trained};
use crate::Error;

/// Files that a folder may have, in the order of their names.
const FILES: [&str; 4] = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "training.json",
];

/// The largest file that the repository takes.
const MOST_BYTES: u64 = 2 << 20;

/// Points of the loss curve in the log.
const CURVE_POINTS: usize = 60;

/// Writes `folder/name`; whatever lies there is replaced.
///
/// # Errors
/// A file cannot be written, or the weights are larger than the repository takes.
pub fn export(
    course: &dyn Course,
    trained: &Trained,
    name: &str,
    folder: &Path,
) -> Result<PathBuf, Error> {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
    let weights = folder.join("model.safetensors");
    let tensors: HashMap<String, _> = trained
        .variables
        .values()?
        .into_iter()
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(STORED)?)))
        .collect::<candle_core::Result<_>>()?;
    candle_core::safetensors::save(&tensors, &weights)?;
    let bytes = read(&weights)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::file(
            &weights,
            format!("has {} bytes, expected at most {MOST_BYTES}", bytes.len()),
        ));
    }
    let log = log(course, trained, name, &hex(&Sha256::digest(&bytes)));
    write_json(&folder.join("config.json"), &course.config())?;
    let tokenizer = course.tokenizer();
    if let Some(tokenizer) = &tokenizer {
        write_json(&folder.join("tokenizer.json"), tokenizer)?;
    }
    write_json(&folder.join("training.json"), &log)?;
    write(&folder.join("README.md"), &readme(course, trained, name))?;
    let mut sums = String::new();
    for file in FILES {
        if file == "tokenizer.json" && tokenizer.is_none() {
            continue;
        }
        let digest = hex(&Sha256::digest(read(&folder.join(file))?));
        writeln!(sums, "{digest}  {file}").expect("a string takes all");
    }
    write(&folder.join("SHA256SUMS"), &sums)?;
    Ok(folder)
}

/// The loss curve: means over stretches of equal length.
#[derive(Serialize)]
struct Point {
    /// Steps until the end of the stretch.
    step: usize,
    /// Mean loss over it.
    loss: f64,
}

#[expect(clippy::cast_precision_loss, reason = "steps are far fewer than 2^53")]
fn curve(losses: &[f64]) -> Vec<Point> {
    let stretch = losses.len().div_ceil(CURVE_POINTS).max(1);
    let mut step = 0;
    losses
        .chunks(stretch)
        .map(|losses| {
            step += losses.len();
            Point {
                step,
                loss: digits(losses.iter().sum::<f64>() / losses.len() as f64),
            }
        })
        .collect()
}

/// Five digits: the log is for people.
fn digits(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

fn log(course: &dyn Course, trained: &Trained, name: &str, weights_sha256: &str) -> Value {
    let held_out: serde_json::Map<String, Value> = trained
        .held_out
        .iter()
        .map(|(name, value)| (name.clone(), digits(*value).into()))
        .collect();
    json!({
        "model": name,
        "what": course.what(),
        "recipe": trained.recipe,
        "seed": trained.seed,
        "data": course.material().log(),
        "loss": curve(&trained.losses),
        "held_out": held_out,
        "weights_sha256": weights_sha256,
        "versions": { "joulebench": env!("CARGO_PKG_VERSION"), "candle": "0.11.1" },
    })
}

fn readme(course: &dyn Course, trained: &Trained, name: &str) -> String {
    let mut metrics = String::new();
    for (metric, value) in &trained.held_out {
        writeln!(metrics, "- {metric}: {value:.4}").expect("a string takes all");
    }
    format!(
        "# {name}\n\n\
         {what}, trained by this project on generated {noun} for {steps} steps:\n\n\
         ```sh\njoulebench train {name} --seed {seed}\n```\n\n\
         On {noun} that it never saw:\n\n{metrics}\n\
         `training.json` has the recipe, the loss curve, and the digests of data and weights. The \
         layout is that of Hugging Face, so the loader of a user's weights reads this folder. \
         Another processor may give other bits: floating-point kernels differ between them. The \
         weights are under the licence of the repository; {made_by}, so no other rights are \
         involved.\n",
        noun = course.material().noun(),
        made_by = course.material().made_by(),
        what = capital(course.what()),
        steps = trained.recipe.steps,
        seed = trained.seed,
    )
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

fn write_json(file: &Path, value: &Value) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    write(file, &format!("{text}\n"))
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(file, text).map_err(|error| unwritten(file, &error))
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|error| Error::file(file, format!("cannot be read ({error})")))
}

fn unwritten(file: &Path, error: &std::io::Error) -> Error {
    Error::file(file, format!("cannot be written ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_has_the_mean_of_each_stretch() {
        let losses: Vec<f64> = (0..120).map(f64::from).collect();
        let curve = curve(&losses);
        assert_eq!(curve.len(), CURVE_POINTS);
        assert_eq!((curve[0].step, curve[0].loss), (2, 0.5));
        assert_eq!((curve[59].step, curve[59].loss), (120, 118.5));
    }
}
