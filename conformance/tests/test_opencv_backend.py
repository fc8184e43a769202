"""OpenCV's dnn module as an engine of ONNX: what it is given, what comes back, what it lacks."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from engines import turn_strides, verdict

from convformance.backends import onnx_calls
from convformance.backends.onnx_model import CONSTANTS
from convformance.backends.opencv_backend import CLASSIC, ENGINE, SPOILT, OpenCvBackend
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.verdict import Kind

SAID = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+2x0 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x5x5 w=3x2x3x3 padding=same dilation=2 float32",
    "conv x=1x1x5 w=1x1x2 stride=2 padding=same_lower float32",
    "conv x=1x2x4 w=2x2x3 padding=causal float32",
    "conv1x1 x=2x3x2x2 w=4x3 bias float32",
    "depthwise_conv x=1x3x5x4 w=3x2x2x3 padding=1 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 stride=2 float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=0x1 output_padding=1 bias float32",
    "conv_transpose x=1x4x3 w=4x3x2 stride=2 groups=2 float32",
    "max_pool x=1x2x6x5 kernel=3x2 stride=2x1 padding=1x0 indices float32",
    "max_pool x=1x1x5 kernel=2 stride=2 padding=same float32",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1+0x1 count_include_pad float32",
    "avg_pool x=1x1x7 kernel=3 padding=same dilation=2 float32",
    "global_avg_pool x=2x3x4x5 float32",
    "global_max_pool x=2x3x4x5 float32",
)


@pytest.fixture(scope="module")
def opencv() -> OpenCvBackend:
    reason = "OpenCV is not installed: pip install 'convformance[opencv]'"
    pytest.importorskip("cv2", reason=reason)
    pytest.importorskip("onnx", reason=reason)
    return OpenCvBackend()


@pytest.mark.parametrize("line", SAID)
def test_a_node_that_says_the_problem_gives_its_answer(opencv: OpenCvBackend, line: str) -> None:
    said = verdict(opencv, line)
    assert (said.kind, said.message) == (Kind.AGREES, "")


def test_an_adapter_that_says_another_problem_is_caught(
    opencv: OpenCvBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar of the test above: the strides are turned around on their way."""
    turn_strides(monkeypatch, onnx_calls)
    assert verdict(opencv, SAID[0]).kind is Kind.SHAPE


@pytest.mark.parametrize("line", SAID)
def test_a_script_answers_what_run_answers(opencv: OpenCvBackend, line: str) -> None:
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#1")
    arrays = make_arrays(case)
    scope: dict[str, Any] = {}
    exec(opencv.script(case.problem, arrays), scope)
    assert (scope["answers"][0] == opencv.run(case.problem, arrays).arrays["y"]).all()


def graph_of(backend: OpenCvBackend, line: str) -> tuple[list[str], list[str]]:
    """Return the names of the graph's inputs and of its initializers."""
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#1")
    scope: dict[str, Any] = {}
    exec(backend.script(case.problem, make_arrays(case)), scope)
    graph = scope["model"].graph
    return [one.name for one in graph.input], [one.name for one in graph.initializer]


def test_weights_are_initializers_and_inputs_where_that_is_asked(opencv: OpenCvBackend) -> None:
    line = "conv x=1x1x5 w=2x1x2 bias float32"
    assert graph_of(opencv, line) == (["x"], ["bias", "w"])
    given = OpenCvBackend(weights_given=True)
    assert graph_of(given, line) == (["x", "w", "bias"], [])
    assert verdict(given, line).kind is Kind.AGREES
    assert given.how.endswith("weights as inputs")


def test_indices_are_no_constant() -> None:
    assert not CONSTANTS & {"x", "indices"}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_sums_are_kept_in_float32(opencv: OpenCvBackend, dtype: str) -> None:
    """The step at 2^bits is 2 in the dtype, so that adding ones one by one would stay there."""
    large = 2.0 ** (np.finfo(dtype).nmant + 1)
    x = np.array([[[large, 1, 1, 1, 1]]], dtype)
    arrays = {"x": x, "w": np.ones((1, 1, 5), dtype)}
    answer = opencv.run(Problem.parse(f"conv x=1x1x5 w=1x1x5 {dtype}"), arrays).arrays["y"]
    assert opencv.accumulators[dtype] == "float32"
    assert answer.dtype == np.float32  # of float16 too, which the ledger tells of
    if dtype == "float16":
        assert answer.ravel().tolist() == [large + 4]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("conv x=1x1x5 w=1x1x2 bfloat16", "cv2 takes no arrays of bfloat16"),
        ("conv x=1x1x5 w=1x1x2 memory=byteswapped float32", "the machine's byte order"),
        ("conv x=1x1x5 w=1x1x2 int32", "Conv of opset 22 takes no tensor(int32)"),
        ("unfold x=1x1x3x3 kernel=2x2 float32", "ONNX has no operator for unfold"),
    ],
)
def test_what_cannot_be_said_is_unsupported(opencv: OpenCvBackend, line: str, reason: str) -> None:
    said = verdict(opencv, line)
    assert said.kind is Kind.UNSUPPORTED
    assert reason in said.message


def test_what_opencv_says_against_a_model_is_a_refusal(opencv: OpenCvBackend) -> None:
    said = verdict(opencv, "lp_pool x=1x1x5 kernel=2 p=2 float32")
    assert said.kind is Kind.REFUSES
    assert 'of type "LpPool"' in said.message


def test_an_answer_without_elements_has_no_shape_and_is_a_refusal(opencv: OpenCvBackend) -> None:
    case = Case.parse("conv x=0x1x3 w=1x1x1 float32 fill=integers#1")
    with pytest.raises(RuntimeError, match="forward gives None"):
        opencv.run(case.problem, make_arrays(case))


def test_a_process_whose_memory_was_written_over_ends(
    opencv: OpenCvBackend, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Else each further problem of a run would be told as refused."""
    import cv2

    def read(model: object) -> None:
        raise cv2.error(f"(-215:Assertion failed) {SPOILT} in function 'getData'")

    ended: list[bool] = []
    monkeypatch.setattr(cv2.dnn, "readNetFromONNX", read)
    monkeypatch.setattr(os, "abort", lambda: ended.append(True))
    verdict(opencv, SAID[0])
    assert ended
    assert capfd.readouterr().err.startswith("an earlier call wrote over memory of OpenCV: ")


def test_its_log_is_silent(opencv: OpenCvBackend, capfd: pytest.CaptureFixture[str]) -> None:
    verdict(opencv, "lp_pool x=1x1x5 kernel=2 p=2 float32")
    assert capfd.readouterr() == ("", "")


def test_threads_are_set_as_long_as_the_block_lasts(opencv: OpenCvBackend) -> None:
    import cv2

    before = cv2.getNumThreads()
    with opencv.threads(1):
        assert cv2.getNumThreads() == 1
        assert verdict(opencv, SAID[0]).kind is Kind.AGREES
    assert cv2.getNumThreads() == before


def test_the_classic_engine_is_forced_before_a_model_is_read(
    opencv: OpenCvBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is forced for a whole process, hence not tried in this one."""
    monkeypatch.delenv(ENGINE, raising=False)
    assert "the default engine" in opencv.how
    assert ENGINE not in os.environ
    classic = OpenCvBackend(**OpenCvBackend.variants["classic"])
    assert os.environ[ENGINE] == CLASSIC
    assert "the classic engine" in classic.how
