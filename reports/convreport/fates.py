"""What became of each finding between two runs: new, fixed, changed, or not asked again.

A deviation that the ledger calls flaky comes and goes: met in one run only, it is neither new
nor fixed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from convformance.attribute import template
from convformance.runfile import Finding
from convformance.verdict import Kind
from convreport.answers import RIGHT, SILENT, WRONG, Answers, as_wide, is_flaky, key_of
from convreport.text import count, one_line

# What moves with whichever case a flaky deviation was met in.
DEFINITE = (("op", "op"), ("verdict", "verdict"), ("clause", "clause"), ("line", "smallest case"))


@dataclass(frozen=True)
class Moved:
    """One thing about a finding that is not what it was."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Fate:
    """A finding and what became of it.

    `finding` is the newer one where there are two. `broke` counts cases that were right and are
    wrong, `mended` the reverse; `why` is what the word is founded on.
    """

    finding: Finding
    why: str
    moved: tuple[Moved, ...] = ()
    broke: int = 0
    mended: int = 0
    is_worse: bool = False


@dataclass(frozen=True)
class Fates:
    """The findings of two runs."""

    new: tuple[Fate, ...]
    changed: tuple[Fate, ...]
    fixed: tuple[Fate, ...]
    unasked: tuple[Fate, ...]
    fickle: tuple[Fate, ...]
    same: int


def fates(old: Answers, new: Answers) -> Fates:
    """Return what became of each finding of either run."""
    pairs = dict(_pairs(old, new))  # signature after -> signature before
    changed = [_changed(old, new, old.findings[s], new.findings[t]) for t, s in pairs.items()]
    followed = {*pairs.values(), *_merged(old, new)}
    gone = [one for signature, one in old.findings.items() if signature not in followed]
    come = [one for signature, one in new.findings.items() if signature not in pairs]
    fixed = [fate for one in gone if not is_flaky(one) and (fate := _fixed(old, new, one))]
    done = {fate.finding.id for fate in fixed}
    kept = [one for one in changed if one.moved or one.broke or one.mended]
    swallowed = [_swallowed(old, new, *pair) for pair in _merged(old, new).items()]
    return Fates(
        new=tuple(_new(old, new, one) for one in come if not is_flaky(one)),
        changed=(*kept, *swallowed),
        fixed=tuple(fixed),
        unasked=tuple(
            _unasked(old, new, one) for one in gone if one.id not in done and not is_flaky(one)
        ),
        fickle=(
            *(Fate(one, "in the old run only") for one in gone if is_flaky(one)),
            *(Fate(one, "in the new run only") for one in come if is_flaky(one)),
        ),
        same=len(changed) - len(kept),
    )


def _pairs(old: Answers, new: Answers) -> Iterator[tuple[str, str]]:
    """Yield a finding's signature and what it was before.

    A signature names the clause or the ledger's entry, so that it moves when either does; what
    stays is the case. A finding continues another one if none of its cases was right before.
    """
    for signature, finding in new.findings.items():
        if signature in old.findings:
            yield signature, signature
            continue
        keys = new.keys_of(finding)
        if any(old.state(key) == RIGHT for key in keys):
            continue
        before = _first(old, keys)
        if before is not None and before in old.findings:
            yield signature, before


def _merged(old: Answers, new: Answers) -> dict[str, str]:
    """Return what each finding that is gone is now called, if its cases still differ."""
    gone = [one for signature, one in old.findings.items() if signature not in new.findings]
    before = {s for _, s in _pairs(old, new)}
    return {
        one.signature: after
        for one in gone
        if one.signature not in before and (after := _first(new, old.keys_of(one))) is not None
    }


def _first(answers: Answers, keys: Iterable[str]) -> str | None:
    """Return the signature under which the first key that is wrong is wrong."""
    wrong = (key for key in keys if answers.state(key) == WRONG)
    return next((answers.by_key[key].signature for key in wrong), None)


def _new(old: Answers, new: Answers, finding: Finding) -> Fate:
    states = Counter(old.state(key) for key in new.keys_of(finding))
    if states[RIGHT]:
        why = f"{count(states[RIGHT], 'of its cases was', 'of its cases were')} right before"
    elif states[SILENT]:
        why = "unsupported before"
    else:
        why = "no case of it was asked before"
    return Fate(finding, why, broke=states[RIGHT], is_worse=True)


def _changed(old: Answers, new: Answers, before: Finding, after: Finding) -> Fate:
    flaky = is_flaky(before) or is_flaky(after)
    broke = mended = 0
    if not flaky:  # what comes and goes says nothing by coming
        broke = sum(old.state(key) == RIGHT for key in new.keys_of(after))
        mended = sum(new.state(key) == RIGHT for key in old.keys_of(before))
    return Fate(
        after,
        _counted(broke, mended),
        tuple(_moves(before, after)),
        broke,
        mended,
        bool(broke) or (before.status, after.status) == ("known", "new"),
    )


def _counted(broke: int, mended: int) -> str:
    parts = [f"{count(broke, 'case')} right before, wrong now"] if broke else []
    parts += [f"{count(mended, 'case')} wrong before, right now"] if mended else []
    return "; ".join(parts)


def _swallowed(old: Answers, new: Answers, before: str, after: str) -> Fate:
    """Return the fate of a finding whose cases still differ, under the name of another."""
    was, now = old.findings[before], new.findings.get(after)
    if now is not None:
        return _changed(old, new, was, now)
    moved = Moved("signature", one_line(was.signature), one_line(after or "none"))
    return Fate(was, "its cases still differ, and the new run holds no finding of them", (moved,))


def _moves(before: Finding, after: Finding) -> Iterator[Moved]:
    flaky = is_flaky(before) or is_flaky(after)
    for name, label in (("id", "id"), ("status", "status"), *(() if flaky else DEFINITE)):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Moved(label, one_line(was), one_line(now))
    if before.line == after.line and _told(before) != _told(after) and not flaky:
        yield Moved("message", one_line(before.message), one_line(after.message))


def _told(finding: Finding) -> str:
    """Return the message that two runs are compared by.

    A death names its process, and a margin may come from memory that nobody wrote: there the
    numbers say nothing. How many elements differ is said by the verdicts on elements.
    """
    if finding.verdict in (Kind.SHAPE, Kind.DTYPE, Kind.VALUE):
        return finding.message
    return "" if finding.verdict == Kind.BOUND else template(finding.message)


def _fixed(old: Answers, new: Answers, finding: Finding) -> Fate | None:
    """Return the fate if the finding is fixed.

    Its smallest case was asked again and is right; or other cases of it were, in a run that drew
    from all that the old one drew from (a smallest case is asked again only by chance).
    """
    keys = old.keys_of(finding)
    right = sum(new.state(key) == RIGHT for key in keys)
    smallest = new.state(key_of(finding))
    known = smallest == RIGHT or (smallest != SILENT and right and as_wide(new.run, old.run))
    if not known:
        return None
    words = "" if right == len(keys) else f", the smallest {'not ' * (smallest != RIGHT)}among them"
    return Fate(finding, f"{_of(right, keys)} asked again and right{words}", mended=right)


def _unasked(old: Answers, new: Answers, finding: Finding) -> Fate:
    return Fate(finding, "; ".join(_reasons(old, new, finding)))


def _reasons(old: Answers, new: Answers, finding: Finding) -> Iterator[str]:
    keys = old.keys_of(finding)
    right = sum(new.state(key) == RIGHT for key in keys)
    silent = [new.by_key[key] for key in keys if new.state(key) == SILENT]
    if right:
        yield f"only {_of(right, keys)} asked again and right, the smallest not among them"
    if silent:
        yield f"unsupported now: {one_line(silent[0].reason) or 'no reason given'}"
    header, before = new.run.header, old.run.header
    if header.selection:
        yield f"the new run was narrowed: {one_line(header.selection)}"
    if header.profile != before.profile:
        yield f"the new run's profile is {one_line(header.profile)}, not {one_line(before.profile)}"
    if new.run.footer.failed:
        failed = count(len(new.run.footer.failed), "test")
        yield f"{failed} of the new run failed for another reason"
    if not right and not silent:
        yield "no case of it was asked"


def _of(right: int, keys: Sequence[str]) -> str:
    if right == len(keys):
        return "its only case" if right == 1 else f"all its {right:,} cases"
    return f"{right:,} of its {len(keys):,} cases"
