"""What else differs between two runs: choices, laws, arithmetic, what is supported."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from convformance.runfile import Arithmetic, LawRecord, Run
from convoracle import VARIANTS
from convreport.answers import SILENT, Answers
from convreport.columns import known_signatures, law_status
from convreport.text import count, margin, one_line
from convreport.variants import UNSUPPORTED

NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Shift:
    """A choice, a law or an arithmetic that is not what it was; `name` is a clause or a dtype."""

    name: str
    op: str
    before: str
    after: str
    example: str
    is_worse: bool = False


@dataclass(frozen=True)
class Shifts:
    """What changed, and what was asked in one of the runs only."""

    changed: tuple[Shift, ...]
    unasked: tuple[Shift, ...]


@dataclass(frozen=True)
class Support:
    """Cases of one op that have an answer in one run and none in the other, for one reason."""

    op: str
    reason: str
    cases: int
    example: str


def choice_shifts(old: Answers, new: Answers) -> Shifts:
    """Compare the measured choices; a move away from the standard is for the worse.

    What was measured at a case that a flaky deviation met says nothing.
    """
    flaky = old.flaky | new.flaky
    before, after = _choices(old.run, flaky), _choices(new.run, flaky)
    changed, unasked = [], []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, {}), after.get(key, {})
        shift = Shift(*key, _named(was), _named(now), next(iter((now or was).values())))
        if was.keys() == now.keys():
            continue
        if not was.keys() - {UNSUPPORTED} or not now.keys() - {UNSUPPORTED}:
            unasked.append(shift)
        else:
            changed.append(replace(shift, is_worse=not _is_standard(key[0], now)))
    return Shifts(tuple(changed), tuple(unasked))


def law_shifts(old: Run, new: Run) -> Shifts:
    """Compare the laws, op by op; only an exact law that breaks is for the worse."""
    before, after = _laws(old), _laws(new)
    changed, unasked = [], []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, []), after.get(key, [])
        kept = [one for one in was if one.held is not None]
        held = [one for one in now if one.held is not None]
        lost = [one for one in held if not one.held]
        had = [one for one in kept if not one.held]
        worst = min(lost or had or held or kept or was or now, key=_preference)
        shift = Shift(*key, _told(was, old), _told(now, new), worst.line)
        if not kept or not held:
            if bool(kept) != bool(held):
                unasked.append(shift)
        elif lost and not had:
            changed.append(replace(shift, is_worse=any(one.exact for one in lost)))
        elif had and not lost:
            again = {one.line for one in held} & {one.line for one in had}
            (changed if again else unasked).append(shift)
    return Shifts(tuple(changed), tuple(unasked))


def arithmetic_shifts(old: Run, new: Run) -> Shifts:
    """Compare how each op adds and multiplies in each dtype: facts, so that none is worse."""
    before, after = _arithmetic(old), _arithmetic(new)
    shifts = [
        Shift(dtype, op, before.get((dtype, op), NOT_ASKED), after.get((dtype, op), NOT_ASKED), "")
        for dtype, op in sorted(before.keys() | after.keys())
    ]
    unlike = [one for one in shifts if one.before != one.after]
    unasked = [one for one in unlike if NOT_ASKED in (one.before, one.after)]
    return Shifts(tuple(one for one in unlike if one not in unasked), tuple(unasked))


def support_shifts(answered: Answers, silent: Answers) -> tuple[Support, ...]:
    """Return what has an answer in the first run and is unsupported in the second."""
    lines = defaultdict(list)
    for key, answer in silent.by_key.items():
        if answer.state == SILENT and answered.state(key) not in ("", SILENT):
            lines[answer.op, one_line(answer.reason)].append(answer.line)
    return tuple(
        Support(op, reason or "no reason given", len(cases), min(cases, key=_length))
        for (op, reason), cases in sorted(lines.items())
    )


def _is_standard(point: str, choices: Mapping[str, str]) -> bool:
    return point in VARIANTS and set(choices) == {VARIANTS[point].standard}


def _choices(run: Run, flaky: Collection[str]) -> Mapping[tuple[str, str], dict[str, str]]:
    """Return the choices of each point and op, each with a case that measured it."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for one in sorted(run.choices, key=lambda one: (one.choice, one.line)):
        if one.line not in flaky:
            found[one.point, one.op].setdefault(one.choice, one.line)
    return found


def _named(choices: Iterable[str]) -> str:
    return ", ".join(choices) or NOT_ASKED


def _arithmetic(run: Run) -> Mapping[tuple[str, str], str]:
    return {(one.dtype, one.op): _computed(one) for one in run.arithmetic}


def _computed(one: Arithmetic) -> str:
    sums = f"sums in {one.accumulator}" if one.accumulator else ""
    return "; ".join(filter(None, (sums, one.inputs, one.products))) or "not known"


def _laws(run: Run) -> Mapping[tuple[str, str], Sequence[LawRecord]]:
    found = defaultdict(list)
    for one in run.laws:
        found[one.law, one.op].append(one)
    return found


def _told(records: Sequence[LawRecord], run: Run) -> str:
    known = known_signatures(run)
    counts = Counter(law_status(one, known) for one in records)
    return ", ".join(_parts(counts, records)) or NOT_ASKED


def _parts(counts: Counter[str], records: Sequence[LawRecord]) -> Iterator[str]:
    for status, word in (("new", "broken"), ("known", "broken (known)"), ("apart", "not held")):
        if counts[status]:
            yield f"{word} in {count(counts[status], 'case')}"
    by = [one.by_how_much for one in records if not one.exact and one.by_how_much]
    if counts["apart"] and by:
        yield f"by up to {margin(max(by))}"
    if counts["held"]:
        yield f"held in {count(counts['held'], 'case')}"
    if counts["inapplicable"] == counts.total():
        yield "not applicable"


def _preference(record: LawRecord) -> tuple[int, str]:
    return _length(record.line)


def _length(line: str) -> tuple[int, str]:
    return len(line), line
