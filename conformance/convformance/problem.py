"""Problem and Case: frozen data, and one canonical line of text, both ways without loss.

    conv x=1x6x8x8 w=4x3x3x3 stride=2x2 padding=1+2x0 groups=2 bias float32 fill=integers#7

Sizes are joined by "x"; a padding of one axis is "before+after", or one number where both
are equal. An attribute at its default is left out. The dtype always stands there.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from convformance.named import NAMED, Asked, misfit
from convoracle.axis import MODES

Padding = str | tuple[tuple[int, int], ...]

DTYPES = (
    "float16", "bfloat16", "float32", "float64", "int8", "int32", "int64",
    "uint8", "complex64", "complex128",
)  # fmt: skip
PADDINGS = ("valid", "same", "same_upper", "same_lower", "causal", "full")
PADDING_MODES = MODES
LAYOUTS = ("channels_first", "channels_last")
MEMORIES = (
    "contiguous", "transposed", "strided", "reversed", "byteswapped", "readonly", "guarded",
    "enclosed", "broadcast", "unaligned",
)  # fmt: skip
GRADIENTS = ("x", "w", "bias")
COMPLEX_OPS = ("conv", "conv1x1", "conv_transpose")  # defined for complex elements too
DRAWN_FILLS = ("integers", "special", "real")
FILLS = (*DRAWN_FILLS, *NAMED)
DEFAULT_DTYPE = "float32"
# What a line may ask for: past these no framework and no oracle gives an answer in time.
LARGEST_NUMBER = 2**31 - 1
LARGEST_KERNEL = 2**20  # taps
LARGEST_P = 100

_GIVEN = ("unbatched", "layout", "memory")  # how the arrays are handed over
_CONV = ("x", "w", "stride", "padding", "dilation", "groups", "bias")
_POOL = ("x", "kernel", "stride", "padding", "dilation", "ceil_mode")
_PLAIN_OPS: dict[str, tuple[str, ...]] = {
    "conv": (
        *_CONV, "padding_mode", "input_dilation", "batch_groups", "flip", "output_dtype", "grad",
    ),
    "conv1x1": ("x", "w", "bias"),
    "max_pool": (*_POOL, "indices", "grad"),
    "avg_pool": (*_POOL, "count_include_pad", "grad"),
    "lp_pool": (*_POOL, "p", "grad"),
    "distance_pool": (*_POOL, "count_include_pad"),
    "conv_transpose": (*_CONV, "output_padding", "grad"),
    "depthwise_conv": ("x", "w", "stride", "padding", "dilation"),
    "separable_conv": ("x", "w", "pointwise", "stride", "padding", "dilation"),
    "max_unpool": ("x", "kernel", "stride", "padding", "output"),
    "adaptive_max_pool": ("x", "output", "indices"),
    "adaptive_avg_pool": ("x", "output"),
    "global_max_pool": ("x",),
    "global_avg_pool": ("x",),
    "unfold": ("x", "kernel", "stride", "padding", "dilation"),
    "fold": ("x", "kernel", "stride", "padding", "dilation", "output"),
}  # fmt: skip
OPS: dict[str, tuple[str, ...]] = {op: (*names, *_GIVEN) for op, names in _PLAIN_OPS.items()}
NEEDED = ("x", "w", "kernel", "pointwise", "output")  # attributes without a default
# Attributes written as 1x2x3.
SIZES = (
    "x", "w", "pointwise", "kernel", "stride", "dilation", "input_dilation", "output_padding",
    "output",
)  # fmt: skip
NUMBERS = ("groups", "batch_groups")
FLAGS = ("bias", "ceil_mode", "count_include_pad", "indices", "flip", "unbatched")
WORDS: dict[str, tuple[str, ...]] = {  # attributes that are one word of a few
    "padding_mode": PADDING_MODES,
    "layout": LAYOUTS,
    "memory": MEMORIES,
    "grad": GRADIENTS,
    "output_dtype": tuple(dtype for dtype in DTYPES if not dtype.startswith("complex")),
}
_KEYS = (*SIZES, *NUMBERS, *WORDS, "padding", "p", "fill")


# What an adapter written for convolution and pooling alone may not have heard of.
EXTRAS = (
    "padding_mode", "input_dilation", "batch_groups", "flip", "output_dtype", "grad", "unbatched",
    "layout",
)  # fmt: skip


class LineError(ValueError):
    """Raised for a line that is no problem or case; the message points at the place."""

    def __init__(self, line: str, start: int, end: int, message: str) -> None:
        # A tab or a control character would shift the marks: each is shown as one space.
        shown = "".join(letter if letter.isprintable() else " " for letter in line)
        marks = " " * start + "^" * max(1, end - start)
        super().__init__(f"{message}\n  {shown}\n  {marks}")
        self.line, self.start, self.end, self.message = line, start, end, message


def _broadcast(values: tuple[Any, ...], rank: int, default: Any) -> tuple[Any, ...]:
    """One value stands for every axis, if there is one; none for the default on every axis."""
    if len(values) == 1 and rank:
        return values * rank
    return values or (default,) * rank


@dataclass(frozen=True)
class Problem:
    """An op, its sizes, its attributes and its dtype; no data. It may be invalid.

    x is (N, C, *spatial). w is (M, C/groups, *kernel) for conv and (M, C) for conv1x1;
    pools have `kernel` instead, and the weights of distance_pool have its shape.
    stride, dilation and explicit padding have one entry per spatial axis; one entry stands
    for all axes. padding is "valid", "same" (the framework's own), "same_upper" (odd sample
    after), "same_lower" (odd sample before), "causal" (extent - 1 before), "full" (extent - 1
    on both sides) or ((before, after), ...).

    conv_transpose has w (C, M/groups, *kernel), depthwise_conv w (C, multiplier, *kernel), and
    separable_conv also pointwise (M, C * multiplier). `output` is the size of each spatial axis
    of the output; fold, which needs it, has x (N, C * taps, windows).
    `grad` asks for the gradient by x, w or bias, given that of the output, `dy`.
    `unbatched`, `layout` and `memory` say how the arrays are handed over; x is always written
    as (N, C, *spatial), with N = 1 where it is unbatched.
    Adapters read `kernel_size`, `rank`, `answers` and the fields.
    """

    op: str
    x: tuple[int, ...]
    w: tuple[int, ...] = ()
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: Padding = "valid"
    dilation: tuple[int, ...] = ()
    groups: int = 1
    bias: bool = False
    ceil_mode: bool = False
    count_include_pad: bool = False
    indices: bool = False
    p: float = 2
    padding_mode: str = "zeros"
    input_dilation: tuple[int, ...] = ()
    batch_groups: int = 1
    flip: bool = False
    output_dtype: str = ""
    output_padding: tuple[int, ...] = ()
    pointwise: tuple[int, ...] = ()
    output: tuple[int, ...] = ()
    grad: str = ""
    unbatched: bool = False
    layout: str = "channels_first"
    memory: str = "contiguous"
    dtype: str = DEFAULT_DTYPE

    def __post_init__(self) -> None:
        self._check_words()
        put = object.__setattr__  # frozen from here on
        put(self, "stride", _broadcast(tuple(self.stride), self.rank, 1))
        put(self, "dilation", _broadcast(tuple(self.dilation), self.rank, 1))
        for name, default in (("input_dilation", 1), ("output_padding", 0)):
            values = tuple(getattr(self, name))
            if set(values) <= {default}:  # also where another problem of another rank had them
                values = ()
            put(self, name, _broadcast(values, self.rank, default))
        for name in ("kernel", "output"):
            if getattr(self, name):
                put(self, name, _broadcast(tuple(getattr(self, name)), self.rank, 1))
        if not isinstance(self.padding, str):
            pairs = tuple((before, after) for before, after in self.padding)
            put(self, "padding", _broadcast(pairs, self.rank, (0, 0)))
        if isinstance(self.p, float) and self.p.is_integer():
            put(self, "p", int(self.p))  # 2.0 is 2, also on the line
        self._check_sizes()
        self._check_together()

    def _check_sizes(self) -> None:
        """Raise for what is no input at all, and for numbers past what a line may ask for."""
        if len(self.x) < 2:
            raise ValueError(f"x={_write('x', self.x)} is not (N, C, *spatial)")
        for name in (*SIZES, *NUMBERS):
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                _check_number(name, number)
        if not isinstance(self.padding, str):
            for number in (side for pair in self.padding for side in pair):
                _check_number("padding", number)
        if math.prod(map(abs, self.kernel_size)) > LARGEST_KERNEL:
            raise ValueError(f"a kernel has at most {LARGEST_KERNEL:,} taps")
        if LARGEST_P < self.p < math.inf:
            raise ValueError(f"p={self.p} is larger than {LARGEST_P}, and not inf")

    def _check_words(self) -> None:
        """Raise for a word that is none of those that its attribute knows."""
        if self.op not in OPS:
            raise ValueError(f"op {self.op!r} is none of {', '.join(OPS)}")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype {self.dtype!r} is none of {', '.join(DTYPES)}")
        if isinstance(self.padding, str) and self.padding not in PADDINGS:
            raise ValueError(f"padding {self.padding!r} is none of {', '.join(PADDINGS)}")
        for name, words in WORDS.items():
            if getattr(self, name) not in (*words, default_of(name, 0)):
                raise ValueError(f"{name} {getattr(self, name)!r} is none of {', '.join(words)}")

    def _check_together(self) -> None:
        """Raise for attributes that the op does not take, or that do not go together."""
        for name in _UNTAKEN[self.op]:
            if getattr(self, name) != default_of(name, self.rank):
                raise ValueError(f"{self.op} takes no {name}")
        if self.groups > 1 and self.batch_groups > 1:
            raise ValueError("groups and batch_groups do not go together")
        self._check_gradient()
        if self.is_complex and self.op not in COMPLEX_OPS:
            raise ValueError(f"{self.op} takes no complex elements; {', '.join(COMPLEX_OPS)} do")
        if self.unbatched and self.x[:1] != (1,):
            raise ValueError("an unbatched input is written with a batch of 1")

    def _check_gradient(self) -> None:
        """Raise for a gradient that nobody asks for."""
        if self.grad in ("w", "bias") and "w" not in OPS[self.op]:
            raise ValueError(f"{self.op} has no {self.grad}, so no gradient by it")
        if self.grad == "bias" and not self.bias:
            raise ValueError("grad=bias needs bias")
        if self.memory == "broadcast" and self.grad in ("w", "bias"):
            raise ValueError(f"a gradient by {self.grad} adds up the batch, which memory repeats")
        if not self.grad:
            return
        for name, is_asked in {
            "indices": self.indices,
            "batch_groups": self.batch_groups > 1,
            "output_dtype": bool(self.output_dtype),
        }.items():
            if is_asked:
                raise ValueError(f"a gradient has no {name}")

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.output) if self.op == "fold" else max(0, len(self.x) - 2)

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """Taps along each spatial axis."""
        if self.op == "conv1x1":
            return (1,) * self.rank
        return self.w[2:] if "w" in OPS[self.op] else self.kernel

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers, real or complex."""
        return not self.dtype.startswith(("int", "uint"))

    @property
    def is_complex(self) -> bool:
        """Whether the elements are complex numbers."""
        return self.dtype.startswith("complex")

    @property
    def answer_dtype(self) -> str:
        """The dtype of the first answer."""
        return self.output_dtype or self.dtype

    @property
    def answers(self) -> tuple[str, ...]:
        """The names of the arrays that the op gives: y, y and indices, or dx, dw or dbias."""
        if self.grad:
            return (f"d{self.grad}",)
        return ("y", "indices") if self.indices else ("y",)

    @property
    def extras(self) -> tuple[str, ...]:
        """The attributes that an adapter must know of to be asked: see `Backend.knows`."""
        found = [name for name in EXTRAS if getattr(self, name) != default_of(name, self.rank)]
        if self.padding in ("causal", "full"):
            found.append("padding")
        return tuple(found)

    @cached_property
    def line(self) -> str:
        """The one canonical line of this problem."""
        words = [self.op]
        for name in OPS[self.op]:
            value = getattr(self, name)
            if name not in (*NEEDED, "p") and value == default_of(name, self.rank):
                continue
            if name == "output" and not value:
                continue  # max_unpool has a size of its own
            words.append(name if name in FLAGS else f"{name}={_write(name, value)}")
        return " ".join([*words, self.dtype])

    @property
    def id(self) -> str:
        """A stable name made from the line."""
        return "p-" + _digest(self.line)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are not at their default, as JSON values."""
        out: dict[str, Any] = {"op": self.op, "dtype": self.dtype}
        for name in OPS[self.op]:
            value = getattr(self, name)
            if name == "p":
                out[name] = "inf" if value == float("inf") else value
            elif value != default_of(name, self.rank):
                out[name] = _as_lists(value)
        return out

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Problem:
        """Return the problem that `to_json` wrote."""
        values = {name: _as_tuples(value) for name, value in data.items()}
        if values.get("p") == "inf":
            values["p"] = float("inf")
        return cls(**values)

    @classmethod
    def parse(cls, line: str) -> Problem:
        """Read a line; raise `LineError` with the place of what is wrong."""
        words = _words(line)
        for word in words:
            if word.text.startswith("fill="):
                raise word.error(line, "a problem has no fill; this is the line of a case")
        return _problem(line, words)


_DEFAULTS = {one.name: one.default for one in fields(Problem)}
_UNTAKEN = {  # the attributes that each op does not take
    op: tuple(name for name in _DEFAULTS if name not in ("op", "dtype", *names))
    for op, names in OPS.items()
}


def asked_of(problem: Problem) -> Asked:
    """Return what of the problem decides which named fills fit it."""
    return Asked(problem.op, problem.dtype, problem.grad, bool(problem.output_dtype))


def applicable(problem: Problem) -> tuple[str, ...]:
    """Return the named fills that have a meaning for the problem; `misfit` says why others not."""
    return tuple(name for name in NAMED if not misfit(name, asked_of(problem)))


@dataclass(frozen=True)
class Case:
    """A problem and a fill: `fill` names one or more fills, "+" between them, for the batch."""

    problem: Problem
    fill: str = "integers"
    seed: int = 0

    def __post_init__(self) -> None:
        names = self.fill.split("+")
        for name in names:
            if name not in FILLS:
                raise ValueError(f"fill {name!r} is none of {', '.join(FILLS)}")
        if "real" in names and len(names) > 1:
            raise ValueError("fill real is judged by a bound and cannot share a batch")
        if len(set(names)) > 1 and self.problem.grad in ("w", "bias"):
            by = self.problem.grad
            raise ValueError(f"a gradient by {by} adds up the batch: one fill for all of it")
        if "real" in names and not self.problem.is_float:
            raise ValueError(f"fill real has no {self.problem.dtype} elements")
        if "special" in names and self.problem.is_complex:
            raise ValueError("fill special has no complex elements")
        for name in NAMED:
            if name in names and len(names) > 1:
                raise ValueError(f"fill {name} is one for the whole batch and cannot share it")
            if name in names and (why := misfit(name, asked_of(self.problem))):
                raise ValueError(f"fill {name} has no meaning here: {why}")
        if self.seed < 0:
            raise ValueError(f"seed {self.seed} is negative")

    @cached_property
    def line(self) -> str:
        """The one canonical line of this case."""
        return f"{self.problem.line} fill={self.fill}#{self.seed}"

    @property
    def id(self) -> str:
        """A stable name made from the line."""
        return "c-" + _digest(self.line)

    def to_json(self) -> dict[str, Any]:
        """Return the case as JSON values."""
        return {"problem": self.problem.to_json(), "fill": self.fill, "seed": self.seed}

    def on(self, problem: Problem) -> Case:
        """Return the case on another problem, with whole numbers where its fill does not fit."""
        try:
            return replace(self, problem=problem)
        except ValueError:
            return replace(self, problem=problem, fill="integers")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Case:
        """Return the case that `to_json` wrote."""
        return cls(Problem.from_json(data["problem"]), data["fill"], data["seed"])

    @classmethod
    def parse(cls, line: str) -> Case:
        """Read a line; raise `LineError` with the place of what is wrong."""
        fills: list[_Word] = []
        rest: list[_Word] = []
        for word in _words(line):
            (fills if word.text.startswith("fill=") else rest).append(word)
        if len(fills) > 1:
            raise fills[1].error(line, "fill stands there twice")
        problem = _problem(line, rest)
        if not fills:
            return cls(problem)
        match = re.fullmatch(r"fill=([a-z+]+)(?:#([0-9]+))?", fills[0].text)
        if not match:
            raise fills[0].error(line, "a fill looks like integers#7")
        try:
            return cls(problem, match[1], int(match[2] or 0))
        except ValueError as error:
            raise fills[0].error(line, str(error)) from None


@dataclass(frozen=True)
class _Word:
    text: str
    start: int

    def error(self, line: str, message: str) -> LineError:
        return LineError(line, self.start, self.start + len(self.text), message)


def _words(line: str) -> list[_Word]:
    words = [_Word(match[0], match.start()) for match in re.finditer(r"\S+", line)]
    if not words:
        raise LineError(line, 0, 1, f"an empty line; a case starts with {', '.join(OPS)}")
    return words


def _problem(line: str, words: list[_Word]) -> Problem:
    op = words[0].text if words else ""
    if op not in OPS:
        place = words[0] if words else _Word("", 0)
        raise place.error(line, f"op {op!r} is none of {', '.join(OPS)}")
    values: dict[str, Any] = {}
    for word in words[1:]:
        name, value = _read(line, op, word)
        if name in values:
            raise word.error(line, f"{name} stands there twice")
        values[name] = value
    needed = [name for name in NEEDED if name in OPS[op] and name not in values]
    if needed and (op, needed) != ("max_unpool", ["output"]):
        raise LineError(line, len(line), len(line) + 1, f"{op} needs {' and '.join(needed)}")
    try:
        return Problem(op, **values)
    except ValueError as error:
        raise LineError(line, 0, len(line), str(error)) from None


def _read(line: str, op: str, word: _Word) -> tuple[str, Any]:
    name, equals, text = word.text.partition("=")
    if not equals:
        if name in DTYPES:
            return "dtype", name
        if name not in FLAGS:
            raise word.error(line, f"{name!r} is no flag and no dtype")
    if name not in FLAGS and name not in _KEYS:
        raise word.error(line, f"{name!r} is no attribute")
    if name not in OPS[op]:
        raise word.error(line, f"{op} takes no {name}; it takes {', '.join(OPS[op])}")
    if name in FLAGS:
        if equals:
            raise word.error(line, f"{name} is a flag: write it without a value")
        return name, True
    try:
        return name, _value(name, text)
    except ValueError as error:
        raise word.error(line, str(error)) from None


def _value(name: str, text: str) -> Any:  # noqa: PLR0911  one return for each way of writing
    if name in NUMBERS:
        return _integer(text)
    if name in WORDS:
        if text not in WORDS[name]:
            raise ValueError(f"{name} {text!r} is none of {', '.join(WORDS[name])}")
        return text
    if name == "p":
        return float("inf") if text == "inf" else _integer(text)
    if name in ("x", "w", "pointwise"):
        if not re.fullmatch(r"[0-9]+(x[0-9]+)*", text):
            raise ValueError(f"{name} looks like {name}=1x3x8x8")
        return tuple(map(int, text.split("x")))
    if name == "padding":
        if text in PADDINGS:
            return text
        if not re.fullmatch(r"-?[0-9]+(\+-?[0-9]+)?(x-?[0-9]+(\+-?[0-9]+)?)*", text):
            raise ValueError(
                f"padding looks like 1x2 or 1+2x0+1, or is one of {', '.join(PADDINGS)}"
            )
        sides = [axis.split("+") for axis in text.split("x")]
        return tuple((int(pair[0]), int(pair[-1])) for pair in sides)
    if not re.fullmatch(r"-?[0-9]+(x-?[0-9]+)*", text):
        raise ValueError(f"{name} looks like {name}=3x3")
    return tuple(map(int, text.split("x")))


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", text):
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def _write(name: str, value: Any) -> str:
    if name == "padding" and not isinstance(value, str):
        return "x".join(f"{a}+{b}" if a != b else f"{a}" for a, b in value)
    return "x".join(map(str, value)) if name in SIZES else str(value)


def _check_number(name: str, number: int) -> None:
    if abs(number) > LARGEST_NUMBER:
        raise ValueError(f"{name}: {number} is larger than {LARGEST_NUMBER:,} in size")


def default_of(name: str, rank: int) -> Any:
    """Return the value that an attribute has where a line does not give it."""
    if name in ("stride", "dilation", "input_dilation"):
        return (1,) * rank
    if name == "output_padding":
        return (0,) * rank
    return _DEFAULTS[name]


def _as_lists(value: Any) -> Any:
    return [_as_lists(part) for part in value] if isinstance(value, tuple) else value


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(part) for part in value) if isinstance(value, list) else value


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:10]
