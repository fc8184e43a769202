"""Checking one law on one case: held, not held by how much, or not applicable and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from convformance.backend import Array, Arrays, Backend
from convformance.bounds import gamma
from convformance.evidence import word
from convformance.laws.law import Ask, InputChanged, Law, NotAnswered, Pair, WrongShape
from convformance.ledger import Entry
from convformance.problem import Case
from convformance.verdict import Kind, Verdict
from convoracle.exact import FORMATS

AVERAGES = ("avg_pool", "distance_pool")
ROUNDINGS = 3  # of an average whose sum is exact: a reciprocal, a product, a sum of weights
Position = tuple[int, ...]


@dataclass(frozen=True)
class Hearing:
    """What a backend's answers say of a law on one case; `held` is None where they say nothing."""

    law: Law
    case: Case
    held: bool | None
    message: str = ""
    by_how_much: float | None = None  # the largest difference over the largest element
    compared: int = 0
    calls: int = 0
    pair: Pair | None = None  # the first that is not equal
    wrong: Sequence[Position] = ()
    inputs: Mapping[str, Array] = field(default_factory=dict)
    notes: Sequence[str] = ()  # each comparison in words

    @property
    def is_broken(self) -> bool:
        """Whether an exact law does not hold, or a backend wrote to its inputs."""
        return self.held is False and (self.law.exact or self.pair is None)

    @property
    def verdict(self) -> Verdict:
        """The verdict of a broken law, as a ledger's entry matches it."""
        wrong = tuple(("y", place) for place in self.wrong)
        return Verdict(Kind.LAW, self.law.label, self.message, {}, wrong, self.compared)


def hear(law: Law, backend: Backend, case: Case) -> Hearing:
    """Check the law on the case; a law that is not answered to the end is not applicable."""
    ask = Ask(backend)
    compared: list[tuple[Pair, list[Position] | None]] = []
    try:
        for pair in law.check(ask, case):
            compared.append((pair, _differing(law, case, pair)))
            if law.exact and compared[-1][1] != []:
                break
    except WrongShape as odd:
        compared.append((odd.pair, _differing(law, case, odd.pair)))
    except InputChanged as odd:
        # [backend.input] is a promise of every backend, whatever the law.
        return Hearing(law, case, False, str(odd), calls=ask.calls, inputs=dict(ask.first))
    except NotAnswered as reason:
        return Hearing(law, case, None, str(reason), calls=ask.calls, notes=_notes(compared))
    elements = sum(pair.got.size for pair, _ in compared)
    if not elements:
        return Hearing(law, case, None, "there was nothing to compare", calls=ask.calls)
    unequal = [(pair, wrong) for pair, wrong in compared if wrong != []]
    heard = Hearing(law, case, not unequal, "", None, elements, ask.calls, notes=_notes(compared))
    if not unequal:
        return heard
    pair, wrong = unequal[0]
    return replace(
        heard,
        message=tell(pair, wrong),
        by_how_much=max(how_much(one) for one, _ in unequal),
        pair=pair,
        wrong=tuple(wrong or ()),
        inputs=dict(ask.first),
    )


def _notes(compared: Sequence[tuple[Pair, list[Position] | None]]) -> tuple[str, ...]:
    return tuple(
        f"{pair.what}: {pair.got.size} elements, all equal" if wrong == [] else tell(pair, wrong)
        for pair, wrong in compared
    )


def _differing(law: Law, case: Case, pair: Pair) -> list[Position] | None:
    """Return where the arrays differ; None if their shapes do."""
    expected, got = pair.expected, pair.got
    if expected.shape != got.shape:
        return None
    if not law.exact:
        same = _same_bits(expected, got)
    else:
        same = (expected == got) | (_is_nan(expected) & _is_nan(got))
        same |= _close(_wide(expected), _wide(got), _slack(case))
    return [tuple(int(i) for i in place) for place in np.argwhere(~same)]


def _slack(case: Case) -> float:
    """Return how far apart, relatively, two roundings of one quotient may lie: 0 for other ops."""
    if case.problem.op not in AVERAGES:
        return 0.0
    once = gamma(ROUNDINGS, FORMATS[case.problem.dtype].unit)
    return float(2 * once / (1 - once))


def _close(one: Array, other: Array, slack: float) -> Array:
    """Return where finite elements lie within the slack, which may be 0."""
    finite = np.isfinite(one) & np.isfinite(other)
    one, other = np.where(finite, one, 0), np.where(finite, other, 0)
    found: Array = finite & (np.abs(one - other) <= slack * np.abs(one))
    return found


def _wide(array: Array) -> Array:
    return array.astype(np.float64)


def _is_nan(array: Array) -> Array:
    found: Array = array != array  # noqa: PLR0124  isnan knows neither integers nor masks
    return found


def _same_bits(one: Array, other: Array) -> Array:
    """Return where the elements are the same bits; a NaN is the same as any other."""
    if one.dtype != other.dtype:
        return np.zeros(one.shape, bool)
    same: Array = (one == other) & (np.signbit(_wide(one)) == np.signbit(_wide(other)))
    return same | (_is_nan(one) & _is_nan(other))


def how_much(pair: Pair) -> float:
    """Return the largest difference over the largest element; 1 for another shape or NaN."""
    if pair.expected.shape != pair.got.shape:
        return 1.0
    with np.errstate(all="ignore"):
        one, other = _wide(pair.expected), _wide(pair.got)
        apart = np.where(one == other, 0.0, np.abs(one - other))
        largest = max(np.abs(one).max(initial=0), np.abs(other).max(initial=0))
        found = float(apart.max(initial=0) / largest) if largest else 0.0
    return found if np.isfinite(found) else 1.0


def tell(pair: Pair, wrong: Sequence[Position] | None) -> str:
    """Return what was compared and the first difference, with its numbers."""
    if wrong is None:
        shapes = ("x".join(map(str, one.shape)) for one in (pair.expected, pair.got))
        return f"{pair.what}: shape {' against '.join(shapes)}"
    place = wrong[0]
    numbers = f"{word(pair.expected[place])} against {word(pair.got[place])}"
    where = f", first at {list(place)}" if place else ""
    return f"{pair.what}: {len(wrong)} of {pair.got.size} differ{where}: {numbers}"


def entry_of(ledger: Sequence[Entry], hearing: Hearing) -> Entry | None:
    """Return the ledger's entry that tells of a broken law."""
    return next((one for one in ledger if one.matches(hearing.case.problem, hearing.verdict)), None)


def arrays_of(hearing: Hearing) -> tuple[Arrays, Arrays, Arrays]:
    """Return the inputs, what was expected and what came instead, for a finding."""
    if hearing.pair is None:
        return {}, {}, {}
    return hearing.inputs, {"y": hearing.pair.expected}, {"y": hearing.pair.got}
