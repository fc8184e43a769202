"""How the processes of a run share its tests: by their place in the list, not by who is free.

A process takes a discrepancy that it has met for known, so which tests share a process says
what a run with discrepancies tries; decided by the clock, two runs of one seed would differ.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

PROCESSES = 2


class Shares(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed
    """Each of n processes runs every n-th test, in order."""

    def _split_scope(self, nodeid: str) -> str:
        collected = self.collection or []
        return str(collected.index(nodeid) % self.numnodes)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> Shares:
    """Share the tests of a run so; `config` has the number of processes."""
    return Shares(config)
