"""Print how many cases a second one core verifies with the numpy backend, and where the time goes.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --repeats 5 --least 500 --profile

Everything runs in this process, on one core. Two lists of cases are verified in turns, so that a
busy machine slows both: tiny ones, built directly, over many geometries, every op and two ranks;
and a share of each exploration of a default run, drawn by Hypothesis. A case is verified when its
arrays are made, the oracle and the backend have answered, the judge has spoken and its line of the
run file is written. Times are of the processor; a rate is the median over the repeats, a share of
the time that of all of them together. `--profile` adds the functions that cost most. The exit
status is 1 if a verdict is not "agrees", or if the tiny cases are verified slower than `--least`.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, product
from statistics import median
from time import process_time
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings

from convformance.backend import Arrays
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Examined, record_of
from convformance.drawing import FLOATS
from convformance.expect import Expectation, broken_clause, expectation
from convformance.explore import drawn_by_the_seed_alone
from convformance.fills import make_arrays
from convformance.judge import Trial, judge
from convformance.meaning import dy_shape, output_shape
from convformance.perform import perform
from convformance.plan import EXPLORATIONS, dtypes_of, gradient_dtypes
from convformance.problem import OPS, Case, Problem
from convformance.runfile import to_line
from convformance.sizes import axes_of
from convformance.verdict import Kind
from convoracle import InvalidProblem

STAGES = ("drawing", "arrays", "oracle", "backend", "judging", "recording")
TINY = 3600
SHARE = 0.05  # of the cases of each exploration
FILLS = ("integers", "special", "real")
T = TypeVar("T")


def tiny_cases(number: int = TINY) -> list[Case]:
    """Return different tiny cases, 1-D and 2-D, the ops dealt out in turns."""
    left = [cases_of(op, rank) for op in OPS for rank in (1, 2)]
    return list(islice(_in_turns(left), number))


def _in_turns(lists: Sequence[Iterator[Case]]) -> Iterator[Case]:
    """Yield the first of each, then the second of each, as long as one has more."""
    left = list(lists)
    while left:
        found = [(one, next(one, None)) for one in left]
        left = [one for one, case in found if case is not None]
        yield from (case for _, case in found if case is not None)


def cases_of(op: str, rank: int) -> Iterator[Case]:
    """Yield the op's valid cases over small geometries; the seed is the turn."""
    dtypes = dtypes_of(op)
    geometries = product((1, 2, 3), (1, 2), (1, 2), (5, 8, 3, 6), ("valid", "same", "explicit"))
    different = dict.fromkeys(chain.from_iterable(_problems(op, rank, one) for one in geometries))
    for turn, problem in enumerate(different):
        dtype = dtypes[turn % len(dtypes)]
        fills = FILLS if dtype in FLOATS else FILLS[:2]
        if not problem.grad or dtype in gradient_dtypes(op):
            yield Case(replace(problem, dtype=dtype), fills[turn % len(fills)], turn)


def _problems(op: str, rank: int, geometry: tuple[Any, ...]) -> Iterator[Problem]:
    """Yield the valid problems of a geometry, with the attributes that the op takes."""
    k, stride, dilation, size, padding = geometry
    given: dict[str, Any] = {
        "x": (1 + size % 2, 2, size, *(4,) * (rank - 1)),
        "w": (3, 2) if op == "conv1x1" else (2, 2, *(k,) * rank),
        "kernel": (k,) * rank,
        "stride": (stride,),
        "dilation": (dilation,),
        "padding": ((1, 0),) if padding == "explicit" else padding,
        "pointwise": (3, 4),
        "output": (2,) * rank,
    }
    taken = {name: value for name, value in given.items() if name in OPS[op]}
    if op == "max_unpool":
        taken |= {"output": (), "padding": "valid"}
    if op == "fold":
        names = ("x", "kernel", "stride", "padding", "dilation")
        columns = Problem("unfold", **{name: given[name] for name in names})
        taken |= {"output": given["x"][2:], "x": output_shape(columns)}
    yield from (one for one in _variants(Problem(op, **taken)) if broken_clause(one) is None)


def _variants(plain: Problem) -> Iterator[Problem]:
    """Yield the problem, with each of its flags, and its gradients."""
    yield plain
    for name in ("bias", "ceil_mode", "count_include_pad", "indices"):
        if name in OPS[plain.op]:
            flag: dict[str, Any] = {name: True}
            yield replace(plain, **flag)
    for by in ("x", "w") if "w" in OPS[plain.op] else ("x",):
        if "grad" in OPS[plain.op]:
            yield replace(plain, grad=by)


def default_cases(share: float = SHARE) -> tuple[list[Case], float]:
    """Draw a share of each exploration of a default run; return it and the seconds it took."""
    started, found = process_time(), []
    for one in EXPLORATIONS:
        found += _drawn(one.strategy, max(1, round(one.examples * share)), one.name)
    return found, process_time() - started


def _drawn(strategy: Any, number: int, name: str) -> list[Case]:
    found: list[Case] = []

    @seed(name)
    @settings(
        max_examples=number, phases=(Phase.generate,), database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def collect(case: Case) -> None:
        found.append(case)

    with drawn_by_the_seed_alone():
        collect()
    return found


@dataclass
class Clock:
    """Adds up the processor time of each stage, in seconds."""

    costs: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    def timed(self, stage: str, work: Callable[..., T], *arguments: Any) -> T:
        """Return what the work returns; its time is the stage's."""
        started = process_time()
        found = work(*arguments)
        self.costs[stage] += process_time() - started
        return found


def verify(case: Case, backend: NumpyBackend, clock: Clock) -> Kind:
    """Take the case through every stage; return the kind of its verdict."""
    arrays = clock.timed("arrays", make_arrays, case)
    expected = clock.timed("oracle", _expected, case, arrays)
    outcome = clock.timed("backend", perform, backend, case.problem, arrays)
    trial = Trial(case, expected, outcome, backend.accumulators)
    verdict = clock.timed("judging", judge, trial)
    clock.timed("recording", _recorded, Examined(trial, arrays, verdict))
    return verdict.kind


def _expected(case: Case, arrays: Arrays) -> Expectation | InvalidProblem:
    """Return the expectation with its elements computed, which else the judge would ask for."""
    try:
        expected = expectation(case.problem, arrays, seed=case.seed)
    except InvalidProblem as broken:
        return broken
    _ = expected.exact if case.fill == "real" else (expected.y, expected.indices)
    return expected


def _recorded(examined: Examined) -> str:
    return to_line(record_of(examined, "explored"))


@dataclass
class Timed:
    """A list of cases, what drawing it cost, and what each repeat cost by stage, in seconds."""

    name: str
    cases: list[Case]
    drawing: float = 0.0
    repeats: list[dict[str, float]] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def repeat(self, backend: NumpyBackend) -> None:
        """Verify every case once more; nothing is remembered from the repeat before."""
        clock = Clock()
        for function in (axes_of, dy_shape, output_shape):
            function.cache_clear()
        for case in self.cases:
            fresh = Case(replace(case.problem), case.fill, case.seed)  # with no line written yet
            if verify(fresh, backend, clock) is not Kind.AGREES:
                self.differing.append(case.line)
        clock.costs["drawing"] = self.drawing
        self.repeats.append(clock.costs)

    def rate(self, stages: Sequence[str]) -> float:
        """Return the median of the cases verified in a second, if only these stages cost time."""
        sums = (sum(costs[stage] for stage in stages) for costs in self.repeats)
        return median(len(self.cases) / one for one in sums)

    def shares(self) -> list[float]:
        """Return the part of each stage in the time of all repeats."""
        sums = [sum(costs[stage] for costs in self.repeats) for stage in STAGES]
        return [one / sum(sums) for one in sums]


def table(lists: Sequence[Timed]) -> str:
    """Return the rates and the shares as text."""
    words = [f"{'':20}{'cases':>8}{'per s and core':>16}{'without drawing':>17}"]
    words += [
        f"{one.name:20}{len(one.cases):8,}{one.rate(STAGES):16,.0f}{one.rate(STAGES[1:]):17,.0f}"
        for one in lists
    ]
    words += ["", f"{'per cent of the time':20}" + "".join(f"{stage:>11}" for stage in STAGES)]
    words += [
        f"{one.name:20}" + "".join(f"{100 * share:11.1f}" for share in one.shares())
        for one in lists
    ]
    return "\n".join(words)


def profile(lists: Sequence[Timed], backend: NumpyBackend) -> None:
    """Print the functions in which most of the time of one more repeat is spent."""
    for one in lists:
        print(f"\n{one.name}, under the profiler")
        with cProfile.Profile() as found:
            one.repeat(backend)
        pstats.Stats(found).strip_dirs().sort_stats("tottime").print_stats(20)


def main() -> int:
    """Time both lists in turns and print the table; return the exit status."""
    parser = argparse.ArgumentParser(description="Cases verified in a second on one core.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--least", type=float, default=0.0, help="tiny cases in a second")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    backend = NumpyBackend()
    lists = [Timed("tiny", tiny_cases()), Timed("default run", *default_cases())]
    for _ in range(options.repeats):
        for one in lists:
            one.repeat(backend)
    print(table(lists))
    if options.profile:
        profile(lists, backend)
    differing = sorted({line for one in lists for line in one.differing})
    print(*(f"does not agree: {line}" for line in differing), sep="\n", end="")
    return int(bool(differing) or lists[0].rate(STAGES) < options.least)


if __name__ == "__main__":
    sys.exit(main())
