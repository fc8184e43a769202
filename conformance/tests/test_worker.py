"""A backend in a child process: whatever ends or stops it becomes an outcome."""

import os
from pathlib import Path

import pytest

from convformance.bench import Bench
from convformance.ending import last_words
from convformance.fills import make_arrays
from convformance.isolation import Limits
from convformance.problem import Case
from convformance.registry import BackendError
from convformance.verdict import Kind
from convformance.worker import Isolated

PLAIN = Case.parse("conv x=1x2x5 w=2x2x2 float32")
GROUPED = Case.parse("conv x=1x2x5 w=2x1x2 groups=2 float32")
DILATED = Case.parse("conv x=1x2x5 w=2x2x2 dilation=2 float32")


@pytest.fixture
def start(monkeypatch):
    """Start a wild backend in a child; end it after the test."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    started = []

    def make(attribute, **options):
        started.append(Isolated(f"wild_backends:{attribute}", **options))
        return started[-1]

    yield make
    for one in started:
        one.close()


def test_a_variant_goes_to_the_process_by_its_name(start):
    assert start("TwoWays[slow]").name == "two ways[slow]"


def test_an_answer_comes_through_as_it_is(start):
    backend = start("Tame")
    assert (backend.name, backend.version) == ("tame", "1")
    assert Bench(backend).examine(PLAIN).verdict.kind is Kind.AGREES


def test_a_death_is_a_crash_with_its_last_words_and_the_run_goes_on(start):
    bench = Bench(start("Dying"))
    verdict = bench.examine(GROUPED).verdict
    assert (verdict.kind, verdict.clause) == (Kind.CRASHED, "backend.answer")
    assert verdict.message == "Aborted (signal 6): Check failed: groups == 1"
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES


def test_a_death_that_a_fresh_process_does_not_repeat_is_counted_and_not_blamed(start):
    backend = start("DyingLater")
    bench = Bench(backend)
    assert bench.examine(GROUPED).verdict.kind is Kind.AGREES
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES
    assert backend.deaths == 1


def test_a_failed_check_is_confirmed_by_a_fresh_process_once(start, monkeypatch):
    backend, asked, ask = start("Dying"), [], Isolated._ask

    def counted(self, what, *rest):
        asked.append(what)
        return ask(self, what, *rest)

    monkeypatch.setattr(Isolated, "_ask", counted)
    bench = Bench(backend)
    bench.trial(PLAIN)
    for calls in (2, 1):  # the first death has a second witness, the next of that check none
        asked.clear()
        assert bench.trial(GROUPED)[0].outcome.kind == "crashed"
        assert asked == ["perform"] * calls
        assert bench.trial(PLAIN)[0].outcome.kind == "arrays"


def test_a_death_without_a_word_is_believed_after_two_but_not_where_no_ledger_knows_it(
    start, monkeypatch, tmp_path
):
    stray, asked, ask = tmp_path / "stray", [], Isolated._ask
    monkeypatch.setenv("STRAY", str(stray))

    def counted(self, what, *rest):
        asked.append(what)
        return ask(self, what, *rest)

    monkeypatch.setattr(Isolated, "_ask", counted)
    backend = start("DyingWordless")
    bench = Bench(backend)
    for calls in (2, 2, 1):
        assert bench.trial(PLAIN)[0].outcome.kind == "arrays"
        asked.clear()
        assert bench.trial(GROUPED)[0].outcome.kind == "crashed"
        assert asked == ["perform"] * calls
    assert bench.trial(PLAIN)[0].outcome.kind == "arrays"
    stray.touch()  # from here on an earlier call is to blame
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES
    assert backend.deaths == 1


def test_no_answer_in_time_is_a_verdict(start):
    bench = Bench(start("Hanging", limits=Limits(1.0, 1.0)))
    verdict = bench.examine(DILATED).verdict
    assert (verdict.kind, verdict.clause) == (Kind.LATE, "backend.answer")
    assert verdict.message == "no answer within 1 seconds"
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES


def test_what_a_framework_prints_does_not_disturb_the_line(start, capfd):
    assert Bench(start("Printing")).examine(PLAIN).verdict.kind is Kind.AGREES
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("attribute", "kind"), [("Quitting", Kind.CRASHED), ("Unpicklable", Kind.ANSWER)]
)
def test_what_is_no_answer_is_told(start, attribute, kind):
    assert Bench(start(attribute)).examine(PLAIN).verdict.kind is kind


def test_run_gives_the_arrays_or_raises(start):
    backend = start("Dying")
    assert set(backend.run(PLAIN.problem, make_arrays(PLAIN))) == {"y"}
    with pytest.raises(RuntimeError, match="Aborted"):
        backend.run(GROUPED.problem, make_arrays(GROUPED))


def test_a_backend_that_cannot_start_is_an_error_with_its_reason(start):
    with pytest.raises(BackendError, match="cannot be made: OSError: no such device"):
        start("Unmakeable")


def test_last_words_are_the_telling_line():
    assert last_words("warming up\nF0000 Check failed: 0 == 1\n*** frames ***\n") == (
        "F0000 Check failed: 0 == 1"
    )
    assert last_words("one\ntwo\n\n") == "two"
    assert last_words("Traceback (most recent call last):\n  in f\nValueError: no\nbye\n") == (
        "ValueError: no"
    )
    assert last_words("Error [E_NONE]: no module\n    at f (a.js:1)\n\nNode.js v20\n") == (
        "Error [E_NONE]: no module"
    )
    assert last_words("") == ""


def test_last_words_of_rust_are_the_panic_that_came_first():
    assert (
        last_words(
            "thread '<unnamed>' (7) panicked at src/dim.rs:60:9:\n"
            "attempt to divide by zero\n"
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n\n"
            "thread '<unnamed>' (7) panicked at core/src/panicking.rs:225:5:\n"
            "panic in a function that cannot unwind\n"
            "stack backtrace:\n   0: 0x7fa7b57159f5 - <unknown>\n"
            "thread caused non-unwinding panic. aborting.\n"
        )
        == "panicked at src/dim.rs:60:9: attempt to divide by zero"
    )


def test_another_byte_order_reaches_the_adapter_through_a_process_too(start):
    """A dtype that was pickled is equal to the built-in one, but is not it."""
    problem = Case.parse("max_pool x=1x1x4 kernel=2 memory=byteswapped float32").problem
    arrays = make_arrays(Case(problem))
    other = arrays["x"].dtype.newbyteorder().str
    assert start("Swapped").perform(problem, arrays).message == f"ValueError: x came as {other}"
