"""Sentiment of a review by a small LSTM in PyTorch, as a worker of joulebench.

Embedding 5,000 × 15, one LSTM of 10 cells, one output, over `prompt_tokens` words (300 where the
point does not say). One phase, `infer`, one request for each sequence. Needs torch >= 2.8.
"""

import modes
from protocol import serve

VOCABULARY, WIDTH, CELLS, WORDS = 5_000, 15, 10, 300


def build(request, mode):
    import torch
    from torch import nn

    import engine

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, WIDTH)
            self.lstm = nn.LSTM(WIDTH, CELLS, batch_first=True)
            self.dense = nn.Linear(CELLS, 1)

        def forward(self, words):
            _, (state, _) = self.lstm(self.embedding(words))
            return self.dense(state[-1]).sigmoid()

    class Sentiment(engine.Workload):
        output_phase, unit = "infer", "request"

        def __init__(self):
            device = engine.device()
            dtype = engine.number_format(request, device)
            request.word("model", ["lstm-sentiment"])
            self.batch, words = request.count("batch"), request.count("prompt_tokens", default=WORDS)
            request.word("quantisation", ["none"], default="none")
            request.all_read()
            super().__init__(device, mode)
            self.model = engine.build(Network, request.weights_seed, dtype, device)
            self.model.lstm.flatten_parameters()
            self.words = engine.seeded_ids((self.batch, words), VOCABULARY, request.input_seed, device)
            with torch.inference_mode():
                self.probabilities = torch.zeros(self.batch, 1, dtype=dtype, device=device)
                self.run = self.read
                if mode == "graph":
                    self.run = engine.Graph(self.read, device)

        def read(self):
            self.probabilities.copy_(self.model(self.words))

        def iterate(self, phase):
            with torch.inference_mode(), phase("infer", self.batch):
                self.run()

        def digest(self):
            return engine.digest_of_numbers(self.probabilities)

        def quality(self):
            found = self.probabilities.float()
            if not bool(((found > 0) & (found < 1)).all()):
                raise ValueError("a probability is not between 0 and 1; check precision")
            return {"mean_probability": found.mean().item()}

    return Sentiment()


if __name__ == "__main__":
    serve("lstm_torch 1", __doc__, modes.RECURRENT, build)
