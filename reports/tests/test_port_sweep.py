"""`convformance port` over the corpus and drawn problems, in every direction: never a traceback."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import permutations
from math import prod
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convformance import corpus, covering
from convformance.expect import broken_clause
from convformance.problem import OPS, Problem
from convformance.recipes import recipes
from convformance.strategies import problems
from convreport.port import Ported, meant, port
from convreport.port_json import as_json, schema_text
from convreport.port_text import as_text
from convreport.profiles import FRAMEWORKS

DIRECTIONS = tuple(permutations(FRAMEWORKS, 2))
WRITTEN = 48  # lines that are written in every direction
RUN = 80  # lines that are run, each in one direction
LARGEST = 20_000  # elements of the arrays of a line that is run


def kind_of(told: Ported) -> str:
    """Return which of the three answers it is; raise for what is none of them, or two."""
    text = as_text(told)
    last = text.split("\n\n")[-1]
    is_checked = last.startswith(f"checked on {told.checked} cases") and told.checked > 0
    kinds = {
        "checked": is_checked and told.exact and told.recipe is not None,
        "not checked": last.startswith("not checked: ") and bool(told.unchecked) and told.exact,
        "nothing": "nothing was found in" in last
        and not told.exact
        and bool(told.difference if told.recipe else told.reasons),
    }
    found = [name for name, is_so in kinds.items() if is_so]
    assert len(found) == 1, text
    assert told.recipe is None or compile(told.recipe.source, "<recipe>", "exec")
    return found[0]


def _drawn(count: int) -> list[Problem]:
    """Return problems of every op, the same ones in each run."""
    found: dict[Problem, None] = {}

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(tuple(OPS)).flatmap(problems))
    def collect(problem: Problem) -> None:
        found[problem] = None

    collect()
    return list(found)


def _problems(count: int, seed: int) -> list[Problem]:
    """Return so many valid ones: of the corpus, of the covering list, and drawn, by turns."""
    random = Random(seed)
    sources = (
        [entry.case.problem for entry in corpus.load()],
        [case.problem for case in covering.load()],
        _drawn(count),
    )
    shuffled = [random.sample(one, len(one)) for one in sources]
    each = [problem for turn in zip(*shuffled, strict=False) for problem in turn]
    return [problem for problem in each if broken_clause(problem) is None][:count]


def test_every_line_is_written_or_told_as_impossible_in_every_direction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With nothing installed: a program that compiles and why it was not run, or reasons."""
    monkeypatch.setattr("convreport.port.missing", lambda name: f"{name} is not installed")
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    kinds: Counter[str] = Counter()
    for number, problem in enumerate(_problems(WRITTEN, seed=1)):
        for source, target in DIRECTIONS:
            told = port(problem, source, target)
            kinds[kind_of(told)] += 1
            if number % 8 == 0:
                validator.validate(json.loads(as_json(told, [])))
    assert kinds["checked"] == 0
    assert kinds["not checked"] > kinds["nothing"]
    assert sum(kinds.values()) == WRITTEN * len(DIRECTIONS)


@pytest.mark.parametrize("part", range(4))
def test_every_line_is_run_or_told_as_impossible(part: int) -> None:
    """Where the frameworks are installed; the directions are dealt out over the lines."""
    small = [one for one in _problems(4 * RUN, seed=2) if max(prod(one.x), prod(one.w)) < LARGEST]
    dealt = list(zip(small[:RUN], DIRECTIONS * RUN, strict=False))[part::4]
    kinds: Counter[str] = Counter()
    for problem, (source, target) in dealt:
        kinds[kind_of(port(problem, source, target, cases=1))] += 1
    assert sum(kinds.values()) == RUN // 4


@pytest.mark.parametrize(
    "change",
    [
        {"checked": 0},
        {"exact": False},
        {"exact": False, "difference": "", "recipe": None, "reasons": ()},
        {"checked": 0, "exact": False, "reasons": ()},
    ],
)
def test_an_answer_that_is_none_of_the_three_is_noticed(change: dict[str, Any]) -> None:
    """Checked on no case, an unequal code without a difference, nothing without a reason."""
    problem = Problem.parse("conv x=1x2x5x5 w=3x2x3x3 float32")
    recipe = recipes(meant(problem, "torch")[0], "torch", "jax")[0][0]
    right = Ported(problem, "torch", "jax", (1, 3, 3, 3), recipe=recipe, exact=True, checked=3)
    assert kind_of(right) == "checked"
    with pytest.raises(AssertionError):
        kind_of(replace(right, **change))
