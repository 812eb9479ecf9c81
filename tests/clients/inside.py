"""Runs inside the emulated machine: a script once, or once per GPU.

    python inside.py SCRIPT LOAD [GPU]...

With GPUs there is one process for each; without, one for all of them.
"""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """0 where every process ended well."""
    script, load, *gpus = sys.argv[1:]
    each = [["--gpu", gpu] for gpu in gpus] or [[]]
    command = [sys.executable, str(Path(__file__).parent / script), load]
    processes = [subprocess.Popen([*command, *words]) for words in each]
    return max(process.wait() for process in processes)


if __name__ == "__main__":
    sys.exit(main())
