#!/bin/sh
# Runs the clients of NVML that people use on emulated GPUs, and compares what they report with the
# truth:
#     tests/clients/run.sh [--out FOLDER] [--only PACKAGE]... [--record]
# The table lands in out/clients, and with --record also in artifacts/emulated/tool-readings. The
# environment is made once per content of requirements.txt, under target/python-venv.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
joulebench=${JOULEBENCH:-"$root/target/debug/joulebench"}

if [ ! -x "$joulebench" ]; then
    echo "error: no program '$joulebench'; run 'make build', or set JOULEBENCH" >&2
    exit 1
fi
venv=$("$root/tests/python/venv.sh" "$here/requirements.txt")
"$venv/bin/python" -B "$here/run.py" --joulebench "$joulebench" --out "$root/out/clients" "$@"
exec "$venv/bin/python" -B "$here/self_test.py"
