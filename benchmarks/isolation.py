"""Print what a process of its own costs a call: the numpy backend in this process and in a child.

    python benchmarks/isolation.py
    python benchmarks/isolation.py --calls 2000 --most 0.3

The same small cases are asked in turns, one here and the same in the child, so that a busy machine
slows both. Every problem is asked once before, as its first call has other costs. Times are of the
wall, since the front waits for the child. The exit status is 1 if the median of the differences is
more than `--most` milliseconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import cycle, islice
from statistics import median
from time import perf_counter

from throughput import tiny_cases

from convformance.backend import Arrays, Outcome
from convformance.backends.numpy_backend import NumpyBackend
from convformance.fills import make_arrays
from convformance.perform import perform
from convformance.problem import Problem
from convformance.worker import Isolated

Ask = Callable[[Problem, Arrays], Outcome]


def milliseconds(ask: Ask, problem: Problem, arrays: Arrays) -> float:
    """Return how long the answer takes."""
    started = perf_counter()
    ask(problem, arrays)
    return 1000 * (perf_counter() - started)


def main() -> int:
    """Time both; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--most", type=float, default=0.3, help="milliseconds (default: 0.3)")
    options = parser.parse_args()
    backend, child = NumpyBackend(), Isolated("numpy")
    asked = [(case.problem, make_arrays(case)) for case in tiny_cases(200)]

    def here(problem: Problem, arrays: Arrays) -> Outcome:
        return perform(backend, problem, arrays)

    for problem, arrays in asked:
        here(problem, arrays)
        child.perform(problem, arrays)
    times = [
        (milliseconds(here, *one), milliseconds(child.perform, *one))
        for one in islice(cycle(asked), options.calls)
    ]
    child.close()
    inside, outside = (median(column) for column in zip(*times, strict=True))
    more = median(there - near for near, there in times)
    print(f"{len(times):,} calls of {len(asked)} small problems, medians in milliseconds")
    print(f"in this process {inside:.3f}, in a child {outside:.3f}, more {more:.3f}")
    return 1 if more > options.most else 0


if __name__ == "__main__":
    sys.exit(main())
