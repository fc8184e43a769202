"""The journal of a run that goes on: what each test told, so that a cut-off run can be resumed.

FILE.partial holds the header, and for each finished test its records and a line that it is done,
written and flushed at once. Records behind the last such line are of a test that was cut off: it
is asked anew, and nothing is counted twice. At the end the records become the run file.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from convformance.runfile import (
    JOURNAL,
    PARTIAL,
    Finding,
    Footer,
    Header,
    RunFileError,
    Taken,
    from_json,
    to_line,
)  # fmt: skip

FULL = ".whole"  # while the run file is written


@dataclass(frozen=True)
class Done:
    """A finished test: its records stand before this line."""

    test: str  # pytest's id
    process: int = 0  # that ran it, of those that share the run
    failed: str = ""  # if it failed for another reason than a discrepancy
    deaths: int = 0
    passes: int = 0
    seconds: float = 0.0  # since the run was begun or resumed


@dataclass(frozen=True)
class Begun:
    """What is left of a run that was cut off."""

    path: Path  # of the run file that it was to become
    header: Header
    lines: Sequence[str] = ()  # records of finished tests
    done: Sequence[Done] = ()
    resumed: Sequence[str] = ()  # when, earlier
    seconds: float = 0.0  # that were spent
    seen: dict[int, dict[str, str]] = field(default_factory=dict)  # process -> signature -> line

    @property
    def tests(self) -> frozenset[str]:
        """The ids of the finished tests."""
        return frozenset(one.test for one in self.done)


def begun(path: Path) -> Begun:
    """Return what a cut-off run left; `path` is its run file, or that with .partial behind.

    Raise `RunFileError` if there is nothing to resume.
    """
    final = path.with_name(path.name.removesuffix(PARTIAL))
    partial = final.with_name(final.name + PARTIAL)
    if not partial.exists():
        if final.exists():
            raise RunFileError(f"{final}: this run is finished: there is nothing to resume")
        raise RunFileError(f"{partial}: there is no such file: no run was cut off here")
    header, lines, done, resumed = None, [], [], []
    seen: dict[int, dict[str, str]] = {}
    spent, since, pending = 0.0, 0.0, list[str]()
    for number, data, line in _whole_lines(partial):
        kind = data.get("type")
        if number == 1:
            header = _header(partial, data)
        elif kind == "resumed":
            resumed.append(str(data.get("started")))
            spent, since, pending = spent + since, 0.0, []
        elif kind == "done":
            one = _done(partial, number, data)
            seen.setdefault(one.process, {}).update(_signed(pending))
            lines += pending
            done.append(one)
            since, pending = one.seconds, []
        else:
            pending.append(line)
    if header is None:
        raise RunFileError(f"{partial}: nothing was recorded: run it again")
    return Begun(final, header, lines, done, resumed, spent + since, seen)


def _whole_lines(path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Yield the lines; what a full disk or a kill left of the last one is no line."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror}") from None
    for number, raw in enumerate(text.split(b"\n")[:-1], 1):
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise RunFileError(f"{path}, line {number}: {error}") from None
        if not isinstance(data, dict):
            raise RunFileError(f"{path}, line {number}: not a JSON object")
        yield number, data, raw.decode()


def _header(path: Path, data: dict[str, Any]) -> Header:
    found = from_json(data)
    if not isinstance(found, Header):
        raise RunFileError(f"{path}: the first line is no header: this is no run file")
    return found


def _done(path: Path, number: int, data: dict[str, Any]) -> Done:
    try:
        return Done(**{name: value for name, value in data.items() if name != "type"})
    except TypeError as error:
        raise RunFileError(f"{path}, line {number}: {error}") from None


def _signed(lines: Iterable[str]) -> dict[str, str]:
    found = (from_json(json.loads(line)) for line in lines)
    signed = [one for one in found if isinstance(one, (Finding, Taken))]
    return {one.signature: getattr(one, "line", "") for one in signed}


class Journal:
    """Takes what each test told; `close` makes the run file of it. Raises `OSError`.

    Another run that would write the same file is kept out; the system lets go with the process.
    """

    def __init__(self, path: Path, header: Header, resumed: Begun | None = None) -> None:
        self.path, self.header = path, header
        self.partial = path.with_name(path.name + PARTIAL)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._alone()
        if resumed is not None:
            self.header = replace(resumed.header, resumed=(*resumed.resumed, header.started))
            self._begin_anew(resumed, header.started)
            self._file.close()
            self._file = self._alone()  # it is another file now
        path.unlink(missing_ok=True)  # an older run must not pass for this one
        if resumed is None:
            self._file.truncate(0)
            self._write([to_line(header)])

    def _alone(self) -> TextIO:
        """Open the journal to append to it, unless a run that goes on has it."""
        file = self.partial.open("a", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            busy = "another run is writing it; give this one another file by -o"
            raise OSError(errno.EAGAIN, busy, str(self.partial)) from None
        return file

    def _begin_anew(self, resumed: Begun, started: str) -> None:
        """Write what is kept of the cut-off run, without what was cut off in the midst."""
        kept = self.partial.with_name(self.partial.name + FULL)
        with kept.open("w", encoding="utf-8") as file:
            file.write(to_line(resumed.header) + "\n")
            file.writelines(f"{line}\n" for line in _kept(self.partial))
            file.write(json.dumps({"type": "resumed", "started": started}) + "\n")
        os.replace(kept, self.partial)

    def take(self, lines: Sequence[str], done: Done) -> None:
        """Append the records of a test, and that it is done."""
        self._write([*lines, json.dumps({"type": "done", **vars(done)})])

    def _write(self, lines: Sequence[str]) -> None:
        self._file.write("".join(f"{line}\n" for line in lines))
        self._file.flush()

    def close(self, findings: Sequence[Finding], footer: Footer) -> None:
        """Write the run file: the records, the findings and the footer; the journal goes."""
        self._file.close()
        whole = self.partial.with_name(self.partial.name + FULL)
        with whole.open("w", encoding="utf-8") as file:
            file.write(to_line(self.header) + "\n")
            file.writelines(f"{line}\n" for line in _recorded(self.partial))
            file.writelines(f"{to_line(one)}\n" for one in findings)
            file.write(to_line(footer) + "\n")
        os.replace(whole, self.path)
        self.partial.unlink()

    def abandon(self) -> None:
        """Leave the journal as it is; on a full disk without what did not fit."""
        with suppress(OSError):
            self._file.close()


def write_run(path: Path, header: Header, records: Iterable[Any], footer: Footer) -> None:
    """Write a run file of records that are all at hand, findings among them."""
    every = list(records)
    journal = Journal(path, header)
    journal.take([to_line(one) for one in every if not isinstance(one, Finding)], Done(""))
    journal.close([one for one in every if isinstance(one, Finding)], footer)


def _kept(partial: Path) -> Iterator[str]:
    """Yield all lines but the header up to the last test that was done."""
    pending: list[str] = []
    for number, data, line in _whole_lines(partial):
        pending.append(line)
        if data.get("type") in JOURNAL:
            yield from pending if number > 1 else ()
            pending = []
        elif number == 1:
            pending = []


def _recorded(partial: Path) -> Iterator[str]:
    """Yield the records that a run file holds: findings come after all others, each once."""
    for number, data, line in _whole_lines(partial):
        if number > 1 and data.get("type") not in (*JOURNAL, "finding"):
            yield line
