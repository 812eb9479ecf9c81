//! Bad input from the outside: each is one `failed` mark of one line, before anything is measured.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use candle_core::{DType, Device, Tensor};
use model::mark::Mark;
use tempfile::TempDir;
use workloads::checkpoint;
use workloads::llama::config::Config;

const REQUEST: &str = r#"{"protocol":1,"run_id":"test","point":{"engine":"candle",
    "model":"llama-tiny","precision":"f32","batch":2,"prompt_tokens":16,"decode_tokens":8},
    "weights_seed":1,"input_seed":2,"warmup_s":0.0}"#;

/// The message of the one mark that the worker says.
fn failure(request: &str, weights: Option<&Path>, models: Option<&Path>) -> String {
    failure_with_text(request, weights, models, None)
}

fn failure_with_text(
    request: &str,
    weights: Option<&Path>,
    models: Option<&Path>,
    text: Option<&Path>,
) -> String {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_joulebench-worker"));
    worker
        .env("JOULEBENCH_RUN", request)
        .env("JOULEBENCH_DEVICE", "cpu")
        .env_remove("JOULEBENCH_WEIGHTS")
        .env_remove("JOULEBENCH_MODELS")
        .env_remove("JOULEBENCH_TEXT")
        .stdin(Stdio::null());
    if let Some(path) = weights {
        worker.env("JOULEBENCH_WEIGHTS", path);
    }
    if let Some(path) = models {
        worker.env("JOULEBENCH_MODELS", path);
    }
    if let Some(path) = text {
        worker.env("JOULEBENCH_TEXT", path);
    }
    let output = worker.output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let marks: Vec<Mark> = text
        .lines()
        .map(|line| Mark::parse(line).expect("a mark"))
        .collect();
    match marks.as_slice() {
        [Mark::Failed { message, .. }] => {
            assert_eq!(message.lines().count(), 1);
            message.clone()
        }
        other => panic!("{other:?} is not one failed mark"),
    }
}

fn tensors() -> HashMap<String, Tensor> {
    let wanted = Config::tiny().tensors();
    let seeded = checkpoint::seeded(1, checkpoint::parameters(&wanted), DType::F32, &Device::Cpu);
    wanted
        .into_iter()
        .map(|(name, shape)| {
            let init = if name.contains("norm") {
                candle_nn::Init::Const(1.0)
            } else {
                candle_nn::init::DEFAULT_KAIMING_NORMAL
            };
            let tensor = seeded.get_with_hints(shape, &name, init).expect("seeded");
            (name, tensor)
        })
        .collect()
}

fn save(folder: &Path, tensors: &HashMap<String, Tensor>) {
    candle_core::safetensors::save(tensors, folder.join("model.safetensors")).expect("writes");
}

/// A folder with a good model, damaged.
fn damaged(damage: impl FnOnce(&Path)) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let mut config = serde_json::to_value(Config::tiny()).expect("serialises");
    config["model_type"] = "llama".into();
    fs::write(folder.path().join("config.json"), config.to_string()).expect("writes");
    save(folder.path(), &tensors());
    damage(folder.path());
    failure(REQUEST, Some(folder.path()), None)
}

fn check(cases: &[(&str, String, &str)]) {
    for (what, message, expected) in cases {
        assert!(
            message.contains(expected),
            "{what}: '{message}' lacks '{expected}'"
        );
    }
}

#[test]
fn points_that_no_model_can_run_are_refused() {
    let changed = |from: &str, to: &str| failure(&REQUEST.replace(from, to), None, None);
    check(&[
        (
            "unknown size",
            changed("llama-tiny", "llama-9t"),
            "this worker supports: llama-tiny, llama-7b",
        ),
        (
            "unknown dtype",
            changed("f32", "int3"),
            "axis 'precision' has the value 'int3', model 'llama-tiny' takes: f32, tf32, f16, bf16",
        ),
        (
            "dtype that the device lacks",
            changed("f32", "bf16"),
            "the CPU supports f32 and f16",
        ),
        (
            "math that the device lacks",
            changed("f32", "tf32"),
            "the CPU supports f32 and f16",
        ),
        (
            "prompt longer than the context",
            changed(r#""prompt_tokens":16"#, r#""prompt_tokens":5000"#),
            "make 5008 positions, model 'llama-tiny' has 4096",
        ),
        (
            "batch beyond the memory",
            changed(
                r#""batch":2,"prompt_tokens":16"#,
                r#""batch":65536,"prompt_tokens":4000"#,
            ),
            "bytes (weights ",
        ),
        (
            "axis of another kind of model",
            changed(r#""batch":2"#, r#""batch":2,"steps":4"#),
            "axis 'steps' does not apply to model 'llama-tiny'",
        ),
        (
            "attention that the stock module would not heed",
            changed(
                r#""batch":2"#,
                r#""batch":2,"implementation":"reference","attention":"fused""#,
            ),
            "axis 'attention' has the value 'fused', but axis 'implementation' is 'reference'",
        ),
        (
            "graph where nothing is recorded",
            changed(r#""batch":2"#, r#""batch":2,"graph":"on""#),
            "axis 'graph' has the value 'on', but the CPU records nothing",
        ),
        (
            "weights that are not there",
            changed(r#""batch":2"#, r#""batch":2,"weights":"file""#),
            "JOULEBENCH_WEIGHTS is not set",
        ),
    ]);
}

#[test]
fn damaged_weights_are_refused_by_file_and_tensor() {
    check(&[
        (
            "truncated safetensors",
            damaged(|path| {
                let file = path.join("model.safetensors");
                let bytes = fs::read(&file).expect("reads");
                fs::write(file, &bytes[..bytes.len() - 100]).expect("writes");
            }),
            "model.safetensors: is no complete safetensors file",
        ),
        (
            "wrong shape",
            damaged(|path| {
                let mut tensors = tensors();
                let norm = Tensor::ones(64, DType::F32, &Device::Cpu).expect("made");
                tensors.insert("model.norm.weight".into(), norm);
                save(path, &tensors);
            }),
            "tensor 'model.norm.weight' has the shape [64], expected [128]",
        ),
        (
            "wrong dtype",
            damaged(|path| {
                let mut tensors = tensors();
                let norm = Tensor::ones(128, DType::U8, &Device::Cpu).expect("made");
                tensors.insert("model.norm.weight".into(), norm);
                save(path, &tensors);
            }),
            "tensor 'model.norm.weight' is stored as U8, expected F64, F32, F16 or BF16",
        ),
        (
            "missing tensor",
            damaged(|path| {
                let mut tensors = tensors();
                tensors.remove("lm_head.weight");
                save(path, &tensors);
            }),
            "no file has the tensor 'lm_head.weight'",
        ),
        (
            "another model",
            damaged(|path| {
                let file = path.join("config.json");
                let text = fs::read_to_string(&file).expect("reads");
                fs::write(file, text.replace("512", "500")).expect("writes");
            }),
            "config.json: 'vocab_size' is 500, expected 512 for the model 'llama-tiny'",
        ),
        (
            "no config",
            damaged(|path| fs::remove_file(path.join("config.json")).expect("removes")),
            "config.json: cannot be read",
        ),
        (
            "pickle in the folder",
            damaged(|path| {
                fs::remove_file(path.join("model.safetensors")).expect("removes");
                fs::write(path.join("pytorch_model.bin"), "x").expect("writes");
            }),
            "pytorch_model.bin: is a pickle file",
        ),
        (
            "part of a pickle in the folder",
            damaged(|path| {
                fs::remove_file(path.join("model.safetensors")).expect("removes");
                let part = path.join("pytorch_model-00001-of-00002.bin");
                fs::write(part, "x").expect("writes");
            }),
            "pytorch_model-00001-of-00002.bin: is a pickle file",
        ),
    ]);
}

/// A point of one of the project's own models, as the user's files with the user's text.
fn of_text(model: &str, axes: &str, text: &str, damage: impl FnOnce(&Path)) -> String {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../artifacts/models")
        .join(model);
    let folder = TempDir::new().expect("a temporary folder");
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(own.join(file), folder.path().join(file)).expect("copies");
    }
    damage(folder.path());
    let file = folder.path().join("text.txt");
    fs::write(&file, text).expect("writes");
    let request = format!(
        r#"{{"protocol":1,"run_id":"test","point":{{"engine":"candle","model":"{model}",
        "precision":"f32","batch":2,{axes}}},"weights_seed":1,"input_seed":0,"warmup_s":0.0}}"#
    );
    failure_with_text(&request, Some(folder.path()), None, Some(&file))
}

/// Two words, one of them beyond any tiny vocabulary.
fn foreign_tokenizer(folder: &Path) {
    let tokenizer = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
        "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,
        "decoder":null,"model":{"type":"WordLevel","vocab":{"near":1,"far":70000},
        "unk_token":"near"}}"#;
    fs::write(folder.join("tokenizer.json"), tokenizer).expect("writes");
}

#[test]
fn a_tokenizer_of_another_model_is_named() {
    let lengths = r#""prompt_tokens":4,"decode_tokens":2"#;
    let text = "near far near far near far near far\n";
    let gpt = of_text("gpt2-tiny", lengths, text, foreign_tokenizer);
    let lstm = of_text(
        "lstm-sentiment",
        r#""prompt_tokens":16"#,
        "far\nfar\n",
        foreign_tokenizer,
    );
    let bert = of_text(
        "bert-tiny",
        r#""prompt_tokens":16"#,
        "far\nfar\n",
        foreign_tokenizer,
    );
    for message in [gpt, lstm, bert] {
        let expected = "tokenizer.json: makes the token 70000, the model knows 0 to ";
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn classes_that_the_model_does_not_have_are_named_by_line() {
    let text = "\u{feff}1\twe loved the film.\n\n9\tthe soup was cold.\n";
    for model in ["bert-tiny", "lstm-sentiment"] {
        let message = of_text(model, r#""prompt_tokens":16"#, text, |_| {});
        let expected = "text.txt: line 3 has the class '9', the model has the classes 0 to 1";
        assert!(message.contains(expected), "{model}: {message}");
    }
}

#[test]
fn weights_of_all_zeros_are_no_working_model() {
    let message = damaged(|path| {
        let zeros = tensors()
            .into_iter()
            .map(|(name, tensor)| (name, tensor.zeros_like().expect("made")))
            .collect();
        save(path, &zeros);
    });
    assert!(
        message.contains("logits of the first prefill are"),
        "{message}"
    );
}
