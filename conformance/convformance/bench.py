"""The bench: one backend under test, what was seen so far, and the records of it."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from convformance.attribute import clause_of, explain, refusal_choice
from convformance.backend import Arrays, Backend, Outcome
from convformance.diagnosis import Diagnosis, diagnose
from convformance.evidence import finding
from convformance.expect import Expectation, expectation
from convformance.fills import make_arrays
from convformance.identity import identity, signature
from convformance.judge import Trial, judge
from convformance.large import compared_whole, is_large
from convformance.ledger import Entry
from convformance.perform import perform
from convformance.problem import Case, Problem
from convformance.runfile import (
    Arithmetic,
    CaseRecord,
    Choice,
    Finding,
    Geometries,
    LawRecord,
    Taken,
)  # fmt: skip
from convformance.shared import Shared
from convformance.touched import touched
from convformance.verdict import Kind, Verdict
from convformance.worker import Isolated
from convoracle import InvalidProblem

EACH = 10.0  # seconds for one diagnosis
NOT_SOUGHT = (
    "not sought: other problems would be judged at a sample, and where that is right nothing tells"
)


@dataclass(frozen=True)
class Examined:
    """A case, judged: everything that was computed on the way.

    `reference` tells where the expected answer came from, if not from the oracle alone.
    """

    trial: Trial
    arrays: Arrays
    verdict: Verdict
    signature: str = ""
    entry: Entry | None = None
    reference: str = ""

    @property
    def case(self) -> Case:
        """The case that was judged."""
        return self.trial.case


@dataclass
class Bench:
    """A backend, its part of the ledger and the signatures that were seen.

    `records` collects what goes into the run file; whoever writes it takes them away. For the
    diagnosis of what is new there are `seconds` in all, at most `EACH` for one discrepancy.
    What other shards have found (`shared`) is counted, and is no news.
    `all_releases` has the ledger's entries of any release: ids are made with them.
    """

    backend: Backend
    ledger: Sequence[Entry] = ()
    seed: int = 1
    seconds: float = 0
    all_releases: Sequence[Entry] = ()
    seen: dict[str, str] = field(default_factory=dict)  # signature -> smallest case line
    shared: Shared = field(default_factory=Shared)
    records: list[CaseRecord | Finding | Choice | LawRecord | Geometries | Arithmetic | Taken] = (
        field(default_factory=list)
    )

    def asks(self, problem: Problem) -> bool:
        """Whether a problem is in the backend's share; its line alone decides.

        What is met in the share is followed outside of it: neighbours, smaller cases, diagnoses.
        """
        return zlib.crc32(problem.line.encode()) % self.one_in == 0

    @property
    def one_in(self) -> int:
        """Of how many problems of a run the backend is asked one."""
        found: int = getattr(self.backend, "one_in", 1)
        return found

    @property
    def not_asked(self) -> str:
        """Why a problem outside the share is unsupported."""
        return f"{self.backend.name} is asked one problem in {self.one_in}"

    def ask(self, case: Case) -> Examined:
        """Examine a case that a run has planned; outside the backend's share it is unsupported."""
        if self.asks(case.problem):
            return self.examine(case)
        arrays = make_arrays(case)
        outcome = Outcome("unsupported", message=self.not_asked)
        trial = Trial(case, self._expected(case, arrays), outcome, {})
        return Examined(trial, arrays, judge(trial))

    def examine(self, case: Case) -> Examined:
        """Run the case and judge it, with the variant points and the clause told.

        A death that the ledger does not know needs a witness: a fresh process that dies of it too.
        """
        examined = self._examined(case)
        isolated = self.backend if isinstance(self.backend, Isolated) else None
        if isolated and examined.verdict.kind is Kind.CRASHED and not examined.entry:
            isolated.close()
            examined = self._examined(case)
            isolated.deaths += examined.verdict.kind is not Kind.CRASHED
        return examined

    def _examined(self, case: Case) -> Examined:
        trial, arrays = self.trial(case)
        verdict, reference = judge(trial), ""
        if verdict.kind is Kind.AGREES and is_large(case):
            whole = compared_whole(trial, arrays, verdict)
            trial, verdict, reference = whole.trial, whole.verdict, whole.reference
        else:
            verdict = self._explained(trial, arrays, verdict)
        if not verdict.is_discrepancy:
            return Examined(trial, arrays, verdict, reference=reference)
        entry = next((one for one in self.ledger if one.matches(case.problem, verdict)), None)
        signed = signature(self.backend.name, case, verdict, entry)
        return Examined(trial, arrays, verdict, signed, entry, reference)

    def trial(self, case: Case) -> tuple[Trial, Arrays]:
        """Run the case: its expectation and its outcome, not yet judged."""
        arrays = make_arrays(case)
        expected = self._expected(case, arrays)
        outcome = perform(self.backend, case.problem, arrays)
        accumulators: Mapping[str, str] = getattr(self.backend, "accumulators", {})
        return Trial(case, expected, outcome, accumulators), arrays

    def _expected(self, case: Case, arrays: Arrays) -> Expectation | InvalidProblem:
        try:
            return expectation(case.problem, arrays, seed=case.seed)
        except InvalidProblem as broken:
            return broken

    def by_standard(self, case: Case) -> Verdict:
        """Return the verdict by the standard meaning alone."""
        return judge(self.trial(case)[0])

    def _explained(self, trial: Trial, arrays: Arrays, verdict: Verdict) -> Verdict:
        if not verdict.is_discrepancy:
            return verdict
        choices: Mapping[str, str] | None = None
        sized_by_choice = verdict.kind is Kind.SHAPE and trial.case.problem.op == "conv_transpose"
        if verdict.kind in (Kind.VALUE, Kind.BOUND) or sized_by_choice:  # [transpose.valid]
            choices, verdict = explain(trial, arrays, verdict)
        elif verdict.kind is Kind.REFUSES:
            choices = refusal_choice(trial.case, verdict.message, self.by_standard)
        if choices:
            text = ", ".join(f"{label} = {name}" for label, name in choices.items())
            message = verdict.message if verdict.kind is Kind.REFUSES else text
            return Verdict(
                Kind.VARIANT, message=message, choices=choices, compared=verdict.compared
            )
        return replace(verdict, clause=clause_of(trial, verdict, self.by_standard))

    def check(self, case: Case, source: str) -> Examined:
        """Examine the case and record it; a new signature becomes a finding here."""
        examined = self.examine(case)
        self.record(examined, source)
        return examined

    def record(self, examined: Examined, source: str) -> None:
        """Put the case among the records, and its discrepancy if its signature is new."""
        self.records.append(record_of(examined, source))
        if examined.signature and not self.is_seen(examined.signature, examined.entry):
            self.keep(examined)

    def is_news(self, examined: Examined) -> bool:
        """Whether this is a discrepancy that is neither in the ledger nor seen before."""
        signed, entry = examined.signature, examined.entry
        return bool(signed and not entry and not self.is_seen(signed, entry))

    def is_seen(self, signed: str, entry: Entry | None) -> bool:
        """Whether the signature was seen here, or another shard has found it.

        What the ledger knows is nobody's discovery: each shard has its own finding of it.
        """
        if signed in self.seen:
            return True
        if entry or not self.shared.knows(signed):
            return False
        self.seen[signed] = ""
        self.records.append(Taken(signed))
        return True

    def keep(self, examined: Examined) -> None:
        """Make the discrepancy a finding, by its ledger's case if it is known."""
        self.seen[examined.signature] = examined.case.line
        id_ = self.id_of(examined.case, examined.verdict, examined.entry)
        found = finding(self.backend, examined, id_, self.diagnosis(examined))
        self.records.append(found)
        if not examined.entry:
            self.shared.tell(found)

    def id_of(self, case: Case, verdict: Verdict, entry: Entry | None) -> str:
        """Return the id of a discrepancy: the same whether the ledger knows it or not."""
        entries = self.all_releases or self.ledger
        return identity(self.backend.name, case, verdict, entry, entries)

    def diagnosis(self, examined: Examined) -> Diagnosis | None:
        """Return why the outcome differs, of what is new and while there is time."""
        kinds = (Kind.VALUE, Kind.SHAPE, Kind.BOUND, Kind.REFUSES)
        if examined.entry or examined.verdict.kind not in kinds or self.seconds <= 0:
            return None
        if examined.reference:
            return Diagnosis((), unexplained=(NOT_SOUGHT,))
        started = time.monotonic()
        until = started + min(self.seconds, EACH)
        try:
            found = diagnose(self.backend, examined.case, until=until)
        except Exception as trouble:  # a fault of ours, and no reason to lose the finding
            told = f"the diagnosis broke off: {type(trouble).__name__}: {trouble}"
            found = Diagnosis((), unexplained=(told,))
        self.seconds -= time.monotonic() - started
        return found


def record_of(examined: Examined, source: str) -> CaseRecord:
    """Return what the run file keeps of a case."""
    trial, verdict = examined.trial, examined.verdict
    expected = trial.expected
    return CaseRecord(
        line=trial.case.line,
        id=trial.case.id,
        source=source,
        verdict=str(verdict.kind),
        clauses=touched(trial.case, examined.arrays, expected),
        clause=verdict.clause,
        message=verdict.message if verdict.kind is not Kind.AGREES else "",
        choices=dict(verdict.choices),
        signature=examined.signature,
        compared=verdict.compared,
        sampled=isinstance(expected, Expectation) and expected.sampled and not examined.reference,
        reference=examined.reference,
        margin=verdict.margin if verdict.margin is None or verdict.margin < 1e300 else 1e300,
        how=trial.outcome.how,
        recipe=trial.outcome.recipe,
    )
