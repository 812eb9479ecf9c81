"""One line of JSON per result on standard output; whatever clients print goes to standard error."""

import json
import os

_results = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def write(line: dict) -> None:
    """Prints a result."""
    print(json.dumps(line), file=_results, flush=True)


def saw(sentence: str) -> None:
    """Prints what a check found to be so."""
    write({"saw": sentence})


def expect(condition: bool, sentence: str) -> None:
    """Ends the script with a sentence where something is not so."""
    if not condition:
        raise SystemExit(f"error: {sentence}")
