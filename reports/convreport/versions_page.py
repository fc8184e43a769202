"""The page of `convformance versions`: releases as columns; what differs between them as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from convformance.problem import DTYPES, OPS
from convformance.runfile import Run
from convreport.arithmetic import words as computed
from convreport.columns import columns
from convreport.text import count, margin, one_line
from convreport.versions import Release, Row, headline, rows

NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Column:
    """A release in the table of releases; without a run `reason` says why."""

    version: str
    page: str
    reason: str
    cases: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    worst: str = ""
    python: str = ""
    libraries: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table: two names, and a word for each release that was asked."""

    name: str
    op: str
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the releases that say anything say different things."""
        return len({one for one in self.cells if one != NOTHING}) > 1


@dataclass(frozen=True)
class Table:
    """Lines that differ between releases, and all of them."""

    lines: tuple[Line, ...]

    @property
    def changed(self) -> tuple[Line, ...]:
        """The lines that differ."""
        return tuple(one for one in self.lines if one.differs)


@dataclass(frozen=True)
class VersionsPage:
    """Everything that the page shows."""

    backend: str
    headline: str
    is_red: bool
    seed: str
    selection: str
    convformance: str
    releases: tuple[Column, ...]
    asked: tuple[str, ...]  # the releases that have a run
    rows: tuple[Row, ...]
    choices: Table
    accuracy: Table
    arithmetic: Table
    command: str = ""

    @property
    def moved(self) -> tuple[Row, ...]:
        """The discrepancies in which releases differ."""
        return tuple(one for one in self.rows if one.has_changed)

    @property
    def steady(self) -> tuple[Row, ...]:
        """The others."""
        return tuple(one for one in self.rows if not one.has_changed)


def versions_page(backend: str, releases: Sequence[Release], command: str = "") -> VersionsPage:
    """Return the page; raise ValueError where no release has a run."""
    runs = [one.run for one in releases if one.run is not None]
    if not runs:
        raise ValueError("no release could be asked")
    found = rows(releases)
    header = runs[-1].header
    return VersionsPage(
        backend=one_line(backend),
        headline=headline(releases, found),
        is_red=any(one.regressed for one in found),
        seed=", ".join(sorted({str(one.header.seed) for one in runs})),
        selection=one_line(header.selection),
        convformance=", ".join(sorted({one.header.convformance for one in runs})),
        releases=tuple(map(_column, releases)),
        asked=tuple(one.version for one in releases if one.run is not None),
        rows=found,
        choices=_table(runs, _choices),
        accuracy=_table(runs, _margins),
        arithmetic=_table(runs, _arithmetic),
        command=command,
    )


def _column(release: Release) -> Column:
    run = release.run
    if run is None:
        return Column(release.version, "", release.reason)
    (column,) = columns([run])
    named = ("agrees", "variant", "known", "new", "unsupported")
    libraries = [f"{name} {version}" for name, version in sorted(run.header.libraries.items())]
    return Column(
        version=release.version,
        page=release.page,
        reason="",
        cases=len(run.cases),
        counts=tuple((name, column.statuses[name]) for name in named),
        worst=margin(column.worst_margin),
        python=run.header.python,
        libraries=one_line(", ".join(libraries)),
    )


def _table(runs: Sequence[Run], of: Callable[[Run], Mapping[tuple[str, str], str]]) -> Table:
    found = [of(one) for one in runs]
    keys = sorted({key for one in found for key in one}, key=_order)
    return Table(tuple(Line(*key, tuple(one.get(key, NOTHING) for one in found)) for key in keys))


def _order(key: tuple[str, str]) -> tuple[object, ...]:
    name, op = key
    dtypes, ops = list(DTYPES), list(OPS)
    return (
        dtypes.index(name) if name in dtypes else len(dtypes),
        name,
        ops.index(op.split()[0]) if op.split()[0] in ops else len(ops),
        op,
    )


def _choices(run: Run) -> dict[tuple[str, str], str]:
    """Return what each op follows at each variant point."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in run.choices:
        found.setdefault((one.point, one.op), set()).add(one.choice)
    return {key: ", ".join(sorted(told)) for key, told in found.items()}


def _margins(run: Run) -> dict[tuple[str, str], str]:
    """Return the largest margin of each dtype and op that kept the bound."""
    (column,) = columns([run])
    found: dict[tuple[str, str], float] = {}
    for one in column.cases:
        value = one.record.margin
        if value is not None and value <= 1:
            key = (one.dtype, one.op)
            found[key] = max(found.get(key, 0.0), value)
    return {key: margin(value) for key, value in found.items()}


def _arithmetic(run: Run) -> dict[tuple[str, str], str]:
    return {(one.dtype, one.op): computed(one) or NOTHING for one in run.arithmetic}


def summary(page: VersionsPage) -> Iterable[str]:
    """Yield what a terminal is told of the page."""
    for one in page.moved:
        yield f"{one.id} · {one.op} · [{one.clause}] · {one.verdict}: {one.story}"
        yield f"     {one.line}"
    if page.steady:
        yield f"{count(len(page.steady), 'discrepancy', 'discrepancies')} in all that were asked"
