"""The ONNX engines as backends: what is said to them, in which opset, and what they answer."""

from __future__ import annotations

import platform
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from engines import turn_strides, verdict

from convformance.backend import Unsupported
from convformance.backends import onnx_calls
from convformance.backends.onnx_inputs import given, with_pads
from convformance.backends.onnx_model import VARIANTS, OnnxModel
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.sizes import axes_of
from convformance.verdict import Kind

onnx = pytest.importorskip("onnx", reason="onnx is not installed")


def engine(name: str, **how: Any) -> OnnxModel:
    pytest.importorskip(name, reason=f"{name} is not installed")
    if name == "onnx":
        from convformance.backends.onnx_backend import OnnxBackend

        return OnnxBackend(**how)
    from convformance.backends.onnxruntime_backend import OnnxRuntimeBackend

    return OnnxRuntimeBackend(**how)


ENGINES = ("onnxruntime", "onnx")
SAID = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+2x0 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x5x5 w=3x2x3x3 padding=same dilation=2 float32",
    "conv x=1x1x5 w=1x1x2 stride=2 padding=same_lower float32",
    "conv x=1x2x4 w=2x2x3 padding=causal float32",
    "conv1x1 x=2x3x2x2 w=4x3 bias float32",
    "depthwise_conv x=1x3x5x4 w=3x2x2x3 padding=1 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 stride=2 float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=0x1 output_padding=1 bias float32",
    "conv_transpose x=1x1x3 w=1x1x4 stride=2 padding=same_lower float32",
    "conv_transpose x=1x1x3 w=1x1x1 stride=3 padding=same float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2x1 padding=1x0 indices float32",
    "max_pool x=1x1x5 kernel=2 stride=2 padding=same float32",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1+0x1 count_include_pad float32",
    "avg_pool x=1x1x7 kernel=3 padding=same dilation=2 float32",
    "lp_pool x=1x2x5x4 kernel=2 p=1 float32",
    "max_unpool x=2x2x3x2 kernel=2 stride=2 float32",
    "global_avg_pool x=2x3x4x5 float32",
    "global_max_pool x=2x3x4x5 float32",
    "fold x=1x8x6 kernel=2x2 output=3x4 float32",
)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("line", SAID)
def test_a_node_that_says_the_problem_gives_its_answer(name: str, line: str) -> None:
    said = verdict(engine(name), Problem.parse(line).line)
    assert (said.kind, said.message) == (Kind.AGREES, "")


@pytest.mark.parametrize("name", ENGINES)
def test_an_adapter_that_says_another_problem_is_caught(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar of the test above: the strides are turned around on their way."""
    backend = engine(name)
    turn_strides(monkeypatch, onnx_calls)
    assert verdict(backend, SAID[0]).kind is Kind.SHAPE


# Padding.


def test_same_padding_is_said_in_numbers_and_as_auto_pad_where_that_is_asked() -> None:
    problem = Problem.parse("max_pool x=1x1x6 kernel=4 stride=3 padding=same_lower float32")
    assert "pads=[1, 0]" in onnx_calls.written(with_pads(problem)).lines[0]
    assert "auto_pad='SAME_LOWER'" in onnx_calls.written(problem).lines[0]
    arrays = make_arrays(Case.parse(f"{problem.line} fill=integers#1"))
    for how, word in (({}, "pads=[1, 0]"), ({"auto_pad": True}, "auto_pad='SAME_LOWER'")):
        backend = engine("onnx", **how)
        assert word in backend.script(problem, arrays)
        assert ("same padding as pads" in backend.run(problem, arrays).how) is not bool(how)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("side", ["same_upper", "same_lower"])
def test_same_padding_of_a_transposed_convolution_keeps_its_size(
    kernel: int, stride: int, side: str
) -> None:
    line = f"conv_transpose x=1x1x4 w=1x1x{kernel} stride={stride} padding={side} float32"
    problem = Problem.parse(line)
    numbers = with_pads(problem)
    assert axes_of(numbers)[0].size == axes_of(problem)[0].size == 4 * stride
    assert numbers.output_padding[0] < stride  # which is what ONNX can say
    assert min(numbers.padding[0]) >= 0


def test_more_output_padding_than_onnx_has_is_unsupported() -> None:
    line = "conv_transpose x=1x1x2 w=1x1x1 stride=3 padding=same output_padding=1 float32"
    with pytest.raises(
        Unsupported, match="output_padding of ONNX is below the stride or the dilation"
    ):
        with_pads(Problem.parse(line))


def test_output_padding_of_onnx_may_be_below_the_dilation_alone() -> None:
    """4 - 3 + 2 = 3 elements are added at stride 2: below the dilation 4, which is enough."""
    line = (
        "conv_transpose x=1x1x2 w=1x1x1 stride=2 padding=same dilation=4 output_padding=2 float32"
    )
    problem = Problem.parse(line)
    numbers = with_pads(problem)
    assert problem.stride[0] <= numbers.output_padding[0] < problem.dilation[0]
    assert axes_of(numbers)[0].size == axes_of(problem)[0].size


def test_an_invalid_problem_keeps_what_is_wrong_with_it() -> None:
    """Its padding cannot be told in numbers, and auto_pad would be another thing to refuse."""
    problem = Problem.parse("max_pool x=1x1x5 kernel=2 stride=0 padding=same float32")
    assert with_pads(problem) == replace(problem, padding="valid")


# What is given.


def test_weights_come_in_the_shape_of_conv() -> None:
    line = "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 float32"
    arrays = make_arrays(Case.parse(f"{line} fill=integers#1"))
    feeds = given(Problem.parse(line), arrays)
    assert feeds["w"].shape == (6, 1, 2, 3)
    assert feeds["pointwise"].shape == (4, 6, 1, 1)
    assert (feeds["w"].ravel() == arrays["w"].ravel()).all()


def test_a_depthwise_weight_of_other_channels_is_refused_and_not_made_to_fit() -> None:
    """Seen as (4, 1, 1) it would fit two channels too, with a multiplier of 2."""
    said = verdict(engine("onnxruntime"), "depthwise_conv x=1x2x3 w=4x1x1 float32")
    assert said.kind is Kind.AGREES  # with the refusal


@pytest.mark.parametrize("name", ENGINES)
def test_a_script_answers_what_run_answers(name: str) -> None:
    line = "max_pool x=1x2x3x4 kernel=2x2 stride=2 float32"
    case, backend = Case.parse(f"{line} fill=integers#1"), engine(name)
    arrays = make_arrays(case)
    scope: dict[str, Any] = {}
    exec(backend.script(case.problem, arrays), scope)
    assert (scope["answers"][0] == backend.run(case.problem, arrays).arrays["y"]).all()


# Opsets.


def since(kind: str, part: str = "") -> int:
    """Return the first opset whose operator has the part, by the schemas of the onnx package."""
    found = [one for one in onnx.defs.get_all_schemas_with_history() if one.name == kind]
    named = {
        one.since_version: {*one.attributes, *(out.name.lower() for out in one.outputs), ""}
        for one in found
        if one.domain == ""
    }
    return min(version for version, parts in named.items() if part in parts)


def parts_written() -> set[tuple[str, str]]:
    lines = [onnx_calls.written(with_pads(Problem.parse(line))).lines for line in SAID]
    scope = {"onnx": onnx}
    nodes = [eval(line, scope) for some in lines for line in some]
    return {
        (node.op_type, part)
        for node in nodes
        for part in ("", *(one.name for one in node.attribute), *node.output[1:])
    }


def test_what_an_opset_has_is_what_its_schemas_say() -> None:
    """Of every part that the adapter writes; an opset below 7 is none that engines promise."""
    assert ("MaxPool", "indices") in parts_written()
    for kind, part in parts_written():
        whole = onnx_calls.SINCE.get(kind, 1)
        told = max(whole, onnx_calls.SINCE.get(f"{kind} {part}".rstrip(), 1))
        assert max(told, 7) == max(since(kind, part), 7), f"{kind} {part}"


@pytest.mark.parametrize(
    ("opset", "line", "reason"),
    [
        (
            9,
            "max_pool x=1x1x5 kernel=2 stride=2 ceil_mode float32",
            "opset 9 has no MaxPool ceil_mode",
        ),
        (9, "max_pool x=1x1x5 kernel=2 dilation=2 float32", "opset 9 has no MaxPool dilations"),
        (
            18,
            "avg_pool x=1x1x5 kernel=2 dilation=2 float32",
            "opset 18 has no AveragePool dilations",
        ),
        (17, "lp_pool x=1x1x5 kernel=2 dilation=2 p=2 float32", "opset 17 has no LpPool dilations"),
        (17, "fold x=1x4x4 kernel=2x2 output=3x3 float32", "opset 17 has no Col2Im: opset 18"),
        (7, "max_pool x=1x1x5 kernel=2 indices float32", "opset 7 has no MaxPool indices"),
        (8, "max_unpool x=1x1x2 kernel=2 stride=2 float32", "opset 8 has no MaxUnpool: opset 9"),
        (11, "max_pool x=1x1x5 kernel=2 int8", "MaxPool of opset 11 takes no tensor"),
        (19, "conv x=1x1x5 w=1x1x2 bfloat16", "Conv of opset 19 takes no tensor"),
    ],
)
def test_what_an_opset_lacks_is_unsupported(opset: int, line: str, reason: str) -> None:
    said = verdict(engine("onnx", opset=opset), line)
    assert said.kind is Kind.UNSUPPORTED
    assert said.message.startswith(reason)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_answers(name: str, variant: str) -> None:
    backend = engine(name, **VARIANTS[variant])
    for line in ("conv x=1x2x5 w=2x2x2 padding=1 float32", "avg_pool x=1x1x5 kernel=2 float32"):
        assert verdict(backend, line).kind is Kind.AGREES
    assert f"opset {VARIANTS[variant].get('opset', onnx_calls.OPSET)}" in backend.how


# Dtypes, threads.


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="ARM has other kernels")
def test_onnxruntime_sums_float16_in_float32() -> None:
    """2048 + 1 is 2048 in float16, so that adding ones one by one would stay there."""
    backend = engine("onnxruntime")
    x = np.array([[[2048.0, 1, 1, 1, 1]]], np.float16)
    arrays = {"x": x, "w": np.ones((1, 1, 5), np.float16)}
    answer = backend.run(Problem.parse("conv x=1x1x5 w=1x1x5 float16"), arrays)
    assert answer.arrays["y"].ravel().tolist() == [2052.0]
    assert backend.accumulators == {"float16": "float32"}


@pytest.mark.parametrize("name", ENGINES)
def test_values_in_the_other_byte_order_are_unsupported_and_not_turned(name: str) -> None:
    said = verdict(engine(name), "conv x=1x1x5 w=1x1x2 memory=byteswapped float32")
    assert said.kind is Kind.UNSUPPORTED
    assert "the machine's byte order" in said.message


class Runtime:
    """A runtime whose sessions raise that something is not implemented: when made, or when run."""

    def __init__(self, real: Any, text: str, *, when_made: bool) -> None:
        self.capi, self.SessionOptions, self.OrtValue = (
            real.capi,
            real.SessionOptions,
            real.OrtValue,
        )
        self._error = real.capi.onnxruntime_pybind11_state.NotImplemented(text)
        self._when_made = when_made

    def InferenceSession(self, *_: Any, **__: Any) -> Any:  # noqa: N802  onnxruntime's own name
        if self._when_made:
            raise self._error
        return self

    def run_with_ort_values(self, *_: Any) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("text", "when_made", "kind"),
    [
        ("Could not find an implementation for Conv(22)", True, Kind.UNSUPPORTED),
        ("Could not find an implementation for Conv(22)", False, Kind.REFUSES),
        ("this padding is not there yet", True, Kind.REFUSES),
        ("this padding is not there yet", False, Kind.REFUSES),
    ],
)
def test_only_a_node_without_a_kernel_is_unsupported(
    monkeypatch: pytest.MonkeyPatch, text: str, when_made: bool, kind: Kind
) -> None:
    backend = engine("onnxruntime")
    stub = Runtime(pytest.importorskip("onnxruntime"), text, when_made=when_made)
    monkeypatch.setitem(vars(backend), "_runtime", stub)
    assert verdict(backend, "conv x=1x1x5 w=1x1x2 float32").kind is kind


def test_the_reference_evaluator_takes_bfloat16() -> None:
    said = engine("onnx").run(
        Problem.parse("conv x=1x1x2 w=1x1x2 bfloat16"),
        {
            "x": np.array([[[1, 2]]], ml_dtypes.bfloat16),
            "w": np.array([[[3, 4]]], ml_dtypes.bfloat16),
        },
    )
    assert said.arrays["y"].dtype == ml_dtypes.bfloat16
    assert said.arrays["y"].astype(float).ravel().tolist() == [11.0]


def test_onnxruntime_has_threads_as_long_as_they_are_asked_for() -> None:
    backend = engine("onnxruntime")
    with backend.threads(2):
        assert backend._threads == 2
        assert verdict(backend, SAID[0]).kind is Kind.AGREES
    assert backend._threads == 0
