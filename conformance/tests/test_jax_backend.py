"""Facts about the JAX adapter: what it passes through, what it refuses to say, what it prints."""

from __future__ import annotations

import subprocess
import sys
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from convformance.backend import Array, Result, Unsupported
from convformance.backends.jax_backend import JaxBackend
from convformance.problem import DTYPES, Problem

CALLS = [
    "conv x=1x2x4x5 w=3x2x2x2 stride=2x1 padding=1+0x0+2 dilation=1x2 bias float32",
    "conv x=2x4x5 w=4x2x2 padding=same_lower groups=2 float64",
    "conv x=1x1x2x3x2x3 w=2x1x1x2x2x1 padding=1 float16",
    "conv x=0x2x3x3 w=4x2x2x2 float32",
    "conv1x1 x=1x3x2x2 w=2x3 bias int32",
    "max_pool x=1x2x4x5 kernel=2x3 stride=1x2 padding=1+1x2+0 dilation=2x1 int8",
    "max_pool x=1x1x3 kernel=2 padding=3 bfloat16",
    "avg_pool x=1x2x4x4 kernel=2x2 padding=same_upper float32",
    "avg_pool x=1x1x4 kernel=3 padding=1 count_include_pad bfloat16",
    "lp_pool x=1x1x4 kernel=2 padding=2 p=inf float32",
    "lp_pool x=1x1x4 kernel=2 p=3 float64",
]


@pytest.fixture(scope="module")
def jax() -> Iterator[JaxBackend]:
    pytest.importorskip("jax", reason="JAX is not installed: pip install 'convformance[jax]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what JAX warns of on import is not ours
        yield JaxBackend()


def operands(problem: Problem) -> dict[str, Array]:
    """Small whole numbers, some negative, different at neighbouring places."""
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, problem.dtype, problem.dtype))

    def some(shape: tuple[int, ...]) -> Array:
        return (np.arange(np.prod(shape)) * 5 % 7 - 3).reshape(shape).astype(dtype)

    arrays = {"x": some(problem.x)}
    if problem.w:
        arrays["w"] = some(problem.w)
    if problem.bias:
        arrays["bias"] = some(problem.w[:1])
    return arrays


def run(jax: JaxBackend, line: str) -> Result:
    problem = Problem.parse(line)
    return jax.run(problem, operands(problem))


@pytest.fixture(params=[True, False], ids=["channels-first", "channels-last"])
def first(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(zlib, "crc32", lambda _: 0 if request.param else 1)
    return request.param


def test_importing_the_adapter_imports_no_jax() -> None:
    code = "import sys, convformance.backends.jax_backend as _; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("line", CALLS)
def test_the_script_prints_what_run_returns(jax: JaxBackend, line: str) -> None:
    problem = Problem.parse(line)
    arrays = operands(problem)
    scope: dict[str, Any] = {}
    exec(jax.script(problem, arrays), scope)
    y = jax.run(problem, arrays).arrays["y"]
    assert scope["y"].dtype == y.dtype
    np.testing.assert_array_equal(scope["y"], y)


@pytest.mark.parametrize("line", CALLS)
def test_both_layouts_agree(jax: JaxBackend, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    for sampled in (0, 1):
        monkeypatch.setattr(zlib, "crc32", lambda _, value=sampled: value)
        answers.append(run(jax, line))
    assert [one.how.partition(" op")[0] for one in answers] == [
        "NCHW, default",
        "channels last, cheap",
    ]
    np.testing.assert_array_equal(answers[0].arrays["y"], answers[1].arrays["y"])


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_stays_itself(jax: JaxBackend, dtype: str) -> None:
    problem = Problem.parse(f"conv x=1x1x3 w=1x1x2 {dtype}")  # x is -3 2 0, w is -3 2
    y = run(jax, problem.line).arrays["y"]
    assert y.dtype.name == dtype
    wrapped = -6 % 256 if dtype == "uint8" else -6
    assert y.tolist() == [[[13, wrapped]]]


@pytest.mark.usefixtures("first")
def test_attributes_reach_their_own_axis(jax: JaxBackend) -> None:
    line = "conv x=1x1x7x9 w=1x1x2x3 stride=2x1 padding=1+0x0+3 dilation=3x2 float32"
    assert run(jax, line).arrays["y"].shape == (1, 1, 3, 8)


@pytest.mark.usefixtures("first")
def test_same_lower_pads_before(jax: JaxBackend) -> None:
    y = run(jax, "max_pool x=1x1x3 kernel=2 padding=same_lower float32").arrays["y"]  # of -3 2 0
    assert y.tolist() == [[[-3, 2, 2]]]


def test_the_attributes_are_parameters_of_the_framework(jax: JaxBackend) -> None:
    problem = Problem.parse("conv x=1x2x4x4 w=2x1x2x2 stride=2x1 padding=1+0x2 groups=2 float32")
    text = jax.script(problem, operands(problem))
    for words in (
        "window_strides=(2, 1)",
        "padding=((1, 0), (2, 2))",
        "rhs_dilation=(1, 1)",
        "feature_group_count=2",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("max_pool x=1x1x4 kernel=2 ceil_mode float32", "no ceil_mode"),
        ("max_pool x=1x1x4 kernel=2 indices float32", "no indices"),
        ("distance_pool x=1x1x4 kernel=2 float32", "no distance_pool"),
        ("avg_pool x=1x1x4 kernel=2 int32", "integer sum may wrap"),
        ("lp_pool x=1x1x4 kernel=2 p=0 float32", "p >= 1"),
    ],
)
def test_what_the_api_cannot_say_is_unsupported(jax: JaxBackend, line: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        run(jax, line)


def test_what_jax_rejects_is_left_to_jax(jax: JaxBackend) -> None:
    with pytest.raises(ValueError, match="feature_group_count must divide lhs feature dimension"):
        run(jax, "conv x=1x4x3x3 w=4x2x2x2 groups=3 float32")


def test_averages_and_norms_are_recipes_and_the_rest_is_native(jax: JaxBackend) -> None:
    assert [run(jax, line).recipe for line in CALLS] == [
        line.startswith(("avg", "lp")) for line in CALLS
    ]


@pytest.mark.usefixtures("first")
def test_inputs_are_left_as_they_were(jax: JaxBackend) -> None:
    problem = Problem.parse(CALLS[0])
    arrays = operands(problem)
    jax.run(problem, arrays)
    for name, array in operands(problem).items():
        np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(
    ("line", "value"),
    [("conv x=1x1x1 w=1x1x1", 0.0), ("max_pool x=1x1x1 kernel=1 padding=1", -np.inf)],
)
def test_other_numbers_of_the_same_problem_are_not_compiled_anew(
    jax: JaxBackend, line: str, value: float
) -> None:
    problem = Problem.parse(line + " float32")
    arrays = operands(problem)
    jax.run(problem, arrays)
    misses = jax._compiled.cache_info().misses
    arrays["x"] = np.full((1, 1, 1), value, np.float32)
    assert jax.run(problem, arrays).arrays["y"].ravel()[0] == value
    assert jax._compiled.cache_info().misses == misses
