"""What a page leaves out, lest it be too heavy; `convformance cite` and `case` print it."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from convformance.runfile import Finding

MOST_WHOLE = 250  # findings that a page draws whole; the rest it tells in brief
MOST_KNOWN = 64  # elements of an array that a known finding shows


def lightened(finding: Finding, *, is_brief: bool) -> Finding:
    """Return the finding as a page takes it.

    A brief one loses all arrays, a known one its script and the arrays of many elements.
    """
    if is_brief:
        return replace(
            finding, inputs={}, expected={}, got={}, wrong=(), connections=(), terms="", script=""
        )
    if finding.status == "new":
        return finding
    kept: dict[str, Any] = {
        name: {
            key: replace(array, values=None) if prod(array.shape) > MOST_KNOWN else array
            for key, array in getattr(finding, name).items()
        }
        for name in ("inputs", "expected", "got")
    }
    return replace(finding, script="", **kept)
