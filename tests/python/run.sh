#!/bin/sh
# Reads a dataset with the tools of its users: tests/python/run.sh DATASET
# The environment is made once per content of requirements.txt, under target/python-venv.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dataset=${1:?"usage: tests/python/run.sh DATASET (the folder that 'joulebench dataset build' wrote)"}

venv=$("$here/venv.sh")
# mlcroissant caches downloads under the home folder by default; a check must leave nothing there.
CROISSANT_CACHE="$root/target/python-venv/croissant-cache" \
    exec "$venv/bin/python" "$here/check_dataset.py" "$dataset"
