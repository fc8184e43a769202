"""Two runs of one backend side by side: everything that the console, the page and JSON tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convformance.runfile import Finding, Run
from convreport.anchors import safe, unique
from convreport.answers import Answers
from convreport.columns import columns
from convreport.fates import Fate, Moved, fates
from convreport.findings import finding_command, sentence, versions
from convreport.shifts import (
    Shifts,
    Support,
    arithmetic_shifts,
    choice_shifts,
    law_shifts,
    support_shifts,
)
from convreport.text import count, one_line


class OtherBackendError(ValueError):
    """Raised for runs of two backends: what one does not do is not fixed in the other."""


@dataclass(frozen=True)
class Side:
    """One of the two runs."""

    version: str
    versions: str
    started: str
    convformance: str
    seed: int
    profile: str
    selection: str
    cases: int
    findings: int


@dataclass(frozen=True)
class Row:
    """A finding as the comparison tells it; `why` is what its fate is founded on."""

    id: str
    anchor: str
    status: str
    op: str
    clause: str
    sentence: str
    verdict: str
    line: str
    message: str
    diagnosis: tuple[str, ...]
    command: str
    why: str
    moved: tuple[Moved, ...]
    is_worse: bool


@dataclass(frozen=True)
class Diff:
    """What is new, changed, fixed, and what was not asked again, which is none of the three."""

    backend: str
    headline: str
    is_red: bool
    old: Side
    new: Side
    notes: tuple[str, ...]
    appeared: tuple[Row, ...]
    changed: tuple[Row, ...]
    fixed: tuple[Row, ...]
    unasked: tuple[Row, ...]
    fickle: tuple[Row, ...]  # flaky by the ledger, and met in one of the runs only
    same: int
    failed: tuple[str, ...]  # tests that failed for another reason, and did not before
    choices: Shifts
    laws: Shifts
    arithmetic: Shifts
    dropped: tuple[Support, ...]
    gained: tuple[Support, ...]
    asked_in_both: int
    asked_in_old: int
    asked_in_new: int


def compare(old: Run, new: Run) -> Diff:
    """Compare two runs; raise `OtherBackendError` if they are of two backends."""
    if old.header.backend != new.header.backend:
        raise OtherBackendError(
            f"the runs are of two backends, {one_line(old.header.backend)} and "
            f"{one_line(new.header.backend)}: what differs between them stands in their report"
        )
    before, after = Answers(old), Answers(new)
    found = fates(before, after)
    choices, laws = choice_shifts(before, after), law_shifts(old, new)
    failed = tuple(one for one in new.footer.failed if one not in old.footer.failed)
    arithmetic = arithmetic_shifts(old, new)
    shifts = (*choices.changed, *laws.changed, *arithmetic.changed)
    worse = any(one.is_worse for one in found.changed) or any(one.is_worse for one in shifts)
    both = before.by_key.keys() & after.by_key.keys()
    taken: dict[str, int] = {}
    rows = {
        name: tuple(_row(one, new, taken) for one in sorted(some, key=_order))
        for name, some in (
            ("new", found.new),
            ("changed", found.changed),
            ("fixed", found.fixed),
            ("not asked again", found.unasked),
            ("come and go", found.fickle),
        )
    }
    appeared, changed, fixed, unasked, fickle = rows.values()
    return Diff(
        backend=one_line(new.header.backend),
        headline=_headline(rows, found.same, shifts, failed),
        is_red=bool(appeared or worse or failed),
        old=_side(old, before),
        new=_side(new, after),
        notes=tuple(_notes(old, new)),
        appeared=appeared,
        changed=changed,
        fixed=fixed,
        unasked=unasked,
        fickle=fickle,
        same=found.same,
        failed=failed,
        choices=choices,
        laws=laws,
        arithmetic=arithmetic,
        dropped=support_shifts(before, after),
        gained=support_shifts(after, before),
        asked_in_both=len(both),
        asked_in_old=len(before.by_key) - len(both),
        asked_in_new=len(after.by_key) - len(both),
    )


def _order(fate: Fate) -> tuple[object, ...]:
    one = fate.finding
    return not fate.is_worse, one.status != "new", one.clause, one.op, one.verdict, one.id


def _headline(
    rows: dict[str, tuple[Row, ...]], same: int, shifts: Sequence[object], failed: Sequence[str]
) -> str:
    worse = sum(row.is_worse for row in rows["changed"])
    more = {"changed": f" ({worse:,} for the worse)"} if worse else {}
    parts = [f"{len(some):,} {name}{more.get(name, '')}" for name, some in rows.items() if some]
    parts = parts if rows["new"] else ["nothing new", *parts]
    parts.append(f"{same:,} as before")
    if shifts:
        parts.append(
            count(
                len(shifts),
                "choice, law or arithmetic changed",
                "choices, laws or arithmetics changed",
            )
        )
    if failed:
        parts.append(
            count(len(failed), "test failed for another reason", "tests failed for another reason")
        )
    return ", ".join(parts)


def _side(run: Run, answers: Answers) -> Side:
    header = run.header
    (column,) = columns([run])
    return Side(
        one_line(header.version),
        one_line(versions(column)),
        one_line(header.started),
        one_line(header.convformance),
        header.seed,
        one_line(header.profile),
        one_line(header.selection),
        len(answers.by_key),
        len(run.findings),
    )


def _row(fate: Fate, run: Run, taken: dict[str, int]) -> Row:
    finding: Finding = fate.finding
    return Row(
        id=finding.id,
        anchor=unique(safe(finding.id) or "d-", taken),
        status="new" if finding.status == "new" else "known",
        op=finding.op,
        clause=finding.clause,
        sentence=sentence(finding.clause),
        verdict=finding.verdict,
        line=finding.line,
        message=one_line(finding.message),
        diagnosis=tuple(map(one_line, finding.diagnosis)),
        command=finding_command(finding, run.header.given or run.header.backend),
        why=fate.why,
        moved=fate.moved,
        is_worse=fate.is_worse,
    )


def _notes(old: Run, new: Run) -> Iterator[str]:
    """Yield what makes the runs unlike, other than what they compare."""
    for name, run in (("old", old), ("new", new)):
        if run.header.selection:
            yield f"The {name} run was asked only in part: {one_line(run.header.selection)}"
    for name, word in (
        ("convformance", "made by different releases of convformance"),
        ("profile", "of different profiles"),
        ("seed", "of different seeds"),
    ):
        was, now = getattr(old.header, name), getattr(new.header, name)
        if was != now:
            yield f"The runs are {word}: {one_line(str(was))} and {one_line(str(now))}."
    if new.footer.deaths:
        died = count(new.footer.deaths, "time", "times")
        yield f"In the new run the process died {died} at a call that a fresh one answered."
