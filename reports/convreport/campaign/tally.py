"""What a campaign keeps of a run file: counts, and the smallest case of each discrepancy.

A tally of many shards is no larger than the tables that it fills, however many cases they tried.
Adding is sums and least elements, so that the order in which shards come leaves no trace.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import nsmallest
from pathlib import Path
from typing import Any

from convformance.collector import preference
from convformance.runfile import (
    CaseRecord,
    Finding,
    Footer,
    Header,
    LawRecord,
    RunFileError,
    Taken,
    records,
)  # fmt: skip
from convreport.columns import read_case

MOST_LINES = 6  # of a discrepancy, as the page shows them
MOST_FAILED = 100  # tests that failed by themselves, as the page lists them
GAP = "\t"  # between the words of a key
Pending = tuple[str, str, str]  # signature, op and dtype, clause


@dataclass
class Signed:
    """A discrepancy: its cases, and where the finding with the smallest one stands."""

    cases: int = 0
    lines: list[str] = field(default_factory=list)  # the smallest, by length
    best: list[Any] = field(default_factory=list)  # how small it is; nothing if none was made
    shard: str = ""  # in whose run file that finding stands
    status: str = ""

    def add(self, other: Signed) -> None:
        """Count what another one counted."""
        self.cases += other.cases
        self.lines = _smallest({*self.lines, *other.lines})
        if other.best and (not self.best or (other.best, other.shard) < (self.best, self.shard)):
            self.best, self.shard, self.status = other.best, other.shard, other.status


@dataclass
class Worst:
    """Cases on real numbers of an op and dtype, and the one of the largest margin within 1."""

    cases: int = 0
    margin: float = -1.0  # negative: none kept the bound
    line: str = ""

    def add(self, other: Worst) -> None:
        """Count what another one counted."""
        self.cases += other.cases
        if (-other.margin, len(other.line), other.line) < (-self.margin, len(self.line), self.line):
            self.margin, self.line = other.margin, other.line


@dataclass
class Tally:
    """Counts of one shard, or of many of one backend and version.

    The keys of `counts` are op, dtype and status, of `clauses` a clause and a status, of `worst`
    op and dtype, all parted by a tab.
    """

    backend: str = ""
    version: str = ""
    header: dict[str, Any] = field(default_factory=dict)  # of the shard that comes first by name
    shard: str = ""
    shards: int = 0
    cases: int = 0
    laws: int = 0
    deaths: int = 0
    systems: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    failures: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    clauses: Counter[str] = field(default_factory=Counter)
    worst: dict[str, Worst] = field(default_factory=dict)
    signed: dict[str, Signed] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Count what another one counted; both are of one backend and version."""
        if not self.shard or other.shard < self.shard:
            self.shard, self.header = other.shard, other.header
            self.backend, self.version = other.backend, other.version
        for name in ("shards", "cases", "laws", "deaths", "failures"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.systems = sorted({*self.systems, *other.systems})[:MOST_FAILED]
        self.failed = sorted({*self.failed, *other.failed})[:MOST_FAILED]
        self.counts.update(other.counts)
        self.clauses.update(other.clauses)
        for key, worst in other.worst.items():
            self.worst.setdefault(key, Worst()).add(worst)
        for key, signed in other.signed.items():
            self.signed.setdefault(key, Signed()).add(signed)

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(vars(self), sort_keys=True, default=vars)

    @staticmethod
    def from_json(text: str) -> Tally:
        """Return the tally of a line; raise ValueError or TypeError if it is none."""
        data = json.loads(text)
        for name in ("counts", "clauses"):
            data[name] = Counter(data[name])
        for name, kind in (("worst", Worst), ("signed", Signed)):
            data[name] = {key: kind(**values) for key, values in data[name].items()}
        return Tally(**data)


def _smallest(lines: set[str]) -> list[str]:
    return nsmallest(MOST_LINES, lines, key=lambda line: (len(line), line))


def tally_of(path: Path) -> Tally:
    """Return the tally of a shard's run file, read line by line.

    Raise `RunFileError` unless the file is whole: header, footer, and what the footer counted.
    """
    tally, pending = Tally(shards=1), Counter[Pending]()
    header = footer = None
    findings = 0
    for one in records(path):
        footer = None
        if isinstance(one, Header):
            header = one
            tally.backend, tally.version, tally.shard = one.backend, one.version, one.shard
            tally.header, tally.systems = _header(one), [one.system]
        elif isinstance(one, CaseRecord):
            _count(tally, one, pending)
        elif isinstance(one, LawRecord):
            _hear(tally, one, pending)
        elif isinstance(one, Finding):
            findings += 1
            best = list(preference(one))
            found = Signed(best=best, shard=tally.shard, status=one.status)
            tally.signed.setdefault(one.signature, Signed()).add(found)
        elif isinstance(one, Taken):
            tally.signed.setdefault(one.signature, Signed())
        elif isinstance(one, Footer):
            footer = one
    if header is None or not header.shard:
        raise RunFileError(f"{path}: this is no run file of a shard")
    if footer is None or (tally.cases, findings, tally.laws) != (
        footer.cases, footer.findings, footer.laws,
    ):  # fmt: skip
        raise RunFileError(f"{path}: lines are missing: the run did not finish")
    tally.deaths, tally.failures = footer.deaths, len(footer.failed)
    tally.failed = sorted(f"{tally.shard}: {text}" for text in footer.failed)[:MOST_FAILED]
    _settle(tally, pending)
    return tally


def _settle(tally: Tally, pending: Counter[Pending]) -> None:
    """Count the discrepancies, now that the findings are read that tell which are known."""
    for (signature, what, clause), cases in pending.items():
        signed = tally.signed[signature]
        signed.lines = _smallest(set(signed.lines))
        status = "known" if signed.status == "known" else "new"
        tally.clauses[GAP.join((clause, status))] += cases
        if what:
            tally.counts[GAP.join((what, status))] += cases


def _header(header: Header) -> dict[str, Any]:
    """Return what the page tells of a run, without what a machine and a day give to it."""
    names = ("backend", "version", "adapter", "convformance", "given", "python", "libraries")
    return {name: getattr(header, name) for name in names}


def _count(tally: Tally, record: CaseRecord, pending: Counter[Pending]) -> None:
    tried = read_case(record, frozenset())
    tally.cases += 1
    what = GAP.join((tried.op, tried.dtype))
    if record.margin is not None:
        within = record.margin if record.margin <= 1 else -1.0
        found = Worst(1, within, record.line if within >= 0 else "")
        tally.worst.setdefault(what, Worst()).add(found)
    if tried.is_discrepancy:
        _sign(tally, record.signature, record.line)
        pending[record.signature, what, record.clause] += 1
        return
    tally.counts[GAP.join((what, tried.status))] += 1
    for clause in {*record.clauses, *record.choices}:
        tally.clauses[GAP.join((clause, tried.status))] += 1


def _hear(tally: Tally, record: LawRecord, pending: Counter[Pending]) -> None:
    tally.laws += 1
    if record.signature:
        _sign(tally, record.signature, record.line)
        pending[record.signature, "", record.law] += 1
    else:
        status = {True: "agrees", False: "variant", None: "unsupported"}[record.held]
        tally.clauses[GAP.join((record.law, status))] += 1


def _sign(tally: Tally, signature: str, line: str) -> None:
    signed = tally.signed.setdefault(signature, Signed())
    signed.cases += 1
    signed.lines.append(line)
    if len(signed.lines) > 10 * MOST_LINES:  # now and then: most shards have few of one kind
        signed.lines = _smallest(set(signed.lines))


def findings_of(path: Path) -> Iterator[Finding]:
    """Yield the findings of a run file."""
    yield from (one for one in records(path) if isinstance(one, Finding))
