"""`convformance port --json` obeys its schema, and wrong input is told as what it is."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import jsonschema
import pytest

from convreport import cli
from convreport.port_json import schema_text

SAME = "conv x=1x3x10x10 w=4x3x3x3 stride=2x2 padding=same float32"


def needs(*frameworks: str) -> None:
    for name in frameworks:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


def _ported(
    capsys: pytest.CaptureFixture[str], line: str, source: str, target: str
) -> tuple[int, dict[str, Any]]:
    """Return the status and the document; it obeys the schema."""
    status = cli.main(["port", line, "--from", source, "--to", target, "--json"])
    document = json.loads(capsys.readouterr().out)
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    return status, document


def test_a_checked_port_has_its_code_and_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    """The lines are the program of the text, and no closest stands beside them."""
    needs("torch", "tensorflow")
    status, found = _ported(capsys, SAME, "tensorflow", "torch")
    assert status == 0
    assert (found["verdict"], found["cases"], found["against"]) == ("checked", 12, "tensorflow")
    assert "x = F.pad(x, (0, 1, 0, 1))" in found["code"]["lines"]
    assert found["closest"] is None
    assert found["pads"] == [[0, 1], [0, 1]]
    assert found["source"]["arrays"][0] == "x (N, H, W, C)"


def test_an_unchecked_port_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No case was run, and that stands there."""
    monkeypatch.setattr("convreport.port.missing", lambda name: f"no {name} here")
    status, found = _ported(capsys, SAME, "tensorflow", "torch")
    assert status == 0
    assert (found["verdict"], found["cases"]) == ("not checked", 0)
    assert found["unchecked"] == "no torch here"


@pytest.mark.parametrize(
    "line",
    [
        "adaptive_max_pool x=1x2x7x8 output=3x2 indices float32",
        "distance_pool x=1x2x9x9 kernel=3x3 float32",
        "conv x=1x2x3x3x3x3 w=2x2x2x2x2x2 float32",
    ],
)
def test_where_nothing_equals_it_there_is_a_closest_or_a_reason(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status says it too."""
    needs("torch", "tensorflow")
    status, found = _ported(capsys, line, "torch", "tensorflow")
    assert status == 1
    assert (found["verdict"], found["code"]) == ("nothing equals it", None)
    assert found["difference"] if found["closest"] else found["reasons"]


@pytest.mark.parametrize(
    "change",
    [
        {"cases": 0},
        {"code": None},
        {"verdict": "nothing equals it"},
        {"unchecked": "no reason"},
        {"from": "pytorch"},
        {"pads": [[0, 1, 2]]},
        {"more": 1},
    ],
)
def test_the_schema_refuses_what_is_not_so(
    change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A document that calls itself checked without a case, or says two things, is none."""
    needs("torch", "tensorflow")
    _, found = _ported(capsys, SAME, "tensorflow", "torch")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found | change, json.loads(schema_text()))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            (SAME, "--from", "pytorch", "--to", "jax"),
            "--from 'pytorch' is none of torch, tensorflow, keras, jax, onnx; torch may be meant",
        ),
        ((SAME, "--from", "torch", "--to", "tf"), "tensorflow may be meant"),
        ((SAME, "--from", "torch", "--to", "kears"), "keras may be meant"),
        ((SAME, "--from", "torch", "--to", "caffe"), "--to 'caffe' is none of torch"),
        (
            ("conv x=1x6x8x8 w=4x3x3x3 groups=4 float32", "--from", "torch", "--to", "jax"),
            "[conv.groups]: 6 input channels cannot be split into 4 groups",
        ),
        (
            ("conv x=1x6x8x8 w=4x3x3x3 groups=4 float32", "--from", "torch", "--to", "jax"),
            "groups=2 fits",
        ),
        (
            ("conv x=1x3x4x4 w=4x3x3x3 stride=0 float32", "--from", "torch", "--to", "jax"),
            "[window.stride]: stride 0 on spatial axis 0 is less than 1",
        ),
        (("conv x=1x3x4x4 w=4x3x3x3 padding=some", "--from", "torch", "--to", "jax"), "^^^^"),
        (("convulsion2d", "--from", "torch", "--to", "jax"), "convulsion2d"),
    ],
)
def test_wrong_input_is_told_with_its_clause_its_numbers_and_what_may_be_meant(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, nothing on standard output, and no traceback."""
    status = cli.main(["port", *words])
    printed = capsys.readouterr()
    assert (status, printed.out) == (2, "")
    assert told in printed.err
    assert "Traceback" not in printed.err


def test_a_likely_mistake_gets_its_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """SAME beside a stride is what PyTorch refuses; the numbers are in the code below."""
    needs("torch", "tensorflow")
    line = "conv x=1x3x224x224 w=4x3x7x7 stride=2x2 padding=same float32"
    _, found = _ported(capsys, line, "tensorflow", "torch")
    hint = "SAME in PyTorch needs stride 1: use the padding (2, 3) on each axis below"
    assert hint in found["notes"]
    assert "x = F.pad(x, (2, 3, 2, 3))" in found["code"]["lines"]
    _, found = _ported(capsys, SAME.replace("stride=2x2 ", ""), "tensorflow", "torch")
    assert not any("stride 1" in note for note in found["notes"])
