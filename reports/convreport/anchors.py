"""Anchors: made from what a thing is, never from its place on the page, so that links stay good."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

LONGEST = 80


def safe(name: str) -> str:
    """Return the name in letters that stand in an address as they are; a long one cut."""
    short = name if len(name) <= LONGEST else f"{name[:LONGEST]}-{digest(name)}"
    return re.sub(r"[^A-Za-z0-9_.-]", "-", short)


def unique(name: str, taken: dict[str, int]) -> str:
    """Return the name; "-2" stands behind it if it is taken, which only odd names are."""
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else unique(f"{name}-{taken[name]}", taken)


def digest(line: str) -> str:
    """Return the hash that the id of a case is made of."""
    return hashlib.sha256(line.encode(errors="backslashreplace")).hexdigest()[:10]


def marks(names: Sequence[tuple[str, str]]) -> list[str]:
    """Return what tells runs apart in an anchor, of (backend, label): the backend if it will do.

    A version would break every link at the next release, so that it stands only where the page
    has a further run of the same backend.
    """
    taken: dict[str, int] = {}
    backends = [backend for backend, _ in names]
    return [
        unique(safe(label if backend in backends[:i] else backend) or "-", taken)
        for i, (backend, label) in enumerate(names)
    ]
