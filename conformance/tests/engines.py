"""What the tests of optional engines share."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from convformance.backend import Backend
from convformance.bench import Bench
from convformance.problem import Case, Problem
from convformance.verdict import Verdict


def verdict(backend: Backend, line: str) -> Verdict:
    """Return the verdict on a problem with whole numbers."""
    return Bench(backend).examine(Case.parse(f"{Problem.parse(line).line} fill=integers#1")).verdict


def turn_strides(monkeypatch: pytest.MonkeyPatch, calls: ModuleType) -> None:
    """Have an adapter's calls say the strides of the axes in the opposite order."""
    real = calls._sliding

    def turned(problem: Problem) -> dict[str, Any]:
        options = real(problem)
        return options | {"strides": options["strides"][::-1]}

    monkeypatch.setattr(calls, "_sliding", turned)
