"""Every small geometry of every op: a covering part, or with --profile exhaustive all of them."""

import pytest

from convformance.bench import Bench
from convformance.exhaustive import EXHAUSTED
from convformance.smallest import ask_small


@pytest.mark.parametrize("op", EXHAUSTED)
def test_small_geometries(bench: Bench, profile: str, op: str) -> None:
    ask_small(bench, op, profile)
