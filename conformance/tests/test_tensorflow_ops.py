"""TensorFlow's adapter and the newer operations: the calls, what they cannot say, the sums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from convformance.backend import Array, Result, Unsupported
from convformance.backends.tensorflow_backend import TensorFlowBackend
from convformance.backends.tensorflow_pools import batch_in_index
from convformance.backends.tensorflow_sums import accumulators, halves_of_onednn, uses_onednn
from convformance.bench import Bench
from convformance.handing import handed
from convformance.judge import accumulator_of
from convformance.meaning import input_shapes
from convformance.perform import perform
from convformance.problem import Case, Problem
from convformance.verdict import Kind
from convformance.worker import Isolated

tf = pytest.importorskip("tensorflow", reason="the optional framework tensorflow is not installed")


@pytest.fixture(scope="module")
def backend() -> TensorFlowBackend:
    return TensorFlowBackend()


def arrays_of(problem: Problem) -> dict[str, Array]:
    """Count up from 1 and over again; indices count the plane."""
    dtype: Any = tf.as_dtype(problem.dtype).as_numpy_dtype
    arrays = {
        name: (np.arange(np.prod(shape)) % 7 + 1).astype(dtype).reshape(shape)
        for name, shape in input_shapes(problem).items()
    }
    if "indices" in arrays:
        arrays["indices"] = arrays["indices"].astype(np.int64) - 1
    return arrays


def script(backend: TensorFlowBackend, line: str) -> list[str]:
    problem = Problem.parse(line)
    return backend.script(problem, arrays_of(problem)).splitlines()


def answer(backend: TensorFlowBackend, line: str, **values: list[float]) -> Result:
    problem = Problem.parse(line)
    arrays = arrays_of(problem)
    for name, numbers in values.items():
        arrays[name] = np.array(numbers).astype(arrays[name].dtype).reshape(arrays[name].shape)
    return backend.run(problem, arrays)


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (
            "conv_transpose x=1x2x3x3 w=2x4x2x2 stride=2x1 float32",
            "y = tf.nn.conv2d_transpose(x, w, output_shape=[1, 6, 4, 4], strides=[1, 2, 1, 1], "
            "padding='VALID', dilations=[1, 1, 1, 1])",
        ),
        (
            "conv_transpose x=1x1x3 w=1x1x2 stride=2 padding=same float32",
            "y = tf.nn.conv1d_transpose(x, w, output_shape=[1, 6, 1], strides=[1, 2, 1], "
            "padding='SAME', dilations=[1, 1, 1])",
        ),
        (
            "conv_transpose x=1x1x3x3 w=1x1x2x2 padding=1+0x0 float32",
            "y = tf.nn.conv2d_transpose(x, w, output_shape=[1, 3, 4, 1], strides=[1, 1, 1, 1], "
            "padding=[[0, 0], [1, 0], [0, 0], [0, 0]], dilations=[1, 1, 1, 1])",
        ),
        (  # padding crops more than there is: the caller's size is 0, no number below it
            "conv_transpose x=1x1x1x1 w=1x1x1x1 stride=1x2 padding=1x0 float32",
            "y = tf.nn.conv2d_transpose(x, w, output_shape=[1, 0, 1, 1], strides=[1, 1, 2, 1], "
            "padding=[[0, 0], [1, 1], [0, 0], [0, 0]], dilations=[1, 1, 1, 1])",
        ),
        (  # a negative stride is TensorFlow's to refuse
            "conv_transpose x=1x1x3 w=1x1x1 stride=-1 float32",
            "y = tf.nn.conv1d_transpose(x, w, output_shape=[1, -1, 1], strides=[1, -1, 1], "
            "padding='VALID', dilations=[1, 1, 1])",
        ),
        (
            "conv_transpose x=1x1x3 w=1x1x2 stride=2 output_padding=1 bias float32",
            "layer = tf.keras.layers.Conv1DTranspose(filters=1, output_padding=(1,), "
            "kernel_size=(2,), strides=(2,), padding='valid', data_format='channels_last', "
            "dilation_rate=(1,), use_bias=True, kernel_initializer='zeros', dtype='float32')",
        ),
        (
            "conv_transpose x=1x1x3 w=1x1x2 stride=2 output_padding=1 bias float32",
            "y, _ = layer.stateless_call([w, bias], [], x)",
        ),
        (
            "depthwise_conv x=1x2x4x4 w=2x3x2x2 stride=2x2 padding=1 float32",
            "y = tf.nn.depthwise_conv2d(x, w, strides=[1, 2, 2, 1], "
            "padding=[[0, 0], [1, 1], [1, 1], [0, 0]], dilations=[1, 1])",
        ),
        (
            "depthwise_conv x=1x2x4 w=2x3x2 dilation=2 float32",
            "layer = tf.keras.layers.DepthwiseConv1D(depth_multiplier=3, kernel_size=(2,), "
            "strides=(1,), padding='valid', data_format='channels_last', dilation_rate=(2,), "
            "use_bias=False, dtype='float32', depthwise_initializer='zeros')",
        ),
        (
            "separable_conv x=1x2x4x4 w=2x3x2x2 pointwise=5x6 padding=same float32",
            "y = tf.nn.separable_conv2d(x, w, pointwise, strides=[1, 1, 1, 1], padding='SAME', "
            "dilations=[1, 1])",
        ),
        (
            "conv x=1x1x4 w=1x1x2 padding=causal float32",
            "layer = tf.keras.layers.Conv1D(filters=1, groups=1, kernel_size=(2,), strides=(1,), "
            "padding='causal', data_format='channels_last', dilation_rate=(1,), use_bias=False, "
            "kernel_initializer='zeros', dtype='float32')",
        ),
        ("conv x=1x1x4x4 w=1x1x2x2 flip float32", "turned = tf.reverse(w, axis=[0, 1])"),
        (
            "conv x=1x1x4x4 w=1x1x2x3 padding=full dilation=3x1 float32",
            "y = tf.nn.conv2d(x, w, strides=[1, 1, 1, 1], "
            "padding=[[0, 0], [3, 3], [2, 2], [0, 0]], dilations=[1, 3, 1, 1])",
        ),
        (
            "separable_conv x=1x2x4 w=2x3x2 pointwise=5x6 padding=same float32",
            "layer = tf.keras.layers.SeparableConv1D(depth_multiplier=3, kernel_size=(2,), "
            "strides=(1,), padding='same', data_format='channels_last', dilation_rate=(1,), "
            "use_bias=False, dtype='float32', depthwise_initializer='zeros', filters=5, "
            "pointwise_initializer='zeros')",
        ),
        (
            "separable_conv x=1x2x4 w=2x3x2 pointwise=5x6 float32",
            "y, _ = layer.stateless_call([w, pointwise], [], x)",
        ),
        (
            "adaptive_avg_pool x=1x1x5x5 output=3x2 float32",
            "layer = tf.keras.layers.AdaptiveAveragePooling2D(output_size=(3, 2), "
            "data_format='channels_last', dtype='float32')",
        ),
        (
            "adaptive_max_pool x=1x1x5 output=3 int32",
            "layer = tf.keras.layers.AdaptiveMaxPooling1D(output_size=(3,), "
            "data_format='channels_last', dtype='int32')",
        ),
        (
            "conv x=1x1x4x4 w=1x1x2x2 padding=1x0+2 padding_mode=reflect float32",
            "padded = tf.pad(x, paddings=[[0, 0], [1, 1], [0, 2], [0, 0]], mode='REFLECT')",
        ),
        (
            "max_unpool x=1x1x2x2 kernel=2x2 stride=2x2 float32",
            "flat = tf.scatter_nd(tf.reshape(indices, [-1, 1]), tf.reshape(x, [-1]), shape=[16])",
        ),
        (
            "global_avg_pool x=1x1x4x4 float64",
            "layer = tf.keras.layers.GlobalAveragePooling2D(data_format='channels_last', "
            "keepdims=True, dtype='float64')",
        ),
        (
            "unfold x=1x1x4x4 kernel=2x3 stride=1x2 dilation=1 padding=same float32",
            "y = tf.image.extract_patches(x, sizes=[1, 2, 3, 1], strides=[1, 1, 2, 1], "
            "rates=[1, 1, 1, 1], padding='SAME')",
        ),
    ],
)
def test_attributes_go_to_the_parameters(backend: TensorFlowBackend, line: str, call: str) -> None:
    assert call in script(backend, line)


@pytest.mark.parametrize(
    "line",
    [
        "conv x=1x1x4 w=1x1x2 grad=x float32",
        "conv x=1x1x4 w=1x1x2 bias grad=bias float32",
        "conv_transpose x=1x1x4x4 w=1x1x2x2 grad=w float32",
        "max_pool x=1x1x4 kernel=2 grad=x float32",
        "avg_pool x=1x1x4 kernel=2 grad=x float32",
    ],
)
def test_a_gradient_is_that_of_the_tape(backend: TensorFlowBackend, line: str) -> None:
    source = Problem.parse(line).grad
    lines = script(backend, line)
    assert "with tf.GradientTape() as tape:" in lines
    assert f"    tape.watch({source})" in lines
    assert f"d{source} = tape.gradient(y, {source}, output_gradients=dy)" in lines
    assert "gradient by tf.GradientTape" in answer(backend, line).how


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("conv x=1x1x4 w=1x1x2 unbatched float32", "with a batch axis"),
        ("conv x=1x1x4 w=1x1x2 padding=full float32", "conv1d documents padding"),
        ("conv x=1x1x4x4 w=1x1x2x2 padding=causal float32", "Conv1D alone"),
        ("conv x=1x1x4 w=1x1x2 input_dilation=2 float32", "no input dilation"),
        ("conv x=2x1x4 w=2x1x2 batch_groups=2 float32", "no batch groups"),
        ("conv x=1x1x4 w=1x1x2 output_dtype=int32 int8", "no output dtype"),
        ("conv x=1x1x4 w=1x1x2 padding=1 padding_mode=circular float32", "no mode circular"),
        ("conv x=1x1x4 w=1x1x2 padding=1 padding_mode=replicate float32", "no mode replicate"),
        ("conv x=1x1x4 w=1x1x2 padding=same padding_mode=reflect float32", "takes numbers"),
        ("conv x=1x1x4 w=1x1x2 padding=causal padding_mode=reflect float32", "zeros alone"),
        ("conv_transpose x=1x2x3 w=2x1x2 groups=2 float32", "no groups"),
        ("conv_transpose x=1x1x3 w=1x1x2 padding=1 float32", "documents padding"),
        (
            "conv_transpose x=1x1x3 w=1x1x2 padding=full float32",
            "conv1d_transpose documents padding",
        ),
        ("depthwise_conv x=1x1x3 w=1x1x2 padding=1 float32", "'valid' and 'same' only"),
        ("depthwise_conv x=1x1x3x3x3 w=1x1x2x2x2 float32", "2 spatial axes, not 3"),
        (
            "separable_conv x=1x1x3 w=1x1x2 pointwise=1x1 padding=1 float32",
            "SeparableConv1D has padding 'valid' and 'same' only",
        ),
        (
            "separable_conv x=1x1x3x3x3 w=1x1x2x2x2 pointwise=1x1 float32",
            "2 spatial axes, not 3",
        ),
        ("adaptive_max_pool x=1x1x3 output=2 indices float32", "give no indices"),
        ("max_unpool x=1x1x3 kernel=2 padding=full float32", "never 'full'"),
        ("unfold x=1x1x3x3 kernel=2 layout=channels_last float32", "no channels to come last"),
        ("unfold x=1x1x3 kernel=2 float32", "2 spatial axes, not 1"),
        ("unfold x=1x1x3x3 kernel=2 padding=1 float32", "'SAME' and 'VALID' only"),
        ("fold x=1x4x4 kernel=2x2 output=3x3 float32", "no fold"),
        ("lp_pool x=1x1x4 kernel=2 p=2 grad=x float32", "no lp_pool"),
    ],
)
def test_what_the_api_cannot_say_is_unsupported(
    backend: TensorFlowBackend, line: str, reason: str
) -> None:
    problem = Problem.parse(line)
    with pytest.raises(Unsupported, match=reason):
        backend.run(problem, arrays_of(problem))


def test_a_layer_that_an_older_keras_lacks_is_unsupported(
    backend: TensorFlowBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tf.keras.layers, "AdaptiveMaxPooling1D")
    with pytest.raises(Unsupported, match="has no layer AdaptiveMaxPooling1D"):
        answer(backend, "adaptive_max_pool x=1x1x3 output=2 float32")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "conv_transpose x=1x1x3 w=1x1x2 stride=2 dilation=2 float32",
            "not supported in conjunction",
        ),
        ("conv_transpose x=1x1x3 w=1x1x2 dilation=2 output_padding=1 float32", "strictly less"),
        ("depthwise_conv x=1x1x4x4 w=1x1x2x2 stride=1x2 float64", "equal length strides"),
        ("conv x=1x2x4x4 w=2x1x2x2 groups=2 grad=x float64", "grouped convolutions"),
        ("conv x=1x1x4 w=1x1x2 complex64", "not in the list of allowed values"),
    ],
)
def test_what_tensorflow_rejects_keeps_its_words(
    backend: TensorFlowBackend, line: str, words: str
) -> None:
    with pytest.raises((ValueError, tf.errors.OpError), match=words):
        answer(backend, line)


@pytest.mark.parametrize(
    ("line", "is_recipe"),
    [
        ("conv x=1x1x4 w=1x1x2 float32", False),
        ("conv x=1x1x4 w=1x1x2 grad=w float32", False),
        ("separable_conv x=1x1x4x4 w=1x1x2x2 pointwise=1x1 float32", False),
        ("conv x=1x1x4 w=1x1x2 flip float32", True),
        ("conv x=1x1x4 w=1x1x2 padding=1 padding_mode=symmetric float32", True),
        ("max_unpool x=1x1x2 kernel=2 stride=2 float32", True),
    ],
)
def test_a_composition_is_a_recipe(backend: TensorFlowBackend, line: str, is_recipe: bool) -> None:
    assert answer(backend, line).recipe is is_recipe


def test_the_layout_of_the_call_is_told(backend: TensorFlowBackend) -> None:
    for line in ("max_pool x=1x1x4 kernel=2", "max_pool x=1x1x4 kernel=2 layout=channels_last"):
        problem = Problem.parse(f"{line} float32")
        given = handed(problem, arrays_of(problem))
        assert backend.run(problem, given).layout == "channels last"


def test_a_transposed_convolution_of_keras_has_stride_elements_for_each_window(
    backend: TensorFlowBackend,
) -> None:
    line = "conv_transpose x=1x1x2 w=1x1x1 stride=3 float32"
    got = answer(backend, line, x=[1, 2], w=[10]).arrays["y"]
    assert got.ravel().tolist() == [10, 0, 0, 20, 0, 0]


def test_the_gradient_of_a_transposed_convolution_has_the_size_of_dy(
    backend: TensorFlowBackend,
) -> None:
    line = "conv_transpose x=1x1x2 w=1x1x1 stride=3 grad=x float32"
    got = answer(backend, line, w=[10], dy=[1, 2, 3, 4]).arrays["dx"]
    assert got.ravel().tolist() == [10, 40]


def test_a_gradient_by_w_comes_back_as_w_is(backend: TensorFlowBackend) -> None:
    line = "conv x=1x2x3 w=3x2x2 grad=w float32"
    got = answer(backend, line, x=[1, 2, 3, 0, 0, 1], dy=[1, 0, 0, 1, 0, 0]).arrays["dw"]
    assert got.tolist() == [[[1, 2], [0, 0]], [[2, 3], [0, 1]], [[0, 0], [0, 0]]]


def test_a_value_goes_back_where_its_index_says(backend: TensorFlowBackend) -> None:
    line = "max_unpool x=2x2x1x1 kernel=2x2 float32"
    got = answer(backend, line, x=[1, 2, 3, 4], indices=[0, 1, 2, 3]).arrays["y"]
    assert got.reshape(4, 4).tolist() == np.diag([1, 2, 3, 4]).tolist()


def test_a_column_holds_channel_after_channel(backend: TensorFlowBackend) -> None:
    line = "unfold x=1x2x1x3 kernel=1x2 float32"
    got = answer(backend, line, x=[1, 2, 3, 10, 20, 30]).arrays["y"]
    assert got.tolist() == [[[1, 2], [2, 3], [10, 20], [20, 30]]]


def test_an_index_loses_its_batch_where_it_was_asked_for(backend: TensorFlowBackend) -> None:
    asked = set()
    for columns in range(2, 12):
        line = f"max_pool x=3x2x2x{columns} kernel=1x{columns} indices float32"
        problem = Problem.parse(line)
        lasts = np.zeros(problem.x, np.float32)
        lasts[..., -1] = 1
        got = backend.run(problem, {"x": lasts}).arrays["indices"]
        wanted = np.broadcast_to([[columns - 1], [2 * columns - 1]], got.shape)
        np.testing.assert_array_equal(wanted, got)
        asked.add(batch_in_index(problem))
    assert asked == {True, False}


def test_channels_last_arrays_are_not_moved(backend: TensorFlowBackend) -> None:
    problem = Problem.parse("max_pool x=1x2x3 kernel=2 layout=channels_last float32")
    x = np.array([[[1, 60], [2, 50], [3, 40]]], np.float32)
    assert backend.run(problem, {"x": x}).arrays["y"].tolist() == [[[2, 60], [3, 50]]]


@pytest.mark.parametrize(
    "line",
    [
        "conv_transpose x=2x2x3x2 w=2x3x2x1 stride=2x1 bias float32",
        "conv_transpose x=1x2x3 w=2x1x2 stride=2 output_padding=1 grad=w float32",
        "depthwise_conv x=1x2x4x3 w=2x2x2x1 padding=same float64",
        "separable_conv x=1x2x4x3 w=2x2x2x1 pointwise=3x4 layout=channels_last float32",
        "conv x=1x1x4 w=1x1x2 padding=causal bias float32",
        "conv x=1x2x4x4 w=2x2x2x2 padding=1 padding_mode=reflect flip grad=x float32",
        "conv x=1x1x4x4 w=1x1x2x2 bias grad=bias float16",
        "avg_pool x=1x1x3x3x3 kernel=2 grad=x float32",
        "max_unpool x=1x2x2x2 kernel=2x2 stride=2x2 int32",
        "global_max_pool x=1x2x3 bfloat16",
        "unfold x=1x2x3x3 kernel=2x2 float32",
        "conv x=1x1x4 w=1x1x2 memory=byteswapped float32",
    ],
)
def test_the_script_is_what_ran(backend: TensorFlowBackend, line: str) -> None:
    problem = Problem.parse(line)
    arrays = handed(problem, arrays_of(problem))
    (name,) = problem.answers
    ran = backend.run(problem, arrays).arrays[name]
    scope: dict[str, Any] = {}
    exec(backend.script(problem, arrays), scope)
    again = scope[name].numpy()
    assert sorted(np.ravel(ran).tolist()) == sorted(np.ravel(again).tolist())
    assert ran.dtype == again.dtype


def test_the_script_writes_complex_numbers(backend: TensorFlowBackend) -> None:
    problem = Problem.parse("conv1x1 x=1x1x1 w=1x1 complex64")
    one = np.array([[[1 - 2j]]], np.complex64)
    text = backend.script(problem, {"x": one, "w": one[0]})
    assert "x = tf.constant([[[(1-2j)]]], tf.complex64, shape=(1, 1, 1))" in text


AGREEING = [
    "conv_transpose x=2x3x3x2 w=3x2x2x3 stride=2x1 padding=same bias float32",
    "conv_transpose x=1x2x3x3 w=2x2x3x3 padding=1x0+1 stride=2 grad=w float32",
    "conv_transpose x=1x2x2x2x2 w=2x2x1x2x2 grad=x float64",
    "depthwise_conv x=2x3x4x4 w=3x2x2x3 stride=2x2 padding=1+0x1 float32",
    "depthwise_conv x=2x3x4 w=3x2x2 stride=2 float32",
    "separable_conv x=2x3x4x4 w=3x2x2x3 pointwise=4x6 padding=same float32",
    "conv x=2x4x5x4 w=4x4x2x3 stride=2x1 padding=1 bias grad=x float32",
    "conv x=2x2x5x4 w=3x2x2x3 stride=2x1 bias layout=channels_last grad=w float32",
    "conv x=2x2x5 w=3x2x2 bias padding=causal grad=bias float32",
    "conv x=1x2x5x4 w=3x2x2x3 padding=2+1 padding_mode=symmetric flip float32",
    "max_pool x=2x3x5x4 kernel=2x2 stride=2x1 padding=same grad=x float32",
    "avg_pool x=2x3x5x4 kernel=2x3 padding=same grad=x float32",
    "max_pool x=2x3x5x4 kernel=2x2 indices layout=channels_last float32",
    "global_max_pool x=2x3x4x5 int64",
    "adaptive_avg_pool x=2x3x7 output=3 float64",
    "adaptive_avg_pool x=2x3x6x4 output=3x2 layout=channels_last float32",
    "adaptive_max_pool x=2x3x7x4 output=3x2 int32",
    "separable_conv x=2x3x5 w=3x2x2 pointwise=4x6 padding=same float32",
    "conv x=1x2x4x5 w=3x2x2x3 padding=full bias float32",
    "conv_transpose x=1x2x5x5 w=2x3x2x3 padding=full float32",
    "conv_transpose x=1x1x1x1 w=1x1x1x1 stride=2x1 padding=1x0 float32",  # of -1 elements, none
    "depthwise_conv x=2x3x4x4 w=3x2x2x3 padding=full float32",
    "max_pool x=2x3x5x4 kernel=2x2 padding=full float32",
    "unfold x=2x3x4x5 kernel=2x3 stride=1x2 padding=same int32",
]


@pytest.mark.parametrize("line", AGREEING)
def test_tensorflow_agrees_with_the_oracle(backend: TensorFlowBackend, line: str) -> None:
    case = Case.parse(f"{line} fill=integers#3")
    assert Bench(backend, ()).examine(case).verdict.kind in (Kind.AGREES, Kind.VARIANT)


HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
TERMS = 32
# A problem whose first answer has an element that is the sum of TERMS elements of one input.
SUMS = [
    *(
        (f"{op} x={x} w={w} {padding} {more}", name)
        for k, padding in (("1", ""), ("1x1", "padding=0"), ("1x1x1", ""))
        for op, x, w, more, name in (
            ("conv_transpose", f"1x32x{k}", f"32x1x{k}", "", "x"),
            ("conv_transpose", f"1x1x{k}", f"1x32x{k}", "grad=x", "dy"),
            ("conv_transpose", f"32x1x{k}", f"1x1x{k}", "grad=w", "x"),
            ("conv_transpose", f"32x1x{k}", f"1x1x{k}", "bias grad=bias", "dy"),
            ("conv", f"1x1x{k}", f"32x1x{k}", "grad=x", "dy"),
            ("conv", f"32x1x{k}", f"1x1x{k}", "grad=w", "x"),
            ("conv", f"32x1x{k}", f"1x1x{k}", "bias grad=bias", "dy"),
        )
    ),
    ("conv x=1x32x1x1 w=1x32x1x1", "x"),
    ("conv x=1x32x1x1x1 w=1x32x1x1x1", "x"),
    ("conv1x1 x=1x32x1x1x1 w=1x32", "x"),
    ("depthwise_conv x=1x1x32 w=1x1x32", "x"),
    ("depthwise_conv x=1x1x1x32 w=1x1x1x32", "x"),
    ("separable_conv x=1x1x1x32 w=1x1x1x32 pointwise=1x1", "x"),
    ("max_pool x=1x1x63 kernel=32 grad=x", "dy"),
    ("max_pool x=1x1x1x63 kernel=1x32 grad=x", "dy"),
]


@pytest.fixture(scope="module")
def by_eigen() -> Iterator[Isolated]:
    """TensorFlow without oneDNN, which it decides when it is imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
        backend = Isolated("tensorflow")
    yield backend
    backend.close()


def is_summed_in_float32(
    backend: TensorFlowBackend | Isolated, problem: Problem, name: str
) -> bool:
    """Whether a number that swallows ones in the half type adds them all up, wherever it stands."""
    half = HALVES[problem.dtype]
    big = 2 / float(ml_dtypes.finfo(half).eps)  # big + 1 is big again
    kept = []
    for place in range(0, TERMS, 5):
        arrays = {key: np.ones(shape) for key, shape in input_shapes(problem).items()}
        if problem.op == "max_pool":
            arrays["x"][..., TERMS - 1] = 5  # the maximum of every window
        terms = np.ones(TERMS)
        terms[place] = big
        arrays[name] = terms.reshape(arrays[name].shape)
        if "bias" in arrays:
            arrays["bias"][:] = 0
        given = {key: one.astype(half) for key, one in arrays.items()}
        got = perform(backend, problem, given).arrays[problem.answers[0]]
        kept.append(float(got.astype(np.float64).max()) == big + TERMS)
    return all(kept)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(("line", "name"), SUMS)
def test_sums_are_kept_in_the_declared_dtype(
    backend: TensorFlowBackend, by_eigen: Isolated, line: str, name: str, dtype: str
) -> None:
    problem = Problem.parse(f"{line} {dtype}")
    for one in (backend, by_eigen):
        declared = accumulator_of(problem, one.accumulators)
        assert is_summed_in_float32(one, problem, name) == (declared == "float32")


def test_the_bfloat16_gradient_of_an_average_is_rounded_after_each_window(
    backend: TensorFlowBackend,
) -> None:
    line = "avg_pool x=1x2x1x4 kernel=1x3 grad=x bfloat16"
    got = answer(backend, line, dy=[-1, 1, -1, 1]).arrays["dx"]
    if "bfloat16" in backend._halves():
        wide = not got[..., 1:3].any()  # a third is no half number
    else:  # Eigen adds up shares that are rounded already, which cancel; 256 + 3/4 is 256 again
        line = "avg_pool x=1x2x1x7 kernel=1x4 grad=x bfloat16"
        got = answer(backend, line, dy=[1024, 3, 3, 3] * 2).arrays["dx"]
        wide = got.astype(float).max() == 258
    assert wide == (accumulator_of(Problem.parse(line), backend.accumulators) == "float32")


def test_the_float16_gradient_of_an_average_is_summed_in_float16(
    backend: TensorFlowBackend,
) -> None:
    line = "avg_pool x=1x1x1x6 kernel=1x4 grad=x float16"
    sums = [answer(backend, line, dy=dy).arrays["dx"].max() for dy in ([8192, 4, 4], [4, 4, 8192])]
    assert min(sums) == 2048  # 2048 + 1 + 1
    assert accumulator_of(Problem.parse(line), backend.accumulators) == "float16"


def test_an_adaptive_average_is_rounded_after_each_axis(backend: TensorFlowBackend) -> None:
    """Of 256 3 and -256 0 the averages are 129.5, in bfloat16 130, and -128."""
    line = "adaptive_avg_pool x=1x1x2x2 output=1x1 bfloat16"
    got = answer(backend, line, x=[256, -256, 3, 0]).arrays["y"]
    assert got.astype(float).ravel().tolist() == [1.0]  # not 0.75
    assert accumulator_of(Problem.parse(line), backend.accumulators) == "bfloat16"


@pytest.mark.parametrize("op", ["avg_pool x=1x1x4 kernel=4", "adaptive_avg_pool x=1x1x4 output=1"])
def test_the_bfloat16_average_of_an_axis_is_summed_in_the_declared_dtype(
    backend: TensorFlowBackend, by_eigen: Isolated, op: str
) -> None:
    """256 swallows a 1 in bfloat16; in float32 the sum is 260, and its quarter 65."""
    problem = Problem.parse(f"{op} bfloat16")
    for one in (backend, by_eigen):
        sums = []
        for x in ([256, 1, 1, 2], [1, 256, 1, 2], [1, 1, 2, 256]):
            given = {"x": np.array(x, ml_dtypes.bfloat16).reshape(problem.x)}
            sums.append(4 * float(perform(one, problem, given).arrays["y"].max()))
        declared = accumulator_of(problem, one.accumulators)
        assert (min(sums) == 260) == (declared == "float32")


def test_a_float16_adaptive_average_is_summed_in_float16(backend: TensorFlowBackend) -> None:
    line = "adaptive_avg_pool x=1x1x4 output=1 float16"
    lists = ([2048, 1, 1, 2], [1, 2048, 1, 2], [1, 1, 2, 2048])
    sums = [4 * float(answer(backend, line, x=x).arrays["y"].max()) for x in lists]
    assert min(sums) < 2052
    assert accumulator_of(Problem.parse(line), backend.accumulators) == "float16"


@pytest.mark.parametrize(
    ("features", "halves"),
    [
        ("avx2", ()),
        ("avx512f avx512bw", ("bfloat16",)),
        ("avx512f avx512bw avx512_bf16 avx512_fp16", ("bfloat16", "float16")),
        ("avx2 avx_ne_convert", ("bfloat16", "float16")),
    ],
)
def test_the_processor_decides_which_half_types_onednn_computes(
    features: str, halves: tuple[str, ...]
) -> None:
    assert halves_of_onednn(features.split()) == halves


@pytest.mark.parametrize(
    ("said", "features", "used"),
    [
        (None, "avx2 avx512f", False),  # a processor of before the instructions for networks
        (None, "avx2 avx512f avx512_vnni", True),
        (None, "avx2 avx_vnni", True),
        ("1", "avx2", True),
        ("0", "avx512_vnni", False),
        ("false", "avx512_vnni", False),
    ],
)
def test_the_processor_or_the_environment_decides_whether_onednn_is_used(
    said: str | None, features: str, used: bool
) -> None:
    assert uses_onednn(said, features.split()) == used


def test_what_eigen_sums_in_a_half_type_is_declared_narrow(by_eigen: Isolated) -> None:
    assert by_eigen.accumulators == accumulators(())
    assert accumulators(())["conv float16 rank 3"] == "float16"
    assert "conv float16 rank 3" not in accumulators(("float16",))
