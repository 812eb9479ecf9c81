"""Prefill and greedy decoding as a workload, for every decoder and every way to run one."""

from functools import partial

import torch

import engine
from decoder import Decoder
from protocol import Refused


class Generation(engine.Workload):
    """Lengths, prompt and marks; how a pass is done, the class below says."""

    output_phase, unit = "decode", "token"

    def __init__(self, request, shape, device, mode, library):
        super().__init__(device, mode, library)
        self.batch = request.count("batch")
        self.prompt_tokens, self.decode_tokens = request.count("prompt_tokens"), request.count("decode_tokens")
        # Refuses what is left in the point: nothing is built for a point that cannot be run.
        request.word("quantisation", ["none"], default="none")
        request.all_read()
        # The last token is put out and not read.
        self.capacity = self.prompt_tokens + self.decode_tokens
        if self.capacity > shape.most_tokens:
            raise Refused(
                f"prompt_tokens + decode_tokens is {self.capacity}, the model's context has {shape.most_tokens}"
            )
        self.prompt = engine.seeded_ids(
            (self.batch, self.prompt_tokens), shape.vocabulary, request.input_seed, device
        )

    def iterate(self, phase):
        with torch.inference_mode():
            with phase("prefill", self.batch * self.prompt_tokens):
                self.prefill()
            with phase("decode", self.batch * self.decode_tokens):
                self.decode()

    def digest(self):
        return engine.digest_of_ids(self.output())

    def quality(self):
        logits = self.last_logits()
        engine.check_spread(logits, "logits")
        return {"last_token_logprob": logits.float().log_softmax(-1).amax(-1).mean().item()}


class Transformers(Generation):
    """A model of Hugging Face transformers."""

    def __init__(self, request, shape, device, dtype, mode, make, transposed=()):
        import transformers

        super().__init__(request, shape, device, mode, f"transformers {transformers.__version__}")
        attention = "eager" if mode == "eager" else "sdpa"
        cache_bytes = shape.cache_bytes(self.batch, self.capacity, dtype)
        self.model = engine.build(
            lambda: make(attention), request.weights_seed, dtype, device, cache_bytes, transposed
        )
        self.transformers, self.step, self.cache = transformers, self.forward, None
        if mode == "static":
            self.cache = transformers.StaticCache(config=self.model.config, max_cache_len=self.capacity)
            graphs = "reduce-overhead" if device.type == "cuda" else "default"
            self.step = torch.compile(self.forward, fullgraph=True, dynamic=False, mode=graphs)

    def forward(self, tokens):
        logits = self.model(input_ids=tokens, past_key_values=self.cache, use_cache=True, logits_to_keep=1).logits
        return logits[:, -1]

    def prefill(self):
        if isinstance(self.cache, self.transformers.StaticCache):
            self.cache.reset()
        else:
            self.cache = self.transformers.DynamicCache(config=self.model.config)
        self.logits = self.forward(self.prompt)
        self.tokens = [self.logits.argmax(-1)]

    def decode(self):
        for _ in range(self.decode_tokens):
            torch.compiler.cudagraph_mark_step_begin()
            self.logits = self.step(self.tokens[-1][:, None])
            self.tokens.append(self.logits.argmax(-1))

    def output(self):
        return torch.stack(self.tokens, 1)

    def last_logits(self):
        return self.logits


class Plain(Generation):
    """Our composition: one replay for the prompt, one for each token."""

    def __init__(self, request, shape, device, dtype):
        super().__init__(request, shape, device, "compiled", None)
        cache_bytes = shape.cache_bytes(self.batch, self.capacity, dtype)
        self.model = engine.build(lambda: Decoder(shape), request.weights_seed, dtype, device, cache_bytes)
        self.model.allocate(self.batch, self.capacity)
        with torch.inference_mode():
            self.token = torch.zeros(self.batch, 1, dtype=torch.long, device=device)
            self.position = torch.zeros(1, dtype=torch.long, device=device)
            self.tokens = torch.zeros(self.batch, self.decode_tokens + 1, dtype=torch.long, device=device)
            self.logits = torch.zeros(self.batch, shape.vocabulary, dtype=dtype, device=device)
            engine.compile_parts(self.model.compiled_parts(), descent=self.batch == 1)
            self.read = engine.Graph(self.read_prompt, device)
            first = partial(self.position.fill_, self.prompt_tokens)
            self.step = engine.Graph(self.read_token, device, before=first)

    def pick(self, logits, place):
        self.logits.copy_(logits)
        self.token.copy_(logits.argmax(-1, keepdim=True))
        self.tokens.index_copy_(1, place, self.token)

    def read_prompt(self):
        positions = torch.arange(self.prompt_tokens, device=self.prompt.device)
        self.pick(self.model(self.prompt, positions), torch.zeros_like(self.position))
        self.position.fill_(self.prompt_tokens)

    def read_token(self):
        self.pick(self.model(self.token, self.position), self.position - self.prompt_tokens + 1)
        self.position.add_(1)

    def prefill(self):
        self.read()

    def decode(self):
        for _ in range(self.decode_tokens):
            self.step()

    def output(self):
        return self.tokens

    def last_logits(self):
        return self.logits


def workload(request, shape, mode, make, transposed=()):
    """The workload of a point. `make(shape, attention)` makes the model of transformers."""
    device = engine.device()
    dtype = engine.number_format(request, device)
    if mode == "compiled":
        return Plain(request, shape, device, dtype)
    return Transformers(request, shape, device, dtype, mode, lambda attention: make(shape, attention), transposed)
