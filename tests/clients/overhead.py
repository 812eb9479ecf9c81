"""Processor time of power monitors on an emulated GPU, beside that of joulebench:

    tests/clients/run.sh makes the environment; then
    PYTHON tests/clients/overhead.py --joulebench PROGRAM [--seconds 30]

Every monitor runs in a process of its own on the same emulated H200 under the same load, at its
default rate and at rates that can be compared. Counted is the processor time of that process and of
those that it starts, from the start of monitoring to its end; imports are not. Prints the table of
docs/performance.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOAD = '[[phase]]\nfor_s = 1000.0\nwork = "gemm-bf16"\n'
SETTLE_S = 2.0
# Monitor, period in seconds (none: what it does by itself), and what that amounts to.
CASES = [
    ("zeus", None, "PowerMonitor, default: without a pause"),
    ("zeus", 0.1, "PowerMonitor at 10 Hz"),
    ("zeus", 0.01, "PowerMonitor at 100 Hz"),
    ("codecarbon", None, "OfflineEmissionsTracker, default: every 15 s"),
    ("codecarbon", 1.0, "OfflineEmissionsTracker at 1 Hz"),
    ("codecarbon", 0.1, "OfflineEmissionsTracker at 10 Hz"),
]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_of_tree_s() -> float:
    """Processor seconds of this process and its live descendants so far."""
    parents, seconds = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        seconds[pid] = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    total = 0.0
    for pid in seconds:
        above = pid
        while above not in (0, os.getpid()):
            above = parents.get(above, 0)
        if above == os.getpid():
            total += seconds[pid]
    return total


def start_zeus(period_s: float | None):
    """Zeus in processes of its own; the readings of one domain, as in measure_zeus_power.py."""
    os.environ["CUDA_VISIBLE_DEVICES"] = "0"
    from zeus.monitor.power import PowerMonitor

    monitor = PowerMonitor(
        gpu_indices=[0], update_period=period_s, power_domains=["device_instant"]
    )

    def readings(begin: float, end: float) -> int:
        return len(monitor.get_power_timeline("device_instant", 0, begin, end)[0])

    return readings, monitor.stop


def start_codecarbon(period_s: float | None):
    """CodeCarbon's thread."""
    from codecarbon import OfflineEmissionsTracker

    given = {} if period_s is None else {"measure_power_secs": period_s}
    tracker = OfflineEmissionsTracker(
        country_iso_code="DEU",
        gpu_ids=[0],
        save_to_file=False,
        log_level="error",
        **given,
    )
    count = 0
    measure = tracker._measure_power_and_energy

    def counted():
        nonlocal count
        count += 1
        measure()

    tracker._measure_power_and_energy = counted
    tracker._scheduler.function = counted
    tracker.start()
    before = count
    return (lambda _begin, _end: count - before), tracker.stop


def inside(name: str, period_s: float | None, seconds: float) -> None:
    """Monitors for a while and prints what that took, as JSON."""
    start = {"zeus": start_zeus, "codecarbon": start_codecarbon}[name]
    readings, stop = start(period_s)
    time.sleep(SETTLE_S)
    begin, cpu = time.time(), cpu_of_tree_s()
    clock = time.monotonic()
    time.sleep(seconds)
    passed, cpu = time.monotonic() - clock, cpu_of_tree_s() - cpu
    # Readings come through a queue.
    time.sleep(0.3)
    count = readings(begin, begin + passed)
    print(json.dumps({"readings": count, "cpu_s": cpu, "passed_s": passed}), flush=True)
    stop()


def emulated(joulebench: str, folder: Path, command: list[str]) -> dict:
    """What a command says as JSON on an emulated H200 at work."""
    load = folder / "load.toml"
    load.write_text(LOAD)
    words = [joulebench, "emulate", "--gpu", "h200", "--load", str(load), "--", *command]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        sys.exit(f"error: {' '.join(command)}: exit code {said.returncode}\n{said.stderr}")
    text = said.stdout
    return json.loads(text[text.index("{") :])


def row(what: str, sensors: str, kept_hz: float, core_pct: float) -> str:
    """A line of the table."""
    return f"| {what} | {sensors} | {kept_hz:,.1f} | {core_pct * 0.6:.3f} | {core_pct:.2f} |"


def main() -> None:
    """Runs every case and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--joulebench", default="target/debug/joulebench")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--inside", nargs=2, metavar=("MONITOR", "PERIOD"))
    given = parser.parse_args()
    if given.inside:
        name, period = given.inside
        inside(name, None if period == "default" else float(period), given.seconds)
        return
    joulebench = str(Path(given.joulebench).resolve())
    print("| monitor | reads | kept per s | CPU s a minute | of a core (%) |")
    print("|---|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        command = [joulebench, "overhead", "--device", "nvml", "--json", "--hours", "0"]
        command += ["--pairs", "0", "--seconds", str(given.seconds)]
        for cost in emulated(joulebench, Path(folder), command)["sampling"]:
            rate = cost["samples"] / given.seconds
            what = f"joulebench at {cost['rate_hz']:,} Hz"
            print(row(what, "every sensor", rate, cost["core_pct"]), flush=True)
        for name, period, what in CASES:
            words = ["--inside", name, "default" if period is None else str(period)]
            # The default of CodeCarbon is slow: wait for a few readings of it.
            seconds = max(given.seconds, 4 * (period or 15.0)) if name == "codecarbon" else given.seconds
            command = [sys.executable, __file__, "--seconds", str(seconds), *words]
            cost = emulated(joulebench, Path(folder), command)
            sensors = "instant power" if name == "zeus" else "energy counter, CPU, RAM"
            rate = cost["readings"] / cost["passed_s"]
            core_pct = cost["cpu_s"] / cost["passed_s"] * 100
            print(row(f"{name}: {what}", sensors, rate, core_pct), flush=True)


if __name__ == "__main__":
    main()
