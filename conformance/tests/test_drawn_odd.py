"""Forms at the rim: gradients of forms, cropping, four axes, nothing at all; each is drawn."""

from collections import Counter

import pytest
from test_strategies import drawn

from convformance.drawn_forms import WITH_GRADIENT, continued_problems, form_cases
from convformance.drawn_odd import cropped_cases, empty_cases, high_rank_cases
from convformance.expect import broken_clause
from convformance.laws.shifting import goes_round
from convformance.meaning import output_shape
from convformance.plan import CROPPED, FORM_DTYPES
from convformance.problem import OPS, PADDING_MODES
from convformance.sizes import axes_of


def problems_of(strategy, number=60):
    found = [case.problem for case in drawn(strategy, number)]
    assert {broken_clause(problem) for problem in found} == {None}
    return found


def crops(problem):
    return not isinstance(problem.padding, str) and min(map(min, problem.padding)) < 0


def test_each_form_is_drawn_with_each_gradient():
    found = Counter()
    for problem in problems_of(form_cases(gradient=True), 800):
        forms = {
            problem.padding_mode: problem.padding_mode != "zeros",
            "flip": problem.flip,
            "causal": problem.padding == "causal",
            "full": problem.padding == "full",
            "negative": crops(problem),
            "holes": max(problem.input_dilation) > 1,
        }
        found.update((form, problem.grad) for form, is_so in forms.items() if is_so)
    forms = {*PADDING_MODES[1:], "flip", "causal", "full", "negative", "holes"}
    assert {form for form, _ in found} == forms
    assert all(found[form, grad] >= 2 for form in forms for grad in ("x", "w", "bias"))


@pytest.mark.parametrize(("dtype", "number"), FORM_DTYPES)
def test_forms_are_drawn_in_the_dtype(dtype, number):
    assert {problem.dtype for problem in problems_of(form_cases((dtype,)), number)} == {dtype}


@pytest.mark.parametrize("op", CROPPED)
def test_negative_padding_is_drawn_for_every_op_that_is_padded(op):
    found = problems_of(cropped_cases(op))
    assert sum(map(crops, found)) >= 20
    if op in WITH_GRADIENT:
        assert any(crops(problem) and problem.grad for problem in found)
    if op != "max_unpool":
        assert any(prod_of(output_shape(problem)) for problem in found if crops(problem))


def prod_of(shape):
    return 0 not in shape


@pytest.mark.parametrize("op", OPS)
def test_four_spatial_axes_are_drawn(op):
    found = problems_of(high_rank_cases(op), 20)
    assert {problem.rank for problem in found} == {4}


@pytest.mark.parametrize("op", OPS)
def test_what_is_empty_is_drawn(op):
    found = problems_of(empty_cases(op), 240)
    empty = [problem for problem in found if 0 in (*problem.x, *problem.w, *problem.pointwise)]
    assert len(empty) >= 20
    assert any(problem.x[0] == 0 for problem in empty)
    assert any(problem.x[1] == 0 for problem in empty)
    if op not in ("fold", "max_unpool"):
        assert any(0 in problem.x[2:] for problem in empty)


def test_every_second_padding_mode_of_the_laws_goes_round_a_torus():
    found = drawn(continued_problems(), 200)
    assert {broken_clause(problem) for problem in found} == {None}
    tori = [problem for problem in found if goes_round(problem, axes_of(problem))]
    assert len(tori) >= 50
    assert any(max(problem.stride) > 1 for problem in tori)
    assert any(before != after for problem in tori for before, after in problem.padding)
    assert {problem.padding_mode for problem in found} == {*PADDING_MODES[1:]}
