"""What the clients reported beside what was true, as a table."""

import csv
import io
from dataclasses import dataclass

from clients import BOARDS, Client

COLUMNS = (
    "client",
    "version",
    "board",
    "load",
    "method",
    "window_s",
    "reported_j",
    "true_j",
    "error_pct",
    "reason",
    "provenance",
)


@dataclass(frozen=True)
class Reading:
    """One number of a client for one GPU."""

    source: Client
    load: str
    line: dict
    true_j: float

    @property
    def board(self) -> str:
        """The board as `--gpu` names it."""
        return BOARDS[self.line["gpu"]]

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        return f"{self.line['client']} on {self.board}, {self.load} ({self.line['method']})"

    @property
    def window_s(self) -> float:
        """From the call that begins the measurement to the call that ends it."""
        return (self.line["to_ns"] - self.line["from_ns"]) / 1e9

    @property
    def calls_s(self) -> float:
        """How long those two calls took: the client may count this much more or less."""
        return (self.line["begin_cost_ns"] + self.line["end_cost_ns"]) / 1e9

    @property
    def true_w(self) -> float:
        """The mean power of the window."""
        return self.true_j / self.window_s

    @property
    def reported_j(self) -> float | None:
        """What the client reports."""
        return self.line["energy_j"]

    @property
    def error_pct(self) -> float | None:
        """By how much that is too high."""
        if self.reported_j is None:
            return None
        return (self.reported_j / self.true_j - 1) * 100

    def row(self) -> dict[str, str]:
        """The line of the table."""
        return {
            "client": self.line["client"],
            "version": self.line["version"],
            "board": self.board,
            "load": self.load,
            "method": self.line["method"],
            "window_s": f"{self.window_s:.3f}",
            "reported_j": "" if self.reported_j is None else f"{self.reported_j:.3f}",
            "true_j": f"{self.true_j:.3f}",
            "error_pct": "" if self.error_pct is None else f"{self.error_pct:.2f}",
            "reason": self.line["reason"],
            "provenance": "emulated",
        }


def table(readings: list[Reading]) -> str:
    """The table as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(reading.row() for reading in readings)
    return text.getvalue()
