"""The command `check-adapter` as an author meets it: its lines, its summary, its exit status."""

import os
import sys
from pathlib import Path

import pytest

from convreport.cli import main

TESTS = Path(__file__).parents[2] / "conformance" / "tests"


@pytest.fixture
def check(monkeypatch, capsys):
    """Run the command; return its status and its lines."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)

    def run(adapter):
        status = main(["check-adapter", adapter])
        out, err = capsys.readouterr()
        assert err == ""
        return status, out.splitlines()

    return run


def test_nothing_wrong_ends_with_0_and_what_is_supported(check):
    status, lines = check("checkup_backends:Plain")
    assert status == 0
    assert lines[0] == "starts                               ok     tame 1"
    assert "answers   ops           conv" in lines
    told = [line for line in lines if line.endswith(": the adapter does not know")]
    assert len(told) == 1  # one line for all that goes beyond plain layers
    assert "conv flip, conv output_dtype, conv gradient by x" in told[0]
    assert lines[-1] == "next      convformance run --backend checkup_backends:Plain"


def test_a_mistake_ends_with_1_and_the_case_that_shows_it(check):
    status, lines = check("checkup_backends:Wide")
    assert status == 1
    at = lines.index("has the right dtype                  WRONG  y: expected float32, got float64")
    assert lines[at + 1].strip() == (
        "convformance case 'conv x=2x2x7x5 w=3x2x3x2 float32 fill=integers#0' "
        "--backend checkup_backends:Wide"
    )
    assert lines[-1] == "next      has the right dtype: y: expected float32, got float64"


def test_nothing_yet_says_where_to_begin(check):
    status, lines = check("checkup_backends:Skeleton")
    assert (status, lines[-1]) == (
        1,
        "next      answers a first problem: answer a 1x1 convolution",
    )


@pytest.mark.parametrize(
    ("adapter", "told"),
    [
        ("./no_such_adapter", "./no_such_adapter: No such file"),
        ("checkup_backends:Absent", "has no 'Absent'"),
        (f"{sys.executable} -c 'print(1234567)'", "it wrote text to standard output, '1234567'"),
    ],
)
def test_what_does_not_start_ends_with_2(check, adapter, told):
    status, lines = check(adapter)
    assert status == 2
    assert any(told in line for line in lines)
