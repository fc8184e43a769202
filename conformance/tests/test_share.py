"""Where a path is slow a run asks a share of its problems, and what is met there is followed."""

from dataclasses import replace

import pytest
from hypothesis.strategies import sampled_from

from convformance.bench import Bench
from convformance.diagnosis.arithmetic import measured
from convformance.explore import explore
from convformance.laws.exploring import SESSIONS, hear_all
from convformance.news import NewDiscrepancies, check_all
from convformance.problem import Case
from convformance.registry import make_backend
from convformance.verdict import Kind
from convformance.worker import Isolated

LINES = [f"conv x=1x2x{size} w=2x1x2 groups=2 float32 fill=integers#0" for size in range(2, 42)]
ALL = [Case.parse(line) for line in LINES]


class Shared:
    """Right, but for groups; slow, if one believes it."""

    name, version, one_in = "shared", "1", 4

    def __init__(self):
        self.right, self.asked = make_backend("numpy"), []
        self.knows = self.right.knows
        self.accumulators = self.right.accumulators

    def run(self, problem, arrays):
        self.asked.append(problem)
        answer = self.right.run(problem, arrays)
        if problem.groups == 1:
            return answer
        return replace(answer, arrays={name: -one for name, one in answer.arrays.items()})


def test_a_run_asks_a_share_of_its_problems_and_always_the_same_ones():
    bench = Bench(Shared())
    verdicts = [bench.ask(case).verdict for case in ALL]
    wrong = [verdict.kind is Kind.VALUE for verdict in verdicts]
    assert 0 < sum(wrong) < len(ALL) / 2
    assert [Bench(Shared()).asks(case.problem) for case in ALL] == wrong
    reasons = {one.message for one in verdicts if one.kind is Kind.UNSUPPORTED}
    assert reasons == {"shared is asked one problem in 4"}


def test_neighbours_outside_the_share_tell_the_clause():
    """The problem of one group is right; not asked, it would tell nothing of the groups."""
    bench = Bench(Shared())
    for case in ALL:
        asked = len(bench.backend.asked)
        if bench.ask(case).verdict.clause != "conv.groups":
            continue
        if not all(map(bench.asks, bench.backend.asked[asked:])):
            return
    pytest.fail("every neighbour was in the share")


def test_what_is_known_is_asked_whatever_the_share():
    bench = Bench(Shared())
    outside = [case for case in ALL if not bench.asks(case.problem)]
    with pytest.raises(NewDiscrepancies):
        check_all(bench, outside, "ledger", known=True)
    check_all(bench, outside, "corpus")


def test_what_is_explored_is_made_smaller_outside_the_share_too():
    bench = Bench(Shared())
    outside_first = sorted(ALL, key=lambda case: bench.asks(case.problem))
    news, *_ = explore(bench, sampled_from(outside_first), 1, "conv float32")
    assert not bench.asks(news.case.problem)


def test_a_law_is_heard_in_the_share_with_all_its_calls():
    bench = Bench(Shared())
    session = next(one for one in SESSIONS if one.name == "law.linear_input conv")
    hear_all(bench, session, 5)
    heard = [one for one in bench.records if one.held is not None]
    rest = [one for one in bench.records if one.held is None]
    assert heard
    assert {one.message for one in rest} >= {"shared is asked one problem in 4"}
    assert all(bench.asks(Case.parse(one.line).problem) for one in heard)


def test_sums_are_measured_in_the_share():
    backend = Shared()
    bench = Bench(backend)
    found = {(one.op, one.dtype) for one in measured(backend, ("float32", "float64"), bench.asks)}
    assert found < {(one.op, one.dtype) for one in measured(backend, ("float32", "float64"))}


def test_a_process_tells_its_share():
    isolated = Isolated(f"{__name__}:Shared")
    try:
        assert isolated.one_in == 4
    finally:
        isolated.close()
    assert Bench(make_backend("numpy")).one_in == 1
