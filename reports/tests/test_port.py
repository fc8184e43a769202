"""`convformance port`: code of another framework is run beside the source's own call."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from importlib.util import find_spec
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from convformance import recipes as recipes_module
from convformance.backends import layouts
from convformance.fills import make_arrays
from convformance.porting import Check, Source, check, differing
from convformance.problem import Case, Problem
from convformance.recipes import Recipe, recipes
from convformance.registry import make_backend
from convformance.running import ADAPTERS, run
from convformance.ways import Meaning, Place, Way, pad_first
from convreport import cli
from convreport.port import meant, port
from convreport.port_text import as_text

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")
PAIRS = tuple(permutations(FRAMEWORKS, 2))
LINES = (
    "conv x=2x3x11 w=4x3x3 stride=2 bias float32",
    "conv x=1x2x12 w=3x2x4 padding=causal dilation=2 float32",
    "conv x=2x3x9x8 w=4x3x3x3 float32",
    "conv x=1x3x9x9 w=4x3x3x2 stride=2x2 padding=same bias float32",
    "conv x=1x3x10x10 w=4x3x3x3 stride=2x2 padding=same float32",
    "conv x=1x2x9x9 w=3x2x3x3 padding=same_lower stride=2x2 float32",
    "conv x=1x2x9x9 w=3x2x3x3 padding=2x1 dilation=2x3 float32",
    "conv x=1x2x9x9 w=3x2x3x3 padding=0+2x1+0 float32",
    "conv x=1x2x9x9 w=3x2x3x3 stride=2x1 dilation=1x2 padding=same float32",
    "conv x=1x2x11x11 w=3x2x3x3 stride=2x2 dilation=2x2 padding=1 float32",
    "conv x=1x4x8x8 w=6x2x3x3 groups=2 padding=1 bias float32",
    "conv x=1x2x5x6x7 w=3x2x2x3x3 padding=same stride=2x1x2 float32",
    "conv x=1x2x6x6 w=3x2x2x2 padding=full float32",
    "conv1x1 x=2x3x4x5 w=6x3 bias float32",
    "depthwise_conv x=1x3x9x9 w=3x2x3x3 padding=same stride=2x2 float32",
    "depthwise_conv x=2x3x8x8 w=3x1x3x3 padding=1+0x0+2 float32",
    "depthwise_conv x=1x3x12 w=3x2x3 stride=2 float32",
    "conv_transpose x=1x3x4x5 w=3x2x3x3 stride=2x2 padding=1 output_padding=1 bias float32",
    "conv_transpose x=1x3x4x5 w=3x2x3x3 stride=2x2 padding=same float32",
    "conv_transpose x=1x3x4x4 w=3x2x2x2 stride=3x3 bias float32",
    "conv_transpose x=1x3x4x4 w=3x2x3x3 dilation=2x1 padding=0+1x1+0 float32",
    "conv_transpose x=1x4x5x5 w=4x2x3x3 groups=2 stride=2x2 padding=1 bias float32",
    "conv_transpose x=1x2x6 w=2x3x4 stride=2 padding=1 float32",
    "conv_transpose x=1x3x4x5 w=3x2x3x2 stride=2x3 padding=1x3+1 output_padding=1 float32",
    "max_pool x=1x2x9x9 kernel=3x3 stride=2x2 padding=same float32",
    "max_pool x=1x2x8x8 kernel=3x3 stride=2x2 padding=1 ceil_mode float32",
    "max_pool x=1x2x10x10 kernel=3x2 dilation=2x1 float32",
    "max_pool x=1x2x9x9 kernel=3x3 stride=2x2 padding=0+1x1+0 int32",
    "avg_pool x=1x2x9x9 kernel=3x3 stride=2x2 padding=same float32",
    "avg_pool x=1x2x9x8 kernel=3x3 stride=2x2 padding=1 count_include_pad float32",
    "avg_pool x=1x2x8x8 kernel=3x3 stride=2x2 padding=1 ceil_mode count_include_pad float32",
    "avg_pool x=1x2x8x8 kernel=3x3 stride=2x2 padding=1 ceil_mode float32",
    "avg_pool x=1x2x9 kernel=4 stride=3 padding=1+2 float32",
    "lp_pool x=1x2x8x8 kernel=2x2 stride=2x2 float32",
    "adaptive_avg_pool x=1x2x8x8 output=4x2 float32",
    "adaptive_max_pool x=1x2x7x8 output=3x2 float32",
    "global_avg_pool x=2x3x4x5 float32",
    "global_max_pool x=2x3x4x5 float32",
)
# Where a framework's own division or root is rounded otherwise on this or that processor: what is
# not equal must then be told as a rounding, and as nothing else. A line and who is not exact in it.
ROUNDED = {
    "avg_pool x=1x2x9x8 kernel=3x3 stride=2x2 padding=1 count_include_pad float32": "jax",
    "lp_pool x=1x2x8x8 kernel=2x2 stride=2x2 float32": "torch",
    "global_avg_pool x=2x3x4x5 float32": "jax",
}
SAME = "conv x=1x3x10x10 w=4x3x3x3 stride=2x2 padding=same float32"


def needs(*frameworks: str) -> None:
    for name in frameworks:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_line_is_ported_bit_exact_or_told_as_impossible(source: str, target: str) -> None:
    """Each recipe is the target's code for what the source means, on every case that was run."""
    needs(source, target)
    surprises = []
    for line in LINES:
        told = port(Problem.parse(line), source, target, cases=2)
        is_rounded = ROUNDED.get(line) in (source, target) and "; a rounding: all" in as_text(told)
        if is_rounded and not told.exact:
            continue
        if not (told.exact and told.checked == 2):
            surprises.append(f"{line}: {as_text(told)}")
    assert surprises == []


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_compared_is_what_the_adapter_computes(framework: str) -> None:
    """The source's side of a check is the call of its adapter, arrays in its own axes."""
    needs(framework)
    backend = make_backend(ADAPTERS[framework])
    for line in (
        "conv x=2x3x8x7 w=4x3x3x2 bias float32",
        "depthwise_conv x=1x3x9x9 w=3x2x3x3 float32",
        "conv_transpose x=1x3x4x5 w=3x2x3x2 float32",
    ):
        problem = Problem.parse(line)
        arrays = make_arrays(Case(problem))
        native = recipes(meant(problem, framework)[0], framework, framework)[0][0]
        got, trouble = run(native, layouts.given(problem, framework, arrays))
        assert trouble == ""
        assert got is not None
        y = np.moveaxis(got["y"], -1, 1) if layouts.is_last(framework) else got["y"]
        answer = backend.run(problem, arrays)
        expected = getattr(answer, "arrays", answer)["y"]
        assert differing(expected, y) == ""


def _swapped(meaning: Meaning, place: Place) -> Way:
    """A liar: it pads the odd sample before."""
    pads = tuple((after, before) for before, after in meaning.pads)
    return pad_first(replace(meaning, pads=pads), place)


def _lazy(meaning: Meaning, place: Place) -> Way:
    """A liar: it forgets the bias."""
    problem = replace(meaning.problem, bias=False)
    return Way(tuple(place.call(problem)), problem)


def _flattering(meaning: Meaning, place: Place) -> Way:
    """A liar: it takes the pads of a mode for zeros."""
    problem = replace(meaning.problem, padding_mode="zeros")
    return Way(tuple(place.call(problem)), problem)


def _hasty(meaning: Meaning, place: Place) -> Way:
    """A liar: its last column is wrong."""
    lines = place.call(meaning.problem)
    return Way((*lines, "y = torch.cat([y[..., :-1], y[..., -1:] + 1], -1)"), meaning.problem)


LIARS = {
    "swapped": (_swapped, SAME),
    "lazy": (_lazy, "conv x=1x3x6x6 w=4x3x3x3 bias float32"),
    "flattering": (
        _flattering,
        "conv x=1x3x6x6 w=4x3x3x3 padding=1 padding_mode=reflect float32",
    ),
    "hasty": (_hasty, "conv x=1x3x6x6 w=4x3x3x3 float32"),
}


@pytest.mark.parametrize("name", LIARS)
def test_a_wrong_recipe_is_never_told_as_checked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown as the closest, with where it differs, and nothing is said to equal it."""
    needs("torch", "tensorflow")
    liar, line = LIARS[name]
    with monkeypatch.context() as patched:
        patched.setattr(recipes_module, "WAYS", {recipes_module.OWN: liar})
        wrong, _ = recipes(meant(Problem.parse(line), "tensorflow")[0], "tensorflow", "torch")
    monkeypatch.setattr("convreport.port.recipes", _only(wrong[:1]))
    told = port(Problem.parse(line), "tensorflow", "torch")
    text = as_text(told)
    assert (told.exact, told.checked) == (False, 0)
    assert "elements differ" in text
    assert "checked on" not in text


def _only(wrong: list[Recipe]) -> object:
    """Return `recipes` with the target's ways replaced by the liar."""

    def found(meaning: Meaning, source: str, target: str) -> tuple[list[Recipe], list[str]]:
        return recipes(meaning, source, target) if source == target else (wrong, [])

    return found


def test_a_wrong_layout_is_found_where_all_sizes_are_equal() -> None:
    """A weight that is not transposed has the right shape in a square problem."""
    needs("torch", "jax")
    problem = Problem.parse("conv x=1x3x3x3 w=3x3x3x3 padding=1 float32")
    meaning, _ = meant(problem, "torch")
    native = recipes(meaning, "torch", "torch")[0][0]
    right = recipes(meaning, "torch", "jax")[0][0]
    lines = tuple(line.replace("(x, w", "(x, w.swapaxes(0, 1)") for line in right.lines)
    lines = tuple(re.sub(r"dilated\(x, w,", "dilated(x, w.swapaxes(0, 1),", one) for one in lines)
    assert lines != right.lines
    source = Source("torch", native)
    seen = check(replace(right, lines=lines), source, problem, lambda _: ("", ""), 1)
    assert not seen.holds
    assert "elements differ" in seen.difference


def test_a_check_of_no_case_holds_nothing() -> None:
    """Silence is no agreement."""
    assert not Check().holds
    assert Check(1).holds


def test_an_empty_output_is_not_called_checked() -> None:
    """Two arrays without an element are equal whatever was computed."""
    needs("torch", "jax")
    told = port(Problem.parse("conv x=0x3x6x6 w=4x3x3x3 float32"), "torch", "jax")
    assert told.checked == 0


def _ported(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(["port", *words])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_what_is_printed_is_the_program_that_was_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The text between the comment and the verdict runs as it stands."""
    needs("torch", "tensorflow")
    status, out, _ = _ported(capsys, SAME, "--from", "tensorflow", "--to", "torch")
    code = out[out.index("# as tensorflow") : out.index("checked on 12 cases")]
    scope = {"x": np.ones((1, 10, 10, 3), "f4"), "w": np.ones((3, 3, 3, 4), "f4")}
    exec(code, scope)
    assert status == 0
    assert scope["y"].shape == (1, 5, 5, 4)
    assert "F.pad(x, (0, 1, 0, 1))" in code


def test_nothing_is_called_checked_where_a_framework_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is printed all the same, with the reason."""
    monkeypatch.setitem(ADAPTERS, "torch", "no_such_module:Backend")
    status, out, _ = _ported(capsys, SAME, "--from", "tensorflow", "--to", "torch")
    assert status == 0
    assert "F.pad(x, (0, 1, 0, 1))" in out
    assert out.endswith("not checked: torch is not installed\n")


@pytest.mark.parametrize(
    ("line", "target", "words"),
    [
        (
            "max_pool x=1x2x20x20 kernel=9x9 dilation=2 float32",
            "keras",
            ("closest     its own call", "with dilation (1, 1): the shape is", "has no dilation"),
        ),
        (
            "adaptive_max_pool x=1x2x7x8 output=3x2 indices float32",
            "tensorflow",
            ("with indices false: indices missing", "its windows are of different sizes"),
        ),
    ],
)
def test_where_nothing_equals_it_the_closest_and_its_difference_are_told(
    line: str, target: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, and no word of a check."""
    needs("torch", target)
    status, out, _ = _ported(capsys, line, "--from", "torch", "--to", target)
    assert status == 1
    assert f"nothing was found in {target} that equals it" in out
    assert [word for word in words if word not in out] == []
    assert "checked on" not in out


def test_the_documented_answers_are_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command of docs/port.md stands there with its whole output."""
    needs("torch", "tensorflow", "keras")
    text = (Path(__file__).parents[2] / "docs" / "port.md").read_text("utf-8")
    blocks = re.findall(r"^    \$ convformance port '(.*)' --from (\w+) --to (\w+)\n", text, re.M)
    assert len(blocks) == 3
    for line, source, target in blocks:
        _, out, _ = _ported(capsys, line, "--from", source, "--to", target)
        assert textwrap.indent(out, "    ") in text


def test_flags_say_the_layer_as_explain_takes_them(capsys: pytest.CaptureFixture[str]) -> None:
    """A shape with its channels last is that of the source."""
    needs("torch", "tensorflow")
    flags = "conv2d --input 1x10x10x3 --layout NHWC --out-channels 4 --kernel 3 --stride 2"
    words = (*flags.split(), "--padding", "same", "--from", "tensorflow", "--to", "torch")
    status, out, _ = _ported(capsys, *words)
    assert status == 0
    assert out.startswith(SAME)


def test_an_invalid_problem_has_its_clause_and_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told as by `explain`, and nothing is ported."""
    line = "conv x=1x6x8x8 w=4x3x3x3 groups=4 float32"
    status, out, err = _ported(capsys, line, "--from", "torch", "--to", "jax")
    assert (status, out) == (2, "")
    assert "[conv.groups]" in err


def test_a_framework_is_not_ported_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """That is a slip, not a question."""
    status, _, err = _ported(capsys, SAME, "--from", "jax", "--to", "jax")
    assert status == 2
    assert "both jax" in err
