"""The table of refusals: one attribute wrong at a time, and two."""

import pytest

from convformance.bench import Bench
from convformance.news import check_all
from convformance.refusals import ASKED, Asked, refusals


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.name)
def test_what_has_no_meaning_is_refused_and_survived(
    bench: Bench, profile: str, asked: Asked
) -> None:
    check_all(bench, refusals(asked, profile), "invalid")
