"""Which settings give a shape: a small search around a problem, simplest change first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import combinations
from typing import Any

from convformance.meaning import output_shape
from convformance.problem import OPS, Problem
from convformance.sizes import axes_of
from convoracle import InvalidProblem
from convreport.predict import COMPUTES, predict
from convreport.profiles import load_profiles
from convreport.text import sizes

Shape = tuple[int, ...]
Alter = Callable[[Problem], Problem]
MOST = 8  # answers that are told
ENOUGH = 3  # single changes, beside which no pairs are looked for
LARGEST_PAD = 12


@dataclass(frozen=True)
class Change:
    """One change of a problem: what it alters, in words, whose convention it is, and its cost."""

    words: str
    attributes: frozenset[str]
    alter: Alter
    cost: int
    convention: str = ""


@dataclass(frozen=True)
class Answer:
    """A problem that gives the shape, and the frameworks that compute it so."""

    words: str
    line: str
    convention: str
    frameworks: tuple[str, ...]
    cost: int


@dataclass(frozen=True)
class ShapeAnswer:
    """What `--expect-shape` tells; of an invalid problem `error` says why it has no `shape`."""

    line: str
    shape: Shape
    wanted: Shape
    answers: tuple[Answer, ...]
    error: str = ""


def explain_shape(problem: Problem, wanted: Shape) -> ShapeAnswer:
    """Search for what gives the wanted shape, in the order (N, M, *output)."""
    problem = replace(problem, grad="") if problem.grad else problem
    error: str = ""
    shape: Shape = ()
    try:
        shape = output_shape(problem)
    except InvalidProblem as broken:
        error = str(broken)
    found = _searched(problem, wanted)
    kept = sorted(found, key=lambda one: one.cost)[:MOST]
    return ShapeAnswer(problem.line, shape, wanted, tuple(kept), error)


def _searched(problem: Problem, wanted: Shape) -> list[Answer]:
    singles = [_unchanged(), *sorted(_changes(problem, wanted), key=lambda one: one.cost)]
    met: set[Any] = set()
    found = [one for change in singles if (one := _tried(problem, (change,), wanted, met))]
    if len(found) < ENOUGH:
        for pair in sorted(combinations(singles[1:], 2), key=lambda two: two[0].cost + two[1].cost):
            if not pair[0].attributes & pair[1].attributes:
                one = _tried(problem, pair, wanted, met)
                found += [one] if one else []
            if len(found) >= MOST:
                break
    return found or [one for one in [_by_padding(problem, wanted)] if one]


def _unchanged() -> Change:
    return Change("as it stands", frozenset(), lambda problem: problem, 0)


def _tried(
    problem: Problem, changes: Sequence[Change], wanted: Shape, met: set[Any]
) -> Answer | None:
    """Return the answer if the changed problem gives the shape and is no other answer's twin."""
    cost = sum(change.cost for change in changes) + 2 * (len(changes) - 1)
    try:
        for change in changes:
            problem = change.alter(problem)
        shape = output_shape(problem)
    except ValueError:  # InvalidProblem, or what no line says
        return None
    alone = len(changes) == 1
    names = _computing(problem, wanted) if alone or shape == wanted else ()
    if shape != wanted and not names:
        return None
    twin = _signature(problem)
    if twin in met:
        return None
    met.add(twin)
    words = " and ".join(change.words for change in changes)
    conventions = [change.convention for change in changes if change.convention]
    if shape != wanted:
        conventions.append("these count otherwise than the specification")
    return Answer(words, problem.line, "; ".join(conventions), names, cost)


def _computing(problem: Problem, wanted: Shape) -> tuple[str, ...]:
    found = [predict(profile, problem) for profile in load_profiles().values()]
    return tuple(one.framework for one in found if one.does == COMPUTES and one.shape == wanted)


def _signature(problem: Problem) -> Any:
    """Return what makes two problems twins: the same windows on the same input."""
    axes = tuple(
        (axis.kernel_size, axis.stride, axis.dilation, axis.before, axis.after, axis.count)
        for axis in axes_of(problem)
    )
    return problem.op, problem.x, problem.w[:2], axes, problem.output, problem.layout


def _changes(problem: Problem, wanted: Shape) -> Iterator[Change]:
    """Yield single changes; what the op does not take is left out."""
    takes = OPS[problem.op]
    yield from _of_channels(problem, wanted)
    if "padding" in takes:
        yield from _of_padding(problem)
    if "ceil_mode" in takes:
        yield _of_rounding(problem)
    for name in ("stride", "dilation", "kernel", "output_padding"):
        yield from _of_numbers(problem, name)
    yield from _of_input(problem)
    yield from _of_kind(problem)


def _set(**values: Any) -> Alter:
    return lambda problem: replace(problem, **values)


def _of_channels(problem: Problem, wanted: Shape) -> Iterator[Change]:
    """The batch and the channels that the wanted shape has, in one change."""
    if len(wanted) != len(problem.x) or min(wanted[:2]) < 1:
        return
    N, M = wanted[:2]
    x, w = (N, *problem.x[1:]), problem.w
    words = [f"a batch of {N}"] if x != problem.x else []
    if problem.op in ("conv", "conv1x1") and w[0] != M:
        w = (M, *w[1:])
    elif problem.op == "conv_transpose" and w[1] * problem.groups != M:
        w = (w[0], M // max(1, problem.groups), *w[2:])
    elif not problem.w and problem.op not in ("fold", "unfold"):
        x = (N, M, *x[2:])
    if w != problem.w or x[1] != problem.x[1]:
        words.append(f"{M} {'output ' if problem.w else ''}channels")
    if words:
        yield Change(", ".join(words), frozenset({"channels"}), _set(x=x, w=w), 1)


WORDS = {
    "valid": "no padding: the default of every framework",
    "same": "SAME of TensorFlow, Keras, JAX and ONNX",
    "causal": "causal, of Keras's Conv1D",
    "full": "full, of NumPy's convolve",
}


def _of_padding(problem: Problem) -> Iterator[Change]:
    about = frozenset({"padding"})
    for word, convention in WORDS.items():
        cost = 1 if word in ("valid", "same") else 3
        if problem.padding != word:
            yield Change(f"padding={word}", about, _set(padding=word), cost, convention)
    halves = {k // 2 for k in problem.kernel_size}
    numbers = range(min(LARGEST_PAD, max(problem.kernel_size, default=1) + 1) + 1)
    for number in numbers:
        cost = 1 if {number} == halves else 2
        half = "half the kernel" if {number} == halves else ""
        pads = ((number, number),) * problem.rank
        yield Change(f"padding={number}", about, _set(padding=pads), cost, half)
    for number in numbers:
        for pair in ((number, number + 1), (number + 1, number)):
            side = "after" if pair[1] > pair[0] else "before"
            words = f"padding={pair[0]}+{pair[1]}"
            pads = (pair,) * problem.rank
            yield Change(words, about, _set(padding=pads), 3, f"the odd sample {side}")


def _of_rounding(problem: Problem) -> Change:
    is_up = not problem.ceil_mode
    convention = (
        "rounding up: Caffe's, and PyTorch's and ONNX's ceil_mode"
        if is_up
        else "rounding down: the default of PyTorch, TensorFlow, JAX and ONNX"
    )
    words = f"ceil_mode={is_up}"
    return Change(words, frozenset({"ceil_mode"}), _set(ceil_mode=is_up), 1, convention)


def _of_numbers(problem: Problem, name: str) -> Iterator[Change]:
    """Other strides, dilations, kernels and output paddings, the same on every axis or turned."""
    is_weight = name == "kernel" and "w" in OPS[problem.op] and problem.op != "conv1x1"
    if name not in OPS[problem.op] and not is_weight:
        return
    now: Shape = problem.kernel_size if name == "kernel" else getattr(problem, name)
    about = frozenset({name})
    put: Callable[[Shape], Alter] = (
        (lambda values: _set(w=(*problem.w[:2], *values)))
        if is_weight
        else (lambda values: _set(**{name: values}))
    )
    if now != now[::-1]:
        axes = "its axes turned around"
        yield Change(f"{name}={sizes(now[::-1])}", about, put(now[::-1]), 2, axes)
    if name == "kernel":
        for step in (1, -1):
            values = tuple(one + step for one in now)
            yield Change(f"kernel={_short(values)}", about, put(values), 3, "one tap more or less")
        return
    if name == "output_padding":
        most = max((*problem.stride, *problem.dilation), default=1)
        for number in range(most):
            values = (number,) * problem.rank
            yield Change(f"output_padding={number}", about, put(values), 1)
        return
    least = {"stride": (1, 2, 3, 4), "dilation": (1, 2, 3)}[name]
    for number in least:
        yield Change(f"{name}={number}", about, put((number,) * problem.rank), 2)
    if name == "stride" and problem.op.endswith("pool"):
        convention = "PyTorch's and Keras's default for pools"
        words = f"stride={_short(now := problem.kernel)}, the kernel"
        yield Change(words, about, put(now), 1, convention)


def _short(values: Shape) -> str:
    return str(values[0]) if len(set(values)) == 1 else sizes(values)


def _of_input(problem: Problem) -> Iterator[Change]:
    """The input read in the other layout, or one sample longer or shorter."""
    N, C, *spatial = problem.x
    about = frozenset({"input"})
    if spatial:
        for words, x in (
            ("the input is channels last (NHWC), read as NCHW", (N, spatial[-1], C, *spatial[:-1])),
            ("the input is channels first (NCHW), read as NHWC", (N, *spatial, C)),
        ):
            last = "channels last is the default of TensorFlow and Keras"
            yield Change(words, about, lambda problem, x=x: _with_input(problem, x), 2, last)  # type: ignore[misc]  # x is bound now
    for step in (1, -1):
        grown = tuple(size + step for size in spatial)
        words = f"an input of {sizes(grown)}"
        yield Change(words, about, lambda problem, x=(N, C, *grown): replace(problem, x=x), 3)  # type: ignore[misc]  # x is bound now


def _with_input(problem: Problem, x: Shape) -> Problem:
    """Return the problem on another input, with a weight for its channels."""
    if problem.op in ("conv", "conv1x1"):
        return replace(problem, x=x, w=(problem.w[0], x[1] // problem.groups, *problem.w[2:]))
    if problem.w:
        return replace(problem, x=x, w=(x[1], *problem.w[1:]))
    return replace(problem, x=x)


def _of_kind(problem: Problem) -> Iterator[Change]:
    """The convolution for its transpose, and the other way round."""
    if problem.op not in ("conv", "conv_transpose") or len(problem.w) < 3:
        return
    other = "conv_transpose" if problem.op == "conv" else "conv"
    w = (problem.w[1] * problem.groups, problem.w[0] // max(1, problem.groups), *problem.w[2:])
    values = {name: getattr(problem, name) for name in OPS[problem.op] if name in OPS[other]}

    def alter(changed: Problem) -> Problem:
        kept = {name: getattr(changed, name) for name in values}
        return Problem(other, **(kept | {"w": w, "dtype": changed.dtype}))

    yield Change(f"{other} instead", frozenset({"kind", "kernel", "channels", "input"}), alter, 3)


def _by_padding(problem: Problem, wanted: Shape) -> Answer | None:
    """Return the padding of each axis on its own that gives the size."""
    if "padding" not in OPS[problem.op] or len(wanted) != len(problem.x):
        return None

    @cache
    def size(a: int, total: int) -> int:
        pads = tuple((0, total) if other == a else (0, 0) for other in range(problem.rank))
        return output_shape(replace(problem, padding=pads))[2 + a]

    pads = []
    try:
        for a in range(problem.rank):
            reach = range(max(problem.kernel_size) * max(problem.dilation) * 2 + 1)
            totals = [total for total in reach if size(a, total) == wanted[2 + a]]
            if not totals:
                return None
            pads.append((totals[0] // 2, totals[0] - totals[0] // 2))
        changed = replace(problem, padding=tuple(pads))
        if output_shape(changed) != wanted:
            return None
    except ValueError:
        return None
    words = "padding=" + "x".join(f"{before}+{after}" for before, after in pads)
    return Answer(words, changed.line, "each axis on its own", _computing(changed, wanted), 9)


def shape_text(told: ShapeAnswer) -> str:
    """Return the answer as text."""
    return "\n".join(_lines(told))


def _lines(told: ShapeAnswer) -> Iterator[str]:
    yield told.line
    if told.error:
        yield f"invalid     {told.error}"
    elif told.shape == told.wanted:
        yield f"gives       {sizes(told.shape)} by the specification: it is the shape asked for"
    else:
        yield f"gives       {sizes(told.shape)} by the specification, not {sizes(told.wanted)}"
    wanted = sizes(told.wanted)
    if not told.answers:
        yield f"nothing simple gives {wanted}: no one or two changes of padding, rounding, stride,"
        yield "dilation, kernel, output padding or layout, and no padding of each axis on its own"
        return
    yield f"{wanted} comes of"
    for one in told.answers:
        names = (
            f"   {', '.join(one.frameworks)}" if one.frameworks else "   no framework as it stands"
        )
        convention = f" ({one.convention})" if one.convention else ""
        yield f"  {one.words}{convention}{names}"


def shape_json(told: ShapeAnswer) -> str:
    """Return the answer as JSON."""
    return json.dumps(asdict(told), indent=2, ensure_ascii=False)
