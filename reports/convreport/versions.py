"""Releases of one framework side by side: what each discrepancy did from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from convformance.runfile import Finding, Run
from convformance.verdict import Kind
from convoracle import CLAUSES
from convreport.answers import RIGHT, SILENT, WRONG, Answers, is_flaky, key_of
from convreport.columns import columns
from convreport.findings import finding_command, sentence
from convreport.text import count, one_line

SEEN, OTHERWISE, UNASKED, ABSENT = "seen", "otherwise", "not asked", "absent"
# What a cell says, and the class of its mark in the style sheet.
CELLS = {
    RIGHT: ("right", "agrees"),
    OTHERWISE: ("differs otherwise", "known"),
    SILENT: ("unsupported", "unsupported"),
    UNASKED: ("not asked", "none"),
    ABSENT: ("", "none"),
}


@dataclass(frozen=True)
class Release:
    """A release that was asked for: its run, or the reason why it has none.

    `again` is the run of the lines that other releases showed something at. `page` is the address
    of the run's report, as the page of all releases has it.
    """

    version: str
    run: Run | None = None
    again: Run | None = None
    reason: str = ""
    page: str = ""

    @cached_property
    def answers(self) -> tuple[Answers, ...]:
        """The answers of its runs."""
        return tuple(Answers(one) for one in (self.run, self.again) if one is not None)

    @cached_property
    def findings(self) -> Mapping[str, Finding]:
        """The findings by id; those of the whole run stand above the others."""
        runs = [one for one in (self.again, self.run) if one is not None]
        return {one.id: one for run in runs for one in run.findings}

    def is_shown(self, id_: str) -> bool:
        """Whether the finding stands in the report of the release."""
        return self.run is not None and any(one.id == id_ for one in self.run.findings)

    def state(self, keys: Iterable[str]) -> str:
        """Return what became of cases: wrong if one is, else right if one is, else silent."""
        told = {answers.state(key) for key in keys for answers in self.answers}
        return next((one for one in (WRONG, RIGHT, SILENT) if one in told), "")


@dataclass(frozen=True)
class Cell:
    """A discrepancy in a release, in words."""

    state: str
    text: str
    status: str
    link: str = ""


@dataclass(frozen=True)
class Row:
    """A discrepancy over the releases; `story` tells what it did in words."""

    id: str
    op: str
    clause: str
    sentence: str
    verdict: str
    line: str
    message: str
    reason: str  # of the ledger, if it knows it
    link: str
    command: str
    first: str
    fixed: tuple[str, ...]
    regressed: tuple[str, ...]
    comes_and_goes: bool
    story: str
    cells: tuple[Cell, ...]

    @property
    def has_changed(self) -> bool:
        """Whether the releases differ in it."""
        return bool(self.fixed or self.regressed)


def refusal_of_all(run: Run) -> str:
    """Return how a release refuses valid problems if it answers none, else nothing.

    What refuses everything refuses what has no meaning too, and is not right for it.
    """
    if any(one.compared for one in run.cases):
        return ""
    refused = (one for one in run.cases if one.verdict == Kind.REFUSES)
    return next((one_line(one.message) for one in refused), "")


def missing(releases: Sequence[Release]) -> list[list[str]]:
    """Return for each release the lines that others showed something at and it was not asked."""
    shown = _shown(releases)
    return [
        sorted(
            key
            for id_, keys in shown.items()
            if id_ not in one.findings
            for key in keys
            if not one.state([key])
        )
        if one.run is not None
        else []
        for one in releases
    ]


def rows(releases: Sequence[Release]) -> tuple[Row, ...]:
    """Return the discrepancies of all releases, those that changed first."""
    shown = _shown(releases)
    found = [_row(id_, keys, releases) for id_, keys in shown.items()]
    order = {label: i for i, label in enumerate(CLAUSES)}
    return tuple(
        sorted(
            found,
            key=lambda one: (
                not one.regressed,
                not one.fixed,
                order.get(one.clause, len(order)),
                one.op,
                one.verdict,
                one.id,
            ),
        )
    )


def _shown(releases: Sequence[Release]) -> dict[str, list[str]]:
    """Return the smallest cases of each discrepancy, by its id."""
    shown: dict[str, dict[str, None]] = {}
    for one in releases:
        for id_, finding in one.findings.items():
            shown.setdefault(id_, {})[key_of(finding)] = None
    return {id_: list(keys) for id_, keys in shown.items()}


def _row(id_: str, keys: Sequence[str], releases: Sequence[Release]) -> Row:
    newest = next(one for one in reversed(releases) if id_ in one.findings)
    finding = newest.findings[id_]
    cells = tuple(_cell(id_, keys, one) for one in releases)
    told = [(one.version, cell.state) for one, cell in zip(releases, cells, strict=True)]
    flaky = any(is_flaky(one.findings[id_]) for one in releases if id_ in one.findings)
    first = next(version for version, state in told if state == SEEN)
    fixed, regressed = ((), ()) if flaky else (_turns(told, RIGHT, SEEN), _turns(told, SEEN, RIGHT))
    run = newest.run or newest.again
    assert run is not None  # it has the finding
    entry = finding.entry or {}
    return Row(
        id=id_,
        op=finding.op,
        clause=finding.clause,
        sentence=sentence(finding.clause),
        verdict=finding.verdict,
        line=finding.line,
        message=one_line(finding.message),
        reason=one_line(str(entry.get("reason", ""))),
        link=str(entry.get("link", "")),
        command=finding_command(finding, run.header.given or run.header.backend),
        first=first,
        fixed=fixed,
        regressed=regressed,
        comes_and_goes=flaky,
        story=_story(told, first, fixed, regressed, flaky=flaky),
        cells=cells,
    )


def _cell(id_: str, keys: Sequence[str], release: Release) -> Cell:
    if release.run is None:
        return Cell(ABSENT, *CELLS[ABSENT])
    if id_ in release.findings:
        status = release.findings[id_].status
        link = f"{release.page}#{id_}" if release.page and release.is_shown(id_) else ""
        return Cell(SEEN, "known" if status == "known" else "NEW", status, link)
    state = release.state(keys)
    state = {WRONG: OTHERWISE, "": UNASKED}.get(state, state)
    return Cell(state, *CELLS[state], link=release.page if state == OTHERWISE else "")


def _turns(told: Iterable[tuple[str, str]], now: str, before: str) -> tuple[str, ...]:
    """Return the releases that are `now` where the last one that says anything was `before`."""
    found, last = [], ""
    for version, state in told:
        if state not in (SEEN, RIGHT):
            continue
        if (last, state) == (before, now):
            found.append(version)
        last = state
    return tuple(found)


def _story(
    told: Sequence[tuple[str, str]],
    first: str,
    fixed: Sequence[str],
    regressed: Sequence[str],
    *,
    flaky: bool,
) -> str:
    if flaky:
        return f"comes and goes; first seen in {first}"
    earliest = next(version for version, state in told if state != ABSENT)
    words = [f"first seen in {first}"]
    if first == earliest:
        words[0] += ", the lowest that was asked"
    elif first in regressed:
        words[0] += ", and right before"
    turns = [(version, "regressed in") for version in regressed if version != first]
    turns += [(version, "fixed in") for version in fixed]
    rank = {version: i for i, (version, _) in enumerate(told)}
    words += [f"{word} {version}" for version, word in sorted(turns, key=lambda one: rank[one[0]])]
    return "; ".join(words)


def headline(releases: Sequence[Release], found: Sequence[Row]) -> str:
    """Return the result in one line."""
    asked = sum(one.run is not None for one in releases)
    parts = [
        f"{count(len(found), 'discrepancy', 'discrepancies')} in {count(asked, 'release')}",
        f"{sum(bool(one.regressed) for one in found):,} regressed",
        f"{sum(bool(one.fixed) for one in found):,} fixed",
    ]
    absent = len(releases) - asked
    if absent:
        parts.append(f"{count(absent, 'release')} could not be asked")
    return ", ".join(parts)


def backend_of(releases: Iterable[Release]) -> Iterator[str]:
    """Yield the backend of each run."""
    for one in releases:
        if one.run is not None:
            yield columns([one.run])[0].backend
