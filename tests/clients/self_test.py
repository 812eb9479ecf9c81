"""The bounds refuse what they must, and the committed recording is whole."""

import csv
import re
import unittest
from pathlib import Path

import bounds
import recording
from clients import BOARDS, LOADS, MEASURING, Client
from readings import COLUMNS, Reading

COUNTER = Client("one", "one.py", counter=True)
SAMPLER = Client("two", "two.py")


def steady(source: Client, error_pct: float, gpu: int = 1) -> Reading:
    """A reading of ten seconds at 700 W that is off by so much."""
    line = {
        "client": source.package,
        "gpu": gpu,
        "method": "test",
        "from_ns": 0,
        "to_ns": 10_000_000_000,
        "begin_cost_ns": 0,
        "end_cost_ns": 0,
        "energy_j": 7000.0 * (1 + error_pct / 100),
        "reason": "",
    }
    return Reading(source, "steady", line, 7000.0)


class Bounds(unittest.TestCase):
    """On a steady load of ten seconds a tick of 100 ms is 1 %."""

    def test_gain_offset_and_tick_are_allowed(self):
        # Four deviations of 3 % gain and of 5 W in 700 W, and 1 % for the tick: 15.86 %.
        for error_pct in (-15.8, 0.0, 15.8):
            self.assertEqual(bounds.failures([steady(COUNTER, error_pct)]), [])

    def test_more_is_refused(self):
        for error_pct in (-15.9, 15.9):
            self.assertEqual(len(bounds.failures([steady(COUNTER, error_pct)])), 1)

    def test_a_sampler_may_miss_one_pause(self):
        self.assertEqual(bounds.failures([steady(SAMPLER, -24.8)]), [])
        self.assertEqual(len(bounds.failures([steady(SAMPLER, -24.9)])), 1)

    def test_clients_that_read_one_counter_agree_within_their_ticks(self):
        self.assertEqual(bounds.failures([steady(COUNTER, 3.0), steady(COUNTER, 4.9)]), [])
        self.assertEqual(len(bounds.failures([steady(COUNTER, 3.0), steady(COUNTER, 5.1)])), 1)
        # Another card has another gain.
        self.assertEqual(bounds.failures([steady(COUNTER, 3.0), steady(COUNTER, 5.1, gpu=0)]), [])

    def test_no_profile_is_an_error(self):
        with self.assertRaisesRegex(LookupError, "no profile in .* 'h900'"):
            bounds.Sensor.of("h900")


class Recording(unittest.TestCase):
    """What the table of the paper is made from."""

    def setUp(self):
        with recording.TABLE.open(newline="") as file:
            self.rows = list(csv.DictReader(file))

    def test_every_client_is_there_on_every_board_and_load(self):
        found = sorted((row["client"], row["board"], row["load"]) for row in self.rows)
        expected = sorted(
            (client.package, board, load)
            for client in MEASURING
            for board in BOARDS
            for load in LOADS
        )
        self.assertEqual(found, expected)

    def test_it_was_made_with_the_pinned_versions(self):
        text = (Path(__file__).parent / "requirements.txt").read_text()
        pins = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", text, re.MULTILINE))
        for row in self.rows:
            self.assertEqual(row["version"], pins[row["client"]], row["client"])

    def test_errors_follow_from_the_energies(self):
        for row in self.rows:
            self.assertEqual(tuple(row), COLUMNS)
            self.assertEqual(row["provenance"], "emulated")
            error = (float(row["reported_j"]) / float(row["true_j"]) - 1) * 100
            self.assertAlmostEqual(error, float(row["error_pct"]), delta=0.006)

    def test_its_sums_are_right(self):
        self.assertEqual(recording.SUMS.read_text(), recording.sums())


if __name__ == "__main__":
    unittest.main()
