"""nvidia-ml-py: the difference of the energy counter, read once before and once after."""

import pynvml

from window import Stopwatch, arguments, report, sleep_until

given = arguments()
pynvml.nvmlInit()
handles = {gpu: pynvml.nvmlDeviceGetHandleByIndex(gpu) for gpu in given.gpus}


def read() -> dict[int, int]:
    """Every counter in mJ."""
    return {
        gpu: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) for gpu, handle in handles.items()
    }


opens, closes = given.load.next_window()
watch = Stopwatch()
sleep_until(opens)
before = watch.start(read)
sleep_until(closes)
after = watch.stop(read)
for gpu in given.gpus:
    report("nvidia-ml-py", gpu, "energy counter", watch, (after[gpu] - before[gpu]) / 1e3)
pynvml.nvmlShutdown()
