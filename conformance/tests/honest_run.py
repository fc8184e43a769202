"""Give the honest backends many cases, and tell what was said of their answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from honest import Honest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.plan import EXPLORATIONS, Exploration
from convformance.runfile import CaseRecord
from convformance.verdict import Kind

VALID = tuple(one for one in EXPLORATIONS if one.area != "invalid")
EXAMPLES = 25  # of an exploration, before the next backend and exploration have their turn


@dataclass
class Tally:
    """What a backend answered, and what the judge said of it."""

    backend: Honest
    cases: int = 0
    problems: set[str] = field(default_factory=set)
    worst: float = 0.0
    discrepancies: list[str] = field(default_factory=list)

    def add(self, record: CaseRecord) -> None:
        """Count an answered case."""
        if record.verdict == Kind.UNSUPPORTED:
            return
        self.cases += 1
        self.problems.add(record.line.partition(" fill=")[0])
        self.worst = max(self.worst, record.margin or 0.0)
        if record.verdict != Kind.AGREES:  # they follow the standard choices: no variant either
            told = f"{record.verdict} [{record.clause}] {record.message}"
            self.discrepancies.append(f"{self.backend.name}: {told}: {record.line}")


def hunt(tally: Tally, what: Exploration, examples: int, seed: int) -> None:
    """Give the backend cases of an exploration that the seed draws."""
    bench = Bench(tally.backend, seed=seed)
    explore(bench, what.strategy, examples, what.name)
    for record in bench.records:
        if isinstance(record, CaseRecord):
            tally.add(record)


def turns(number: int, seed: int) -> Iterator[tuple[int, Exploration, int]]:
    """Yield (which backend, exploration, seed) without end: every one meets every other."""
    for turn in count():
        for j, what in enumerate(VALID):
            yield (j + turn) % number, what, seed + turn


def run(backends: Sequence[Honest], cases: int, seconds: float, seed: int = 1) -> list[Tally]:
    """Return the tallies after so many answered cases, or when the time is up."""
    tallies = [Tally(one) for one in backends]
    ends = time.monotonic() + seconds
    for which, what, fresh in turns(len(backends), seed):
        left = cases - sum(tally.cases for tally in tallies)
        if left <= 0 or time.monotonic() > ends:
            break
        hunt(tallies[which], what, min(EXAMPLES, left), fresh)
    return tallies


def table(tallies: Sequence[Tally]) -> str:
    """Return the tallies as a table in Markdown, with their sum."""
    head = ("backend", "cases", "problems", "discrepancies", "worst margin")
    rows = [
        (one.backend.name, one.cases, len(one.problems), len(one.discrepancies), one.worst)
        for one in tallies
    ]
    numbers = zip(*(row[1:4] for row in rows), strict=True)
    rows.append(("all", *(sum(column) for column in numbers), max(one.worst for one in tallies)))
    lines = [f"| {' | '.join(head)} |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {name} | {a:,} | {b:,} | {c} | {worst:.3f} |" for name, a, b, c, worst in rows]
    return "\n".join(lines)
