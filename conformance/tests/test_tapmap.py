"""Tap maps: what feeds which output cell, and in words what moved."""

from dataclasses import replace

import numpy as np
import pytest

from convformance.backend import Unsupported
from convformance.backends.numpy_backend import NumpyBackend
from convformance.diagnosis import tap_map
from convformance.problem import EXTRAS, Problem

HONEST = NumpyBackend()


class Spoilt:
    """Our kernel with its arrays, or its answer, changed."""

    name, version, knows = "spoilt", "1", (*EXTRAS, "padding")

    def __init__(self, before=lambda arrays: arrays, after=lambda y: y):
        self.before, self.after = before, after

    def run(self, problem, arrays):
        return self.after(HONEST.run(problem, self.before(arrays)).arrays["y"])


def told(line, **spoilt):
    return tap_map(Spoilt(**spoilt), Problem.parse(line)).sentences


def moved(step, axis):
    return lambda arrays: {**arrays, "x": shifted(arrays["x"], step, axis)}


def shifted(x, step, axis):
    out = np.zeros_like(x)
    source, target = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    source[axis] = slice(max(0, step), x.shape[axis] + min(0, step))
    target[axis] = slice(max(0, -step), x.shape[axis] + min(0, -step))
    out[tuple(target)] = x[tuple(source)]
    return out


@pytest.mark.parametrize(
    ("step", "axis", "words"),
    [
        (1, 3, "each window starts 1 sample later on axis W"),
        (-1, 3, "each window starts 1 sample earlier on axis W"),
        (2, 2, "each window starts 2 samples later on axis H"),
        (-2, 2, "each window starts 2 samples earlier on axis H"),
    ],
)
def test_a_shift_is_told_with_its_axis_and_its_length(step, axis, words):
    line = "conv x=1x2x6x7 w=2x2x3x2 padding=1 float32"
    assert told(line, before=moved(step, axis)) == (words,)
    assert told("avg_pool x=1x1x6x7 kernel=2 float32", before=moved(step, axis)) == (words,)


def test_windows_of_another_stride_are_no_shift():
    class StepsByOne(Spoilt):
        def run(self, problem, arrays):
            return super().run(replace(problem, stride=(1,)), arrays)[..., :2]

    found = tap_map(StepsByOne(), Problem.parse("conv x=1x1x4 w=1x1x1 stride=3 float32"))
    assert found.sentences[1:] == ("y[0, 1] reads 1 x[0, 1], and should read 1 x[0, 3]",)


def test_a_flip_is_told_with_its_axes():
    line = "conv x=1x1x4x5 w=1x1x2x3 float32"
    both = {"before": lambda arrays: {**arrays, "w": arrays["w"][:, :, ::-1, ::-1]}}
    last = {"before": lambda arrays: {**arrays, "w": arrays["w"][..., ::-1]}}
    start = "the weights of each window are applied in the opposite order along"
    assert told(line, **both) == (f"{start} every axis",)
    assert told(line, **last) == (f"{start} axis W",)


def test_another_divisor_is_told_with_both_numbers():
    line = "avg_pool x=1x1x4x4 kernel=3 padding=1 stride=3 float32"

    class CountsPadding(Spoilt):
        def run(self, problem, arrays):
            return super().run(replace(problem, count_include_pad=True), arrays)

    found = tap_map(CountsPadding(), Problem.parse(line))
    assert found.sentences == ("the divisor is 9 where 4 is due, in 4 of 4 windows",)


def test_what_no_word_fits_is_counted_and_listed():
    line = "conv x=1x1x4 w=1x1x2 float32"
    found = told(line, after=lambda y: np.concatenate([y[..., :-1], 0 * y[..., -1:]], -1))
    assert found[0].startswith("1 of 3 output cells are fed in another way: connections missing 2")
    assert found[1] == "y[0, 2] reads nothing, and should read 1 x[0, 2] + 2 x[0, 3]"


def test_the_right_connections_are_no_words():
    for line in (
        "conv x=1x2x4 w=2x2x2 bias float32",
        "conv_transpose x=1x2x4 w=2x2x2 stride=2 float32",
        "unfold x=1x2x4 kernel=2 float32",
        "depthwise_conv x=1x2x4 w=2x1x2 float16",
        "adaptive_avg_pool x=1x2x5 output=2 float32",
        "global_avg_pool x=1x2x5 float32",
    ):
        found = tap_map(Spoilt(), Problem.parse(line))
        assert found.sentences == found.differing == found.drawn == ()
        assert sum(map(len, found.expected.values())) > 1


def test_what_is_drawn_are_the_first_that_differ_with_both_their_connections():
    found = tap_map(Spoilt(before=moved(1, 2)), Problem.parse("conv x=1x1x3 w=1x1x1 float32"))
    first, second, third = found.drawn
    assert first == {"output": [0, 0], "expected": [[[0, 0], 1.0]], "got": [[[0, 1], 1.0]]}
    assert (second["got"], third["got"]) == ([[[0, 2], 1.0]], [])


class Silent:
    name, version, knows = "silent", "1", ()

    def run(self, problem, arrays):
        raise Unsupported("nothing")


@pytest.mark.parametrize(
    "line",
    [
        "max_pool x=1x1x4 kernel=2 float32",  # not linear
        "conv x=1x1x4 w=1x1x2 grad=x float32",
        "conv x=1x1x4 w=1x1x2 complex64",
        "conv x=1x1x999 w=1x1x2 float32",  # too large to ask cell by cell
        "conv x=1x1x4 w=1x2x2 float32",  # invalid
    ],
)
def test_there_is_no_map_of_what_is_not_linear_large_or_invalid(line):
    assert tap_map(Spoilt(), Problem.parse(line)) is None


def test_there_is_no_map_of_a_backend_that_does_not_answer_or_answers_another_rank():
    problem = Problem.parse("conv x=1x1x4 w=1x1x2 float32")
    assert tap_map(Silent(), problem) is None
    assert tap_map(Spoilt(after=lambda y: y[0]), problem) is None
    assert tap_map(Spoilt(after=lambda y: y[:1]), problem) is None
