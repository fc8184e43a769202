"""The tinygrad adapter: what is said to Tensor's functions, what is not said, what comes back."""

from __future__ import annotations

import os
import shutil
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from engines import verdict

from convformance.backend import Unsupported
from convformance.backends import tinygrad_calls
from convformance.backends.tinygrad_backend import TinygradBackend
from convformance.backends.tinygrad_calls import written
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.verdict import Kind

SAID = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+2x0 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x5x5 w=3x2x3x3 padding=same dilation=2 bias float32",
    "conv x=1x2x4 w=2x2x3 padding=causal float16",
    "conv x=1x2x4 w=2x2x3 padding=full bfloat16",
    "conv x=1x1x5 w=1x1x2 padding=0+-1 float64",
    "conv x=1x1x5 w=1x1x2 output_dtype=int64 int32",
    "conv x=2x1x3x4 w=2x1x2x2 padding=1 grad=x float32",
    "conv x=2x1x3x4 w=2x1x2x2 stride=2 bias grad=bias float32",
    "conv1x1 x=2x3x2x2 w=4x3 bias float32",
    "depthwise_conv x=1x3x5x4 w=3x2x2x3 padding=1 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 stride=2 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 padding=same float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=0x1 output_padding=1 bias float32",
    "conv_transpose x=1x4x3 w=4x3x2 stride=2 groups=2 float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2x1 padding=1x0 indices float32",
    "max_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1+0x0 dilation=1x2 ceil_mode float16",
    "max_pool x=1x1x5 kernel=2 unbatched float32",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1+0x1 count_include_pad float32",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1x0 ceil_mode dilation=2 float32",
    "max_unpool x=1x1x2x2 kernel=2 stride=2 float32",
    "max_unpool x=1x1x2x2 kernel=2 stride=2 output=5x4 float32",
    "global_avg_pool x=2x3x4x5 float32",
    "global_max_pool x=2x3x4x5 float32",
)


@pytest.fixture(scope="module")
def tinygrad() -> TinygradBackend:
    reason = "tinygrad is not installed: pip install 'convformance[tinygrad]'"
    pytest.importorskip("tinygrad", reason=reason)
    if shutil.which(os.environ.get("CC", "clang")) is None:
        pytest.skip("tinygrad compiles with clang, and there is none: name one in CC")
    return TinygradBackend()


@pytest.mark.parametrize("line", SAID)
def test_a_call_that_says_the_problem_gives_its_answer(
    tinygrad: TinygradBackend, line: str
) -> None:
    said = verdict(tinygrad, line)
    assert (said.kind, said.message) == (Kind.AGREES, "")


def test_an_adapter_that_says_another_problem_is_caught(
    tinygrad: TinygradBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar of the test above: the sides of an axis are turned around on their way."""
    real = tinygrad_calls._padding

    def turned(problem: Problem) -> int | tuple[int, ...]:
        sides = real(problem)
        return sides if isinstance(sides, int) else sides[::-1]

    monkeypatch.setattr(tinygrad_calls, "_padding", turned)
    assert verdict(tinygrad, SAID[0]).kind is Kind.SHAPE


@pytest.mark.parametrize("line", SAID)
def test_a_script_repeats_what_run_does(
    tinygrad: TinygradBackend, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#1")
    arrays = make_arrays(case)
    scope: dict[str, Any] = {}
    exec(tinygrad.script(case.problem, arrays), scope)
    assert capsys.readouterr().out
    given = tinygrad.run(case.problem, arrays).arrays
    for name in case.problem.answers:
        assert (tinygrad._array(scope[name]) == given[name]).all()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("conv x=1x1x5x5 w=1x1x2x2 padding=1x0 float32", "padding=(1, 0)"),
        ("conv x=1x1x5x5 w=1x1x2x2 padding=1+2x0+3 float32", "padding=(0, 3, 1, 2)"),
        ("conv x=1x1x5 w=1x1x2 padding=causal float32", "padding=(1, 0)"),
        ("conv x=1x1x5 w=1x1x2 padding=full float32", "padding=(1,)"),
        ("conv x=1x1x5 w=1x1x2 padding=same float32", "nn.Conv1d(1, 1, kernel_size=2, stride=1,"),
        ("conv x=1x1x5x5 w=1x1x2x3 padding=same float32", "nn.Conv2d(1, 1, kernel_size=(2, 3),"),
        ("conv x=1x2x5 w=2x1x2 groups=2 float32", "x.conv2d(w, None, groups=2,"),
        ("conv x=1x1x5 w=1x1x2 output_dtype=int32 int8", "dtype='int32'"),
        ("conv x=1x1x5 w=1x1x2 int8", "padding=0)"),
        ("depthwise_conv x=1x2x5 w=2x3x2 float32", "x.conv2d(w.reshape((6, 1, 2)), None, groups=2"),
        ("max_pool x=1x1x5 kernel=2 ceil_mode float32", "ceil_mode=True, return_indices=False"),
        ("avg_pool x=1x1x5 kernel=2 float32", "count_include_pad=False"),
        ("global_max_pool x=1x1x5x4 float32", "x.max(axis=(2, 3), keepdim=True)"),
    ],
)
def test_attributes_go_to_parameters_of_tinygrad(line: str, text: str) -> None:
    assert text in written(Problem.parse(line)).lines[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lp_pool x=1x1x5 kernel=2 p=2 float32", "has no lp_pool"),
        ("unfold x=1x1x3x3 kernel=2x2 float32", "has no unfold"),
        ("adaptive_avg_pool x=1x1x3x3 output=2x2 float32", "has no adaptive_avg_pool"),
        ("conv x=1x1 w=1x1 float32", "no spatial axis"),
        ("conv x=1x1x5 w=1x1x2 complex64", "no complex elements"),
        ("conv x=1x1x5 w=1x1x2 unbatched float32", r"for \(N, C, \*spatial\) alone"),
        ("max_pool x=1x1x5 kernel=2 layout=channels_last float32", "no other layout"),
        ("conv x=1x1x5 w=1x1x2 input_dilation=2 float32", "holes in the input"),
        ("conv x=1x1x5 w=1x1x2 padding_mode=reflect float32", "lack padding modes"),
        ("conv x=1x1x5 w=1x1x2 padding=same_lower float32", "comes after"),
        ("conv x=1x1x5x5x5 w=1x1x2x2x2 padding=same float32", "have one or two axes"),
        ("conv x=1x1x5 w=1x1x2 padding=same output_dtype=int32 int8", "have no dtype"),
        ("conv_transpose x=1x1x3 w=1x1x4 padding=same float32", "in numbers, never 'same'"),
        ("max_pool x=1x1x3 kernel=2 padding=same float32", "in numbers, never 'same'"),
    ],
)
def test_what_tinygrad_cannot_say_is_unsupported(line: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        written(Problem.parse(line))


def test_two_convolutions_are_a_recipe() -> None:
    assert written(Problem.parse("separable_conv x=1x1x5 w=1x1x2 pointwise=1x1 float32")).recipe
    assert not written(Problem.parse("conv x=1x1x5 w=1x1x2 float32")).recipe


def test_threads_are_asked_for_as_long_as_the_block_lasts(tinygrad: TinygradBackend) -> None:
    from tinygrad.helpers import NUM_CPU_THREADS

    before = NUM_CPU_THREADS.value
    with tinygrad.threads(before + 1):
        assert NUM_CPU_THREADS.value == before + 1
        assert verdict(tinygrad, SAID[0]).kind is Kind.AGREES
    assert NUM_CPU_THREADS.value == before


def test_without_a_compiler_the_adapter_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CC", "no-such-clang")
    with pytest.raises(RuntimeError, match="name one in CC"):
        TinygradBackend()


def test_numbers_of_bfloat16_come_back_by_their_bits(tinygrad: TinygradBackend) -> None:
    x = np.array([[[1.5, -0.0, 3.0e38]]]).astype(ml_dtypes.bfloat16)
    problem = Problem.parse("max_pool x=1x1x3 kernel=1 bfloat16")
    y = tinygrad.run(problem, {"x": x}).arrays["y"]
    assert y.dtype == ml_dtypes.bfloat16
    assert (y.view(np.uint16) == x.view(np.uint16)).all()
