"""Crafted vectors tell how backends compute: those whose ways are known are told so."""

import numpy as np
import pytest
from all_liars import LIARS
from honest import HONEST

from convformance.backend import Unsupported
from convformance.diagnosis.arithmetic import measured
from convformance.drawing import FLOATS
from convformance.problem import EXTRAS

NAMED = {one.name: one for one in HONEST}
OWN = {"float64": "float64 or wider"}


def told(backend, dtypes=FLOATS):
    with np.errstate(all="ignore"):
        return list(measured(backend, dtypes))


@pytest.mark.parametrize("order", ["sequential", "pairwise", "reversed", "8 lanes"])
@pytest.mark.parametrize("width", ["narrow", "wide"])
def test_the_width_of_a_sum_is_told_in_any_order(order, width):
    found = told(NAMED[f"{order}, {width}"])
    assert {one.op for one in found} == {"conv1x1", "conv", "avg_pool"}
    assert {one.dtype for one in found} == set(FLOATS)
    for one in found:
        least = "float32" if width == "narrow" else "float64 or wider"
        assert one.accumulator == OWN.get(one.dtype, least), one


def test_what_is_fused_is_told_from_what_is_rounded_before_it_is_added():
    def products(name):
        return {one.products for one in told(NAMED[name], ("float32",)) if one.op != "avg_pool"}

    assert products("fused, narrow") == {"fused with the sum"}
    assert products("sequential, narrow") == {"rounded"}
    assert products("sequential, wide") == {"exact"}


class Summing:
    """A matrix product with sums in one dtype and inputs of so many bits."""

    name, version, knows = "summing", "1", (*EXTRAS, "padding")

    def __init__(self, dtype, bits=53):
        self.dtype, self.bits = np.dtype(dtype), bits

    def run(self, problem, arrays):
        if problem.op != "conv1x1":
            raise Unsupported("only 1x1")
        x, w = (self.cut(arrays[name].astype(np.float64)) for name in ("x", "w"))
        y = np.zeros((1, len(w), *x.shape[2:]), self.dtype)
        for c in range(x.shape[1]):
            y = (y + (w[:, c, None, None] * x[0, c]).astype(self.dtype)).astype(self.dtype)
        return y.astype(arrays["x"].dtype)

    def cut(self, array):
        fraction, exponent = np.frexp(array)
        return np.ldexp(np.rint(fraction * 2.0**self.bits) / 2.0**self.bits, exponent)


@pytest.mark.parametrize(
    ("bits", "words"),
    [(8, "cut to bfloat16"), (11, "cut to TF32"), (24, "whole"), (16, "cut to 16 bits")],
)
def test_inputs_that_are_cut_are_told_with_what_is_kept(bits, words):
    (one,) = told(Summing(np.float32, bits), ("float32",))
    assert (one.op, one.inputs, one.accumulator) == ("conv1x1", words, "float32")


def test_sums_in_halves_are_told():
    (one,) = told(Summing(np.float16), ("float16",))
    assert one.accumulator == "float16 (11 bits)"


def test_float64_inputs_cut_to_float32_are_told():
    (one,) = told(Summing(np.float64, 24), ("float64",))
    assert one.inputs == "cut to float32"


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("conv1x1 sums-of-halves-in-halves", "accumulator", "float16 (11 bits)"),
        ("avg-pool average-summed-in-halves", "accumulator", "float16 (11 bits)"),
        ("conv inputs-cut-to-ten-bits", "inputs", "cut to TF32"),
    ],
)
def test_liars_about_their_accumulators_and_inputs_are_seen_through(name, field, words):
    backend = next(one for one in LIARS if one.name == name)
    assert words in {getattr(one, field) for one in told(backend)}


class Silent:
    name, version, knows = "silent", "1", ()

    def run(self, problem, arrays):
        raise Unsupported("nothing")


class Endless(Summing):
    def run(self, problem, arrays):
        return super().run(problem, arrays) + np.inf


def test_nothing_is_told_of_what_is_not_answered_or_is_no_number():
    assert told(Silent()) == []
    assert told(Endless(np.float32), ("float32",)) == []
