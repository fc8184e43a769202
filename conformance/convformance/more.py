"""More of the explorations, for as long as a run was given: pass after pass, with fresh seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from convformance.bench import Bench, Examined
from convformance.explore import explore
from convformance.plan import EXPLORATIONS, Exploration
from convformance.problem import Case
from convformance.sharing import PROCESSES


@dataclass(frozen=True)
class Share:
    """How many processes there are, and the time of `time.monotonic` at which all of them end."""

    processes: int
    until: float

    def of(self, part: int) -> tuple[Exploration, ...]:
        """Return the explorations of a part: every n-th, and none of a part too many."""
        parts = min(self.processes, PROCESSES)
        return EXPLORATIONS[part::parts] if part < parts else ()


def explore_more(
    bench: Bench,
    explorations: Sequence[Exploration],
    until: float,
    examples: Callable[[int], int] = int,
) -> tuple[int, list[Examined]]:
    """Explore round robin until the time is over; return how many passes were begun, and news.

    The bench's seed, the exploration and the number of its pass decide what is drawn, and no pass
    tries again what an earlier one of its exploration tried; the clock decides only how much.
    """
    passes = 0
    tried: dict[str, set[Case]] = {what.name: set() for what in explorations}
    news: list[Examined] = []
    for turn in count(1):
        for what in explorations:
            if time.monotonic() >= until:
                return passes, news
            news += explore(
                bench, what.strategy, examples(what.examples), f"{what.name} pass {turn}",
                by_margin=what.area == "accuracy", until=until, tried=tried[what.name],
            )  # fmt: skip
            passes += 1
        if not explorations:
            break
    return passes, news
