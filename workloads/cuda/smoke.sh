#!/usr/bin/env bash
# Proves a CUDA worker on a GPU: the same tokens as on the CPU, the same tokens twice, 7B runs.
set -euo pipefail

usage() {
    cat <<'USAGE'
usage: workloads/cuda/smoke.sh BINARY

Checks, on a machine with a GPU, python3 and the CUDA libraries (see run.sh):
  1. llama-tiny in f32 gives the same tokens on CPU and GPU;
  2. llama-7b in bf16, batch 1, prompt 512 runs, with its times and tokens per second,
     and gives the same tokens in a second process;
  3. the worker protocol runs to its end on the GPU.
Prints one line of JSON for each and exits with 1 at the first mismatch.
USAGE
}

case "${1:-}" in
    "") usage >&2; exit 2 ;;
    -h | --help) usage; exit 0 ;;
esac
binary="$(realpath "$1")"
cd "$(dirname "$0")"

demo() {
    local device="$1"
    shift
    JOULEBENCH_DEVICE="$device" bash run.sh "$binary" demo "$@"
}
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
without_tokens() { python3 -c 'import json, sys; d = json.load(sys.stdin); d.pop("tokens"); print(json.dumps(d))'; }
expect_same() {
    if [[ "$2" != "$3" ]]; then
        echo "smoke.sh: $1 differ: $2 and $3" >&2
        exit 1
    fi
}

tiny=(--model llama-tiny --precision f32 --batch 2 --prompt-tokens 300 --decode-tokens 64)
on_cpu="$(demo cpu "${tiny[@]}")"
on_gpu="$(demo cuda "${tiny[@]}")"
without_tokens <<<"$on_cpu"
without_tokens <<<"$on_gpu"
expect_same "devices" cuda:0 "$(field device <<<"$on_gpu")"
expect_same "tokens of llama-tiny on CPU and GPU" "$(field tokens <<<"$on_cpu")" "$(field tokens <<<"$on_gpu")"

large=(--model llama-7b --precision bf16 --batch 1 --prompt-tokens 512 --decode-tokens 128)
first="$(demo cuda "${large[@]}")"
without_tokens <<<"$first"
second="$(demo cuda "${large[@]}")"
without_tokens <<<"$second"
expect_same "outputs of llama-7b in two processes" "$(field digest <<<"$first")" "$(field digest <<<"$second")"

request='{"protocol":1,"run_id":"smoke","point":{"model":"llama-tiny","precision":"bf16","batch":1,"prompt_tokens":16,"decode_tokens":8},"weights_seed":1,"input_seed":2,"warmup_s":0.1}'
marks="$( (echo '{"command":"go"}'; sleep 5; echo '{"command":"stop"}') |
    JOULEBENCH_RUN="$request" JOULEBENCH_DEVICE=cuda bash run.sh "$binary")"
tail -n 1 <<<"$marks"
expect_same "last marks" done "$(tail -n 1 <<<"$marks" | field mark)"
echo "smoke.sh: all checks passed"
