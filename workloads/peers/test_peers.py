"""Holds our plain PyTorch compositions and the protocol of the peers against what is known.

    python3 workloads/peers/test_peers.py

Compositions: the parity fixtures of workloads/tests/fixtures, made with Hugging Face transformers.
Protocol: real processes on the CPU, refusals included. Needs torch, transformers, safetensors and a
minute; no GPU. Nothing is compiled here: compilers change speed, not results.
"""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

import attention
import decoder
import encoder
import speech

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "tests" / "fixtures"


def fixture(name):
    folder = FIXTURES / name
    weights = {key: tensor.float() for key, tensor in load_file(folder / "model.safetensors").items()}
    expected = {
        key: tensor.long() if tensor.dtype == torch.uint32 else tensor
        for key, tensor in load_file(folder / "expected.safetensors").items()
    }
    return json.loads((folder / "config.json").read_text()), weights, expected


def deviation(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


def fill(module, weights, *names):
    """Weight and bias from one tensor of the fixture, or from several that are one matrix here."""
    with torch.no_grad():
        module.weight.copy_(torch.cat([weights[f"{name}.weight"] for name in names]))
        if getattr(module, "bias", None) is not None:
            rows = [weights[f"{name}.weight"].shape[0] for name in names]
            biases = [weights.get(f"{name}.bias", torch.zeros(count)) for name, count in zip(names, rows)]
            module.bias.copy_(torch.cat(biases))


def fill_block(block, weights, own, mlp):
    fill(block.qkv, weights, *own["qkv"])
    fill(block.out, weights, own["out"])
    fill(block.norm_1, weights, own["norm"])
    fill(block.norm_2, weights, mlp["norm"])
    fill(block.up, weights, *mlp["up"])
    fill(block.down, weights, mlp["down"])


def llama(name):
    config, weights, expected = fixture(name)
    rope = config["rope_parameters"]
    shape = decoder.Shape(
        config["vocab_size"], config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"],
        config["num_attention_heads"], config["num_key_value_heads"], config["max_position_embeddings"],
        rope["rope_theta"], config["rms_norm_eps"],
    )
    model = decoder.Decoder(shape)
    fill(model.embedding, weights, "model.embed_tokens")
    fill(model.head.norm, weights, "model.norm")
    fill(model.head.output, weights, "lm_head")
    for index, block in enumerate(model.blocks):
        at = f"model.layers.{index}"
        fill_block(
            block, weights,
            {"qkv": [f"{at}.self_attn.{part}_proj" for part in "qkv"], "out": f"{at}.self_attn.o_proj",
             "norm": f"{at}.input_layernorm"},
            {"up": [f"{at}.mlp.gate_proj", f"{at}.mlp.up_proj"], "down": f"{at}.mlp.down_proj",
             "norm": f"{at}.post_attention_layernorm"},
        )
    return model, expected


def gpt(name):
    config, weights, expected = fixture(name)
    is_gpt2 = config["model_type"] == "gpt2"
    if is_gpt2:  # matrices of its blocks stand as [in, out]
        weights = {k: v.T if v.dim() == 2 and ".h." in k else v for k, v in weights.items()}
    kv_heads = config["n_head"] if is_gpt2 else 1
    width = config["n_embd"]
    shape = decoder.Shape(
        config["vocab_size"], width, 4 * width, config["n_layer"], config["n_head"], kv_heads, config["n_positions"]
    )
    model = decoder.Decoder(shape)
    fill(model.embedding, weights, "transformer.wte")
    fill(model.position_embedding, weights, "transformer.wpe")
    fill(model.head.norm, weights, "transformer.ln_f")
    for index, block in enumerate(model.blocks):
        at = f"transformer.h.{index}"
        fill_block(
            block, weights, {"qkv": [f"{at}.attn.c_attn"], "out": f"{at}.attn.c_proj", "norm": f"{at}.ln_1"},
            {"up": [f"{at}.mlp.c_fc"], "down": f"{at}.mlp.c_proj", "norm": f"{at}.ln_2"},
        )
    return model, expected


def classifier(name):
    config, weights, expected = fixture(name)
    shape = encoder.Shape(
        config["vocab_size"], config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"],
        config["num_attention_heads"], config["max_position_embeddings"], 2 if name == "roberta" else 0,
        config["type_vocab_size"], config["layer_norm_eps"],
    )
    model = encoder.Classifier(shape)
    at = f"{name}.embeddings"
    fill(model.embeddings.words, weights, f"{at}.word_embeddings")
    fill(model.embeddings.positions, weights, f"{at}.position_embeddings")
    fill(model.embeddings.segments, weights, f"{at}.token_type_embeddings")
    fill(model.embeddings.norm, weights, f"{at}.LayerNorm")
    fill(model.head.pool, weights, "classifier.dense" if name == "roberta" else "bert.pooler.dense")
    fill(model.head.classify, weights, "classifier.out_proj" if name == "roberta" else "classifier")
    for index, block in enumerate(model.blocks):
        at = f"{name}.encoder.layer.{index}"
        fill_block(
            block, weights,
            {"qkv": [f"{at}.attention.self.{part}" for part in ("query", "key", "value")],
             "out": f"{at}.attention.output.dense", "norm": f"{at}.attention.output.LayerNorm"},
            {"up": [f"{at}.intermediate.dense"], "down": f"{at}.output.dense", "norm": f"{at}.output.LayerNorm"},
        )
    return model, expected


def whisper():
    config, weights, expected = fixture("whisper")
    shape = speech.Shape(
        config["encoder_layers"], config["d_model"], config["encoder_attention_heads"], config["num_mel_bins"],
        config["vocab_size"], config["max_source_positions"], config["max_target_positions"],
        config["encoder_ffn_dim"],
    )
    model = speech.Whisper(shape)

    def fill_attention(module, at):
        fill(module.qkv, weights, *(f"{at}self_attn.{part}_proj" for part in "qkv"))
        fill(module.out, weights, f"{at}self_attn.out_proj")
        fill(module.norm, weights, f"{at}self_attn_layer_norm")

    def fill_feed(module, at):
        fill(module.up, weights, f"{at}fc1")
        fill(module.down, weights, f"{at}fc2")
        fill(module.norm, weights, f"{at}final_layer_norm")

    fill(model.front.conv_1, weights, "model.encoder.conv1")
    fill(model.front.conv_2, weights, "model.encoder.conv2")
    fill(model.encoder_last.norm, weights, "model.encoder.layer_norm")
    fill(model.words, weights, "model.decoder.embed_tokens")
    fill(model.positions, weights, "model.decoder.embed_positions")
    fill(model.head.norm, weights, "model.decoder.layer_norm")
    for index, block in enumerate(model.encoder):
        fill_attention(block.own, f"model.encoder.layers.{index}.")
        fill_feed(block.feed, f"model.encoder.layers.{index}.")
    for index, block in enumerate(model.decoder):
        at = f"model.decoder.layers.{index}."
        fill_attention(block.own, at)
        fill_feed(block.feed, at)
        cross = block.cross
        fill(cross.query, weights, f"{at}encoder_attn.q_proj")
        fill(cross.kv, weights, f"{at}encoder_attn.k_proj", f"{at}encoder_attn.v_proj")
        fill(cross.out, weights, f"{at}encoder_attn.out_proj")
        fill(cross.norm, weights, f"{at}encoder_attn_layer_norm")
    return model, expected


class Parity(unittest.TestCase):
    def check_greedy(self, model, expected):
        """Logits of the first eight choices within 1e-4, every token the same."""
        prompt, tokens = expected["input.ids"], expected["expected.tokens"]
        model.allocate(prompt.shape[0], prompt.shape[1] + tokens.shape[1] - 1)
        if "input.features" in expected:
            model.encode(expected["input.features"])
        logits = model(prompt, torch.arange(prompt.shape[1]))
        for step in range(tokens.shape[1]):
            if step < 8:
                self.assertLess(deviation(logits, expected["expected.step_logits"][:, step]), 1e-4)
            self.assertEqual(logits.argmax(-1).tolist(), tokens[:, step].tolist(), f"step {step}")
            if step + 1 < tokens.shape[1]:
                logits = model(tokens[:, step : step + 1], torch.tensor([prompt.shape[1] + step]))

    def test_llama(self):
        for name in ("llama-2", "llama-3"):
            with self.subTest(name):
                self.check_greedy(*llama(name))

    def test_gpt2_and_starcoder(self):
        for name in ("gpt2", "starcoder"):
            with self.subTest(name):
                self.check_greedy(*gpt(name))

    def test_bert_and_roberta(self):
        for name in ("bert", "roberta"):
            with self.subTest(name):
                model, expected = classifier(name)
                self.assertLess(deviation(model(expected["plain.ids"]), expected["plain.class_logits"]), 1e-4)

    def test_whisper(self):
        self.check_greedy(*whisper())

    def test_parity_sees_a_missing_bias(self):
        model, expected = classifier("bert")
        model.blocks[1].up.bias.zero_()
        self.assertGreater(deviation(model(expected["plain.ids"]), expected["plain.class_logits"]), 1e-2)

    def test_one_query_with_grouped_heads(self):
        random = torch.Generator().manual_seed(1)
        query = torch.randn(2, 6, 1, 8, generator=random)
        keys, values = torch.randn(2, 2, 2, 9, 8, generator=random)
        wanted = torch.nn.functional.scaled_dot_product_attention(
            query, keys[:, :, :5], values[:, :, :5], enable_gqa=True
        )
        self.assertLess(deviation(attention.one(query, keys, values, torch.tensor([4])), wanted), 1e-5)


LENGTHS = {"precision": "f32", "batch": 2, "prompt_tokens": 16, "decode_tokens": 8}


def marks(script, point, *arguments, device="cpu", protocol=1):
    """All marks of a worker that is told to go at `ready` and to stop after its third phase."""
    request = {
        "protocol": protocol, "run_id": "test", "point": point, "weights_seed": 1, "input_seed": 2, "warmup_s": 0.01,
    }
    environment = {**os.environ, "JOULEBENCH_RUN": json.dumps(request), "JOULEBENCH_DEVICE": device}
    process = subprocess.Popen(
        [sys.executable, HERE / script, *arguments], env=environment, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    found, ends = [], 0
    for line in process.stdout:
        found.append(json.loads(line))
        ends += found[-1]["mark"] == "end"
        said = {"ready": "go", "end": "stop" if ends == 3 else None}.get(found[-1]["mark"])
        if said:
            process.stdin.write(json.dumps({"command": said}) + "\n")
            process.stdin.flush()
    process.stdin.close()
    process.stdout.close()
    return found, process.wait()


class Protocol(unittest.TestCase):
    def check(self, script, point, mode, work):
        """A run from `ready` to `done`; the work of each phase in the order of the phases."""
        found, code = marks(script, point, "--mode", mode)
        self.assertEqual((found[0]["mark"], found[-1]["mark"], code), ("ready", "done", 0), found)
        pairs = [(a["phase"], b["work"]) for a, b in zip(found[1:-1:2], found[2:-1:2])]
        self.assertEqual(pairs, list(work.items()) * (len(pairs) // len(work)))
        output = found[0]["worker"]["output_phase"]
        self.assertEqual(found[-1]["work"], sum(count for phase, count in pairs if phase == output))
        self.assertEqual(len(found[-1]["digest"]), 64)
        self.assertEqual(found[-1]["quality"]["distinct_outputs"], 1)
        stamps = [each["at_ns"] for each in found]
        self.assertEqual(stamps, sorted(stamps))
        return found[-1]["digest"]

    def test_llama(self):
        point = {"engine": "torch", "model": "llama-tiny", **LENGTHS}
        for mode in ("sdpa", "eager"):
            self.check("llama_torch.py", point, mode, {"prefill": 32, "decode": 16})

    def test_bert(self):
        point = {"model": "bert-base", "precision": "f32", "batch": 2, "prompt_tokens": 8}
        for mode in ("sdpa", "graph"):
            self.check("bert_torch.py", point, mode, {"infer": 2})

    def test_lstm(self):
        point = {"model": "lstm-sentiment", "precision": "f32", "batch": 3}
        digests = {self.check("lstm_torch.py", point, mode, {"infer": 3}) for mode in ("eager", "graph")}
        self.assertEqual(len(digests), 1)

    def test_refusals_are_one_line_that_says_what_is_supported(self):
        point = {"model": "llama-tiny", **LENGTHS}
        for change, arguments, expected in [
            ({"model": "gpt2-xl"}, [], "'gpt2-xl', this worker supports: llama-tiny, llama-7b"),
            ({"precision": "int8"}, [], "'int8', this worker supports: f32"),
            ({"precision": "tf32"}, [], "which a CPU does not have"),
            ({"quantisation": "q8_0"}, [], "'q8_0', this worker supports: none"),
            ({"prompt_tokens": 4090}, [], "is 4098, the model's context has 4096"),
            ({"batch": 0}, [], "axis 'batch' is 0"),
            ({"steps": 20}, [], "axis 'steps' is '20', this worker does not know that axis"),
            ({}, ["--mode", "fastest"], "invalid choice: 'fastest'"),
        ]:
            with self.subTest(expected):
                found, code = marks("llama_torch.py", point | change, *arguments)
                self.assertEqual(([each["mark"] for each in found], code), (["failed"], 1))
                self.assertIn(expected, found[0]["message"])
        for keywords, expected in [
            ({"device": "tpu"}, "JOULEBENCH_DEVICE is 'tpu'"),
            ({"protocol": 2}, "this worker speaks protocol 1"),
        ]:
            found, _ = marks("llama_torch.py", point, **keywords)
            self.assertIn(expected, found[0]["message"])


class Sizes(unittest.TestCase):
    """Parameters of our compositions against those of transformers: they do the same work."""

    def check(self, plain, theirs):
        def count(make):
            with torch.device("meta"):
                return sum(parameter.numel() for parameter in make().parameters())

        return count(plain) - count(theirs)

    def test_decoders(self):
        import gpt2_torch
        import llama_torch

        for worker in (llama_torch, gpt2_torch):
            for name, size in worker.SIZES.items():
                shape = decoder.Shape(*size)
                with self.subTest(name):
                    self.assertEqual(self.check(lambda: decoder.Decoder(shape), lambda: worker.make(shape, "sdpa")), 0)

    def test_classifiers(self):
        import bert_torch

        for name, size in bert_torch.SIZES.items():
            shape = encoder.Shape(**size)
            with self.subTest(name):
                self.assertEqual(
                    self.check(lambda: encoder.Classifier(shape), lambda: bert_torch.make(shape, "sdpa")), 0
                )

    def test_whisper(self):
        import whisper_torch

        for name, size in whisper_torch.SIZES.items():
            shape = speech.Shape(**size)
            # Ours: biases of keys, which are zero. Theirs: sinusoids as a parameter.
            odds = 3 * shape.layers * shape.width - shape.sounds * shape.width
            with self.subTest(name):
                self.assertEqual(
                    self.check(lambda: speech.Whisper(shape), lambda: whisper_torch.make(shape, "sdpa")), odds
                )


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    unittest.main()
