"""The covering list meets what it says it meets, and a wrong pair or triple shows in it."""

import pytest

from convformance import covering
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.covering.count import tuples_met, valid
from convformance.covering.factors import FACTORS, classes_of
from convformance.covering.space import space
from convformance.expect import broken_clause
from convformance.problem import OPS, Case


def test_every_case_of_the_list_is_valid_and_stands_once():
    lines = [case.line for case in covering.load()]
    assert len(set(lines)) == len(lines)
    assert [one for one in covering.load() if broken_clause(one.problem)] == []


def test_the_list_meets_every_valid_pair():
    assert valid(2) - tuples_met(covering.load(), 2) == set()


def test_the_list_meets_at_least_95_percent_of_the_valid_triples():
    met = tuples_met(covering.load(), 3)
    assert met <= valid(3)
    assert len(met) >= 0.95 * len(valid(3))


@pytest.mark.parametrize("strength", [2, 3])
def test_the_head_of_the_list_says_how_many_tuples_there_are(strength):
    assert covering.there(strength) == len(valid(strength))


def test_every_class_is_one_that_some_op_has():
    met = {pair for op in OPS for one in space(op).tuples(1) for pair in one}
    assert met == {(name, one) for name, classes in FACTORS.items() for one in classes}


@pytest.mark.parametrize("op", OPS)
def test_a_case_has_every_factor_of_its_op(op):
    for case in covering.cases(op):
        assert set(classes_of(case)) == set(space(op).factors)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "conv x=3x9x5x5 w=18x1x3x3 stride=2x2 padding=1+0x0 groups=9 bias float64",
            {
                "op": "conv", "rank": "2", "dtype": "float64", "layout": "channels_first",
                "padding": "asymmetric", "kernel against stride": "wider",
                "kernel against input": "inside", "dilation": "1", "groups": "multiplier",
                "channels": "past a block", "output channels": "past a block",
                "batch": "2 to 4", "bias": "with", "fill": "integers", "memory": "contiguous",
            },
        ),
        (
            "avg_pool x=1x8x3 kernel=2 stride=3 padding=full dilation=4 ceil_mode "
            "layout=channels_last memory=strided bfloat16 fill=nan",
            {
                "op": "avg_pool", "rank": "1", "dtype": "bfloat16", "layout": "channels_last",
                "padding": "full", "kernel against stride": "narrower",
                "kernel against input": "past it", "dilation": "3 or more",
                "channels": "whole blocks", "batch": "1", "ceil": "on", "divisor": "samples",
                "fill": "nan", "memory": "strided",
            },
        ),
    ],
)  # fmt: skip
def test_the_classes_of_a_case_are_read_off_its_sizes(line, expected):
    assert classes_of(Case.parse(line)) == expected


def test_a_factor_whose_axes_differ_has_no_class():
    case = Case.parse("max_pool x=1x1x5x5 kernel=2x3 stride=2x1 padding=-1+1x0 float32")
    found = classes_of(case)
    assert "kernel against stride" not in found
    assert found["padding"] == "negative"


def test_a_space_knows_what_does_not_go_together():
    one = space("conv")
    assert not one.is_possible({"padding": "valid", "kernel against input": "past it"})
    assert not one.is_possible({"groups": "depthwise", "channels": "1"})
    assert not one.is_possible({"dtype": "int8", "fill": "nan"})
    assert one.is_possible({"padding": "full", "kernel against input": "past it", "fill": "nan"})


class WrongInOneTriple(NumpyBackend):
    """A kernel whose last element is off by one where three classes meet."""

    def __init__(self, triple):
        super().__init__()
        self.triple = triple

    def run(self, problem, arrays):
        """Answer, and spoil the answer of the triple."""
        result = super().run(problem, arrays)
        if not self.triple <= set(classes_of(Case(problem)).items()):
            return result
        y = result.arrays["y"].copy()
        y.flat[-1] += 1
        return y


@pytest.mark.parametrize(
    "triple",
    [
        {("rank", "3"), ("dtype", "int64"), ("memory", "reversed")},
        {("rank", "3"), ("padding", "causal"), ("dilation", "3 or more")},
        {("groups", "some"), ("output channels", "past a block"), ("batch", "5 or more")},
    ],
)
def test_a_kernel_that_is_wrong_where_three_classes_meet_is_caught(triple):
    asked = [case for case in covering.load() if case.problem.rank == 3 or case.problem.groups > 1]
    bench = Bench(WrongInOneTriple(triple))
    assert any(bench.is_news(bench.examine(case)) for case in asked)
