"""A campaign whose shards take no time: what is left is what the front and Dask have to do.

Each task returns a run file that one real shard gave, under the name of its own shard, packed as
always. All else is the campaign's own: the cluster, the front, the store, the merge and the page.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis.database import InMemoryExampleDatabase

from convreport.campaign import front
from convreport.campaign.cluster import cluster
from convreport.campaign.front import Front, Watch
from convreport.campaign.merge import merge
from convreport.campaign.page import campaign_page
from convreport.campaign.plan import Plan
from convreport.campaign.store import Store
from convreport.campaign.tally import tally_of
from convreport.campaign.task import Ended, Order
from convreport.write import write_campaign

REAL = "numpy/pooling/1x8"  # the shard whose records are repeated
PLACE = "canned-shard"  # stands for the shard's id in the canned run file


@dataclass(frozen=True)
class Costs:
    """Seconds of a canned campaign, in all and for a shard, and the front's peak in MiB."""

    shards: int
    cases: int
    bytes: int  # of a run file
    packed: int
    asked: float  # until every shard was taken
    merged: float
    front: float  # processor time of the front while shards came
    peak: float


def real_shard(folder: Path) -> Path:
    """Run the real shard, unless it is there; return its run file."""
    path = folder / "real.jsonl"
    if not path.exists():
        command = [sys.executable, "-m", "convreport.cli", "run", "--shard", REAL, "-o", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def can(folder: Path, cases: int) -> Path:
    """Write a run file of so many cases, those of the real shard repeated; return its path."""
    lines = real_shard(folder).read_text(encoding="utf-8").splitlines(keepends=True)
    records = [line for line in lines if line.startswith('{"type": "case"')]
    findings = [line for line in lines if line.startswith('{"type": "finding"')]
    every = (records * (cases // len(records) + 1))[:cases]
    there = f'"cases": {len(records)}, '
    footer = lines[-1].replace(there, f'"cases": {cases}, ')
    path = folder / "canned.jsonl"
    text = [lines[0].replace(REAL, PLACE), *every, *findings, footer]
    path.write_text("".join(text), encoding="utf-8")
    return path


@cache
def canned(path: str) -> tuple[str, str]:
    """Return the canned run file and its tally, as text."""
    return Path(path).read_text(encoding="utf-8"), tally_of(Path(path)).to_json()


def give(order: Order) -> Ended:
    """Return the canned run file as that of the shard, after a while.

    The order's program has the path of the run file and the seconds.
    """
    time.sleep(float(order.program[1]))
    run, tally = (text.replace(PLACE, order.shard) for text in canned(order.program[0]))
    return Ended(order.shard, zlib.compress(run.encode(), 6), tally)


def campaign(folder: Path, seeds: int, cases: int, workers: int, seconds: float = 0.0) -> Costs:
    """Run a campaign of so many canned shards and return what it cost; each sleeps `seconds`."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    front.run_shard = give
    path = can(folder, cases)
    plan, store = (
        Plan(("numpy",), ("pooling",), seeds),
        Store(folder / f"{seeds}-{cases}-{workers}-{seconds}"),
    )
    watch = Watch(lambda *_: None, lambda shard, why: print(shard.id, why), lambda *_: None)
    words = [str(path), str(seconds)]
    with cluster(None, workers) as client:
        warm(client, path)
        started, used = time.perf_counter(), time.process_time()
        Front(plan, store, client, watch, InMemoryExampleDatabase(), program=words).run()
        asked, spent = time.perf_counter() - started, time.process_time() - used
    started = time.perf_counter()
    write_campaign(campaign_page(merge(plan, store), "canned"), store.folder)
    run = path.read_bytes()
    return Costs(
        seeds, cases, len(run), len(zlib.compress(run, 6)), asked,
        time.perf_counter() - started, spent,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )  # fmt: skip


def warm(client: Any, path: Path) -> None:
    """Have every worker read the canned run file."""
    client.run(canned, str(path))
