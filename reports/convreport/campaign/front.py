"""The front of a campaign: hands shards to Dask, takes what comes, and tells what is new.

Dask schedules, and asks again what a lost worker had. What stands in memory here is the shards
that are under way and the names of the discrepancies, however many shards there are.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any

from hypothesis.database import ExampleDatabase

from convformance.explore import keep
from convformance.runfile import Finding, RunFileError, from_json, to_line
from convformance.shards import Shard
from convformance.verdict import Kind
from convreport.campaign.plan import Plan
from convreport.campaign.store import Store
from convreport.campaign.tally import Tally, findings_of
from convreport.campaign.task import PROGRAM, THREADS, TOPIC, Ended, Order, receive, run_shard
from convreport.usage import UsageError

LOST = "the scheduler is lost"
AHEAD = 2  # shards under way for each thread of the workers: one runs, one waits
FEWEST = 4
RESTING = 4  # times as long as telling the workers took, until they are told again
COUNTED = 5.0  # seconds between two counts of the workers


@dataclass
class Watch:
    """What is told of a campaign while it goes on; each is called in one thread at a time."""

    done: Callable[[Shard, Tally, float], None]
    lost: Callable[[Shard, str], None]
    news: Callable[[str, Finding], None]


@dataclass
class Front:
    """A campaign that goes on.

    `database` keeps what is new for later runs, `places` are databases that the workers reach.
    """

    plan: Plan
    store: Store
    client: Any
    watch: Watch
    database: ExampleDatabase
    places: Sequence[str] = ()
    program: Sequence[str] = PROGRAM
    session: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    known: dict[str, str] = field(default_factory=dict)  # signature -> the shard that found it
    troubles: dict[str, str] = field(default_factory=dict)  # shard -> why it is not finished
    threads: int = 0  # of all workers,
    counted: float = -inf  # and when, by time.monotonic
    told: queue.SimpleQueue[dict[str, Any] | None] = field(default_factory=queue.SimpleQueue)

    def run(self) -> None:
        """Have every shard run that is not finished.

        Raise `UsageError` where the scheduler is lost or the disk takes no more.
        """
        for shard, finding in self.store.told():
            self.known.setdefault(finding.signature, shard)
        topic = f"{TOPIC}-{self.session}"
        self.client.subscribe_topic(topic, lambda event: self.told.put(event[1]))
        teller = threading.Thread(target=self._tell, daemon=True)
        teller.start()
        try:
            self._run()
        except OSError as error:
            if self._is_lost():
                raise UsageError(LOST) from None
            raise UsageError(f"{self.store.folder}: {error.strerror or error}") from None
        finally:
            self.told.put(None)
            teller.join(timeout=30)
            with suppress(Exception):  # the scheduler may be gone
                self.client.unsubscribe_topic(topic)

    def _run(self) -> None:
        from distributed import as_completed

        left = self.store.left(self.plan)
        under_way: dict[str, Shard] = {}
        first = [self._submit(one, under_way) for one in self._next(left, self._room())]
        coming = as_completed(first, loop=self.client.loop)
        for future in coming:
            shard = under_way.pop(future.key)
            self._take(shard, future)
            future.release()
            for one in self._next(left, self._room() - len(under_way)):
                coming.add(self._submit(one, under_way))

    def _next(self, left: Iterator[Shard], number: int) -> Iterator[Shard]:
        for _ in range(number):
            shard = next(left, None)
            if shard is None:
                return
            yield shard

    def _room(self) -> int:
        """Return how many shards may be under way: workers come and go.

        The scheduler is asked now and then: of a thousand workers its answer is long.
        """
        if time.monotonic() >= self.counted + COUNTED:
            self.threads = sum(map(int, self.client.nthreads().values()))
            self.counted = time.monotonic()
        return max(FEWEST, AHEAD * self.threads)

    def _submit(self, shard: Shard, under_way: dict[str, Shard]) -> Any:
        order = Order(
            campaign=self.session,
            shard=shard.id,
            limits=self.plan.limits,
            seconds=60 * self.plan.minutes,
            known=tuple(self.known.items()),
            begun=self.store.begun(shard),
            databases=self.places,
            environment={name: os.environ[name] for name in THREADS if name in os.environ},
            program=self.program,
        )
        future = self.client.submit(run_shard, order, key=f"shard-{shard.id}-{self.session}")
        under_way[future.key] = shard
        return future

    def _take(self, shard: Shard, future: Any) -> None:
        """Keep what a shard gave; a full disk ends the campaign, a lost shard does not."""
        try:
            ended: Ended = future.result()
        except Exception as error:  # Dask's, or whatever the task raised
            if self._is_lost():
                raise UsageError(LOST) from None
            self._miss(shard, _words(error))
            return
        if ended.trouble:
            self.store.keep(shard, ended.begun)
            self._miss(shard, ended.trouble)
            return
        tally = Tally.from_json(ended.tally)
        if tally.header["convformance"] != self.plan.convformance:
            theirs = tally.header["convformance"]
            self._miss(shard, f"its worker has convformance {theirs}, not {self.plan.convformance}")
            return
        self.store.take(shard, ended.run, ended.tally)
        self._keep_examples(tally)
        self._tell_missed(shard, tally)
        self.watch.done(shard, tally, ended.seconds)

    def _is_lost(self) -> bool:
        return self.client.status != "running" or self.client.scheduler_comm is None

    def _miss(self, shard: Shard, why: str) -> None:
        self.troubles[shard.id] = why
        self.watch.lost(shard, why)

    def _keep_examples(self, tally: Tally) -> None:
        """Keep the smallest cases of what is new, to be replayed by later runs."""
        for signature, one in tally.signed.items():
            if one.status == "new" and f" {Kind.LAW} " not in signature and one.best:
                keep(self.database, tally.backend, str(one.best[-1]))

    def _tell_missed(self, shard: Shard, tally: Tally) -> None:
        """Tell what is new in a run file and was not told before: an event may get lost."""
        missed = {name for name, one in tally.signed.items() if one.status == "new"} - set(
            self.known
        )
        for finding in findings_of(self.store.path(shard)) if missed else ():
            if finding.signature in missed:
                told = json.loads(to_line(finding))
                self.told.put({"signature": finding.signature, "shard": shard.id, "finding": told})

    def _tell(self) -> None:
        """Hand on what shards find, to the others and to the one who watches, each once.

        Of many workers this takes a while: it has at most a fifth of the front's time, and what
        is found meanwhile goes out together.
        """
        fresh: list[tuple[str, str]] = []
        quiet = -inf  # until when nobody is told
        while True:
            try:
                data = self.told.get(timeout=max(0.0, quiet - time.monotonic()) if fresh else None)
            except queue.Empty:
                data = {}
            if data is None:
                return
            fresh += self._fresh(data)
            started = time.monotonic()
            if fresh and started >= quiet:
                with suppress(Exception):  # who does not hear it shrinks it once more
                    self.client.run(receive, self.session, fresh, on_error="ignore")
                fresh, ended = [], time.monotonic()
                quiet = ended + RESTING * (ended - started)

    def _fresh(self, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
        try:
            signature, shard = str(data["signature"]), str(data["shard"])
            finding = from_json(data["finding"])
        except (KeyError, TypeError, RunFileError):  # of another release
            return
        if signature in self.known or not isinstance(finding, Finding):
            return
        self.store.tell(data)
        self.known = {**self.known, signature: shard}  # another thread may read the old one
        self.watch.news(shard, finding)
        yield signature, shard


def _words(error: Exception) -> str:
    """Return in one line why Dask has no result."""
    name = type(error).__name__
    if name == "KilledWorker":
        return "every worker that it was given to died"
    return f"{name}: {' '.join(str(error).split())[:200]}"
