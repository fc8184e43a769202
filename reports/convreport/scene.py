"""What a window player shows: the arrays of one case as words, and the taps of each window."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from convformance.backend import Array
from convformance.evidence import LARGEST_SHOWN, word
from convformance.expect import broken_clause, numpy_dtype
from convformance.fills import make_arrays
from convformance.meaning import input_shapes, operation, output_shape
from convformance.problem import Case, LineError, Problem
from convformance.runfile import ArrayText, Finding
from convformance.sizes import axes_of
from convformance.verdict import Kind
from convoracle import Axis, Operation
from convoracle.exact import Number, is_nan
from convoracle.tensor import Position, flat_index, positions
from convoracle.window import readers

PLAYED = (
    "conv", "conv1x1", "depthwise_conv", "max_pool", "avg_pool", "lp_pool", "distance_pool",
    "conv_transpose",
)  # fmt: skip
MOST_CELLS = 1200  # of one picture; what has more is not drawn
MOST_RANK = 3
_NUMBER = re.compile(r"-?(\d+(\.\d*)?(e[+-]?\d+)?|inf)|nan")
_WORD = re.compile(r"[!-~]{1,40}")


@dataclass(frozen=True)
class Words:
    """An array as a flat row of its elements' words."""

    shape: tuple[int, ...]
    words: tuple[str, ...]

    def at(self, position: Sequence[int]) -> str | None:
        """Return the word of an element, None where there is none of that position."""
        if len(position) != len(self.shape):
            return None
        if not all(0 <= i < size for i, size in zip(position, self.shape, strict=True)):
            return None
        return self.words[flat_index(position, self.shape)]

    @property
    def packed(self) -> list[Any]:
        """The shape, and the words with spaces between them: for the script of the page."""
        return [list(self.shape), " ".join(self.words)]


@dataclass(frozen=True)
class Read:
    """One tap of a window: the channel, where it lies, what it reads and by which weight."""

    channel: int
    place: Position  # along each spatial axis; may lie outside the input
    kind: str  # t over a sample, q over padding or a hole, v past the padded input
    sample: int | None  # flat in the whole input
    weight: int | None  # flat in all weights


@dataclass(frozen=True)
class Scene:
    """A case with its arrays: everything that its player needs."""

    problem: Problem
    inputs: Mapping[str, Words]
    expected: Words
    got: Words | None
    indices: tuple[Words, Words] | None  # expected and got, where they are asked for
    wrong: tuple[int, ...]  # flat positions of the elements that differ
    start: int  # the flat position that is shown first

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """How the windows slide; those of conv_transpose slide over the output."""
        return axes_of(self.problem)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """The number of windows along each axis."""
        if self.is_spread:
            return self.problem.x[2:]
        return tuple(axis.count for axis in self.axes)

    @property
    def is_spread(self) -> bool:
        """Whether the windows lie over the output, not over the input."""
        return self.problem.op == "conv_transpose"

    @cached_property
    def operation(self) -> Operation:
        """The oracle's op on these arrays."""
        return operation(self.problem, {name: self._array(name) for name in self.inputs})

    def _array(self, name: str) -> Array:
        held = self.inputs[name]
        dtype = numpy_dtype(self.problem.dtype)
        read = float if self.problem.is_float else int
        return np.array([read(one) for one in held.words]).astype(dtype).reshape(held.shape)

    def number(self, name: str, flat: int) -> Number:
        """Return an element of an input as the oracle takes it."""
        read: Number = self._numbers[name][flat]
        return read

    @cached_property
    def _numbers(self) -> dict[str, list[Number]]:
        arrays = {name: self._array(name) for name in self.inputs}
        kind = float if self.problem.is_float else int
        return {name: [kind(one) for one in array.ravel()] for name, array in arrays.items()}

    @property
    def depth(self) -> int:
        """How many input channels one output reads."""
        return {
            "conv": (*self.problem.w, 0, 0)[1],
            "conv1x1": self.problem.x[1],
            "conv_transpose": self.problem.x[1] // max(1, self.problem.groups),
        }.get(self.problem.op, 1)

    def first_channel(self, m: int) -> int:
        """Return the first input channel that output channel m reads."""
        problem, M = self.problem, self.expected.shape[1]
        if problem.op == "depthwise_conv":
            return m // problem.w[1]
        if problem.op.endswith("_pool"):
            return m
        return m // (M // problem.groups) * self.depth

    def item(self, position: Position) -> int:
        """Return the item of the input that an output reads."""
        n, m, *_ = position
        parts = self.problem.batch_groups
        return n + m // (self.expected.shape[1] // parts) * (self.problem.x[0] // parts)

    def weight(self, m: int, c: int, tap: int) -> int | None:
        """Return the flat position of the weight that channel c (of the depth) meets at a tap."""
        taps = prod(self.problem.kernel_size)
        if self.problem.op in ("max_pool", "avg_pool", "lp_pool"):
            return None
        if self.problem.op == "distance_pool":
            return tap
        if self.problem.flip:
            tap = taps - 1 - tap
        if self.is_spread:
            width = self.problem.w[1]
            return ((m // width * self.depth + c) * width + m % width) * taps + tap
        return (m * self.depth + c) * taps + tap

    def reads(self, position: Position) -> Iterator[Read]:
        """Yield the taps of an output element, channel by channel."""
        m = position[1]
        first, n = self.first_channel(m), self.item(position)
        window = list(self._window(position[2:]))
        for c in range(self.depth):
            for tap, place, under in window:
                sample, kind = None, "q"
                if under is not None:
                    sample = flat_index((n, first + c, *under), self.problem.x)
                    kind = "t"
                elif not all(a.pads(i) for a, i in zip(self.axes, place, strict=True)):
                    kind = "v"
                yield Read(first + c, place, kind, sample, self.weight(m, c, tap))

    def _window(self, o: Position) -> Iterator[tuple[int, Position, Position | None]]:
        """Yield tap, place and sample of a window."""
        if self.is_spread:
            for place, tap in self._touching(o):
                yield tap, place, place
            return
        for tap, ks in enumerate(positions([axis.kernel_size for axis in self.axes])):
            place = tuple(a.position(j, k) for a, j, k in zip(self.axes, o, ks, strict=True))
            under = [a.sample(i) for a, i in zip(self.axes, place, strict=True)]
            found = tuple(i for i in under if i is not None)
            yield tap, place, found if len(found) == len(under) else None

    @cached_property
    def _touching(self) -> Any:
        return readers(self.axes, self.counts)

    @cached_property
    def bounds(self) -> tuple[range, ...]:
        """The positions of the input that are drawn along each axis: samples, padding, taps."""
        if self.is_spread:
            return tuple(range(count) for count in self.counts)
        found = []
        for axis, count in zip(self.axes, self.counts, strict=True):
            last = axis.position(max(0, count - 1), axis.kernel_size - 1) if count else 0
            low = min(0, -axis.before)
            found.append(range(low, max(axis.spread, axis.spread + axis.after, last + 1)))
        return tuple(found)

    @property
    def cells(self) -> int:
        """How many cells one picture has."""
        sheets = self.depth * (prod(map(len, self.bounds)) + prod(self.problem.kernel_size))
        return sheets + 2 * prod(self.expected.shape[2:])

    @property
    def position(self) -> Position:
        """The output position that is shown first."""
        return tuple(int(i) for i in np.unravel_index(self.start, self.expected.shape))

    @property
    def data(self) -> str:
        """What the script of the page needs, as JSON that is fit to stand inside a script tag."""
        problem = self.problem
        values: dict[str, Any] = {
            "op": problem.op,
            "dtype": problem.dtype,
            "out": problem.answer_dtype,
            "axes": [
                [a.size, count, a.kernel_size, a.stride, a.dilation, a.before, a.after]
                for a, count in zip(self.axes, self.counts, strict=True)
            ],
            "holes": [a.input_dilation for a in self.axes],
            "at": self.start,
            **{name: held.packed for name, held in self.inputs.items()},
            "expected": self.expected.packed,
            "wrong": list(self.wrong),
        }
        for name, default in (("groups", 1), ("batch_groups", 1), ("flip", False),
                              ("count_include_pad", False)):  # fmt: skip
            if getattr(problem, name) != default:
                values[name] = getattr(problem, name)
        if problem.padding_mode != "zeros":
            values["mode"] = problem.padding_mode
        if problem.op == "lp_pool":
            values["p"] = "inf" if problem.p == float("inf") else problem.p
        if self.got:
            values["got"] = self.got.packed
        if self.indices:
            values["indices"] = [one.packed for one in self.indices]
        text = json.dumps(values, separators=(",", ":"), allow_nan=False)
        return text.replace("<", "\\u003c")


def scene_of(finding: Finding) -> Scene | None:
    """Return the scene of a finding; None where a player could not show it, or not truly."""
    if finding.verdict == Kind.LAW or finding.op not in PLAYED:
        return None
    try:
        problem = Case.parse(finding.line).problem
    except (LineError, ValueError):
        return None
    expected, got = (_words(arrays.get("y")) for arrays in (finding.expected, finding.got))
    inputs = {name: _words(text, _NUMBER) for name, text in finding.inputs.items()}
    if expected is None or got is None or not _fits(problem, expected):
        return None
    held = {name: one for name, one in inputs.items() if one is not None}
    if {name: one.shape for name, one in held.items()} != dict(input_shapes(problem)):
        return None
    pairs = [_words(arrays.get("indices")) for arrays in (finding.expected, finding.got)]
    indices = (pairs[0], pairs[1]) if pairs[0] and pairs[1] else None
    wrong = tuple(flat_index(at, expected.shape) for at in _positions(finding, expected.shape))
    scene = Scene(problem, held, expected, got, indices, wrong, wrong[0] if wrong else 0)
    return scene if _true(scene) else None


def scene_of_problem(problem: Problem) -> Scene | None:
    """Return the scene of a problem on whole numbers; None where a player could not show it."""
    if problem.op not in PLAYED or problem.grad or problem.is_complex or broken_clause(problem):
        return None
    shape = output_shape(problem)
    if max(prod(shape), *map(prod, input_shapes(problem).values())) > LARGEST_SHOWN:
        return None
    arrays = make_arrays(Case(problem, "integers", 0))
    inputs = {
        name: Words(array.shape, tuple(word(one) for one in array.ravel()))
        for name, array in arrays.items()
    }
    op = operation(problem, arrays)
    expected = Words(tuple(shape), tuple(word(op.value(at)) for at in positions(shape)))
    if not expected.words or not _fits(problem, expected):
        return None
    scene = Scene(problem, inputs, expected, None, None, (), 0)
    return scene if scene.cells <= MOST_CELLS else None


def _fits(problem: Problem, expected: Words) -> bool:
    """Whether the problem is one that a player can draw, and this its output."""
    if problem.grad or problem.is_complex or broken_clause(problem):
        return False
    shaped = expected.shape == tuple(output_shape(problem))
    return shaped and prod(expected.shape) > 0 and 1 <= problem.rank <= MOST_RANK


def _true(scene: Scene) -> bool:
    """Whether the oracle gives the expected words on these arrays: else nothing is shown."""
    if scene.cells > MOST_CELLS:
        return False
    last = prod(scene.expected.shape) - 1
    for flat in sorted({0, scene.start, last}):
        at = tuple(int(i) for i in np.unravel_index(flat, scene.expected.shape))
        value = scene.operation.value(at)
        told = scene.expected.words[flat]
        if not _NUMBER.fullmatch(told) or not _same(value, told, scene.problem.answer_dtype):
            return False
    return True


def _same(value: Number, told: str, dtype: str) -> bool:
    if dtype.startswith(("int", "uint")):
        return told.lstrip("-").isdigit() and int(told) == value
    read = float(np.array(float(told)).astype(numpy_dtype(dtype)))
    return read == float(value) or (is_nan(read) and is_nan(value))


def _positions(finding: Finding, shape: Sequence[int]) -> Iterator[Position]:
    """Yield the positions that differ, those of y first."""
    for name in ("y", "indices"):
        for output, position in finding.wrong:
            fits = len(position) == len(shape) and all(
                isinstance(i, int) and 0 <= i < size
                for i, size in zip(position, shape, strict=False)
            )
            if output == name and fits:
                yield tuple(position)


def _words(text: ArrayText | None, form: re.Pattern[str] = _WORD) -> Words | None:
    """Return an array's words; None if one is none, or if they do not fill the shape."""
    if text is None or text.values is None:
        return None
    shape = tuple(text.shape)
    found = tuple(_flat(text.values))
    fits = all(isinstance(one, str) and form.fullmatch(one) for one in found)
    return Words(shape, found) if fits and len(found) == prod(shape) else None


def _flat(values: Any) -> Iterator[Any]:
    for part in values if isinstance(values, list | tuple) else ():
        if isinstance(part, list | tuple):
            yield from _flat(part)
        else:
            yield part
