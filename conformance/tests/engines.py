"""What the tests of optional engines share."""

from __future__ import annotations

from convformance.backend import Backend
from convformance.bench import Bench
from convformance.problem import Case, Problem
from convformance.verdict import Verdict


def verdict(backend: Backend, line: str) -> Verdict:
    """Return the verdict on a problem with whole numbers."""
    return Bench(backend).examine(Case.parse(f"{Problem.parse(line).line} fill=integers#1")).verdict
