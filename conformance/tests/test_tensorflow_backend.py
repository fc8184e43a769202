"""TensorFlow's adapter: what it passes, what it cannot say, and that its script is its call."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from convformance.backend import Array, Unsupported
from convformance.backends.tensorflow_backend import TensorFlowBackend
from convformance.problem import Problem

tf = pytest.importorskip("tensorflow", reason="the optional framework tensorflow is not installed")


@pytest.fixture(scope="module")
def backend() -> TensorFlowBackend:
    return TensorFlowBackend()


def arrays_of(problem: Problem) -> dict[str, Array]:
    """Count up from 1, so that no two samples are alike."""
    dtype: Any = tf.as_dtype(problem.dtype).as_numpy_dtype
    shapes = {"x": problem.x}
    if problem.w:
        shapes["w"] = problem.w
    if problem.bias:
        shapes["bias"] = problem.w[:1]
    return {
        name: (np.arange(np.prod(shape)) % 7 + 1).astype(dtype).reshape(shape)
        for name, shape in shapes.items()
    }


def run(backend: TensorFlowBackend, line: str, **values: list[float]) -> dict[str, Array]:
    problem = Problem.parse(line)
    arrays = arrays_of(problem)
    for name, numbers in values.items():
        arrays[name] = np.array(numbers).astype(arrays[name].dtype).reshape(arrays[name].shape)
    return dict(backend.run(problem, arrays).arrays)


def test_importing_the_adapter_imports_no_tensorflow() -> None:
    code = (
        "import sys, convformance.backends.tensorflow_backend\n"
        "raise SystemExit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_making_the_backend_writes_nothing_to_stderr() -> None:
    code = (
        "from convformance.backends.tensorflow_backend import TensorFlowBackend as B; B().version"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (
            "conv x=1x4x7x7 w=4x2x3x3 stride=2x1 padding=1+0x0+2 dilation=1x2 groups=2 float32",
            "y = tf.nn.conv2d(x, w, strides=[1, 2, 1, 1], "
            "padding=[[0, 0], [1, 0], [0, 2], [0, 0]], dilations=[1, 1, 2, 1])",
        ),
        (
            "conv x=1x1x7 w=1x1x3 stride=2 padding=same_upper float32",
            "y = tf.nn.conv1d(x, w, stride=[1, 2, 1], padding='SAME', dilations=[1, 1, 1])",
        ),
        (
            "max_pool x=1x1x4x4 kernel=2x3 stride=1x2 indices float32",
            "y, indices = tf.nn.max_pool_with_argmax(x, ksize=[1, 2, 3, 1], "
            "strides=[1, 1, 2, 1], padding='VALID')",
        ),
        (
            "avg_pool x=1x1x7 kernel=2 dilation=3 float32",
            "y = tf.nn.pool(x, window_shape=[2], pooling_type='AVG', strides=[1], "
            "padding='VALID', dilations=[3])",
        ),
    ],
)
def test_attributes_go_to_the_parameters(backend: TensorFlowBackend, line: str, call: str) -> None:
    problem = Problem.parse(line)
    assert call in backend.script(problem, arrays_of(problem)).splitlines()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("conv x=1x1x4x4 w=1x1x2x2 padding=same_lower float32", "same_lower"),
        ("conv x=1x1x4 w=1x1x2 padding=0 float32", "tf.nn.conv1d documents padding"),
        ("conv x=1x1x4x4x4 w=1x1x2x2x2 padding=1 float32", "tf.nn.conv3d documents padding"),
        ("conv x=1x1x2x2x2x2 w=1x1x1x1x1x1 float32", "4 spatial axes"),
        ("conv x=1x4x3x3 w=4x2x1x1 float32", "always means groups=2, never 1"),
        ("max_pool x=1x1x4 kernel=2 indices float32", "max_pool_with_argmax has 2 spatial axes"),
        ("max_pool x=1x1x4 kernel=2 ceil_mode float32", "no ceil_mode"),
        ("max_pool x=1x1x4 kernel=2 padding=1 dilation=2 float32", "documents 'SAME', 'VALID'"),
        ("avg_pool x=1x1x4 kernel=2 padding=1 float32", "tf.nn.avg_pool documents padding"),
        ("avg_pool x=1x1x4 kernel=2 count_include_pad float32", "never counts padding"),
        ("lp_pool x=1x1x4 kernel=2 p=2 float32", "no lp_pool"),
        ("distance_pool x=1x1x4 kernel=2 float32", "no distance_pool"),
    ],
)
def test_what_the_api_cannot_say_is_unsupported(
    backend: TensorFlowBackend, line: str, reason: str
) -> None:
    with pytest.raises(Unsupported, match=reason):
        run(backend, line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        # oneDNN's words, or TensorFlow's own where the processor has it leave oneDNN alone.
        (
            "conv x=1x4x3x3x3 w=4x2x1x1x1 groups=2 float32",
            "same depth: 4 vs 2|last dimension of input",
        ),
        ("conv x=1x1x4x4 w=1x1x2x2 int8", "not in the list of allowed values"),
        ("max_pool x=1x1x7 kernel=2 stride=2 dilation=2 float32", "not supported in conjunction"),
        ("max_pool x=1x1x4 kernel=2 padding=2 float32", "needs to be smaller than the window"),
        (
            "conv x=1x1x4x4 w=1x1x2x2 stride=0 float32",
            "Stride must be > 0|strides should be larger",
        ),
    ],
)
def test_what_tensorflow_rejects_keeps_its_words(
    backend: TensorFlowBackend, line: str, words: str
) -> None:
    with pytest.raises((ValueError, tf.errors.OpError), match=words):
        run(backend, line)


def test_grouped_convolution_comes_back_channels_first(backend: TensorFlowBackend) -> None:
    got = run(
        backend,
        "conv x=1x2x1x3 w=2x1x1x2 groups=2 bias float32",
        x=[1, 2, 3, 4, 5, 6],
        w=[1, 10, 1, 0],
        bias=[0, 100],
    )
    np.testing.assert_array_equal(got["y"], [[[[21, 32]], [[104, 105]]]])


def test_an_index_is_a_position_in_its_own_plane(backend: TensorFlowBackend) -> None:
    got = run(
        backend,
        "max_pool x=2x2x2x2 kernel=2x2 indices float32",
        x=[9, 1, 1, 1, 1, 9, 1, 1, 1, 1, 9, 1, 1, 1, 1, 9],
    )
    assert got["indices"].ravel().tolist() == [0, 1, 2, 3]
    assert got["indices"].dtype == np.int64


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int32"])
def test_dtypes_are_passed_as_they_are(backend: TensorFlowBackend, dtype: str) -> None:
    assert run(backend, f"conv x=1x2x3x3 w=3x2x2x2 {dtype}")["y"].dtype.name == dtype


@pytest.mark.parametrize(
    "line",
    [
        "conv x=2x4x5x4 w=6x2x3x2 stride=2x1 padding=1+0x0+1 groups=2 bias float32",
        "conv x=1x2x5x4x3 w=3x2x2x2x2 padding=same_upper float32",
        "conv1x1 x=2x3x4 w=2x3 bias bfloat16",
        "max_pool x=2x3x4x5 kernel=2x2 padding=same_upper indices float16",
        "avg_pool x=1x2x5 kernel=2 padding=same_upper float64",
        "max_pool x=0x2x5 kernel=2 int64",
    ],
)
def test_the_script_is_what_ran(backend: TensorFlowBackend, line: str) -> None:
    problem = Problem.parse(line)
    arrays = arrays_of(problem)
    kept = {name: one.tobytes() for name, one in arrays.items()}
    ran = backend.run(problem, arrays).arrays
    scope: dict[str, Any] = {}
    exec(backend.script(problem, arrays), scope)
    for name, one in ran.items():
        again = np.asarray(scope[name].numpy())
        if name == "indices":
            again = again // problem.x[1]
        np.testing.assert_array_equal(one, np.moveaxis(again, -1, 1), strict=True)
    assert kept == {name: one.tobytes() for name, one in arrays.items()}


def test_the_script_writes_nan_infinity_and_signed_zero(backend: TensorFlowBackend) -> None:
    problem = Problem.parse("max_pool x=1x1x4 kernel=1 float32")
    arrays = {"x": np.array([[[np.nan, np.inf, -0.0, 1.0]]], np.float32)}
    scope: dict[str, Any] = {}
    exec(backend.script(problem, arrays), scope)
    assert scope["x"].numpy().tobytes() == arrays["x"].tobytes()
