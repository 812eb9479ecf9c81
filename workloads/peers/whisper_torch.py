"""Whisper in PyTorch, as a worker of joulebench.

`encode` takes the log-mel features of 30 s of seeded sound for each sequence (made beforehand)
through the encoder and reads the four tokens that every transcript begins with; `decode` takes
`decode_tokens` greedy steps. Random weights N(0, 1/fan-in). Needs torch >= 2.8 and
transformers >= 5.
"""

import modes
from protocol import Refused, serve

SIZES = {
    "whisper-tiny": {"layers": 4, "width": 384, "heads": 6},
    "whisper-base": {"layers": 6, "width": 512, "heads": 8},
    "whisper-small": {"layers": 12, "width": 768, "heads": 12},
    "whisper-medium": {"layers": 24, "width": 1024, "heads": 16},
    "whisper-large-v3": {"layers": 32, "width": 1280, "heads": 20, "mel_bins": 128, "vocabulary": 51_866},
}
# Start of a transcript, English, transcribe, no time stamps.
PROMPT = (50_258, 50_259, 50_359, 50_363)
RATE_HZ, SECONDS = 16_000, 30


def make(shape, attention):
    import transformers

    return transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(
        vocab_size=shape.vocabulary, num_mel_bins=shape.mel_bins, d_model=shape.width,
        encoder_layers=shape.layers, decoder_layers=shape.layers, encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads, encoder_ffn_dim=shape.inner_width, decoder_ffn_dim=shape.inner_width,
        attn_implementation=attention,
    ))


def features(shape, batch, seed):
    """Log-mel features of tones in noise, other ones for each sequence."""
    import torch
    import transformers

    random = torch.Generator().manual_seed(seed % 2**63)
    time = torch.arange(RATE_HZ * SECONDS) / RATE_HZ
    extractor = transformers.WhisperFeatureExtractor(feature_size=shape.mel_bins)
    found = []
    for _ in range(batch):
        hertz = 100 + 3000 * torch.rand(4, 1, generator=random)
        sound = 0.1 * torch.sin(2 * torch.pi * hertz * time).sum(0)
        sound += 0.02 * torch.randn(time.shape, generator=random)
        found.append(extractor(sound.numpy(), sampling_rate=RATE_HZ, return_tensors="pt")["input_features"])
    return torch.cat(found)


def build(request, mode):
    import torch
    import transformers

    import engine
    from speech import Shape, Whisper

    class Transcription(engine.Workload):
        output_phase, unit = "decode", "token"

        def __init__(self):
            device = engine.device()
            dtype = engine.number_format(request, device)
            shape = Shape(**SIZES[request.word("model", SIZES)])
            self.batch, self.decode_tokens = request.count("batch"), request.count("decode_tokens")
            request.word("quantisation", ["none"], default="none")
            request.all_read()
            capacity = len(PROMPT) + self.decode_tokens
            if capacity > shape.positions:
                raise Refused(
                    f"axis 'decode_tokens' is {self.decode_tokens}, "
                    f"the model has {shape.positions - len(PROMPT)} places"
                )
            super().__init__(device, mode, None if mode == "compiled" else f"transformers {transformers.__version__}")
            cache_bytes = shape.cache_bytes(self.batch, capacity, dtype)
            attention = "eager" if mode == "eager" else "sdpa"
            self.model = engine.build(
                (lambda: Whisper(shape)) if mode == "compiled" else (lambda: make(shape, attention)),
                request.weights_seed, dtype, device, cache_bytes,
            )
            self.features = features(shape, self.batch, request.input_seed).to(device, dtype)
            self.prompt = torch.tensor([PROMPT] * self.batch, device=device)
            with torch.inference_mode():
                self.token = torch.zeros(self.batch, 1, dtype=torch.long, device=device)
                self.position = torch.zeros(1, dtype=torch.long, device=device)
                self.tokens = torch.zeros(self.batch, self.decode_tokens + 1, dtype=torch.long, device=device)
                self.logits = torch.zeros(self.batch, shape.vocabulary, dtype=dtype, device=device)
                self.read, self.step = self.read_by_transformers, self.step_by_transformers
                if mode == "compiled":
                    self.model.allocate(self.batch, capacity)
                    engine.compile_parts(self.model.compiled_parts(), descent=self.batch == 1)
                    self.read = engine.Graph(self.read_sound, device)
                    self.step = engine.Graph(
                        self.read_token, device, before=lambda: self.position.fill_(len(PROMPT))
                    )

        def pick(self, logits, place):
            self.logits.copy_(logits)
            self.token.copy_(logits.argmax(-1, keepdim=True))
            self.tokens.index_copy_(1, place, self.token)

        def read_sound(self):
            self.model.encode(self.features)
            logits = self.model(self.prompt, torch.arange(len(PROMPT), device=self.prompt.device))
            self.pick(logits, torch.zeros_like(self.position))
            self.position.fill_(len(PROMPT))

        def read_token(self):
            self.pick(self.model(self.token, self.position), self.position - len(PROMPT) + 1)
            self.position.add_(1)

        def by_transformers(self, tokens):
            return self.model(
                encoder_outputs=self.encoded, decoder_input_ids=tokens, past_key_values=self.cache, use_cache=True
            ).logits[:, -1]

        def read_by_transformers(self):
            self.encoded = self.model.get_encoder()(self.features)
            self.cache = transformers.EncoderDecoderCache(transformers.DynamicCache(), transformers.DynamicCache())
            self.position.zero_()
            self.pick(self.by_transformers(self.prompt), self.position)

        def step_by_transformers(self):
            self.position.add_(1)
            self.pick(self.by_transformers(self.token), self.position)

        def iterate(self, phase):
            with torch.inference_mode():
                with phase("encode", self.batch):
                    self.read()
                with phase("decode", self.batch * self.decode_tokens):
                    for _ in range(self.decode_tokens):
                        self.step()

        def digest(self):
            return engine.digest_of_ids(self.tokens)

        def quality(self):
            engine.check_spread(self.logits, "logits")
            return {"last_token_logprob": self.logits.float().log_softmax(-1).amax(-1).mean().item()}

    return Transcription()


if __name__ == "__main__":
    serve("whisper_torch 1", __doc__, modes.SPEECH, build)
