"""What the run file keeps of a hearing: a record, and a finding for a broken law."""

from __future__ import annotations

from convformance import identity
from convformance.backend import Backend
from convformance.bench import Bench
from convformance.evidence import LARGEST_SHOWN, array_text
from convformance.laws.hearing import Hearing, arrays_of, entry_of
from convformance.ledger import Entry
from convformance.runfile import Finding, LawRecord
from convformance.verdict import Kind


def signature(backend: Backend, hearing: Hearing, entry: Entry | None) -> str:
    """Return what makes two broken laws the same row of the report; nothing for one that holds."""
    if not hearing.is_broken:
        return ""
    return identity.signature(backend.name, hearing.case, hearing.verdict, entry)


def record(bench: Bench, hearing: Hearing) -> bool:
    """Put the hearing among the bench's records; return whether it is news."""
    entry = entry_of(bench.ledger, hearing) if hearing.is_broken else None
    signed = signature(bench.backend, hearing, entry)
    bench.records.append(_record(hearing, signed))
    if not signed or bench.is_seen(signed, entry):
        return False
    bench.seen[signed] = hearing.case.line
    id_ = bench.id_of(hearing.case, hearing.verdict, entry)
    found = _finding(hearing, signed, id_, entry)
    bench.records.append(found)
    if not entry:
        bench.shared.tell(found)
    return entry is None


def is_news(bench: Bench, hearing: Hearing) -> bool:
    """Whether the law is broken in a way that is neither in the ledger nor seen before."""
    if not hearing.is_broken or entry_of(bench.ledger, hearing):
        return False
    return not bench.is_seen(signature(bench.backend, hearing, None), None)


def _record(hearing: Hearing, signed: str) -> LawRecord:
    return LawRecord(
        law=hearing.law.label,
        op=hearing.case.problem.op,
        line=hearing.case.line,
        held=hearing.held,
        by_how_much=hearing.by_how_much,
        message=hearing.message,
        compared=hearing.compared,
        calls=hearing.calls,
        exact=hearing.law.exact,
        signature=signed,
    )


def _finding(hearing: Hearing, signed: str, id_: str, entry: Entry | None) -> Finding:
    inputs, expected, got = (
        {name: array_text(array) for name, array in arrays.items()} for arrays in arrays_of(hearing)
    )
    return Finding(
        id=id_,
        signature=signed,
        status="known" if entry else "new",
        line=hearing.case.line,
        op=hearing.case.problem.op,
        verdict=str(Kind.LAW),
        clause=hearing.law.label,
        message=hearing.message,
        inputs=inputs,
        expected=expected,
        got=got,
        wrong=hearing.verdict.wrong[:LARGEST_SHOWN],
        entry=entry.to_json() if entry else None,
    )
