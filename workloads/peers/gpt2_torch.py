"""GPT-2 and StarCoder in PyTorch, as a worker of joulebench.

Random weights N(0, 1/fan-in), greedy decoding. Needs torch >= 2.8 and transformers >= 5.
"""

import modes
from protocol import serve

# vocabulary, width, inner width, layers, heads, key heads, context
SIZES = {
    "gpt2-small": (50_257, 768, 3072, 12, 12, 12, 1024),
    "gpt2-medium": (50_257, 1024, 4096, 24, 16, 16, 1024),
    "gpt2-large": (50_257, 1280, 5120, 36, 20, 20, 1024),
    "gpt2-xl": (50_257, 1600, 6400, 48, 25, 25, 1024),
    "starcoder-1b": (49_152, 2048, 8192, 24, 16, 1, 8192),
    "starcoder-3b": (49_152, 2816, 11_264, 36, 22, 1, 8192),
}


def make(shape, attention):
    import transformers

    arguments = {
        "vocab_size": shape.vocabulary, "n_positions": shape.most_tokens, "n_embd": shape.width,
        "n_layer": shape.layers, "n_head": shape.heads, "n_inner": shape.inner,
        "layer_norm_epsilon": shape.epsilon, "bos_token_id": 0, "eos_token_id": 0, "attn_implementation": attention,
    }
    if shape.kv_heads == shape.heads:
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**arguments))
    return transformers.GPTBigCodeForCausalLM(transformers.GPTBigCodeConfig(multi_query=True, **arguments))


# Matrices that GPT-2 keeps as [in, out]; StarCoder's have the same names and stand as [out, in].
TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")


def build(request, mode):
    from decoder import Shape
    from generate import workload

    shape = Shape(*SIZES[request.word("model", SIZES)])
    return workload(request, shape, mode, make, TRANSPOSED if shape.kv_heads == shape.heads else ())


if __name__ == "__main__":
    serve("gpt2_torch 1", __doc__, modes.DECODER, build)
