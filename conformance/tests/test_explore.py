"""Exploring goes on past what is known or seen, shrinks what is new and repeats itself exactly."""

from dataclasses import replace

from all_liars import LIARS
from hypothesis.database import InMemoryExampleDatabase

from convformance.backend import Outcome
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.explore import PATIENCE, explore, first_news, keep, kept
from convformance.ledger import read
from convformance.problem import Case
from convformance.runfile import CaseRecord, Finding
from convformance.strategies import cases
from convformance.verdict import Kind

LIAR = {one.name: one for one in LIARS}
STRATEGY = cases("conv", ("float32",), ("integers",))


def explored(liar, ledger=(), seed=1, examples=60):
    bench = Bench(LIAR[liar], ledger, seed)
    return bench, explore(bench, STRATEGY, examples, "a name")


def tried(bench):
    return [record for record in bench.records if isinstance(record, CaseRecord)]


def test_a_new_discrepancy_is_shrunk_to_the_smallest_case_that_shows_it():
    _, news = explored("conv dilation-ignored")
    problem = news[0].case.problem
    assert news[0].verdict.clause == "window.dilation"
    assert (max(problem.x[:2]), max(problem.w[:2]), problem.groups) == (1, 1, 1)
    assert max(problem.dilation) == 2
    assert not problem.bias


def test_a_discrepancy_that_is_not_shown_again_is_kept():
    """As of memory that nobody wrote: Hypothesis then finds the backend flaky, and gives up."""

    class Once(NumpyBackend):
        calls = 0

        def run(self, problem, arrays):
            found = super().run(problem, arrays)
            self.calls += 1
            wrong = {"y": found.arrays["y"] + 1}
            return replace(found, arrays=wrong) if self.calls == 5 else found

    (found,) = explore(Bench(Once()), STRATEGY, 20, "a name")
    assert found.verdict.kind is Kind.VALUE


class Unsteady(NumpyBackend):
    """It answers each strided problem wrong once, and right from then on."""

    name = "unsteady"

    def __init__(self):
        self._asked = set()

    def run(self, problem, arrays):
        answer = super().run(problem, arrays)
        if problem.stride == (1,) * problem.rank or problem in self._asked:
            return answer
        self._asked.add(problem)
        return {"y": answer.arrays["y"] + 1}


def test_what_is_answered_otherwise_when_asked_again_is_news_and_no_error_of_ours():
    bench = Bench(Unsteady(), (), 1)
    news = explore(bench, STRATEGY, 12, "a name")
    assert news
    assert all(one.verdict.kind is Kind.VALUE for one in news)
    assert all(max(one.case.problem.stride) > 1 for one in news)


class Hangs(NumpyBackend):
    """It never answers what is strided; each such call takes ten seconds of a clock of its own."""

    def __init__(self):
        self.now, self.hung = 0.0, []

    def monotonic(self):
        return self.now

    def perform(self, problem, arrays):
        if max(problem.stride) == 1:
            return Outcome("arrays", self.run(problem, arrays).arrays)
        self.now += 10
        self.hung.append(problem)
        return Outcome("timed out", message="no answer within 10 seconds")


def test_a_smaller_case_of_what_does_not_answer_is_looked_for_in_a_minute(monkeypatch):
    """Hypothesis would go on for as long as it finds smaller ones, each at the limit of a call."""
    backend = Hangs()
    monkeypatch.setattr("convformance.explore.time", backend)
    _, found = first_news(Bench(backend), STRATEGY, 40, "a name")
    assert found.verdict.kind is Kind.LATE
    assert backend.now == 10 + PATIENCE
    assert len(found.case.problem.line) == min(len(one.line) for one in backend.hung)


def test_one_signature_is_one_finding_and_the_search_goes_on():
    bench, news = explored("conv kernel-flipped")
    findings = [record for record in bench.records if isinstance(record, Finding)]
    assert len({one.signature for one in findings}) == len(findings) == len(news)
    wrong = [one for one in tried(bench) if one.signature]
    assert len(wrong) > len(news)  # the same discrepancy again and again: counted, not shrunk
    assert len(tried(bench)) >= 60


def test_what_the_ledger_knows_is_no_news_and_is_not_skipped():
    (entry,) = read([("one.toml", KNOWN)])
    bench, news = explored("conv kernel-flipped", [entry])
    assert not news
    assert sum(one.signature.endswith("flipped") for one in tried(bench)) > 10


KNOWN = """
[[entry]]
id = "flipped"
backend = "conv kernel-flipped"
versions = ">=1"
op = "conv"
clause = "conv.kernel"
also = ["conv.sum", "padding.zero", "padding.same", "padding.explicit", "window.stride",
        "window.dilation", "conv.groups", "conv.bias"]
verdict = "differs in value"
kind = "bug"
reason = "The kernel is flipped."
case = "conv x=1x1x2 w=1x1x2 float32 fill=integers#0"
"""


def test_no_case_is_tried_twice():
    bench, _ = explored("conv kernel-flipped", examples=150)
    lines = [record.line for record in tried(bench)]
    assert len(set(lines)) == len(lines) >= 150


def test_one_seed_gives_one_run_and_another_seed_another():
    runs = [
        [one.line for one in tried(explored("conv bias-dropped", seed=s)[0])] for s in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_unsupported_cases_are_made_up_for_but_not_for_ever():
    class Choosy:
        name, version = "choosy", "1"

        def __init__(self, allowed):
            self.allowed = allowed

        def run(self, problem, arrays):
            from convformance.backend import Unsupported

            if problem.rank not in self.allowed:
                raise Unsupported(f"no {problem.rank} axes")
            return LIAR["conv bias-dropped"].run(problem, arrays)

    bench = Bench(Choosy({1, 2}), seed=1)
    explore(bench, STRATEGY, 60, "a name")
    verdicts = [one.verdict for one in tried(bench)]
    assert len(verdicts) - verdicts.count("unsupported") >= 60
    bench = Bench(Choosy(set()), seed=1)
    explore(bench, STRATEGY, 60, "a name")
    assert {one.verdict for one in tried(bench)} == {"unsupported"}
    assert len(tried(bench)) <= 60


def test_first_news_counts_the_cases_up_to_it():
    bench = Bench(LIAR["conv kernel-flipped"], seed=1)
    drawn, found = first_news(bench, STRATEGY, 60, "a name")
    assert found is not None
    assert drawn == len(list(tried(bench))) + 1  # the news itself is not recorded


def test_what_is_kept_is_replayed_and_a_stale_line_is_dropped():
    database = InMemoryExampleDatabase()
    case = Case.parse("conv x=1x1x2 w=1x1x2 float32 fill=integers#7")
    keep(database, "one", case.line)
    keep(database, "one", "conv of another version")
    assert kept(database, "one") == [case]
    assert kept(database, "one") == [case]
    assert kept(database, "another") == []
