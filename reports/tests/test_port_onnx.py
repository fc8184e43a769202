"""`convformance port` with ONNX: its nodes are evaluated, and what evaluates them is judged too."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from convformance import onnx_faults
from convformance.backend import Array
from convformance.backends.layouts_index import in_plane, of_framework
from convformance.onnx_faults import known_fault
from convformance.porting import Source, check
from convformance.problem import Problem
from convformance.recipes import recipes
from convformance.running import EVALUATORS, run
from convreport import cli
from convreport.port import meant, port
from convreport.port_text import as_text

SAME = "conv x=1x3x10x10 w=4x3x3x3 stride=2x2 padding=same float32"


def needs(*packages: str) -> None:
    for name in packages:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture
def without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that evaluates ONNX is found."""
    monkeypatch.setattr(
        "convformance.running.find_spec",
        lambda name: None if name in EVALUATORS else find_spec(name),
    )


@pytest.mark.usefixtures("without_onnx")
@pytest.mark.parametrize("other", ["torch", "tensorflow", "keras", "jax"])
def test_nodes_are_not_called_checked_where_nothing_evaluates_them(
    other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are printed with the reason; code for another is compared with the specification."""
    needs(other)
    assert cli.main(["port", SAME, "--from", other, "--to", "onnx"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("not checked: onnx is not installed\n")
    assert cli.main(["port", SAME, "--from", "onnx", "--to", other]) == 0
    out = capsys.readouterr().out
    assert "checked on 12 cases, bit-exact on integers\n" in out
    assert out.endswith("against the specification alone: onnx is not installed\n")


@pytest.mark.parametrize(
    ("line", "nodes"),
    [
        ("conv x=1x2x6x5 w=3x2x3x3 padding=1+2x0 padding_mode=reflect float32", ("Pad", "Conv")),
        ("conv x=1x2x6x5 w=3x2x3x3 padding=2 padding_mode=replicate float32", ("Pad", "Conv")),
        ("conv x=1x2x6x5 w=3x2x3x3 padding=2 padding_mode=circular float32", ("Pad", "Conv")),
        (
            "conv x=1x2x6x5 w=3x2x3x3 padding=2 padding_mode=symmetric float32",
            ("Gather", "Gather", "Conv"),
        ),
        ("conv x=1x4x6x5 w=6x2x3x3 padding=1 groups=2 bias float32", ("Conv",)),
        ("conv x=1x2x5x5 w=2x2x3x3 padding=-1x1 float32", ("Pad", "Conv")),
        ("depthwise_conv x=1x3x6x6 w=3x2x3x3 padding=1 float32", ("Conv",)),
        ("conv_transpose x=1x4x5x5 w=4x2x3x3 groups=2 stride=2x2 float32", ("ConvTranspose",)),
        ("fold x=2x12x20 kernel=2x2 output=5x6 float32", ("Col2Im",)),
        ("conv x=1x2x5x5 w=2x2x3x3 bias output_dtype=int32 int8", ("ConvInteger", "Add")),
    ],
)
def test_nodes_are_evaluated_and_equal(line: str, nodes: tuple[str, ...]) -> None:
    """Modes are a Pad, groups an attribute."""
    needs("torch", "onnx")
    told = port(Problem.parse(line), "torch", "onnx", cases=3)
    text = as_text(told)
    assert told.checked == 3, text
    found = re.findall(r"make_node\('(\w+)'", text)
    assert [kind for kind in found if kind in nodes] == list(nodes)
    assert re.search(r"by (the reference evaluator of onnx|onnxruntime) \d", text.splitlines()[-1])


def test_a_pad_of_another_mode_is_caught() -> None:
    """A liar: edge for reflect, in a node that evaluates without complaint."""
    needs("onnx")
    problem = Problem.parse("conv x=1x2x6x5 w=3x2x3x3 padding=1 padding_mode=reflect float32")
    right = recipes(meant(problem, "torch")[0], "torch", "onnx")[0][0]
    lines = tuple(one.replace("'reflect'", "'edge'") for one in right.lines)
    assert lines != right.lines
    told = Source("torch", None)
    assert check(right, told, problem, lambda _: ("", ""), 2).holds
    seen = check(replace(right, lines=lines), told, problem, lambda _: ("", ""), 2)
    assert not seen.holds
    assert "elements differ" in seen.difference


def test_a_dtype_that_an_operator_does_not_take_is_refused() -> None:
    """The reference evaluator would convolve complex numbers, which Conv of ONNX does not."""
    needs("torch", "onnx")
    problem = Problem.parse("conv x=1x2x5x5 w=3x2x3x3 complex64")
    text = as_text(port(problem, "torch", "onnx"))
    assert "nothing was found in onnx that equals it" in text
    assert "unsupported type: tensor(complex64)" in text


# Each known fault on numbers that one can check on paper: a line, its arrays, what its operator's
# text says of them. A version that mends one makes this fail: then the entry goes.
BY_HAND = {
    # a window over [1, 2], one over [2, 3], one over [3, padding]
    "MaxPool takes its pads": (
        "max_pool x=1x1x3 kernel=2 padding=0+1", {"x": [1, 2, 3]}, [2, 3, 3],
    ),
    # SAME_UPPER pads the same one sample after
    "MaxPool with auto_pad": (
        "max_pool x=1x1x3 kernel=2 padding=same_upper", {"x": [1, 2, 3]}, [2, 3, 3],
    ),
    # the extent is 3, so that one sample is padded on each side: [-, 2], [1, 3], [2, -]
    "auto_pad is computed": (
        "avg_pool x=1x1x3 kernel=2 dilation=2 padding=same_upper", {"x": [1, 2, 3]}, [2, 2, 2],
    ),
    # 2 is the second of all four samples, 4 the third
    "MaxPool counts": ("max_pool x=1x2x2 kernel=2 indices", {"x": [1, 2, 4, 3]}, [1, 2]),
    # the root of 9 + 16, and 5 alone
    "a pool with ceil_mode": (
        "lp_pool x=1x1x3 kernel=2 stride=2 ceil_mode", {"x": [3, 4, 5]}, [5, 5],
    ),
    # one sample of 1 in each group, under one tap for each of two outputs
    "ConvTranspose takes": (
        "conv_transpose x=1x2x1 w=2x2x1 groups=2", {"x": [1, 1], "w": [1, 2, 3, 4]}, [1, 2, 3, 4],
    ),
    # one tap of 1 in each group: 1 + 10, and 1 + 20
    "ConvTranspose adds": (
        "conv_transpose x=1x2x1 w=2x1x1 groups=2 bias",
        {"x": [1, 1], "w": [1, 1], "bias": [10, 20]},
        [11, 21],
    ),
}  # fmt: skip


def test_every_known_fault_is_shown_by_hand() -> None:
    """One line each, and no two for one fault."""
    words = [fault.words for fault in onnx_faults.FAULTS]
    assert len(BY_HAND) == len(words)
    assert all(any(one.startswith(start) for one in words) for start in BY_HAND)


@pytest.mark.parametrize("start", BY_HAND)
def test_a_known_fault_is_the_evaluators_not_the_recipes(start: str) -> None:
    """The node's text says one thing, and the reference evaluator computes another."""
    needs("onnx")
    line, values, expected = BY_HAND[start]
    problem = Problem.parse(f"{line} float32")
    shapes = {"x": problem.x, "w": problem.w, "bias": (2,)}
    arrays: dict[str, Array] = {
        name: np.array(one, "f4").reshape(shapes[name]) for name, one in values.items()
    }
    recipe = recipes(meant(problem, "onnx")[0], "onnx", "onnx")[0][0]
    name = problem.answers[-1]
    got, _ = run(recipe, arrays, "onnx")
    assert known_fault(problem).startswith(start)
    assert got is None or got[name].ravel().tolist() != expected
    if find_spec("onnxruntime") and "auto_pad is computed" not in start:
        got, trouble = run(recipe, arrays, "onnxruntime")
        assert trouble == ""
        assert got is not None
        assert got[name].ravel().tolist() == expected


@pytest.mark.parametrize(
    "line", [f"{line} float32" for line, _, _ in BY_HAND.values() if "indices" not in line]
)
def test_an_evaluators_fault_is_told_and_nothing_false_is_called_checked(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reference evaluator alone: another way is checked, or none is called so."""
    needs("torch", "onnx")
    monkeypatch.setattr(
        "convformance.running.find_spec",
        lambda name: None if name == "onnxruntime" else find_spec(name),
    )
    told = port(Problem.parse(line), "torch", "onnx", cases=3)
    text = as_text(told)
    assert told.exact, text
    assert "a known fault" in text
    if not told.checked:
        assert "not checked: right by the text of its operator, but" in text
        assert "checked on" not in text


def test_an_index_in_the_wrong_plane_is_no_index() -> None:
    """ONNX counts over the whole tensor: a remainder would hide that a plane was forgotten."""
    problem = Problem.parse("max_pool x=2x3x4x4 kernel=2x2 stride=2x2 indices float32")
    planes = np.arange(24).reshape(2, 3, 2, 2) % 16
    whole = of_framework(problem, "onnx", planes)
    assert whole[1, 2, 0, 0] == planes[1, 2, 0, 0] + (1 * 3 + 2) * 16
    assert (in_plane(problem, "onnx", whole) == planes).all()
    assert (in_plane(problem, "onnx", planes)[0, 0] == planes[0, 0]).all()
    assert (in_plane(problem, "onnx", planes)[1] < 0).all()
    back = in_plane(problem, "tensorflow", of_framework(problem, "tensorflow", planes))
    assert (np.moveaxis(back, -1, 1) == planes).all()
