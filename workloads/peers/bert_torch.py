"""BERT and RoBERTa with a classification head in PyTorch, as a worker of joulebench.

One phase, `infer`, one request for each sequence; all have `prompt_tokens` tokens and no padding.
Random weights N(0, 1/fan-in). Needs torch >= 2.8 and transformers >= 5.
"""

import modes
from protocol import Refused, serve

BERT = {"positions": 512, "first_position": 0, "segments": 2, "epsilon": 1e-12, "vocabulary": 30_522}
# Two of 514 positions are kept for padding.
ROBERTA = {"positions": 514, "first_position": 2, "segments": 1, "epsilon": 1e-5, "vocabulary": 50_265}
BASE = {"width": 768, "inner": 3072, "layers": 12, "heads": 12}
LARGE = {"width": 1024, "inner": 4096, "layers": 24, "heads": 16}
SIZES = {
    "bert-base": BERT | BASE, "bert-large": BERT | LARGE,
    "roberta-base": ROBERTA | BASE, "roberta-large": ROBERTA | LARGE,
}


def make(shape, attention):
    import transformers

    is_roberta = shape.first_position > 0
    config = (transformers.RobertaConfig if is_roberta else transformers.BertConfig)(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, max_position_embeddings=shape.positions,
        type_vocab_size=shape.segments, layer_norm_eps=shape.epsilon, num_labels=2, attn_implementation=attention,
        pad_token_id=int(is_roberta),
    )
    kind = transformers.RobertaForSequenceClassification if is_roberta else transformers.BertForSequenceClassification
    return kind(config)


def build(request, mode):
    import torch

    import engine
    from encoder import Classifier, Shape

    class Classification(engine.Workload):
        output_phase, unit = "infer", "request"

        def __init__(self):
            device = engine.device()
            dtype = engine.number_format(request, device)
            shape = Shape(**SIZES[request.word("model", SIZES)])
            self.batch, tokens = request.count("batch"), request.count("prompt_tokens")
            request.word("quantisation", ["none"], default="none")
            request.all_read()
            if tokens > shape.most_tokens:
                raise Refused(f"axis 'prompt_tokens' is {tokens}, the model has {shape.most_tokens} positions")
            library, is_plain = None, mode in ("graph", "compiled")
            if not is_plain:
                import transformers

                library = f"transformers {transformers.__version__}"
            super().__init__(device, mode, library)
            # The widest activations of a block, a few times over.
            activations = 6 * self.batch * tokens * shape.inner * dtype.itemsize
            attention = "eager" if mode == "eager" else "sdpa"
            self.model = engine.build(
                (lambda: Classifier(shape)) if is_plain else (lambda: make(shape, attention)),
                request.weights_seed, dtype, device, activations,
            )
            # Not the ids of padding, so that every token counts.
            self.ids = engine.seeded_ids((self.batch, tokens), shape.vocabulary, request.input_seed, device, lowest=2)
            with torch.inference_mode():
                self.logits = torch.zeros(self.batch, 2, dtype=dtype, device=device)
                if is_plain:
                    if mode == "compiled":
                        engine.compile_parts(self.model.compiled_parts())
                    self.run = engine.Graph(self.classify, device)
                elif mode == "inductor":
                    graphs = "reduce-overhead" if device.type == "cuda" else "default"
                    self.forward = torch.compile(self.forward, fullgraph=True, dynamic=False, mode=graphs)
                    self.run = self.classify_by_transformers
                else:
                    self.run = self.classify_by_transformers

        def classify(self):
            self.logits.copy_(self.model(self.ids))

        def forward(self):
            return self.model(input_ids=self.ids).logits

        def classify_by_transformers(self):
            self.logits.copy_(self.forward())

        def iterate(self, phase):
            with torch.inference_mode(), phase("infer", self.batch):
                self.run()

        def digest(self):
            return engine.digest_of_numbers(self.logits)

        def quality(self):
            engine.check_spread(self.logits, "logits")
            return {"class_logprob": self.logits.float().log_softmax(-1).amax(-1).mean().item()}

    return Classification()


if __name__ == "__main__":
    serve("bert_torch 1", __doc__, modes.ENCODER, build)
