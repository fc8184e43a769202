"""The small geometries: counted another way, met by a default run, and liars they find."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, product
from typing import Any

import numpy as np
import pytest
from liars import Liar, changed, honest, misread, pairs

from convformance.axis_classes import classes, is_solid
from convformance.backend import Arrays, Unsupported
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.exhaustive import (
    ADAPTIVE,
    EXHAUSTED,
    GLOBAL,
    Geometry,
    axis_of,
    geometries,
    problem_of,
    tap_map,
)
from convformance.expect import expectation
from convformance.fills import make_arrays
from convformance.news import NewDiscrepancies
from convformance.packed import Asked, covering, met, whole
from convformance.problem import DTYPES, Case, Problem
from convformance.runfile import CaseRecord, Finding, Geometries
from convformance.sizes import UNWINDOWED, axes_of
from convformance.smallest import ask_small, checked
from convformance.verdict import Kind

SMALL = (  # of the ranges: sizes, kernels, strides, dilations, sides of the padding
    range(1, 5), range(1, 4), range(1, 4), range(1, 3), range(3),
)  # fmt: skip
BEYOND = "beyond"


def laid_out(one: Geometry) -> list[list[Any]]:
    """Lay the padded input out as a list and put the windows down one after another."""
    before, after = one.padding
    line = ["pad"] * before + list(range(one.size)) + ["pad"] * after
    reach = one.dilation * (one.kernel - 1)
    found, start = [], 0
    while start + reach < len(line):
        found.append([line[start + k * one.dilation] for k in range(one.kernel)])
        start += one.stride
    past = start + reach - (len(line) - 1)
    if one.ceil_mode and 0 < past < one.stride and start < before + one.size:
        long = line + [BEYOND] * one.stride
        found.append([long[start + k * one.dilation] for k in range(one.kernel)])
    return found


def read(one: Geometry) -> Any:
    """What a convolution shows of the windows: numbered taps over samples."""
    return one.size, [[(k, i) for k, i in enumerate(w) if i not in ("pad", BEYOND)]
                      for w in laid_out(one)]  # fmt: skip


def averaged(one: Geometry) -> Any:
    """What an average shows: the samples, and how many taps the divisor counts."""
    sums = [[i for i in window if i not in ("pad", BEYOND)] for window in laid_out(one)]
    inside = [sum(i != BEYOND for i in window) for window in laid_out(one)]
    return one.size, sums, inside if one.count_include_pad else list(map(len, sums))


def small(op: str) -> list[Geometry]:
    sizes, kernels, strides, dilations, sides = SMALL
    return [
        one
        for one in geometries(op)
        if one.size in sizes and one.kernel in kernels and one.stride in strides
        and one.dilation in dilations
        and not isinstance(one.padding, str) and set(one.padding) <= set(sides)
    ]  # fmt: skip


def test_there_are_as_many_geometries_as_the_ranges_multiply_to() -> None:
    windows, paddings = 4 * 4 * 3, 4 * 4 + 4
    assert len(geometries("conv")) == 9 * windows * paddings
    assert len(geometries("max_pool")) == 9 * windows * paddings * 2
    assert len(geometries("avg_pool")) == 9 * windows * paddings * 2 * 2
    assert len(geometries("fold")) == 8 * windows * paddings
    below = sum(max(stride, dilation) for stride in range(1, 5) for dilation in range(1, 4))
    assert len(geometries("conv_transpose")) == 5 * 4 * below * paddings
    assert len(geometries("adaptive_avg_pool")) == 8 * 8


@pytest.mark.parametrize("op", EXHAUSTED)
def test_no_geometry_stands_twice(op: str) -> None:
    assert len(geometries(op)) == len(set(geometries(op)))


@pytest.mark.parametrize(("op", "asked"), [("conv", read), ("avg_pool", averaged)])
def test_two_geometries_have_one_tap_map_if_windows_put_down_by_hand_are_equal(
    op: str, asked: Callable[[Geometry], Any]
) -> None:
    both = {(tap_map(op, one), repr(asked(one))) for one in small(op)}
    ours, theirs = ({pair[i] for pair in both} for i in (0, 1))
    assert len(both) == len(ours) == len(theirs) > 100


@pytest.mark.parametrize("op", sorted(set(EXHAUSTED) - {"conv", "avg_pool"}))
def test_geometries_of_one_tap_map_give_equal_values(op: str) -> None:
    """One map, one answer: shown by an input of its size, with the weights of equal taps equal."""
    first: dict[Any, Geometry] = {}
    compared = 0
    for one in geometries(op)[::29]:
        other = first.setdefault(tap_map(op, one), one)
        if other is not one and other.kernel == one.kernel and other.size == one.size:
            compared += 1
            assert answered(op, one) == answered(op, other)
    assert compared or op in (*ADAPTIVE, *GLOBAL, "max_unpool")


def answered(op: str, one: Geometry) -> list[Any]:
    problem = problem_of(op, [one])
    arrays = make_arrays(Case(problem, seed=7))
    return list(map(repr, expectation(problem, arrays).y.tolist()))


@pytest.mark.parametrize("op", ["conv", "fold", "max_unpool", *ADAPTIVE, *GLOBAL])
def test_the_exhaustive_profile_has_a_case_for_every_geometry(op: str) -> None:
    alone = list(islice(whole(op), len(geometries(op))))
    assert [one.axes for one in alone] == [(one,) for one in geometries(op)]
    assert len({one.case.line for one in alone}) == len(alone)


@pytest.mark.parametrize("op", [op for op in EXHAUSTED if op not in UNWINDOWED])
def test_the_axes_of_a_case_are_those_of_its_problem(op: str) -> None:
    for asked in covering(op).asked:
        found = axes_of(Problem.parse(asked.case.problem.line))
        assert found == tuple(axis_of(op, one) for one in asked.axes)


@pytest.mark.parametrize("op", EXHAUSTED)
def test_every_pair_of_classes_stands_on_two_axes_and_every_class_on_the_third(op: str) -> None:
    asked = [[classes(op, axis) for axis in one.axes] for one in covering(op).asked]
    found = {pair for one in asked if len(one) == 2 for pair in product(*one)}
    seen = {(name, one.shared) for one in geometries(op) for name in classes(op, one)}
    possible = {(a, b) for (a, one), (b, other) in product(seen, seen) if one == other and a != b}
    assert possible <= found
    assert {name for name, _ in seen} == {name for one in asked if len(one) == 3 for name in one[2]}


def test_there_are_as_many_classes_of_axes_as_an_axis_has_features() -> None:
    found = {name for one in geometries("max_pool") for name in classes("max_pool", one)}
    assert 20 <= len(found) <= 30
    assert {"stride 1", "windows lie apart", "dilation 3", "padded unevenly", "same_lower",
            "overrun", "all but one left over", "no output", "no sample"} <= found  # fmt: skip


def test_an_axis_beside_one_that_shows_no_sample_is_not_counted_as_met() -> None:
    shows, hides = Geometry(3, 2), Geometry(1, 2)
    asked = Asked(Case(problem_of("conv", [shows, hides])), (shows, hides))
    assert not is_solid("conv", hides)
    assert asked.maps == {tap_map("conv", hides)}


def test_small_windows_of_the_adaptive_pools_are_all_met_by_default() -> None:
    for op in (*ADAPTIVE, *GLOBAL):
        found = covering(op)
        assert found.maps[0] == found.maps[1]


@pytest.mark.parametrize("op", EXHAUSTED)
def test_the_kernel_agrees_and_the_counts_are_those_of_the_cases(op: str) -> None:
    bench = Bench(NumpyBackend())
    ask_small(bench, op, "default")
    *cases, counts = bench.records
    assert {one.verdict for one in cases if isinstance(one, CaseRecord)} == {"agrees"}
    assert not any(one.sampled for one in cases if isinstance(one, CaseRecord))
    asked = covering(op)
    assert counts == Geometries(op, *asked.geometries, *asked.maps)
    assert len(met(asked.asked)) == asked.maps[0]


# Backends that are wrong in one corner.


def spoilt_along(problem: Problem, arrays: Arrays, when: Callable[[Any], bool]) -> Any:
    """Return the answer with the last window of each axis lost where `when` is true of it."""
    found = honest(problem, arrays)
    for a, axis in enumerate(axes_of(problem)):
        if when(axis):
            found = {name: lost(y, 2 + a) for name, y in found.items()}
    return found


def lost(y: Any, a: int) -> Any:
    y = y.copy()
    np.moveaxis(y, a, 0)[-1:] = 0
    return y


def last_window_lost_when_stride_less_one_is_left(problem: Problem, arrays: Arrays) -> Any:
    def when(axis: Any) -> bool:
        return axis.stride > 2 and axis.room > 0 and axis.room % axis.stride == axis.stride - 1

    return spoilt_along(problem, arrays, when)


def overrun_lost_when_the_kernel_is_longer_than_the_stride(problem: Problem, arrays: Arrays) -> Any:
    def when(axis: Any) -> bool:
        overrun = (axis.count - 1) * axis.stride > axis.room
        return axis.ceil_mode and overrun and axis.kernel_size > axis.stride

    return spoilt_along(problem, arrays, when)


def dilation_of_three_is_two_for_four_taps(problem: Problem, arrays: Arrays) -> Any:
    wrong = [
        2 if d == 3 and k == 4 else d
        for d, k in zip(problem.dilation, problem.kernel_size, strict=True)
    ]
    return misread(problem, arrays, dilation=tuple(wrong))


def pads_swapped_when_three_stand_before(problem: Problem, arrays: Arrays) -> Any:
    if isinstance(problem.padding, str):
        return honest(problem, arrays)
    wrong = tuple((a, b) if b != 3 else (b, a) for b, a in problem.padding)
    return misread(problem, arrays, padding=wrong)


def second_axis_padded_as_the_first_when_that_is_uneven(problem: Problem, arrays: Arrays) -> Any:
    if problem.rank < 2 or problem.padding == "valid":
        return honest(problem, arrays)
    first, second, *rest = pairs(problem, arrays)
    uneven = first[0] != first[1]
    return misread(problem, arrays, padding=(first, first if uneven else second, *rest))


def third_axis_strides_as_the_second_when_dilated(problem: Problem, arrays: Arrays) -> Any:
    if problem.rank < 3 or problem.dilation[2] == 1 or isinstance(problem.padding, str):
        return honest(problem, arrays)
    one, two, _ = problem.stride
    return misread(problem, arrays, stride=(one, two, two))


def output_padding_lost_from_the_stride_on(problem: Problem, arrays: Arrays) -> Any:
    wrong = tuple(
        min(more, step - 1)
        for more, step in zip(problem.output_padding, problem.stride, strict=True)
    )
    return misread(problem, arrays, output_padding=wrong)


def eight_samples_in_five_windows(problem: Problem, arrays: Arrays) -> Any:
    found = honest(problem, arrays)
    for a, sizes in enumerate(zip(problem.x[2:], problem.output, strict=True)):
        if sizes == (8, 5):
            found = {name: lost(y, 2 + a) for name, y in found.items()}
    return found


def same_lower_is_same_upper_when_dilated(problem: Problem, arrays: Arrays) -> Any:
    if problem.padding != "same_lower" or max(problem.dilation) < 3:
        return honest(problem, arrays)
    return misread(problem, arrays, padding="same_upper")


WRONG = [
    ("conv", last_window_lost_when_stride_less_one_is_left),
    ("max_pool", last_window_lost_when_stride_less_one_is_left),
    ("avg_pool", overrun_lost_when_the_kernel_is_longer_than_the_stride),
    ("conv", dilation_of_three_is_two_for_four_taps),
    ("unfold", pads_swapped_when_three_stand_before),
    ("lp_pool", pads_swapped_when_three_stand_before),
    ("depthwise_conv", second_axis_padded_as_the_first_when_that_is_uneven),
    ("distance_pool", third_axis_strides_as_the_second_when_dilated),
    ("conv_transpose", output_padding_lost_from_the_stride_on),
    ("adaptive_avg_pool", eight_samples_in_five_windows),
    ("conv", same_lower_is_same_upper_when_dilated),
]


def liar_of(op: str, lie: Callable[[Problem, Arrays], Any]) -> Liar:
    return Liar("wrong", "", op, (), (Kind.VALUE,), DTYPES, lie)


@pytest.mark.parametrize(("op", "lie"), WRONG, ids=[f"{op}-{lie.__name__}" for op, lie in WRONG])
def test_the_covering_part_catches_what_is_wrong_in_one_corner(
    op: str, lie: Callable[[Problem, Arrays], Any]
) -> None:
    bench = Bench(liar_of(op, lie))
    with pytest.raises(NewDiscrepancies):
        ask_small(bench, op, "default")


def one_exact_geometry(problem: Problem, arrays: Arrays) -> Any:
    """Its last window is lost for input 7, kernel 3, stride 4, padding 1+2 and ceil_mode alone."""
    wrong = Geometry(7, 3, 4, 1, (1, 2), ceil_mode=True)
    exact = problem_of("max_pool", [wrong])
    same = (problem.rank, problem.x[2:], problem.kernel, problem.stride, problem.padding)
    if same != (1, exact.x[2:], exact.kernel, exact.stride, exact.padding):
        return honest(problem, arrays)
    return (
        changed(problem, arrays, lambda y: lost(y, 2))
        if problem.ceil_mode
        else honest(problem, arrays)
    )


def test_the_exhaustive_profile_finds_a_single_wrong_geometry() -> None:
    bench = Bench(liar_of("max_pool", one_exact_geometry))
    news: list[Any] = []
    for asked in whole("max_pool"):
        (axis,) = asked.axes
        if (axis.size, axis.kernel) == (7, 3):  # the kernel is honest about all others
            checked(bench, asked, news)
        if axis.size > 7:
            break
    (found,) = news
    assert (
        found.case.problem.line
        == problem_of("max_pool", [Geometry(7, 3, 4, 1, (1, 2), ceil_mode=True)]).line
    )


def test_what_a_packed_case_shows_is_told_by_one_axis_in_the_plainest_form() -> None:
    lie = dilation_of_three_is_two_for_four_taps
    bench = Bench(liar_of("conv", lie))
    with pytest.raises(NewDiscrepancies):
        ask_small(bench, "conv", "default")
    found = [one for one in bench.records if isinstance(one, Finding)]
    assert found
    for one in found:
        problem = Case.parse(one.line).problem
        assert problem.rank == 1
        assert (problem.x[:2], problem.groups, problem.bias) == ((1, 1), 1, False)
        assert problem.dilation == (3,)
    told = {one.signature for one in bench.records if isinstance(one, CaseRecord) if one.signature}
    assert told == {one.signature for one in found}


def test_a_case_that_is_not_answered_is_not_counted() -> None:
    class Narrow(NumpyBackend):
        def run(self, problem: Problem, arrays: Arrays) -> Any:
            if problem.rank > 1:
                raise Unsupported("only 1-D")
            return super().run(problem, arrays)

    bench = Bench(Narrow())
    ask_small(bench, "global_max_pool", "default")
    assert bench.records[-1] == Geometries("global_max_pool", 0, 8, 0, 8)
    ask_small(bench, "global_max_pool", "exhaustive")
    assert bench.records[-1] == Geometries("global_max_pool", 8, 8, 8, 8)
