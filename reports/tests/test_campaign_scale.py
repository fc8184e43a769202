"""The model of a campaign: what it says where the answer is known without it."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("simpy", reason="SimPy is not installed")
FILE = Path(__file__).parents[2] / "benchmarks" / "campaign_model.py"
model = SimpleNamespace(**runpy.run_path(str(FILE), run_name="campaign_model"))
FREE = model.Measured([10.0], take=0.0, assign=0.0, tell=0.0, merge=0.0, page=0.0)


def test_nothing_serial_is_linear_but_for_the_last_shards() -> None:
    for workers in (1, 8, 64):
        even = model.simulate(FREE, workers, 6_400, spread=0)
        assert (even.work, even.seconds, even.tail) == (64_000, 64_000 / workers, 0)
        found = model.simulate(FREE, workers, 6_400)
        assert found.speedup <= workers
        assert found.seconds <= found.work / workers + 10 * (1 + model.SPREAD)
        assert found.tail <= 10 * (1 + model.SPREAD)


def test_a_front_that_is_always_busy_sets_the_pace() -> None:
    """So many workers, each a shard in 10 s, are served in 0.5 s each: 20 workers are enough."""
    busy = replace(FREE, take=0.5)
    few = model.simulate(busy, 10, 1_000, spread=0)
    assert few.seconds == 100 * 10 + 10 * 0.5  # in the end the last ten are taken
    assert few.front == 500 / 1_005
    for workers in (40, 80):
        many = model.simulate(busy, workers, 1_000, spread=0)
        assert many.seconds == 10 + 1_000 * 0.5  # nothing is there to be taken before 10 s
        assert many.front == 500 / 510


def test_what_is_serial_at_the_end_and_what_is_told_to_each_is_paid() -> None:
    plain = model.simulate(FREE, 8, 100, spread=0)
    ended = model.simulate(replace(FREE, merge=0.25, page=2.0), 8, 100, spread=0)
    assert ended.seconds == plain.seconds + 27
    assert ended.merge == 27
    told = model.simulate(replace(FREE, tell=0.5), 8, 100, findings=1, spread=0)
    assert told.front == 8 * 0.5 / told.seconds  # eight workers are told once


def test_one_campaign_is_the_same_in_the_model_every_time() -> None:
    busy = replace(FREE, take=0.1, tell=0.01)
    assert model.simulate(busy, 7, 300, 5) == model.simulate(busy, 7, 300, 5)
