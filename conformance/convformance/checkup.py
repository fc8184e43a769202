"""What is still wrong with an adapter, step by step: `convformance check-adapter`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from packaging.version import InvalidVersion, Version

from convformance import ledger
from convformance.backend import Outcome
from convformance.bench import Bench, Examined
from convformance.checkup_lines import BASES, INVALID, OPS_LINES
from convformance.checkup_sweep import NOTE, OK, WRONG, Step, Support, Sweep, examine
from convformance.fills import make_arrays
from convformance.isolation import Limits
from convformance.problem import Case, Problem
from convformance.registry import BackendError, is_file, names, parted, shown_name
from convformance.verdict import FINE, Kind
from convformance.wire import PREFIX, PROTOCOL, is_command
from convformance.wire.backend import HELLO_SECONDS, WireBackend, split
from convformance.wire.blob import WireError
from convformance.wire.line import Ended, Line
from convformance.wire.messages import BYE, hello, plain, read_message, write_message
from convformance.worker import Isolated

SECONDS = 30.0  # for one small answer
SILENCE = 0.3  # seconds in which a child says what nobody asked for


@dataclass
class Checkup:
    """The steps, as they come, and what was found: read `steps` to its end before `support`.

    `name` is that of a backend, as a run takes it.
    """

    name: str
    seconds: float = SECONDS
    hello_seconds: float = HELLO_SECONDS
    support: Support = field(default_factory=Support)
    starts: bool = False

    def steps(self) -> Iterator[Step]:
        """Yield each step; after one without which the next has no meaning, no more."""
        if is_command(self.name):
            for step in _greeting(self.name, self.hello_seconds):
                yield step
                if step.state == WRONG:
                    return
        try:
            backend = Isolated(self.name, Limits(self.seconds, self.seconds))
        except BackendError as error:
            yield Step("starts", WRONG, str(error))
            return
        self.starts = True
        try:
            yield from self._asked(backend)
        finally:
            backend.close()

    def _asked(self, backend: Isolated) -> Iterator[Step]:
        if not is_command(self.name):
            yield Step("starts", OK, f"{backend.name} {backend.version}")
        yield _version(backend.version)
        bench = Bench(backend, ledger.load(backend.name, backend.version))
        first = _first(bench)
        for look in (_answers, partial(_silence, self.name, self.seconds)):
            step = look(first)
            yield step
            if step.state == WRONG:
                return
        rank = first.case.problem.rank
        full = examine(bench, OPS_LINES[first.case.problem.op], rank)
        yield from _right(first if full.verdict.kind is Kind.UNSUPPORTED else full)
        yield _refuses(examine(bench, INVALID[first.case.problem.op], rank))
        yield _survives(backend, first.case.problem)
        yield _inputs(full, is_command(self.name))
        sweep = Sweep(bench, rank)
        sweep.ask(first.case.problem.op)
        yield from sweep.steps()
        self.support = sweep.support


def named_adapter(text: str) -> str:
    """Return the name of a backend that a user may mean: what is none of those is a command."""
    base, _ = parted(text)
    if is_command(text) or base in names() or re.fullmatch(r"[\w.]+:[\w.]+", base):
        return text
    before, colon, _ = base.rpartition(":")
    return text if colon and is_file(before) and before.endswith(".py") else PREFIX + text


def _greeting(name: str, seconds: float) -> Iterator[Step]:
    try:
        line = Line(split(name))
    except BackendError as error:
        yield Step("starts", WRONG, str(error))
        return
    except OSError as error:
        text = f"{shown_name(name)}: {error.strerror or error}"
        known = ", ".join(names())
        yield Step("starts", WRONG, text, f"a command, or one of {known}, or module:attribute")
        return
    try:
        yield Step("starts", OK)
        message = read_message(line.exchange(write_message(hello()), seconds))
    except (Ended, WireError) as error:
        what = "speaks this version" if "speaks version" in str(error) else "says hello"
        yield Step(what, WRONG, plain(str(error)), "docs/protocol.md shows the first two messages")
        return
    finally:
        line.leave(BYE)
    if message.kind != "hello":
        yield Step("says hello", WRONG, f"its first message is {message.kind}, not hello")
        return
    yield Step("says hello", OK, f"{message.words['name']} {plain(message.words['version'])}")
    yield Step("speaks this version", OK, f"protocol {PROTOCOL}")


def _version(version: str) -> Step:
    try:
        Version(version)
    except InvalidVersion:
        text = f"{version!r} is not as PEP 440 writes it: the ledger cannot compare it"
        return Step("has a version", NOTE, text)
    return Step("has a version", OK, version)


def _first(bench: Bench) -> Examined:
    """Return the first of a few small problems that is answered at all, else the first of them."""
    examined = [bench.examine(Case.parse(BASES[0]))]
    for line in BASES[1:]:
        if examined[-1].verdict.kind is not Kind.UNSUPPORTED:
            break
        examined.append(bench.examine(Case.parse(line)))
    answered = [one for one in examined if one.verdict.kind is not Kind.UNSUPPORTED]
    return (answered or examined)[0]


def _answers(first: Examined) -> Step:
    """Whether the first small problem is answered with arrays, of whatever values."""
    name, verdict, line = "answers a first problem", first.verdict, first.case.line
    if verdict.kind is Kind.UNSUPPORTED:
        told = f"it answers none of {len(BASES)} small ones; of the first: {verdict.message}"
        return Step(name, WRONG, told, "answer a 1x1 convolution", line)
    if verdict.kind in (Kind.CRASHED, Kind.LATE, Kind.ANSWER, Kind.REFUSES):
        return Step(name, WRONG, f"{verdict.kind}: {verdict.message}", line=line)
    return Step(name, OK, first.case.problem.line)


def _right(examined: Examined) -> Iterator[Step]:
    """Whether its shape, its dtype and its values are right, as far as one came."""
    verdict, line = examined.verdict, examined.case.line
    kinds = {"shape": Kind.SHAPE, "dtype": Kind.DTYPE, "values": Kind.VALUE}
    if verdict.kind in (Kind.INPUT, *FINE) or examined.entry:
        yield Step("has the right shape, dtype, values", OK, examined.case.problem.line)
        return
    if verdict.kind not in kinds.values():
        yield Step("gives arrays", WRONG, f"{verdict.kind}: {verdict.message}", line=line)
        return
    for what, kind in kinds.items():
        if kind is verdict.kind:
            yield Step(f"has the right {what}", WRONG, verdict.message, line=line)
            return
        yield Step(f"has the right {what}", OK)


def _refuses(examined: Examined) -> Step:
    name, verdict, line = "refuses what is invalid", examined.verdict, examined.case.line
    if verdict.kind is Kind.AGREES:
        return Step(name, OK, f"in these words: {verdict.message}")
    if verdict.kind is Kind.UNSUPPORTED:
        return Step(name, NOTE, f"it calls it unsupported: {verdict.message}", line=line)
    hint = "let the framework's own error pass"
    return Step(name, WRONG, f"{verdict.kind}: {verdict.message}", hint, line)


def _survives(backend: Isolated, problem: Problem) -> Step:
    """Whether the same call gives the same bits again, and another one other bits."""
    name, arrays = "survives two calls", make_arrays(Case(problem))
    outcomes = [backend.perform(problem, arrays) for _ in range(2)]
    if strange := _strange(outcomes):
        return Step(name, WRONG, strange)
    one, two = (outcome.arrays for outcome in outcomes)
    if any(one[key].tobytes() != two[key].tobytes() for key in one):
        return Step(name, WRONG, f"{problem.line}: the second answer has other bits")
    others = {key: np.asarray(array + array) for key, array in arrays.items()}
    other = backend.perform(problem, others)
    if strange := _strange([other]):
        return Step(name, WRONG, strange)
    if all(one[key].tobytes() == other.arrays[key].tobytes() for key in one):
        return Step(name, WRONG, f"{problem.line}: other inputs give the same answer")
    return Step(name, OK)


def _strange(outcomes: list[Outcome]) -> str:
    found = [outcome for outcome in outcomes if outcome.kind != "arrays"]
    return f"{found[0].kind}: {found[0].message}" if found else ""


def _inputs(examined: Examined, is_wired: bool) -> Step:
    name = "leaves its inputs alone"
    if is_wired:
        return Step(name, OK, "a process has its own copies")
    if examined.verdict.kind is Kind.INPUT:
        return Step(name, WRONG, examined.verdict.message, line=examined.case.line)
    return Step(name, OK)


def _silence(name: str, seconds: float, first: Examined) -> Step:
    """Whether a command says nothing unasked; of others what is printed is kept aside."""
    what, problem = "keeps standard output clean", first.case.problem
    if not is_command(name):
        return Step(what, OK, "what it prints is kept aside")
    backend = WireBackend(name, seconds)
    try:
        for _ in range(3):
            told = backend.perform(problem, make_arrays(Case(problem)))
            if told.kind == "something else":
                return Step(what, WRONG, told.message)
            time.sleep(SILENCE)
    finally:
        backend.end()
    return Step(what, OK)
