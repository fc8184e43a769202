"""Which fault explains a discrepancy: the one whose oracle gives the backend's very bits.

A fault is named only if it explains the case and every fresh case around it that the backend
gets wrong, at least `ENOUGH` of them. Where none does, also where a fresh case refutes the last
one, pairs are tried; where two do, both are named.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, islice
from math import inf

from convformance.attribute import alternatives, template
from convformance.backend import Array, Arrays, Backend
from convformance.bounds import DIVIDING_OPS, ROUNDED_TERMS
from convformance.diagnosis.answered import Answered, alike, asked, same
from convformance.diagnosis.around import around, plain
from convformance.diagnosis.faults import CATALOGUE, Fault, answer, fitted, whole
from convformance.diagnosis.leak import Leak, leak
from convformance.diagnosis.region import Region, Seen, region
from convformance.diagnosis.tapmap import TapMap, tap_map
from convformance.expect import Expectation, broken_clause, expectation
from convformance.fills import make_arrays
from convformance.named import BOUNDED
from convformance.perform import perform
from convformance.problem import Case, Problem
from convoracle import InvalidProblem

ENOUGH = 20  # fresh cases that are wrong too, of which a fault must explain every one
MOST = 150  # fresh cases that are tried for so many
PAIRS = 2500  # pairs of faults that are tried
BEYOND = 5  # fresh cases that need both faults of a pair of which one showed first
SHOWING = 8  # data that are tried of a plainer problem, until a fault shows
CALLS = 4  # of the very case, which a steady backend answers alike
UNSTEADY = "the same call gives different answers: {} of {} calls differ from the first"
UNEXPLAINED = "unexplained: no fault of the catalogue gives these bits here and around"


@dataclass(frozen=True)
class Diagnosis:
    """The faults that explain a discrepancy; each is a single one, or a pair.

    `confirmed` counts the fresh wrong cases that each explains, `right` the fresh cases that the
    backend gets right.
    """

    faults: tuple[tuple[Fault, ...], ...]
    confirmed: int = 0
    right: int = 0
    refuted: int = 0  # of those that are right, in how many the faults would show
    where: Region | None = None
    unexplained: tuple[str, ...] = (UNEXPLAINED,)
    taps: TapMap | None = None
    leak: Leak | None = None
    closely: str = "to the bit"
    unsteady: int = 0  # of CALLS more calls of the very case, how many are answered otherwise

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is to be said of the backend."""
        shown = (one.sentences for one in (self.taps, self.leak) if one)
        where = (*(words for some in shown for words in some), *self._where)
        if not self.faults:
            return (*self.unexplained, *where)
        told = tuple("; and ".join(one.says for one in some) for some in self.faults)
        known = f"{self.closely}, on this case and on {self.confirmed} fresh ones around it"
        if self.right:
            known += f"; {self.right} others are right"
        if self.refuted:
            known += f", though it would show in {self.refuted} of them"
        return (*told, known, *where)

    @property
    def _where(self) -> tuple[str, ...]:
        return (self.where.sentence,) if self.where else ()


def diagnose(
    backend: Backend,
    case: Case,
    *,
    pairs: int = PAIRS,
    regions: bool = True,
    until: float = inf,
) -> Diagnosis | None:
    """Return why the backend's outcome differs, as far as that is proven.

    Of a wrong answer the faults that explain it, and where it shows; of a refusal only where.
    None of anything else. `pairs` is how many are tried, and without `regions` it is not sought
    where the discrepancy shows. Nothing new is begun after `until`, a time of `time.monotonic`.
    """
    first = asked(backend, case)
    if first is None:
        return _refused(backend, case, until)
    if not first.differs:
        return None
    unlike = _unlike(backend, first)
    if unlike:
        return Diagnosis((), unexplained=(UNSTEADY.format(unlike, CALLS),), unsteady=unlike)
    whole_numbers = asked(backend, replace(case, fill="integers"))
    if whole_numbers is not None and _tells_of(whole_numbers, first):
        first, case = whole_numbers, whole_numbers.case  # they leave no room for roundings
    found = _explaining(first, [(one,) for one in catalogue(case.problem)])
    found = found or _explaining(first, islice(_pairs(first), pairs), until)
    hunt = _Hunt(backend, first, found, pairs, until)
    told = hunt.diagnosis() if found else Diagnosis(())
    if not regions:
        return told
    where = region(case.problem, _answers(backend, case, until))
    if told.refuted and where is None:
        # It would show in what the backend gets right, and nothing tells the one from the other.
        told = Diagnosis(())
    return replace(
        told, taps=tap_map(backend, case.problem), leak=leak(backend, first), where=where
    )


def _tells_of(whole_numbers: Answered, first: Answered) -> bool:
    """Whether the answer to whole numbers shows what is wrong in the first.

    A choice there is another thing than what no choice explains here; of real numbers it is not
    known whether one does.
    """
    is_known = first.case.fill not in BOUNDED
    return whole_numbers.differs and not (
        is_known and whole_numbers.is_a_choice and not first.is_a_choice
    )


def _unlike(backend: Backend, first: Answered) -> int:
    """Return how many more calls of the case give another answer."""
    others = [perform(backend, first.case.problem, first.arrays) for _ in range(CALLS)]
    return sum(one.kind == "arrays" and not same(first.got, one.arrays) for one in others)


def _answers(backend: Backend, case: Case, until: float) -> Iterator[Seen]:
    """Yield which problems around the case are answered wrong."""
    for fresh in _others(case, until):
        found = asked(backend, fresh)
        if found is not None:
            yield Seen(fresh.problem, found.is_wrong)


def _refused(backend: Backend, case: Case, until: float) -> Diagnosis | None:
    """Return where the backend refuses valid problems for the reason that it gives here.

    What it refuses for another reason, or does not support, tells nothing.
    """
    outcome = perform(backend, case.problem, make_arrays(case))
    if outcome.kind != "refused" or broken_clause(case.problem) is not None:
        return None
    reason = template(outcome.message)

    def tried() -> Iterator[Seen]:
        for one in _others(case, until):
            other = perform(backend, one.problem, make_arrays(one))
            is_refused = other.kind == "refused" and template(other.message) == reason
            if is_refused or other.kind == "arrays":
                yield Seen(one.problem, is_refused)

    return Diagnosis((), where=region(case.problem, tried()), unexplained=())


def _others(case: Case, until: float) -> Iterator[Case]:
    """Yield cases on different problems around the case."""
    seen = {case.problem}
    for fresh in islice(around(case), 3 * MOST):
        if time.monotonic() >= until:
            return
        if fresh.problem not in seen:
            seen.add(fresh.problem)
            yield replace(fresh, fill=case.fill)


@dataclass
class _Hunt:
    """The candidates that are left, and the fresh cases that they explain."""

    backend: Backend
    first: Answered
    left: list[tuple[Fault, ...]]
    pairs: int  # that may be tried where a fresh case refutes every single fault
    until: float
    wrong: list[Answered] = field(default_factory=list)
    known: list[Case] = field(default_factory=list)  # those of `wrong`
    right: int = 0
    needless: Counter[tuple[Fault, ...]] = field(default_factory=Counter)
    singles: list[tuple[Fault, ...]] = field(default_factory=list)  # refuted, and paired since
    beyond: int = 0  # wrong cases that no single one explains
    enough: int = ENOUGH

    def diagnosis(self) -> Diagnosis:
        case = self.first.case
        for fresh in islice(around(case, self.known), MOST):
            if self._is_enough or not self._goes_on():
                break
            self._ask(fresh)
        for fresh in islice(around(case, self.known), MOST, 3 * MOST):
            if len(self.left) < 2 or not self._goes_on():
                break
            if self._tells_apart(fresh):
                self._ask(fresh)
        self._ask_plain()
        if not self._is_enough or not self.left:
            return Diagnosis(())
        # Where the backend is right, the better explanation says so.
        least = min(self.needless[one] for one in self.left)
        left = [one for one in self.left if self.needless[one] == least]
        kept = [one for one in left if not self._shows_in_singles(one)]
        named = tuple(kept or left)
        closely = _closely(self.first, named)
        return Diagnosis(named, len(self.wrong), self.right, least, closely=closely)

    def _shows_in_singles(self, faults: tuple[Fault, ...]) -> bool:
        """Whether they would show in float32 where the backend is right.

        That tells explanations apart and refutes none: the dtype may be a condition.
        """
        problem = self.first.case.problem
        if problem.dtype == "float32" or problem.output_dtype or not problem.is_float:
            return False
        return self._right_where_shown(faults, replace(problem, dtype="float32"))

    def _ask_plain(self) -> None:
        """Count what is right without a feature of the case, where a fault that is left shows."""
        for problem in plain(self.first.case.problem):
            for faults in self.left:
                if self._right_where_shown(faults, problem):
                    self.right += 1
                    self.needless[faults] += 1

    def _right_where_shown(self, faults: tuple[Fault, ...], problem: Problem) -> bool:
        """Whether the backend is right on the problem on data in which the faults would show."""
        fresh = _showing(faults, replace(self.first.case, problem=problem))
        other = asked(self.backend, fresh) if fresh and self._goes_on() else None
        return other is not None and not self._is_wrong(other) and _refuted(faults, other)

    def _is_wrong(self, other: Answered) -> bool:
        """Whether it is wrong as the first is: not by a choice, unless that one is."""
        return other.differs and (other.is_wrong or self.first.is_a_choice)

    @property
    def _is_enough(self) -> bool:
        both = not self.singles or self.beyond >= BEYOND
        return both and len(self.wrong) >= self.enough

    def _goes_on(self) -> bool:
        return bool(self.left) and time.monotonic() < self.until

    def _ask(self, fresh: Case) -> None:
        other = asked(self.backend, fresh)
        if other is None:
            return
        left = _explaining(other, self.left) if other.differs else []
        if len(left) < len(self.left) and not self._is_wrong(other):
            self.right += 1
            self.needless.update(one for one in self.left if _refuted(one, other))
            return
        self.wrong.append(other)
        self.known.append(fresh)
        if not left and not self.singles:
            left = self._paired(other)
        elif self.singles and not _explaining(other, self.singles):
            self.beyond += 1
        self.left = left

    def _paired(self, last: Answered) -> list[tuple[Fault, ...]]:
        """Return pairs that explain all so far: of two faults of a backend one may have shown."""
        self.singles = [one for one in self.left if len(one) == 1]
        self.beyond, self.enough = 1, len(self.wrong) + ENOUGH
        self.needless.clear()
        every = catalogue(last.case.problem)
        singles = [one for (one,) in self.singles]
        pairs = (
            (one, more) if every.index(one) < every.index(more) else (more, one)
            for one in singles
            for more in every
            if one is not more and one in every
        )
        found = _explaining(last, islice(pairs, self.pairs), self.until)
        for earlier in (self.first, *self.wrong):
            found = _explaining(earlier, found, self.until)
        return found

    def _tells_apart(self, case: Case) -> bool:
        """Whether the candidates do not all give the same there."""
        try:
            arrays = make_arrays(case)
            expected = expectation(case.problem, arrays)
        except InvalidProblem:
            return False
        first, *others = self.left
        made = answer(first, expected, arrays)
        return any(not _is_same(made, answer(one, expected, arrays)) for one in others)


def _is_same(one: Arrays | None, other: Arrays | None) -> bool:
    if one is None or other is None:
        return one is other
    return same(one, other)


def _showing(faults: tuple[Fault, ...], case: Case) -> Case | None:
    """Return the case on data in which the faults show, of a few; None where they do not."""
    for seed in range(case.seed, case.seed + SHOWING):
        fresh = replace(case, seed=seed)
        arrays = make_arrays(fresh)
        expected = expectation(fresh.problem, arrays)
        made = None if expected.sampled else answer(faults, expected, arrays)
        right = {fresh.problem.answers[0]: whole(expected)} if made is not None else {}
        if made is not None and not same(right, made):
            return fresh
    return None


def catalogue(problem: Problem) -> list[Fault]:
    """Return the faults, and the other choices at the variant points of the problem."""
    return [
        *CATALOGUE,
        *(_choice(choices) for choices in alternatives(problem) if len(choices) == 1),
    ]


def _choice(choices: dict[str, str]) -> Fault:
    ((label, name),) = choices.items()

    def change(expected: Expectation, arrays: Arrays, _: Array) -> Array:
        return whole(expectation(expected.problem, arrays, choices))

    return Fault(f"{label} = {name}", f"[{label}] is {name}", after=change)


def _explaining(
    wrong: Answered, candidates: Iterable[tuple[Fault, ...]], until: float = inf
) -> list[tuple[Fault, ...]]:
    """Return the candidates that give the backend's bits there."""
    return [one for one in candidates if time.monotonic() < until and _explains(one, wrong)]


def _explains(faults: tuple[Fault, ...], wrong: Answered) -> bool:
    return _holds(faults, wrong) is True


def _refuted(faults: tuple[Fault, ...], right: Answered) -> bool:
    """Whether the faults would show in a case that the backend gets right."""
    return _holds(faults, right) is False


def _holds(faults: tuple[Fault, ...], answered: Answered) -> bool | None:
    """Return whether the faults give what the backend answers; None where none applies."""
    holds = _gives(faults, answered)
    if holds is False and answered.flushed:  # what a backend may do beside its faults
        return _gives(faults, answered.flushed) is True
    return holds


def _gives(faults: tuple[Fault, ...], answered: Answered) -> bool | None:
    if len(faults) == 1 and faults[0].holds:
        return faults[0].holds(answered.expected, answered.arrays, answered.got, answered.sums)
    made = answer(faults, answered.expected, answered.arrays)
    if made is None:
        return None
    main, got = answered.case.problem.answers[0], answered.got
    fits = got[main].shape == answered.expected.shape and not any(one.after for one in faults)
    if fits and made[main].ndim == got[main].ndim:
        # An implementation may take the right sizes and the wrong windows.
        made = {name: fitted(array, got[main].shape) for name, array in made.items()}
    return alike(made, answered)


def _closely(answered: Answered, named: tuple[tuple[Fault, ...], ...]) -> str:
    """Return how closely the faults give what the backend answers."""
    if any(one.holds for some in named for one in some):
        return "within the bound of its roundings"
    problem = answered.case.problem
    rounds = problem.op in (ROUNDED_TERMS if problem.grad else DIVIDING_OPS)
    rounds |= problem.op == "lp_pool" and problem.p not in (1, inf)
    if rounds and problem.is_float:
        return "to within the roundings of its divisions and roots"
    return "to the bit"


def _pairs(wrong: Answered) -> Iterator[tuple[Fault, ...]]:
    """Yield pairs of faults that each change something here."""
    right = {wrong.case.problem.answers[0]: whole(wrong.expected)}
    telling = []
    for one in catalogue(wrong.case.problem):
        made = answer((one,), wrong.expected, wrong.arrays)
        if made is not None and not same(right, made):
            telling.append(one)
    yield from combinations(telling, 2)
