"""nvitop: the snapshot of every device and its processes."""

import os
import subprocess
import sys
import time

from nvitop import NA, Device

from emulator import Emulator
from lines import expect, saw

emulator = Emulator()
devices = Device.all()
for device in devices:
    emulator.begin_load(device.index, "gemm-bf16")
time.sleep(2.5)
for device in devices:
    snapshot = device.as_snapshot()
    missing = [
        key
        for key in (
            "name uuid bus_id serial memory_total memory_used gpu_utilization memory_utilization "
            "sm_clock memory_clock max_sm_clock temperature power_usage power_limit "
            "performance_state compute_mode mig_mode persistence_mode cuda_compute_capability"
        ).split()
        if getattr(snapshot, key) is NA
    ]
    expect(not missing, f"{snapshot.name}: nvitop shows N/A for {', '.join(missing)}")
    now = time.monotonic_ns()
    true_w = emulator.power_w(device.index, now - 1_000_000_000, now)
    shown_w = device.power_usage() / 1e3
    error = shown_w / true_w - 1
    # Gain, offset and window of the sensor; on a steady load not more than four deviations.
    expect(abs(error) < 0.18, f"{snapshot.name}: {shown_w:.0f} W, truly {true_w:.0f} W")
    expect(snapshot.gpu_utilization > 90, f"{snapshot.name}: {snapshot.gpu_utilization} % busy")
    processes = device.processes()
    expect(os.getpid() in processes, f"{snapshot.name}: not among the processes {list(processes)}")
    memory = processes[os.getpid()].gpu_memory()
    saw(
        f"{snapshot.name}: {shown_w:.0f} W of {snapshot.power_limit / 1e3:.0f} W "
        f"({error:+.1%} of the truth), {snapshot.gpu_utilization} %, {snapshot.sm_clock} MHz, "
        f"{snapshot.temperature} C, "
        f"this process with {memory >> 20} MiB"
    )
    emulator.end_load(device.index)
    expect(os.getpid() not in device.processes(), f"{snapshot.name}: the process stays")

once = subprocess.run(
    [sys.executable, "-m", "nvitop", "--once"], capture_output=True, text=True, timeout=60
)
expect(once.returncode == 0, f"nvitop --once ends with {once.returncode}: {once.stderr[-500:]}")
expect("H100" in once.stdout and "A100" in once.stdout, "nvitop --once does not show the boards")
saw(f"nvitop --once prints {len(once.stdout.splitlines())} lines")
