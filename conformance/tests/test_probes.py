"""A probe tells the choices at its variant point apart: under each, another answer is right."""

import pytest

from convformance.bench import Bench
from convformance.expect import expectation
from convformance.fills import make_arrays
from convformance.meaning import input_shapes
from convformance.probes import measure, probes
from convformance.problem import EXTRAS
from convformance.verdict import Kind
from convoracle import VARIANTS

PROBES = [pytest.param(point, case, id=f"{point} {case.line}") for point, case in probes()]


TOLD_BY_REFUSAL = ("padding.limit", "window.none", "transpose.output_padding")


def asked(case):
    """Return the arrays that are asked for."""
    return make_arrays(case) if input_shapes(case.problem) else {}


@pytest.mark.parametrize(("point", "case"), PROBES)
def test_each_choice_that_answers_gives_another_answer(point, case):
    arrays = asked(case)
    answers = {}
    for name, _ in VARIANTS[point].choices:
        if name == "refuse" or point in TOLD_BY_REFUSAL or "size." in point:
            continue
        expected = expectation(case.problem, arrays, {point: name}, case.seed)
        indices = () if expected.indices is None else tuple(expected.indices)
        answers[name] = (expected.y.tobytes(), indices)
    assert len(set(answers.values())) == len(answers), answers


@pytest.mark.parametrize(("point", "case"), PROBES)
def test_a_backend_that_makes_a_choice_is_seen_to_make_it(point, case):
    for name, _ in VARIANTS[point].choices:
        if name in ("refuse", "half", "kernel", "any") or point == "transpose.output_padding":
            continue
        choice, examined = measure(Bench(Choosing({point: name})), point, case)
        if examined.verdict.kind is not Kind.AGREES or name == VARIANTS[point].standard:
            assert choice.choice == name


REFUSABLE = [
    point
    for point, variant in VARIANTS.items()
    if "refuse" in [name for name, _ in variant.choices]
]


@pytest.mark.parametrize("point", REFUSABLE)
def test_a_backend_that_refuses_is_seen_to_refuse(point):
    seen = {
        measure(Bench(Refusing(case.problem)), point, case)[0].choice
        for one, case in probes()
        if one == point
    }
    assert "refuse" in seen


def test_a_backend_that_takes_output_padding_below_the_stride_only_is_seen_to_do_so():
    point = "transpose.output_padding"
    seen = {
        measure(Bench(Refusing(case.problem)), point, case)[0].choice
        for one, case in probes()
        if one == point
    }
    assert seen == {"stride"}


class Choosing:
    """The oracle itself, with some choices."""

    name, version = "choosing", "1"
    knows = (*EXTRAS, "padding")

    def __init__(self, choices):
        self.choices = choices

    def run(self, problem, arrays):
        expected = expectation(problem, arrays, self.choices)
        y = {problem.answers[0]: expected.y.reshape(expected.shape)}
        if expected.indices is not None:
            y["indices"] = expected.indices.reshape(expected.shape)
        return y


class Refusing(Choosing):
    """Refuses one problem."""

    def __init__(self, problem):
        super().__init__({})
        self.problem = problem

    def run(self, problem, arrays):
        if problem == self.problem:
            raise ValueError("not this one")
        return super().run(problem, arrays)
