"""The worker's side of docs/worker-protocol.md, for peers in Python. Nothing but the standard library.

A peer calls `serve(name, modes, build)`. `build(request, mode)` returns a workload:

    engine, device      words for the `ready` mark
    output_phase, unit  the phase whose work is the output of the run, and its unit
    warmup_iterations   how many iterations it takes until everything is compiled
    synchronise()       waits for the device
    iterate(phase)      the whole work once, inside `with phase("decode", work): ...`
    digest()            SHA-256 of the outputs of the last iteration
    quality()           numbers by name that say how good they are
"""

import argparse
import contextlib
import json
import os
import sys
import threading
import time

# The harness sets the clocks itself; which engine runs is decided by starting this program.
NOT_OURS = {"engine", "sm_clock_mhz", "power_cap_w"}


# Variants of our own worker at the values that a peer has anyway.
NEUTRAL = {"implementation": "fast", "sampling": "greedy", "weights": "seeded"}


class Refused(ValueError):
    """What is asked for is not what this worker does."""


class Request:
    """The object in JOULEBENCH_RUN. An axis that nobody reads is refused by `all_read`."""

    def __init__(self, text):
        raw = json.loads(text)
        if raw.get("protocol") != 1:
            raise Refused(f"protocol {raw.get('protocol')}, this worker speaks protocol 1")
        self.point = raw["point"]
        self.weights_seed, self.input_seed = raw["weights_seed"], raw["input_seed"]
        self.warmup_s = raw["warmup_s"]
        self._read = set(NOT_OURS)

    def word(self, axis, allowed, default=None):
        """A word that must be among the allowed ones."""
        self._read.add(axis)
        found = self.point.get(axis, default)
        if found is None:
            raise Refused(f"the point has no '{axis}', this worker needs one of: {', '.join(allowed)}")
        if found not in allowed:
            raise Refused(f"axis '{axis}' has the value '{found}', this worker supports: {', '.join(allowed)}")
        return found

    def count(self, axis, default=None):
        self._read.add(axis)
        found = self.point.get(axis, default)
        if not isinstance(found, int) or found < 1:
            raise Refused(f"axis '{axis}' is {found}, this worker needs a count of 1 or more")
        return found

    def number(self, axis, low, high, default=None):
        """A number that need not be whole, between two others."""
        self._read.add(axis)
        found = self.point.get(axis, default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
            raise Refused(f"axis '{axis}' is {found}, this worker needs a number from {low} to {high}")
        return found

    def all_read(self):
        """Work that differs from what the point says is worse than none."""
        for axis in sorted(set(self.point) - self._read):
            if self.point[axis] not in ("none", NEUTRAL.get(axis)):
                raise Refused(f"axis '{axis}' is '{self.point[axis]}', this worker does not know that axis")


def mark(kind, **fields):
    print(json.dumps({"mark": kind, "at_ns": time.monotonic_ns(), **fields}), flush=True)


class _Watch:
    """Brackets phases with marks, and adds up the work of the output phase."""

    def __init__(self, workload, mark):
        self.workload, self.mark, self.output = workload, mark, 0

    @contextlib.contextmanager
    def __call__(self, name, work):
        self.workload.synchronise()
        self.mark("begin", phase=name)
        yield
        self.workload.synchronise()
        self.mark("end", phase=name, work=work)
        self.output += work if name == self.workload.output_phase else 0


def _unobserved(_kind, **_fields):
    """Warm-up has no marks."""


def _listen(may_go, stopped):
    for line in sys.stdin:
        (may_go if json.loads(line)["command"] == "go" else stopped).set()
        if stopped.is_set():
            may_go.set()
    stopped.set()  # nobody is left to say "stop"
    may_go.set()


def _run(name, workload, request, may_go, stopped):
    digests, iterations, warm_at = set(), 0, time.monotonic() + request.warmup_s
    unobserved = _Watch(workload, _unobserved)
    while iterations < workload.warmup_iterations or time.monotonic() < warm_at:
        workload.iterate(unobserved)
        iterations += 1
    digests.add(workload.digest())
    workload.quality()  # refuses what no working model puts out
    mark("ready", worker={
        "name": name, "engine": workload.engine, "device": workload.device, "weights": "seeded",
        "weights_id": f"seed:{request.weights_seed}",
        "output_phase": workload.output_phase, "unit": workload.unit,
    })
    may_go.wait()
    watch = _Watch(workload, mark)
    while not stopped.is_set():
        workload.iterate(watch)
        digests.add(workload.digest())
    quality = {"distinct_outputs": len(digests), **workload.quality()}
    mark("done", work=watch.output, digest=workload.digest(), quality=quality)


class _Arguments(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(f"{message}; see --help")


def serve(name, description, modes, build):
    """Runs a worker from its arguments to its last mark. `modes` maps each mode to its meaning."""
    arguments = _Arguments(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="modes:\n" + "\n".join(f"  {mode:<9} {meaning}" for mode, meaning in modes.items())
        + "\n\nStarted by `joulebench run`, which sets JOULEBENCH_RUN (docs/worker-protocol.md)."
        "\nJOULEBENCH_DEVICE: cpu, cuda (default where there is one) or cuda:N.",
    )
    arguments.add_argument("--mode", choices=modes, default=next(iter(modes)), help="default: %(default)s")
    may_go, stopped = threading.Event(), threading.Event()
    try:
        mode = arguments.parse_args().mode
        if "JOULEBENCH_RUN" not in os.environ:
            raise Refused("JOULEBENCH_RUN is not set; this program is started by `joulebench run`")
        request = Request(os.environ["JOULEBENCH_RUN"])
        threading.Thread(target=_listen, args=(may_go, stopped), daemon=True).start()
        _run(name, build(request, mode), request, may_go, stopped)
    except Exception as error:  # the harness records the reason and goes on
        reason = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
        if isinstance(error, ModuleNotFoundError):
            reason += "; pip install torch transformers"
        mark("failed", message=" ".join(reason.split())[:2000])
        sys.exit(1)
