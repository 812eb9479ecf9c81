"""What the PyTorch peers share: device, number format, seeded weights, replay of compiled steps."""

import hashlib
import os

import torch

from protocol import Refused

DTYPES = {"f32": torch.float32, "tf32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
# cuBLAS and cuDNN workspaces, the allocator's fragments, captured graphs.
SPARE_BYTES = 2 << 30


def device():
    """The device that JOULEBENCH_DEVICE names."""
    wanted = os.environ.get("JOULEBENCH_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    if wanted != "cpu" and not wanted.startswith("cuda"):
        raise Refused(f"JOULEBENCH_DEVICE is '{wanted}', this worker supports: cpu, cuda, cuda:N")
    found = torch.device(wanted)
    if found.type == "cuda":
        if not torch.cuda.is_available():
            raise Refused(f"JOULEBENCH_DEVICE is '{wanted}', but PyTorch finds no GPU")
        found = torch.device("cuda", found.index or 0)
        if found.index >= torch.cuda.device_count():
            raise Refused(f"JOULEBENCH_DEVICE is '{wanted}', but there are only {torch.cuda.device_count()} GPUs")
        torch.cuda.set_device(found)
    return found


def number_format(request, device):
    """The dtype of weights and activations. `tf32` is f32 whose matrix products may round to TF32."""
    word = request.word("precision", DTYPES)
    if word == "tf32" and device.type == "cpu":
        raise Refused("axis 'precision' is 'tf32', which a CPU does not have; choose f32")
    torch.backends.cuda.matmul.allow_tf32 = word == "tf32"
    torch.backends.cudnn.allow_tf32 = word == "tf32"
    return DTYPES[word]


def _draw(model, seed, transposed):
    """N(0, 1/fan-in) for matrices; norms and biases keep what they were made with (one, zero)."""
    random = torch.Generator(next(model.parameters()).device).manual_seed(seed % 2**63)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and parameter.requires_grad:
                fan_in = parameter.shape[0] if name.endswith(transposed) else parameter[0].numel()
                parameter.normal_(0.0, fan_in**-0.5, generator=random)
            elif "bias" in name:
                parameter.zero_()


def build(make, seed, dtype, device, more_bytes=0, transposed=()):
    """The model that `make` makes, on the device and in the dtype from the start.

    Refused before anything is allocated where weights and `more_bytes` (caches) do not fit.
    `transposed` names the ends of parameters that stand as [in, out].
    """
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in make().parameters())
    needed = parameters * dtype.itemsize + more_bytes
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if needed + SPARE_BYTES > free:
            raise Refused(
                f"{needed} bytes for weights and caches and {SPARE_BYTES} to work with are needed, {free} are free; "
                "choose a smaller model, batch, length or number format"
            )
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = make().eval()
    finally:
        torch.set_default_dtype(before)
    _draw(model, seed, tuple(transposed))
    return model.requires_grad_(False)


def seeded_ids(shape, vocabulary, seed, device, lowest=0):
    random = torch.Generator().manual_seed(seed % 2**63)
    return torch.randint(lowest, vocabulary, shape, generator=random).to(device)


def digest_of_ids(ids):
    """Over token ids as little-endian words of 32 bits, sequence after sequence."""
    return hashlib.sha256(ids.cpu().numpy().astype("<u4").tobytes()).hexdigest()


def digest_of_numbers(numbers):
    """Over values as little-endian f32."""
    return hashlib.sha256(numbers.float().cpu().numpy().astype("<f4").tobytes()).hexdigest()


def check_spread(values, what):
    """Zeros and overflows are fast and cheap: refuse what no working model puts out."""
    deviation = values.float().std().item()
    if not 1e-3 <= deviation <= 100:  # NaN fails as well
        raise Refused(f"{what} have the standard deviation {deviation}, expected 0.001 to 100; check precision")


class Workload:
    """What `protocol.serve` asks of every workload, as far as all peers agree."""

    warmup_iterations = 3

    def __init__(self, device, mode, library=None):
        self._device = device
        self.device = str(device)
        self.engine = ", ".join(filter(None, [f"pytorch {torch.__version__}", library, mode]))

    def synchronise(self):
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def compile_parts(parts, descent=False):
    """Has Inductor compile each of these modules.

    Modules of one kind share one compilation, so a model of 80 blocks is compiled in the time of
    one. With `descent`, Inductor turns products with a single row into reductions and tunes their
    tiles by timing them: the fastest that it has for decoding one sequence. What it finds is kept
    in TORCHINDUCTOR_CACHE_DIR, so later processes compute the same bits.
    """
    for part in parts:
        part.compile(fullgraph=True, dynamic=False, options={"coordinate_descent_tuning": True} if descent else None)


class Graph:
    """A function without arguments, captured as a CUDA graph; on a CPU, just the function.

    It reads and writes tensors that stay where they are. Making a graph runs the function a few
    times; `before` sets back what a run advances. One replay is one launch for the host.
    """

    def __init__(self, function, device, before=lambda: None):
        self._run, self._graph = function, None
        before()
        if device.type != "cuda":
            function()
            return
        stream = torch.cuda.Stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(3):
                before()
                function()
        torch.cuda.current_stream(device).wait_stream(stream)
        torch.cuda.synchronize(device)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            function()

    def __call__(self):
        self._graph.replay() if self._graph else self._run()
