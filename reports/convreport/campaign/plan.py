"""The plan of a campaign: which shards there are, as a few numbers that stand in its folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from convformance import __version__
from convformance.shards import AREAS, Shard, cases_of
from convreport.files import write_whole
from convreport.usage import UsageError

FORMAT = 1
PLAN = "campaign.json"


@dataclass(frozen=True)
class Plan:
    """What is asked: every area of every backend, with the seeds 1 to `seeds` where it draws.

    `examples` stands for the number of every exploring test, None for each one's own. `limits` are
    those of the backends' processes, None the usual ones. `minutes` ends a shard.
    """

    backends: Sequence[str]
    areas: Sequence[str]
    seeds: int
    examples: int | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    minutes: float = 60.0
    convformance: str = __version__
    format: int = FORMAT

    def shards(self) -> Iterator[Shard]:
        """Yield the shards: what hangs on no seed first, then seed after seed over all backends."""
        for area in self.areas:
            if not AREAS[area].drawn:
                yield from (Shard(one, area, 1, self.examples) for one in self.backends)
        for seed in range(1, self.seeds + 1):
            for area in self.areas:
                if AREAS[area].drawn:
                    yield from (Shard(one, area, seed, self.examples) for one in self.backends)

    def __len__(self) -> int:
        """Return how many shards there are."""
        drawn = sum(AREAS[area].drawn for area in self.areas)
        return len(self.backends) * (drawn * self.seeds + len(self.areas) - drawn)

    @property
    def cases(self) -> int:
        """How many cases the exploring tests are to try; what hangs on no seed comes on top."""
        drawn = [area for area in self.areas if AREAS[area].drawn]
        each = sum(cases_of(area, self.examples) for area in drawn)
        return len(self.backends) * self.seeds * each


def planned(
    backends: Sequence[str],
    cases: float,
    areas: Sequence[str] = (),
    examples: int | None = None,
    **values: Any,
) -> Plan:
    """Return the plan with the fewest seeds whose exploring tests try so many cases in all."""
    some = tuple(area for area in AREAS if not areas or area in areas)
    names = tuple(dict.fromkeys(backends))
    each = Plan(names, some, 1, examples).cases
    seeds = max(1, ceil(cases / each)) if each else 1
    return Plan(names, some, seeds, examples, **values)


def write_plan(folder: Path, plan: Plan) -> None:
    """Put the plan into the campaign's folder. Raises `OSError`."""
    write_whole(folder / PLAN, json.dumps(asdict(plan), indent=1) + "\n")


def read_plan(folder: Path) -> Plan:
    """Return the plan of a campaign's folder; raise `UsageError` if this release has none there."""
    path = folder / PLAN
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        plan = Plan(**data)
        known = all(area in AREAS for area in plan.areas) and plan.format == FORMAT
        if not known or not isinstance(plan.seeds, int) or not plan.backends:
            raise ValueError("of another format")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}: no campaign was begun here") from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: this is no plan of a campaign: {error}") from None
    if plan.convformance != __version__:
        raise UsageError(
            f"{folder} was begun by convformance {plan.convformance}; {__version__} would tell of "
            "two things on one page: begin another campaign"
        )
    return plan
