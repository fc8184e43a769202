"""Backends that misbehave as processes do: they die, hang, print and break their adapter."""

import os
import sys
import time
from pathlib import Path

import numpy as np

from convformance.backends.numpy_backend import NumpyBackend


class Tame:
    """The NumPy kernel under another name."""

    name = "tame"
    version = "1"

    def run(self, problem, arrays):
        return NumpyBackend().run(problem, arrays)


class TwoWays(Tame):
    """Has variants, which tell which way they were made."""

    name = "two ways"
    variants = {"fast": {"way": "fast"}, "slow": {"way": "slow"}}  # noqa: RUF012  as users write it

    def __init__(self, way="plain"):
        self.way = way


class Listed(Tame):
    """Its variants have no arguments."""

    variants = ("fast", "slow")


class Dying(Tame):
    """Ends the process, with a last word, on a depthwise convolution."""

    name = "dying"

    def run(self, problem, arrays):
        if problem.groups > 1:
            print("Check failed: groups == 1", file=sys.stderr, flush=True)
            os.abort()
        return super().run(problem, arrays)


class DyingOfStrides(Tame):
    """Ends the process where a stride is none, as a division by it would."""

    name = "dying of strides"

    def run(self, problem, arrays):
        if 0 in problem.stride:
            os.abort()
        return super().run(problem, arrays)


class DyingWordless(Tame):
    """Ends the process without a word on a depthwise convolution.

    The file `stray` beside it makes it end at any call but the first of a process.
    """

    name = "dying wordless"
    calls = 0

    def run(self, problem, arrays):
        self.calls += 1
        stray = Path(os.environ.get("STRAY", "")).is_file() and self.calls > 1
        if problem.groups > 1 or stray:
            os.abort()
        return super().run(problem, arrays)


class DyingLater(Tame):
    """Damages its own process at a grouped call, so that the next call dies."""

    name = "dying later"
    damaged = False

    def run(self, problem, arrays):
        if self.damaged:
            os.abort()
        self.damaged = problem.groups > 1
        return super().run(problem, arrays)


class Hanging(Tame):
    """Never answers a dilated convolution."""

    name = "hanging"

    def run(self, problem, arrays):
        if max(problem.dilation) > 1:
            time.sleep(3600)
        return super().run(problem, arrays)


class Printing(Tame):
    """Writes to standard output at every call."""

    name = "printing"

    def run(self, problem, arrays):
        print("noise on standard output")
        return super().run(problem, arrays)


class Unpicklable(Tame):
    """Gives a mapping key that no pickle can hold; still an answer, of something else."""

    name = "unpicklable"

    def run(self, problem, arrays):
        return {"y": super().run(problem, arrays).arrays["y"], "extra": lambda: None}


class Quitting(Tame):
    """Calls sys.exit."""

    name = "quitting"

    def run(self, problem, arrays):
        sys.exit(3)


class Nameless:
    """Has no name."""

    version = "1"

    def run(self, problem, arrays):
        return np.zeros(0)


class Idle:
    """Has no run."""

    name = "idle"
    version = "1"


class Unmakeable(Tame):
    """Cannot be made."""

    def __init__(self):
        raise OSError("no such device")


class Missing(Tame):
    """Needs a package that is not there."""

    def __init__(self):
        import no_such_framework  # noqa: F401  only its absence matters


class FlipsPads(Tame):
    """Swaps the two sides of explicit padding: green but for one clause."""

    name = "flips pads"
    accumulators = NumpyBackend.accumulators

    def run(self, problem, arrays):
        from dataclasses import replace

        if not isinstance(problem.padding, str):
            flipped = tuple((after, before) for before, after in problem.padding)
            problem = replace(problem, padding=flipped)
        return super().run(problem, arrays)


class Holding(Tame):
    """Adds one to every element; waits at int8 and int64 while the file named by HOLD exists."""

    name = "holding"

    def run(self, problem, arrays):
        while problem.dtype in ("int8", "int64") and Path(os.environ.get("HOLD", "")).is_file():
            time.sleep(0.02)
        answer = super().run(problem, arrays).arrays
        return {**answer, "y": answer["y"] + 1}


class Swapped(Tame):
    """Refuses, and tells the byte order in which its input came."""

    name = "swapped"

    def run(self, problem, arrays):
        raise ValueError(f"x came as {arrays['x'].dtype.str}")
