"""The id of a discrepancy stays when the ledger takes it in, and when others come and go."""

from dataclasses import replace

import pytest
from all_liars import LIARS

from convformance.bench import Bench
from convformance.identity import finding_id, former_id, further_ids, identity, signature
from convformance.ledger import Entry, load_all
from convformance.problem import Case
from convformance.runfile import Finding
from convformance.verdict import Kind, Verdict

LIAR = next(one for one in LIARS if one.name == "conv kernel-flipped")
CASE = Case.parse("conv x=1x1x3 w=1x1x2 float32 fill=integers#0")
DEATH = "Aborted (signal 6): F0000 17:05:39.673695 12091 format.h:428] Check failed: index >= 0"
REFUSAL = "Expected 3D input (got 4 dimensions)"


def entry(id_="one", **values):
    given = {
        "id": id_, "backend": LIAR.name, "versions": ">=0", "op": "conv", "clause": "conv.sum",
        "verdict": str(Kind.VALUE), "kind": "bug", "reason": "so", "case": CASE.line,
    }  # fmt: skip
    return Entry(**{**given, **values})


def found(ledger=(), all_releases=()):
    bench = Bench(LIAR, ledger, all_releases=all_releases)
    bench.check(CASE, "explored")
    (one,) = [one for one in bench.records if isinstance(one, Finding)]
    return one


def called(kind=Kind.VALUE, message="", of=None, ledger=(), *, case=CASE, clause="conv.sum"):
    return identity("torch", case, Verdict(kind, clause, message), of, ledger)


def test_what_is_new_keeps_its_id_when_the_ledger_takes_it_in():
    new, known = found(), found([entry()])
    assert (new.status, known.status) == ("new", "known")
    assert new.id == known.id == finding_id(new.signature)
    assert known.signature != new.signature


def test_the_smallest_case_the_dtype_and_the_release_do_not_move_an_id():
    other = Case.parse("conv x=2x1x9 w=1x1x4 stride=2 float64 fill=integers#7")
    assert called() == called(case=other)
    assert called(of=entry()) == called(of=entry(), case=other, clause="conv.bias")
    bound = entry(verdict=str(Kind.BOUND))
    assert called(Kind.BOUND, of=bound) == called(Kind.BOUND, of=bound, case=other)
    assert called(Kind.BOUND) != called(Kind.BOUND, case=other)  # of another dtype, another bound


def test_of_several_alike_the_first_has_the_plain_id_and_each_its_place():
    one, two = entry("one", dtypes=["float32"]), entry("two", when=["rank 2"])
    plain, beside = called(), called(ledger=[one])
    assert called(of=one, ledger=[one]) == called(of=one, ledger=[one, two]) == plain
    assert beside != plain
    assert called(of=two, ledger=[one, two]) == beside  # what was new beside it is now known
    assert len({plain, beside, called(ledger=[one, two])}) == 3
    apart = entry("apart", clause="conv.bias")
    assert called(of=apart, ledger=[one, apart], clause="conv.bias") == called(clause="conv.bias")


def test_an_entry_that_is_narrowed_to_older_releases_leaves_the_other_its_id():
    gone, kept = entry("gone"), entry("kept")
    assert found([kept], [gone, kept]).id != found([kept]).id
    before = identity(LIAR.name, CASE, Verdict(Kind.VALUE, "conv.sum"), kept, [gone, kept])
    assert found([kept], [gone, kept]).id == before


@pytest.mark.parametrize("kind", [Kind.REFUSES, Kind.CRASHED, Kind.LATE])
def test_what_is_known_by_its_message_keeps_the_id_of_its_reason(kind):
    told = entry(verdict=str(kind), message=r"Expected 3D input \(got \d+")
    again = REFUSAL.replace("4", "5")
    assert called(kind, REFUSAL) == called(kind, again, of=told, ledger=[told], clause="x")
    other = entry("other", verdict=str(kind), message="no kernel")
    assert called(kind, "no kernel", of=other, ledger=[told, other]) == called(kind, "no kernel")


def finding(**values):
    given = {
        "id": "d-1", "signature": "torch conv x", "status": "known", "line": CASE.line,
        "op": "conv", "verdict": str(Kind.VALUE), "clause": "conv.sum", "entry": {"id": "x"},
        "message": "",
    }  # fmt: skip
    return Finding(**{**given, **values})


def test_deaths_of_one_signal_are_told_apart_by_their_entries_and_found_by_the_signal():
    ends = "Check failed: index >= 0", "free\\(\\): invalid"
    one, two = (entry(name, verdict=str(Kind.CRASHED), message=ends[i])
                for i, name in enumerate("ab"))  # fmt: skip
    known = called(Kind.CRASHED, DEATH, of=one, ledger=[one, two])
    heap = called(Kind.CRASHED, "Aborted (signal 6): free(): invalid", of=two, ledger=[one, two])
    new = called(Kind.CRASHED, DEATH, ledger=[one, two])
    assert len({known, heap, new}) == 3
    assert new == called(Kind.CRASHED, DEATH)
    signed = signature("torch", CASE, Verdict(Kind.CRASHED, "", DEATH), one)
    made = finding(verdict=str(Kind.CRASHED), message=DEATH, id=known, signature=signed)
    assert further_ids("torch", made) == (new,)
    assert further_ids("torch", replace(made, line="no line")) == ()


def test_a_known_finding_has_its_former_id_and_a_new_one_has_none():
    known = finding()
    assert further_ids("torch", known) == (former_id(known),) == (finding_id(known.signature),)
    for one in (finding(entry=None), finding(entry={}), finding(id=former_id(known))):
        assert further_ids("torch", one) == ()
        assert former_id(one) == ""


def test_a_message_with_half_a_character_has_an_id():
    assert called(Kind.CRASHED, "\ud800").startswith("d-")


def test_no_two_entries_of_the_shipped_ledger_share_an_id():
    """Of those that no message tells apart; each is called by its own case."""
    ids = {}
    for backend in ("torch", "tensorflow", "jax"):
        ledger = [one for one in load_all() if one.backend == backend]
        told = [one for one in ledger if one.verdict not in (Kind.REFUSES, Kind.CRASHED)]
        for one in told:
            case, verdict = Case.parse(one.case), Verdict(Kind(one.verdict), one.clause)
            ids.setdefault(identity(backend, case, verdict, one, ledger), []).append(one.id)
    assert [names for names in ids.values() if len(names) > 1] == []
    assert len(ids) > 50
