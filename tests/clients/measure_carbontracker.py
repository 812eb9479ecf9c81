"""carbontracker: the mean of the power read every second, times the time of the epoch.

Its result is multiplied by the PUE of a data centre, which is divided out here. It takes the mean
over all readings of all GPUs, so with two GPUs it would give the mean of both; it sees one.
"""

import os
import tempfile

from window import Stopwatch, arguments, report, sleep_until

given = arguments()
(gpu,) = given.gpus
os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu)

from carbontracker import constants, parser  # noqa: E402
from carbontracker.tracker import CarbonTracker  # noqa: E402

KWH_J = 3.6e6

with tempfile.TemporaryDirectory() as folder:
    tracker = CarbonTracker(
        epochs=1,
        epochs_before_pred=0,
        update_interval=1,
        components="gpu",
        log_dir=folder,
        verbose=0,
    )
    opens, closes = given.load.next_window()
    watch = Stopwatch()
    sleep_until(opens)
    watch.start(tracker.epoch_start)
    sleep_until(closes)
    watch.stop(tracker.epoch_end)
    (log,) = parser.parse_all_logs(folder)
actual = log["actual"]
report(
    "carbontracker",
    gpu,
    "power every 1 s, mean x epoch time; without PUE",
    watch,
    actual["energy (kWh)"] / constants.PUE_2023 * KWH_J,
    reported_with_pue_j=actual["energy (kWh)"] * KWH_J,
    pue=constants.PUE_2023,
    duration_s=actual["duration (s)"],
)
