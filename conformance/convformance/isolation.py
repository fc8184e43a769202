"""What a backend's process may take, and what happens to a family of processes.

Memory is watched from outside, by what is resident. A limit of the address space (RLIMIT_AS) is
wrong for frameworks that reserve gigabytes which they never touch, and one of the data segment
(RLIMIT_DATA) counts stacks and arenas by their size: both accuse before memory is used. And both
show as a failed allocation, which a framework may tell as a refusal, without a number. The watch
costs that a process overshoots by what it touches between two looks, and that it works on Linux
alone; elsewhere nothing is watched.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from convformance.ending import ending, last_words, tail

MIB = 2**20
SHARE = 0.4  # of the machine's memory: two processes share a run
CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")
GLANCE = 0.1  # seconds between two looks at a process that does not answer yet
LEAVING = 1.0  # seconds that a process has to end by itself
DYING = 10.0  # seconds that one has whose line is closed already, until it counts as alive
PEAK = re.compile(rb"VmHWM:\s*(\d+) kB")
MOST_ERRORS = 2**20  # bytes of a process's output on the disk, before they are let go

# Linux alone kills a child whose parent was killed; elsewhere it sees the end of its input.
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1


def fair_share() -> int:
    """Return the memory in MiB that one of two backends may have on this machine."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # none, or "max"
        size = min(size, int(CONTROL_GROUP.read_text()))
    return int(size * SHARE / MIB)


@dataclass(frozen=True)
class Limits:
    """What a backend's process may take; past one it is ended, and the run goes on.

    The first call of a problem in a process has a time of its own: there a compiler works.
    `memory` is MiB, of the process and all that it has started. `restarts` counts how often a
    backend's process is started again before the backend is given up.
    """

    case_seconds: float = 60.0
    first_call_seconds: float = 120.0
    memory: int = field(default_factory=fair_share)
    restarts: int = 2000


class GivenUp(BaseException):
    """Raised where a backend's process ended more often than its limits allow.

    It is no Exception: no handler of errors on the way may keep it.
    """


def too_much(pid: int, limit: int) -> str:
    """Return the words for a family that holds more than `limit` MiB, or nothing."""
    held = sum(map(_resident, family(pid)))
    return _over(held, limit)


def was_too_much(pid: int, limit: int) -> str:
    """Return the words for a process that ever held more than `limit` MiB, or nothing."""
    return _over(_peak(pid), limit)


def _over(size: int, limit: int) -> str:
    if size <= limit * MIB:
        return ""
    return f"its process held {size / MIB:,.0f} MiB of memory where {limit:,} are allowed"


def family(pid: int) -> Iterator[int]:
    """Yield a process and what it has started, and these, as far as they have a living parent."""
    yield pid
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in listed.read_text().split():
                yield from family(int(child))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):  # it ended, or this is no Linux
        return 0


def _peak(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", "rb", 0) as file:  # every call asks: a Path is slower
            found = PEAK.search(file.read())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def follow_parent() -> None:
    """Have the kernel kill this process when its parent ends, though it may be busy then."""
    if PRCTL:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_family(process: subprocess.Popen[bytes]) -> None:
    """Kill the leader of a session and all of its group, and wait for the leader."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def how_it_ended(
    process: subprocess.Popen[bytes], output: IO[bytes], seconds: float, line: str
) -> str:
    """Return how a process ended whose `line` is closed, and its last words; end one that lives."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        end_family(process)
        words = last_words(tail(output))
        return f"it closed its {line} and went on" + (f": {words}" if words else "")
    return ending(status, tail(output))


def let_go_of_errors(fd: int) -> None:
    """Free the disk of a long output; what comes after it is kept."""
    if os.fstat(fd).st_blocks * 512 > MOST_ERRORS:
        os.ftruncate(fd, 0)
