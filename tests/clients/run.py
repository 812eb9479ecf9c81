"""Runs every client on every load, compares what it reports with the truth, and writes the table.

    python run.py --joulebench PROGRAM [--out FOLDER] [--only PACKAGE]... [--jobs N] [--record]

Each client meets an emulated machine with two boards through `joulebench emulate`; the truth comes
from `joulebench emulate truth` for the interval that the client says it measured.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

import bounds
import recording
from clients import BOARDS, CHECKING, LOADS, MEASURING, Client
from machine import Machine
from readings import Reading, table

TIMEOUT_S = 120.0


class Failure(Exception):
    """A sentence that says which client failed and how."""


class Cores:
    """Lets clients begin in their order, each when as many cores are free as it keeps busy."""

    def __init__(self, count: int):
        self.count = self.free = count
        self.turn = threading.Lock()
        self.changed = threading.Condition()

    def take(self, wanted: int) -> int:
        """Waits for cores; gives the number that was taken."""
        wanted = min(wanted, self.count)
        with self.turn, self.changed:
            self.changed.wait_for(lambda: self.free >= wanted)
            self.free -= wanted
        return wanted

    def give(self, taken: int) -> None:
        """Gives cores back."""
        with self.changed:
            self.free += taken
            self.changed.notify_all()


def outcome(machine: Machine, client: Client, load: str) -> list[dict]:
    """The lines that a script printed."""
    gpus = [] if client.all_gpus else [str(gpu) for gpu in range(len(BOARDS))]
    what = f"{client.package} ({client.script}) on {load}"
    try:
        done = machine.run(load, "inside.py", [client.script, load, *gpus], TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{what}: not done after {TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        raise Failure(f"{what}: exit code {done.returncode}\n{done.stderr[-4000:]}")
    try:
        return [json.loads(line) for line in done.stdout.splitlines()]
    except ValueError as error:
        raise Failure(f"{what}: printed {done.stdout!r}, expected lines of JSON") from error


def measure(joulebench: Path, client: Client, load: str) -> list[Reading]:
    """What a client reports on a load, one reading per GPU."""
    with tempfile.TemporaryDirectory(prefix="joulebench-clients-") as folder:
        machine = Machine(joulebench, Path(folder))
        lines = outcome(machine, client, load)
        what = f"{client.package} ({client.script}) on {load}"
        gpus = sorted(line["gpu"] for line in lines)
        if gpus != list(range(len(BOARDS))):
            raise Failure(f"{what}: readings of the GPUs {gpus}, expected one of each")
        for line in lines:
            if line["client"] != client.package or line["version"] != version(client.package):
                raise Failure(f"{what}: calls itself {line['client']} {line['version']}")
            if line["energy_j"] is None and not line["reason"]:
                raise Failure(f"{what}: no energy and no reason")
        return [
            Reading(
                client,
                load,
                line,
                machine.true_energy_j(line["gpu"], line["from_ns"], line["to_ns"]),
            )
            for line in sorted(lines, key=lambda line: line["gpu"])
        ]


def check(joulebench: Path, client: Client) -> list[str]:
    """What a checking script saw, in sentences."""
    with tempfile.TemporaryDirectory(prefix="joulebench-clients-") as folder:
        lines = outcome(Machine(joulebench, Path(folder)), client, "steady")
    if not lines:
        raise Failure(f"{client.package} ({client.script}): says nothing")
    return [line["saw"] for line in lines]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--joulebench", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="folder for tool-readings.csv")
    parser.add_argument("--only", action="append", help="a package; default all")
    parser.add_argument("--jobs", type=int, default=2, help="cores to keep busy")
    parser.add_argument(
        "--record",
        action="store_true",
        help=f"where all is well, put the table into {recording.SHOWN}",
    )
    given = parser.parse_args()
    known = {client.package for client in (*MEASURING, *CHECKING)}
    if unknown := set(given.only or ()) - known:
        parser.error(
            f"--only {', '.join(sorted(unknown))}: expected one of {', '.join(sorted(known))}"
        )
    if given.record and given.only:
        parser.error("--record with --only: expected a run of all clients")
    if given.jobs < 1:
        parser.error(f"--jobs {given.jobs}: expected at least 1")
    given.joulebench = given.joulebench.resolve()
    return given


def main() -> int:
    """0 where every client ran and kept its bounds."""
    given = arguments()
    wanted = lambda client: not given.only or client.package in given.only  # noqa: E731
    jobs = [(client, "") for client in CHECKING if wanted(client)]
    jobs += [(client, load) for client in MEASURING if wanted(client) for load in LOADS]
    cores = Cores(given.jobs)
    began = time.monotonic()
    # The greedy ones first: each of them leaves cores idle while it waits for enough.
    order = sorted(jobs, key=lambda job: -job[0].cores)

    def run(client: Client, load: str):
        taken = cores.take(client.cores)
        started = time.monotonic()
        try:
            done = (
                measure(given.joulebench, client, load) if load else check(given.joulebench, client)
            )
            return done, time.monotonic() - started
        finally:
            cores.give(taken)

    readings: list[Reading] = []
    wrong: list[str] = []
    print(f"{len(jobs)} runs of clients on {' and '.join(BOARDS)}, emulated", flush=True)
    with ThreadPoolExecutor(max_workers=given.jobs) as pool:
        futures = {pool.submit(run, *job): job for job in order}
        for count, future in enumerate(as_completed(futures), 1):
            client, load = futures[future]
            name = f"{client.package}, {load or client.script}"
            spent = time.monotonic() - began
            left = spent / count * (len(jobs) - count)
            try:
                done, took = future.result()
            except Failure as failure:
                wrong.append(str(failure))
                result = "FAILED"
            else:
                if load:
                    readings += done
                    errors = [
                        "no energy" if r.error_pct is None else f"{r.error_pct:+.1f} %"
                        for r in done
                    ]
                    result = f"{', '.join(errors)} ({took:.0f} s)"
                else:
                    result = f"{len(done)} checks ({took:.0f} s)"
                    for sentence in done:
                        print(f"    {sentence}")
            print(f"[{count}/{len(jobs)}] {name}: {result}; about {left:.0f} s left", flush=True)

    place = {client.script: number for number, client in enumerate(MEASURING)}
    readings.sort(key=lambda r: (place[r.source.script], r.line["gpu"], LOADS.index(r.load)))
    wrong += bounds.failures(readings)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "tool-readings.csv").write_text(table(readings))
        print(f"wrote {given.out / 'tool-readings.csv'}: {len(readings)} readings")
    if given.record and not wrong:
        recording.keep(table(readings))
        print(f"wrote {recording.SHOWN}")
    for sentence in wrong:
        print(f"error: {sentence}", file=sys.stderr)
    packages = {client.package for client, _ in jobs}
    spent = time.monotonic() - began
    print(f"{len(jobs)} runs of {len(packages)} clients in {spent:.0f} s")
    checks = len(jobs) + len(readings)
    print(f"{checks - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
