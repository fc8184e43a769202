"""tract as an engine of ONNX: what it is given, what comes back, what it lacks."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from engines import turn_strides, verdict

from convformance.backends import onnx_calls
from convformance.backends.tract_backend import BACKTRACES, TractBackend
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.verdict import Kind
from convformance.worker import Isolated

SAID = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+2x0 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x5x5 w=3x2x3x3 padding=same dilation=2 float32",
    "conv x=1x1x5 w=1x1x2 stride=2 padding=same_lower float32",
    "conv x=1x2x4 w=2x2x3 padding=causal float32",
    "conv x=1x2x3x4x2x3 w=2x2x2x2x1x2 float32",
    "conv x=1x2x5 w=3x2x2 bias float16",
    "conv x=1x2x5 w=3x2x2 bias float64",
    "conv1x1 x=2x3x2x2 w=4x3 bias float32",
    "depthwise_conv x=1x3x5x4 w=3x2x2x3 padding=1 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 stride=2 float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=0x1 output_padding=1 bias float32",
    "conv_transpose x=1x4x3 w=4x3x2 stride=2 groups=2 float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2x1 padding=1x0 indices float32",
    "max_pool x=1x1x5 kernel=2 stride=2 padding=same float32",
    "max_pool x=1x1x5x6 kernel=2 stride=2 dilation=2x1 ceil_mode int8",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1+0x1 count_include_pad float32",
    "avg_pool x=1x1x7 kernel=3 padding=same dilation=2 float32",
    "global_avg_pool x=2x3x4x5 float32",
    "global_max_pool x=2x3x4x5 float32",
)
VARIANTS = ("auto_pad", "nnef", "weights_given")


@pytest.fixture(scope="module")
def tract() -> TractBackend:
    return made()


def made(variant: str = "") -> TractBackend:
    reason = "tract is not installed: pip install 'convformance[tract]'"
    pytest.importorskip("tract", reason=reason)
    pytest.importorskip("onnx", reason=reason)
    return TractBackend(**TractBackend.variants[variant] if variant else {})


@pytest.mark.parametrize("line", SAID)
def test_a_node_that_says_the_problem_gives_its_answer(tract: TractBackend, line: str) -> None:
    said = verdict(tract, line)
    assert (said.kind, said.message) == (Kind.AGREES, "")


def test_an_adapter_that_says_another_problem_is_caught(
    tract: TractBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar of the test above: the strides are turned around on their way."""
    turn_strides(monkeypatch, onnx_calls)
    assert verdict(tract, SAID[0]).kind is Kind.SHAPE


@pytest.mark.parametrize("variant", ["", *VARIANTS])
def test_a_script_answers_what_run_answers(
    variant: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a script leaves its model beside it
    backend = made(variant)
    case = Case.parse(f"{Problem.parse(SAID[0]).line} fill=integers#1")
    arrays = make_arrays(case)
    scope: dict[str, Any] = {}
    exec(backend.script(case.problem, arrays), scope)
    assert (scope["answers"][0] == backend.run(case.problem, arrays).arrays["y"]).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_says_its_way_and_answers_the_same(variant: str) -> None:
    backend = made(variant)
    assert verdict(backend, SAID[0]).kind is Kind.AGREES
    assert ("by way of NNEF" in backend.how) == (variant == "nnef")
    assert ("weights as inputs" in backend.how) == (variant == "weights_given")


def test_weights_are_initializers_and_inputs_where_that_is_asked(tract: TractBackend) -> None:
    case = Case.parse("conv x=1x1x5 w=2x1x2 bias float32 fill=integers#1")
    for backend, names in ((tract, ["x"]), (made("weights_given"), ["x", "w", "bias"])):
        text = backend.script(case.problem, make_arrays(case)).partition("import tract")[0]
        scope: dict[str, Any] = {}
        exec(text, scope)
        assert [one.name for one in scope["model"].graph.input] == names


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("conv x=1x1x5 w=1x1x2 bfloat16", "tensors of tract have no bfloat16"),
        ("conv x=1x1x5 w=1x1x2 memory=byteswapped float32", "the machine's byte order"),
        ("conv x=1x1x5 w=1x1x2 int32", "Conv of opset 22 takes no tensor(int32)"),
        ("unfold x=1x1x3x3 kernel=2x2 float32", "ONNX has no operator for unfold"),
    ],
)
def test_what_cannot_be_said_is_unsupported(tract: TractBackend, line: str, reason: str) -> None:
    said = verdict(tract, line)
    assert said.kind is Kind.UNSUPPORTED
    assert reason in said.message


def test_what_tract_says_against_a_model_is_a_refusal_without_a_stack(tract: TractBackend) -> None:
    said = verdict(tract, "lp_pool x=1x1x5 kernel=2 p=2 float32")
    assert said.kind is Kind.REFUSES
    assert "Unimplemented(LpPool)" in said.message
    assert "backtrace" not in said.message
    assert {os.environ[name] for name in BACKTRACES} == {"0"}


def test_a_panic_ends_the_process_and_is_told_by_its_own_words(tract: TractBackend) -> None:
    problem = Problem.parse("conv x=1x1x5 w=1x1x2 stride=0 float32")
    arrays = {"x": np.ones(problem.x, np.float32), "w": np.ones(problem.w, np.float32)}
    isolated = Isolated("convformance.backends.tract_backend:TractBackend")
    try:
        outcome = isolated.perform(problem, arrays)
    finally:
        isolated.close()
    assert outcome.kind == "crashed"
    assert "attempt to divide by zero" in outcome.message
