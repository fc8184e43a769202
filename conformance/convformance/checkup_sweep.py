"""Every kind of problem asked once of an adapter: what it answers, right or not, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from convformance.bench import Bench, Examined
from convformance.checkup_lines import OPS_LINES, aspects, on_one_axis
from convformance.problem import DTYPES, Case
from convformance.verdict import FINE, Kind

OK, WRONG, NOTE = "ok", "WRONG", "note"


@dataclass(frozen=True)
class Step:
    """One thing that was looked at: what it is, ok, WRONG or note, and what was seen.

    `hint` says what to do; `line` is a case that shows it.
    """

    name: str
    state: str
    told: str = ""
    hint: str = ""
    line: str = ""


@dataclass(frozen=True)
class Support:
    """What an adapter answers: labels by group ("ops", "dtypes", "conv"), and why not others."""

    answered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # reason -> labels


@dataclass
class Sweep:
    """What is found while every op, dtype and attribute is asked once, on one or two axes."""

    bench: Bench
    rank: int
    answered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    wrong: list[Examined] = field(default_factory=list)

    @property
    def support(self) -> Support:
        """What was found, for a summary."""
        reasons = {reason: tuple(labels) for reason, labels in self.reasons.items()}
        return Support(self.answered, reasons)

    def ask(self, base: str) -> None:
        """Ask all; the dtypes are asked of the op `base`."""
        ops = self._group(OPS_LINES, "")
        plain = OPS_LINES[base].rpartition(" ")[0]
        dtypes = [one for one in DTYPES if base == "conv" or not one.startswith("complex")]
        self.answered["ops"] = ops
        self.answered["dtypes"] = self._group({one: f"{plain} {one}" for one in dtypes}, "")
        for op in ops:
            if lines := aspects(op):
                self.answered[op] = self._group(lines, f"{op} ")

    def _group(self, lines: Mapping[str, str], prefix: str) -> tuple[str, ...]:
        """Return the labels of what is answered right, or as the ledger knows it."""
        answered = []
        for label, line in lines.items():
            examined = examine(self.bench, line, self.rank)
            if examined.verdict.kind is Kind.UNSUPPORTED:
                self.reasons.setdefault(examined.verdict.message, []).append(f"{prefix}{label}")
            elif examined.verdict.kind in FINE or examined.entry:
                answered.append(label)
            else:
                self.wrong.append(examined)
        return tuple(answered)

    def steps(self) -> Iterator[Step]:
        """Yield what is to be said of it."""
        yield self._unsupported()
        yield self._answers()

    def _unsupported(self) -> Step:
        name = "says unsupported with a reason"
        if bare := self.reasons.get("", []):
            return Step(name, WRONG, f"no reason for {', '.join(bare)}", "say what is in the way")
        if self.reasons:
            return Step(name, OK, next(iter(self.reasons)))
        refused = [one for one in self.wrong if one.verdict.kind is Kind.REFUSES]
        if refused:
            told = f"it says so of nothing, and refuses: {refused[0].verdict.message}"
            hint = "what the interface cannot say is unsupported, and no error"
            return Step(name, WRONG, told, hint, refused[0].case.line)
        return Step(name, NOTE, "nothing that was asked is unsupported")

    def _answers(self) -> Step:
        name, kinds = "answers each kind of problem right", sum(map(len, self.answered.values()))
        if not self.wrong:
            return Step(name, OK, f"{kinds} kinds")
        case, verdict = self.wrong[0].case, self.wrong[0].verdict
        more = f" (and {len(self.wrong) - 1} more)" if len(self.wrong) > 1 else ""
        hint = "is it the adapter's doing, or the framework's? this shows both:"
        return Step(name, WRONG, f"{verdict.kind}: {verdict.message}{more}", hint, case.line)


def examine(bench: Bench, line: str, rank: int) -> Examined:
    """Ask a line of two axes, or on one axis what is left of it."""
    return bench.examine(Case.parse(on_one_axis(line) if rank == 1 else line))
