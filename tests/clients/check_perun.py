"""perun: its commands, which find the sensors, measure a script, and write a report."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from emulator import Emulator
from lines import expect, saw

SECONDS = 3


def perun(*words: str, folder: str) -> str:
    """Runs the command line of perun."""
    command = [str(Path(sys.executable).with_name("perun")), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90)
    expect(
        done.returncode == 0, f"perun {words[0]} ends with {done.returncode}: {done.stderr[-800:]}"
    )
    return done.stdout


def walk(node: dict):
    """Every node of the report."""
    yield node
    # A list of one table of nodes by name, empty in a sensor.
    for children in node["nodes"]:
        for child in children.values():
            yield from walk(child)


# perun leaves a sensor out that shows 0, and without a process no memory is used.
emulator = Emulator()
for gpu in (0, 1):
    emulator.begin_load(gpu, "gemm-bf16")
with tempfile.TemporaryDirectory() as folder:
    sensors = perun("sensors", "--all", folder=folder)
    wanted = [f"CUDA:{gpu}_{kind}" for gpu in (0, 1) for kind in ("POWER", "MEM", "CLOCK_SM")]
    missing = [sensor for sensor in wanted if sensor not in sensors]
    expect(not missing, f"perun sensors does not show {', '.join(missing)}")
    saw(f"perun sensors shows {sensors.count('CUDA:')} sensors of the GPUs")

    script = Path(folder) / "sleeps.py"
    script.write_text(f"import time\ntime.sleep({SECONDS})\n")
    words = ["--data-out", folder, "--format", "json", "--include-backends", "nvml"]
    perun("monitor", *words, "--exclude-sensors", "", str(script), folder=folder)
    (report,) = Path(folder).glob("*.json")
    powers = {
        node["id"]: node["metrics"]
        for node in walk(json.loads(report.read_text()))
        if node["id"].endswith("_POWER")
    }
    expect(len(powers) == 2, f"perun monitor reports the power of {sorted(powers)}")
    for sensor, metrics in sorted(powers.items()):
        power_w = float(metrics["power"]["value"])
        expect(power_w > 50, f"{sensor}: {power_w} W")
        saw(f"perun monitor: {sensor} {power_w:.0f} W, {float(metrics['energy']['value']):.0f} J")
