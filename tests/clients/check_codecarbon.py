"""codecarbon: the details of each GPU that it finds."""

import os
import time

from codecarbon.core.gpu import AllGPUDevices

from emulator import Emulator
from lines import expect, saw

emulator = Emulator()
emulator.begin_load(1, "gemm-bf16")
time.sleep(1.5)
gpus = AllGPUDevices()
fixed, details = gpus.get_gpu_static_info(), gpus.get_gpu_details()
expect(len(fixed) == len(details) == 2, f"{len(fixed)} and {len(details)} GPUs, expected 2")
for info, now in zip(fixed, details, strict=True):
    expect(now["total_energy_consumption"] > 0, f"{info['name']}: no energy counter")
    expect(now["power_usage"] > 50, f"{info['name']}: {now['power_usage']} W")
    pids = [process["pid"] for process in now["compute_processes"]]
    mine = os.getpid() in pids
    expect(mine == (info["gpu_index"] == 1), f"{info['name']}: processes {pids}")
    saw(
        f"{info['name']}: {now['power_usage']:.0f} W of {info['power_limit']:.0f} W, "
        f"{now['gpu_utilization']} %, {now['temperature']} C, {len(pids)} processes"
    )
emulator.end_load(1)
