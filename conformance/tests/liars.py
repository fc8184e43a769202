"""Deliberately wrong backends: each tells one lie that a real implementation could tell.

A lie is a function of a problem and its arrays, registered for the ops it lies about. Its
docstring says the lie, its `clauses` are the labels that a right verdict may name.
The honest part is our own kernel: mostly given wrong arguments, else its answer is changed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from forms import FORMS

from convformance.backend import Array, Arrays
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench, Examined
from convformance.diagnosis import diagnose
from convformance.explore import first_news
from convformance.kernel.geometry import Axis, axes_of
from convformance.kernel.windows import taps, windows
from convformance.plan import EXPLORATIONS, Exploration
from convformance.problem import DTYPES, EXTRAS, Problem
from convformance.refusals import ASKED, refusals
from convformance.verdict import Kind

Lie = Callable[[Problem, Arrays], Any]
ANY = ""  # stands for every op
HONEST = NumpyBackend()


@dataclass(frozen=True)
class Liar:
    """A backend that lies about one op, in some dtypes, and is honest elsewhere."""

    name: str
    lie: str
    op: str
    clauses: tuple[str, ...]
    kinds: tuple[Kind, ...]
    dtypes: tuple[str, ...]
    tell: Lie
    where: str = ""  # a word of the explorations that hear it; elsewhere it is honest
    form: str = ""  # one of FORMS, of which alone it lies
    version = "1"
    accumulators = HONEST.accumulators
    knows = (*EXTRAS, "padding")

    @property
    def slug(self) -> str:
        """The lie's name, without the op's."""
        return self.name.rpartition(" ")[2]

    def run(self, problem: Problem, arrays: Arrays) -> Any:
        with np.errstate(all="ignore"):
            if self.speaks_of(problem):
                return self.tell(problem, arrays)
            return honest(problem, arrays)

    def speaks_of(self, problem: Problem) -> bool:
        """Whether the problem is of those that it lies about."""
        if self.op not in (problem.op, ANY) or problem.dtype not in self.dtypes:
            return False
        return not self.form or FORMS[self.form](problem)

    def may_show_in(self, exploration: Exploration) -> bool:
        """Whether the lie can be told there at all; elsewhere the answers are the honest ones."""
        if exploration.op not in (self.op, ANY):
            return False
        if exploration.area == "invalid":
            return Kind.ACCEPTS in self.kinds
        if self.where not in f"{exploration.area} {exploration.name}":
            return False
        return self.kinds != (Kind.ACCEPTS,) and bool(set(exploration.dtypes) & set(self.dtypes))


LIARS: list[Liar] = []
DIAGNOSES: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("diagnoses.toml").read_text(encoding="utf-8")
)


def liar(
    ops: str,
    clauses: str,
    *kinds: Kind,
    dtypes: tuple[str, ...] = DTYPES,
    where: str = "",
    form: str = "",
) -> Callable[[Lie], Lie]:
    """Register one liar for each op; without kinds the lie shows in values."""

    def register(tell: Lie) -> Lie:
        for op in ops.split() or [ANY]:
            name = f"{op} {tell.__name__}".strip().replace("_", "-")
            lie = " ".join((tell.__doc__ or "").split())
            labels = tuple(clauses.split())
            told = kinds or (Kind.VALUE,)
            LIARS.append(Liar(name, lie, op, labels, told, dtypes, tell, where, form))
        return tell

    return register


@dataclass(frozen=True)
class Catch:
    """Where a default run of the liar's op catches it, and after how many cases."""

    exploration: str
    cases: int
    examined: Examined


def hunt(backend: Liar, *, shrink: bool = True) -> Catch | None:
    """Return the first news of the default explorations of the liar's op, in their order.

    What an exploration draws hangs on its name alone, so those that only hear honest answers
    are counted and not run. Without `shrink` the news is as it was met.
    """
    bench = Bench(backend, seed=1)
    cases = 0
    for one in EXPLORATIONS:
        if one.op not in (backend.op, ANY):
            continue
        drawn, found = one.examples, None
        if backend.may_show_in(one):
            drawn, found = first_news(
                bench,
                one.strategy,
                one.examples,
                one.name,
                by_margin=one.area == "accuracy",
                shrink=shrink,
            )
        cases += drawn
        if found:
            return Catch(one.name, cases, found)
    return refused_too_little(backend, bench, cases) if Kind.ACCEPTS in backend.kinds else None


def refused_too_little(backend: Liar, bench: Bench, cases: int) -> Catch | None:
    """Return the first news of the table of refusals of the liar's op."""
    for asked in ASKED:
        if asked.op not in (backend.op, ANY):
            continue
        for case in refusals(asked):
            cases += 1
            examined = bench.examine(case)
            if bench.is_news(examined):
                return Catch(f"refusals {asked.name}", cases, examined)
    return None


def diagnosed(backend: Liar, catch: Catch) -> list[str]:
    """Return the names of the faults that explain what was caught, sought one by one."""
    with np.errstate(all="ignore"):
        found = diagnose(backend, catch.examined.case, pairs=0, regions=False)
    return [one.name for some in found.faults for one in some] if found else []


def may_be(backend: Liar) -> set[str]:
    """Return the faults that the liar may be said to have."""
    return set(DIAGNOSES.get(backend.slug, ()))


def table() -> str:
    """Return a Markdown table of every liar: its lie, the verdict, the clause, the cases, why."""
    rows = [
        "| liar | lie | verdict | clause | cases it took | diagnosis |",
        "|---|---|---|---|---:|---|",
    ]
    tally = {"right": 0, "unexplained": 0, "wrong": 0}
    for one in LIARS:
        catch = hunt(one)
        told = ("not caught", "", "", "")
        if catch:
            verdict, names = catch.examined.verdict, diagnosed(one, catch)
            how = "unexplained" if not names else "right" if set(names) <= may_be(one) else "wrong"
            tally[how] += 1
            told = (str(verdict.kind), f"[{verdict.clause}]", str(catch.cases), ", or ".join(names))
        rows.append(f"| {' | '.join((one.name, one.lie, *told))} |")
    counts = ", ".join(f"{many} {how}" for how, many in tally.items())
    return "\n".join([f"Diagnoses: {counts}", "", *rows])


# The honest part, and ways to spoil it.


def honest(problem: Problem, arrays: Arrays, **wrong: Any) -> dict[str, Array]:
    """Return our kernel's answer, to a problem with some attributes wrong."""
    return dict(HONEST.run(replace(problem, **wrong), arrays).arrays)


def changed(problem: Problem, arrays: Arrays, change: Callable[[Array], Array]) -> dict[str, Array]:
    """Return the honest answer with every array of it changed."""
    return {name: change(array) for name, array in honest(problem, arrays).items()}


def with_y(problem: Problem, arrays: Arrays, y: Array) -> dict[str, Array]:
    """Return the honest answer with another y, in the dtype of the honest one."""
    answer = honest(problem, arrays)
    return {**answer, "y": np.asarray(y).astype(answer["y"].dtype)}


def misread(problem: Problem, arrays: Arrays, **wrong: Any) -> dict[str, Array]:
    """Return the answer to wrong attributes, cut or filled with zeros to the right shape."""
    shape = honest(problem, arrays)["y"].shape
    return {name: fitted(array, shape) for name, array in honest(problem, arrays, **wrong).items()}


def fitted(array: Array, shape: tuple[int, ...]) -> Array:
    out = np.zeros(shape, array.dtype)
    common = tuple(slice(min(sizes)) for sizes in zip(array.shape, shape, strict=True))
    out[common] = array[common]
    return out


def ones(problem: Problem) -> tuple[int, ...]:
    return (1,) * problem.rank


def spatial(problem: Problem) -> tuple[int, ...]:
    """Return the positions of the spatial axes in an array."""
    return tuple(range(2, 2 + problem.rank))


def axes(problem: Problem, x: Array) -> tuple[Axis, ...]:
    return axes_of(
        x,
        problem.kernel_size,
        stride=problem.stride,
        padding=problem.padding,
        dilation=problem.dilation,
        ceil_mode=problem.ceil_mode,
    )


def pairs(problem: Problem, arrays: Arrays) -> tuple[tuple[int, int], ...]:
    """Return the padding of each axis as numbers."""
    return tuple((axis.before, axis.after) for axis in axes(problem, arrays["x"]))


def on_canvas(problem: Problem, arrays: Arrays, fill: float, **wrong: Any) -> dict[str, Array]:
    """Return the answer to an input whose padding and overrun are samples that read `fill`."""
    x = arrays["x"]
    wide = [
        (axis.before, max(axis.padded, axis.reach) - axis.before - axis.size)
        for axis in axes(problem, x)
    ]
    canvas = np.pad(x, [(0, 0), (0, 0), *wide], constant_values=np.asarray(fill, x.dtype))
    wrong = {"padding": "valid", "ceil_mode": False} | wrong
    return honest(problem, {**arrays, "x": canvas}, **wrong)


def lowest(x: Array) -> float:
    """Return what never wins a maximum."""
    return np.iinfo(x.dtype).min if x.dtype.kind == "i" else -np.inf


def tapped(
    problem: Problem, x: Array, fill: float, dtype: Any
) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yield each tap with the samples under it."""
    found = axes(problem, x)
    return taps(windows(x, found, fill, np.dtype(dtype)), found)


def summed(problem: Problem, arrays: Arrays, dtype: Any = np.float64) -> Array:
    """Return the sum of each window, weighted where there are weights, kept in the dtype."""
    total = np.zeros((), dtype)
    for k, samples in tapped(problem, arrays["x"], 0, dtype):
        weight = arrays["w"][k].astype(dtype) if "w" in arrays else np.ones((), dtype)
        total = (total + weight * samples).astype(dtype)
    return total


def converted(problem: Problem, arrays: Arrays, dtype: str) -> Array:
    """Return y of the same problem computed in another dtype."""
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    return honest(problem, arrays, dtype=dtype)["y"]


def convolved(
    problem: Problem, arrays: Arrays, times: Callable[[Array, Array], Array], dtype: Any
) -> Array:
    """Return a convolution whose products and sums are made one by one in the dtype."""
    x, w = arrays["x"].astype(dtype), arrays["w"].astype(dtype)
    M, depth = w.shape[:2]
    group = np.arange(M) // (M // problem.groups)
    y = np.zeros(honest(problem, arrays)["y"].shape, dtype)
    under = tapped(problem, x, 0, dtype) if problem.op == "conv" else iter([((), x)])
    for k, samples in under:
        for c in range(depth):
            weight = w[(slice(None), c, *k)].reshape(-1, *ones(problem))
            y = (y + times(weight, samples[:, group * depth + c])).astype(dtype)
    if "bias" in arrays:
        y = (y + arrays["bias"].astype(dtype).reshape(-1, *ones(problem))).astype(dtype)
    return y


def is_whole(arrays: Arrays) -> bool:
    """Whether all inputs are whole numbers."""
    wide = (array.astype(np.float64) for array in arrays.values())
    return all(bool((array == np.trunc(array)).all()) for array in wide)


CONVS = "conv conv1x1"
WINDOWED = "conv max_pool avg_pool lp_pool distance_pool"
POOLS = "max_pool avg_pool lp_pool distance_pool"
EVERY = "conv conv1x1 max_pool avg_pool lp_pool distance_pool"
FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "int32", "int64")
