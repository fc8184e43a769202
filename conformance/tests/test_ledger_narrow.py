"""What is known of the engines that a plain run leaves out hides no other wrong number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convformance.backend import Arrays, Result
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.facts import core
from convformance.ledger import Entry, load_all, load_of
from convformance.problem import Case, Problem
from convformance.verdict import Kind, Verdict

ENGINES = (
    "onnxruntime",
    "onnx",
    "scipy",
    "keras",
    "openvino",
    "opencv",
    "tract",
    "tinygrad",
    "mlx",
    "ncnn",
    "litert",
)
COARSE = {"keras-global-avg-float64"}  # every mean of its dtype has 24 bits of 53
WIDE = [
    one
    for one in load_all()
    if one.backend in ENGINES and one.verdict == Kind.VALUE and not (one.message or one.when)
    if one.id not in COARSE
]


@pytest.mark.parametrize("one", WIDE, ids=lambda one: one.id)
def test_an_entry_without_message_or_fact_does_not_speak_of_the_core_of_its_op(one: Entry) -> None:
    """The core clause is named where a plain problem of whole numbers comes out wrong."""
    problem = Case.parse(one.case).problem
    said = Verdict(Kind.VALUE, core(problem), "3 of 5 compared elements differ")
    assert not one.matches(problem, said)


class Doubled:
    """A backend with another one's name that gives 2 y + 1, and indices that are one too large."""

    version = "0"
    knows = NumpyBackend.knows

    def __init__(self, name: str, *, indices_alone: bool = False) -> None:
        self.name = name
        self._doubles = not indices_alone
        self._right = NumpyBackend()

    @np.errstate(over="ignore", invalid="ignore")  # twice the largest number is infinite
    def run(self, problem: Problem, arrays: Arrays) -> Result:
        result = self._right.run(problem, arrays)
        given = {**result.arrays}
        y = problem.answers[0]
        if self._doubles:
            given[y] = (given[y] * np.array(2, given[y].dtype) + 1).astype(given[y].dtype)
        if "indices" in given:
            given["indices"] = given["indices"] + 1
        return replace(result, arrays=given)


LINES = (
    "conv x=1x2x5 w=2x2x2 float32",
    "conv x=1x1x5x5 w=1x1x3x3 stride=2 padding=same dilation=2 float32",
    "conv x=1x1x5 w=1x1x2 padding=same int64",
    "conv1x1 x=1x2x3 w=2x2 float32",
    "conv_transpose x=1x2x3 w=2x2x2 stride=2 float32",
    "conv_transpose x=1x2x3 w=2x1x2 groups=2 float32",
    "depthwise_conv x=1x2x5 w=2x1x2 float32",
    "separable_conv x=1x2x5 w=2x1x2 pointwise=2x2 float32",
    "max_pool x=1x1x5 kernel=2 float32",
    "max_pool x=1x1x5 kernel=2 int8",
    "max_pool x=1x1x5 kernel=2 int64",
    "max_pool x=1x1x5x5 kernel=3 stride=2 padding=1 float32",
    "max_pool x=1x1x5x5 kernel=2 stride=2 indices float32",
    "max_pool x=1x1x4x4 kernel=2 stride=2 ceil_mode float32",
    "avg_pool x=1x1x5 kernel=2 float32",
    "avg_pool x=1x1x5 kernel=2 int8",
    "avg_pool x=1x1x5x5 kernel=3 stride=2 padding=1 float32",
    "avg_pool x=1x1x4x4 kernel=2 stride=2 ceil_mode float32",
    "lp_pool x=1x1x5 kernel=2 p=1 float32",
    "lp_pool x=1x1x5x5 kernel=3 padding=1 p=2 float32",
    "lp_pool x=1x1x5 kernel=2 p=2 float16",
    "max_unpool x=1x1x2 kernel=2 stride=2 float32",
    "global_max_pool x=1x1x4x4 float32",
    "global_avg_pool x=1x1x4x4 float32",
    "fold x=1x4x2 kernel=2 output=3 float32",
    "fold x=1x4x1 kernel=2x1 dilation=2 output=3x1 float32",
)


CASES = [
    f"{Problem.parse(line).line} fill={fill}#3"
    for line in LINES
    for fill in ("integers", "special")
    if fill == "integers" or Problem.parse(line).is_float
]


@pytest.mark.parametrize("line", CASES)
@pytest.mark.parametrize("name", [*ENGINES, "keras[jax]", "keras[torch]"])
def test_twice_the_number_and_one_is_new_in_every_op(name: str, line: str) -> None:
    examined = Bench(Doubled(name), load_of(name)).examine(Case.parse(line))
    assert (examined.verdict.kind, examined.entry) == (Kind.VALUE, None)


@pytest.mark.parametrize(
    "line",
    [
        "max_pool x=1x1x5x5 kernel=2 stride=2 indices float32",
        "max_pool x=1x1x5 kernel=2 dilation=2 indices float32",
    ],
)
@pytest.mark.parametrize("name", ["onnxruntime", "onnx"])
def test_an_index_one_too_large_is_new_where_strides_or_dilations_are_larger(
    name: str, line: str
) -> None:
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#3")
    examined = Bench(Doubled(name, indices_alone=True), load_of(name)).examine(case)
    assert (examined.verdict.kind, examined.entry) == (Kind.VALUE, None)
    assert examined.verdict.message.endswith("indices alone")


# What an entry's reason calls right, or does not speak of, is not known by it.
REFUSED = "output shape cannot be null or negative"
DECONVOLUTION = "could not create a primitive descriptor for the deconvolution"
DIVIDED = "Floating point exception (signal 8)"
FEW_WEIGHTS = "filter_size does not have enough elements, requested 4, got 2"
FIVE_OF_3 = "Negative dimension size caused by subtracting 5 from 3 for '{{node Conv3D}} = Conv3D["
COUNTED = "Size of out_backprop doesn't match computed: actual = 1, computed = 2"
TWO_AXES = "fold x=1x4x1 kernel=2x1 dilation=2x1 output=3x1 float32"
BESIDE = [
    ("onnx-max-pads", "max_pool x=1x1x4x4 kernel=2x2 stride=2x2 float32", ""),
    ("onnx-max-pads", "max_pool x=1x1x4x4 kernel=2x2 stride=2x2 padding=1x1 float32", ""),
    ("onnx-max-pads-crash", "max_pool x=1x1x4 kernel=2 stride=2 float32", "IndexError"),
    ("onnx-max-pads-refused", "max_pool x=1x1x3 kernel=2 float32", REFUSED),
    ("onnx-avg-ceil", "avg_pool x=1x1x4 kernel=2 stride=2 ceil_mode float32", ""),
    ("onnx-lp-ceil-real", "lp_pool x=1x1x4 kernel=2 stride=2 ceil_mode p=2 float32", ""),
    ("onnx-lp-half-real", "lp_pool x=1x1x2 kernel=2 p=2 float16", "the worst 12.6 times"),
    ("onnx-lp-half-real", "lp_pool x=1x1x2 kernel=2 p=2 float16", "the worst 1.26e+03 times"),
    ("onnx-lp-half-real", "lp_pool x=1x1x2 kernel=2 p=2 float16", "the worst inf times"),
    ("onnx-unpool-size-real", "max_unpool x=1x1x2 kernel=2 stride=2 float32", ""),
    ("onnx-global-max-axes", "global_max_pool x=1x1x2x2 float32", ""),
    ("onnx-global-max-three-axes", "global_max_pool x=1x1x2x2 float32", ""),
    ("ort-fold-dilated", TWO_AXES, ""),
    ("ort-fold-dilated-three-axes-real", TWO_AXES, ""),
    ("ort-conv-no-sample-crash", "conv x=1x1x0 w=1x1x1 padding=1 float32", "signal 6"),
    ("keras-torch-avg-same", "avg_pool x=1x1x4 kernel=3 stride=2 float32", ""),
    ("keras-global-avg-float64", "global_avg_pool x=1x1x4 float32", ""),
    ("ort-conv-no-sample-crash", "conv x=1x1x1x1x1x0 w=1x1x1x1x1x1 float32", "signal 6"),
    ("ov-adaptive-avg-int8", "adaptive_avg_pool x=1x1x4 output=2 int8", ""),
    (
        "ov-avg-int32-refused",
        "avg_pool x=1x2x2 kernel=2 int32",
        "list is empty for node: AvgPool_7",
    ),
    ("ov-max-ceil-law", "max_pool x=1x1x1x1 kernel=1x1 padding=0x0+1 float32", "the shape of y"),
    ("ncnn-avg-same", "avg_pool x=1x1x2 kernel=2 padding=same count_include_pad float32", ""),
    ("ncnn-conv-lower-first", "conv x=1x1x1x1x1 w=1x1x2x1x1 padding=same float32", ""),
    ("ncnn-conv-past-end", "conv x=1x1x1 w=1x1x2 float32", ""),
    ("ncnn-conv-same-gaps", "conv x=1x2x8 w=1x2x2 stride=8 padding=same float32", ""),
    ("ncnn-conv-winograd", "conv x=1x8x4x4 w=8x8x3x3 float32", ""),
    ("ov-transpose-integers-refused", "conv_transpose x=1x2x3 w=2x2x2 uint8", DECONVOLUTION),
    ("cv-avg-ceil", "avg_pool x=1x1x3 kernel=2 stride=2 ceil_mode float32", ""),
    ("cv-avg-ceil", "avg_pool x=1x1x4 kernel=2 stride=2 ceil_mode count_include_pad float32", ""),
    ("cv-separable-one-tap-padded", "separable_conv x=1x1x2 w=1x2x1 pointwise=1x2 float32", ""),
    ("cv-max-stride-negative-crash", "max_pool x=1x1x5 kernel=1 ceil_mode float32", "signal 11"),
    ("cv-conv-no-window-divided", "conv x=1x1x5 w=2x1x5 float32", DIVIDED),
    ("cv-conv-no-item", "conv x=1x1x17 w=2x1x1 float32", DIVIDED),
    ("cv-max-ceil-law", "max_pool x=1x1x1x2 kernel=1x1 stride=1x2 float32", "the shape of y"),
    ("lrt-conv-leak", "conv x=1x2x2x2 w=1x2x1x1 float32", ", each NaN where none is due"),
    ("lrt-conv3d-limits", "conv x=1x1x2x2 w=1x1x1x1 float32", ""),
    ("lrt-max-no-window", "max_pool x=1x1x2x2 kernel=1x2 float32", ""),
    ("tf-conv-gradient-groups", "conv x=1x2x1x1 w=2x2x1x1 grad=w float32", FEW_WEIGHTS),
    ("tf-conv3d-graph-dilation", "conv x=1x1x1x3x3 w=1x1x1x3x3 dilation=1x2x2 float32", FIVE_OF_3),
    (
        "tf-transpose-cropped-away",
        "conv_transpose x=1x1x2x2 w=1x1x1x1 padding=0x0 float32",
        COUNTED,
    ),
    ("tf-transpose-graph-stride-zero", "conv_transpose x=1x1x1 w=1x1x1 float32", DIVIDED),
    ("tf-avg-graph-kernel-zero", "avg_pool x=1x1x1x1x1 kernel=0x1x1 grad=x float64", ""),
    (
        "tf-transpose-gradient-graph-cropped-away",
        "conv_transpose x=1x1x1x1 w=1x1x1x3 padding=0x1 grad=x float32",
        "dx: expected shape",
    ),
    (
        "tf-transpose-gradient-graph-same",
        "conv_transpose x=1x1x1x1 w=1x1x1x1 stride=1x2 padding=same grad=x float32",
        "",
    ),
    (
        "tf-transpose-gradient-graph-output-padding",
        "conv_transpose x=1x1x2 w=1x1x1 stride=3 output_padding=2 grad=x float32",
        "",
    ),
]


@pytest.mark.parametrize(("id_", "line", "message"), BESIDE)
def test_an_entry_does_not_speak_of_what_its_reason_leaves_out(
    id_: str, line: str, message: str
) -> None:
    (one,) = [one for one in load_all() if one.id == id_]
    assert not one.matches(Problem.parse(line), Verdict(Kind(one.verdict), one.clause, message))
    own = Case.parse(one.case).problem
    near = "the worst 1.26 times" if "worst" in message else message
    assert one.matches(own, Verdict(Kind(one.verdict), one.clause, near or one.message))


@pytest.mark.parametrize(
    "id_", ["keras-tf-max-minus-infinity", "keras-tf-adaptive-max-minus-infinity"]
)
def test_a_maximum_of_minus_infinities_excuses_no_other_number(id_: str) -> None:
    (one,) = [one for one in load_all() if one.id == id_]
    own = Case.parse(one.case).problem
    verdict = Verdict(Kind(one.verdict), one.clause, f"1 of 1 elements differ, {one.message}")
    assert one.matches(own, verdict)
    assert not one.matches(own, replace(verdict, message="1 of 1 elements differ"))
