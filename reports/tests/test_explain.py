"""`convformance explain`: examples worked by hand, flags, mistakes, shapes that are asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from convformance.expect import expectation
from convformance.fills import make_arrays
from convformance.problem import OPS, Case, Problem
from convformance.sizes import axes_of
from convreport.cli import main
from convreport.explain import explain
from convreport.explain_flags import op_of
from convreport.explain_page import render_page
from convreport.explain_shape import explain_shape
from convreport.explain_text import as_json, as_text
from convreport.limits import RANKS, probes
from convreport.predict import predict
from convreport.profiles import load_profiles

RESNET = "conv x=1x3x224x224 w=64x3x7x7 stride=2x2 padding=same float32"


def told(line: str) -> str:
    return as_text(explain(Problem.parse(line)))


def does(line: str) -> dict[str, str]:
    problem = Problem.parse(line)
    return {name: predict(one, problem).does for name, one in load_profiles().items()}


def shapes(line: str) -> dict[str, tuple[int, ...]]:
    problem = Problem.parse(line)
    return {name: predict(one, problem).shape for name, one in load_profiles().items()}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["explain", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def answers(line: str, wanted: tuple[int, ...]) -> dict[str, tuple[str, ...]]:
    found = explain_shape(Problem.parse(line), wanted)
    return {one.words: one.frameworks for one in found.answers}


def test_explaining_imports_no_framework() -> None:
    code = (
        "import sys\n"
        "from convreport.cli import main\n"
        f"main(['explain', {RESNET!r}])\n"
        f"main(['explain', {RESNET!r}, '--expect-shape', '1x64x113x113'])\n"
        "raise SystemExit(any(n in sys.modules for n in ('torch', 'tensorflow', 'keras', 'jax')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_same_with_a_stride_is_refused_by_torch_and_alike_elsewhere() -> None:
    """ceil(224 / 2) = 112 windows need (112 - 1) * 2 + 7 - 224 = 5 samples of padding: 2 + 3."""
    found = explain(Problem.parse(RESNET))
    assert found.shape == (1, 64, 112, 112)
    assert {one.framework: one.does for one in found.predictions}["torch"] == "refuses"
    first, second = found.groups
    assert first.names == ("tensorflow", "keras", "jax SAME", "onnx SAME_UPPER")
    assert first.pads == ((2, 3), (2, 3))
    assert second.pads == ((3, 2), (3, 2))
    assert second.words == "the same size, but windows start 1 sample earlier"
    assert found.advice == (
        "torch: pad first with the padding (2, 3) on each axis: F.pad(x, (2, 3, 2, 3)), "
        "then no padding",
        "torch: padding=3 gives the same size, but every window starts 1 sample earlier: "
        "other numbers",
    )


def test_the_cost_of_the_first_layer_of_resnet() -> None:
    """64 * 112 * 112 elements of 3 * 7 * 7 = 147 products each; 64 * 147 weights and 64 biases."""
    cost = explain(Problem.parse(RESNET.replace(" float32", " bias float32"))).cost
    assert cost.multiply_adds == 64 * 112 * 112 * 147
    assert (cost.parameters, cost.bias, cost.taps) == (9_408 + 64, 64, 147)


@pytest.mark.parametrize(
    ("line", "multiply_adds", "parameters"),
    [
        ("conv x=2x4x5x5 w=6x2x3x3 groups=2 float32", 2 * 6 * 9 * 2 * 9, 6 * 2 * 9),
        ("conv1x1 x=1x8x3x3 w=4x8 bias float32", 4 * 9 * 8, 4 * 8 + 4),
        ("conv_transpose x=1x4x3x3 w=4x2x2x2 stride=2x2 float32", 4 * 9 * 2 * 4, 4 * 2 * 4),
        ("depthwise_conv x=1x3x5x5 w=3x2x3x3 float32", 6 * 9 * 9, 3 * 2 * 9),
        (
            "separable_conv x=1x3x5x5 w=3x2x3x3 pointwise=8x6 float32",
            6 * 9 * 9 + 8 * 9 * 6,
            3 * 2 * 9 + 8 * 6,
        ),
        ("max_pool x=1x3x5x5 kernel=3x3 float32", 0, 0),
    ],
)
def test_multiply_adds_and_parameters(line: str, multiply_adds: int, parameters: int) -> None:
    cost = explain(Problem.parse(line)).cost
    assert (cost.multiply_adds, cost.parameters) == (multiply_adds, parameters)


def test_the_windows_at_the_borders_of_a_dilated_axis() -> None:
    """Extent 2 * (3 - 1) + 1 = 5; window 0 reads -2, 0, 2 and the last, 3 * 2 - 2 = 4, 6, 8."""
    axis = explain(
        Problem.parse("conv x=1x1x8 w=1x1x3 stride=2 padding=2 dilation=2 float32")
    ).axes[0]
    assert [(one.window, one.first, one.last, one.step, one.outside) for one in axis.borders] == [
        (0, -2, 2, 2, 1),
        (1, 0, 4, 2, 0),
        (2, 2, 6, 2, 0),
        (3, 4, 8, 2, 1),
    ]
    assert (axis.touching_before, axis.touching_after) == (1, 1)
    assert (axis.unread, axis.unread_at) == (4, (1, 3, 5, 7))


@pytest.mark.parametrize("op", OPS)
def test_windows_that_touch_padding_are_counted_by_formula_as_one_by_one(op: str) -> None:
    for rank in RANKS:
        for problem in probes(op, rank):
            for axis in explain(problem).axes:
                starts = [o * axis.stride - axis.before for o in range(axis.count)]
                assert axis.touching_before == sum(start < 0 for start in starts)
                past = [start + axis.extent > axis.size for start in starts]
                assert axis.touching_after == sum(past)


def test_a_huge_axis_is_told_at_once() -> None:
    text = told("conv x=1x1x2000000000 w=1x1x3 stride=2 float32")
    assert "window 999999998 reads input 1999999996..1999999998" in text
    assert "1 sample that no window reads: 1999999999" in text


def test_the_size_of_a_transposed_convolution_under_valid_padding_parts_the_frameworks() -> None:
    """(8 - 1) * 3 + 2 = 23 by its windows; 8 * 3 = 24 where each has a whole stride."""
    line = "conv_transpose x=1x4x8x8 w=4x2x2x2 stride=3x3 float32"
    exact, wide = (1, 2, 23, 23), (1, 2, 24, 24)
    assert shapes(line) == {
        "torch": exact, "tensorflow": wide, "keras": wide, "jax": wide, "onnx": exact,
    }  # fmt: skip
    assert "torch, onnx give 1x2x23x23, pads 0 + 0: another shape" in told(line)


def test_ceil_mode_is_said_by_torch_and_onnx_alone() -> None:
    """floor((112 + 2 - 3) / 2) + 1 = 56, and one more that starts at 111, on a sample."""
    line = "max_pool x=1x64x112x112 kernel=3x3 stride=2x2 padding=1x1 ceil_mode float32"
    assert "ceil_mode keeps the last window: 57 [window.ceil]" in told(line)
    assert does(line) == {
        "torch": "computes", "tensorflow": "cannot say it", "keras": "cannot say it",
        "jax": "cannot say it", "onnx": "computes",
    }  # fmt: skip


def test_padding_past_half_the_kernel_is_refused_by_torch_and_not_by_jax() -> None:
    line = "max_pool x=1x1x9x9 kernel=3x3 padding=2x2 float32"
    found = does(line)
    assert (found["torch"], found["tensorflow"], found["jax"]) == (
        "refuses",
        "computes",
        "computes",
    )


def test_what_a_specification_leaves_open_is_not_predicted() -> None:
    assert does("conv x=1x1x2 w=1x1x3 float32")["onnx"] == "leaves it open"


def test_inputs_without_an_element_are_not_foretold_where_they_go_wrong() -> None:
    found = does("conv x=0x1x8 w=1x1x3 float32")
    assert (found["tensorflow"], found["jax"]) == ("is not foretold", "computes")


@pytest.mark.parametrize("kind", ["conv", "depthwise_conv", "max_pool"])
def test_to_pad_first_as_advised_computes_the_same(kind: str) -> None:
    """By the oracle: same padding against an input that was padded before."""
    rest = "kernel=4x3" if kind == "max_pool" else "w=2x1x4x3"
    x = "1x1x7x6" if kind == "conv" else "1x2x7x6"
    problem = Problem.parse(f"{kind} x={x} {rest} stride=2x3 padding=same float32")
    arrays = make_arrays(Case(problem))
    pads = tuple((axis.before, axis.after) for axis in axes_of(problem))
    assert f"the padding {pads[0]}, {pads[1]}: F.pad(x, {(*pads[1], *pads[0])}" in told(
        problem.line
    )
    lowest = -np.inf if kind == "max_pool" else 0
    padded = np.pad(arrays["x"], ((0, 0), (0, 0), *pads), constant_values=lowest)
    first = replace(problem, x=padded.shape, padding="valid")
    whole = expectation(problem, arrays).y
    np.testing.assert_array_equal(expectation(first, arrays | {"x": padded}).y, whole)


def test_one_number_for_both_sides_may_move_the_windows_or_not() -> None:
    """For 1+0 and stride 2, one sample more behind an even input is read by no window."""
    assert "padding=1 gives the same size, and here the same windows" in told(
        "conv x=1x1x224x224 w=1x1x3x3 stride=2x2 padding=1+0x1+0 float32"
    )


def test_a_gradient_is_told_as_its_forward_op() -> None:
    found = explain(Problem.parse("conv x=1x1x8 w=1x1x3 grad=w float32"))
    assert (found.shape, found.notes[0][:20]) == ((1, 1, 6), "the sizes are those ")


@pytest.mark.parametrize("op", OPS)
def test_every_op_and_rank_can_be_told(op: str) -> None:
    for rank in RANKS:
        for problem in probes(op, rank):
            found = explain(problem)
            assert as_text(found).startswith(problem.line)
            assert json.loads(as_json(found))["line"] == problem.line


class _Tags(HTMLParser):
    """Collects tags, and what would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "rect", "br", "link"):
            self.open.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "srcset")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A rectangle: nothing opens."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    for line in (RESNET, "adaptive_avg_pool x=1x4x8x9 output=3x3 float32"):
        page = render_page(explain(Problem.parse(line)))
        tags = _Tags()
        tags.feed(page)
        assert (tags.open, tags.loads) == ([], [])
        assert "default-src &#39;none&#39;" in page
        assert line in page


def test_flags_say_the_same_as_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    given = "conv2d --input 1x3x224x224 --out-channels 64 --kernel 7 --stride 2 --padding same"
    assert run(capsys, *given.split()) == run(capsys, RESNET)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            ["Conv2d", "--input", "(1, 4, 9, 9)", "--kernel-size", "(3, 5)", "--padding", "(1, 2)",
             "--groups", "2", "--bias"],
            "conv x=1x4x9x9 w=4x2x3x5 padding=1x2 groups=2 bias float32",
        ),
        (
            ["Conv2D", "--input", "1x9x9x4", "--data-format", "NHWC", "--filters", "8",
             "--kernel", "3", "--padding", "SAME"],
            "conv x=1x4x9x9 w=8x4x3x3 padding=same layout=channels_last float32",
        ),
        (
            ["max_pool2d", "--input", "1x1x8x8", "--kernel", "2", "--ceil-mode"],
            "max_pool x=1x1x8x8 kernel=2x2 stride=2x2 ceil_mode float32",
        ),
        (
            ["Conv2DTranspose", "--input", "1x4x8x8", "--out-channels", "2", "--kernel", "3",
             "--stride", "2", "--padding", "0+1", "--output-padding", "1"],
            "conv_transpose x=1x4x8x8 w=4x2x3x3 stride=2x2 padding=0+1x0+1 output_padding=1x1"
            " float32",
        ),
        (
            ["separable_conv", "--input", "1x4x8", "--out-channels", "6", "--kernel", "3",
             "--multiplier", "2"],
            "separable_conv x=1x4x8 w=4x2x3 pointwise=6x8 float32",
        ),
        (
            ["AdaptiveAvgPool2d", "--input", "1x4x8x8", "--output-size", "7"],
            "adaptive_avg_pool x=1x4x8x8 output=7x7 float32",
        ),
        (
            ["LPPool1d", "--input", "1x4x8", "--kernel", "2", "--norm-type", "inf"],
            "lp_pool x=1x4x8 kernel=2 stride=2 p=inf float32",
        ),
    ],
)  # fmt: skip
def test_flags_as_people_write_them(
    capsys: pytest.CaptureFixture[str], given: list[str], line: str
) -> None:
    status, out, _ = run(capsys, *given)
    assert (status, out.splitlines()[0]) == (0, line)


@pytest.mark.parametrize("op", OPS)
def test_every_op_has_its_own_name_in_flags(op: str) -> None:
    assert op_of(op) == (op, 0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ["conv x=1x6x8x8 w=4x3x3x3 groups=4 float32"],
            "error [conv.groups]: 6 input channels cannot be split into 4 groups",
        ),
        (["conv x=1x6x8x8 w=4x3x3x3 groups=4 float32"], "groups=2 fits"),
        (["conv x=1x224x224x3 w=64x3x7x7 float32"], "it is x=1x3x224x224"),
        (["conv_transpose x=1x4x8x8 w=2x4x3x3 float32"], "w=4x2x3x3 fits"),
        (["conv2d", "--input", "1x3x8x8", "--kernel", "3", "--stride", "0"], "[window.stride]"),
        (["conv2d", "--kernel", "3"], "conv needs --input"),
        (["conv2d", "--input", "1x3x8", "--kernel", "3"], "--input 1x3x8 has 3 axes"),
        (["conv2d", "--input", "1x3xa", "--kernel", "3"], "--input '1x3xa' is no list of sizes"),
        (["conv2d", "--input", "1x3x8x8"], "conv needs --kernel"),
        (
            ["conv2d", "--input", "1x3x8x8", "--kernel", "3", "--padding", "some"],
            "--padding 'some'",
        ),
        (["conv2d", "--input", "1x3x8x8", "--kernel", "3", "--ceil-mode"], "takes no ceil_mode"),
        (["max_pool2d", "--input", "1x3x8x8", "--kernel", "99999999999"], "larger than"),
        (["conv x=1x3x8x8 w=4x3x3x3 float32", "--stride", "2"], "flags go with the name"),
        (["cnov2d"], "op 'cnov2d' is none of"),
        ([RESNET, "--expect-shape", "1x64xq"], "--expect-shape"),
        ([RESNET, "--html", "/no/such/place.html"], "No such file"),
    ],
)
def test_a_mistake_ends_in_2_with_words_and_no_traceback(
    capsys: pytest.CaptureFixture[str], given: list[str], words: str
) -> None:
    status, out, err = run(capsys, *given)
    assert (status, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_json_and_a_page_from_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "layer.html"
    status, out, _ = run(capsys, RESNET, "--json", "--html", str(path))
    assert (status, json.loads(out)["shape"]) == (0, [1, 64, 112, 112])
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_shape_that_rounding_up_gives_names_caffe() -> None:
    found = explain_shape(
        Problem.parse("max_pool x=1x64x112x112 kernel=3x3 stride=2x2 padding=1x1 float32"),
        (1, 64, 57, 57),
    )
    first = found.answers[0]
    assert (first.words, first.frameworks) == ("ceil_mode=True", ("torch", "onnx"))
    assert "Caffe" in first.convention


def test_a_shape_of_frameworks_that_count_otherwise_stands_as_it_is() -> None:
    line = "conv_transpose x=1x4x8x8 w=4x2x2x2 stride=3x3 float32"
    assert answers(line, (1, 2, 24, 24))["as it stands"] == ("tensorflow", "keras", "jax")


@pytest.mark.parametrize(
    ("line", "wanted", "words"),
    [
        ("conv x=1x3x9x9 w=8x3x3x3 float32", (1, 8, 9, 9), "padding=same"),
        ("conv x=1x3x9x9 w=8x3x3x3 padding=1x1 float32", (1, 8, 7, 7), "padding=valid"),
        ("conv x=1x3x9x9 w=8x3x3x3 float32", (1, 8, 4, 4), "stride=2"),
        ("conv x=1x3x9x9 w=8x3x3x3 float32", (1, 8, 5, 5), "dilation=2"),
        ("conv x=1x3x9x9 w=8x3x3x3 float32", (1, 16, 7, 7), "16 output channels"),
        ("conv x=1x224x224x3 w=8x224x3x3 padding=1x1 float32", (1, 8, 224, 224),
         "the input is channels last (NHWC), read as NCHW"),
        ("max_pool x=1x3x8x8 kernel=2x2 float32", (1, 3, 4, 4), "stride=2, the kernel"),
        ("conv_transpose x=1x4x8x8 w=4x2x3x3 stride=2x2 padding=1x1 float32", (1, 2, 16, 16),
         "output_padding=1"),
        ("conv x=1x3x9x8 w=8x3x3x3 float32", (1, 8, 9, 6), "padding=1+1x0+0"),
        ("conv x=1x3x9x9 w=8x3x3x3 float32", (2, 16, 9, 9),
         "a batch of 2, 16 output channels and padding=same"),
    ],
)  # fmt: skip
def test_settings_that_give_a_shape(line: str, wanted: tuple[int, ...], words: str) -> None:
    assert words in answers(line, wanted)


def test_every_answer_gives_the_shape_by_the_specification_or_by_a_framework() -> None:
    for wanted in ((1, 64, 113, 113), (1, 64, 111, 111), (1, 64, 109, 109), (1, 32, 56, 56)):
        for one in explain_shape(Problem.parse(RESNET), wanted).answers:
            told_so = explain(Problem.parse(one.line))
            shapes_there = {told_so.shape, *(told.shape for told in told_so.predictions)}
            assert wanted in shapes_there, one


def test_nothing_simple_is_said_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, RESNET, "--expect-shape", "1x64x999x3")
    assert status == 0
    assert "nothing simple gives 1x64x999x3" in out
