"""perun: a function under its decorator, which samples the power every second.

Of four rounds the last is the measurement. The first gives perun the time to start its process,
the next two tell how long perun needs between rounds, so that the last begins with the window.
"""

import os
import tempfile
import time

from perun import perun, register_callback

from window import Stopwatch, arguments, report, sleep_until

# The last round begins about this long before the window opens.
HEAD_START_NS = 50_000_000
# perun's process looks every half second whether a round has begun; a round that is over before
# would be followed by a longer pause.
NOTICED_NS = 1_200_000_000


def sensor(run, name: str):
    """The node of a sensor in the tree of a run."""
    (host,) = run.nodes.values()
    return host.nodes["gpu"].nodes[name]


def main() -> None:
    """Kept out of the module: perun starts a process."""
    given = arguments()
    watch = Stopwatch()
    # When each round began and ended.
    began, ended = [], []
    found = {}
    window = None

    def keep(tree) -> None:
        last = tree.nodes[max(tree.nodes, key=int)]
        for gpu in given.gpus:
            node = sensor(last, f"CUDA:{gpu}_POWER")
            values = {kind.value: metric.value for kind, metric in node.metrics.items()}
            found[gpu] = values, len(node.raw_data.values)

    def load() -> None:
        nonlocal window
        began.append(time.monotonic_ns())
        if len(began) == 1:
            register_callback(keep)
        elif len(began) == 2:
            sleep_until(began[1] + NOTICED_NS)
        elif len(began) == 3:
            pause_ns = began[2] - ended[1]
            early_ns = pause_ns + HEAD_START_NS
            window = given.load.next_window(early_ns + NOTICED_NS)
            sleep_until(window[0] - early_ns)
        elif len(began) == 4:
            watch.start(lambda: None)
            sleep_until(window[1])
            watch.stop(lambda: None)
        ended.append(time.monotonic_ns())

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        options = {
            "rounds": 4,
            "data_out": folder,
            "include_sensors": " ".join(f"CUDA:{gpu}_POWER" for gpu in given.gpus),
            "exclude_sensors": "",
        }
        perun(**options)(load)()
        os.chdir("/")
    for gpu in given.gpus:
        values, samples = found[gpu]
        report(
            "perun",
            gpu,
            "decorator: power every 1 s, trapezoid",
            watch,
            values["energy"],
            samples=samples,
            power_w=float(values["power"]),
        )


if __name__ == "__main__":
    main()
