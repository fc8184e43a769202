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
        found = model.simulate(FREE, workers, 6_400)
        assert found.work == pytest.approx(64_000, rel=0.01)
        assert found.speedup <= workers
        assert found.seconds <= found.work / workers + 10 * (1 + model.SPREAD)
        assert found.tail <= 10 * (1 + model.SPREAD)


def test_a_front_that_is_always_busy_sets_the_pace() -> None:
    """So many workers, each a shard in 10 s, are served in 0.5 s each: 20 workers are enough."""
    busy = replace(FREE, take=0.5)
    few, many = model.simulate(busy, 10, 1_000), model.simulate(busy, 80, 1_000)
    assert few.front == pytest.approx(0.5, abs=0.05)
    assert many.front > 0.95
    assert many.seconds == pytest.approx(500, rel=0.05)
    assert model.simulate(busy, 40, 1_000).seconds == pytest.approx(many.seconds, rel=0.05)


def test_what_is_serial_at_the_end_and_what_is_told_to_each_is_paid() -> None:
    plain = model.simulate(FREE, 8, 100)
    ended = model.simulate(replace(FREE, merge=0.25, page=2.0), 8, 100)
    assert ended.seconds == pytest.approx(plain.seconds + 27)
    assert ended.merge == 27
    told = model.simulate(replace(FREE, tell=0.5), 8, 100, findings=1)
    assert told.front * (told.seconds - told.merge) == pytest.approx(4)


def test_one_campaign_is_the_same_in_the_model_every_time() -> None:
    busy = replace(FREE, take=0.1, tell=0.01)
    assert model.simulate(busy, 7, 300, 5) == model.simulate(busy, 7, 300, 5)
