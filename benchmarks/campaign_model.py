"""A discrete-event model of a campaign: workers, the front with its scheduler, and the merge.

A worker runs a shard, hands its run file to the front, and gets the next one that the scheduler
holds. The front takes one run file at a time, and then hands the scheduler another shard, so that
never more are under way than `AHEAD` for each worker. What is found is told to every worker, one
after the other, and then nothing for a while. All times are measured (campaign_scale.py); what is
assumed is said there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import simpy

from convreport.campaign.front import AHEAD, RESTING

SPREAD = 0.2  # of a shard's time, by its seed: uniform, to both sides


@dataclass(frozen=True)
class Measured:
    """Seconds: of a shard of each area, of the front for a shard, and what else is serial."""

    shards: Sequence[float]
    take: float  # the front's, for a shard: transfer, disk, tally
    assign: float  # from a finished shard to the next one's begin, without the front
    tell: float  # to tell one worker of one discrepancy
    merge: float  # of a shard, at the end
    page: float  # once, at the end


@dataclass(frozen=True)
class Simulated:
    """What came out for a number of workers: seconds, and shares of them from 0 to 1."""

    workers: int
    seconds: float
    work: float  # the sum of the shards' times
    front: float  # share of the time until the last shard in which the front was busy
    tail: float  # seconds from the first worker without a shard to the last one
    merge: float

    @property
    def speedup(self) -> float:
        """How many times faster than one worker with nothing beside it."""
        return self.work / self.seconds

    @property
    def efficiency(self) -> float:
        """The share of the workers' time that went into shards."""
        return self.speedup / self.workers


def simulate(
    measured: Measured, workers: int, shards: int, findings: int = 0, spread: float = SPREAD
) -> Simulated:
    """Run a campaign of so many shards in the model; the same arguments give the same answer."""
    world = simpy.Environment()
    front = simpy.Resource(world)
    queued, news, taken = simpy.Store(world), simpy.Store(world), [0]
    times = _times(measured, shards, spread)
    under_way = min(shards, AHEAD * workers)
    left, handed = iter(range(under_way, shards)), [under_way]
    busy, idle, work = [0.0], [], [0.0]
    told = _spread(findings, shards)
    ended = world.event()

    def serve(seconds: float) -> Iterator[Any]:
        with front.request() as turn:
            yield turn
            yield world.timeout(seconds)
        busy[0] += seconds

    def take(shard: int) -> Iterator[Any]:
        yield from serve(measured.take)
        if shard in told:
            news.put(shard)
        following = next(left, None)
        if following is not None:
            queued.put(following)
            handed[0] += 1
        taken[0] += 1
        if taken[0] == shards:
            ended.succeed()

    def worker() -> Iterator[Any]:
        while True:
            if not queued.items and handed[0] == shards:
                idle.append(world.now)
            shard = yield queued.get()
            yield world.timeout(measured.assign)
            seconds = times[shard]
            yield world.timeout(seconds)
            work[0] += seconds
            world.process(take(shard))

    def tell() -> Iterator[Any]:
        while True:
            yield news.get()
            news.items.clear()  # what was found meanwhile goes out together
            yield from serve(measured.tell * workers)
            yield world.timeout(RESTING * measured.tell * workers)

    for shard in range(under_way):
        queued.put(shard)
    world.process(tell())
    for _ in range(workers):
        world.process(worker())
    world.run(until=ended)
    asked = world.now
    merging = measured.merge * shards + measured.page
    tail = asked - min(idle, default=asked)
    return Simulated(workers, asked + merging, work[0], busy[0] / asked, tail, merging)


def _times(measured: Measured, shards: int, spread: float) -> list[float]:
    draw = random.Random(1)
    areas = measured.shards
    return [areas[i % len(areas)] * draw.uniform(1 - spread, 1 + spread) for i in range(shards)]


def _spread(findings: int, shards: int) -> frozenset[int]:
    """Return the shards that find something: half of it in the first hundredth, the rest evenly."""
    early = max(1, shards // 100)
    draw = random.Random(2)
    first = {draw.randrange(early) for _ in range(findings // 2)}
    return frozenset(first | {draw.randrange(shards) for _ in range(findings - findings // 2)})
