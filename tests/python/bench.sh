#!/bin/sh
# Ten million readings to rows, three times each, in joulebench, Polars and pandas; then the
# criterion benchmarks. Prints the table of docs/performance.md.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
folder="$root/target/bench/ten-million"
cd "$root"

cargo build --locked --workspace --example tidy_ten_million
program="$root/target/debug/examples/tidy_ten_million"
venv=$("$here/venv.sh")

if [ ! -f "$folder/complete" ]; then
    rm -rf "$folder"
    "$program" generate "$folder"
    touch "$folder/complete"
fi
results="$folder/results.jsonl"
: >"$results"
for repeat in 1 2 3; do
    echo "round $repeat of 3" >&2
    "$program" tidy "$folder" >>"$results"
    "$venv/bin/python" "$here/tidy_ten_million.py" polars "$folder" >>"$results"
    "$venv/bin/python" "$here/tidy_ten_million.py" pandas "$folder" >>"$results"
done
"$venv/bin/python" "$here/bench_table.py" "$results"

cargo bench --locked --workspace --profile dev --bench reading --bench tidying --bench estimating \
    --bench simulate --bench call
"$venv/bin/python" "$here/emulated_sweep.py" "$root/target/debug/joulebench" "$root/artifacts/plans"
