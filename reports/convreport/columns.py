"""Runs as columns: each case with its op, dtype, fill and status."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from convformance.problem import DTYPES
from convformance.runfile import CaseRecord, LawRecord, Run
from convformance.verdict import Kind
from convreport.anchors import marks, safe

STATUSES = ("agrees", "variant", "known", "new", "unsupported")
_FINE = {Kind.AGREES: "agrees", Kind.VARIANT: "variant", Kind.UNSUPPORTED: "unsupported"}


@dataclass(frozen=True)
class Tried:
    """A case record with the words of its line that the tables ask for."""

    record: CaseRecord
    op: str
    dtype: str
    fill: str
    status: str

    @property
    def is_discrepancy(self) -> bool:
        """Whether the case contradicts the specification."""
        return self.status in ("known", "new")


@dataclass(frozen=True)
class Column:
    """One run: a column of the tables, under a label that no other run has."""

    run: Run
    label: str
    mark: str  # tells the run apart in anchors: the backend, wherever that will do
    cases: tuple[Tried, ...]

    @property
    def backend(self) -> str:
        """The backend's name, as the command line takes it."""
        return self.run.header.backend

    @property
    def version(self) -> str:
        """What stands under the name in a heading: the version, and what tells runs apart."""
        return self.label.removeprefix(self.backend).strip()

    @property
    def is_further(self) -> bool:
        """Whether the page has an earlier column of the same backend."""
        return self.mark != safe(self.backend)

    @property
    def laws(self) -> Sequence[LawRecord]:
        """The records of laws."""
        return self.run.laws

    @cached_property
    def known(self) -> frozenset[str]:
        """The signatures of known discrepancies."""
        return known_signatures(self.run)

    @cached_property
    def statuses(self) -> Counter[str]:
        """How many cases have each status; those that break a law are discrepancies too."""
        broken = (law_status(one, self.known) for one in self.laws if one.signature)
        return Counter((*(tried.status for tried in self.cases), *broken))

    @cached_property
    def worst_margin(self) -> float | None:
        """The largest margin that kept the bound; one past it is a finding of its own."""
        return max((one for one in self.margins() if one <= 1), default=None)

    @cached_property
    def signed(self) -> Mapping[str, list[str]]:
        """The lines of the discrepancies, by signature."""
        lines = defaultdict(list)
        for tried in self.cases:
            if tried.is_discrepancy:
                lines[tried.record.signature].append(tried.record.line)
        for law in self.laws:
            if law.signature:
                lines[law.signature].append(law.line)
        return lines

    def margins(self) -> list[float]:
        """Return the margins of the cases on real numbers."""
        return [one.record.margin for one in self.cases if one.record.margin is not None]


def columns(runs: Iterable[Run]) -> tuple[Column, ...]:
    """Return the runs as columns, by backend and version, whatever order they came in."""
    ordered = sorted(runs, key=_order)
    labels = _labels(ordered)
    told = marks([(run.header.backend, label) for run, label in zip(ordered, labels, strict=True)])
    return tuple(
        Column(run, label, mark, _tried(run))
        for run, label, mark in zip(ordered, labels, told, strict=True)
    )


def natural(text: str) -> list[tuple[int, str]]:
    """Return a sort key under which 2.9 stands before 2.13."""
    return [
        (int(word), "") if word.isdigit() else (-1, word)
        for word in re.findall(r"[0-9]+|[^0-9]+", text)
    ]


def _order(run: Run) -> tuple[object, ...]:
    header = run.header
    return header.backend, natural(header.version), header.seed, header.started


def _labels(runs: Sequence[Run]) -> list[str]:
    plain = [f"{run.header.backend} {run.header.version}" for run in runs]
    seeded = [f"{text} seed {run.header.seed}" for text, run in zip(plain, runs, strict=True)]
    labels = [
        longer if plain.count(text) > 1 else text
        for text, longer in zip(plain, seeded, strict=True)
    ]
    return [
        f"{text} run {labels[: i + 1].count(text)}" if labels.count(text) > 1 else text
        for i, text in enumerate(labels)
    ]


def known_signatures(run: Run) -> frozenset[str]:
    """Return the signatures of the run's known discrepancies."""
    return frozenset(one.signature for one in run.findings if one.status == "known")


def law_status(record: LawRecord, known: frozenset[str]) -> str:
    """Return held, apart (a fact that does not hold), inapplicable, known or new."""
    if record.held is None:
        return "inapplicable"
    if record.held:
        return "held"
    if not record.exact:
        return "apart"
    return "known" if record.signature in known else "new"


def _tried(run: Run) -> tuple[Tried, ...]:
    known = known_signatures(run)
    return tuple(read_case(record, known) for record in run.cases)


def read_case(record: CaseRecord, known: frozenset[str]) -> Tried:
    """Return a record with the words of its line, judged by the signatures that are known."""
    words = record.line.split() or [""]
    dtype = next((word for word in words if word in DTYPES), "?")
    fill = next((word[5:].partition("#")[0] for word in words if word.startswith("fill=")), "?")
    status = next((name for kind, name in _FINE.items() if record.verdict == kind), "")
    # A discrepancy that no finding vouches for is nobody's known one.
    status = status or ("known" if record.signature in known else "new")
    return Tried(record, words[0], dtype, fill, status)
