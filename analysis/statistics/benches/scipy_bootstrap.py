"""Times scipy.stats.bootstrap on the mean of 1,000 values with 9,999 resamples.

Prints one JSON object: the best and the median of the repetitions, in seconds, for each method.
scipy has no bootstrap-t; percentile is the cheapest of its intervals, BCa its default.
"""

import json
import statistics
import sys
import time

import numpy
import scipy
from scipy.stats import bootstrap

VALUES = 1_000
RESAMPLES = 9_999
REPETITIONS = 7


def seconds(method):
    values = numpy.random.default_rng(1).lognormal(sigma=0.5, size=VALUES)
    taken = []
    for repetition in range(REPETITIONS):
        rng = numpy.random.default_rng(repetition)
        start = time.perf_counter()
        bootstrap((values,), numpy.mean, n_resamples=RESAMPLES, method=method, rng=rng)
        taken.append(time.perf_counter() - start)
    return {"best_s": min(taken), "median_s": statistics.median(taken)}


if __name__ == "__main__":
    json.dump(
        {
            "scipy": scipy.__version__,
            "numpy": numpy.__version__,
            "values": VALUES,
            "resamples": RESAMPLES,
            "percentile": seconds("percentile"),
            "bca": seconds("BCa"),
        },
        sys.stdout,
        indent=2,
    )
    print()
