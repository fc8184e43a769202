"""Explore a strategy past every discrepancy that is known or was seen; shrink only news."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf

from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import seed as seeded
from hypothesis.database import ExampleDatabase
from hypothesis.errors import FlakyFailure
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.strategies import SearchStrategy

from convformance.bench import Bench, Examined
from convformance.problem import Case, LineError
from convformance.verdict import Kind

FEWEST = 25  # examples of a pass: of fewer, all may be repeated ones
AGAIN = 2  # times that an exploration is repeated while it shows something new
FARTHEST = 1e9  # a margin past this is no better a guide
PATIENCE = 60.0  # seconds to look for a smaller case where each costs the limit of a call
WORTHWHILE = 0.1  # a pass with fewer answers than this is not made up for


class _News(Exception):  # noqa: N818  tells Hypothesis to shrink; it is no error
    """A discrepancy of a signature that nobody has seen."""


class _Enough(BaseException):  # what is no Exception ends Hypothesis at once
    """Enough cases were tried: what else it would draw is not looked at."""


def explore(
    bench: Bench,
    strategy: SearchStrategy[Case],
    examples: int,
    name: str,
    *,
    by_margin: bool = False,
    until: float = inf,
    tried: set[Case] | None = None,
) -> list[Examined]:
    """Try `examples` different cases that the backend supports; return the smallest of each news.

    `name` and the bench's seed decide what is drawn. Unsupported cases are recorded too and made
    up for, unless nearly all of a pass was unsupported; so is what Hypothesis repeats. A search
    `by_margin` varies the cases of the largest margins, to drive it up. What shows something new
    is explored again, with a seed of its own, as often as `AGAIN`: where one fault is, more are.
    Nothing new is begun after `until`, a time of `time.monotonic`. What stands in `tried` is not
    tried again, and what was tried is put there.
    """
    news: list[Examined] = []
    search = _Search(bench, strategy, examples, by_margin, until, set() if tried is None else tried)
    for again in range(1 + AGAIN):
        before = len(news)
        for _, found in search.passes(f"{name} again {again}" if again else name):
            if found is not None:
                bench.record(found, "explored")
                news.append(found)
        if len(news) == before:
            break
    return news


def first_news(
    bench: Bench,
    strategy: SearchStrategy[Case],
    examples: int,
    name: str,
    *,
    by_margin: bool = False,
    shrink: bool = True,
) -> tuple[int, Examined | None]:
    """Return the number of cases that `explore` tries until its first news, and that news.

    Without `shrink` it is the news as it was met, which is found sooner.
    """
    drawn = 0
    search = _Search(bench, strategy, examples, by_margin, shrink=shrink)
    for hunt, found in search.passes(name):
        drawn += hunt.drawn
        if found is not None:
            return drawn, found
    return drawn, None


@dataclass
class _Search:
    """What is explored, how, and the cases that were tried."""

    bench: Bench
    strategy: SearchStrategy[Case]
    examples: int
    by_margin: bool = False
    until: float = inf
    tried: set[Case] = field(default_factory=set)
    shrink: bool = True

    @property
    def phases(self) -> tuple[Phase, ...]:
        """What Hypothesis does."""
        shrinking = (Phase.shrink,) * self.shrink
        return (Phase.generate, *shrinking, *(Phase.target,) * self.by_margin)

    @property
    def is_late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.until

    def passes(self, name: str) -> Iterator[tuple[_Hunt, Examined | None]]:
        """Yield passes of Hypothesis and what each found, until enough cases are tried."""
        left, turn = self.examples, 0
        while left > 0 and not self.is_late:
            hunt = _Hunt(self, left)
            found = hunt.go(_seed(self.bench, name, turn))
            yield hunt, found
            left, turn = left - hunt.answered, turn + 1
            if found is None and hunt.answered <= WORTHWHILE * hunt.drawn:
                break


def _seed(bench: Bench, name: str, turn: int) -> int:
    return zlib.crc32(f"{name} {bench.seed} {turn}".encode())


@contextmanager
def drawn_by_the_seed_alone() -> Iterator[None]:
    """Keep Hypothesis from drawing numbers that stand in the source files of loaded modules.

    It looks for them in whatever is not installed, so that a checkout, an installed package and
    a process of xdist would each try other cases. There is no setting for it.
    """
    found = getattr(providers, "_get_local_constants", None)
    if found is None:  # a release that does not
        yield
        return
    none = Constants()
    providers.CONSTANTS_CACHE.cache.clear()
    providers._get_local_constants = lambda: none
    try:
        yield
    finally:
        providers._get_local_constants = found
        providers.CONSTANTS_CACHE.cache.clear()


class _Hunt:
    """One pass of Hypothesis: it ends with the first new signature, shrunk, or with none."""

    def __init__(self, search: _Search, examples: int) -> None:
        self.search, self.bench, self.tried = search, search.bench, search.tried
        self.examples = examples
        self.margins: dict[Case, float] = {}
        self.drawn = self.answered = 0
        self.target: Kind | None = None
        self.until = inf  # a time: then the smallest case so far is small enough
        self.smallest: Examined | None = None

    def go(self, seed: int) -> Examined | None:
        @seeded(seed)
        @settings(
            max_examples=max(self.examples, FEWEST),
            phases=self.search.phases,  # that which explains would end on another case
            database=None,  # what is found is kept as a case line, which outlives the strategies
            deadline=None,
            report_multiple_bugs=False,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(self.search.strategy)
        def property_holds(case: Case) -> None:
            self._try(case)

        try:
            with drawn_by_the_seed_alone():
                property_holds()
        except _Enough:
            return self.smallest
        except _News:
            return self.smallest
        except FlakyFailure as unlike:
            # Memory that nobody wrote holds another answer when the smallest case is asked again.
            if not all(isinstance(one, _News) for one in unlike.exceptions):
                raise
            return self.smallest
        return None

    @property
    def is_done(self) -> bool:
        """Whether no further case is tried."""
        return self.answered == self.examples or self.search.is_late

    def _try(self, case: Case) -> None:
        if self.is_done if self.target is None else time.monotonic() >= self.until:
            raise _Enough
        if self.target is None and case in self.tried:
            self._aim(case)
            return
        ask = self.bench.ask if self.target is None else self.bench.examine
        examined = ask(case)
        news = self.bench.is_news(examined)
        if self.target is None:
            self.tried.add(case)
            self.drawn += 1
            self.answered += examined.verdict.kind is not Kind.UNSUPPORTED
            if not news:
                self.bench.record(examined, "explored")
                self.margins[case] = examined.verdict.margin or 0.0
                self._aim(case)
                return
            self.target = examined.verdict.kind
            if self.target is Kind.LATE:
                self.until = time.monotonic() + PATIENCE
        if news and examined.verdict.kind is self.target:
            # Hypothesis ends on the smallest it found. Its clause may be another than that of
            # the first: it is the smallest that tells best which clause is contradicted.
            if self.until == inf or self._is_smaller(examined):
                self.smallest = examined
            raise _News

    def _is_smaller(self, examined: Examined) -> bool:
        """Whether the case has a shorter line: of one that breaks off, the last need not be it."""
        return self.smallest is None or len(examined.case.line) <= len(self.smallest.case.line)

    def _aim(self, case: Case) -> None:
        """Tell Hypothesis how near to its bound the answer came, where it is to drive that up."""
        if self.search.by_margin and self.target is None:
            target(min(self.margins.get(case, 0.0), FARTHEST))  # it takes finite numbers alone


def keep(database: ExampleDatabase, backend: str, line: str) -> None:
    """Keep the line of a discrepancy, to be replayed first by the next run."""
    database.save(_key(backend), line.encode())


def kept(database: ExampleDatabase, backend: str) -> list[Case]:
    """Return the cases that earlier runs kept, in a stable order; stale lines are dropped."""
    found = []
    for value in sorted(database.fetch(_key(backend))):
        try:
            found.append(Case.parse(value.decode()))
        except (LineError, UnicodeDecodeError):
            database.delete(_key(backend), value)
    return found


def _key(backend: str) -> bytes:
    return f"convformance {backend}".encode()
