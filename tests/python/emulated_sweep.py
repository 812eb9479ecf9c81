"""Times the sweeps on emulated boards: V100, A100 and H100 over every study clock, prefill and
decode, at 1, 5 and 10 blocks. Prints the table of docs/performance.md.

usage: emulated_sweep.py JOULEBENCH PLANS
"""

import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

BOARDS = ["v100", "a100", "h100"]
BLOCKS = [1, 5, 10]


def run(command):
    """Wall seconds, processor seconds and peak memory in MiB of a command."""
    start = time.monotonic()
    child = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    wall_s = time.monotonic() - start
    if status != 0:
        sys.exit(f"error: {' '.join(command)}: wait status {status}")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    joulebench, plans = sys.argv[1:]
    rows = []
    for blocks in BLOCKS:
        folder = Path(tempfile.mkdtemp(prefix="emulated-sweep-"))
        wall_s = cpu_s = peak_mib = runs = 0
        for board in BOARDS:
            text = Path(plans, f"dvfs-{board}.toml").read_text()
            text, found = re.subn(r"^blocks = \d+$", f"blocks = {blocks}", text, flags=re.M)
            if found != 1:
                sys.exit(f"error: dvfs-{board}.toml: expected one line 'blocks = N'")
            plan = folder / f"{board}.toml"
            plan.write_text(text)
            wall, cpu, peak = run([joulebench, "run", str(plan), "--store", str(folder)])
            wall_s, cpu_s, peak_mib = wall_s + wall, cpu_s + cpu, max(peak_mib, peak)
            runs += len(list((folder / f"dvfs-{board}").glob("*.parquet")))
        shutil.rmtree(folder)
        rows.append((blocks, runs, wall_s, cpu_s, peak_mib))
    per_run = rows[-1][2] / rows[-1][1]
    print("| blocks | runs | seconds | processor seconds | ms a run | ratio | peak memory (MiB) |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for blocks, runs, wall_s, cpu_s, peak_mib in rows:
        mine = wall_s / runs
        print(
            f"| {blocks} | {runs:,} | {wall_s:.1f} | {cpu_s:.1f} | {mine * 1e3:.2f}"
            f" | {mine / per_run:.2f} | {peak_mib:.0f} |"
        )


main()
