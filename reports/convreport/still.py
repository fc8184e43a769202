"""The first picture of a window player, which also stands there without JavaScript."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from convformance.evidence import word
from convoracle.exact import Number, as_floats, exact_sum, lift, size
from convoracle.tensor import Position, flat_index
from convreport.scene import Read, Scene, Words

MOST_TERMS = 24  # that the picture lists; the script lists all
MOST_TOLD = 8  # that the sentence names
TAPPED = {"": "t", "p": "q", "x": "v"}  # a sample, padding, what lies past both
CHOSEN = {"": "o", "w": "z"}  # an element of the output, one that differs


@dataclass(frozen=True)
class Cell:
    """One cell of a sheet; `kind` is its class: see TAPPED and CHOSEN."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Sheet:
    """One grid: a channel, or a slice of one."""

    label: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Term:
    """One number under the window: where it comes from, how it is made, and the total so far."""

    reads: str
    told: str
    running: str


@dataclass(frozen=True)
class Still:
    """Everything that is drawn of one output position."""

    boards: tuple[tuple[str, tuple[Sheet, ...]], ...]
    running: str  # what the totals are: a sum or a maximum
    terms: tuple[Term, ...]
    more: int  # terms that are not listed
    said: str


def still(scene: Scene, position: Position | None = None) -> Still:
    """Return the picture of an output position; of the one that is shown first by default."""
    at = scene.position if position is None else position
    reads = list(scene.reads(at))
    boards = [("input", tuple(_input(scene, at, reads)))]
    weights = tuple(_weights(scene, at[1], reads))
    if weights:
        boards.append(("weights", weights))
    boards.append(("expected", tuple(_output(scene, scene.expected, at))))
    if scene.got:
        boards.append(("got", tuple(_output(scene, scene.got, at))))
    terms = list(_terms(scene, at, reads))
    totals = [
        _total(scene, [one for _, _, one in terms[: i + 1]])
        for i in range(min(len(terms), MOST_TERMS))
    ]
    tell = partial(shown, is_whole=not scene.problem.is_float)
    listed = tuple(
        Term(place, told if told == tell(value) else f"{told} = {tell(value)}", tell(total))
        for (place, told, value), total in zip(terms, totals, strict=False)
    )
    more = len(terms) - len(listed)
    return Still(tuple(boards), _running(scene), listed, more, _said(scene, at, reads, terms))


def shown(number: Number, *, is_whole: bool = False) -> str:
    """Return a number in words; of a float dtype, one with more bits is rounded to a float."""
    return str(number) if is_whole else word(as_floats([number])[0])


def _total(scene: Scene, terms: Sequence[Number]) -> Number:
    total = scene.operation.combine(terms)
    return total if _running(scene) == "maximum" else total + 0  # a sum of zeros is plain zero


def _running(scene: Scene) -> str:
    is_largest = scene.problem.op == "max_pool" or scene.problem.p == math.inf
    return "maximum" if is_largest else "sum"


def _terms(scene: Scene, at: Position, reads: Sequence[Read]) -> Iterator[tuple[str, str, Number]]:
    """Yield of each term what it reads, how it is written, and its value."""
    problem = scene.problem
    takes_padding = not problem.op.endswith("_pool") or (
        problem.op == "distance_pool" and problem.count_include_pad
    )
    for one in reads:
        if one.kind == "t" or (takes_padding and one.kind == "q"):
            yield _label(scene, one), *_value(scene, one)
    if problem.bias:
        yield f"bias[{at[1]}]", scene.inputs["bias"].words[at[1]], scene.number("bias", at[1])


def _label(scene: Scene, one: Read) -> str:
    if one.sample is None:
        inside = all(0 <= i < a.spread for a, i in zip(scene.axes, one.place, strict=True))
        return "hole" if inside else "padding"
    return f"x[{', '.join(map(str, _position(one.sample, scene.problem.x)))}]"


def _position(flat: int, shape: Sequence[int]) -> Position:
    found: list[int] = []
    for length in reversed(shape):
        flat, i = divmod(flat, length)
        found.append(i)
    return tuple(reversed(found))


def _value(scene: Scene, one: Read) -> tuple[str, Number]:
    sample = 0 if one.sample is None else scene.number("x", one.sample)
    told = "0" if one.sample is None else scene.inputs["x"].words[one.sample]
    if scene.problem.op == "lp_pool":
        p = 1 if scene.problem.p == math.inf else int(scene.problem.p)
        return f"|{told}|" + (f"^{p}" if p > 1 else ""), size(lift(sample)) ** p
    if one.weight is None:
        return told, sample
    weight = scene.number("w", one.weight)
    value = lift(sample) * lift(weight)
    if value == 0 and isinstance(weight, float):
        value = float(sample) * weight  # a zero has a sign
    return f"{told} * {scene.inputs['w'].words[one.weight]}", value


def _said(
    scene: Scene, at: Position, reads: Sequence[Read], terms: Sequence[tuple[str, str, Number]]
) -> str:
    """Return the sentence: "output [0, 1, 3]: 3 * 2 + ... = 7, got 9"."""
    expected = scene.expected.at(at)
    # What a division or a root makes is told rounded, a sum also before it is.
    is_sum = terms and not scene.problem.op.endswith("_pool")
    total = expected
    if is_sum:
        exact = _total(scene, [one for _, _, one in terms])
        total = shown(exact, is_whole=not scene.problem.is_float)
    words = [f"bias {told}" if name.startswith("bias") else told for name, told, _ in terms]
    text = f"output [{', '.join(map(str, at))}]: {_sum(scene, reads, words)} = {total}"
    if total != expected:
        text += f", as {scene.problem.answer_dtype} {expected}"
    if scene.got:
        text += f", got {scene.got.at(at) or 'no such element'}"
    if scene.indices:
        due, given = (one.at(at) for one in scene.indices)
        text += f"; index {due}, got {given or 'none'}"
    return text


def _sum(scene: Scene, reads: Sequence[Read], words: Sequence[str]) -> str:
    problem = scene.problem
    if not words:
        return "no sample"
    is_largest = _running(scene) == "maximum"
    listed = list(words[:MOST_TOLD])
    if len(words) > MOST_TOLD:
        listed.append(f"... {len(words) - MOST_TOLD} more")
    if is_largest:
        return f"max({', '.join(listed)})"
    text = " + ".join(listed)
    if problem.op == "lp_pool":
        return f"({text})^(1/{problem.p})" if problem.p != 1 else text
    if problem.op in ("avg_pool", "distance_pool"):
        return f"({text}) / {shown(_divisor(scene, reads))}"
    return text


def _divisor(scene: Scene, reads: Sequence[Read]) -> Number:
    """[avg.divisor] [distance.divisor] What the sum is divided by: taps, or their weights."""
    kinds = ("t", "q") if scene.problem.count_include_pad else ("t",)
    counted = [one for one in reads if one.kind in kinds]
    if scene.problem.op == "avg_pool":
        return len(counted)
    return exact_sum([scene.number("w", one.weight) for one in counted if one.weight is not None])


def _input(scene: Scene, at: Position, reads: Sequence[Read]) -> Iterator[Sheet]:
    n, first = scene.item(at), scene.first_channel(at[1])
    tapped = {one.place for one in reads}
    *slices, rows, columns = (range(1), *scene.bounds)[-max(2, len(scene.bounds)) :]
    rank = len(scene.bounds)
    for c in range(first, first + scene.depth):
        for lead in product(*slices):
            grid = tuple(
                tuple(
                    _cell(scene, (n, c), (*lead, row, column)[-rank:], tapped) for column in columns
                )
                for row in rows
            )
            yield Sheet(_at("x", (n, c), lead), grid)


def _at(name: str, channels: Position, lead: Position) -> str:
    """Return what a sheet is called: its channel, and its depth if it is a slice."""
    label = f"{name}[{', '.join(map(str, channels))}]" if channels else name
    return f"{label} d={lead[0]}" if lead else label


def _cell(scene: Scene, lead: Position, place: Position, tapped: set[Position]) -> Cell:
    problem = scene.problem
    kind, text = "", ""
    if scene.is_spread:
        text = scene.inputs["x"].words[flat_index((*lead, *place), problem.x)]
    else:
        pairs = list(zip(scene.axes, place, strict=True))
        under = [axis.sample(i) for axis, i in pairs]
        found = [i for i in under if i is not None]
        if len(found) == len(under):
            text = scene.inputs["x"].words[flat_index((*lead, *found), problem.x)]
            kind = "" if all(0 <= i < axis.spread for axis, i in pairs) else "p"
        else:
            kind = "p" if all(axis.pads(i) for axis, i in pairs) else "x"
            text = "0" if kind == "p" and problem.op.endswith("conv") else ""
    return Cell(text, TAPPED[kind] if place in tapped else kind)


def _weights(scene: Scene, m: int, reads: Sequence[Read]) -> Iterator[Sheet]:
    if "w" not in scene.inputs:
        return
    problem, words = scene.problem, scene.inputs["w"].words
    used = {one.weight for one in reads} if scene.is_spread else set()
    *slices, rows, columns = (1, *problem.kernel_size)[-max(2, problem.rank) :]
    plane = rows * columns
    for c in range(scene.depth):
        first = scene.weight(m, c, 0) or 0
        if problem.flip:  # tap 0 meets the last weight
            first -= math.prod(problem.kernel_size) - 1
        for i in range(math.prod(slices)):
            starts = range(first + i * plane, first + (i + 1) * plane, columns)
            grid = tuple(
                tuple(Cell(words[k], "t" if k in used else "") for k in range(at, at + columns))
                for at in starts
            )
            yield Sheet(_at("w", _channels(scene, m, c), (i,) if slices else ()), grid)


def _channels(scene: Scene, m: int, c: int) -> Position:
    """Return the leading positions of the weights that channel c of the depth meets."""
    problem = scene.problem
    if problem.op == "distance_pool":
        return ()
    if problem.op == "depthwise_conv":
        return divmod(m, problem.w[1])
    if scene.is_spread:
        return scene.first_channel(m) + c, m % problem.w[1]
    return m, c


def _output(scene: Scene, held: Words, at: Position) -> Iterator[Sheet]:
    """Yield the plane of the chosen element; a backend's answer may have another shape."""
    if len(held.shape) != len(at) or held.at((*at[:2], *(0 for _ in at[2:]))) is None:
        yield Sheet(f"of shape {'x'.join(map(str, held.shape)) or 'scalar'}", ())
        return
    wrong = set(scene.wrong) if held.shape == scene.expected.shape else set()
    *slices, rows, columns = (1, *held.shape[2:])[-max(2, len(at) - 2) :]
    rank = len(at) - 2
    for lead in product(*map(range, slices)):
        grid = []
        for row in range(rows):
            cells = []
            for column in range(columns):
                place = (*at[:2], *(*lead, row, column)[-rank:])
                flat = flat_index(place, held.shape)
                kind = "w" if flat in wrong else ""
                cells.append(Cell(held.words[flat], CHOSEN[kind] if place == at else kind))
            grid.append(tuple(cells))
        yield Sheet(_at("y", at[:2], lead), tuple(grid))
