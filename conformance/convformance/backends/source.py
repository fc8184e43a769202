"""Adapters whose call is source text: what is printed as a script is what was run."""

from __future__ import annotations

import functools
from dataclasses import replace
from types import CodeType
from typing import Any

import numpy as np

from convformance.backend import Array
from convformance.problem import Problem


def execute(
    source: str, names: dict[str, Any], scope: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Run `source` with `names` as its globals; return the globals afterwards.

    The text is written by our adapters from a problem's numbers, never from user input. A `scope`
    is the globals of an earlier call of it, for a tracer that has put names of its own there.
    """
    scope = {} if scope is None else scope
    scope.update(names)
    exec(_compiled(source), scope)
    return scope


@functools.lru_cache(maxsize=1024)
def _compiled(source: str) -> CodeType:
    return compile(source, "<call>", "exec")


def nested(array: Array) -> str:
    """Write an array's values as nested Python lists; `nan` and `inf` are names in it."""
    if array.dtype.kind not in "iub":
        array = array.astype(np.float64)  # exact for every dtype of the suite
    return repr(array.tolist())


def call(function: str, *arguments: str, **options: object) -> str:
    """Write a call: positional arguments as they stand, options by repr."""
    words = [*arguments, *(f"{name}={value!r}" for name, value in options.items())]
    return f"{function}({', '.join(words)})"


def full_in_numbers(problem: Problem) -> Problem:
    """Return the problem with full padding as what it is: extent - 1 before and after each axis.

    Not of unpooling, whose own output size depends on the padding being in numbers.
    """
    if problem.padding != "full" or problem.op == "max_unpool":
        return problem
    axes = zip(problem.dilation, problem.kernel_size, strict=False)  # a misfit is not ours to tell
    return replace(problem, padding=tuple((step * (k - 1),) * 2 for step, k in axes))
