"""zeus: PowerMonitor, which polls the power in a process of its own and integrates it.

The period of 0.1 s is what the ML.ENERGY benchmark sets; left to itself, version 0.16.0 polls
without a pause. Energy comes from the instant power, so the other domains are left out.
PowerMonitor refuses machines with different boards, so it sees one GPU.
"""

import os
import time

from window import Stopwatch, arguments, report, sleep_until

INSTANT = "device_instant"


def main() -> None:
    """Kept out of the module: PowerMonitor's processes import it again."""
    given = arguments()
    (gpu,) = given.gpus
    os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu)
    from zeus.monitor.power import PowerMonitor

    monitor = PowerMonitor(gpu_indices=[0], update_period=0.1, power_domains=[INSTANT])
    opens, closes = given.load.next_window()
    watch = Stopwatch()
    sleep_until(opens)
    started = watch.start(time.time)
    sleep_until(closes)
    stopped = watch.stop(time.time)
    # The readings come through a queue.
    time.sleep(0.3)
    energy = monitor.get_energy(started, stopped)
    samples = len(monitor.get_power_timeline(INSTANT, 0, started, stopped)[0])
    reason = "" if samples > 1 else "fewer than two readings in the window: zeus answers 0"
    monitor.stop()
    method = "PowerMonitor: instant power every 0.1 s, trapezoid"
    report("zeus", gpu, method, watch, energy[0], reason, samples=samples)


if __name__ == "__main__":
    main()
