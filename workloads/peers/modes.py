"""The ways in which peers run a model: what `--mode` accepts, the first one by default."""

DECODER = {
    "sdpa": "Hugging Face transformers, eager, fused attention, growing cache",
    "eager": "Hugging Face transformers, eager, attention as products and softmax, growing cache",
    "static": "Hugging Face transformers, static cache, decode step by torch.compile(mode='reduce-overhead')",
    "compiled": "plain PyTorch written for the compiler: Inductor, static cache, a CUDA graph for prompt and step",
}

ENCODER = {
    "sdpa": "Hugging Face transformers, eager, fused attention",
    "eager": "Hugging Face transformers, eager, attention as products and softmax",
    "inductor": "Hugging Face transformers, torch.compile(mode='reduce-overhead')",
    "graph": "plain PyTorch, fused attention, one CUDA graph, no compiler",
    "compiled": "plain PyTorch written for the compiler: Inductor, one CUDA graph",
}

SPEECH = {
    "sdpa": "Hugging Face transformers, eager, fused attention, growing cache",
    "eager": "Hugging Face transformers, eager, attention as products and softmax, growing cache",
    "compiled": "plain PyTorch written for the compiler: Inductor, static cache, a CUDA graph for sound and step",
}

PICTURE = {
    "channels_last": "transformers, torchvision or plain PyTorch, eager, channels last, fused attention",
    "eager": "the same, channels first",
    "compiled": "channels last, Inductor, one CUDA graph",
}

RECURRENT = {
    "eager": "torch.nn.LSTM (cuDNN on a GPU)",
    "graph": "the same, captured as one CUDA graph; Inductor leaves nn.LSTM alone",
}
