"""What the emulator offers beside NVML, for scripts that run in front of it.

A client never sees this: a script uses it to open its window together with the load, and to hold a
context on a GPU.
"""

import ctypes
import time

NS_PER_MS = 1_000_000
BIN_NS = 50 * NS_PER_MS
# Closer than this the begin of a load is not looked for.
EXACT_NS = NS_PER_MS // 2


class Emulator:
    """The functions that the emulated library has beside those of NVML."""

    def __init__(self):
        self._library = ctypes.CDLL("libnvidia-ml.so.1")
        self._energy = self._library.joulebench_true_energy_mj
        self._energy.argtypes = [
            ctypes.c_uint,
            ctypes.c_uint64,
            ctypes.c_uint64,
            ctypes.POINTER(ctypes.c_double),
        ]

    def begin_load(self, gpu: int, work: str) -> None:
        """This process does something on a GPU, and holds a context there."""
        answer = self._library.joulebench_load_begin(gpu, work.encode())
        if answer != 0:
            raise RuntimeError(f"joulebench_load_begin answers {answer}, see the header")

    def end_load(self, gpu: int) -> None:
        """And ends it."""
        answer = self._library.joulebench_load_end(gpu)
        if answer != 0:
            raise RuntimeError(f"joulebench_load_end answers {answer}, see the header")

    def power_w(self, gpu: int, from_ns: int, to_ns: int) -> float | None:
        """Mean power of an interval; none where it is not wholly in the machine's past."""
        energy_mj = ctypes.c_double()
        answer = self._energy(gpu, from_ns, to_ns, ctypes.byref(energy_mj))
        if answer == 4:
            return None
        if answer != 0:
            raise RuntimeError(f"joulebench_true_energy_mj answers {answer}, see the header")
        return energy_mj.value * 1e6 / (to_ns - from_ns)

    def last_rise_ns(self, gpu: int, within_ns: int) -> int | None:
        """When the GPU last went from idle to busy; none where it did not, so far."""
        now = time.monotonic_ns()
        ends = range(now - within_ns + BIN_NS, now + 1, BIN_NS)
        bins = [(end, self.power_w(gpu, end - BIN_NS, end)) for end in ends]
        bins = [(end, power) for end, power in bins if power is not None]
        if len(bins) < 2:
            return None
        powers = [power for _, power in bins]
        # A context alone takes less than this above a GPU that sleeps.
        if max(powers) < 3.0 * min(powers):
            return None
        # Near idle: a board may go up and down within its busy time.
        busy_w = min(powers) + 0.2 * (max(powers) - min(powers))
        rises = [
            index for index in range(1, len(bins)) if bins[index - 1][1] < busy_w <= bins[index][1]
        ]
        if not rises:
            return None
        # Somewhere in this bin or the one before, which may have begun idle.
        high = bins[rises[-1]][0]
        low = high - 2 * BIN_NS
        while high - low > EXACT_NS:
            middle = (low + high) // 2
            if self.power_w(gpu, middle - EXACT_NS, middle) < busy_w:
                low = middle
            else:
                high = middle
        return high - EXACT_NS
