"""The named fills: each one a class of data that an implementation may get wrong, with its reason.

`integers`, `special` and `real` draw; a named fill is one theme, whose place the seed walks.
This module knows words alone, so that a case can be checked without its arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FLOATS = ("float16", "bfloat16", "float32", "float64")
SIGNED = ("int8", "int32", "int64")
UNSIGNED = ("uint8",)
MAXIMA = ("max_pool", "adaptive_max_pool", "global_max_pool")
CHOOSING = (*MAXIMA, "max_unpool", "unfold")  # they give one of their samples
AVERAGES = ("avg_pool", "adaptive_avg_pool", "global_avg_pool", "distance_pool")
WEIGHTED = ("conv", "conv1x1", "conv_transpose", "depthwise_conv", "separable_conv")
PLAIN_WEIGHTED = ("conv", "conv1x1", "depthwise_conv")


@dataclass(frozen=True)
class Asked:
    """What of a problem decides whether a fill has a meaning for it."""

    op: str
    dtype: str
    grad: str = ""
    widens: bool = False  # the output's dtype is a wider one

    @property
    def is_float(self) -> bool:
        """Whether the elements are real floating-point numbers."""
        return self.dtype in FLOATS


@dataclass(frozen=True)
class Named:
    """A fill: why it is there, and why it has no meaning for what is asked ("" if it has one)."""

    name: str
    reason: str
    misfit: Callable[[Asked], str]
    is_bounded: bool = False  # judged by the derived bound, as the fill `real` is


def _not_finite(asked: Asked) -> str:
    if not asked.is_float:
        return f"{asked.dtype} has no such number"
    if asked.op == "lp_pool" and asked.grad:
        return "a root of what is not finite has no gradient"
    return ""


def _lowest(asked: Asked) -> str:
    if asked.op not in MAXIMA or asked.grad:
        return "only a maximum has a start value"
    return "padding that reads 0 is the least too" if asked.dtype in UNSIGNED else ""


def _ties(asked: Asked) -> str:
    return "" if asked.op in MAXIMA else "only a maximum has ties"


def _weights(asked: Asked) -> str:
    if not asked.is_float:
        return f"{asked.dtype} has no infinity"
    if asked.op not in PLAIN_WEIGHTED or asked.grad:
        return "nothing says whether zeros between spread samples are multiplied"
    return ""


def _subnormal(asked: Asked) -> str:
    if not asked.is_float:
        return f"{asked.dtype} has no subnormals"
    if asked.op == "lp_pool":
        return "a power of a subnormal is zero"
    return "a wider dtype holds them as normal numbers" if asked.widens else ""


def _underflow(asked: Asked) -> str:
    if not asked.is_float:
        return f"{asked.dtype} does not underflow"
    multiplied = asked.op in WEIGHTED and asked.grad != "bias"
    averaged = asked.op in AVERAGES and not asked.grad
    if not (multiplied or averaged):
        return "it neither multiplies nor averages"
    return "a wider dtype holds the products as normal numbers" if asked.widens else ""


def _largest(asked: Asked) -> str:
    if not asked.is_float:
        return "see the fill ends"
    if asked.op in ("lp_pool", "distance_pool", "separable_conv"):
        return "what is computed on the way would overflow"
    if asked.op in AVERAGES and asked.grad:
        return "a sum of quotients may lie at the very end"
    return "a wider dtype holds the sums" if asked.widens else ""


def _overflow(asked: Asked) -> str:
    if not asked.is_float:
        return "sums of whole numbers wrap"
    if asked.dtype == "float64":
        return "no accumulator is wider"
    if asked.op in ("lp_pool", "separable_conv"):
        return "what is computed on the way would overflow"
    if asked.op in CHOOSING and not asked.grad:
        return "it adds nothing up"
    if asked.widens and asked.dtype != "float16":
        return "the wider dtype has the same range"
    return ""


def _ends(asked: Asked) -> str:
    if asked.dtype in SIGNED:
        return ""
    if not asked.is_float:
        return "see the fill unsigned"
    if asked.op not in CHOOSING or asked.grad:
        return "inputs that are cut to fewer bits are a matter of accuracy"
    return ""


def _unsigned(asked: Asked) -> str:
    return "" if asked.dtype in UNSIGNED else f"{asked.dtype} has a sign, or parts that have one"


def _spike(asked: Asked) -> str:
    if not asked.is_float:
        return "whole numbers are exact"
    if asked.op in CHOOSING:
        return "it adds nothing up"
    return "a norm's gradient depends on nearly equal samples" if asked.grad and (
        asked.op == "lp_pool"
    ) else ""  # fmt: skip


def _cancel(asked: Asked) -> str:
    return "a norm adds magnitudes" if asked.op == "lp_pool" else _spike(asked)


NAMED: dict[str, Named] = {
    one.name: one
    for one in (
        Named(
            "nan",
            "one NaN; the seed walks it through the corners, then through every position: "
            "what reads it is NaN, and nothing else is",
            _not_finite,
        ),
        Named(
            "infinity",
            "one infinity, of either sign by turn, that walks as the NaN does",
            _not_finite,
        ),
        Named(
            "lowest",
            "all minus infinity, or the least integer; by turn one lowest finite number that "
            "walks: a start value that is not the least shows, and so does a lost index",
            _lowest,
        ),
        Named(
            "ties",
            "few distinct whole numbers, zeros of both signs among them: nearly every window "
            "holds its maximum more than once",
            _ties,
        ),
        Named(
            "weights",
            "by turn an infinite, a negatively infinite or a NaN weight over zero samples and "
            "padding, and infinite samples under zero weights: zero times infinity is NaN",
            _weights,
        ),
        Named(
            "subnormal",
            "samples, or by turn weights, that are subnormal: who flushes its inputs gives zero",
            _subnormal,
        ),
        Named(
            "underflow",
            "normal numbers whose products or averages are subnormal: who flushes its results "
            "gives zero; the products are exact",
            _underflow,
        ),
        Named(
            "largest",
            "the largest finite numbers, and sums past them: infinite, neither clamped nor NaN",
            _largest,
        ),
        Named(
            "overflow",
            "sums that pass the largest number on the way and come back: right where the "
            "declared accumulator or the output is wider, and not asked where neither is",
            _overflow,
            is_bounded=True,
        ),
        Named(
            "ends",
            "integers around 2^24, 2^31, 2^53 and the ends of the dtype; floating-point whole "
            "numbers around the significand's end: who goes through another dtype loses some",
            _ends,
        ),
        Named("unsigned", "bytes past 127, which a signed byte takes for negative", _unsigned),
        Named(
            "spike",
            "one large number that walks among small ones: paths that add it where it does not "
            "belong and take it away again (Winograd, FFT) lose the small ones",
            _spike,
            is_bounded=True,
        ),
        Named(
            "cancel",
            "neighbours of nearly equal size and opposite sign: what is left shows how many "
            "bits were kept",
            _cancel,
            is_bounded=True,
        ),
    )
}
BOUNDED = ("real", *(name for name, one in NAMED.items() if one.is_bounded))


def misfit(name: str, asked: Asked) -> str:
    """Return why the named fill has no meaning for what is asked; nothing if it has one."""
    if asked.dtype.startswith("complex"):
        return "a complex number is a pair, which no named fill makes"
    if asked.op in ("lp_pool", "distance_pool") and asked.dtype not in FLOATS:
        return f"{asked.op} has no meaning for {asked.dtype} elements"
    return NAMED[name].misfit(asked)
