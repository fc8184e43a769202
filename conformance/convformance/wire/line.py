"""The line to a child: frames on its standard input and output, against the clock.

A frame is eight bytes of length and as many bytes of message. Nothing is allocated that has not
arrived, and a length is doubted as soon as its first bytes are there.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import takewhile
from typing import IO, cast

from convformance.isolation import (
    GLANCE,
    LEAVING,
    PRCTL,
    end_family,
    follow_parent,
    how_it_ended,
    let_go_of_errors,
    too_much,
    was_too_much,
)  # fmt: skip
from convformance.wire.blob import PREFIX_SIZE, WireError, header_size, read_length, written_length

LARGEST_MESSAGE = 2**30  # bytes
CHUNK = 2**16
SHOWN = 60  # bytes of what is no message
LEAST_TEXT = 3  # letters in a row, which no length of a plausible message starts with


class Ended(Exception):  # noqa: N818  an outcome, not an error
    """Raised where a child died or does not answer: `kind` is that of an `Outcome`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class Line:
    """One child process and the frames to it and from it; raises OSError if it cannot start."""

    def __init__(self, words: Sequence[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the child
        try:
            self._process = subprocess.Popen(
                words,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # so that what it starts ends with it
                preexec_fn=follow_parent if PRCTL else None,  # noqa: PLW1509  one call
            )
        except BaseException:
            self._errors.close()
            raise
        pipes = cast("tuple[IO[bytes], IO[bytes]]", (self._process.stdin, self._process.stdout))
        for pipe in pipes:
            os.set_blocking(pipe.fileno(), False)
        self._input, self._output = (pipe.fileno() for pipe in pipes)
        self._read = bytearray()

    def exchange(self, message: bytes, seconds: float, memory: int | None = None) -> bytes:
        """Send a message and return the answer; raise `Ended`, or `WireError` for what is none.

        The child may hold `memory` MiB.
        """
        let_go_of_errors(self._errors.fileno())
        self._check_silence()
        unsent = memoryview(written_length(len(message)) + message)
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            selector.register(self._input, selectors.EVENT_WRITE)
            while True:
                frame = self._frame()
                if frame is not None and not unsent:
                    del self._read[: PREFIX_SIZE + len(frame)]
                    self._doubt(was_too_much(self._process.pid, memory) if memory else "")
                    return frame
                for key, _ in self._ready(selector, until, seconds, memory):
                    if key.fd == self._input:
                        unsent = self._sent(unsent)
                        if not unsent:
                            selector.unregister(self._input)
                    elif frame is None:
                        self._receive()
                    else:  # it answered early: the rest waits in the pipe until all is sent
                        selector.unregister(self._output)

    def _ready(
        self,
        selector: selectors.BaseSelector,
        until: float,
        seconds: float,
        memory: int | None,
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait until a pipe can be used; raise `Ended` when time is up, or the child is gone."""
        while (left := until - time.monotonic()) > 0:
            is_over = self._process.poll() is not None  # though a child of its own holds the pipe
            ready = selector.select(0 if is_over else min(left, GLANCE))
            if ready:
                return ready
            if is_over:
                raise Ended("died", self.last_words() + self._so_far())
            self._doubt(too_much(self._process.pid, memory) if memory else "")
        raise Ended("timed out", f"no answer within {seconds:g} seconds{self._so_far()}")

    def _doubt(self, excess: str) -> None:
        if excess:
            raise Ended("died", excess)

    def _sent(self, unsent: memoryview) -> memoryview:
        """Write what the pipe takes and return the rest, none if the child reads no more."""
        try:
            return unsent[os.write(self._input, unsent[:CHUNK]) :]
        except BlockingIOError:
            return unsent
        except OSError:  # it ended, or closed its standard input: what it says will tell
            return unsent[:0]

    def _receive(self) -> None:
        """Read what is there; raise `Ended` where nothing will come any more."""
        try:
            part = os.read(self._output, CHUNK)
        except BlockingIOError:
            return
        if not part:
            raise Ended("died", self.last_words() + self._so_far())
        self._read += part

    def _frame(self) -> bytes | None:
        """Return the message that has arrived, None while it has not; raise `WireError`."""
        if len(self._read) < PREFIX_SIZE:
            return None
        size = read_length(self._read)
        if size > LARGEST_MESSAGE:
            raise self._broken(f"a message claims {size:,} bytes; at most {LARGEST_MESSAGE:,}")
        if size <= PREFIX_SIZE:
            raise self._broken(f"a message of {size} bytes holds no safetensors header")
        try:
            inner = header_size(self._read[PREFIX_SIZE : 2 * PREFIX_SIZE + 1])
        except WireError as error:
            raise self._broken(str(error)) from None
        if inner is not None and PREFIX_SIZE + inner > size:
            raise self._broken(f"a message of {size:,} bytes claims a header of {inner:,}")
        if len(self._read) < PREFIX_SIZE + size:
            return None
        return bytes(memoryview(self._read)[PREFIX_SIZE : PREFIX_SIZE + size])

    def _check_silence(self) -> None:
        """Raise `WireError` if the child spoke without being asked."""
        with contextlib.suppress(OSError):
            self._read += os.read(self._output, CHUNK)
        if self._read:
            start = bytes(self._read[: 2 * PREFIX_SIZE]).hex(" ")
            raise self._broken(f"it wrote {len(self._read)} bytes unasked: {start}")

    def _broken(self, reason: str) -> WireError:
        """Return the error, which tells text where the bytes look like it."""
        return WireError(self._text() or reason)

    def _text(self) -> str:
        """Return what there is to say if the bytes look like text, else nothing."""
        shown = bytes(self._read[:SHOWN]).decode("utf-8", "replace")
        text = "".join(takewhile(_is_written, shown))
        if len(text) < LEAST_TEXT:
            return ""
        return (
            f"it wrote text to standard output, {text.strip()!r}, which belongs to the "
            "protocol; write text to standard error"
        )

    def _so_far(self) -> str:
        """Return what came of an answer that is not whole."""
        if not self._read:
            return ""
        return f" ({self._text() or f'after {len(self._read):,} bytes of an answer'})"

    def last_words(self) -> str:
        """Return how the child ended, and what it said on standard error."""
        return how_it_ended(self._process, self._errors, LEAVING, "standard output")

    def leave(self, message: bytes) -> None:
        """Say a last message, give the child a moment to end by itself, and end it."""
        self._sent(memoryview(written_length(len(message)) + message))
        if self._process.stdin:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVING)
        self.end()

    def end(self) -> None:
        """Kill the child and whatever it has started, and close the line."""
        end_family(self._process)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream:
                stream.close()


def _is_written(letter: str) -> bool:
    return letter != "\ufffd" and (letter.isprintable() or letter in "\n\r\t")
