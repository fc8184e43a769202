"""What a run asked and what became of it, case by case, so that two runs can be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from convformance.runfile import Finding, Header, Run
from convformance.verdict import Kind
from convreport.columns import columns

WRONG, RIGHT, SILENT = "wrong", "right", "silent"  # the first that a run met stands
WIDEST = "exhaustive"  # the profile that asks all that another one asks
STOPS = ("-x", "--exitfirst", "--maxfail")  # a run that may end before it asked what was selected


@dataclass(frozen=True)
class Answer:
    """What became of one case, or of one law on one problem; `reason` says why it is silent."""

    state: str
    line: str
    op: str
    signature: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Answers:
    """A run, with its answers by key; a case has its line as the key."""

    run: Run

    @cached_property
    def by_key(self) -> Mapping[str, Answer]:
        """One answer for each key: a wrong one stands above a right one."""
        found: dict[str, Answer] = {}
        for key, answer in _answers(self.run):
            rank = (WRONG, RIGHT, SILENT).index
            if key not in found or rank(answer.state) < rank(found[key].state):
                found[key] = answer
        return found

    @cached_property
    def failing(self) -> Mapping[str, Sequence[str]]:
        """The keys of the wrong answers, the shortest first, by signature."""
        keys = defaultdict(list)
        for key in sorted(self.by_key, key=lambda key: (len(key), key)):
            if self.by_key[key].state == WRONG:
                keys[self.by_key[key].signature].append(key)
        return keys

    @cached_property
    def findings(self) -> Mapping[str, Finding]:
        """The findings by their signature."""
        return {one.signature: one for one in self.run.findings}

    @cached_property
    def flaky(self) -> frozenset[str]:
        """The keys that are wrong by a deviation that comes and goes."""
        flaky = [signature for signature, one in self.findings.items() if is_flaky(one)]
        return frozenset(key for signature in flaky for key in self.failing.get(signature, ()))

    def keys_of(self, finding: Finding) -> Sequence[str]:
        """Return the keys that show the finding, its smallest case first."""
        smallest = key_of(finding)
        return [
            smallest,
            *(one for one in self.failing.get(finding.signature, ()) if one != smallest),
        ]

    def state(self, key: str) -> str:
        """Return what became of a key; nothing if it was not asked."""
        return self.by_key[key].state if key in self.by_key else ""


def is_flaky(finding: Finding) -> bool:
    """Whether the ledger says that the deviation comes and goes."""
    return bool((finding.entry or {}).get("flaky"))


def key_of(finding: Finding) -> str:
    """Return the key of a finding's smallest case."""
    return _law_key(finding.clause, finding.line) if finding.verdict == Kind.LAW else finding.line


def as_wide(new: Run, old: Run) -> bool:
    """Whether the new run drew from all that the old one drew from, and came to its end."""
    return (
        _same_tests(new.header, old.header)
        and new.header.profile in (old.header.profile, WIDEST)
        and (new.header.minutes or 0) >= (old.header.minutes or 0)
        and (new.header.max_examples or 0) >= (old.header.max_examples or 0)
        and (new.header.max_examples is None) == (old.header.max_examples is None)
        and not new.footer.failed
    )


def _same_tests(new: Header, old: Header) -> bool:
    stops = any(word.startswith(STOPS) for word in new.selection.split())
    return not new.selection or (new.selection == old.selection and not stops)


def _answers(run: Run) -> Iterator[tuple[str, Answer]]:
    (column,) = columns([run])
    for tried in column.cases:
        record = tried.record
        state = (
            SILENT if tried.status == "unsupported" else WRONG if tried.is_discrepancy else RIGHT
        )
        yield record.line, Answer(state, record.line, tried.op, record.signature, record.message)
    for law in run.laws:
        state = SILENT if law.held is None else WRONG if law.signature else RIGHT
        answer = Answer(state, law.line, law.op, law.signature, law.message)
        yield _law_key(law.law, law.line), answer


def _law_key(law: str, line: str) -> str:
    return f"{law} {line}"
