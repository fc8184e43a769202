"""The page: everything that the templates print, as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from convformance.runfile import FORMAT, Run
from convreport.arithmetic import Computing, computing
from convreport.columns import Column, columns
from convreport.covered import covered
from convreport.findings import FindingView, Stale, finding_views, stale_entries
from convreport.history import History
from convreport.laws import LawTable, law_table
from convreport.matrix import Matrix, matrix
from convreport.operations import OperationGroup, operations
from convreport.picture import Picture, picture
from convreport.text import count, duration, margin
from convreport.tried import CountTable, Reasons, op_tables, source_table, unsupported, ways
from convreport.variants import Point, points
from convreport.worst import WorstCases, worst_cases

DAY = timedelta(days=1)


@dataclass(frozen=True)
class RunRow:
    """One run in the tables at the head of the page."""

    label: str
    backend: str
    version: str
    adapter: tuple[str, ...]  # in parts, between which a line may break
    libraries: str
    system: str
    convformance: str
    seed: int
    started: str
    selection: str
    profile: str
    geometries: tuple[str, ...]
    covered: tuple[str, ...]
    large: int
    problems: int
    cases: int
    seconds: str
    agrees: int
    variant: int
    known: int
    new: int
    unsupported: int
    worst: str


@dataclass(frozen=True)
class Failure:
    """A test that failed for another reason than a discrepancy."""

    label: str
    text: str


@dataclass(frozen=True)
class Page:
    """The whole report."""

    headline: str
    is_red: bool
    warnings: tuple[str, ...]
    runs: tuple[RunRow, ...]
    new: tuple[FindingView, ...]
    known: tuple[FindingView, ...]
    stale: tuple[Stale, ...]
    failures: tuple[Failure, ...]
    operations: tuple[OperationGroup, ...]
    matrix: Matrix
    points: tuple[Point, ...]
    unsupported: tuple[Reasons, ...]
    ways: tuple[Reasons, ...]
    ops: tuple[CountTable, ...]
    sources: CountTable
    accuracy: Picture
    worst: tuple[WorstCases, ...]
    computing: Computing
    laws: LawTable
    format: int = FORMAT

    @property
    def findings(self) -> tuple[FindingView, ...]:
        """All findings, the new ones first."""
        return self.new + self.known

    @property
    def whole(self) -> tuple[FindingView, ...]:
        """The findings that are drawn."""
        return tuple(one for one in self.findings if not one.is_brief)

    @property
    def brief(self) -> tuple[FindingView, ...]:
        """The findings that are only told, behind all that are drawn."""
        return tuple(one for one in self.findings if one.is_brief)


def make_page(runs: Iterable[Run], history: History | None = None) -> Page:
    """Return the page of the runs; their order does not matter. Raise ValueError without any."""
    shown = columns(runs)
    if not shown:
        raise ValueError("a report needs at least one run")
    findings = finding_views(shown, history, light=True)
    return Page(
        headline=headline(shown),
        is_red=any(column.run.is_red or column.statuses["new"] for column in shown),
        warnings=tuple(_warnings(shown)),
        runs=tuple(map(_row, shown)),
        new=tuple(one for one in findings if one.status == "new"),
        known=tuple(one for one in findings if one.status == "known"),
        stale=stale_entries(shown),
        failures=tuple(Failure(one.label, text) for one in shown for text in one.run.footer.failed),
        operations=operations(shown),
        matrix=matrix(shown, findings),
        points=points(shown),
        unsupported=unsupported(shown),
        ways=ways(shown),
        ops=op_tables(shown),
        sources=source_table(shown),
        accuracy=picture(shown),
        worst=worst_cases(shown),
        computing=computing(shown),
        laws=law_table(shown, findings),
    )


def headline(shown: Sequence[Column]) -> str:
    """Return the result in one line: what is new, what is known, what is stale, what failed."""
    findings = [finding for column in shown for finding in column.run.findings]
    new = sum(finding.status == "new" for finding in findings)
    stale = sum(len(column.run.footer.stale) for column in shown)
    failed = sum(len(column.run.footer.failed) for column in shown)
    parts = [
        count(new, "new discrepancy", "new discrepancies") if new else "nothing new",
        count(len(findings) - new, "known deviation"),
    ]
    if stale:
        parts.append(
            count(stale, "ledger entry no longer occurs", "ledger entries no longer occur")
        )
    if failed:
        parts.append(
            count(failed, "test failed for another reason", "tests failed for another reason")
        )
    return ", ".join(parts)


def _row(column: Column) -> RunRow:
    header, footer, statuses = column.run.header, column.run.footer, column.statuses
    return RunRow(
        label=column.label,
        backend=column.backend,
        version=column.version,
        adapter=tuple(re.findall(r"[^.:_]*[.:_]?", header.adapter)[:-1]),
        libraries=", ".join(
            f"{name} {version}" for name, version in sorted(header.libraries.items())
        ),
        system=f"Python {header.python}, {header.system}",
        convformance=header.convformance,
        seed=header.seed,
        started=_moment(header.started),
        selection=header.selection,
        profile=header.profile,
        geometries=_geometries(column.run),
        covered=covered(column.run),
        large=sum(bool(one.reference) for one in column.run.cases),
        problems=footer.problems,
        cases=len(column.cases),
        seconds=duration(footer.seconds),
        agrees=statuses["agrees"],
        variant=statuses["variant"],
        known=statuses["known"],
        new=statuses["new"],
        unsupported=statuses["unsupported"],
        worst=margin(column.worst_margin),
    )


def _geometries(run: Run) -> tuple[str, ...]:
    """Return how many small geometries and tap maps the run met, over all ops."""
    counts = [(one.asked, one.geometries, one.met, one.maps) for one in run.geometries]
    if not counts:
        return ()
    asked, geometries, met, maps = map(sum, zip(*counts, strict=True))
    return f"{asked:,} of {geometries:,} geometries", f"{met:,} of {maps:,} tap maps"


def _warnings(shown: Sequence[Column]) -> Iterable[str]:
    for column in shown:
        if column.run.header.selection:
            yield f"{column.label} was asked only in part: {column.run.header.selection}"
        if column.run.footer.deaths:
            died = count(column.run.footer.deaths, "time", "times")
            yield (
                f"The process of {column.label} died {died} at a call that a fresh process "
                "answered: an earlier call did harm, and it is not known which."
            )
    times = [_time(column.run.header.started) for column in shown]
    known = [time for time in times if time]
    if len(known) < len(times):
        yield "The start of a run cannot be read as a time."
    if known and max(known) - min(known) > DAY:
        apart = count((max(known) - min(known)).days, "day")
        yield f"The runs started {apart} or more apart: they may not compare like with like."
    releases = sorted({column.run.header.convformance for column in shown})
    if len(releases) > 1:
        yield f"The runs were made by different releases of convformance: {', '.join(releases)}."


def _moment(started: str) -> str:
    """Return a start to the minute, in UTC; as it stands if it is no time."""
    time = _time(started)
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time else started


def _time(started: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(started)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
