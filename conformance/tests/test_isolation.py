"""The limits of a backend's process: what passes one is a verdict with its numbers."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wild_processes import CHILDREN

from convformance import worker
from convformance.bench import Bench
from convformance.isolation import MIB, GivenUp, Limits, fair_share
from convformance.problem import Case
from convformance.verdict import Kind
from convformance.worker import Isolated

PLAIN = Case.parse("conv x=1x2x5 w=2x2x2 float32")
OTHER = Case.parse("conv x=1x2x6 w=2x2x2 float32")
GROUPED = Case.parse("conv x=1x2x5 w=2x1x2 groups=2 float32")
LIMIT = 300  # MiB: more than NumPy has, less than the wild take
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is watched on Linux alone"
)


@pytest.fixture
def start(monkeypatch):
    """Start a wild backend in a child; end it after the test."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    started = []

    def make(attribute, **limits):
        started.append(Isolated(f"wild_processes:{attribute}", Limits(**limits)))
        return started[-1]

    yield make
    for one in started:
        one.close()


def wronged(backend):
    """Return the verdict on the call that goes wrong; those beside it are right."""
    bench = Bench(backend)
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES
    verdict = bench.examine(GROUPED).verdict
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES
    return verdict


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("Segfaulting", "Segmentation fault (signal 11)"),
        ("Leaving", "exit status 7"),
        ("Noisy", "Aborted (signal 6)"),
    ],
)
def test_however_a_process_ends_the_run_goes_on(start, attribute, words):
    verdict = wronged(start(attribute))
    assert (verdict.kind, verdict.clause) == (Kind.CRASHED, "backend.answer")
    assert verdict.message.startswith(words)
    assert len(verdict.message) < 1000


def test_an_endless_loop_is_ended_and_told_with_its_seconds(start):
    verdict = wronged(start("Looping", case_seconds=9, first_call_seconds=0.5))
    assert (verdict.kind, verdict.message) == (Kind.LATE, "no answer within 0.5 seconds")


def test_the_first_call_of_a_problem_in_a_process_has_its_own_time(start, monkeypatch):
    backend, given = start("Tame", case_seconds=2, first_call_seconds=3), []
    ask = worker._Child.ask

    def timed(self, request, seconds, memory):
        given.append(seconds)
        return ask(self, request, seconds, memory)

    monkeypatch.setattr(worker._Child, "ask", timed)
    bench = Bench(backend)
    for case in (PLAIN, PLAIN, OTHER, PLAIN):
        bench.trial(case)
    backend.close()
    bench.trial(PLAIN)
    assert [one for one in given if one in (2, 3)] == [3, 2, 3, 2, 3]


@needs_proc
@pytest.mark.parametrize("attribute", ["Growing", "Swelling", "Feeding"])
def test_memory_past_the_limit_is_a_verdict_with_its_numbers(start, monkeypatch, attribute):
    """Kept without an answer, had for a moment, or taken by a child of the process."""
    if attribute == "Swelling":  # as if the moment lay between two looks
        monkeypatch.setattr(worker, "too_much", lambda pid, limit: "")
    began = time.monotonic()
    verdict = wronged(start(attribute, memory=LIMIT))
    assert verdict.kind is Kind.CRASHED
    words = verdict.message.replace(",", "").split()
    assert " ".join(words[:3]) == "its process held"
    assert int(words[3]) > LIMIT
    assert verdict.message.endswith(f"MiB of memory where {LIMIT} are allowed")
    assert time.monotonic() - began < 60  # not the time limit


@needs_proc
def test_what_stays_within_the_limit_is_no_verdict(start):
    assert wronged(start("Swelling", memory=2000)).kind is Kind.AGREES


def test_the_usual_memory_is_a_share_of_the_machine():
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < Limits().memory == fair_share() < pages / MIB / 2


def is_there(pid):
    """Whether a process runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids):
    deadline = time.monotonic() + 10
    while any(map(is_there, pids)):
        assert time.monotonic() < deadline, "processes are left behind"
        time.sleep(0.02)


@needs_proc
def test_processes_left_behind_end_with_the_one_that_started_them(start, tmp_path, monkeypatch):
    monkeypatch.setenv("BRED", str(tmp_path / "bred"))
    backend = start("Breeding")
    assert Bench(backend).examine(GROUPED).verdict.kind is Kind.AGREES
    bred = (tmp_path / "bred").read_text().split()
    assert len(bred) == CHILDREN
    assert all(map(is_there, bred))
    backend.close()
    wait_until_gone(bred)


@needs_proc
def test_a_death_is_seen_though_a_fork_holds_the_line(start, tmp_path, monkeypatch):
    monkeypatch.setenv("BRED", str(tmp_path / "bred"))
    began = time.monotonic()
    verdict = wronged(start("Orphaning"))
    assert (verdict.kind, verdict.message) == (Kind.CRASHED, "exit status 0")
    assert time.monotonic() - began < 60
    wait_until_gone((tmp_path / "bred").read_text().split())


def test_who_closes_standard_output_still_answers(start):
    assert wronged(start("ClosingOutput")).kind is Kind.AGREES


def test_who_closes_the_line_and_goes_on_is_ended(start, monkeypatch):
    monkeypatch.setattr(worker, "DYING", 0.3)
    verdict = wronged(start("ClosingAll"))
    assert (verdict.kind, verdict.message) == (Kind.CRASHED, "it closed its line and went on")


def test_binary_noise_on_standard_output_disturbs_nothing_and_fills_no_disk(start):
    backend = start("Chattering")
    for _ in range(4):
        assert Bench(backend).examine(PLAIN).verdict.kind is Kind.AGREES
    assert os.fstat(backend._child._errors.fileno()).st_blocks * 512 < 4 * MIB


def test_an_answer_that_changes_after_it_was_given_is_what_it_was(start):
    assert Bench(start("Changing")).examine(PLAIN).verdict.kind is Kind.AGREES


def test_a_backend_whose_process_ends_again_and_again_is_given_up(start):
    bench = Bench(start("Doomed", restarts=3))
    lines = [f"conv x=1x2x{size} w=2x2x2 float32" for size in (5, 6, 7)]
    for line in lines:  # the first death of all was asked of two processes
        assert bench.trial(Case.parse(line))[0].outcome.kind == "crashed"
    with pytest.raises(GivenUp) as given_up:
        bench.trial(Case.parse("conv x=1x2x8 w=2x2x2 float32"))
    assert str(given_up.value) == (
        "wild_processes:Doomed is given up: its process was started again 3 times, which is the "
        "limit; it ended last with: Aborted (signal 6)"
    )


@needs_proc
def test_a_process_ends_with_the_one_that_asks_though_it_is_busy(tmp_path):
    """The one that asks is killed; no code of its own can tell the other."""
    text = f"""
import os, signal, threading, time
from convformance.fills import make_arrays
from convformance.problem import Case
from convformance.worker import Isolated
backend = Isolated("wild_processes:Looping")
print(backend._child._process.pid, flush=True)
threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGKILL]).start()
case = Case.parse({GROUPED.line!r})
backend.perform(case.problem, make_arrays(case))
"""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == -9
    wait_until_gone([ran.stdout.strip()])
