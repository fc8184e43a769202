"""The shipped profiles: their form, and that what they predict is what the frameworks do."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from convformance.backend import Outcome
from convformance.expect import broken_clause
from convformance.fills import make_arrays
from convformance.perform import perform
from convformance.problem import DTYPES, OPS, Case, Problem
from convformance.strategies import problems
from convformance.worker import Isolated
from convoracle import VARIANTS
from convreport.limits import LIMITS, RANKS, passed, probes
from convreport.predict import COMPUTES, UNFORETOLD, UNSAYABLE, predict
from convreport.profiles import (
    CRASHES,
    FATES,
    FRAMEWORKS,
    MEASURED,
    REFUSES,
    SPECIFIED,
    STRAYS,
    load_profiles,
)

MEASURING = tuple(name for name in FRAMEWORKS if name != "onnx")
FROM = {"keras": "tensorflow"}  # keras runs on it
DRAWN = 25  # problems of each op, which the four frameworks are asked
KINDS = {"arrays": COMPUTES, "refused": REFUSES, "crashed": CRASHES, "unsupported": UNSAYABLE}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_profile_speaks_of_what_the_specification_knows(name: str) -> None:
    profile = load_profiles()[name]
    assert profile.framework == name
    assert profile.how == (SPECIFIED if name == "onnx" else MEASURED)
    assert profile.choices
    for one in profile.choices:
        assert one.op in OPS
        named = {choice for choice, _ in VARIANTS[one.point].choices}
        assert one.choice in named | {"none of them", "mixed"}
    for limit in profile.limits:
        assert (limit.limit in LIMITS, limit.does in FATES) == (True, True)
        assert limit.op in OPS
        assert limit.rank in RANKS
        assert limit.message == " ".join(limit.message.split())
    for untaken in profile.dtypes:
        assert untaken.dtype in DTYPES


@pytest.mark.parametrize("name", MEASURING)
def test_a_measurement_names_its_line_and_a_version(name: str) -> None:
    profile = load_profiles()[name]
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", profile.version)
    for one in profile.choices:
        assert Case.parse(one.line).problem.op == one.op
    for limit in profile.limits:
        assert LIMITS[limit.limit](Problem.parse(limit.line)), limit
        assert Problem.parse(limit.line).line == limit.line


def test_a_specification_names_its_pages() -> None:
    profile = load_profiles()["onnx"]
    assert all(url.startswith("https://onnx.ai/") for url in profile.sources.values())
    assert {one.op for one in profile.choices} <= set(profile.sources)


def test_no_profile_holds_a_place_of_the_machine_that_measured_it() -> None:
    for profile in load_profiles().values():
        assert not re.search(r"/(tmp|home|root|usr)/|\.py\b", str(profile)), profile.label


@pytest.mark.parametrize("op", OPS)
def test_every_limit_has_a_probe_that_is_valid(op: str) -> None:
    for rank in RANKS:
        found = list(probes(op, rank))
        assert all(broken_clause(problem) is None for problem in found)
        assert not found or not set(passed(found[0])) - {"a stride"}


@pytest.fixture(scope="module", params=MEASURING)
def asked(request: pytest.FixtureRequest) -> Any:
    """A backend in the version that its profile was measured on."""
    name = request.param
    needed = FROM.get(name, name)
    if find_spec(needed) is None:
        pytest.skip(f"the optional framework {needed} is not installed")
    with pytest.MonkeyPatch.context() as patch:
        # As it was measured, also on a processor where TensorFlow would leave oneDNN off.
        patch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
        backend = Isolated(name)
        measured = load_profiles()[name].version
        if backend.version != measured:
            backend.close()
            pytest.skip(f"{name} {backend.version} is here; its profile was measured on {measured}")
        yield backend
        backend.close()


def test_a_measured_profile_predicts_every_probe(asked: Isolated) -> None:
    wrong = []
    for op in OPS:
        for rank in RANKS:
            wrong += [told for one in probes(op, rank) if (told := wrongly_told(asked, one))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("op", OPS)
def test_a_profile_predicts_what_is_drawn(asked: Isolated, op: str) -> None:
    wrong: list[str] = []

    @seed(5)
    @settings(
        max_examples=DRAWN,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(problems(op, ("float32",)))
    def ask(problem: Problem) -> None:
        told = wrongly_told(asked, problem)
        if told:
            wrong.append(told)

    ask()
    assert not wrong, "\n".join(wrong)


def wrongly_told(backend: Isolated, problem: Problem) -> str:
    """Return how the backend differs from what its profile says, or nothing."""
    told = predict(load_profiles()[backend.name], problem)
    outcome = perform(backend, problem, make_arrays(Case(problem)))
    does, shape = _done(problem, outcome)
    if told.does == UNFORETOLD:
        return "" if 0 in problem.x else f"{problem.line}: it has elements and is not foretold"
    if does == told.does and (does != COMPUTES or shape == told.shape):
        return ""
    if told.does == STRAYS and does in (COMPUTES, REFUSES):  # what comes of it is not foretold
        return ""
    return (
        f"{problem.line}: told {told.does} {told.shape} {told.limit}; "
        f"{does} {shape} {outcome.message[:150]}"
    )


def _done(problem: Problem, outcome: Outcome) -> tuple[str, tuple[int, ...]]:
    arrays = outcome.arrays
    return KINDS[outcome.kind], arrays[problem.answers[0]].shape if arrays else ()
