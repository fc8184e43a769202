"""A backend in a process of its own: what kills it becomes an outcome, and the run goes on.

The child is `python -m convformance.worker NAME`; requests and answers are pickles over a
socket pair, since both ends are this package. Whatever the framework prints is kept aside.
A command that speaks the wire protocol is a process already, and is asked without one between.
"""

from __future__ import annotations

import pickle
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.connection import Connection
from typing import Any, cast

from convformance.backend import Array, Arrays, Outcome
from convformance.isolation import (
    DYING,
    GLANCE,
    GivenUp,
    Limits,
    end_family,
    follow_parent,
    how_it_ended,
    let_go_of_errors,
    too_much,
    was_too_much,
)  # fmt: skip
from convformance.perform import perform, written_script
from convformance.problem import Problem
from convformance.registry import BackendError, make_backend
from convformance.wire import is_command
from convformance.wire.backend import WireChild

START_SECONDS = 300.0  # for the import of a framework on a cold disk
ENOUGH = 2  # confirmed deaths of an op with the same words, before the next is believed
ATTRIBUTES = ("name", "version", "accumulators", "libraries")  # what the front end reads


class Isolated:
    """A backend whose every call runs in a child process, which is started again when it dies.

    `deaths` counts children that died at a case which a fresh child then answered: an earlier
    call is to blame, and it is not known which. Every call may raise `GivenUp`.
    """

    def __init__(self, adapter: str, limits: Limits | None = None) -> None:
        self.adapter, self.limits, self.deaths = adapter, limits or Limits(), 0
        self._starts = 0
        self._asked: set[str] = set()  # problems, of this child
        self._child: _Child | WireChild | None = None
        told = self._started().told
        self.name: str = told["name"]
        self.version: str = told["version"]
        self.accumulators: Mapping[str, str] = told["accumulators"]
        self.libraries: Mapping[str, str] = told["libraries"]
        self.one_in: int = told["one_in"]
        self._proven: Counter[str] = Counter()  # words of deaths that a fresh child died too
        self._last = ""  # how a child ended
        self._number: int | None = None  # of threads, None where it is the backend's own
        self.threads = self._with_threads if told["offers_threads"] else told["threads"]

    def run(self, problem: Problem, arrays: dict[str, Array]) -> Mapping[str, Array]:
        """Return the arrays of `perform`; only for callers that know no outcome."""
        outcome = self.perform(problem, arrays)
        if outcome.kind != "arrays":
            raise RuntimeError(f"{outcome.kind}: {outcome.message}")
        return outcome.arrays

    def perform(self, problem: Problem, arrays: Arrays) -> Outcome:
        """Return the outcome; a death counts only if a fresh child dies of the same call.

        A failed check of which a fresh child died once is the call's own whenever it fails. So is,
        where a ledger knows it, the death of an op with words of which it died `ENOUGH` times.
        """
        fresh = self._child is None
        outcome = self._ask("perform", problem, arrays)
        check, words = failed_check(outcome.message), _words(problem, outcome)
        proven = fresh or self._proven[check] > 0 or self._proven[words] >= ENOUGH
        if outcome.kind in ("died", "timed out") and not proven:
            outcome = self._ask("perform", problem, arrays)
            self.deaths += outcome.kind != "died"
        if outcome.kind != "died":
            return outcome
        self._proven.update({words, check} - {""})
        return Outcome("crashed", message=outcome.message)

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return the adapter's script of the call, or nothing."""
        answer = self._ask("script", problem, arrays)
        return answer.message if answer.kind == "script" else ""

    @contextmanager
    def _with_threads(self, n: int) -> Iterator[None]:
        """Have the calls of a `with` block run under the adapter's own `threads(n)`."""
        self._number = n
        try:
            yield
        finally:
            self._number = None

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.end()
            self._child = None
            self._asked.clear()

    def _started(self) -> _Child | WireChild:
        if self._child is None:
            self._starts += 1
            made = WireChild if is_command(self.adapter) else _Child
            self._child = made(self.adapter)
        return self._child

    def _ask(self, what: str, problem: Problem, arrays: Arrays) -> Outcome:
        self._check_restarts()
        try:
            child = self._started()
        except BackendError as error:  # it started once: an earlier call or its time is to blame
            return Outcome("died", message=str(error))
        is_first = problem.line not in self._asked
        self._asked.add(problem.line)
        seconds = self.limits.first_call_seconds if is_first else self.limits.case_seconds
        request = (what, problem, dict(arrays), self._number)
        answer = child.ask(request, seconds, self.limits.memory)
        if answer.kind in ("died", "timed out"):
            self._last = answer.message
            self.close()
        return answer

    def _check_restarts(self) -> None:
        if self._child is None and self._starts > self.limits.restarts:
            again = self._starts - 1
            raise GivenUp(
                f"{self.adapter} is given up: its process was started again {again:,} times, which "
                f"is the limit; it ended last with: {self._last}"
            )


class _Child:
    """One child process and the line to it."""

    def __init__(self, adapter: str) -> None:
        ours, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the child
        fd = theirs.fileno()
        command = [sys.executable, "-m", "convformance.worker", adapter, str(fd)]
        self._process = subprocess.Popen(
            command,
            pass_fds=[fd],
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            start_new_session=True,  # so that what it starts ends with it
        )
        theirs.close()
        self._line = Connection(ours.detach())
        hello = self.ask(None, START_SECONDS, 0)
        if hello.kind != "hello":
            self.end()
            raise BackendError(hello.message or f"backend {adapter!r}: its process {hello.kind}")
        self.told: Mapping[str, Any] = hello.arrays

    def ask(self, request: object, seconds: float, memory: int) -> Outcome:
        """Send a request, return the answer, or how the child ended.

        It has so many seconds, and so many MiB of memory; 0 is as much as it likes.
        """
        let_go_of_errors(self._errors.fileno())
        try:
            if request is not None:
                _send(self._line, request)
            ended = self._waited(seconds, memory)
            if ended:
                return ended
            answer: Outcome = self._line.recv()
        except (EOFError, OSError):
            return Outcome("died", message=self._last_words())
        excess = was_too_much(self._process.pid, memory) if memory else ""
        return Outcome("died", message=excess) if excess else answer

    def _waited(self, seconds: float, memory: int) -> Outcome | None:
        """Wait for an answer, and return None when it is there; else why none will come."""
        until = time.monotonic() + seconds
        while not self._line.poll(min(GLANCE, max(0.0, until - time.monotonic()))):
            # A child of its own may hold the line open.
            if self._process.poll() is not None and not self._line.poll(0):
                return Outcome("died", message=self._last_words())
            excess = too_much(self._process.pid, memory) if memory else ""
            if excess:
                return Outcome("died", message=excess)
            if time.monotonic() >= until:
                return Outcome("timed out", message=f"no answer within {seconds:g} seconds")
        return None

    def _last_words(self) -> str:
        return how_it_ended(self._process, self._errors, DYING, "line")

    def end(self) -> None:
        """Kill the child and whatever it has started, and close the line."""
        end_family(self._process)
        self._line.close()
        self._errors.close()


def _words(problem: Problem, outcome: Outcome) -> str:
    return f"{problem.op} {problem.grad} {outcome.message}"


def failed_check(message: str) -> str:
    """Return the check that a dead process says has failed, without its numbers, or nothing."""
    found = re.search(r"Check failed.*", message)
    return re.sub(r"[0-9]+", "N", found[0]) if found else ""


def serve(adapter: str, line: Connection) -> None:
    """Answer requests until the line closes; the child's side."""
    try:
        backend = make_backend(adapter)
    except BackendError as error:
        _send(line, Outcome("no backend", message=str(error)))
        return
    told = {name: getattr(backend, name, {}) for name in ATTRIBUTES}
    told["one_in"] = getattr(backend, "one_in", 1)
    threads = getattr(backend, "threads", None)
    told |= {"offers_threads": callable(threads)}
    told |= {"threads": threads if isinstance(threads, str) else None}  # the reason why not
    _send(line, Outcome("hello", arrays={name: _plain(value) for name, value in told.items()}))
    while True:
        try:
            what, problem, arrays, threads = line.recv()
        except EOFError:
            return
        if what == "perform":
            with _threads(backend, threads):
                answer = perform(backend, problem, arrays)
        else:
            answer = Outcome("script", message=written_script(backend, problem, arrays))
        try:
            _send(line, answer)
        except Exception as trouble:  # an answer that no pickle can hold
            text = f"the answer cannot be sent: {type(trouble).__name__}: {trouble}"
            _send(line, Outcome("crashed", message=text))


def _send(line: Connection, what: object) -> None:
    """Send a pickle; the `send` of a line makes a pickler of its own each time."""
    line.send_bytes(pickle.dumps(what, pickle.HIGHEST_PROTOCOL))


def _threads(backend: Any, n: int | None) -> AbstractContextManager[Any]:
    return nullcontext() if n is None else cast("AbstractContextManager[Any]", backend.threads(n))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


if __name__ == "__main__":
    # What a library or a stray print writes to standard output goes where stderr goes.
    follow_parent()
    serve(sys.argv[1], Connection(int(sys.argv[2])))
