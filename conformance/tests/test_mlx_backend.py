"""The MLX adapter: what is said to its functions and layers, what is not said, what comes back."""

from __future__ import annotations

import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from engines import verdict

from convformance.backend import Unsupported
from convformance.backends import mlx_convs
from convformance.backends.mlx_backend import MlxBackend
from convformance.backends.mlx_calls import body, moved, source
from convformance.fills import make_arrays
from convformance.handing import handed
from convformance.problem import Case, Problem
from convformance.verdict import Kind

SAID = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+2x0 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x4 w=2x2x3 padding=causal float16",
    "conv x=1x2x4 w=2x2x3 padding=full bfloat16",
    "conv x=1x1x5 w=1x1x2 padding=0+-1 float32",
    "conv x=1x2x3x4x3 w=2x2x2x2x2 padding=1 dilation=2x1x1 float32",
    "conv x=1x2x4 w=3x2x2 input_dilation=3 padding=1 flip float32",
    "conv x=1x1x6 w=1x1x4 padding=same_lower flip float32",
    "conv x=1x1x6 w=1x1x3 padding=same_upper flip float32",
    "conv x=1x2x4 w=2x2x3 padding=2+1 padding_mode=reflect float32",
    "conv x=1x2x5x4 w=3x2x3x2 layout=channels_last float64",
    "conv x=2x1x3x4 w=2x1x2x2 padding=1 grad=x float32",
    "conv x=2x2x3x4 w=3x2x2x2 stride=2x1 grad=w float32",
    "conv x=2x4x5 w=6x2x2 dilation=2 groups=2 grad=w float32",
    "conv x=2x1x3x4 w=2x1x2x2 stride=2 bias grad=bias float32",
    "conv1x1 x=2x3x2x2 w=4x3 bias float32",
    "depthwise_conv x=1x3x5x4 w=3x2x2x3 padding=1 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 stride=2 float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=0x1 output_padding=1 bias float32",
    "conv_transpose x=1x4x3 w=4x3x2 stride=2 groups=2 float32",
    "conv_transpose x=1x4x3 w=4x3x2 stride=2 groups=2 grad=w float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 grad=x float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2x1 padding=1x0 float32",
    "max_pool x=2x2x6 kernel=3 stride=2 grad=x float32",
    "max_pool x=1x2x4x5x3 kernel=2 layout=channels_last bfloat16",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1x0 count_include_pad float32",
    "avg_pool x=1x2x6 kernel=2 float16",
    "global_avg_pool x=2x3x4x5 float32",
    "global_max_pool x=2x3x4x5 float32",
    "global_max_pool x=1x3x4 unbatched int32",
)


@pytest.fixture(scope="module")
def mlx() -> MlxBackend:
    reason = "MLX is not installed: pip install 'convformance[mlx]'"
    pytest.importorskip("mlx.core", reason=reason)
    return MlxBackend()


@pytest.mark.parametrize("line", SAID)
def test_a_call_that_says_the_problem_gives_its_answer(mlx: MlxBackend, line: str) -> None:
    said = verdict(mlx, line)
    assert (said.kind, said.message) == (Kind.AGREES, "")


def test_an_adapter_that_says_another_problem_is_caught(
    mlx: MlxBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar of the test above: the sides of an axis are turned around on their way."""
    monkeypatch.setattr(
        mlx_convs, "sides", lambda pairs: ([b for _, b in pairs], [a for a, _ in pairs])
    )
    assert verdict(mlx, SAID[0]).kind is Kind.VALUE


@pytest.mark.parametrize("line", SAID)
def test_a_script_repeats_what_run_does(
    mlx: MlxBackend, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#1")
    arrays = handed(case.problem, make_arrays(case))
    scope: dict[str, Any] = {}
    exec(mlx.script(case.problem, arrays), scope)
    assert capsys.readouterr().out
    (name,) = case.problem.answers
    given = mlx.run(case.problem, arrays).arrays[name]
    printed = mlx.array(scope[name])
    assert sorted(printed.ravel().tolist()) == sorted(given.ravel().tolist())


@pytest.mark.parametrize("line", SAID)
def test_a_compiled_function_gives_the_same(mlx: MlxBackend, line: str) -> None:
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#1")
    arrays = handed(case.problem, make_arrays(case))
    compiled = MlxBackend(path="compile")
    assert "mx.compile(" in compiled.script(case.problem, arrays)
    (name,) = case.problem.answers
    one, other = (made.run(case.problem, arrays).arrays[name] for made in (mlx, compiled))
    assert (one == other).all()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("conv x=1x1x5x5 w=1x1x2x2 padding=1x0 float32", "stride=(1, 1), padding=(1, 0), dilation"),
        ("conv x=1x1x5 w=1x1x2 stride=2 float32", "mx.conv1d(x, w, stride=2, padding=0"),
        ("conv x=1x1x5x5 w=1x1x2x2 padding=1+2x0+3 float32", "padding=([1, 0], [2, 3])"),
        ("conv x=1x1x5 w=1x1x2 padding=causal float32", "padding=([1], [0])"),
        ("conv x=1x1x5 w=1x1x2 padding=full float32", "mx.conv1d(x, w, stride=1, padding=1,"),
        ("conv x=1x1x5 w=1x1x2 padding=same flip float32", "w[0, :, 0], mode='same')"),
        ("conv x=1x2x5 w=1x2x2 flip float32", "groups=1, flip=True)"),
        ("conv x=1x2x5 w=1x2x2 input_dilation=2 float32", "input_dilation=[2], groups=1"),
        ("conv x=1x2x5 w=2x1x2 groups=2 float32", "dilation=1, groups=2)"),
        ("conv x=1x2x5 w=2x2x2 padding=1 padding_mode=replicate float32", "mode='edge')"),
        ("depthwise_conv x=1x2x5 w=2x3x2 float32", "dilation=1, groups=2)"),
        ("conv_transpose x=1x2x5 w=2x3x2 output_padding=1 stride=2 float32", "output_padding=1"),
        ("max_pool x=1x1x5 kernel=2 padding=1 float32", "size=(2,), stride=(1,), padding=(1,))(x)"),
        ("global_max_pool x=1x1x5x4 float32", "mx.max(x, axis=(1, 2), keepdims=True)"),
    ],
)  # fmt: skip
def test_attributes_go_to_parameters_of_mlx(line: str, text: str) -> None:
    assert text in "\n".join(body(Problem.parse(line)).lines)


def test_a_gradient_is_taken_of_the_function_alone() -> None:
    problem = Problem.parse("conv x=1x1x5 w=1x1x2 bias grad=w float32")
    text = source(problem, body(problem), ["x", "w", "bias", "dy"], compiled=False)
    assert "mx.vjp(lambda w: forward(x, w, bias), [w], [dy])" in text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lp_pool x=1x1x5 kernel=2 p=2 float32", "has no lp_pool"),
        ("unfold x=1x1x3x3 kernel=2x2 float32", "has no unfold"),
        ("adaptive_avg_pool x=1x1x3x3 output=2x2 float32", "has no adaptive_avg_pool"),
        ("conv x=1x1 w=1x1 float32", "no spatial axis"),
        ("conv x=1x1x5 w=1x1x2 complex128", "no complex128"),
        ("conv x=1x1x5 w=1x1x2 unbatched float32", r"for \(N, \*spatial, C\) alone"),
        ("conv x=1x1x5 w=1x1x2 memory=reversed float32", "no negative strides"),
        ("conv x=1x1x5 w=1x1x2 memory=byteswapped float32", "byte order"),
        ("conv x=1x1x5 w=1x1x2 padding=same float32", "never 'same'"),
        ("conv x=1x1x6 w=1x1x4 padding=same_upper flip float32", "never 'same_upper'"),
        ("conv x=1x1x5 w=1x1x2 output_dtype=float64 float32", "an output dtype"),
        ("conv x=2x1x5 w=2x1x2 batch_groups=2 float32", "batch groups"),
        ("conv x=1x1x5 w=1x1x2 padding=1 padding_mode=circular float32", "no mode circular"),
        ("conv x=1x1x5 w=1x1x2 padding=1 padding_mode=reflect input_dilation=2 float32", "holes"),
        ("conv_transpose x=1x1x3 w=1x1x4 padding=0+1 float32", "as much before"),
        ("conv_transpose x=1x1x1x1x1x1 w=1x1x1x1x1x1 float32", "1d, 2d and 3d"),
        ("max_pool x=1x1x5 kernel=2 padding=0+1 float32", "lack a padding of its own"),
        ("max_pool x=1x1x5 kernel=2 dilation=2 float32", "lack dilation"),
        ("max_pool x=1x1x5 kernel=2 ceil_mode float32", "lack ceil_mode"),
        ("max_pool x=1x1x5 kernel=2 indices float32", "lack indices"),
        ("max_pool x=1x1x1x1x1x1 kernel=1 float32", "one, two and three axes"),
        ("avg_pool x=1x1x5 kernel=2 padding=1 float32", "always count padding"),
    ],
)
def test_what_mlx_cannot_say_is_unsupported(line: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        body(Problem.parse(line))


def test_groups_that_do_not_divide_a_transposed_weight_are_unsupported() -> None:
    problem = Problem.parse("conv_transpose x=1x3x4 w=3x1x2 groups=2 float32")
    with pytest.raises(Unsupported, match="no such groups"):
        moved(problem, {"w": np.zeros(problem.w)})


def test_what_is_more_than_one_call_is_a_recipe() -> None:
    lines = (
        "separable_conv x=1x1x5 w=1x1x2 pointwise=1x1 float32",
        "conv x=1x1x5 w=1x1x2 padding=1 padding_mode=reflect float32",
    )
    assert all(body(Problem.parse(line)).recipe for line in lines)
    assert not body(Problem.parse("conv x=1x1x5 w=1x1x2 bias float32")).recipe


def test_float64_stays_float64_and_bfloat16_comes_back_by_its_bits(mlx: MlxBackend) -> None:
    """Without a dtype mx.array makes float32 of float64."""
    for x in (np.array([[[1 + 2**-50]]]), np.array([[[1.5, -0.0]]]).astype(ml_dtypes.bfloat16)):
        problem = Problem.parse(f"global_max_pool x={'x'.join(map(str, x.shape))} {x.dtype.name}")
        y = mlx.array(mlx.tensor(x))
        assert y.dtype == x.dtype
        assert y.tobytes() == x.tobytes()
        assert mlx.run(problem, {"x": x}).arrays["y"].dtype == x.dtype


def test_a_run_says_which_way_was_taken(mlx: MlxBackend) -> None:
    case = Case.parse("conv x=1x1x5 w=1x1x2 bias grad=w float32 fill=integers#0")
    result = mlx.run(case.problem, make_arrays(case))
    assert result.layout == "channels last"
    assert re.search("channels last; the bias is added after.*; gradient by mx.vjp", result.how)


@pytest.mark.parametrize(("dtype", "small"), [("float16", 2.0**-12), ("bfloat16", 2.0**-9)])
def test_halves_are_added_up_in_the_dtype_that_is_declared(
    mlx: MlxBackend, dtype: str, small: float
) -> None:
    """One and eight numbers below half of its last digit: in the dtype itself their sum is one."""
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16
    terms = np.array([[[1, *[small] * 8]]]).astype(kind)
    peak = np.zeros((1, 1, 17), kind)
    peak[..., 8] = 1
    pooled = Problem.parse(f"max_pool x=1x1x17 kernel=9 grad=x {dtype}")
    dx = mlx.run(pooled, {"x": peak, "dy": terms}).arrays["dx"]
    assert dx[0, 0, 8] == 1
    pooled = Problem.parse(f"avg_pool x=1x1x17 kernel=9 grad=x {dtype}")
    dx = mlx.run(pooled, {"x": peak, "dy": terms}).arrays["dx"]
    assert dx[0, 0, 8] == dx[0, 0, 0]
    for line in ("conv x=1x1x9 w=1x1x9", "conv x=1x1x9 w=1x1x1 grad=w"):
        problem = Problem.parse(f"{line} {dtype}")
        ones = np.ones((1, 1, 9), kind)
        given = {"x": terms, "w": ones[..., : problem.w[2]]} | (
            {"dy": ones} if problem.grad else {}
        )
        (name,) = problem.answers
        assert mlx.run(problem, given).arrays[name] == kind(1 + 8 * small)
