"""Facts about the SciPy adapter: what it passes through, what it refuses to say, what it prints."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from convformance.backend import Array, Result, Unsupported
from convformance.backends.scipy_backend import ScipyBackend
from convformance.backends.scipy_calls import written
from convformance.expect import expectation
from convformance.fills import make_arrays
from convformance.problem import Case, Problem

CALLS = [
    ("conv x=2x3x5x4 w=2x3x2x3 float32", "signal.correlate"),
    ("conv x=2x3x5x4 w=1x3x2x3 stride=2x1 float32", "signal.correlate"),
    ("conv x=2x3x5x4 w=2x3x2x3 flip float64", "signal.convolve"),
    ("conv x=1x1x5x4 w=1x1x2x3 flip complex64", "signal.convolve"),
    ("conv x=2x1x5x4 w=1x1x2x3 padding=full float32", "signal.correlate"),
    ("conv x=2x1x5x4 w=1x1x2x3 padding=same_lower int32", "signal.correlate"),
    ("conv x=2x1x5x4 w=2x1x2x3 padding=same_upper float32", "ndimage.correlate"),
    ("conv x=2x1x5x4 w=1x1x2x3 padding=1+0x0+2 float32", "ndimage.correlate"),
    ("conv x=2x1x5x4 w=1x1x4x3 padding=1+2x0+2 flip float32", "ndimage.convolve"),
    ("conv x=2x1x5 w=1x1x4 padding=causal float64", "ndimage.correlate"),
    ("conv x=1x1x5 w=1x1x3 padding=1 padding_mode=reflect float32", "ndimage.correlate"),
    ("conv x=1x1x5 w=1x1x3 padding=1 padding_mode=symmetric float32", "ndimage.correlate"),
    ("conv x=1x1x5 w=1x1x3 padding=1 padding_mode=replicate float32", "ndimage.correlate"),
    ("conv x=1x1x5 w=1x1x3 padding=1 padding_mode=circular float32", "ndimage.correlate"),
    ("conv x=1x1x5 w=1x1x3 padding=1 output_dtype=float64 float32", "ndimage.correlate"),
    ("conv x=1x1x5 w=1x1x3 stride=2 padding=full input_dilation=3 flip float32", "signal.upfirdn"),
    ("conv1x1 x=1x3x2x2 w=2x3 int64", "signal.correlate"),
    ("conv_transpose x=2x1x5x2 w=1x3x3x2 float32", "signal.convolve"),
    ("conv_transpose x=2x1x5 w=1x1x3 stride=2 float32", "signal.upfirdn"),
    ("max_pool x=1x2x4x5 kernel=2x3 padding=1+0x0+2 int8", "ndimage.maximum_filter"),
    ("max_pool x=1x2x7x6 kernel=2x3 stride=2x1 dilation=3x2 float32", "ndimage.maximum_filter"),
    ("avg_pool x=1x2x4x4 kernel=2x2 stride=2 float64", "ndimage.uniform_filter"),
    ("avg_pool x=1x1x4 kernel=3 padding=1 count_include_pad float64", "ndimage.uniform_filter"),
]


@pytest.fixture(scope="module")
def scipy() -> ScipyBackend:
    pytest.importorskip("scipy", reason="SciPy is not installed: pip install 'convformance[scipy]'")
    return ScipyBackend()


def arrays_of(problem: Problem) -> dict[str, Array]:
    return make_arrays(Case(problem))


def run(scipy: ScipyBackend, line: str) -> Result:
    problem = Problem.parse(line)
    return scipy.run(problem, arrays_of(problem))


def test_importing_the_adapter_imports_no_scipy() -> None:
    code = "import sys, convformance.backends.scipy_backend as _; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(("line", "function"), CALLS)
def test_each_call_means_what_the_oracle_says(
    scipy: ScipyBackend, line: str, function: str
) -> None:
    case = Case(Problem.parse(line))
    arrays = make_arrays(case)
    y = scipy.run(case.problem, arrays).arrays["y"]
    assert function in written(case.problem).source
    assert y.dtype.name == case.problem.answer_dtype
    np.testing.assert_array_equal(y, wanted(case))


def wanted(case: Case) -> Array:
    """The whole answer of the oracle; these cases are small enough for one."""
    expected = expectation(case.problem, make_arrays(case))
    return expected.joined.reshape(expected.shape)


@pytest.mark.parametrize("line", [line for line, _ in CALLS])
def test_the_script_prints_what_run_returns(scipy: ScipyBackend, line: str) -> None:
    problem = Problem.parse(line)
    scope: dict[str, Any] = {}
    exec(scipy.script(problem, arrays_of(problem)), scope)
    y = run(scipy, line).arrays["y"]
    assert scope["y"].dtype == y.dtype
    np.testing.assert_array_equal(scope["y"], y)


@pytest.mark.parametrize(
    ("line", "is_recipe"),
    [
        ("conv x=1x3x5 w=1x3x2 float32", False),
        ("conv x=1x3x5 w=2x3x2 float32", True),  # a call for each output channel
        ("conv x=1x3x5 w=1x3x2 stride=2 float32", True),  # every second window is kept
        ("conv x=1x3x5 w=1x3x2 flip float32", True),  # the channels are not to be turned around
        ("conv x=1x1x5 w=1x1x2 flip float32", False),
        ("max_pool x=1x2x4 kernel=3 padding=1 float32", False),
        ("max_pool x=1x2x4 kernel=3 float32", True),  # the windows over padding are cut off
    ],
)
def test_more_than_the_one_call_is_a_recipe(
    scipy: ScipyBackend, line: str, is_recipe: bool
) -> None:
    assert run(scipy, line).recipe is is_recipe


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lp_pool x=1x1x4 kernel=2 float32", "scipy has no lp_pool"),
        ("conv x=1x1x4 w=1x1x2 bias float32", "scipy adds no bias"),
        ("conv x=1x2x4 w=2x1x2 groups=2 float32", "scipy has no groups"),
        ("conv x=1x1x4 w=1x1x2 dilation=2 float32", "scipy has no dilation for conv"),
        ("conv x=1x1x4 w=1x1x2 complex64", "take the conjugate"),
        ("conv x=1x2x4 w=1x2x3 padding=1 float32", "the channels too"),
        ("conv x=1x1x4 w=1x1x2 padding=2 float32", "padding is the extent - 1"),
        ("conv x=1x3x4 w=2x2x2 float32", "slides along them"),
        ("conv x=1x1x4 w=1x1x2 stride=0 float32", "no stride and no dilation that could be wrong"),
        ("max_pool x=1x1x4 kernel=2 indices float32", "no indices"),
        ("max_pool x=1x1x4 kernel=2 ceil_mode float32", "no ceil_mode"),
        ("max_pool x=1x1x4 kernel=2 padding=1 float32", "at most the extent - 1"),
        ("avg_pool x=1x1x4 kernel=3 padding=1 float32", "always counts what it pads"),
        ("avg_pool x=1x1x4 kernel=2 dilation=2 float32", "no dilation for avg_pool"),
    ],
)
def test_what_the_api_cannot_say_is_unsupported(
    scipy: ScipyBackend, line: str, reason: str
) -> None:
    with pytest.raises(Unsupported, match=reason):
        run(scipy, line)


def test_what_scipy_rejects_is_left_to_scipy(scipy: ScipyBackend) -> None:
    with pytest.raises(ValueError, match="at least as large as the other in every dimension"):
        run(scipy, "conv x=1x2x2x4 w=1x2x3x3 float32")
