"""What `check-adapter` tells an author: each mistake at its own step, and what is supported."""

import os
import sys
from pathlib import Path

import pytest

from convformance.checkup import Checkup, named_adapter
from convformance.checkup_lines import BASES, INVALID, OPS_LINES, aspects, on_one_axis
from convformance.checkup_sweep import NOTE, OK, WRONG
from convformance.expect import broken_clause
from convformance.problem import OPS, Case

TESTS = Path(__file__).parent
CHILD = f"cmd:{sys.executable} '{TESTS / 'wire_child.py'}'"


@pytest.fixture(autouse=True)
def _tests_on_the_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)


def checked(name, **options):
    checkup = Checkup(name, **options)
    return checkup, list(checkup.steps())


def test_a_right_adapter_passes_every_step_and_its_reach_is_told():
    checkup, steps = checked("checkup_backends:Plain")
    assert {step.state for step in steps} == {OK}
    assert checkup.starts
    assert checkup.support.answered["ops"] == ("conv",)
    assert "float16" in checkup.support.answered["dtypes"]
    assert "groups" in checkup.support.answered["conv"]
    of = checkup.support.reasons
    assert "max_pool" in of["only 2-D convolution so far"]
    assert of["the adapter does not know flip"] == ("conv flip",)


def test_a_command_passes_the_steps_of_the_protocol_first():
    checkup, steps = checked(CHILD)
    assert [step.name for step in steps[:3]] == ["starts", "says hello", "speaks this version"]
    assert WRONG not in {step.state for step in steps}
    assert set(checkup.support.answered["ops"]) == set(OPS)


def test_an_adapter_of_one_axis_is_asked_on_one():
    checkup, steps = checked("checkup_backends:OneAxis")
    assert WRONG not in {step.state for step in steps}
    assert {*OPS} - {*checkup.support.answered["ops"]} == set()


@pytest.mark.parametrize(
    ("attribute", "name", "told"),
    [
        ("Nothing", "starts", "has no 'Nothing'"),
        ("Skeleton", "answers a first problem", f"none of {len(BASES)} small ones; of the first"),
        ("Dead", "answers a first problem", "crashed: exit status 9"),
        ("Slow", "answers a first problem", "does not answer in time: no answer within 2 seconds"),
        ("Turned", "has the right shape", "y: expected shape 2x3x5x4, got 2x5x4x3"),
        ("Wide", "has the right dtype", "y: expected float32, got float64"),
        ("Flipped", "has the right values", "120 of 120 compared elements differ"),
        ("Lenient", "refuses what is invalid", "accepts an invalid problem"),
        ("Growing", "survives two calls", "the second answer has other bits"),
        ("Remembering", "survives two calls", "other inputs give the same answer"),
        ("Writing", "leaves its inputs alone", "wrote to x"),
        ("Mute", "says unsupported with a reason", "no reason for"),
        ("Raising", "says unsupported with a reason", "it says so of nothing, and refuses"),
        ("Groupless", "answers each kind of problem right", "differs in value: 128 of 128"),
    ],
)
def test_each_mistake_is_told_at_its_step(attribute, name, told):
    seconds = 2.0 if attribute == "Slow" else 60.0
    _, steps = checked(f"checkup_backends:{attribute}", seconds=seconds)
    first = next(step for step in steps if step.state == WRONG)
    assert first.name == name
    assert told in first.told


def test_a_version_that_cannot_be_compared_is_a_note():
    _, steps = checked("checkup_backends:OddVersion")
    assert [step.name for step in steps if step.state == NOTE] == ["has a version"]


@pytest.mark.parametrize(
    ("name", "step", "told"),
    [
        ("cmd:./no_such_adapter", "starts", "./no_such_adapter: No such file or directory"),
        ("cmd:'", "starts", "No closing quotation"),
        (f"{CHILD} 'hello of text'", "says hello", "it wrote text to standard output, 'Welcome"),
        (f"{CHILD} 'hello of none'", "says hello", "exit status 7"),
        (f"{CHILD} 'hello of a path'", "says hello", "name must be 1 to 60 letters"),
        (f"{CHILD} 'hello of bye'", "says hello", "its first message is bye"),
        (f"{CHILD} 'hello of another version'", "speaks this version", "it speaks version 2"),
        (
            f"{CHILD} 'chatter'",
            "keeps standard output clean",
            "it wrote text to standard output, 'next!'",
        ),
        (f"{CHILD} 'late chatter'", "keeps standard output clean", "text to standard output, 'so"),
    ],
)
def test_each_mistake_of_a_command_is_told_at_its_step(name, step, told):
    _, steps = checked(name)
    first = next(one for one in steps if one.state == WRONG)
    assert first.name == step
    assert told in first.told


def test_a_child_that_never_greets_is_waited_for_no_longer_than_said():
    _, steps = checked(f"cmd:{sys.executable} -c 'import time; time.sleep(60)'", hello_seconds=0.5)
    assert (steps[-1].name, steps[-1].state) == ("says hello", WRONG)
    assert "no answer within 0.5 seconds" in steps[-1].told


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("numpy", "numpy"),
        ("my_backend:Mine", "my_backend:Mine"),
        ("./my_adapter.py:Mine", "./my_adapter.py:Mine"),
        ("my_adapter.py:Mine", "my_adapter.py:Mine"),
        ("./adapter", "cmd:./adapter"),
        ("cmd:./adapter", "cmd:./adapter"),
        ("node adapter.js --backend=wasm", "cmd:node adapter.js --backend=wasm"),
        ("docker run image:latest", "cmd:docker run image:latest"),
    ],
)
def test_what_is_no_name_is_a_command(text, name):
    assert named_adapter(text) == name


def test_the_lines_say_what_they_should():
    assert set(OPS_LINES) == set(OPS)
    lines = [*BASES, *OPS_LINES.values(), *(one for op in OPS for one in aspects(op).values())]
    for line in (*lines, *map(on_one_axis, lines)):
        assert broken_clause(Case.parse(line).problem) is None
    for line in (*INVALID.values(), *map(on_one_axis, INVALID.values())):
        assert broken_clause(Case.parse(line).problem) is not None
    for line in OPS_LINES.values():
        assert Case.parse(on_one_axis(line)).problem.rank == 1
