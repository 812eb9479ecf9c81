"""The clients that are tested, and what may be expected of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """A script that measures with a client."""

    package: str
    script: str
    # Whether one process measures all GPUs; otherwise there is one process per GPU.
    all_gpus: bool = True
    # Whether the energy comes from the counter, which bounds its error.
    counter: bool = False
    # Cores that it keeps busy.
    cores: int = 1


MEASURING = (
    Client("nvidia-ml-py", "measure_nvidia_ml_py.py", counter=True),
    Client("zeus", "measure_zeus.py", counter=True),
    Client("zeus", "measure_zeus_power.py", all_gpus=False),
    Client("codecarbon", "measure_codecarbon.py", all_gpus=False, counter=True),
    Client("kernel-tuner", "measure_kernel_tuner.py", all_gpus=False, cores=2),
    Client("carbontracker", "measure_carbontracker.py", all_gpus=False),
    Client("perun", "measure_perun.py"),
    Client("pyJoules", "measure_pyjoules.py", counter=True),
    Client("nvitop", "measure_nvitop.py"),
)

# Scripts that read what a client shows and set what it can set; they print what they saw.
CHECKING = (
    Client("nvidia-ml-py", "check_nvidia_ml_py.py"),
    Client("zeus", "check_zeus.py"),
    Client("kernel-tuner", "check_kernel_tuner.py"),
    Client("nvitop", "check_nvitop.py"),
    Client("perun", "check_perun.py"),
    Client("codecarbon", "check_codecarbon.py"),
    Client("carbontracker", "check_carbontracker.py"),
)

LOADS = ("steady", "burst", "pulses", "prefill-decode")

# Boards by the index of their GPU in the emulated machine, as `--gpu` names them.
BOARDS = ("a100-80", "h100-sxm")
