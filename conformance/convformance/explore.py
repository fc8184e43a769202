"""Explore a strategy past every discrepancy that is known or was seen; shrink only news."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import seed as seeded
from hypothesis.database import ExampleDatabase
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.strategies import SearchStrategy

from convformance.bench import Bench, Examined
from convformance.problem import Case, LineError
from convformance.verdict import Kind

FEWEST = 25  # examples of a pass: of fewer, all may be repeated ones
FARTHEST = 1e9  # a margin past this is no better a guide
WORTHWHILE = 0.1  # a pass with fewer answers than this is not made up for
PHASES = (Phase.generate, Phase.shrink)  # the phase that explains ends on another case


class _News(Exception):  # noqa: N818  tells Hypothesis to shrink; it is no error
    """A discrepancy of a signature that nobody has seen."""


def explore(
    bench: Bench,
    strategy: SearchStrategy[Case],
    examples: int,
    name: str,
    *,
    by_margin: bool = False,
) -> list[Examined]:
    """Try `examples` different cases that the backend supports; return the smallest of each news.

    `name` and the bench's seed decide what is drawn. Unsupported cases are recorded too and made
    up for, unless nearly all of a pass was unsupported; so is what Hypothesis repeats. A search
    `by_margin` varies the cases of the largest margins, to drive it up.
    """
    news = []
    for _, found in _passes(bench, strategy, examples, name, by_margin=by_margin):
        if found is not None:
            bench.record(found, "explored")
            news.append(found)
    return news


def first_news(
    bench: Bench, strategy: SearchStrategy[Case], examples: int, name: str
) -> tuple[int, Examined | None]:
    """Return the number of cases that `explore` tries until its first news, and that news."""
    drawn = 0
    for hunt, found in _passes(bench, strategy, examples, name):
        drawn += hunt.drawn
        if found is not None:
            return drawn, found
    return drawn, None


def _passes(
    bench: Bench,
    strategy: SearchStrategy[Case],
    examples: int,
    name: str,
    *,
    by_margin: bool = False,
) -> Iterator[tuple[_Hunt, Examined | None]]:
    """Yield passes of Hypothesis and what each found, until enough cases are tried."""
    tried: set[Case] = set()
    left, turn = examples, 0
    while left > 0:
        hunt = _Hunt(bench, left, tried, by_margin=by_margin)
        found = hunt.go(strategy, _seed(bench, name, turn))
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

    def __init__(
        self, bench: Bench, examples: int, tried: set[Case], *, by_margin: bool = False
    ) -> None:
        self.bench, self.examples, self.tried = bench, examples, tried
        self.by_margin = by_margin
        self.margins: dict[Case, float] = {}
        self.drawn = self.answered = 0
        self.target: Kind | None = None
        self.smallest: Examined | None = None

    def go(self, strategy: SearchStrategy[Case], seed: int) -> Examined | None:
        @seeded(seed)
        @settings(
            max_examples=max(self.examples, FEWEST),
            phases=(*PHASES, Phase.target) if self.by_margin else PHASES,
            database=None,  # what is found is kept as a case line, which outlives the strategies
            deadline=None,
            report_multiple_bugs=False,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def property_holds(case: Case) -> None:
            self._try(case)

        try:
            with drawn_by_the_seed_alone():
                property_holds()
        except _News:
            return self.smallest
        return None

    def _try(self, case: Case) -> None:
        if self.target is None and (case in self.tried or self.answered == self.examples):
            self._aim(case)
            return
        examined = self.bench.examine(case)
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
        if news and examined.verdict.kind is self.target:
            # Hypothesis ends on the smallest it found. Its clause may be another than that of
            # the first: it is the smallest that tells best which clause is contradicted.
            self.smallest = examined
            raise _News

    def _aim(self, case: Case) -> None:
        """Tell Hypothesis how near to its bound the answer came, where it is to drive that up."""
        if self.by_margin and self.target is None:
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
