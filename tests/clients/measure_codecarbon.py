"""codecarbon: an offline tracker that reads the energy counter every second.

Its result has one number for all GPUs that it tracks, so it tracks one.
"""

import csv
import tempfile
from pathlib import Path

from codecarbon import OfflineEmissionsTracker

from window import Stopwatch, arguments, report, sleep_until

KWH_J = 3.6e6

given = arguments()
(gpu,) = given.gpus
with tempfile.TemporaryDirectory() as folder:
    tracker = OfflineEmissionsTracker(
        country_iso_code="DEU",
        measure_power_secs=1,
        gpu_ids=[gpu],
        output_dir=folder,
        log_level="error",
    )
    # Looks for the hardware now rather than in start().
    hardware = tracker.get_detected_hardware()
    opens, closes = given.load.next_window()
    watch = Stopwatch()
    sleep_until(opens)
    watch.start(tracker.start)
    sleep_until(closes)
    watch.stop(tracker.stop)
    with (Path(folder) / "emissions.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
report(
    "codecarbon",
    gpu,
    "OfflineEmissionsTracker every 1 s: energy counter",
    watch,
    float(line["gpu_energy"]) * KWH_J,
    duration_s=float(line["duration"]),
    gpu_count=hardware["gpu_count"],
)
