"""docs/spec.md says what the oracle does: its sentences, its tables and its worked examples."""

import re
from pathlib import Path

import numpy as np
import pytest

from convformance.expect import elements, numpy_dtype
from convformance.laws import LAWS
from convformance.meaning import input_shapes, operation
from convformance.problem import Problem
from convoracle import CLAUSES, VARIANTS, Axis, InvalidProblem, same_padding
from convoracle.adaptive import adaptive_window
from convoracle.transpose import spread_axes

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^### \[([^\]]+)\]$", re.MULTILINE)
NAMES = "x|w|bias|pointwise|dy|y|indices|dx|dw|dbias"
ARRAY = re.compile(rf"(?:with \[(\S+)\] (\w+): )?({NAMES})(?: (\d+(?:x\d+)*))? =(.*)")
HANDED = (
    "problem.unbatched",
    "problem.layout",
)  # they are about how arrays come, not what they hold


def sections():
    """Return each label's part of the page."""
    parts = HEADING.split(SPEC)[1:]
    texts = [re.split(r"^## ", part, flags=re.MULTILINE)[0] for part in parts[1::2]]
    return dict(zip(parts[::2], texts, strict=True))


def examples():
    return re.findall(r"^```text\n(.*?)^```$", SPEC, re.MULTILINE | re.DOTALL)


def table_under(heading):
    """Return the cells of the first table after a heading, without its two head lines."""
    text = SPEC.split(heading, 1)[1]
    lines = re.split(r"^###? ", text, flags=re.MULTILINE)[0].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def pair(text):
    before, after = text.split("+")
    return int(before), int(after)


def test_the_page_has_every_label_once_in_the_order_of_the_clauses():
    assert HEADING.findall(SPEC) == list(CLAUSES)


def test_every_label_stands_under_the_heading_of_its_area():
    areas = list(dict.fromkeys(clause.area for clause in CLAUSES.values()))
    parts = re.split(r"^## (.+)$", SPEC, flags=re.MULTILINE)
    found = {
        name: HEADING.findall(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    assert [name for name in found if found[name]] == areas
    for area in areas:
        assert found[area] == [label for label in CLAUSES if CLAUSES[label].area == area]


@pytest.mark.parametrize("label", CLAUSES)
def test_the_page_says_the_sentence_of_the_clause(label):
    quoted = re.findall(r"^> (.*)$", sections()[label], re.MULTILINE)
    assert quoted == [CLAUSES[label].sentence]


@pytest.mark.parametrize("label", CLAUSES)
def test_exactly_the_variant_points_have_a_table_of_their_choices(label):
    rows = re.findall(r"^\| (\w+)( \(standard\))? \| (.+?) \| .+ \|$", sections()[label], re.M)
    named = [(name, meaning) for name, _, meaning in rows if name != "choice"]
    if label not in VARIANTS:
        assert "| choice |" not in sections()[label]
        return
    assert named == list(VARIANTS[label].choices)
    assert [bool(mark) for name, mark, _ in rows if name != "choice"] == [
        name == VARIANTS[label].standard for name, _ in named
    ]


def test_every_clause_of_an_op_has_an_example():
    without = [label for label, part in sections().items() if "```text" not in part]
    told = [label for label in CLAUSES if CLAUSES[label].area in ("backend", "law")]
    assert without == [*HANDED, *told]


REFUSING = {"padding.limit": {"half", "kernel"}, "transpose.output_padding": {"stride"}}


def test_every_variant_point_that_changes_elements_shows_its_other_choices():
    for label, clause in VARIANTS.items():
        shown = set(re.findall(r"with \[(\S+)\] (\w+):", sections()[label]))
        refusing = {"refuse"} | REFUSING.get(label, set())
        told = {(label, name) for name, _ in clause.choices[1:] if name not in refusing}
        assert shown == told, label


def test_the_table_of_windows_is_what_the_axis_counts():
    rows = table_under("### The number of windows, worked")
    assert len(rows) >= 10
    for size, kernel, stride, dilation, padding, ceil, extent, room, count in rows:
        sizes = (int(size), int(kernel), int(stride), int(dilation))
        axis = Axis(*sizes, *pair(padding), ceil_mode=ceil == "yes")
        assert (axis.extent, axis.room, axis.count) == (int(extent), int(room), int(count)), axis


def test_the_table_of_same_padding_is_what_the_oracle_pads():
    rows = table_under("### The two splits of same padding, worked")
    assert len(rows) >= 5
    for size, kernel, stride, dilation, count, total, upper, lower in rows:
        plain = Axis(int(size), int(kernel), int(stride), int(dilation))
        sides = {
            name: same_padding(plain.size, plain.extent, plain.stride, name)
            for name in ("same_upper", "same_lower")
        }
        assert sides == {"same_upper": pair(upper), "same_lower": pair(lower)}
        for before, after in sides.values():
            axis = Axis(plain.size, plain.kernel_size, plain.stride, plain.dilation, before, after)
            assert (axis.count, before + after) == (int(count), int(total))


def test_the_table_of_transposed_sizes_is_what_the_oracle_gives():
    rows = table_under("### The output of a transposed convolution, worked")
    assert len(rows) >= 10
    for size, kernel, stride, dilation, padding, more, touched, output in rows:
        (axis,) = spread_axes(
            (int(size),),
            (int(kernel),),
            stride=(int(stride),),
            padding=(pair(padding),),
            output_padding=(int(more),),
            dilation=(int(dilation),),
        )
        assert axis.size == int(output)
        assert int(touched) - axis.before - axis.after + int(more) == int(output)


def test_the_table_of_adaptive_windows_is_what_the_oracle_reads():
    rows = table_under("### The windows of an adaptive pool, worked")
    assert len(rows) >= 5
    for size, output, windows in rows:
        found = [adaptive_window(int(size), int(output), o) for o in range(int(output))]
        assert windows == " ".join(f"{one.start}..{one.stop - 1}" for one in found)


def numbers(text, dtype):
    words = text.replace("/", " ").split()
    if dtype.startswith("complex"):
        return np.array([complex(word) for word in words], dtype)
    if dtype.startswith(("int", "uint")):
        return np.array([int(word) for word in words], dtype)
    return np.array([float(word) for word in words]).astype(numpy_dtype(dtype))


@pytest.mark.parametrize("example", examples(), ids=lambda text: text.split("\n")[0])
def test_the_oracle_gives_the_answer_of_every_example(example):
    first, *lines = example.strip().splitlines()
    problem = Problem.parse(first)
    shapes, arrays, answers, refused = input_shapes(problem), {}, [], None
    for line in lines:
        if match := re.fullmatch(r"refused \[(\S+)\]", line):
            refused = match[1]
            continue
        label, choice, name, shape, text = ARRAY.fullmatch(line).groups()
        if name in problem.answers:
            answers.append(({label: choice} if label else {}, name, shape, text))
        else:
            dtype = "int64" if name == "indices" else problem.dtype
            arrays[name] = numbers(text, dtype).reshape(shapes[name])
    if refused:
        assert not answers
        with pytest.raises(InvalidProblem) as caught:
            operation(problem, arrays)
        assert caught.value.label == refused
        return
    assert answers
    for choices, name, shape, text in answers:
        op = operation(problem, arrays, choices)
        if shape:
            assert "x".join(map(str, op.shape)) == shape
        if name == "indices":
            assert list(op.indices().values) == list(numbers(text, "int64"))
            continue
        got, told = (
            elements(list(op.result().values), op.dtype),
            numbers(text, problem.answer_dtype),
        )
        if problem.is_complex:
            got = got.view(problem.dtype)
        assert len(got) == len(told)
        np.testing.assert_array_equal(got, told, strict=True)  # a NaN equals a NaN


SUITE = ROOT / "conformance" / "convformance" / "suite"
TESTS = [ROOT / name / "tests" for name in ("oracle", "conformance", "reports")]
CODE = [ROOT / "oracle" / "convoracle", ROOT / "conformance" / "convformance"]


def python_text(folders, without):
    files = {file for folder in folders for file in folder.rglob("*.py")}
    kept = (file for file in sorted(files) if not set(without) & {file, *file.parents})
    return "\n".join(file.read_text(encoding="utf-8") for file in kept)


def stands_in(label, text):
    return f"[{label}]" in text or f'"{label}"' in text


def named_in(label, names):
    """Whether a test is named after the label and not after a longer one, as max.nan_index."""
    longer = [other for other in CLAUSES if other.startswith(label) and other != label]
    for other in longer:
        names = names.replace(other.replace(".", "_"), "")
    return label.replace(".", "_") in names


def test_every_label_stands_in_the_code():
    text = python_text(CODE, without=[SUITE, CODE[0] / "clauses.py"])
    missing = [label for label in CLAUSES if not stands_in(label, text)]
    assert not missing, f"in no code of the oracle or of conformance: {', '.join(missing)}"


def test_every_label_stands_in_a_test():
    text = python_text([*TESTS, SUITE], without=[Path(__file__)])
    names = " ".join(re.findall(r"def (test_\w+)", text))
    by_table = LAWS if "for law in LAWS.values()" in text else {}  # each has its liar there
    missing = [
        label
        for label in CLAUSES
        if not stands_in(label, text) and not named_in(label, names) and label not in by_table
    ]
    assert not missing, f"in no tests folder and not in the suite: {', '.join(missing)}"
