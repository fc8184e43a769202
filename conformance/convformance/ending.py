"""How a process ended, in words: its status and the line of its output that tells why."""

from __future__ import annotations

import re
import signal
from typing import IO

TAIL = 600  # characters of standard error that a crash is told with
READ = 2**16  # bytes at the end of an output in which the telling line is sought
TELLING = r"Check failed|terminate called|free\(\)|corrupt|Assertion|Fatal"
# A panic of Rust that cannot unwind panics once more, which tells nothing; the thread has a number.
PANIC = r"panicked at (\S+):\n(?!panic in a function that cannot unwind)(.+)"
RAISED = r"^(Uncaught )?[\w.]*(Error|Exception)\b"  # ahead of a stack, or behind it


def ending(status: int, said: str) -> str:
    """Return how a process ended and its last words, such as "Aborted (signal 6): no memory"."""
    reason = f"exit status {status}"
    if status < 0:
        reason = f"{signal.strsignal(-status)} (signal {-status})"
    words = last_words(said)
    return f"{reason}: {words}" if words else reason


def last_words(said: str) -> str:
    """Return the line of a dead process's output that tells why, or its last line."""
    panics = re.findall(PANIC, said)
    if panics:
        place, reason = panics[-1]
        return f"panicked at {place}: {reason.strip()}"[:TAIL]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(TELLING, line)]
    raised = [line for line in lines if re.search(RAISED, line)]
    return (telling or raised[-1:] or lines[-1:] or [""])[0][:TAIL]


def tail(output: IO[bytes]) -> str:
    """Return the end of what was written to a file, as text."""
    size = output.seek(0, 2)
    output.seek(max(0, size - READ))
    return output.read().decode("utf-8", "replace").replace("\0", "")
