"""The results of `bench.sh` as a Markdown table: medians, and their ratios to joulebench.

    python bench_table.py RESULTS.jsonl
"""

import json
import sys
from pathlib import Path
from statistics import median


def main() -> int:
    """Prints the table; 1 where the tools did not do the same job."""
    if len(sys.argv) != 2:
        print("usage: bench_table.py RESULTS.jsonl", file=sys.stderr)
        return 2
    results = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    jobs = {(result["samples"], result["rows"], result["energy_j"]) for result in results}
    if len(jobs) != 1:
        print(f"error: the tools disagree on samples, rows, energy: {sorted(jobs)}", file=sys.stderr)
        return 1
    by_tool: dict[str, list[dict]] = {}
    for result in results:
        by_tool.setdefault(result["tool"], []).append(result)

    def middle(tool: str, key: str) -> float:
        return median(result[key] for result in by_tool[tool])

    print("| tool | seconds | ratio | processor seconds | ratio | peak memory (MiB) | ratio |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for tool in by_tool:
        cells = []
        for key, digits in (("seconds", 2), ("cpu_seconds", 2), ("peak_rss_mib", 0)):
            value = middle(tool, key)
            cells += [f"{value:.{digits}f}", f"{value / middle('joulebench', key):.2f}"]
        print(f"| {tool} | {' | '.join(cells)} |")
    (samples, rows, energy_j), = jobs
    print(f"\n{samples} samples, {rows} rows, {energy_j} J; medians of {len(results) // len(by_tool)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
