"""What a discrepancy is called: its signature, and an id that stays when it becomes known.

The signature of a known one holds its ledger entry, so that it moves when the entry is written; by
it the cases of a run are gathered. The id is made of what the discrepancy is to one who has no
ledger. Where several entries tell of the like, the first in the file has the plain id, and each
further one, or what is new beside them, has its place in the row behind it: entries are added at
the end, and one that a release outlives is narrowed, not taken away.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace

from convformance.attribute import spoken, template
from convformance.ledger import Entry
from convformance.problem import Case, LineError, Problem
from convformance.runfile import Finding
from convformance.verdict import Kind, Verdict

BY_MESSAGE = (Kind.REFUSES, Kind.CRASHED, Kind.LATE)  # the message is the reason


def signature(backend: str, case: Case, verdict: Verdict, entry: Entry | None) -> str:
    """Return what makes two discrepancies the same row of the report."""
    if entry:
        return f"{backend} {_op(case.problem, verdict)} {verdict.kind} {entry.id}"
    return _plain(backend, case.problem, verdict)


def finding_id(text: str) -> str:
    """Return an id made of a text."""
    return "d-" + hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:8]


def former_id(finding: Finding) -> str:
    """Return the id that a known finding had in releases that made it of the ledger's entry."""
    is_known = bool((finding.entry or {}).get("id"))
    made = finding_id(finding.signature)
    return made if is_known and made != finding.id else ""


def further_ids(backend: str, finding: Finding) -> tuple[str, ...]:
    """Return by which other ids a known finding may have been cited; what is new has none.

    A death that its entry tells by more than the signal has that of its signal: see `_known`.
    """
    former = former_id(finding)
    is_death = finding.verdict in BY_MESSAGE and finding.id == finding_id(finding.signature)
    if former or not finding.entry or not is_death:
        return (former,) if former else ()
    try:
        problem, kind = Case.parse(finding.line).problem, Kind(finding.verdict)
    except (LineError, ValueError):  # the line of another release
        return ()
    plain = finding_id(_plain(backend, problem, Verdict(kind, message=finding.message)))
    return () if plain == finding.id else (plain,)


def identity(
    backend: str, case: Case, verdict: Verdict, entry: Entry | None, ledger: Iterable[Entry]
) -> str:
    """Return the id of a discrepancy; `ledger` has the backend's entries of all releases."""
    problem = case.problem
    plain = _known(backend, problem, verdict, entry) if entry else _plain(backend, problem, verdict)
    alike = [
        one.id
        for one in ledger
        if _tells(one, problem, verdict) and _known(backend, problem, verdict, one) == plain
    ]
    before = alike.index(entry.id) if entry and entry.id in alike else len(alike)
    return finding_id(f"{plain} #{before + 1}" if before else plain)


def _plain(backend: str, problem: Problem, verdict: Verdict, dtype: str = "") -> str:
    """Return the signature of what no entry tells of; `dtype` may stand for the problem's."""
    words = [backend, _op(problem, verdict), str(verdict.kind)]
    if verdict.kind in BY_MESSAGE:
        return " ".join([*words, template(verdict.message)])
    words.append(f"[{verdict.clause}]")
    if verdict.kind in (Kind.BOUND, Kind.DTYPE):
        words.append(dtype or problem.dtype)
    if verdict.wrong and all(name == "indices" for name, _ in verdict.wrong):
        words.append("indices only")
    return " ".join(words)


def _known(backend: str, problem: Problem, verdict: Verdict, entry: Entry) -> str:
    """Return the signature that the entry's own case had before the entry was written.

    A death that the entry tells by more than its signal keeps the signature with the entry.
    """
    if verdict.kind in BY_MESSAGE and not re.search(entry.message, spoken(verdict.message)):
        return f"{backend} {_op(problem, verdict)} {verdict.kind} {entry.id}"
    told = replace(verdict, clause=entry.clause)
    return _plain(backend, problem, told, Case.parse(entry.case).problem.dtype)


def _op(problem: Problem, verdict: Verdict) -> str:
    """Return the op; of a gradient by what, but a law speaks of both."""
    if problem.grad and verdict.kind is not Kind.LAW:
        return f"{problem.op} grad={problem.grad}"
    return problem.op


def _tells(entry: Entry, problem: Problem, verdict: Verdict) -> bool:
    """Whether the entry tells of this op, verdict and message, whatever else narrows it."""
    by_message = verdict.kind in BY_MESSAGE
    return (
        entry.op == problem.op
        and entry.verdict == verdict.kind
        and entry.speaks_of(problem)
        and (not by_message or re.search(entry.message, verdict.message) is not None)
    )
