"""The OpenVINO adapter: what is said to the opset, what is not said, and what comes back."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from engines import turn_strides, verdict

from convformance.backend import Unsupported
from convformance.backends import openvino_calls
from convformance.backends.openvino_backend import OpenVinoBackend
from convformance.backends.openvino_calls import written
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.verdict import Kind

SAID = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+2x0 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x5x5 w=3x2x3x3 padding=same dilation=2 float32",
    "conv x=1x1x5 w=1x1x2 stride=2 padding=same_lower float32",
    "conv x=1x2x4 w=2x2x3 padding=causal float16",
    "conv x=1x2x4 w=2x2x3 padding=full bfloat16",
    "conv1x1 x=2x3x2x2 w=4x3 bias float32",
    "depthwise_conv x=1x3x5x4 w=3x2x2x3 padding=1 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 stride=2 float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=0x1 output_padding=1 bias float32",
    "conv_transpose x=1x4x3 w=4x3x2 stride=2 groups=2 float32",
    "conv_transpose x=1x1x3 w=1x1x4 stride=2 padding=same_lower float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2x1 padding=1x0 indices float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2 padding=1x0 ceil_mode float16",
    "max_pool x=1x1x5 kernel=2 stride=2 padding=same float32",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1+0x1 count_include_pad float32",
    "avg_pool x=1x1x7 kernel=3 padding=same dilation=2 float32",
    "adaptive_max_pool x=2x3x4x5 output=3x2 indices float32",
    "adaptive_avg_pool x=2x3x4x5 output=3x2 float32",
    "global_avg_pool x=2x3x4x5 float32",
    "global_max_pool x=2x3x4x5 float32",
    "unfold x=1x2x3x4 kernel=2x2 padding=same float32",
    "fold x=1x8x6 kernel=2x2 output=3x4 float32",
)


@pytest.fixture(scope="module")
def openvino() -> OpenVinoBackend:
    reason = "OpenVINO is not installed: pip install 'convformance[openvino]'"
    pytest.importorskip("openvino", reason=reason)
    return OpenVinoBackend()


@pytest.mark.parametrize("line", SAID)
def test_a_model_that_says_the_problem_gives_its_answer(
    openvino: OpenVinoBackend, line: str
) -> None:
    said = verdict(openvino, line)
    assert (said.kind, said.message) == (Kind.AGREES, "")


def test_an_adapter_that_says_another_problem_is_caught(
    openvino: OpenVinoBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar of the test above: the strides are turned around on their way."""
    turn_strides(monkeypatch, openvino_calls)
    assert verdict(openvino, SAID[0]).kind is Kind.SHAPE


@pytest.mark.parametrize("line", SAID)
def test_a_script_prints_what_run_answers(
    openvino: OpenVinoBackend, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#1")
    arrays = make_arrays(case)
    scope: dict[str, Any] = {}
    exec(openvino.script(case.problem, arrays), scope)
    assert capsys.readouterr().out
    y = openvino.run(case.problem, arrays).arrays["y"]
    told = scope["answers"][0]
    if case.problem.dtype == "bfloat16":
        told = told.view(ml_dtypes.bfloat16)
    assert (np.sort(told.ravel()) == np.sort(y.ravel())).all()  # unfold lays them out anew


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("conv x=1x1x5 w=1x1x2 padding=same_lower float32", "auto_pad='same_lower'"),
        ("conv x=1x1x5 w=1x1x2 padding=same float32", "auto_pad='same_upper'"),
        ("conv x=1x1x5 w=1x1x2 padding=causal float32", "pads_begin=[1], pads_end=[0]"),
        ("conv x=1x2x5 w=2x1x2 groups=2 float32", "ops.group_convolution(x, w,"),
        ("conv_transpose x=1x1x3 w=1x1x4 stride=2 padding=same float32", "output_shape=[6]"),
        ("conv_transpose x=1x1x3 w=1x1x4 stride=0 padding=same float32", "auto_pad='same_upper'"),
        ("max_pool x=1x1x5 kernel=2 ceil_mode float32", "rounding_type='ceil_torch'"),
        ("avg_pool x=1x1x5 kernel=2 float32", "exclude_pad=True"),
        ("global_max_pool x=1x1x5x4 float32", "reduction_axes=[2, 3], keep_dims=True"),
    ],
)
def test_attributes_go_to_parameters_of_the_opset(line: str, text: str) -> None:
    assert text in written(Problem.parse(line)).lines[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lp_pool x=1x1x5 kernel=2 p=2 float32", "has no lp_pool"),
        ("max_unpool x=1x1x2 kernel=2 stride=2 float32", "has no max_unpool"),
        ("conv x=1x1x5 w=1x1x2 complex64", "no complex elements"),
        ("conv x=1x1x5 w=1x1x2 float64", "no kernels of f64"),
        ("conv x=1x1x5 w=1x1x2 int64", "no kernels of i64"),
        ("conv x=1x1x5 w=1x1x2 grad=x float32", "lack a gradient"),
        ("conv x=1x1x5 w=1x1x2 unbatched float32", "and nothing else"),
        ("conv x=1x1x5 w=1x1x2 layout=channels_last float32", "and nothing else"),
        ("conv x=1x1x5 w=1x1x2 padding=-1 float32", "at least 0"),
        ("conv x=1x3x5 w=4x1x2 groups=3 float32", "groups are an axis"),
        ("max_pool x=1x1x1x1x1x1 kernel=1x1x1x1 float32", "1 to 3 spatial axes, not 4"),
        ("fold x=1x4x2 kernel=2 output=3 float32", "2 spatial axes, not 1"),
        ("fold x=1x4x4 kernel=2x2 padding=same output=2x2 float32", "pads in numbers alone"),
        ("unfold x=1x1x3x3 kernel=2x2 padding=1 float32", "no pads in numbers"),
    ],
)
def test_what_the_opset_cannot_say_is_unsupported(line: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        written(Problem.parse(line))


def test_more_than_one_operation_is_a_recipe() -> None:
    assert written(Problem.parse("conv x=1x1x5 w=1x1x2 bias float32")).recipe
    assert not written(Problem.parse("conv x=1x1x5 w=1x1x2 float32")).recipe


@pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("bfloat16", 8)])
def test_sums_of_narrow_numbers_are_kept_in_float32(
    openvino: OpenVinoBackend, dtype: str, bits: int
) -> None:
    """2^bits + 1 is 2^bits in the dtype, so that adding ones one by one would stay there."""
    kind = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    x = np.array([[[2.0**bits, 1, 1, 1, 1]]]).astype(kind)
    arrays = {"x": x, "w": np.ones((1, 1, 5), kind)}
    answer = openvino.run(Problem.parse(f"conv x=1x1x5 w=1x1x5 {dtype}"), arrays).arrays["y"]
    assert answer.dtype == kind
    assert float(answer.ravel()[0]) == 2.0**bits + 4


def test_the_other_byte_order_is_unsupported_and_not_read_as_it_lies(
    openvino: OpenVinoBackend,
) -> None:
    said = verdict(openvino, "conv x=1x1x5 w=1x1x2 memory=byteswapped float32")
    assert said.kind is Kind.UNSUPPORTED
    assert "the machine's byte order" in said.message


def test_threads_are_asked_for_as_long_as_the_block_lasts(openvino: OpenVinoBackend) -> None:
    plain = openvino._hints
    with openvino.threads(2):
        assert openvino._hints == plain | {"INFERENCE_NUM_THREADS": 2}
        assert verdict(openvino, SAID[0]).kind is Kind.AGREES
    assert openvino._hints == plain
