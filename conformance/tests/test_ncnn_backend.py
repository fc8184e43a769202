"""The ncnn adapter: what is said to its layers, what is not said, and what comes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engines import verdict

from convformance.backend import Unsupported
from convformance.backends import ncnn_calls
from convformance.backends.ncnn_backend import NARROW, NcnnBackend
from convformance.backends.ncnn_calls import Numbers, text, written
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.verdict import Kind

SAID = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+2x0 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x5x5 w=3x2x3x3 padding=same dilation=2 bias float32",
    "conv x=1x1x5 w=1x1x2 stride=2 padding=same_lower float32",
    "conv x=3x2x4 w=2x2x3 padding=causal float32",
    "conv x=1x2x4 w=2x2x3 padding=full float32",
    "conv x=1x3x4x5 w=2x3x2x2 unbatched float32",
    "conv x=1x2x3x4x5 w=3x2x2x3x2 stride=1x2x1 padding=0x1+0x2 float32",
    "conv x=1x4x3x4x5 w=2x2x2x3x2 groups=2 padding=1 bias float32",
    "conv1x1 x=2x3x2x2 w=4x3 bias float32",
    "depthwise_conv x=1x3x5x4 w=3x2x2x3 padding=1 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 stride=2 float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=0x1 output_padding=1 bias float32",
    "conv_transpose x=1x4x3 w=4x3x2 stride=2 groups=2 float32",
    "conv_transpose x=2x1x3x2 w=1x1x4x5 stride=2 padding=same_lower float32",
    "conv_transpose x=1x4x2x3x2 w=4x3x2x3x1 stride=1x2x1 groups=2 float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2x1 padding=1x0 float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2 padding=1x0 ceil_mode float32",
    "max_pool x=1x1x5 kernel=2 stride=2 padding=same float32",
    "max_pool x=1x2x5x4x3 kernel=2x3x2 stride=2x1x1 padding=0+1x0x1 float32",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1+0x1 count_include_pad float32",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=1x0 float32",
    "adaptive_max_pool x=2x3x4x5 output=3x2 float32",
    "adaptive_avg_pool x=2x3x4x5x3 output=3x2x2 float32",
    "global_avg_pool x=2x3x4x5 float32",
    "global_max_pool x=1x3x4 unbatched float32",
    "unfold x=1x2x3x4 kernel=2x3 stride=1x2 padding=1 float32",
    "fold x=1x12x6 kernel=2x3 stride=1 output=3x5 float32",
)
DYNAMIC = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+2x0 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x4 w=2x2x3 padding=full float32",
    "depthwise_conv x=1x3x5x4 w=3x1x2x3 padding=1 float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=0x1 output_padding=1 bias float32",
)


@pytest.fixture(scope="module")
def ncnn() -> NcnnBackend:
    reason = "ncnn is not installed: pip install 'convformance[ncnn]'"
    pytest.importorskip("ncnn", reason=reason)
    return NcnnBackend()


@pytest.mark.parametrize("line", SAID)
def test_a_network_that_says_the_problem_gives_its_answer(ncnn: NcnnBackend, line: str) -> None:
    said = verdict(ncnn, line)
    assert (said.kind, said.message) == (Kind.AGREES, "")


def test_an_adapter_that_says_another_problem_is_caught(
    ncnn: NcnnBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar of the test above: the strides are turned around on their way."""
    real = ncnn_calls._sliding

    def turned(problem: Problem) -> Numbers:
        numbers = real(problem)
        return numbers | {3: numbers[13], 13: numbers[3]}

    monkeypatch.setattr(ncnn_calls, "_sliding", turned)
    assert verdict(ncnn, SAID[0]).kind is Kind.SHAPE


@pytest.mark.parametrize("line", [*SAID[:5:2], SAID[11], SAID[-1]])
def test_a_script_prints_what_run_answers(ncnn: NcnnBackend, line: str, tmp_path: Path) -> None:
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#1")
    arrays = make_arrays(case)
    ran = subprocess.run(
        [sys.executable, "-c", ncnn.script(case.problem, arrays)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    y = ncnn.run(case.problem, arrays).arrays["y"]
    assert ran.stdout.splitlines()[-1] == f"0 {y.tolist()}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "conv x=1x1x5 w=3x1x2 stride=3 dilation=4 padding=5+6 float32",
            "Convolution1D layer0 1 1 x y 0=3 1=2 2=4 3=3 4=5 15=6 5=0 6=6",
        ),
        (
            "conv x=1x1x5x5 w=1x1x2x3 padding=1+2x3+4 bias float32",
            "Convolution layer0 1 1 x y 0=1 1=3 11=2 2=1 12=1 3=1 13=1 4=3 14=1 15=4 16=2 5=1 6=6",
        ),
        (
            "conv x=1x2x5 w=2x1x2 padding=same groups=2 float32",
            "ConvolutionDepthWise1D layer0 1 1 x y 0=2 1=2 2=1 3=1 4=-233 15=-233 5=0 6=4 7=2",
        ),
        (
            "conv_transpose x=1x1x3 w=1x1x4 stride=2 padding=same_lower float32",
            "Deconvolution1D layer0 1 1 x y 0=1 1=4 2=1 3=2 4=-234 15=-234 5=0 6=4 18=0 20=6",
        ),
        (
            "max_pool x=1x1x5x5 kernel=2x3 stride=4x5 padding=0+1x1+0 ceil_mode float32",
            "Pooling layer0 1 1 x y 0=0 1=3 11=2 2=5 12=4 3=1 13=0 14=0 15=1 5=0",
        ),
        (
            "avg_pool x=1x1x5 kernel=2 padding=same_lower count_include_pad float32",
            "Pooling1D layer0 1 1 x y 0=1 1=2 2=1 5=3 6=1",
        ),
        (
            "adaptive_avg_pool x=1x1x5x5 output=2x3 float32",
            "Pooling layer0 1 1 x y 0=1 7=1 8=3 18=2",
        ),
        ("global_max_pool x=1x1x5x5x5 float32", "Pooling3D layer0 1 1 x y 0=0 4=1"),
    ],
)
def test_attributes_go_to_parameters_of_the_layer(line: str, said: str) -> None:
    assert text(written(Problem.parse(line))) == f"7767517\n2 2\nInput x 0 1 x\n{said}\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lp_pool x=1x1x5 kernel=2 p=2 float32", "no layer for lp_pool"),
        ("max_unpool x=1x1x2 kernel=2 stride=2 float32", "no layer for max_unpool"),
        ("conv x=1x1x5 w=1x1x2 complex64", "blobs are float32"),
        ("conv x=1x1x5 w=1x1x2 int8", "blobs are float32"),
        ("conv x=1x1x5 w=1x1x2 grad=x float32", "lack a gradient"),
        ("conv x=1x1x5 w=1x1x2 layout=channels_last float32", "channels outermost"),
        ("conv x=1x1x5 w=1x1x2 padding=-1 float32", "are words"),
        ("conv_transpose x=1x3x5 w=3x1x2 groups=2 float32", "groups are an axis"),
        ("conv x=1x1x5x5 w=1x1x2 float32", "one number for each of its axes"),
        ("conv1x1 x=1x4x5 w=4 float32", "have other axes"),
        ("separable_conv x=1x1x5 w=1x1x2 pointwise=1x1x1 float32", "have other axes"),
        ("max_pool x=1x1x5 kernel=2 dilation=2 float32", "have no dilation"),
        ("max_pool x=1x1x5 kernel=2 indices float32", "lack indices"),
        ("max_pool x=1x1x5 kernel=2 padding=same ceil_mode float32", "not both"),
        ("max_pool x=1x1x1x1x1x1 kernel=1x1x1x1 float32", "1 to 3 spatial axes, not 4"),
        ("fold x=1x4x2 kernel=2 output=3 float32", "2 spatial axes, not 1"),
        ("fold x=1x4x4 kernel=2x2 padding=same output=2x2 float32", "pads in numbers alone"),
    ],
)
def test_what_no_layer_can_say_is_unsupported(line: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        written(Problem.parse(line))


def test_two_layers_are_a_recipe(ncnn: NcnnBackend) -> None:
    case = Case.parse("separable_conv x=1x1x5 w=1x1x2 pointwise=1x1 float32 fill=integers#1")
    assert ncnn.run(case.problem, make_arrays(case)).recipe
    case = Case.parse("conv x=1x1x5 w=1x1x2 float32 fill=integers#1")
    assert not ncnn.run(case.problem, make_arrays(case)).recipe


@pytest.mark.parametrize("name", NcnnBackend.variants)
@pytest.mark.parametrize("line", DYNAMIC)
def test_a_variant_gives_the_same_answers(ncnn: NcnnBackend, name: str, line: str) -> None:
    assert verdict(NcnnBackend(**ncnn.variants[name]), line).kind is Kind.AGREES


@pytest.mark.parametrize(
    "line",
    [
        "max_pool x=1x1x5 kernel=2 float32",
        "conv x=1x1x5x5x5 w=1x1x2x2x2 float32",
        "separable_conv x=1x1x5 w=1x1x2 pointwise=1x1 float32",
    ],
)
def test_weights_are_blobs_where_a_layer_has_a_parameter_for_it(
    ncnn: NcnnBackend, line: str
) -> None:
    said = verdict(NcnnBackend(dynamic=True), line)
    assert said.kind is Kind.UNSUPPORTED
    assert "dynamic_weight is a parameter" in said.message


def test_options_that_narrow_numbers_are_ncnns_and_off(ncnn: NcnnBackend) -> None:
    import ncnn as module

    every = [name for name in dir(module.Option) if name.startswith("use_")]
    assert set(NARROW) == {
        name for name in every if any(word in name for word in ("fp16", "bf16", "int8"))
    }
    assert not any(ncnn._options[name] for name in NARROW)


def test_a_status_that_is_not_0_is_a_refusal(ncnn: NcnnBackend) -> None:
    problem = Problem.parse("conv x=1x2x5 w=3x1x2 groups=2 float32")
    arrays = {"x": np.ones((1, 2, 5), np.float32), "w": np.ones((3, 1, 2), np.float32)}
    with pytest.raises(RuntimeError, match="load_param_mem gives the status"):
        ncnn.run(problem, arrays)


def test_the_other_byte_order_is_unsupported_and_not_read_as_it_lies(ncnn: NcnnBackend) -> None:
    said = verdict(ncnn, "conv x=1x1x5 w=1x1x2 memory=byteswapped float32")
    assert said.kind is Kind.UNSUPPORTED
    assert "the machine's byte order" in said.message


def test_threads_are_asked_for_as_long_as_the_block_lasts(ncnn: NcnnBackend) -> None:
    plain = ncnn._options
    with ncnn.threads(2):
        assert ncnn._options == plain | {"num_threads": 2}
        assert verdict(ncnn, SAID[0]).kind is Kind.AGREES
    assert ncnn._options == plain
