"""[law]: what must hold between the answers of a backend, without the oracle."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.laws.exploring import DRAWN, SESSIONS, Session, hear_all, report_broken


@pytest.mark.parametrize(
    "session", SESSIONS, ids=lambda one: one.name.removeprefix("law.").replace(" ", "-")
)
def test_the_law_holds(bench: Bench, examples: Callable[[int], int], session: Session) -> None:
    """An exact law that is broken fails; a fact about the backend is recorded."""
    report_broken(bench, hear_all(bench, session, examples(DRAWN)))
