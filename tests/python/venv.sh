#!/bin/sh
# Makes a Python environment where it is missing, and prints its folder:
#     tests/python/venv.sh [REQUIREMENTS]
# One environment per content of the requirements, under target/python-venv. Without an argument
# they are those of the checks beside this file.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
requirements=${1:-"$here/requirements.txt"}
python=${PYTHON:-python3}

if [ ! -f "$requirements" ]; then
    echo "error: '$requirements' is no file; name the requirements: tests/python/venv.sh FILE" >&2
    exit 1
fi
if ! command -v "$python" >/dev/null; then
    echo "error: no '$python'; install Python 3.11 or newer, or name it: PYTHON=/path/to/python" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "error: '$python' is $("$python" -V 2>&1), expected Python 3.11 or newer; set PYTHON" >&2
    exit 1
fi
key=$(cat "$requirements" | "$python" -c 'import hashlib, sys
print(hashlib.sha256(sys.stdin.buffer.read() + sys.version.encode()).hexdigest()[:16])')
venv="$root/target/python-venv/$key"

if [ ! -f "$venv/complete" ]; then
    rm -rf "$venv"
    mkdir -p "$root/target/python-venv"
    "$python" -m venv "$venv" >&2 || {
        echo "error: no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 1
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
    touch "$venv/complete"
fi
echo "$venv"
