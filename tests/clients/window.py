"""When a client measures, and how it says what it found.

A script of a client is called as

    python measure_CLIENT.py LOAD [--gpu N]

It makes the client ready, sleeps until the window of the load opens, lets the client measure
until the window closes, and prints one line of JSON per reading on standard output. What the
clients themselves print goes to standard error.
"""

import argparse
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import lines
from emulator import Emulator

NS_PER_S = 1_000_000_000
# A client is waiting this long before its window opens, if it says nothing else.
LEAD_NS = 200_000_000


class Load:
    """A load and the window in which a client measures it, from `loads/windows.toml`."""

    def __init__(self, name: str):
        self.name = name
        windows = tomllib.loads((Path(__file__).parent / "loads" / "windows.toml").read_text())
        window = windows[name]
        self.window_s = float(window["for_s"])
        self.period_ns = int(window.get("every_s", 0.0) * NS_PER_S)

    def next_window(self, lead_ns: int = LEAD_NS) -> tuple[int, int]:
        """When the next window opens and closes, in ns on CLOCK_MONOTONIC."""
        opens = time.monotonic_ns() + lead_ns
        if self.period_ns:
            opens = self._next_rise_ns(opens)
        return opens, opens + int(self.window_s * NS_PER_S)

    def _next_rise_ns(self, after_ns: int) -> int:
        """When the load begins again."""
        emulator = Emulator()
        while (rise := emulator.last_rise_ns(0, self.period_ns)) is None:
            time.sleep(0.1)
        while rise < after_ns or rise < time.monotonic_ns() + LEAD_NS:
            rise += self.period_ns
        return rise


def sleep_until(at_ns: int) -> None:
    """Sleeps until a moment on CLOCK_MONOTONIC."""
    while (left := at_ns - time.monotonic_ns()) > 0:
        time.sleep(left / NS_PER_S)


class Stopwatch:
    """Stamps around the calls that begin and end a measurement."""

    def start(self, call):
        """Calls what begins the measurement."""
        self.from_ns = time.monotonic_ns()
        result = call()
        self.begin_cost_ns = time.monotonic_ns() - self.from_ns
        return result

    def stop(self, call):
        """Calls what ends the measurement."""
        self.to_ns = time.monotonic_ns()
        result = call()
        self.end_cost_ns = time.monotonic_ns() - self.to_ns
        return result


def arguments() -> argparse.Namespace:
    """The command line of a measuring script; `load` is a Load."""
    parser = argparse.ArgumentParser()
    parser.add_argument("load", type=Load)
    parser.add_argument("--gpu", type=int, action="append", help="GPU to measure, default all")
    given = parser.parse_args()
    given.gpus = given.gpu or [0, 1]
    return given


def report(
    package: str,
    gpu: int,
    method: str,
    watch,
    energy_j: float | None,
    reason: str = "",
    **more,
) -> None:
    """Prints one reading."""
    line = {
        "client": package,
        "version": version(package),
        "gpu": gpu,
        "method": method,
        "from_ns": watch.from_ns,
        "to_ns": watch.to_ns,
        "begin_cost_ns": watch.begin_cost_ns,
        "end_cost_ns": watch.end_cost_ns,
        "energy_j": None if energy_j is None else float(energy_j),
        "reason": reason,
        **more,
    }
    lines.write(line)
