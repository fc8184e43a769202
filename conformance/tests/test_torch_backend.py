"""What the PyTorch adapter passes on, and what it says it cannot pass on."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from convformance.backend import Array, Unsupported
from convformance.problem import Problem

pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

from convformance.backends.torch_backend import TorchBackend
from convformance.backends.torch_calls import written


@pytest.fixture(scope="module")
def backend() -> TorchBackend:
    return TorchBackend()


def counted(problem: Problem) -> dict[str, Array]:
    """Small whole numbers of both signs in every input of the problem."""
    dtype = np.dtype(getattr(ml_dtypes, problem.dtype, problem.dtype))
    shapes = {"x": problem.x}
    if problem.w:
        shapes["w"] = problem.w
    if problem.bias:
        shapes["bias"] = (problem.w[0],)
    return {
        name: (np.arange(np.prod(shape)) % 7 - 2).astype(dtype).reshape(shape)
        for name, shape in shapes.items()
    }


def source(line: str) -> str:
    return written(Problem.parse(line)).source


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (
            "conv x=1x4x8x8 w=6x2x3x3 stride=2x1 padding=1x2 dilation=1x2 groups=2 bias float32",
            "y = F.conv2d(x, w, bias, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)\n",
        ),
        (
            "conv x=1x1x5 w=1x1x2 padding=same_upper float32",
            "y = F.conv1d(x, w, None, stride=(1,), padding='same', dilation=(1,), groups=1)\n",
        ),
        ("conv1x1 x=1x2x4x4 w=3x2 float32", "y = F.conv2d(x, w[..., None, None], None)\n"),
        (
            "max_pool x=1x1x5 kernel=3 stride=2 padding=1 dilation=2 ceil_mode indices float32",
            "y, indices = F.max_pool1d(x, kernel_size=(3,), stride=(2,), padding=(1,), "
            "dilation=(2,), ceil_mode=True, return_indices=True)\n",
        ),
        (
            "avg_pool x=1x1x2x2x2 kernel=2 count_include_pad float32",
            "y = F.avg_pool3d(x, kernel_size=(2, 2, 2), stride=(1, 1, 1), padding=0, "
            "ceil_mode=False, count_include_pad=True)\n",
        ),
        (
            "lp_pool x=1x1x5 kernel=3 stride=2 p=inf float32",
            "y = F.lp_pool1d(x, norm_type=inf, kernel_size=3, stride=(2,), ceil_mode=False)\n",
        ),
    ],
)
def test_attributes_go_to_torch_parameters(line: str, call: str) -> None:
    assert source(line) == call


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("conv x=1x1x4 w=1x1x2 padding=0+1 float32", "both sides of an axis, not 0 and 1"),
        ("conv x=1x1x4 w=1x1x2 padding=same_lower float32", "extra sample after"),
        ("conv x=1x1x1x1x1x1 w=1x1x1x1x1x1 float32", "not 4"),
        ("conv x=1x1 w=1x1 float32", "not 0"),
        ("max_pool x=1x1x4 kernel=2 padding=same_upper float32", "never 'same_upper'"),
        ("avg_pool x=1x1x4 kernel=2 dilation=2 float32", "avg_pool has no dilation"),
        ("lp_pool x=1x1x4 kernel=2 dilation=2 p=2 float32", "lp_pool has no dilation"),
        ("lp_pool x=1x1x4 kernel=2 padding=1 p=2 float32", "lp_pool has no padding"),
        ("distance_pool x=1x1x4 kernel=2 float32", "no distance_pool"),
    ],
)
def test_what_the_api_cannot_say_is_unsupported(
    backend: TorchBackend, line: str, reason: str
) -> None:
    problem = Problem.parse(line)
    with pytest.raises(Unsupported, match=reason):
        backend.run(problem, counted(problem))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("conv x=1x1x4 w=1x1x2 stride=2 padding=same_upper float32", "strided"),
        ("conv x=1x1x4x4 w=1x1x2x2 stride=1x1x1 float32", "stride"),
        ("conv x=1x1x4 w=1x1x2 padding=-1 float32", "negative padding"),
        ("max_pool x=1x1x4 kernel=2 padding=2 float32", "half"),
        ("avg_pool x=1x1x4 kernel=2 int32", "not implemented for 'Int'"),
    ],
)
def test_what_torch_rejects_keeps_its_own_words(
    backend: TorchBackend, line: str, message: str
) -> None:
    problem = Problem.parse(line)
    with pytest.raises(RuntimeError, match=message):
        backend.run(problem, counted(problem))


def test_bfloat16_comes_back_bit_for_bit(backend: TorchBackend) -> None:
    """A maximum over one tap is the identity; the bits here are every bfloat16 but NaN."""
    bits = np.arange(1 << 16, dtype=np.uint16)
    x = bits[(bits & 0x7FFF) <= 0x7F80].view(ml_dtypes.bfloat16).reshape(1, 1, -1)
    problem = Problem("max_pool", x.shape, kernel=(1,), dtype="bfloat16")
    y = backend.run(problem, {"x": x}).arrays["y"]
    assert y.dtype == ml_dtypes.bfloat16
    assert x.tobytes() == y.tobytes()


LINES = [
    "conv x=1x2x4x4 w=2x1x2x2 padding=1 groups=2 bias bfloat16",
    "conv x=1x1x4 w=1x1x2 padding=same_upper float16",
    "conv x=0x1x4 w=1x1x2 float64",
    "conv1x1 x=1x2x3x2 w=3x2 int64",
    "max_pool x=1x1x4x4 kernel=2 ceil_mode indices int8",
    "avg_pool x=1x1x4x4 kernel=3 padding=1 float32",
    "lp_pool x=1x1x4x4 kernel=2 p=inf float32",
]


@pytest.mark.parametrize("line", LINES)
def test_script_repeats_the_run(backend: TorchBackend, line: str) -> None:
    problem = Problem.parse(line)
    arrays = counted(problem)
    if problem.is_float and arrays["x"].size:
        arrays["x"].flat[0] = np.inf
        arrays["x"].flat[-1] = np.nan
    ran = backend.run(problem, arrays).arrays
    scope: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(backend.script(problem, arrays), scope)
    for name, array in ran.items():
        again = backend.array(scope[name])
        assert again.dtype == array.dtype
        np.testing.assert_array_equal(again.astype(float), array.astype(float))  # NaN is NaN
        assert str(scope[name]) in printed.getvalue()


@pytest.mark.parametrize("line", LINES)
def test_inputs_stay_as_they_were(backend: TorchBackend, line: str) -> None:
    problem = Problem.parse(line)
    arrays = counted(problem)
    before = {name: array.tobytes() for name, array in arrays.items()}
    backend.run(problem, arrays)
    assert before == {name: array.tobytes() for name, array in arrays.items()}


def test_indices_are_flat_plane_positions(backend: TorchBackend) -> None:
    x = np.array([[[[0, 1], [2, 9]]]], np.float32)
    problem = Problem.parse("max_pool x=1x1x2x2 kernel=2 indices float32")
    indices = backend.run(problem, {"x": x}).arrays["indices"]
    assert indices.dtype == np.int64
    assert indices.tolist() == [[[[3]]]]


def test_importing_the_adapter_imports_no_torch() -> None:
    code = "import sys, convformance.backends.torch_backend; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout == "False\n"
