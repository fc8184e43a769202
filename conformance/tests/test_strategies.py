"""What the strategies draw: valid as promised, invalid as promised, and biased to bugs."""

from collections import Counter
from functools import cache
from itertools import product
from math import prod

import pytest
from hypothesis import HealthCheck, Phase, find, given, reject, seed, settings

from convformance.drawing import FLOATS, INTEGERS
from convformance.drawn_forms import (
    WITH_GRADIENT,
    form_cases,
    gradient_cases,
    handed_cases,
    widening_cases,
)
from convformance.expect import TERM_BUDGET, broken_clause, expectation, terms_each
from convformance.explore import drawn_by_the_seed_alone
from convformance.fills import make_arrays
from convformance.plan import WIDER
from convformance.problem import MEMORIES, OPS, PADDING_MODES, Case, Problem
from convformance.refusals import Asked, small_problem, wrongs
from convformance.sizes import axes_of
from convformance.strategies import cases, invalid_cases, large_problems, problems
from convoracle.adaptive import adaptive_window

EXAMPLES = 300


def drawn(strategy, number):
    """Return `number` different examples of a fixed seed."""
    found = {}

    @seed(1)
    @settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example):
        if example in found:
            reject()  # Hypothesis repeats itself; what is counted here is what it makes anew
        found[example] = True

    with drawn_by_the_seed_alone():
        collect()
    return list(found)


@cache
def drawn_cases(op):
    return drawn(cases(op), EXAMPLES)


@cache
def drawn_problems(op):
    return [case.problem for case in drawn_cases(op)]


@cache
def drawn_invalid(op):
    return drawn(invalid_cases(op), 200)


@cache
def every_problem():
    return [problem for op in OPS for problem in drawn_problems(op)]


@pytest.mark.parametrize("op", OPS)
def test_cases_are_valid_and_of_the_op(op):
    assert {problem.op for problem in drawn_problems(op)} == {op}
    assert {broken_clause(problem) for problem in drawn_problems(op)} == {None}


SPOILABLE = [op for op in OPS if not op.startswith("global")]  # these have nothing to spoil


@pytest.mark.parametrize("op", SPOILABLE)
def test_invalid_cases_are_invalid(op):
    assert None not in {broken_clause(case.problem) for case in drawn_invalid(op)}


@pytest.mark.parametrize("op", SPOILABLE)
def test_invalid_cases_break_every_clause_of_the_table(op):
    table = {one.clause for one in wrongs(small_problem(Asked(op), 2))}
    assert {broken_clause(case.problem).label for case in drawn_invalid(op)} >= table


@pytest.mark.parametrize("op", OPS)
def test_cases_are_drawn_in_the_dtypes_and_fills_that_were_asked_for(op):
    found = drawn(cases(op, ("float16", "float64"), ("special",)), 60)
    assert {case.problem.dtype for case in found} == {"float16", "float64"}
    assert {case.fill for case in found} == {"special"}


@pytest.mark.parametrize("op", OPS)
def test_every_dtype_and_fill_is_drawn(op):
    float_only = op in ("lp_pool", "distance_pool")
    dtypes = {problem.dtype for problem in drawn_problems(op)}
    assert dtypes == {*FLOATS, *(() if float_only else INTEGERS)}
    assert {case.fill for case in drawn_cases(op)} == {"integers", "integers+special", "special"}


# The biases: how many of the drawn problems have what bugs are made of.


def window_axes(problem):
    return axes_of(problem) if "stride" in OPS[problem.op] else ()


def only_padding(axis):
    """Whether a window of the axis sees no sample."""
    return any(
        not any(axis.holds(axis.position(o, k)) for k in range(axis.kernel_size))
        for o in range(axis.count)
    )


def on_some_axis(fact):
    return lambda problem: any(map(fact, window_axes(problem)))


def kernel_passes_input(axis):
    return axis.extent > axis.size and axis.before + axis.after > 0


def overruns(problem):
    """Whether ceil_mode gives a window more."""
    return problem.ceil_mode and any(
        axis.count > axis.room // axis.stride + 1 for axis in window_axes(problem)
    )


BIASES = {
    "an even kernel": on_some_axis(lambda axis: axis.kernel_size % 2 == 0),
    "a kernel past the input, with padding": on_some_axis(kernel_passes_input),
    "a stride past the kernel": on_some_axis(lambda axis: axis.stride > axis.kernel_size),
    "an extent that just fits": on_some_axis(lambda axis: axis.room == 0),
    "samples left over": on_some_axis(
        lambda axis: axis.room > 0 and axis.room % axis.stride == axis.stride - 1 > 0
    ),
    "an odd total padding": on_some_axis(lambda axis: (axis.before + axis.after) % 2 == 1),
    "unequal padding by hand": lambda problem: (
        not isinstance(problem.padding, str) and any(a != b for a, b in problem.padding)
    ),
    "a window of only padding": on_some_axis(only_padding),
    "no window": on_some_axis(lambda axis: axis.count == 0),
    "a dilation": on_some_axis(lambda axis: axis.dilation > 1 and axis.kernel_size > 1),
    "unequal strides": lambda problem: len(set(problem.stride)) > 1,
    "unequal dilations": lambda problem: len(set(problem.dilation)) > 1,
    "unequal sizes": lambda problem: len(set(problem.x[2:])) > 1,
    "a batch": lambda problem: problem.x[0] > 1,
    "rank 1": lambda problem: problem.rank == 1,
    "rank 2": lambda problem: problem.rank == 2,
    "rank 3": lambda problem: problem.rank == 3,
}
COMMON = 0.02  # of the problems of an op with windows


SLIDING = [
    op
    for op in OPS
    if {"stride", "dilation"} <= set(OPS[op]) and op not in ("conv_transpose", "fold")
]


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("op", SLIDING)
def test_every_op_with_windows_is_drawn_with(op, bias):
    assert sum(map(BIASES[bias], drawn_problems(op))) >= COMMON * EXAMPLES


def depthwise(problem):
    return problem.groups == problem.x[1] > 1


CONV_BIASES = {
    "groups = channels": depthwise,
    "a channel multiplier": lambda problem: depthwise(problem) and problem.w[0] > problem.groups,
    "groups of several channels": lambda problem: problem.groups > 1 and problem.w[1] > 1,
    "a bias": lambda problem: problem.bias,
    "more outputs than inputs": lambda problem: problem.w[0] > problem.x[1],
}


@pytest.mark.parametrize("bias", CONV_BIASES)
def test_a_convolution_is_drawn_with(bias):
    assert sum(map(CONV_BIASES[bias], drawn_problems("conv"))) >= COMMON * EXAMPLES


POOL_BIASES = {
    "max_pool": [lambda problem: problem.indices, overruns],
    "avg_pool": [lambda problem: problem.count_include_pad, overruns],
    "lp_pool": [*(lambda problem, p=p: problem.p == p for p in (1, 2, 3, float("inf"))), overruns],
    "distance_pool": [lambda problem: problem.count_include_pad, overruns],
}


@pytest.mark.parametrize("op", POOL_BIASES)
def test_a_pool_is_drawn_with_all_that_it_takes(op):
    for bias in POOL_BIASES[op]:
        assert sum(map(bias, drawn_problems(op))) >= COMMON * EXAMPLES


def stepped(problem):
    return zip(problem.output_padding, problem.stride, strict=True)


def windows_of(problem):
    """Return the sizes of an adaptive pool's windows along each axis."""
    pairs = zip(problem.x[2:], problem.output, strict=True)
    return [[len(adaptive_window(n, m, o)) for o in range(m)] for n, m in pairs]


def shares_a_sample(problem):
    """Whether two windows of an unpooling's pool overlap."""
    return any(k > step for k, step in zip(problem.kernel, problem.stride, strict=True))


OTHER_BIASES = {
    "conv_transpose": {
        "output padding": lambda p: max(p.output_padding) > 0,
        "no output padding": lambda p: max(p.output_padding) == 0,
        "output padding past the stride": lambda p: any(more >= step for more, step in stepped(p)),
        "same padding": lambda p: str(p.padding).startswith("same"),
        "full padding": lambda p: p.padding == "full",
        "unequal cropping": BIASES["unequal padding by hand"],
        "a stride past the extent": on_some_axis(lambda axis: axis.stride > axis.extent),
        "overlapping windows": on_some_axis(lambda axis: axis.stride < axis.extent),
        "groups": lambda p: p.groups > 1,
        "a bias": lambda p: p.bias,
        "a dilation": BIASES["a dilation"],
    },
    "depthwise_conv": {
        "a multiplier": lambda p: p.w[1] > 1,
        "no multiplier": lambda p: p.w[1] == 1,
        "several channels": lambda p: p.w[0] > 1,
    },
    "separable_conv": {
        "a multiplier": lambda p: p.w[1] > 1,
        "outputs": lambda p: p.pointwise[0] > 1,
    },
    "max_unpool": {
        "overlapping windows": shares_a_sample,
        "a size of its own": lambda p: bool(p.output),
        "the least size": lambda p: not p.output,
        "padding": lambda p: p.padding != "valid",
    },
    "adaptive_max_pool": {
        "windows of several sizes": lambda p: any(len(set(one)) > 1 for one in windows_of(p)),
        "more windows than samples": lambda p: any(
            m > n for n, m in zip(p.x[2:], p.output, strict=True)
        ),
        "overlapping windows": lambda p: any(
            sum(one) > n for one, n in zip(windows_of(p), p.x[2:], strict=True)
        ),
        "indices": lambda p: p.indices,
    },
    "fold": {
        "overlapping windows": on_some_axis(lambda axis: axis.stride < axis.extent),
        "a dilation": BIASES["a dilation"],
        "padding": lambda p: p.padding != "valid",
    },
}
OTHER_BIASES["adaptive_avg_pool"] = {
    name: bias for name, bias in OTHER_BIASES["adaptive_max_pool"].items() if name != "indices"
}


@pytest.mark.parametrize(
    ("op", "bias"), [(op, bias) for op, biases in OTHER_BIASES.items() for bias in biases]
)
def test_an_op_is_drawn_with_what_its_bugs_are_made_of(op, bias):
    assert sum(map(OTHER_BIASES[op][bias], drawn_problems(op))) >= COMMON * EXAMPLES


@cache
def drawn_forms():
    return [case.problem for case in drawn(form_cases(), EXAMPLES)]


FORM_BIASES = {
    **{f"mode {mode}": lambda p, mode=mode: p.padding_mode == mode for mode in PADDING_MODES[1:]},
    "padding past the input": lambda p: (
        p.padding_mode != "zeros"
        and not isinstance(p.padding, str)
        and any(max(pair) >= size for pair, size in zip(p.padding, p.x[2:], strict=True))
    ),
    "a flip": lambda p: p.flip,
    "a flip of one channel": lambda p: p.flip and p.x[:2] == p.w[:2] == (1, 1),
    "holes": lambda p: max(p.input_dilation) > 1,
    "batch groups": lambda p: p.batch_groups > 1,
    "a padding mode beside a name": lambda p: (
        p.padding_mode != "zeros" and isinstance(p.padding, str)
    ),
    "causal padding": lambda p: p.padding == "causal",
    "full padding": lambda p: p.padding == "full",
    "cropping": lambda p: not isinstance(p.padding, str) and min(map(min, p.padding)) < 0,
    "groups": lambda p: p.groups > 1,
    "a bias": lambda p: p.bias,
}


@pytest.mark.parametrize("bias", FORM_BIASES)
def test_a_convolution_s_forms_are_drawn_with(bias):
    assert {broken_clause(problem) for problem in drawn_forms()} == {None}
    assert sum(map(FORM_BIASES[bias], drawn_forms())) >= COMMON * EXAMPLES


@pytest.mark.parametrize("op", WITH_GRADIENT)
def test_gradients_are_drawn_by_every_input(op):
    found = [case.problem for case in drawn(gradient_cases(op), 150)]
    assert {broken_clause(problem) for problem in found} == {None}
    wanted = {"x", "w", "bias"} if "w" in OPS[op] else {"x"}
    assert {problem.grad for problem in found} == wanted


def test_every_op_is_drawn_in_every_form_of_memory_and_layout():
    found = [case.problem for op in OPS for case in drawn(handed_cases(op), 80)]
    assert {broken_clause(problem) for problem in found} == {None}
    assert {problem.op for problem in found} == set(OPS)
    memories = Counter(problem.memory for problem in found)
    assert all(memories[memory] >= 20 for memory in MEMORIES)
    assert {p.op for p in found if p.layout == "channels_last"} == set(OPS) - {"fold", "unfold"}
    assert len({problem.op for problem in found if problem.unbatched}) >= len(OPS) - 2
    assert any(problem.grad for problem in found)


@pytest.mark.parametrize(("dtype", "wider"), WIDER)
def test_outputs_are_drawn_wider_than_their_inputs(dtype, wider):
    found = [case.problem for case in drawn(widening_cases(dtype, wider), 30)]
    assert {(problem.dtype, problem.output_dtype) for problem in found} == {(dtype, wider)}
    assert {broken_clause(problem) for problem in found} == {None}


@pytest.mark.parametrize("width", [4, 8, 16, 32])
def test_channel_counts_of_vector_widths_and_their_neighbours_are_drawn(width):
    found = Counter(problem.x[1] for problem in every_problem() if problem.op.startswith("conv"))
    assert all(found[C] for C in (width - 1, width, width + 1))


def test_widths_past_64_and_hundreds_of_channels_are_drawn():
    assert sum(problem.x[-1] > 64 for problem in every_problem()) >= 20
    assert sum(problem.x[1] >= 100 for problem in every_problem()) >= 10


def test_zero_sizes_are_drawn_but_rarely():
    zeros = [problem for problem in every_problem() if 0 in (*problem.x, *problem.w)]
    assert 0.02 * len(every_problem()) < len(zeros) < 0.25 * len(every_problem())
    assert any(problem.x[0] == 0 for problem in zeros)
    assert any(problem.x[1] == 0 for problem in zeros)
    assert any(0 in problem.x[2:] for problem in zeros)
    assert any(0 in problem.w[:2] for problem in zeros)


# The oracle's budget.


def terms(case):
    """Return the number of terms that the oracle loops over, and its expectation."""
    expected = expectation(case.problem, make_arrays(case), seed=case.seed)
    return len(expected.positions) * terms_each(case.problem), expected


@pytest.mark.parametrize("op", OPS)
def test_no_case_takes_the_oracle_past_its_budget(op):
    for case in drawn_cases(op)[:100]:
        asked, expected = terms(case)
        if not expected.sampled:
            assert asked <= TERM_BUDGET
            assert len(expected.positions) == prod(expected.shape)


LARGE = [
    Problem("conv", (2, 256, 8, 8), (64, 256, 3, 5)),
    Problem("conv", (2, 64, 9, 9, 9), (64, 64, 3, 3, 3)),
    Problem("conv1x1", (1, 512, 28, 28), (128, 512)),
    Problem("max_pool", (1, 64, 112, 112), kernel=(3, 3), indices=True),
]


def corners(shape):
    return set(product(*({0, size - 1} for size in shape)))


@pytest.mark.parametrize("problem", LARGE, ids=lambda problem: problem.line)
def test_a_sampled_expectation_includes_every_corner_and_keeps_its_order(problem):
    _, expected = terms(Case(problem))
    assert expected.sampled
    assert corners(expected.shape) <= set(expected.positions)
    assert list(expected.positions) == sorted(set(expected.positions))


@pytest.mark.parametrize("problem", LARGE, ids=lambda problem: problem.line)
def test_a_sample_passes_the_budget_by_its_corners_at_most(problem):
    asked, expected = terms(Case(problem))
    least = max(16, len(corners(expected.shape))) * terms_each(problem)
    assert asked <= max(TERM_BUDGET, least)


def test_another_seed_samples_other_elements():
    problem = LARGE[-1]
    one, other = (terms(Case(problem, seed=seed))[1].positions for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize("op", OPS)
def test_large_problems_are_valid_and_of_convolutions_some_are_sampled(op):
    found = drawn(large_problems(op), 25)
    assert {broken_clause(problem) for problem in found} == {None}
    if op in ("conv", "conv1x1", "depthwise_conv"):
        assert sum(terms(Case(problem))[1].sampled for problem in found) >= 3


@pytest.mark.parametrize("op", OPS)
def test_problems_are_small_enough_to_loop_over_whole(op):
    for problem in drawn(problems(op), 60):
        assert not terms(Case(problem))[1].sampled


@pytest.mark.parametrize("op", OPS)
def test_the_simplest_case_has_one_of_everything(op):
    plain = settings(phases=[Phase.generate, Phase.shrink], database=None)
    problem = find(cases(op), lambda _: True, settings=plain).problem
    assert {*problem.x, *problem.w, *problem.kernel_size} - {2} == {1}
    if op != "max_unpool":  # whose windows are mostly of two samples
        assert {*problem.x, *problem.w, *problem.kernel_size} == {1}
