"""The job of `analysis/examples/tidy_ten_million.rs` in Polars and in pandas: traces to rows.

    python tidy_ten_million.py (polars|pandas) FOLDER

For each run: energy by counter over the window, the trapezoid of the instant power over it, and
the mean clock. Prints seconds, processor seconds, peak memory, samples, rows and energy as JSON.
The seals of the traces are not checked here; the Rust program checks them.
"""

import json
import sys
import time
from pathlib import Path

COLUMNS = ["at_ns", "energy_mj", "power_instant_mw", "sm_clock_mhz"]


def window_ns(metadata: bytes) -> tuple[int, int]:
    """First and last moment of the window, from the header of a trace."""
    spans = json.loads(metadata)["spans"]
    window = next(span for span in spans if span["stage"] == "window")
    return window["begin_ns"], window["end_ns"]


def with_polars(paths: list[Path]) -> tuple[int, list[dict]]:
    import polars as pl

    samples, rows = 0, []
    for path in paths:
        begin, end = window_ns(pl.read_parquet_metadata(path)["joulebench.header"])
        frame = pl.read_parquet(path, columns=COLUMNS)
        samples += frame.height
        inside = frame.filter(pl.col("at_ns").is_between(begin, end))
        step_s = pl.col("at_ns").diff() / 1e9
        power_w = (pl.col("power_instant_mw") + pl.col("power_instant_mw").shift(1)) / 2e3
        row = inside.select(
            energy_j=(pl.col("energy_mj").last() - pl.col("energy_mj").first()) / 1e3,
            integrated_j=(step_s * power_w).sum(),
            sm_clock_mean_mhz=pl.col("sm_clock_mhz").mean(),
        )
        rows.append({"run_id": path.stem, **row.row(0, named=True)})
    return samples, rows


def with_pandas(paths: list[Path]) -> tuple[int, list[dict]]:
    import numpy as np
    import pandas as pd
    from pyarrow import parquet

    samples, rows = 0, []
    for path in paths:
        begin, end = window_ns(parquet.read_metadata(path).metadata[b"joulebench.header"])
        frame = pd.read_parquet(path, columns=COLUMNS)
        samples += len(frame)
        inside = frame[frame["at_ns"].between(begin, end)]
        row = {
            "run_id": path.stem,
            "energy_j": (inside["energy_mj"].iloc[-1] - inside["energy_mj"].iloc[0]) / 1e3,
            "integrated_j": np.trapezoid(
                inside["power_instant_mw"] / 1e3, inside["at_ns"] / 1e9
            ),
            "sm_clock_mean_mhz": inside["sm_clock_mhz"].mean(),
        }
        rows.append(row)
    return samples, rows


def peak_rss_mib() -> float:
    """Highest resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main() -> int:
    """Runs one tool over the traces of a folder."""
    tools = {"polars": with_polars, "pandas": with_pandas}
    if len(sys.argv) != 3 or sys.argv[1] not in tools:
        print("usage: tidy_ten_million.py (polars|pandas) FOLDER", file=sys.stderr)
        return 2
    # Importing the library is part of what its user waits for, as starting a program is.
    start = time.perf_counter()
    paths = sorted(Path(sys.argv[2]).glob("*.parquet"))
    if not paths:
        print(f"error: no *.parquet in {sys.argv[2]}", file=sys.stderr)
        return 1
    samples, rows = tools[sys.argv[1]](paths)
    result = {
        "tool": sys.argv[1],
        "seconds": round(time.perf_counter() - start, 3),
        "cpu_seconds": round(time.process_time(), 2),
        "peak_rss_mib": round(peak_rss_mib(), 1),
        "samples": samples,
        "rows": len(rows),
        "energy_j": round(sum(row["energy_j"] for row in rows), 3),
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
