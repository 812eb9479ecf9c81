"""zeus: its own control of clocks and power limits, and what a window says about it."""

import os
import time

from zeus.device import get_gpus
from zeus.device.gpu.common import ZeusGPUNoPermissionError
from zeus.monitor import ZeusMonitor

from lines import expect, saw

PINNED_MHZ = 1005
# A power limit that the load cannot meet without lower clocks, as a share of the default limit.
LIMIT_SHARE = 0.6


def window_w(monitor: ZeusMonitor) -> dict[int, float]:
    """Mean power of two seconds, after half a second to settle."""
    time.sleep(0.5)
    monitor.begin_window("check", sync_execution=False)
    time.sleep(2.0)
    measured = monitor.end_window("check", sync_execution=False)
    return {gpu: energy / measured.time for gpu, energy in measured.gpu_energy.items()}


def main() -> None:
    """As root sets and resets; otherwise is refused."""
    gpus = get_gpus()
    indices = range(len(gpus))
    if os.geteuid() != 0:
        try:
            gpus.set_gpu_locked_clocks(0, PINNED_MHZ, PINNED_MHZ)
        except ZeusGPUNoPermissionError:
            saw("zeus is refused to lock clocks without root")
            return
        raise SystemExit("error: zeus may lock clocks without root")
    monitor = ZeusMonitor(cpu_indices=[])
    free = window_w(monitor)
    limits = {gpu: int(gpus.get_power_management_limit(gpu) * LIMIT_SHARE) for gpu in indices}
    for gpu in indices:
        memory = max(gpus.get_supported_memory_clocks(gpu))
        expect(PINNED_MHZ in gpus.get_supported_graphics_clocks(gpu, memory), "1005 MHz is missing")
        gpus.set_persistence_mode(gpu, True)
        gpus.set_gpu_locked_clocks(gpu, PINNED_MHZ, PINNED_MHZ)
        gpus.set_memory_locked_clocks(gpu, memory, memory)
    locked = window_w(monitor)
    for gpu in indices:
        gpus.reset_gpu_locked_clocks(gpu)
        gpus.reset_memory_locked_clocks(gpu)
        gpus.set_power_management_limit(gpu, limits[gpu])
    capped = window_w(monitor)
    for gpu in indices:
        gpus.reset_power_management_limit(gpu)
    back = window_w(monitor)
    for gpu in indices:
        name = gpus.get_name(gpu)
        low_w = limits[gpu] / 1e3
        expect(locked[gpu] < 0.95 * free[gpu], f"{name}: locked clocks save nothing")
        expect(capped[gpu] < 1.15 * low_w, f"{name}: {capped[gpu]:.0f} W at a limit of {low_w} W")
        expect(abs(back[gpu] / free[gpu] - 1) < 0.1, f"{name}: {back[gpu]:.0f} W after the reset")
        saw(
            f"{name}: zeus measures {free[gpu]:.0f} W free, "
            f"{locked[gpu]:.0f} W at {PINNED_MHZ} MHz, "
            f"{capped[gpu]:.0f} W at a limit of {low_w:.0f} W, {back[gpu]:.0f} W after the reset"
        )


if __name__ == "__main__":
    main()
