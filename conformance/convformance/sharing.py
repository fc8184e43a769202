"""How the processes of a run share its tests: by their place in the list, not by who is free.

A process takes a discrepancy that it has met for known, so which tests share a process says
what a run with discrepancies tries; decided by the clock, two runs of one seed would differ.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

PROCESSES = 2


def share(place: int, n: int) -> int:
    """Return which of n processes has the test at a place of the list: its digits' sum in base n.

    Every n-th test would not do: gradients and forms come in turns of two and four, and one of two
    processes had the heavy ones. The order for two is Thue and Morse's, which spreads such turns;
    turns of three or five it spreads less well.
    """
    total = 0
    while place and n > 1:
        place, digit = divmod(place, n)
        total += digit
    return total % n


class Shares(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed
    """Each of n processes runs its `share` of the tests, in order."""

    def _split_scope(self, nodeid: str) -> str:
        collected = self.collection or []
        return str(share(collected.index(nodeid), self.numnodes))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> Shares:
    """Share the tests of a run so; `config` has the number of processes."""
    return Shares(config)
