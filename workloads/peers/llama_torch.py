"""The same LLaMA in PyTorch and Hugging Face transformers, as a worker of joulebench.

Speaks the protocol of docs/worker-protocol.md. Same shapes, phases and counts as the candle
worker; random weights of the same distribution (another generator, so other tokens).
Eager SDPA with a growing key-value cache. Needs torch >= 2.8 and transformers >= 5.
"""

import hashlib
import json
import os
import sys
import threading
import time


def mark(kind, **fields):
    print(json.dumps({"mark": kind, "at_ns": time.monotonic_ns(), **fields}), flush=True)


def listen(may_go, stopped):
    for line in sys.stdin:
        (may_go if json.loads(line)["command"] == "go" else stopped).set()
    stopped.set()  # nobody is left to say "stop"
    may_go.set()


def build(torch, transformers, point, seed, device):
    """The model of the point with random weights, made where it runs."""
    sizes = {"llama-7b": (32000, 4096, 11008, 32, 32), "llama-tiny": (512, 128, 344, 2, 4)}
    fields = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    if point["model"] not in sizes:
        raise ValueError(f"axis 'model' has the value '{point['model']}', this worker supports: {', '.join(sizes)}")
    if point.get("quantisation", "none") != "none":
        raise ValueError(f"axis 'quantisation' has the value '{point['quantisation']}', this worker supports: none")
    config = transformers.LlamaConfig(
        **dict(zip(fields, sizes[point["model"]])), max_position_embeddings=4096, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, attn_implementation="sdpa",
    )
    torch.set_default_dtype({"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[point["precision"]])
    with torch.device(device):
        model = transformers.LlamaForCausalLM(config).eval()
    torch.set_default_dtype(torch.float32)
    generator = torch.Generator(device).manual_seed(seed % 2**63)
    with torch.no_grad():
        for parameter in model.parameters():  # N(0, 1/fan-in), as the candle worker
            if parameter.dim() == 2:
                parameter.normal_(0.0, parameter.shape[1] ** -0.5, generator=generator)
    return model, config


def work(torch, transformers, request, may_go, stopped):
    point = request["point"]
    batch, prompt_tokens, decode_tokens = (point[axis] for axis in ("batch", "prompt_tokens", "decode_tokens"))
    device = os.environ.get("JOULEBENCH_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    model, config = build(torch, transformers, point, request["weights_seed"], device)
    inputs = torch.Generator().manual_seed(request["input_seed"] % 2**63)
    prompt = torch.randint(config.vocab_size, (batch, prompt_tokens), generator=inputs).to(device)

    def synchronise():
        if device == "cuda":
            torch.cuda.synchronize()

    def forward(tokens, cache):
        logits = model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        return logits, logits.argmax(-1)

    def iterate(mark):
        synchronise()
        mark("begin", phase="prefill")
        cache = transformers.DynamicCache(config=config)
        logits, token = forward(prompt, cache)
        synchronise()
        mark("end", phase="prefill", work=batch * prompt_tokens)
        mark("begin", phase="decode")
        tokens = [token]
        for _ in range(decode_tokens):
            logits, token = forward(token[:, None], cache)
            tokens.append(token)
        synchronise()
        mark("end", phase="decode", work=batch * decode_tokens)
        ids = torch.stack(tokens, 1).cpu().numpy().astype("<u4")
        return logits, hashlib.sha256(ids.tobytes()).hexdigest()

    warm_at, iterations = time.monotonic() + request["warmup_s"], 0
    while iterations < 3 or time.monotonic() < warm_at:
        logits, digest = iterate(lambda kind, **fields: None)
        iterations += 1
    deviation = logits.float().std().item()
    if not 0.05 <= deviation <= 50:  # NaN fails as well
        raise ValueError(f"logits have the standard deviation {deviation}, expected 0.05 to 50; check precision")

    engine = f"pytorch {torch.__version__}, transformers {transformers.__version__}, eager"
    mark("ready", worker={
        "name": "llama_torch 1", "engine": engine, "device": "cuda:0" if device == "cuda" else device,
        "weights": "seeded", "output_phase": "decode", "unit": "token",
    })
    may_go.wait()
    measured, digests = 0, {digest}
    while not stopped.is_set():
        logits, digest = iterate(mark)
        measured += batch * decode_tokens
        digests.add(digest)
    logprob = logits.float().log_softmax(-1).amax(-1).mean().item()
    mark("done", work=measured, digest=digest, quality={"distinct_outputs": len(digests), "last_token_logprob": logprob})


if __name__ == "__main__":
    try:
        if "JOULEBENCH_RUN" not in os.environ:
            raise ValueError("JOULEBENCH_RUN is not set; this program is started by `joulebench run`")
        import torch
        import transformers

        go, stop = threading.Event(), threading.Event()
        threading.Thread(target=listen, args=(go, stop), daemon=True).start()
        with torch.inference_mode():
            work(torch, transformers, json.loads(os.environ["JOULEBENCH_RUN"]), go, stop)
    except Exception as error:  # the harness records the reason and goes on
        mark("failed", message=" ".join(f"{type(error).__name__}: {error}".split()))
        sys.exit(1)
