"""The covering list: few cases that meet every pair of attribute classes, and most triples.

The list is a file, `cases.txt`, and `build` is how it is made; `factors` says what the classes
are, `space` which of them go together, and `count` what a set of cases meets.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from convformance.problem import Case

FILE = "cases.txt"
SOURCE = "covering"


@cache
def load() -> tuple[Case, ...]:
    """Return the cases of the list, in its order: the first ones meet most."""
    lines = _text().splitlines()
    return tuple(Case.parse(line) for line in lines if not line.startswith("#"))


@cache
def there(strength: int) -> int:
    """Return how many valid tuples of so many classes there are, by the head of the list."""
    found = re.search(rf"^# valid tuples of {strength}: (\d+)$", _text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{FILE} does not say how many valid tuples of {strength} there are")
    return int(found[1])


def cases(op: str) -> tuple[Case, ...]:
    """Return the list's cases of an op."""
    return tuple(case for case in load() if case.problem.op == op)


def _text() -> str:
    return (files(__name__) / FILE).read_text("utf-8")
