"""Backends with right numbers in answers of odd forms, and one whose words cannot be read."""

import numpy as np
from wild_backends import Tame

from convformance.backend import Unsupported


class Odd(Tame):
    """Answers with what `wrapped` makes of the right array."""

    name = "odd"

    def run(self, problem, arrays):
        return {"y": self.wrapped(super().run(problem, arrays).arrays["y"])}


class Lazy(Odd):
    """Computes only where it is asked for an array."""

    def wrapped(self, y):
        class Later:
            def __array__(self, dtype=None, copy=None):
                return y if dtype is None else y.astype(dtype)

        return Later()


class Unevaluable(Odd):
    """Fails where it is asked for an array, long after its call."""

    def wrapped(self, y):
        class Later:
            def __array__(self, dtype=None, copy=None):
                raise RuntimeError("the graph was closed")

        return Later()


class Contrary(np.ndarray):
    """An array that is equal to nothing and prints as nothing."""

    def __eq__(self, other):
        return False

    def __hash__(self):
        return 0

    def __repr__(self):
        raise RuntimeError("no words")

    def __array_ufunc__(self, *arguments, **options):
        raise RuntimeError("no sums")


class Subclassed(Odd):
    """Gives an array of a class of its own."""

    def wrapped(self, y):
        return y.view(Contrary)


class Objects(Odd):
    """Gives Python's numbers."""

    def wrapped(self, y):
        return y.astype(object)


class Swapped(Odd):
    """Gives the other byte order."""

    def wrapped(self, y):
        return y.astype(y.dtype.newbyteorder())


class View(Tame):
    """Gives a view of its own input, which for a window of one sample is the answer."""

    def run(self, problem, arrays):
        return arrays["x"][:]


class Reusing(Tame):
    """Gives the same buffer at every call, and writes the next answer to it."""

    def __init__(self):
        self.buffer = np.zeros(64, np.float32)

    def run(self, problem, arrays):
        y = super().run(problem, arrays).arrays["y"]
        room = self.buffer[: y.size].reshape(y.shape)
        room[...] = y
        return room


class UnreadableError(Exception):
    """An error whose words cannot be read."""

    def __str__(self):
        raise RuntimeError("no words")


class UnreadableReason(Unsupported):
    """A reason that cannot be read."""

    __str__ = UnreadableError.__str__


class Unreadable(Tame):
    """Refuses, or has no way, without readable words."""

    def run(self, problem, arrays):
        raise UnreadableError if problem.groups > 1 else UnreadableReason


class Unwritten(Tame):
    """Gives sizes that nobody wrote: nothing in it, and no other dtype could have them."""

    def run(self, problem, arrays):
        return np.empty((0, 1, 1543426792, 1165641384), np.float32)
