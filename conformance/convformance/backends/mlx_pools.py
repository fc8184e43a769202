"""Pools as layers of mlx.nn, and reductions over the spatial axes as global pools."""

from __future__ import annotations

from collections.abc import Callable

from convformance.backend import Unsupported
from convformance.backends.mlx_parameters import RANKS, Body, in_numbers, is_even, padding_notes
from convformance.backends.source import call
from convformance.problem import Problem

# What no pool of mlx.nn has a parameter for.
LACKING: dict[str, Callable[[Problem], bool]] = {
    "dilation": lambda problem: any(step != 1 for step in problem.dilation),
    "ceil_mode": lambda problem: problem.ceil_mode,
    "indices": lambda problem: problem.indices,
    "a padding of its own for each side": lambda problem: not is_even(in_numbers(problem)),
}


def max_pool(problem: Problem) -> Body:
    """Write a layer of maxima."""
    return _layer("nn.MaxPool", problem)


def avg_pool(problem: Problem) -> Body:
    """Write a layer of averages, which divides by all taps."""
    padded = any(map(any, in_numbers(problem)))
    if padded and not problem.count_include_pad:
        raise Unsupported("averages of mlx.nn always count padding")
    return _layer("nn.AvgPool", problem)


def _layer(name: str, problem: Problem) -> Body:
    if problem.rank not in RANKS:
        raise Unsupported("mlx.nn has pools of one, two and three axes")
    for words, is_asked in LACKING.items():
        if is_asked(problem):
            raise Unsupported(f"pools of mlx.nn lack {words}")
    layer = call(
        f"{name}{problem.rank}d",
        kernel_size=problem.kernel,
        stride=problem.stride,
        padding=tuple(before for before, _ in in_numbers(problem)),
    )
    return Body((f"return {layer}(x)",), padding_notes(problem))


def global_max_pool(problem: Problem) -> Body:
    """Write a maximum over the spatial axes."""
    return _reduced(problem, "mx.max")


def global_avg_pool(problem: Problem) -> Body:
    """Write a mean over the spatial axes."""
    return _reduced(problem, "mx.mean")


def _reduced(problem: Problem, function: str) -> Body:
    first = 1 - problem.unbatched
    axes = tuple(range(first, first + problem.rank))
    return Body((f"return {call(function, 'x', axis=axes, keepdims=True)}",))
