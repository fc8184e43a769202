"""The check of the mutation run can fail: each way once, on results made up here."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "survivors.py"
survivors = SimpleNamespace(**runpy.run_path(str(FILE)))

KEY = ("axis", "return a + b", "return a - b", 1)
KILLED = {("axis", "return a", f"return {number}", 1): "killed" for number in range(99)}
TEXT = """
[[survivor]]
module = "axis"
reason = "b is 0"
mutants = [["return a + b", "return a - b"]]
"""


def complaints(results, text=TEXT):
    return survivors.complaints(results, survivors.read(text), ["axis"])


def test_a_survivor_with_a_reason_is_fine():
    assert complaints(KILLED | {KEY: "survived"}) == []


def test_a_survivor_without_a_reason_is_not():
    told = complaints(KILLED | {KEY: "survived"}, "")
    assert told == ["no reason for axis: 'return a + b' -> 'return a - b'"]


@pytest.mark.parametrize("results", [KILLED | {KEY: "killed"}, KILLED | {KEY: "timed out"}, KILLED])
def test_a_reason_without_a_survivor_is_not(results):
    assert complaints(results) == ["no such survivor: axis: 'return a + b' -> 'return a - b'"]


def test_equal_changes_of_equal_lines_are_told_apart():
    second = (*KEY[:3], 2)
    told = complaints(KILLED | {KEY: "survived", second: "survived"})
    assert told == ["no reason for axis: 'return a + b' -> 'return a - b', number 2"]
    both = TEXT.replace('"]]', '"], ["return a + b", "return a - b", 2]]')
    assert complaints(KILLED | {KEY: "survived", second: "survived"}, both) == []


def test_more_survivors_than_one_in_twenty_are_too_many():
    few = dict(list(KILLED.items())[:19])
    assert complaints(few | {KEY: "survived"}) == []
    fewer = dict(list(KILLED.items())[:18])
    assert complaints(fewer | {KEY: "survived"}) == [
        "1 of 19 mutants survived: less than 95 % killed"
    ]


def test_no_mutant_is_no_success():
    assert complaints({}, "") == ["there is no mutant"]


def test_a_reason_says_something_and_stands_once():
    found = complaints(KILLED | {KEY: "survived"}, TEXT + TEXT.replace("b is 0", " "))
    assert found == [
        "explained twice: axis: 'return a + b' -> 'return a - b'",
        "no reason in an entry of axis",
    ]


def test_the_reasons_of_a_module_that_is_not_run_are_left_alone():
    assert survivors.complaints(KILLED, survivors.read(TEXT), ["pool"]) == []


def test_the_file_of_the_survivors_can_be_read():
    assert all(reason.keys for reason in survivors.read(survivors.FILE.read_text()))
