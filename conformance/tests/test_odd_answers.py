"""Answers of odd forms, in one process: their numbers are judged, or they are told as none."""

import time

import numpy as np
import pytest
import wild_answers
from wild_processes import Changing

from convformance.bench import Bench
from convformance.fills import make_arrays
from convformance.perform import perform
from convformance.problem import Case
from convformance.runfile import Finding
from convformance.verdict import Kind

PLAIN = Case.parse("conv x=1x2x5 w=2x2x2 float32")
OTHER = Case.parse("conv x=1x2x5 w=2x2x2 float32 fill=integers#7")
GROUPED = Case.parse("conv x=1x2x5 w=2x1x2 groups=2 float32")


@pytest.mark.parametrize("attribute", ["Lazy", "Subclassed"])
def test_what_becomes_an_array_is_judged_by_its_numbers(attribute):
    backend = getattr(wild_answers, attribute)()
    assert Bench(backend).examine(PLAIN).verdict.kind is Kind.AGREES
    got = perform(backend, PLAIN.problem, make_arrays(PLAIN)).arrays["y"]
    assert type(got) is np.ndarray


@pytest.mark.parametrize(
    ("attribute", "kind", "words"),
    [
        ("Unevaluable", Kind.ANSWER, "not an array: the graph was closed"),
        ("Objects", Kind.ANSWER, "not an array: ndarray of dtype object"),
        ("Swapped", Kind.DTYPE, "y: expected float32, got >f4"),
    ],
)
def test_what_is_no_answer_of_the_dtype_is_told(attribute, kind, words):
    verdict = Bench(getattr(wild_answers, attribute)()).examine(PLAIN).verdict
    assert (verdict.kind, verdict.message) == (kind, words)


@pytest.mark.parametrize("memory", ["contiguous", "readonly", "guarded"])
def test_a_view_of_the_input_is_an_answer(memory):
    words = "" if memory == "contiguous" else f" memory={memory}"
    case = Case.parse(f"max_pool x=1x2x5 kernel=1{words} float32")
    assert Bench(wild_answers.View()).examine(case).verdict.kind is Kind.AGREES


def test_sizes_that_nobody_wrote_are_told_and_not_shown():
    bench = Bench(wild_answers.Unwritten())
    examined = bench.check(Case.parse("avg_pool x=0x1x1x2 kernel=1x2 float32"), "probe")
    assert examined.verdict.kind is Kind.SHAPE
    assert "got 0x1x1543426792x1165641384" in examined.verdict.message
    (found,) = (one for one in bench.records if isinstance(one, Finding))
    assert found.got["y"].values is None


def test_an_answer_is_not_what_a_later_call_writes_to_it():
    """Laws and searches hold the answers of several calls side by side."""
    backend = wild_answers.Reusing()
    first = perform(backend, PLAIN.problem, make_arrays(PLAIN)).arrays["y"]
    kept = first.copy()
    second = perform(backend, OTHER.problem, make_arrays(OTHER)).arrays["y"]
    assert not np.array_equal(kept, second)
    np.testing.assert_array_equal(first, kept)


def test_an_answer_is_not_what_a_thread_makes_of_it_later():
    outcome = perform(Changing(), PLAIN.problem, make_arrays(PLAIN))
    time.sleep(0.2)
    assert not (outcome.arrays["y"] == 77).all()


def test_words_that_cannot_be_read_are_told_as_that():
    bench = Bench(wild_answers.Unreadable())
    refused, unsupported = (bench.examine(case).verdict for case in (GROUPED, PLAIN))
    assert refused.kind is Kind.REFUSES
    assert refused.message == "UnreadableError: (its message cannot be read: RuntimeError)"
    assert unsupported.kind is Kind.UNSUPPORTED
    assert unsupported.message == "(its message cannot be read: RuntimeError)"
