"""`convformance port` beyond plain layers: modes, holes, gradients, indices, patches, dtypes."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from convformance.apart import EndedError, executed_apart
from convformance.backends import layouts
from convformance.fills import make_arrays
from convformance.porting import Check, Source, check, differing
from convformance.problem import Case, Problem
from convformance.recipes import Recipe, recipes
from convformance.running import missing, run
from convreport.port import Ported, meant, port
from convreport.port_text import as_text

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "onnx")
LINES = (
    "conv x=1x2x6x5 w=3x2x3x3 padding=1+2x0 padding_mode=reflect float32",
    "conv x=1x2x6x5 w=3x2x3x3 padding=2 padding_mode=symmetric bias float32",
    "conv x=2x2x6 w=3x2x3 padding=2 padding_mode=replicate stride=2 float32",
    "conv x=1x2x4x4x4 w=3x2x2x2x2 padding=1 padding_mode=circular float32",
    "conv x=1x2x6x5 w=3x2x3x3 padding=same padding_mode=circular float32",
    "conv x=1x2x5x5 w=2x2x3x3 flip float32",
    "conv x=1x4x5x5 w=2x2x3x3 groups=2 padding=same flip bias float64",
    "conv x=1x2x5x5 w=2x2x3x2 input_dilation=2x3 padding=1+2x2 stride=2 float32",
    "conv x=1x2x5 w=2x2x3 input_dilation=2 padding=same_lower flip float32",
    "conv x=4x2x5x5 w=4x2x3x3 batch_groups=2 padding=1 bias float32",
    "conv x=1x2x5x5 w=2x2x3x3 output_dtype=float64 float32",
    "conv x=1x2x5x5 w=2x2x3x3 output_dtype=int32 int8",
    "conv x=1x2x5x5 w=2x2x3x3 unbatched padding=1 float32",
    "conv x=1x2x7x5 w=2x2x3x3 padding=full dilation=2 float32",
    "conv x=1x2x7 w=2x2x3 padding=causal bias float32",
    "conv x=1x2x7x7 w=2x2x3x3 padding=causal stride=2 bias float32",
    "conv x=1x2x5x5 w=2x2x3x3 padding=-1x1 float32",
    "conv x=1x2x5x5 w=2x2x3x3 bfloat16",
    "conv x=1x2x5x5 w=2x2x3x3 padding=same stride=2 float16",
    "conv x=1x2x5x5 w=3x2x3x3 bias padding=1 complex64",
    "conv x=1x2x5x5 w=3x2x3x3 padding=1 int32",
    "conv_transpose x=1x2x4x4 w=2x3x3x3 stride=2 bias complex64",
    "conv_transpose x=1x2x4x4 w=2x3x3x3 stride=2 padding=causal float32",
    "conv_transpose x=1x2x4x4 w=2x3x3x3 stride=2 padding=full float32",
    "conv_transpose x=1x2x4x4 w=2x3x3x3 stride=2 padding=same_lower float32",
    "conv x=2x2x6x5 w=3x2x3x3 padding=1 stride=2 grad=x float32",
    "conv x=2x2x6x5 w=3x2x3x3 padding=1 stride=2 grad=w float32",
    "conv x=2x2x6x5 w=3x2x3x3 padding=1 stride=2 bias grad=bias float32",
    "conv x=2x2x6x5 w=3x2x3x3 padding=1+2x0 padding_mode=reflect grad=x float32",
    "conv x=2x4x6x5 w=6x2x3x3 padding=same groups=2 grad=w float32",
    "conv_transpose x=2x2x4x5 w=2x3x3x3 padding=1 stride=2 output_padding=1 grad=x float32",
    "conv_transpose x=2x2x4x5 w=2x3x3x3 padding=1 stride=2 grad=w float32",
    "max_pool x=1x2x8x8 kernel=3x3 stride=3 grad=x float32",
    "max_pool x=1x2x7x8 kernel=2x3 stride=2 padding=1 ceil_mode grad=x float32",
    "avg_pool x=1x2x8x8 kernel=2x2 stride=2 grad=x float32",
    "max_pool x=2x3x8x6 kernel=2x2 stride=2x2 indices float32",
    "max_pool x=2x3x8x6 kernel=3x2 stride=2x2 padding=1 dilation=2x1 indices float32",
    "max_pool x=2x3x8 kernel=3 stride=2 padding=1 ceil_mode indices float32",
    "max_pool x=1x2x5x4x6 kernel=2x2x2 stride=2 indices float32",
    "max_pool x=2x3x8x6 kernel=2x2 stride=2x2 padding=same indices int32",
    "max_unpool x=2x3x4x3 kernel=2x2 stride=2x2 float32",
    "max_unpool x=2x3x4x3 kernel=2x2 stride=2x2 output=9x7 float32",
    "max_unpool x=1x2x4 kernel=3 stride=3 float32",
    "unfold x=2x3x6x5 kernel=2x3 stride=2 float32",
    "unfold x=2x3x6x5 kernel=2x3 padding=1 dilation=2x1 float32",
    "unfold x=1x2x7 kernel=3 padding=same float32",
    "fold x=2x12x20 kernel=2x2 output=5x6 float32",
    "fold x=2x12x12 kernel=2x2 output=6x7 stride=2x2 padding=1x0 float32",
    "separable_conv x=1x3x7x7 w=3x2x3x3 pointwise=4x6 stride=2 padding=same float32",
    "separable_conv x=1x3x7 w=3x2x3 pointwise=4x6 padding=1 float32",
    "depthwise_conv x=1x3x7x7x7 w=3x2x3x3x3 padding=same float32",
    "adaptive_max_pool x=1x2x8x8 output=4x2 indices float32",
    "adaptive_max_pool x=1x2x7x8 output=3x2 indices float32",
    "adaptive_max_pool x=1x2x7x8 output=3x2 float32",
    "global_max_pool x=2x3x4x5 int32",
    "avg_pool x=1x2x9x9 kernel=3x3 padding=full stride=2 float32",
    "lp_pool x=1x2x9x9 kernel=3x3 padding=1 p=1 float32",
    "lp_pool x=1x2x9x9 kernel=3x3 p=inf float32",
    "distance_pool x=1x2x9x9 kernel=3x3 float32",
)
NO_INDICES = "its windows are of different sizes"
# What has no equal, by the framework that has none and the words in which that is told.
NONE = {
    ("onnx", "conv x=4x2x5x5 w=4x2x3x3 batch_groups=2"): "lacks batch groups",
    ("onnx", "conv x=1x2x5x5 w=3x2x3x3 bias padding=1 complex64"): "takes no complex elements",
    ("onnx", "conv_transpose x=1x2x4x4 w=2x3x3x3 stride=2 bias complex64"): "complex elements",
    ("onnx", "conv x=1x2x5x5 w=3x2x3x3 padding=1 int32"): "unsupported type: tensor(int32)",
    ("onnx", "max_pool x=2x3x8x6 kernel=2x2 stride=2x2 padding=same indices int32"): "(int32)",
    ("onnx", "global_max_pool x=2x3x4x5 int32"): "unsupported type: tensor(int32)",
    ("onnx", "conv x=2x2x6x5 w=3x2x3x3 padding=1+2x0 padding_mode=reflect grad=x"): "no gradient",
    ("onnx", "conv x=2x4x6x5 w=6x2x3x3 padding=same groups=2 grad=w"): "no gradient",
    ("onnx", "conv_transpose x=2x2x4x5 w=2x3x3x3 padding=1 stride=2 grad=w"): "no gradient",
    ("onnx", "max_pool x=1x2x8x8 kernel=3x3 stride=3 grad=x"): "no gradient",
    ("onnx", "max_pool x=1x2x7x8 kernel=2x3 stride=2 padding=1 ceil_mode grad=x"): "no gradient",
    ("onnx", "avg_pool x=1x2x8x8 kernel=2x2 stride=2 grad=x"): "no gradient",
    ("tensorflow", "adaptive_max_pool x=1x2x7x8 output=3x2 indices"): NO_INDICES,
    ("keras", "adaptive_max_pool x=1x2x7x8 output=3x2 indices"): NO_INDICES,
    ("jax", "adaptive_max_pool x=1x2x7x8 output=3x2 indices"): NO_INDICES,
    ("onnx", "adaptive_max_pool x=1x2x7x8 output=3x2 indices"): NO_INDICES,
    ("", "distance_pool"): "none of the frameworks has it",
}


def needs(*frameworks: str) -> None:
    for name in frameworks:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


def _source_of(number: int, target: str) -> str:
    """Return one of the others, in turn, that is installed: every direction comes up."""
    others = [one for one in FRAMEWORKS if one != target and not missing(one)]
    return others[number % len(others)]


def _reason(line: str, frameworks: tuple[str, str]) -> str:
    """Return the words in which it must be told that a framework has no equal, or nothing."""
    found = (
        words
        for (framework, start), words in NONE.items()
        if line.startswith(start) and framework in ("", *frameworks)
    )
    return next(found, "")


def _is_as_told(line: str, told: Ported) -> bool:
    words = _reason(line, (told.source, told.target))
    if told.exact and told.checked:
        # ONNX as a source stands by the specification where no node says the line.
        return not words or told.source == "onnx"
    return bool(words) and words in " ".join((*told.reasons, as_text(told)))


@pytest.mark.parametrize("target", FRAMEWORKS)
def test_what_a_framework_can_say_is_ported_and_run(target: str) -> None:
    """Bit-exact against the source and the oracle; what has no equal is told with its reason."""
    needs(target, "torch", "tensorflow")
    surprises = []
    for number, line in enumerate(LINES):
        source = _source_of(number, target)
        told = port(
            Problem.parse(line), source, target, cases=1 if "jax" in (source, target) else 2
        )
        if not _is_as_told(line, told):
            surprises.append(f"{source} to {target}: {as_text(told)}")
        if told.exact and any("itself strays" in note for note in told.notes):
            surprises.append(f"{line}: {told.notes}")
    assert surprises == []


@pytest.mark.parametrize(
    ("line", "name", "axes"),
    [
        ("conv x=1x2x5x5 w=3x2x3x3 bfloat16", "y", "bfloat16"),
        ("conv x=1x2x5x5 w=3x2x3x3 complex64", "y", "complex64"),
        ("conv x=2x2x6x5 w=3x2x3x3 grad=w float32", "dw", "float32"),
    ],
)
def test_an_answer_comes_back_in_the_axes_and_the_dtype_of_its_source(
    line: str, name: str, axes: str
) -> None:
    """A weight's gradient is laid out as the weight, and bfloat16 stays bfloat16."""
    needs("torch", "tensorflow")
    problem = Problem.parse(line)
    meaning, _ = meant(problem, "tensorflow")
    recipe = recipes(meaning, "tensorflow", "torch")[0][0]
    arrays = layouts.given(problem, "tensorflow", make_arrays(Case(problem)))
    got, trouble = run(recipe, arrays)
    assert trouble == ""
    assert got is not None
    assert (list(got), str(got[name].dtype)) == ([name], axes)
    if name == "dw":
        assert got[name].shape == arrays["w"].shape


def test_indices_are_told_in_the_form_of_the_source() -> None:
    """A position in a plane for torch; sample, row, column and channel in one for TensorFlow."""
    needs("torch", "tensorflow")
    problem = Problem.parse("max_pool x=2x3x4x4 kernel=2x2 stride=2x2 indices float32")
    x = np.zeros((2, 3, 4, 4), "f4")
    x[1, 2, 3, 1] = 1
    meaning, _ = meant(problem, "torch")
    to_tensorflow = recipes(meaning, "torch", "tensorflow")[0][0]
    got, _ = run(to_tensorflow, {"x": x})
    assert got is not None
    assert got["indices"][1, 2, 1, 0] == 3 * 4 + 1
    back = recipes(meant(problem, "tensorflow")[0], "tensorflow", "torch")[0][0]
    got, _ = run(back, {"x": np.moveaxis(x, 1, -1)})
    assert got is not None
    assert got["indices"][1, 1, 0, 2] == ((1 * 4 + 3) * 4 + 1) * 3 + 2


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [
        (
            "conv x=1x2x6x5 w=3x2x3x3 padding=1 padding_mode=reflect float32",
            "'reflect'",
            "'replicate'",
        ),
        ("conv x=1x2x5x5 w=2x2x3x3 flip float32", "w.flip((2, 3))", "w.flip((2,))"),
        (
            "conv x=1x2x5x5 w=2x2x3x2 input_dilation=2 float32",
            "(0, 1, 0, 0, 0, 1",
            "(1, 0, 0, 0, 1, 0",
        ),
        (
            "conv x=2x2x6x5 w=3x2x3x3 grad=w float32",
            "movedim((0, 1), (-1, -2))",
            "movedim((0, 1), (-2, -1))",
        ),
        (
            "max_pool x=2x3x8x6 kernel=2x2 stride=2x2 indices float32",
            "* 3 + np.arange(3)",
            "* 3",
        ),
        (
            "unfold x=2x3x6x5 kernel=2x3 float32",
            ".transpose(0, 3, 2, 1)",
            ".transpose(0, 3, 1, 2)",
        ),
        (
            "conv x=1x2x5x5 w=3x2x3x3 complex64",
            "torch.from_numpy(x)",
            "torch.from_numpy(x.conj())",
        ),
    ],
)
def test_a_recipe_made_wrong_on_purpose_is_caught(line: str, old: str, new: str) -> None:
    """One word of a printed text that is right, changed: the check says where it differs."""
    needs("torch", "tensorflow")
    problem = Problem.parse(line)
    meaning, _ = meant(problem, "tensorflow")
    native = recipes(meaning, "tensorflow", "tensorflow")[0]
    source = Source("tensorflow", next((one for one in native if _runs(one, problem)), None))
    right = next(
        one
        for one in recipes(meaning, "tensorflow", "torch")[0]
        if old in one.source and _checked(one, source, problem).holds
    )
    wrong = replace(right, lines=tuple(one.replace(old, new) for one in right.lines))
    assert wrong.lines != right.lines
    seen = _checked(wrong, source, problem)
    assert not seen.holds
    assert seen.difference or seen.refusal


def _runs(recipe: Recipe, problem: Problem) -> bool:
    arrays = layouts.given(problem, recipe.framework, make_arrays(Case(problem)))
    return run(recipe, arrays)[0] is not None


def _checked(recipe: Recipe, source: Source, problem: Problem) -> Check:
    return check(recipe, source, problem, lambda _: ("", ""), 2)


def test_where_the_source_is_missing_the_specification_stands_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The code is run and compared with the oracle alone, and that is said."""
    needs("torch")
    monkeypatch.setattr(
        "convreport.port.missing", lambda name: "" if name == "torch" else f"no {name} here"
    )
    line = "conv x=1x3x10x10 w=4x3x3x3 stride=2x2 padding=same float32"
    text = as_text(port(Problem.parse(line), "tensorflow", "torch"))
    assert "checked on 12 cases, bit-exact on integers\nagainst the specification alone: " in text
    assert text.endswith("no tensorflow here")


def test_a_liar_is_caught_by_the_specification_alone() -> None:
    """Without the source, the oracle finds the pads swapped."""
    needs("torch")
    problem = Problem.parse("conv x=1x3x10x10 w=4x3x3x3 stride=2x2 padding=same float32")
    found = recipes(meant(problem, "keras")[0], "keras", "torch")[0]
    recipe = next(one for one in found if "F.pad(x, (0, 1, 0, 1))" in one.source)
    assert _checked(recipe, Source("keras", None), problem).holds
    lines = tuple(one.replace("(0, 1, 0, 1)", "(1, 0, 1, 0)") for one in recipe.lines)
    seen = _checked(replace(recipe, lines=lines), Source("keras", None), problem)
    assert not seen.holds
    assert "by the specification" in seen.difference


def test_a_text_that_ends_its_process_is_told_and_the_next_one_runs() -> None:
    """The caller lives on, and the child is started again."""
    with pytest.raises(EndedError, match="its process ended"):
        executed_apart("import os\nos._exit(7)\n", {}, ("y",))
    found = executed_apart("y = x + 1\n", {"x": np.arange(3)}, ("y",))
    assert differing(np.arange(1, 4), found["y"]) == ""
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
        executed_apart("y = 1 / 0\n", {}, ("y",))


def test_jax_survives_a_convolution_that_ends_its_process() -> None:
    """XLA's simplifier dies of it (ledger: jax-transpose-simplifier); another way is found."""
    needs("torch", "jax")
    line = "conv_transpose x=1x1x1x3 w=1x1x4x2 stride=1x2 padding=1x1 float32"
    told = port(Problem.parse(line), "torch", "jax", cases=2)
    assert told.checked == 2 or "process ended" in as_text(told)
