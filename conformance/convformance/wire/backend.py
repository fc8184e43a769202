"""A backend that is a command: started, asked, and started again when it ends."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Mapping
from typing import Any

from convformance.backend import Array, Arrays, Outcome, Result, Unsupported
from convformance.handing import handed, taken_back
from convformance.problem import Problem
from convformance.registry import BackendError, shown_name
from convformance.wire import PREFIX
from convformance.wire.blob import WireError
from convformance.wire.line import Ended, Line
from convformance.wire.messages import (
    BYE,
    Message,
    hello,
    plain,
    question,
    read_message,
    write_message,
)  # fmt: skip

SECONDS = 120.0  # for one answer
HELLO_SECONDS = 60.0  # for the start of an interpreter and its framework
NO_THREADS = "the wire protocol has no word for the number of threads"


class WireBackend:
    """A command that speaks the wire protocol; its process starts at once, and anew when it ended.

    Raises `BackendError`. `run` raises `Unsupported`, or RuntimeError with the kind of outcome.
    """

    threads = NO_THREADS
    one_in = 1

    def __init__(
        self, name: str, seconds: float = SECONDS, hello_seconds: float = HELLO_SECONDS
    ) -> None:
        self.command = name  # with its prefix
        self.seconds, self.hello_seconds = seconds, hello_seconds
        self.memory: int | None = None  # MiB that its process may hold
        self._words = split(name)
        self._line: Line | None = None
        self._asked = 0
        said = self._start()
        self.name: str = said["name"]
        self.version = plain(said["version"])
        can: Mapping[str, Any] = said.get("capabilities", {})
        self.knows = frozenset(can.get("knows", ()))
        self.accumulators: Mapping[str, str] = can.get("accumulators", {})
        self.libraries = _plain_values(can.get("libraries", {}))
        self.ops, self.dtypes = can.get("ops"), can.get("dtypes")

    def run(self, problem: Problem, arrays: Mapping[str, Array]) -> Result:
        """Return the answer as it came over the wire; `arrays` are already handed over."""
        outcome = self._answer(problem, arrays)
        if outcome.kind == "unsupported":
            raise Unsupported(outcome.message)
        if outcome.kind != "arrays":
            raise RuntimeError(f"{outcome.kind}: {outcome.message}")
        return Result(outcome.arrays, outcome.how, outcome.recipe, outcome.layout)

    def perform(self, problem: Problem, arrays: Arrays) -> Outcome:
        """Return the outcome of a problem, a death among them as a crash."""
        outcome = self.ask(problem, arrays)
        return Outcome("crashed", message=outcome.message) if outcome.kind == "died" else outcome

    def ask(self, problem: Problem, arrays: Arrays) -> Outcome:
        """Return the outcome of a problem; its kind may be "died"."""
        missing = [name for name in problem.extras if name not in self.knows]
        if missing:
            return _unsupported(f"the adapter does not know {', '.join(missing)}")
        if problem.memory != "contiguous":
            return _unsupported(f"over the wire arrays have one form, none is {problem.memory}")
        for what, found, named in (
            ("op", problem.op, self.ops),
            ("dtype", problem.dtype, self.dtypes),
        ):
            if named is not None and found not in named:
                return _unsupported(f"the adapter's hello does not name this {what}")
        outcome = self._answer(problem, handed(problem, arrays))
        if outcome.kind != "arrays":
            return outcome
        got = taken_back(problem, outcome.arrays)
        return Outcome("arrays", got, "", outcome.how, outcome.recipe, (), outcome.layout)

    def _answer(self, problem: Problem, arrays: Arrays) -> Outcome:
        self._asked += 1
        try:
            if self._line is None:
                self._start()
            line: Any = self._line
            data = write_message(question(self._asked, problem, arrays))
            return self._outcome(read_message(line.exchange(data, self.seconds, self.memory)))
        except Ended as end:
            self.end()
            return Outcome(end.kind, message=plain(end.message))
        except BackendError as error:
            return Outcome("died", message=str(error))
        except WireError as error:  # it is not known any more where its next message begins
            self.end()
            return Outcome("something else", message=f"protocol: {plain(str(error))}")

    def _outcome(self, message: Message) -> Outcome:
        words = message.words
        if message.kind == "bye":
            self.end()
            return Outcome("died", message=f"it said bye: {plain(words.get('message', ''))}")
        if message.kind == "hello":
            raise WireError("it said hello again where an answer was due")
        if words["id"] != self._asked:
            raise WireError(f"it answers problem {words['id']} where {self._asked} was asked")
        if message.kind == "unsupported":
            return _unsupported(plain(words["reason"]))
        if message.kind == "refusal":
            return Outcome("refused", message=plain(words["message"]))
        how, layout = plain(words.get("how", "")), plain(words.get("layout", ""))
        return Outcome("arrays", message.arrays, "", how, words.get("recipe", False), (), layout)

    def _start(self) -> Mapping[str, Any]:
        """Start the process and return the words of its hello; raise `BackendError`."""
        try:
            self._line = Line(self._words)
        except OSError as error:
            raise BackendError(_not_started(self._words[0], error)) from None
        try:
            message = read_message(self._line.exchange(write_message(hello()), self.hello_seconds))
            if message.kind != "hello":
                raise WireError(f"its first message is {message.kind}, not hello")
        except (Ended, WireError) as error:
            self.end()
            told = plain(str(error))
            raise BackendError(f"{shown_name(self.command)}: no hello: {told}") from None
        return message.words

    def close(self) -> None:
        """Say bye and end the process; it is started again where it is asked again."""
        if self._line:
            line, self._line = self._line, None
            line.leave(BYE)

    def end(self) -> None:
        """End the process without a word."""
        if self._line:
            line, self._line = self._line, None
            line.end()


def split(name: str) -> list[str]:
    """Return the words of a command, as a shell takes them apart; raise `BackendError`."""
    try:
        words = shlex.split(name.removeprefix(PREFIX))
    except ValueError as error:
        raise BackendError(f"{shown_name(name)}: {error}") from None
    if not words or not words[0]:
        raise BackendError(f"{PREFIX} is followed by no command")
    return words


class WireChild:
    """A command behind `convformance.worker.Isolated`, which decides on its deaths."""

    def __init__(self, name: str) -> None:
        self._backend = WireBackend(name)
        told = ("name", "version", "accumulators", "libraries", "one_in", "threads")
        self.told: Mapping[str, Any] = {one: getattr(self._backend, one) for one in told}
        self.told = {**self.told, "offers_threads": False}

    def ask(self, request: Any, seconds: float, memory: int) -> Outcome:
        """Return the outcome of a request; no script repeats the call of a process."""
        what, problem, arrays, _ = request
        if what != "perform":
            return Outcome("script")
        self._backend.seconds, self._backend.memory = seconds, memory
        return self._backend.ask(problem, arrays)

    def end(self) -> None:
        """End the process, politely where it still answers."""
        self._backend.close()


def _unsupported(reason: str) -> Outcome:
    return Outcome("unsupported", message=reason)


def _plain_values(texts: Mapping[str, str]) -> dict[str, str]:
    return {plain(name)[:100]: plain(text)[:100] for name, text in texts.items()}


def _not_started(program: str, error: OSError) -> str:
    hints = {
        "ENOENT": "; is the path right, seen from here?",
        "EACCES": "; may it be executed (chmod +x)?",
        "ENOEXEC": "; a script starts with a line such as #!/usr/bin/env python3",
    }
    hint = hints.get(errno.errorcode.get(error.errno or 0, ""), "")
    return f"cannot start {shown_name(program)}: {error.strerror or error}{hint}"
