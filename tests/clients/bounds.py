"""What can be demanded of a reading.

The energy counter is updated at ticks. A difference of two readings misses or has too much at most
the energy of one tick, and what was used while the client's own calls ran. Beyond that it differs
from the truth by the gain and the offset of the card, for which the profile of the board has a mean
and a standard deviation. On a load of constant power this bounds the error.

Sampled power has no such bound: what it misses depends on the load. Only on a load of constant
power it can miss no more than the time in which the client does not look, at most its longest
pause.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from readings import Reading

PROFILES = Path(__file__).resolve().parents[2] / "harness" / "gpu-sim" / "profiles"
# Standard deviations of gain and offset that a card may be away from the mean.
DEVIATIONS = 4.0
# The longest pause between two readings of a client that samples.
PAUSE_S = 1.0


@dataclass(frozen=True)
class Sensor:
    """The energy counter of a board."""

    tick_s: float
    gain: float
    gain_sd: float
    offset_sd_w: float

    @classmethod
    def of(cls, board: str) -> "Sensor":
        """From the profile with this slug or alias."""
        for path in sorted(PROFILES.glob("*.toml")):
            profile = tomllib.loads(path.read_text())
            if board == profile["slug"] or board in profile["aliases"]:
                sensors = profile["sensors"]
                return cls(
                    tick_s=sensors["energy_tick_ms"]["value"] / 1e3,
                    gain=sensors["gain"]["value"],
                    gain_sd=sensors["gain"]["sd"],
                    offset_sd_w=sensors["offset_w"]["sd"],
                )
        raise LookupError(f"no profile in {PROFILES} has the slug or alias '{board}'")

    def blind_pct(self, reading: Reading) -> float:
        """The share of the window that a client may miss, or have too much."""
        blind_s = self.tick_s if reading.source.counter else PAUSE_S
        return (blind_s + reading.calls_s) / reading.window_s * 100

    def bounds_pct(self, reading: Reading) -> tuple[float, float]:
        """Lowest and highest error on a load of constant power."""
        blind = self.blind_pct(reading)
        card = DEVIATIONS * (self.gain_sd + self.offset_sd_w / reading.true_w) * 100
        mean = (self.gain - 1) * 100
        return mean - card - blind, mean + card + blind


def failures(readings: list[Reading]) -> list[str]:
    """Sentences about readings that break a bound."""
    found = []
    counters: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.load != "steady" or reading.error_pct is None:
            continue
        if reading.source.counter:
            counters.setdefault(reading.board, []).append(reading)
        low, high = Sensor.of(reading.board).bounds_pct(reading)
        if not low <= reading.error_pct <= high:
            found.append(
                f"{reading.name}: off by {reading.error_pct:.2f} %, "
                f"expected {low:.2f} % to {high:.2f} %"
            )
    # All read the counter of the same card, so gain and offset are the same for all.
    for board, group in counters.items():
        sensor = Sensor.of(board)
        low = min(group, key=lambda r: r.error_pct)
        high = max(group, key=lambda r: r.error_pct)
        apart = high.error_pct - low.error_pct
        most = sensor.blind_pct(low) + sensor.blind_pct(high)
        if apart > most:
            found.append(
                f"{low.name} and {high.name}: {apart:.2f} % apart, the tick explains {most:.2f} %"
            )
    return found
