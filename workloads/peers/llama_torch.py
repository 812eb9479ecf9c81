"""LLaMA in PyTorch, as a worker of joulebench: the same phases and counts as `joulebench-worker`.

Random weights of the same distribution (another generator, so other tokens), greedy decoding.
Needs torch >= 2.8 and transformers >= 5.
"""

import modes
from protocol import serve

# vocabulary, width, inner width, layers, heads, key heads, context, rotary base
SIZES = {
    "llama-tiny": (512, 128, 344, 2, 4, 4, 4096, 10_000.0),
    "llama-7b": (32_000, 4096, 11_008, 32, 32, 32, 4096, 10_000.0),
    "llama-13b": (32_000, 5120, 13_824, 40, 40, 40, 4096, 10_000.0),
    "llama-70b": (32_000, 8192, 28_672, 80, 64, 8, 4096, 10_000.0),
    "llama-3-8b": (128_256, 4096, 14_336, 32, 32, 8, 8192, 500_000.0),
}


def make(shape, attention):
    import transformers

    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.most_tokens, rms_norm_eps=shape.epsilon, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta}, attn_implementation=attention,
    ))


def build(request, mode):
    from decoder import Shape
    from generate import workload

    return workload(request, Shape(*SIZES[request.word("model", SIZES)]), mode, make)


if __name__ == "__main__":
    serve("llama_torch 2", __doc__, modes.DECODER, build)
