"""The page of a campaign: made of tallies, and the same bytes whatever order shards came in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from convformance.problem import DTYPES, OPS
from convformance.runfile import CaseRecord, Finding, Footer, Header, Run
from convoracle import CLAUSES
from convreport.campaign.merge import Merged
from convreport.campaign.tally import GAP, Tally
from convreport.columns import STATUSES, Column, columns
from convreport.findings import FindingView, Stale, finding_views
from convreport.page import Failure
from convreport.text import count, margin, one_line
from convreport.tried import CountTable

MOST_MISSED = 200  # shards without a run, as the page lists them


@dataclass(frozen=True)
class Row:
    """A backend and version in the table at the head."""

    label: str
    shards: int
    cases: int
    laws: int
    counts: tuple[tuple[str, int], ...]
    worst: str
    deaths: int
    python: str
    libraries: str
    systems: str


@dataclass(frozen=True)
class ClauseRow:
    """What became of the cases that ask about a clause, status by status."""

    clause: str
    cells: tuple[tuple[tuple[str, int], ...], ...]


@dataclass(frozen=True)
class WorstRow:
    """The largest margin within the bound, of an op and dtype of one backend."""

    label: str
    op: str
    dtype: str
    cases: int
    margin: str
    line: str


@dataclass(frozen=True)
class CampaignPage:
    """The whole page. `missed` has the shards that gave no run, and why, as far as it is known."""

    headline: str
    is_red: bool
    command: str
    planned: int
    rows: tuple[Row, ...]
    findings: tuple[FindingView, ...]
    failures: tuple[Failure, ...]
    ops: tuple[CountTable, ...]
    clauses: tuple[ClauseRow, ...]
    worst: tuple[WorstRow, ...]
    missed: tuple[tuple[str, str], ...]
    unlisted: int
    convformance: str
    stale: tuple[Stale, ...] = ()  # a campaign asks what it draws; a whole run tells this

    @property
    def whole(self) -> tuple[FindingView, ...]:
        """The findings that are drawn."""
        return tuple(one for one in self.findings if not one.is_brief)

    @property
    def brief(self) -> tuple[FindingView, ...]:
        """The findings that are only told, behind all that are drawn."""
        return tuple(one for one in self.findings if one.is_brief)


def campaign_page(merged: Merged, command: str) -> CampaignPage:
    """Return the page of what the finished shards told."""
    shown = columns(_run(tally, merged.findings[key]) for key, tally in merged.tallies.items())
    tallies = [merged.tallies[one.run.header.backend, one.run.header.version] for one in shown]
    pairs = list(zip(shown, tallies, strict=True))
    missed = sorted(merged.missed.items())
    return CampaignPage(
        headline=_headline(merged),
        is_red=merged.is_red,
        command=command,
        planned=merged.planned,
        rows=tuple(_row(column, tally) for column, tally in pairs),
        findings=_findings(shown, tallies),
        failures=tuple(Failure(one.label, text) for one, tally in pairs for text in tally.failed),
        ops=tuple(_ops(column.label, tally) for column, tally in pairs),
        clauses=_clauses(tallies),
        worst=tuple(one for column, tally in pairs for one in _worst(column.label, tally)),
        missed=tuple((shard, one_line(why)) for shard, why in missed[:MOST_MISSED]),
        unlisted=max(0, len(missed) - MOST_MISSED),
        convformance=merged.convformance,
    )


def _run(tally: Tally, findings: Sequence[Finding]) -> Run:
    """Return a run that stands for all of one backend: its findings, and their smallest cases."""
    header = Header(seed=0, started="", system=", ".join(tally.systems), **tally.header)
    cases = [
        CaseRecord(line, "", "explored", "differs", signature=signature)
        for signature, one in sorted(tally.signed.items())
        for line in one.lines
    ]
    footer = Footer(len(cases), 0, len(findings), 0.0)
    return Run(header, cases, findings, (), footer)


def _findings(shown: Sequence[Column], tallies: Sequence[Tally]) -> tuple[FindingView, ...]:
    """Return the findings with the number of all their cases, not of those that are at hand."""
    cases = {
        (column.label, finding.id): tally.signed[finding.signature].cases
        for column, tally in zip(shown, tallies, strict=True)
        for finding in column.run.findings
        if finding.signature in tally.signed
    }
    return tuple(
        replace(one, cases=many, unlisted=_unlisted(many - len(one.lines)))
        for one in finding_views(shown, None, light=True)
        for many in [cases.get((one.label, one.id), one.cases)]
    )


def _unlisted(rest: int) -> str:
    return f"and {count(rest, 'further case')}; the run files hold them all" if rest > 0 else ""


def _headline(merged: Merged) -> str:
    findings = [one for some in merged.findings.values() for one in some]
    new = sum(one.status == "new" for one in findings)
    parts = [
        count(new, "new discrepancy", "new discrepancies") if new else "nothing new",
        count(len(findings) - new, "known deviation"),
        f"{sum(one.cases for one in merged.tallies.values()):,} cases",
    ]
    if merged.missed:
        parts.append(f"{count(len(merged.missed), 'shard')} not finished")
    failures = sum(one.failures for one in merged.tallies.values())
    if failures:
        parts.append(
            count(failures, "test failed for another reason", "tests failed for another reason")
        )
    return ", ".join(parts)


def _row(column: Column, tally: Tally) -> Row:
    counts = defaultdict[str, int](int)
    for key, cases in tally.counts.items():
        counts[key.split(GAP)[2]] += cases
    within = [one.margin for one in tally.worst.values() if one.margin >= 0]
    libraries = column.run.header.libraries
    return Row(
        label=column.label,
        shards=tally.shards,
        cases=tally.cases,
        laws=tally.laws,
        counts=tuple((status, counts[status]) for status in STATUSES),
        worst=margin(max(within, default=None)),
        deaths=tally.deaths,
        python=column.run.header.python,
        libraries=", ".join(f"{name} {version}" for name, version in sorted(libraries.items())),
        systems=", ".join(tally.systems),
    )


def _ops(label: str, tally: Tally) -> CountTable:
    counts = defaultdict[tuple[str, str], int](int)
    for key, cases in tally.counts.items():
        op, dtype, _ = key.split(GAP)
        counts[op, dtype] += cases
    dtypes = _ordered(DTYPES, (dtype for _, dtype in counts))
    ops = _ordered(OPS, (op for op, _ in counts))
    rows = tuple((op, tuple(counts[op, dtype] for dtype in dtypes)) for op in ops)
    return CountTable(label, dtypes, rows)


def _clauses(tallies: Sequence[Tally]) -> tuple[ClauseRow, ...]:
    met = {key.split(GAP)[0] for tally in tallies for key in tally.clauses}
    return tuple(
        ClauseRow(
            clause or "traced to none",
            tuple(
                tuple(
                    (status, tally.clauses[GAP.join((clause, status))])
                    for status in STATUSES
                    if tally.clauses[GAP.join((clause, status))]
                )
                for tally in tallies
            ),
        )
        for clause in _ordered(CLAUSES, met)
        if clause in met
    )


def _worst(label: str, tally: Tally) -> Iterator[WorstRow]:
    keys: Mapping[tuple[str, ...], str] = {tuple(key.split(GAP)): key for key in tally.worst}
    for op in _ordered(OPS, (key[0] for key in keys)):
        for dtype in _ordered(DTYPES, (key[1] for key in keys)):
            one = tally.worst.get(keys.get((op, dtype), ""))
            if one and one.margin > 0:
                yield WorstRow(label, op, dtype, one.cases, margin(one.margin), one.line)


def _ordered(known: Iterable[str], met: Iterable[str]) -> tuple[str, ...]:
    """Return the names that were met: the known ones in their order, then the others."""
    names = set(met)
    first = [one for one in known if one in names]
    return (*first, *sorted(names - set(first)))
