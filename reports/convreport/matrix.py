"""The overview: clauses down, backends across, what became of the cases in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from convformance.verdict import Kind
from convoracle import CLAUSES
from convreport.anchors import safe, unique
from convreport.columns import Column, Tried, law_status
from convreport.findings import FindingView, sentence

NO_CLAUSE = "no clause named"
_MANY: dict[str, tuple[str, str]] = {  # a verdict's words for one case and for many
    Kind.SHAPE: ("differs in shape", "differ in shape"),
    Kind.DTYPE: ("differs in dtype", "differ in dtype"),
    Kind.VALUE: ("differs in value", "differ in value"),
    Kind.BOUND: ("exceeds the bound", "exceed the bound"),
    Kind.REFUSES: ("refused though valid", "refused though valid"),
    Kind.ACCEPTS: ("accepted though invalid", "accepted though invalid"),
    Kind.CRASHED: ("crashed", "crashed"),
    Kind.ANSWER: ("answered with something else", "answered with something else"),
    Kind.INPUT: ("changed its input", "changed their input"),
    Kind.LAW: ("breaks the law", "break the law"),
}
_WORDS = {
    "agrees": ("agrees", "agree"),
    "variant": ("follows a variant", "follow a variant"),
    "apart": ("does not hold", "do not hold"),
    "held": ("holds", "hold"),
    "inapplicable": ("not applicable", "not applicable"),
}
_ORDER = (
    "new", "known", "variant", "apart", "agrees", "held", "unsupported", "inapplicable",
    "elsewhere",
)  # fmt: skip
_SHOWN_AS = {"held": "agrees", "apart": "variant", "inapplicable": "unsupported"}

Key = tuple[str, str]  # a status, and for new discrepancies their verdict


@dataclass(frozen=True)
class Part:
    """One count of a cell, in words; `target` is the anchor of its first finding."""

    text: str
    status: str
    target: str = ""


@dataclass(frozen=True)
class Row:
    """A clause and its cells, one per column; a cell without parts was not tried."""

    clause: str
    anchor: str
    sentence: str
    is_variant_point: bool
    cells: tuple[tuple[Part, ...], ...]

    @property
    def is_tried(self) -> bool:
        """Whether any case of any run asked about the clause."""
        return any(self.cells)


@dataclass(frozen=True)
class Area:
    """The clauses that share the part of the label before the dot."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Matrix:
    """All areas, and how many clauses no case asked about."""

    areas: tuple[Area, ...]
    clauses: int
    untried: int


def matrix(columns: Sequence[Column], findings: Sequence[FindingView]) -> Matrix:
    """Return the overview of all columns; a clause foreign to this release gets a row too."""
    tables = [_count(column.cases) for column in columns]
    for column, table in zip(columns, tables, strict=True):
        for one in column.laws:
            status = law_status(one, column.known)
            table[one.law][status, str(Kind.LAW) if status == "new" else ""] += 1
    foreign = sorted({label for table in tables for label in table} - set(CLAUSES))
    targets = _targets(findings)
    taken: dict[str, int] = {}
    rows = [
        Row(
            label or NO_CLAUSE,
            unique(f"clause-{safe(label)}", taken),
            sentence(label) if label else "A discrepancy that was traced to no single clause.",
            bool(label in CLAUSES and CLAUSES[label].choices),
            tuple(
                _cell(table.get(label, Counter()), column.label, label, targets)
                for column, table in zip(columns, tables, strict=True)
            ),
        )
        for label in (*CLAUSES, *foreign)
    ]
    areas: dict[str, list[Row]] = {}
    for row in rows:
        areas.setdefault(row.clause.partition(".")[0], []).append(row)
    return Matrix(
        tuple(Area(name, tuple(members)) for name, members in areas.items()),
        len(rows),
        sum(not row.is_tried for row in rows),
    )


def _count(cases: Iterable[Tried]) -> dict[str, Counter[Key]]:
    table: dict[str, Counter[Key]] = defaultdict(Counter)
    for tried in cases:
        record = tried.record
        asked = {*record.clauses, *record.choices}
        if tried.is_discrepancy:
            verdict = record.verdict if tried.status == "new" else ""
            table[record.clause][tried.status, verdict] += 1
            # The other rows leave it out, yet "not tried" would be untrue there.
            for label in asked - {record.clause}:
                table[label]["elsewhere", ""] += 1
            continue
        for label in asked:
            table[label][tried.status, ""] += 1
    return table


def _targets(findings: Iterable[FindingView]) -> dict[tuple[str, str, Key], str]:
    targets: dict[tuple[str, str, Key], str] = {}
    for one in findings:
        key = (one.status, one.verdict if one.status == "new" else "")
        targets.setdefault((one.label, one.clause, key), one.anchor)
    return targets


def _cell(
    counts: Counter[Key], label: str, clause: str, targets: dict[tuple[str, str, Key], str]
) -> tuple[Part, ...]:
    keys = sorted(counts, key=lambda key: (_ORDER.index(key[0]), key[1]))
    if any(status != "elsewhere" for status, _ in keys):
        keys = [key for key in keys if key[0] != "elsewhere"]
    return tuple(
        Part(
            _words(key, counts[key]),
            _SHOWN_AS.get(key[0], key[0]),
            targets.get((label, clause, key), ""),
        )
        for key in keys
    )


def _words(key: Key, cases: int) -> str:
    status, verdict = key
    if status == "unsupported":
        return f"unsupported {cases:,}"
    if status == "elsewhere":
        return f"{cases:,} judged in other rows"
    one, many = (
        _MANY.get(verdict, (verdict, verdict))
        if status == "new"
        else _WORDS.get(status, (status, status))
    )
    return f"{cases:,} {one if cases == 1 else many}"
