"""Every liar is caught by a default run, with a right verdict and a right clause."""

import pytest
from liars import LIARS, hunt

from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.explore import first_news
from convformance.plan import EXPLORATIONS
from convformance.problem import OPS
from convformance.verdict import FINE, Kind


@pytest.mark.parametrize("one", LIARS, ids=[one.name for one in LIARS])
def test_a_default_run_catches_the_liar(one):
    catch = hunt(one)
    assert catch is not None, f"nothing shows that it lies: {one.lie}"
    verdict = catch.examined.verdict
    told = f"{catch.examined.case.line}: {verdict.kind} [{verdict.clause}] {verdict.message}"
    assert verdict.kind in one.kinds, told
    assert verdict.clause in one.clauses, told


def test_there_is_a_liar_for_every_op_and_every_kind_that_a_backend_can_earn():
    assert {one.op for one in LIARS} == set(OPS)
    told = {kind for one in LIARS for kind in one.kinds}
    # A backend that hangs is in test_worker.py; it takes a process of its own.
    assert told == set(Kind) - FINE - {Kind.LATE}


def test_no_two_liars_have_one_name():
    assert len({one.name for one in LIARS}) == len(LIARS)


@pytest.mark.parametrize("one", EXPLORATIONS, ids=[one.name for one in EXPLORATIONS])
def test_an_honest_backend_is_never_accused(one):
    drawn, found = first_news(Bench(NumpyBackend(), seed=1), one.strategy, 30, one.name)
    assert found is None
    assert 0 < drawn <= 30
