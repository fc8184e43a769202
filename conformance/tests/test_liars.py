"""Every liar is caught by a default run, with a right verdict and a right clause."""

from collections import Counter
from dataclasses import replace
from math import prod

import liars_data
import liars_ops
import pytest
from all_liars import LIARS
from forms import FORMS, LEAST
from liars import ANY, DIAGNOSES, diagnosed, hunt, may_be

from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.diagnosis import CATALOGUE
from convformance.drawn_forms import WITH_GRADIENT
from convformance.explore import explore
from convformance.plan import EXPLORATIONS, LATER_OPS
from convformance.probes import probes
from convformance.problem import EXTRAS, OPS, WORDS
from convformance.runfile import CaseRecord
from convformance.verdict import FINE, Kind
from convoracle import CLAUSES

FEW = 12  # of each exploration: a default run of the kernel asks all


AS_MET = {one.name for i, one in enumerate(LIARS) if i % 8}  # of which the first case may do


@pytest.mark.parametrize("one", LIARS, ids=[one.name for one in LIARS])
def test_a_default_run_catches_the_liar(one):
    """Every eighth as a run does, which makes the case small; of others the case as it was met.

    Where that does not tell the right thing, it is made small too.
    """
    if one.name in AS_MET and not what_is_wrong(one, hunt(one, shrink=False)):
        return
    assert what_is_wrong(one, hunt(one)) == ""


def what_is_wrong(one, catch):
    """Return what is wrong with the verdict, its clause or the diagnosis, or nothing."""
    if catch is None:
        return f"nothing shows that it lies: {one.lie}"
    verdict = catch.examined.verdict
    told = f"{catch.examined.case.line}: {verdict.kind} [{verdict.clause}] {verdict.message}"
    # A wrong value may be met on real numbers first, where it is one beyond the bound.
    beyond = verdict.kind is Kind.BOUND and Kind.VALUE in one.kinds
    if not beyond and (verdict.kind not in one.kinds or verdict.clause not in one.clauses):
        return told
    names = set(diagnosed(one, catch)) - may_be(one)
    lies = one.speaks_of(catch.examined.case.problem)
    return f"{told}: {names or 'it does not lie there'}" if names or not lies else ""


def test_what_is_wrong_with_a_catch_is_told():
    one = next(one for one in LIARS if one.name == "conv pads-swapped")
    as_met, small = hunt(one, shrink=False), hunt(one)
    assert prod(small.examined.case.problem.x) < prod(as_met.examined.case.problem.x)
    assert what_is_wrong(one, as_met) == what_is_wrong(one, small) == ""
    assert one.lie in what_is_wrong(one, None)
    assert "[padding" in what_is_wrong(replace(one, clauses=("conv.bias",)), small)
    assert "differs in value" in what_is_wrong(replace(one, kinds=(Kind.SHAPE,)), small)
    assert "pads swapped" in what_is_wrong(replace(one, name="conv of-another-name"), small)
    elsewhere = replace(one, op="avg_pool", name="avg-pool pads-swapped")
    assert "does not lie there" in what_is_wrong(elsewhere, small)


def test_what_a_liar_may_be_is_of_the_catalogue_and_of_a_liar():
    names = {one.name for one in CATALOGUE}
    slugs = {one.slug for one in LIARS}
    assert set(DIAGNOSES) <= slugs
    assert all(set(some) <= names for some in DIAGNOSES.values())


def test_there_is_a_liar_for_every_op_and_every_kind_that_a_backend_can_earn():
    assert {one.op for one in LIARS} == {*OPS, ANY}
    told = {kind for one in LIARS for kind in one.kinds}
    # A backend that hangs is in test_worker.py; it takes a process of its own.
    # Those that break a law are in test_laws.py; no case of the oracle's shows them.
    assert told == set(Kind) - FINE - {Kind.LATE, Kind.LAW}


def test_every_later_op_has_at_least_four_liars_of_its_own():
    told = Counter(one.op for one in LIARS if one.tell.__module__ == liars_ops.__name__)
    assert all(told[op] >= 4 for op in LATER_OPS), told
    assert len([one for one in LIARS if one.tell.__module__ == liars_data.__name__]) >= 4


def test_every_form_has_as_many_liars_of_its_own_as_it_needs():
    told = Counter((one.op, one.form) for one in LIARS)
    assert {one: told[one] for one in LEAST if told[one] < LEAST[one]} == {}


def test_every_form_that_a_problem_can_take_is_counted():
    assert {form for _, form in LEAST} == set(FORMS) >= {one.form for one in LIARS} - {""}
    words = {"padding_mode", "layout", "memory", "grad"}
    can = {word for name in words for word in WORDS[name]} | {"causal", "full"}
    plain = {"zeros", "channels_first", "contiguous"}
    named = {form.removeprefix("grad=") for form in FORMS}
    assert can - plain <= named
    assert set(EXTRAS) - words - {"output_dtype"} <= named
    linear = {op for op in WITH_GRADIENT if "w" in OPS[op]}
    by = {(op, by) for op in WITH_GRADIENT for by in (("x", "w", "bias") if op in linear else "x")}
    assert {(op, f"grad={one}") for op, one in by} <= set(LEAST)


def test_no_two_liars_have_one_name():
    assert len({one.name for one in LIARS}) == len(LIARS)


def test_an_honest_backend_is_never_accused_and_every_clause_is_asked_about():
    bench = Bench(NumpyBackend(), seed=1)
    for one in EXPLORATIONS:
        assert explore(bench, one.strategy, FEW, one.name) == []
    for _, case in probes():
        bench.check(case, "probe")
    cases = [record for record in bench.records if isinstance(record, CaseRecord)]
    assert {case.verdict for case in cases} == {"agrees"}
    drawn = [one for one in EXPLORATIONS if one.area != "data"]  # whose lists may be shorter
    assert len(cases) > FEW * len(drawn)
    asked = {label for label in CLAUSES if not label.startswith("law.")}  # those: test_laws.py
    assert {label for case in cases for label in case.clauses} == asked
