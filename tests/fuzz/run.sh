#!/usr/bin/env bash
# Runs every fuzz target for some seconds with bounded memory.
#
# usage: tests/fuzz/run.sh [SECONDS [TARGET…]]
#
# Needs a nightly compiler, which is installed with rustup where it is missing; where that fails, as it
# does without a network, it says so and ends well: CI runs the same functions on the stable compiler
# in the test `hostile_input`. An input that breaks a target stays in tests/fuzz/artifacts/TARGET.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-30}
shift || true
all=(plan trace marks ledger)
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")
for target in "${targets[@]}"; do
  if [ ! -f "fuzz_targets/$target.rs" ]; then
    echo "error: no fuzz target '$target'; expected one of: ${all[*]}" >&2
    exit 2
  fi
done
memory_mib=1024
# A footer of Parquet may claim a list of 2^31 elements without content, which its reader counts
# through: seconds on this machine, and no memory.
longest_s=60

if ! cargo +nightly --version >/dev/null 2>&1; then
  if ! rustup toolchain install nightly --profile minimal >/dev/null 2>&1; then
    echo "skipped: no nightly compiler, and it cannot be installed; try: rustup toolchain install nightly"
    exit 0
  fi
fi

# The flags of cargo-fuzz: coverage for libFuzzer, and the address sanitizer.
export RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
# With a target named, the flags are not those of build scripts and macros, which run on this machine.
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
if ! cargo +nightly build --release --locked --target "$host" --bins; then
  echo "error: the fuzz targets do not build" >&2
  exit 1
fi
for target in "${targets[@]}"; do
  echo "== $target, $seconds s"
  mkdir -p "corpus/$target" "artifacts/$target"
  "$CARGO_TARGET_DIR/$host/release/$target" "corpus/$target" "seeds/$target" \
    -max_total_time="$seconds" -rss_limit_mb="$memory_mib" -malloc_limit_mb="$memory_mib" \
    -timeout=$longest_s -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="artifacts/$target/" 2>&1 | grep -vE '^#[0-9]+\s+(NEW|REDUCE|pulse|RELOAD)|NEW_FUNC' || {
      # What counts is how the target ended; grep fails too where it has nothing to show.
      status=${PIPESTATUS[0]}
      [ "$status" -eq 0 ] || exit "$status"
    }
done
