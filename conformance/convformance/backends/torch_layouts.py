"""Channels last in PyTorch: an array (N, *spatial, C) seen with its channels second.

`movedim` gives a view, so the tensor lies in memory in the order of torch.channels_last, the
format that its convolutions and pools have kernels of their own for; the answer is moved back.
"""

from __future__ import annotations

from collections.abc import Iterable

from convformance.handing import BATCHED
from convformance.problem import Problem

NOTE = "channels seen second by movedim"


def seen_channels_second(problem: Problem) -> str:
    """Write the lines that move the channels of what is given behind the batch axis."""
    given = ["x", *["dy"] * bool(problem.grad), *["indices"] * (problem.op == "max_unpool")]
    return _moved(problem, given, -1, _channels(problem))


def moved_back(problem: Problem) -> str:
    """Write the lines that move the channels of the answers to the end."""
    return _moved(problem, problem.answers, _channels(problem), -1)


def _channels(problem: Problem) -> int:
    return 1 - problem.unbatched


def _moved(problem: Problem, names: Iterable[str], source: int, destination: int) -> str:
    if problem.layout != "channels_last":
        return ""
    batched = [name for name in names if name in BATCHED]
    return "".join(f"{name} = {name}.movedim({source}, {destination})\n" for name in batched)
