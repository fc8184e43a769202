"""The smallest case that shows what a given case shows: fewer axes first, then fewer of the rest.

Hypothesis shrinks what it draws; a case of a list is simplified here, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from convformance.bench import Bench, Examined
from convformance.exhaustive import FORMS, PLAIN, Form, Geometry, Map, geometries, problem_of
from convformance.news import report_news
from convformance.packed import Asked, all_maps, covering, whole
from convformance.problem import Case
from convformance.runfile import Geometries

SOURCE = "exhaustive"
MOST_TRIES = 200  # examinations of one reduction


def ask_small(bench: Bench, op: str, profile: str) -> None:
    """Ask the small problems of an op, record how many were answered; raise `NewDiscrepancies`."""
    news: list[Examined] = []
    geometries_asked: set[Geometry] = set()
    maps: set[Map] = set()
    for one in whole(op) if profile == "exhaustive" else covering(op).asked:
        examined = checked(bench, one, news)
        if examined.trial.outcome.kind == "arrays":
            geometries_asked |= set(one.axes)
            maps |= one.maps
    there = len(geometries(op)), len(all_maps(op))
    bench.records.append(Geometries(op, len(geometries_asked), there[0], len(maps), there[1]))
    report_news(bench, news)


def checked(bench: Bench, asked: Asked, news: list[Examined]) -> Examined:
    """Check a case and record it; of a new discrepancy record the smallest case, add it to `news`.

    What was asked then carries the clause and signature of its smallest case: one finding.
    """
    examined = bench.ask(asked.case)
    if bench.is_news(examined):
        small = smallest(bench, asked, examined)
        if bench.is_news(small):
            news.append(small)
        bench.record(small, SOURCE)
        verdict = replace(examined.verdict, clause=small.verdict.clause)
        examined = replace(examined, verdict=verdict, signature=small.signature)
        if small.case == asked.case:
            return examined
    bench.record(examined, SOURCE)
    return examined


def smallest(bench: Bench, asked: Asked, examined: Examined) -> Examined:
    """Return the simplest neighbour that earns a verdict of the same kind and is not known."""
    axes, tries = asked.axes, 0
    found = examined
    while tries < MOST_TRIES:
        for fewer, case in simpler(found.case, axes):
            tries += 1
            other = bench.examine(case)
            if other.verdict.kind is examined.verdict.kind and not other.entry:
                found, axes = other, fewer
                break
        else:
            break
    return found


def simpler(case: Case, axes: Sequence[Geometry]) -> Iterator[tuple[tuple[Geometry, ...], Case]]:
    """Yield simpler cases with their axes, the simplest first; one that is not valid is left out.

    One axis alone, two of three, then one item, channel and group, then smaller axes.
    """
    form = next((one for one in (*FORMS, PLAIN) if _made(case, axes, one) == case), PLAIN)
    kept = (tuple(axes[a] for a in some) for some in _fewer(len(axes)))
    for fewer in kept:
        for one in dict.fromkeys((PLAIN, form)):
            yield fewer, _made(case, fewer, one)
    plain = _made(case, axes, PLAIN)
    if plain != case:
        yield tuple(axes), plain
    for a, axis in enumerate(axes):
        for less in _less(axis):
            fewer = (*axes[:a], less, *axes[a + 1 :])
            if less in geometries(case.problem.op):  # also: an output that goes with its sizes
                yield fewer, _made(case, fewer, form)


def _fewer(rank: int) -> tuple[tuple[int, ...], ...]:
    return ((), (), ((0,), (1,)), ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2)))[rank]


def _made(case: Case, axes: Sequence[Geometry], form: Form) -> Case:
    problem = problem_of(case.problem.op, axes, form)
    return replace(case, problem=problem)


def _less(axis: Geometry) -> Iterator[Geometry]:
    """Yield geometries with one number less."""
    if not isinstance(axis.padding, str) and axis.padding != (0, 0):
        before, after = axis.padding
        yield replace(axis, padding=(0, 0))
        yield replace(axis, padding=(max(0, before - 1), max(0, after - 1)))
    for name, least in (("dilation", 1), ("more", 0), ("stride", 1), ("kernel", 1), ("size", 1)):
        if getattr(axis, name) > least:
            fewer = {name: getattr(axis, name) - 1}
            if name in ("dilation", "stride"):
                fewer["more"] = 0
            yield replace(axis, **fewer)
