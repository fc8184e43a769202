"""Adapters with one mistake each, as authors make them."""

import os
import time

import numpy as np
from wild_backends import Tame

from convformance import Unsupported


class Plain(Tame):
    """Has 2-D convolution alone, and says so."""

    def run(self, problem, arrays):
        if problem.op != "conv" or problem.rank != 2:
            raise Unsupported("only 2-D convolution so far")
        return super().run(problem, arrays).arrays["y"]


class OneAxis(Tame):
    """Has layers of one axis alone."""

    def run(self, problem, arrays):
        if problem.rank != 1:
            raise Unsupported("only signals")
        return super().run(problem, arrays)


class Skeleton(Tame):
    """Has nothing yet."""

    def run(self, problem, arrays):
        raise Unsupported("nothing yet")


class Mute(Plain):
    """Gives no reason."""

    def run(self, problem, arrays):
        if problem.op != "conv":
            raise Unsupported
        return super().run(problem, arrays)


class Raising(Plain):
    """Raises an error where it has no word for a problem."""

    def run(self, problem, arrays):
        if problem.extras or problem.op != "conv" or problem.rank != 2:
            raise NotImplementedError(f"no {problem.op}")
        return super().run(problem, arrays)

    knows = frozenset(
        (
            "padding_mode", "input_dilation", "batch_groups", "flip", "output_dtype", "grad",
            "unbatched", "layout", "padding",
        )
    )  # fmt: skip


class Turned(Plain):
    """Gives the axes in another order."""

    def run(self, problem, arrays):
        return np.moveaxis(super().run(problem, arrays), 1, -1)


class Wide(Plain):
    """Computes in float64, and forgets to come back."""

    def run(self, problem, arrays):
        return super().run(problem, arrays).astype(np.float64)


class Flipped(Plain):
    """Turns the kernel around."""

    def run(self, problem, arrays):
        return super().run(problem, {**arrays, "w": arrays["w"][..., ::-1, ::-1]})


class Lenient(Plain):
    """Answers an invalid problem with zeros."""

    def run(self, problem, arrays):
        try:
            return super().run(problem, arrays)
        except ValueError:
            return np.zeros(1)


class Growing(Plain):
    """Adds to what it gave before."""

    calls = 0

    def run(self, problem, arrays):
        self.calls += problem.w == (1, 1, 1, 1)
        return super().run(problem, arrays) + np.float32(self.calls - 1)


class Remembering(Plain):
    """Keeps the answer to each problem, whatever the inputs are."""

    kept: dict = {}  # noqa: RUF012  shared on purpose

    def run(self, problem, arrays):
        if problem.line not in self.kept:
            self.kept[problem.line] = super().run(problem, arrays)
        return self.kept[problem.line]


class Writing(Plain):
    """Scales its input in place."""

    def run(self, problem, arrays):
        y = super().run(problem, arrays)
        arrays["x"] *= 2
        return y


class OddVersion(Plain):
    """Has a version of its own kind."""

    version = "the newest"


class Dead(Plain):
    """Dies of every problem."""

    def run(self, problem, arrays):
        os._exit(9)


class Slow(Plain):
    """Needs longer than its author waits."""

    def run(self, problem, arrays):
        time.sleep(60)


class Groupless(Plain):
    """Reads groups as if there were one."""

    def run(self, problem, arrays):
        if problem.groups > 1:
            arrays = {**arrays, "x": arrays["x"][:, ::-1]}
        return super().run(problem, arrays)
