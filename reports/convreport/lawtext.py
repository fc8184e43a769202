"""One law on one problem as text: what was compared, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterator

from convformance.bench import Bench
from convformance.laws.hearing import Hearing, entry_of
from convoracle import CLAUSES


def law_text(bench: Bench, heard: Hearing) -> str:
    """Return all that is known of a hearing."""
    return "\n".join(_lines(bench, heard))


def verdict_words(heard: Hearing) -> str:
    """Return what became of the law in a few words."""
    if heard.held is None:
        return f"not applicable: {heard.message}"
    if heard.held:
        return "held"
    if heard.law.exact:
        return f"{heard.verdict.kind} [{heard.law.label}]"
    return f"not held, by {heard.by_how_much:.2g} of the largest element; a fact, no discrepancy"


def _lines(bench: Bench, heard: Hearing) -> Iterator[str]:
    yield heard.case.line
    yield f"[{heard.law.label}] on {bench.backend.name} {bench.backend.version}"
    yield f'          "{CLAUSES[heard.law.label].sentence}"'
    yield ""
    for note in heard.notes:
        yield f"compared  {note}"
    yield f"verdict   {verdict_words(heard)}"
    entry = entry_of(bench.ledger, heard) if heard.is_broken else None
    if entry:
        yield f"known     {entry.kind}: {entry.reason}"
