"""The committed recording of one run, which the table of the paper is made from."""

import hashlib
from pathlib import Path

SHOWN = "artifacts/emulated/tool-readings"
FOLDER = Path(__file__).resolve().parents[2] / SHOWN
TABLE = FOLDER / "tool-readings.csv"
SUMS = FOLDER / "SHA256SUMS"
# What the sums are about, in their order.
SUMMED = ("README.md", "tool-readings.csv")


def sums() -> str:
    """The sums of the files as they are."""
    lines = [
        f"{hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()}  {name}\n" for name in SUMMED
    ]
    return "".join(lines)


def keep(table: str) -> None:
    """Puts a new table in the place of the old one."""
    TABLE.write_text(table)
    SUMS.write_text(sums())
