"""The closest where nothing equals it: calls for a problem that lacks what the target lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from convformance.expect import broken_clause
from convformance.porting import Source, check
from convformance.problem import Problem
from convformance.recipes import Recipe, recipes
from convformance.ways import Meaning

Meant = Callable[[Problem, str], tuple[Meaning, str]]


def near(meaning: Meaning, told: Source, target: str, meant: Meant) -> Iterator[tuple[Recipe, str]]:
    """Yield calls of a problem that is not the one asked for, with what differs."""
    problem = meaning.problem
    for words, other in _plainer(problem):
        if broken_clause(other):
            continue
        changed, _ = meant(other, told.framework)
        for recipe in recipes(changed, told.framework, target)[0]:
            same_names = replace(recipe, answers=tuple(other.answers))
            seen = check(same_names, told, problem, lambda _: ("", ""))
            if seen.difference:
                yield recipe, f"{words}: {seen.difference}"


def _plainer(problem: Problem) -> Iterator[tuple[str, Problem]]:
    ones = (1,) * problem.rank
    changes: tuple[tuple[str, Any], ...] = (
        ("indices", False),
        ("padding_mode", "zeros"),
        ("input_dilation", ()),
        ("flip", False),
        ("batch_groups", 1),
        ("count_include_pad", not problem.count_include_pad),
        ("ceil_mode", False),
        ("dilation", ones),
        ("p", 2),
    )
    for name, value in changes:
        if getattr(problem, name) == value or (name == "input_dilation" and _is_whole(problem)):
            continue
        try:
            other = replace(problem, **{name: value})
        except ValueError:
            continue  # the op has no such attribute
        said = str(value).lower() if isinstance(value, bool) else value
        yield f"with {name} {said or '1'}", other
    if problem.op.startswith("adaptive") and all(problem.output):
        yield "as windows of one size", _even(problem)


def _is_whole(problem: Problem) -> bool:
    return all(step == 1 for step in problem.input_dilation)


def _even(problem: Problem) -> Problem:
    """Return the pool that people take for an adaptive one: as many windows, all of one size."""
    pairs = list(zip(problem.x[2:], problem.output, strict=True))
    stride = tuple(max(1, size // count) for size, count in pairs)
    kernel = tuple(
        max(1, size - (count - 1) * step) for (size, count), step in zip(pairs, stride, strict=True)
    )
    op = "max_pool" if "max" in problem.op else "avg_pool"
    return Problem(op, problem.x, kernel=kernel, stride=stride, dtype=problem.dtype)
