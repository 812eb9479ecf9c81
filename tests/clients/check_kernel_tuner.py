"""kernel-tuner: its nvml class, with application clocks and with locked clocks."""

import os
import time

from kernel_tuner.observers.nvml import (
    get_idle_power,
    get_nvml_gr_clocks,
    get_nvml_mem_clocks,
    get_nvml_pwr_limits,
    nvml,
)

from lines import expect, saw

# A power limit that the load cannot meet without lower clocks, as a share of the default limit.
LIMIT_SHARE = 0.6


def tune(gpu: int, locked: bool) -> str:
    """Sets a low clock and a low limit as the tuner does, and puts them back."""
    device = nvml(gpu, use_locked_clocks=locked)
    expect(device.use_locked_clocks == locked, f"GPU {gpu}: locked clocks are not supported")
    memory = max(device.supported_mem_clocks)
    low = sorted(device.supported_gr_clocks[memory])[len(device.supported_gr_clocks[memory]) // 2]
    time.sleep(1.0)
    before_mhz = device.gr_clock
    device.set_clocks(memory, low)
    time.sleep(1.0)
    set_mhz = device.gr_clock
    expect(set_mhz == low, f"GPU {gpu}: {set_mhz} MHz, set to {low}")
    limit = int(device.pwr_limit_default * LIMIT_SHARE)
    device.pwr_limit = limit
    expect(device.pwr_limit == limit, f"GPU {gpu}: limit {device.pwr_limit}, set to {limit}")
    time.sleep(1.0)
    capped_w = device.pwr_usage() / 1e3
    expect(capped_w < limit / 1e3 * 1.15, f"GPU {gpu}: {capped_w:.0f} W at a limit of {limit} mW")
    device.restore_defaults()
    time.sleep(1.0)
    after_mhz = device.gr_clock
    expect(after_mhz > low, f"GPU {gpu}: still {after_mhz} MHz after restore_defaults")
    expect(device.pwr_limit == device.pwr_limit_default, f"GPU {gpu}: the limit stays")
    how = "locked" if locked else "application"
    clocks = f"{before_mhz}, {set_mhz}, {after_mhz} MHz"
    return f"GPU {gpu}, {how} clocks: {clocks}, {capped_w:.0f} W capped"


for gpu in (0, 1):
    clocks = get_nvml_gr_clocks(gpu, quiet=True)["nvml_gr_clock"]
    memory = get_nvml_mem_clocks(gpu, quiet=True)["nvml_mem_clock"]
    limits = get_nvml_pwr_limits(gpu, quiet=True)["nvml_pwr_limit"]
    power = get_idle_power(gpu)
    state = nvml(gpu)
    expect(power > 0 and state.energy_usage() > 0, f"GPU {gpu}: no power, or no energy")
    saw(
        f"GPU {gpu}: {len(clocks)} core clocks, {len(memory)} memory clocks, limits {limits[0]} to "
        f"{limits[-1]} W, {power:.0f} W, voltage {state.gr_voltage()} mV"
    )
    if os.geteuid() == 0:
        saw(tune(gpu, locked=False))
        saw(tune(gpu, locked=True))
