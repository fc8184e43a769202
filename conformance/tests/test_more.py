"""Effort goes where something was found, and a time that a run was given is used to its end."""

import subprocess
import sys
import time
from importlib.resources import files
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from convformance import explore as exploring
from convformance import more as further
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.explore import explore
from convformance.more import Share, explore_more
from convformance.plan import EXPLORATIONS, in_area
from convformance.runfile import CaseRecord, load
from convformance.sharing import PROCESSES
from convformance.strategies import cases

SUITE = Path(str(files("convformance.suite")))


class TwoFaults:
    """Drops the bias; and, rarely, forgets the last of three output channels."""

    name, version = "two faults", "1"
    accumulators = NumpyBackend.accumulators

    def run(self, problem, arrays):
        from dataclasses import replace

        y = NumpyBackend().run(replace(problem, bias=False), arrays).arrays["y"]
        if y.shape[:2] == (2, 3) and not problem.bias:
            y = np.concatenate([y[:, :-1], 0 * y[:, -1:]], 1)
        return y


def clauses(monkeypatch, again, seed):
    monkeypatch.setattr(exploring, "AGAIN", again)
    bench = Bench(TwoFaults(), seed=seed)
    strategy = cases("conv1x1", ("float32",), ("integers",))
    return {one.verdict.clause for one in explore(bench, strategy, 60, "a name")}


def lines(bench):
    return [one.line for one in bench.records if isinstance(one, CaseRecord)]


def test_a_rare_second_fault_is_caught_because_the_first_drew_more_effort(monkeypatch):
    assert clauses(monkeypatch, 0, seed=4) == {"conv.bias"}
    assert clauses(monkeypatch, 2, seed=4) == {"conv.bias", "conv1x1.product"}


def test_effort_is_bounded_and_none_is_spent_where_nothing_is_new():
    bench = Bench(NumpyBackend(), seed=1)
    assert explore(bench, cases("conv1x1", ("float32",)), 40, "a name") == []
    assert len(lines(bench)) == 40
    bench = Bench(TwoFaults(), seed=1)
    explore(bench, cases("conv1x1", ("float32",)), 40, "a name")
    most = 1 + exploring.AGAIN
    assert 2 * 40 <= len(lines(bench)) <= most * 2 * 40
    assert len(set(lines(bench))) == len(lines(bench))


SOME = in_area("convolution")[4:7]


def passes(seconds):
    bench = Bench(NumpyBackend(), seed=1)
    started = time.monotonic()
    number, news = explore_more(bench, SOME, started + seconds, lambda _: 8)
    return number, news, lines(bench), time.monotonic() - started


def test_the_time_is_used_to_its_end_and_the_clock_decides_only_how_much():
    number, news, tried, took = passes(3.0)
    assert number > len(SOME)
    assert news == []
    assert 3.0 <= took < 6.0
    again = passes(1.5)[2]
    shared = min(len(tried), len(again)) - 8  # the clock may cut the last exploration short
    assert shared > 0
    assert tried[:shared] == again[:shared]


def test_by_a_clock_of_ticks_the_time_is_used_to_the_last_tick(monkeypatch):
    ticks = count()
    clock = SimpleNamespace(monotonic=lambda: float(next(ticks)))  # each look takes a second
    monkeypatch.setattr(exploring, "time", clock)
    monkeypatch.setattr(further, "time", clock)
    explore_more(Bench(NumpyBackend(), seed=1), SOME, 500.0, lambda _: 8)
    assert 500 < next(ticks) < 600  # Hypothesis ends its pass without another case


def test_no_pass_of_an_exploration_tries_a_case_again():
    number, _, tried, _ = passes(3.0)
    assert number > 2 * len(SOME)
    assert len(set(tried)) == len(tried)


def test_no_time_left_is_no_pass():
    assert explore_more(Bench(NumpyBackend()), SOME, time.monotonic()) == (0, [])


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_processes_share_every_exploration_and_none_twice(processes):
    shares = [Share(processes, 0.0).of(part) for part in range(PROCESSES)]
    assert sorted(one.name for share in shares for one in share) == sorted(
        one.name for one in EXPLORATIONS
    )
    assert bool(shares[1]) == (processes > 1)


def test_the_run_file_tells_the_minutes_and_the_passes(tmp_path):
    path = tmp_path / "run.jsonl"
    command = [
        sys.executable, "-m", "pytest", "-q", str(SUITE), "-k", "more_of_every",
        "-c", str(SUITE / "pytest.ini"), "--rootdir", str(SUITE), "-p", "convformance.plugin",
        "--backend", "numpy", "--max-examples", "4", "--run-file", str(path),
    ]  # fmt: skip
    subprocess.run([*command, "--minutes", "0.1"], check=True, capture_output=True, cwd=tmp_path)
    run = load(path)
    assert run.header.minutes == 0.1
    assert run.footer.passes > 1
    assert run.footer.seconds >= 5
    without = subprocess.run(command, check=False, capture_output=True, cwd=tmp_path)
    assert without.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
