"""carbontracker: finds the GPUs of given processes."""

import os
import time

from carbontracker.components.gpu.nvidia import NvidiaGPU

from emulator import Emulator
from lines import expect, saw

emulator = Emulator()
emulator.begin_load(1, "gemm-bf16")
time.sleep(1.5)
everything = NvidiaGPU(pids=[], devices_by_pid=False)
mine = NvidiaGPU(pids=[os.getpid()], devices_by_pid=True)
expect(everything.available() and mine.available(), "carbontracker sees no GPU")
everything.init()
mine.init()
expect(len(everything.devices()) == 2, f"carbontracker sees {everything.devices()}")
expect(mine.devices() == everything.devices()[1:], f"GPUs of this process: {mine.devices()}")
(power_w,) = mine.power_usage()
expect(power_w > 50, f"{mine.devices()[0]}: {power_w} W")
found = " and ".join(everything.devices())
saw(f"of {found} this process has {mine.devices()[0]}, {power_w:.0f} W")
emulator.end_load(1)
