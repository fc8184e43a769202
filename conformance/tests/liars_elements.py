"""Liars about wider outputs, and about complex and byte elements.

They are registered beside those of liars.py.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
from liars import changed, convolved, honest, liar, on_canvas, ones, summed, tapped, with_y
from liars_ops import COMPLEX

# A wider output.

TO_WHOLE = {"dtypes": ("int8",), "where": "widening", "form": "int8 to int32"}
TO_SINGLE = {"dtypes": ("float16",), "where": "widening", "form": "half to single"}
FROM_BFLOAT = {"dtypes": ("bfloat16",), "where": "widening", "form": "bfloat to single"}
WIDE = "conv.output_dtype value.wrap"


@liar("conv", WIDE, **TO_WHOLE)
def saturates_before_widening(problem, arrays):
    """The sum is clamped to the range of int8."""
    return changed(problem, arrays, lambda y: np.clip(y, -128, 127))


@liar("conv", WIDE, **TO_WHOLE)
def multiplies_in_8_bits(problem, arrays):
    """Each product wraps in int8; only the sums are wide."""
    return {"y": convolved(problem, arrays, lambda w, x: (w * x).astype(np.int8), np.int32)}


@liar("conv", WIDE, **TO_WHOLE)
def keeps_sums_in_16_bits(problem, arrays):
    """Sums wrap in int16, where two products of bytes fit."""
    return changed(problem, arrays, lambda y: y.astype(np.int16).astype(y.dtype))


@liar("conv", WIDE, **TO_WHOLE)
def reads_samples_as_unsigned(problem, arrays):
    """Samples are taken for bytes without a sign, as an instruction for uint8 by int8 does."""
    wide = {name: one.astype(np.int32) for name, one in arrays.items()}
    wide["x"] = arrays["x"].view(np.uint8).astype(np.int32)
    return honest(problem, wide, dtype="int32", output_dtype="")


@liar("conv", WIDE, **TO_SINGLE)
def rounds_before_widening(problem, arrays):
    """The sum is rounded to float16 and widened then."""
    return changed(problem, arrays, lambda y: y.astype(np.float16).astype(y.dtype))


@liar("conv", WIDE, **TO_SINGLE)
def clamps_at_the_end_of_the_narrow_range(problem, arrays):
    """The sum is clamped to the largest float16, as one that saturates while it converts."""
    return changed(problem, arrays, lambda y: np.clip(y, -65504, 65504))


@liar("conv", WIDE, **TO_SINGLE)
def is_infinite_past_the_narrow_range(problem, arrays):
    """A sum past the largest float16 is infinite, although the output has a wider range."""

    def lost(y):
        return np.where(np.abs(y) > 65504, np.copysign(np.inf, y), y).astype(y.dtype)

    return changed(problem, arrays, lost)


@liar("conv", WIDE, **FROM_BFLOAT)
def rounds_to_8_bits_before_widening(problem, arrays):
    """The sum is rounded to bfloat16 and widened then."""
    return changed(problem, arrays, lambda y: y.astype(ml_dtypes.bfloat16).astype(y.dtype))


@liar("conv", WIDE, **FROM_BFLOAT)
def rounds_products_to_8_bits(problem, arrays):
    """Each product is rounded to bfloat16; only the sums are wide."""

    def times(w, x):
        return (w * x).astype(ml_dtypes.bfloat16).astype(np.float32)

    return {"y": convolved(problem, arrays, times, np.float32)}


@liar("conv", WIDE, **FROM_BFLOAT)
def cuts_the_lower_half_off(problem, arrays):
    """The upper 16 bits of each float32 are kept, the others lost without rounding."""
    mask = np.uint32(0xFFFF0000)
    return changed(problem, arrays, lambda y: (y.view(np.uint32) & mask).view(np.float32))


@liar("conv", WIDE, **FROM_BFLOAT)
def adds_the_bias_to_a_sum_of_8_bits(problem, arrays):
    """The sum is rounded to bfloat16 before the bias is added."""
    y = honest(problem, arrays, bias=False)["y"].astype(ml_dtypes.bfloat16).astype(np.float32)
    bias = arrays.get("bias", np.zeros(y.shape[1]))
    return {"y": y + bias.astype(np.float32).reshape(-1, *(1,) * (y.ndim - 2))}


@liar("conv", WIDE, **TO_SINGLE)
def rounds_products_before_widening(problem, arrays):
    """Each product is rounded to float16; only the sums are wide."""

    def times(w, x):
        return (w * x).astype(np.float16).astype(np.float32)

    return {"y": convolved(problem, arrays, times, np.float32)}


@liar("conv", WIDE, **TO_SINGLE)
def keeps_the_upper_half(problem, arrays):
    """Of each float32 of the output the lower 16 bits are lost."""
    return changed(problem, arrays, lambda y: y.astype(ml_dtypes.bfloat16).astype(y.dtype))


@liar("conv", WIDE, **TO_SINGLE)
def adds_the_bias_to_a_rounded_sum(problem, arrays):
    """The sum is rounded to float16 before the bias is added."""
    y = honest(problem, arrays, bias=False)["y"].astype(np.float16).astype(np.float32)
    if "bias" in arrays:
        y = y + arrays["bias"].astype(np.float32).reshape(-1, *ones(problem))
    return {"y": y}


# Complex elements.

COMPLEX_CONVS = "conv conv1x1 conv_transpose"
PART = {"complex64": "float32", "complex128": "float64"}


def products(problem, arrays):
    """Return the sums of real and imaginary parts of x times those of w: rr, ii, ri and ir."""
    x, w = arrays["x"], arrays["w"]

    def sums(one, other):
        given = {"x": one.copy(), "w": other.copy()}
        return honest(problem, given, dtype=PART[problem.dtype], bias=False)["y"]

    return (sums(x.real, w.real), sums(x.imag, w.imag), sums(x.real, w.imag), sums(x.imag, w.real))


def composed(problem, arrays, real, imaginary):
    y = real + 1j * imaginary
    if "bias" in arrays:
        y = y + arrays["bias"].reshape(-1, *ones(problem))
    return {"y": y.astype(problem.dtype)}


@liar(COMPLEX_CONVS, "value.complex", dtypes=COMPLEX, form="complex")
def adds_the_products_of_imaginary_parts(problem, arrays):
    """The square of the imaginary unit is taken for one, not minus one."""
    rr, ii, ri, ir = products(problem, arrays)
    return composed(problem, arrays, rr + ii, ri + ir)


@liar(COMPLEX_CONVS, "value.complex", dtypes=COMPLEX, form="complex")
def drops_a_cross_term(problem, arrays):
    """Imaginary samples do not meet real weights."""
    rr, ii, ri, _ = products(problem, arrays)
    return composed(problem, arrays, rr - ii, ri)


@liar(COMPLEX_CONVS, "conv.bias value.complex", dtypes=COMPLEX, form="complex")
def drops_the_imaginary_part_of_the_bias(problem, arrays):
    """Only the real part of the bias is added."""
    real = {name: one.real.astype(one.dtype) for name, one in arrays.items() if name == "bias"}
    return honest(problem, {**arrays, **real})


@liar(COMPLEX_CONVS, "value.complex", dtypes=COMPLEX, form="complex")
def answers_the_real_part(problem, arrays):
    """The imaginary part of the output is lost."""
    return changed(problem, arrays, lambda y: y.real.astype(y.dtype))


# Bytes.

BYTE_POOLS = "max_pool avg_pool adaptive_max_pool adaptive_avg_pool global_max_pool global_avg_pool"
BYTES = {"dtypes": ("uint8",), "form": "uint8"}


@liar(f"{BYTE_POOLS} max_unpool", "max.value avg.integer value.unsigned", **BYTES)
def clamps_bytes_at_127(problem, arrays):
    """The output has the range of a signed byte."""
    answer = honest(problem, arrays)
    return {**answer, "y": np.minimum(answer["y"], 127)}


@liar("adaptive_max_pool adaptive_avg_pool global_max_pool global_avg_pool",
      "max.value avg.integer max.index", **BYTES)  # fmt: skip
def reads_the_sign_of_bytes(problem, arrays):
    """Samples past 127 are taken for negative ones."""
    answer = honest(problem, {**arrays, "x": arrays["x"].view(np.int8)}, dtype="int8")
    return {**answer, "y": answer["y"].view(np.uint8)}


@liar("conv", "value.wrap value.unsigned", **BYTES)
def saturates_bytes(problem, arrays):
    """A sum past 255 stays there, and does not wrap."""
    wide = {name: one.astype(np.int64) for name, one in arrays.items()}
    return {"y": np.minimum(honest(problem, wide, dtype="int64")["y"], 255).astype(np.uint8)}


@liar("max_pool", "max.padding max.empty window.ceil", **BYTES)
def pads_bytes_with_the_lowest_signed_one(problem, arrays):
    """Padding reads 128, the bits of the least signed byte."""
    return {**honest(problem, arrays), "y": on_canvas(problem, arrays, 128)["y"]}


@liar("max_pool", "max.value", **BYTES)
def compares_differences_of_bytes(problem, arrays):
    """A byte is larger if the difference of the two is positive in eight bits."""
    best = np.zeros((), np.uint8)
    for _, samples in tapped(problem, arrays["x"], 0, np.uint8):
        best = np.where((samples - best).view(np.int8) > 0, samples, best)
    return with_y(problem, arrays, best)


def divisors(problem, arrays):
    """Return the divisor of each window, by the average of ones over it."""
    x = np.ones(arrays["x"].shape)
    inside = summed(problem, {"x": x})
    mean = honest(problem, {"x": x}, dtype="float64")["y"]
    return np.where(inside > 0, np.round(inside / np.where(inside > 0, mean, 1)), 1)


@liar("avg_pool", "avg.integer", **BYTES)
def wraps_sums_of_bytes(problem, arrays):
    """The sum of a window wraps at 256 before it is divided."""
    total = summed(problem, arrays, np.uint8)
    return with_y(problem, arrays, total // divisors(problem, arrays))


@liar("avg_pool", "avg.integer", **BYTES)
def saturates_sums_of_bytes(problem, arrays):
    """The sum of a window stays at 255 before it is divided."""
    total = np.minimum(summed(problem, arrays, np.int64), 255)
    return with_y(problem, arrays, total // divisors(problem, arrays))


@liar("avg_pool", "avg.integer", **BYTES)
def divides_each_byte_first(problem, arrays):
    """Each sample is divided, and cut, before the sum."""
    by, total = divisors(problem, arrays), 0
    for _, samples in tapped(problem, arrays["x"], 0, np.int64):
        total = total + samples // by
    return with_y(problem, arrays, total)
