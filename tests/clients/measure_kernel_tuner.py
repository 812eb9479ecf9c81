"""kernel-tuner: NVMLObserver, which polls the instant power and multiplies its median by the time.

Without CUDA there is no kernel to launch. The window of the load stands for one launch: the loop
that measures is the tool's own, the device that it asks whether the kernel has finished is ours.
"""

import time

from kernel_tuner.core import DeviceInterface
from kernel_tuner.observers.nvml import NVMLObserver

from window import NS_PER_S, Stopwatch, arguments, report, sleep_until


class Launch:
    """What the tool's loop wants of a device: a kernel that runs until the window closes."""

    def __init__(self, closes_ns: int, watch: Stopwatch):
        self.closes_ns = closes_ns
        self.watch = watch

    def synchronize(self) -> None:
        """The queue is empty."""

    def start_event(self) -> None:
        """The kernel is about to be launched."""
        self.watch.start(lambda: None)

    def run_kernel(self, *_) -> None:
        """The load runs anyway."""

    def stop_event(self) -> None:
        """The kernel was launched."""

    def kernel_finished(self) -> bool:
        """Whether the window has closed."""
        if time.monotonic_ns() < self.closes_ns:
            return False
        self.watch.stop(lambda: None)
        return True


given = arguments()
(gpu,) = given.gpus
observer = NVMLObserver(
    ["nvml_energy", "nvml_power", "power_readings", "core_freq", "mem_freq", "temperature"],
    device=gpu,
    continuous_duration=given.load.window_s,
)
observer.register_device(None)
watch = Stopwatch()
opens, closes = given.load.next_window()
result = {"time": (closes - opens) / NS_PER_S * 1e3}
observer.continuous_observer.results = result

interface = DeviceInterface.__new__(DeviceInterface)
interface.dev = Launch(closes, watch)
interface.continuous_observers = [observer.continuous_observer]
sleep_until(opens)
interface.benchmark_continuous(None, None, None, None, result, given.load.window_s)
report(
    "kernel-tuner",
    gpu,
    "NVMLObserver: median of the instant power x kernel time",
    watch,
    result["nvml_energy"],
    samples=len(result["power_readings"]),
    power_w=float(result["nvml_power"]),
    core_clock_mhz=float(result["pwr_core_freq"]),
    memory_clock_mhz=float(result["pwr_mem_freq"]),
    temperature_c=float(result["pwr_temperature"]),
)
