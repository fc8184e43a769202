"""The fills: the same bytes everywhere, sums that no order changes, meanings kept apart."""

import hashlib
import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import prod

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convformance.bounds import meaning_bound
from convformance.drawn_forms import WITH_GRADIENT, gradient_cases
from convformance.expect import broken_clause, expectation, numpy_dtype
from convformance.fills import DIVIDING, MAXIMUM, SUM_LIMIT, make_arrays
from convformance.meaning import input_shapes, operation
from convformance.plan import gradient_dtypes
from convformance.problem import COMPLEX_OPS, DRAWN_FILLS, DTYPES, OPS, Case, Problem
from convformance.sizes import axes_of
from convformance.strategies import FLOATS, INTEGERS, cases, problems
from convoracle.exact import PARTS, exact_sum, is_finite, rounded
from convoracle.window import windows

MODEST = settings(max_examples=50, deadline=None)
CHOOSING = (*MAXIMUM, "unfold", "max_unpool")  # they give one of their terms
MOST_ELEMENTS = 40  # of one case that a property looks at


def looked_at(case, fill=None):
    """Return the operation and some positions: of the batch items of one fill, or of all."""
    expected = expectation(case.problem, make_arrays(case), seed=case.seed)
    names = case.fill.split("+")
    found = [at for at in expected.positions if fill in (None, names[at[0] % len(names)])]
    chosen = random.Random(case.seed).sample(found, min(MOST_ELEMENTS, len(found)))
    return expected.operation, chosen


def sums(problem):
    """Whether the op adds its terms up."""
    return problem.op not in CHOOSING and problem.p != float("inf")


def summed(terms, dtype):
    """Add one term after the other in the dtype, as IEEE 754 says."""
    total = np.zeros((), dtype)
    with np.errstate(all="ignore"):  # NaN and overflow are what is looked for
        for term in np.array([rounded(term, dtype.name) for term in terms]).astype(dtype):
            total = (total + term).astype(dtype)
    return total


def orders(terms):
    """Return the terms in several orders, the largest first and last among them."""
    shuffled = random.Random(len(terms)).sample(terms, len(terms))
    sized = sorted(terms, key=lambda term: abs(float(rounded(term, "float64"))))
    return terms, terms[::-1], shuffled, sized, sized[::-1]


# Bytes.


@pytest.mark.parametrize(
    ("line", "digest"),
    [
        ("conv x=2x3x5 w=4x3x2 bias float32 fill=integers#7", "926095db2f7b3a9a"),
        ("conv x=2x3x5 w=4x3x2 bias bfloat16 fill=integers+special#3", "e1074435330338df"),
        ("avg_pool x=1x2x6x6 kernel=3x3 float16 fill=integers#1", "c0974a99415381bf"),
        ("distance_pool x=1x2x6x6 kernel=3x3 float64 fill=special#2", "9619bf72415a9bff"),
        ("max_pool x=2x2x4x4 kernel=2x2 int8 fill=special#5", "a57ccc4e9eb499d4"),
    ],
)
def test_a_fill_gives_the_same_bytes_in_every_release(line, digest):
    """Every recorded case line would mean another case if the generator changed."""
    arrays = make_arrays(Case.parse(line))
    data = b"".join(name.encode() + arrays[name].tobytes() for name in sorted(arrays))
    assert hashlib.sha256(data).hexdigest()[:16] == digest


@MODEST
@given(st.one_of(*(cases(op, FLOATS, ("real", "integers+special")) for op in OPS)))
def test_a_case_always_gives_the_same_arrays(case):
    one, other = make_arrays(case), make_arrays(case)
    assert {name: (array.dtype, array.tobytes()) for name, array in one.items()} == {
        name: (array.dtype, array.tobytes()) for name, array in other.items()
    }


def test_another_seed_gives_other_arrays():
    problem = Problem("conv", (1, 2, 8, 8), (2, 2, 3, 3))
    for fill in DRAWN_FILLS:
        found = {make_arrays(Case(problem, fill, seed))["x"].tobytes() for seed in range(8)}
        assert len(found) == 8


# Shapes and dtypes.


LINES = {
    "conv": "conv x=4x2x6x6 w=3x2x2x2 bias",
    "conv1x1": "conv1x1 x=4x2x6x6 w=3x2",
    "conv_transpose": "conv_transpose x=4x2x6x6 w=2x3x2x2 bias",
    "depthwise_conv": "depthwise_conv x=4x2x6x6 w=2x2x2x2",
    "separable_conv": "separable_conv x=4x2x6x6 w=2x1x2x2 pointwise=3x2",
    "max_unpool": "max_unpool x=4x2x6x6 kernel=2x2 stride=2x2",
    "fold": "fold x=4x8x25 kernel=2x2 output=6x6",
    "adaptive_max_pool": "adaptive_max_pool x=4x2x6x6 output=4x3",
    "adaptive_avg_pool": "adaptive_avg_pool x=4x2x6x6 output=4x3",
    "global_max_pool": "global_max_pool x=4x2x6x6",
    "global_avg_pool": "global_avg_pool x=4x2x6x6",
}


def plain(op, dtype):
    """Return a problem of the op with four samples."""
    return Problem.parse(f"{LINES.get(op, f'{op} x=4x2x6x6 kernel=2x2')} {dtype}")


@pytest.mark.parametrize("fill", DRAWN_FILLS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPS)
def test_arrays_have_the_dtype_and_shapes_of_the_problem(op, dtype, fill):
    problem = plain(op, dtype)
    arrays = make_arrays(Case(problem, fill, 3))
    assert {name: array.shape for name, array in arrays.items()} == input_shapes(problem)
    found = {name: array.dtype for name, array in arrays.items()}
    assert found.pop("indices", np.dtype(np.int64)) == np.int64
    assert set(found.values()) == {numpy_dtype(dtype)}


def test_bfloat16_arrays_are_of_ml_dtypes():
    arrays = make_arrays(Case.parse("conv x=1x1x4 w=1x1x2 bias bfloat16"))
    assert {array.dtype for array in arrays.values()} == {np.dtype(ml_dtypes.bfloat16)}


ZERO_SIZES = [
    "conv x=0x2x4 w=3x2x2 bias",
    "conv x=2x0x4 w=3x0x2 bias",
    "conv x=2x2x4 w=0x2x2 bias",
    "conv x=2x2x0 w=3x2x2 padding=2",
    "conv1x1 x=2x2x0 w=3x2",
    "conv1x1 x=2x0x4 w=3x0",
    "max_pool x=0x2x4 kernel=2",
    "avg_pool x=2x0x4 kernel=2",
    "lp_pool x=2x2x0 kernel=2",
    "distance_pool x=2x2x0x3 kernel=2x2 padding=2x0",
]


@pytest.mark.parametrize("fill", ["integers", "special", "real", "integers+special"])
@pytest.mark.parametrize("line", ZERO_SIZES)
def test_zero_sizes_give_empty_arrays(line, fill):
    problem = Problem.parse(line)
    arrays = make_arrays(Case(problem, fill, 1))
    assert {name: array.shape for name, array in arrays.items()} == input_shapes(problem)


# integers


SUMMING = [
    (op, dtype) for op in OPS if op not in CHOOSING for dtype in FLOATS
]  # an integer dtype wraps: no order changes its sums


@pytest.mark.parametrize(("op", "dtype"), SUMMING)
def test_the_magnitudes_of_every_output_fit_the_significand(op, dtype):
    @settings(max_examples=25, deadline=None)
    @given(cases(op, (dtype,), ("integers", "integers+special", "special+integers")))
    def holds(case):
        found, positions = looked_at(case, "integers")
        for at in positions if sums(case.problem) else ():
            terms = found.terms(at)
            if all(map(is_finite, terms)):  # a mixed fill's weights may be special
                assert exact_sum([abs(term) for term in terms]) <= SUM_LIMIT[dtype]

    holds()


@pytest.mark.parametrize(("op", "dtype"), SUMMING)
def test_any_order_of_summation_gives_the_same_bits(op, dtype):
    @settings(max_examples=12, deadline=None)
    @given(cases(op, (dtype,), ("integers", "integers+special")))
    def holds(case):
        found, positions = looked_at(case, "integers")
        for at in positions[:8] if sums(case.problem) else ():
            terms = found.terms(at)
            totals = {float(summed(order, numpy_dtype(dtype))) for order in orders(terms)}
            assert totals == {float(exact_sum(terms))}

    holds()


def test_every_element_of_the_fill_integers_is_whole_and_exact_in_tf32():
    @MODEST
    @given(st.one_of(*(cases(op, FLOATS + INTEGERS, ("integers",)) for op in OPS)))
    def holds(case):
        for name, array in make_arrays(case).items():
            numbers = array.astype(np.float64)
            assert (numbers == np.round(numbers)).all()
            assert (np.abs(numbers) < 2**8).all() or name == "indices"

    holds()


GRADED = [(op, dtype) for op in WITH_GRADIENT for dtype in gradient_dtypes(op)]


@pytest.mark.parametrize(("op", "dtype"), GRADED)
def test_the_magnitudes_of_every_gradient_fit_the_significand(op, dtype):
    @settings(max_examples=40, deadline=None)
    @given(gradient_cases(op, (dtype,), ("integers",)))
    def holds(case):
        found, positions = looked_at(case)
        for at in positions:
            terms = found.terms(at)
            assert exact_sum([abs(term) for term in terms]) <= SUM_LIMIT[dtype]
            if op not in ("avg_pool", "lp_pool"):  # whose terms are rounded themselves
                totals = {float(summed(order, numpy_dtype(dtype))) for order in orders(terms)}
                assert totals == {float(exact_sum(terms))}

    holds()


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_gradient_of_an_average_that_lacks_a_term_is_far_outside_the_bound(dtype):
    """A hundred bounds away; in the 16-bit formats, whose significand is short, more than one."""
    away = 100 if dtype in ("float32", "float64") else 1

    # The windows over a sample have 8 to 40 samples each.
    uneven = f"avg_pool x=1x1x2x4x5 kernel=2x4x5 padding=same grad=x {dtype} fill=integers#0"

    @settings(max_examples=60, deadline=None)
    @given(gradient_cases("avg_pool", (dtype,), ("integers",)))
    @example(Case.parse(uneven))
    def holds(case):
        found, positions = looked_at(case)
        for at in positions:
            bound = meaning_bound(case.problem, found, at, found.exact(at))
            assert all(abs(term) > away * bound for term in found.terms(at) if term)

    holds()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_of_a_norm_that_lacks_a_term_is_outside_the_bound(dtype):
    @settings(max_examples=60, deadline=None)
    @given(gradient_cases("lp_pool", (dtype,), ("integers",)))
    def holds(case):
        found, positions = looked_at(case)
        for at in positions:
            bound = meaning_bound(case.problem, found, at, found.exact(at))
            assert all(abs(term) > 10 * bound for term in found.terms(at) if term)

    holds()


@pytest.mark.parametrize("dtype", FLOATS)
def test_both_steps_of_a_separable_convolution_are_exact(dtype):
    @settings(max_examples=40, deadline=None)
    @given(cases("separable_conv", (dtype,), ("integers",)))
    def holds(case):
        problem = case.problem
        first = replace(problem, op="depthwise_conv", pointwise=())
        arrays = make_arrays(case)
        inner = operation(first, {name: arrays[name] for name in ("x", "w")})
        for at in random.Random(1).sample(
            list(np.ndindex(*inner.shape)), min(20, prod(inner.shape))
        ):
            assert exact_sum([abs(term) for term in inner.terms(at)]) <= SUM_LIMIT[dtype]

    holds()


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("op", COMPLEX_OPS)
def test_three_real_products_make_a_complex_one_exactly(op, dtype):
    """(a + b)(c + d) too fits the significand: all four products of the parts, added up."""

    @settings(max_examples=40, deadline=None)
    @given(cases(op, (dtype,), ("integers",)))
    def holds(case):
        found, positions = looked_at(case)
        for at in positions:
            assert found.magnitude(at) <= SUM_LIMIT[PARTS[dtype]]

    holds()


def test_a_wider_output_is_filled_past_the_range_of_the_inputs():
    problem = Problem.parse("conv x=1x8x6x6 w=2x8x3x3 output_dtype=int32 int8")
    op = operation(problem, make_arrays(Case(problem)))
    assert max(abs(value) for value in op.result().values) > 127


@pytest.mark.parametrize("op", ["conv", "conv1x1"])
def test_no_sample_of_an_integer_convolution_is_zero(op):
    """A tap that is lost always shows."""

    @MODEST
    @given(cases(op, FLOATS, ("integers",)))
    def holds(case):
        assert make_arrays(case)["x"].all()

    holds()


def other_divisors(problem, at):
    """Return what an op that divides might divide by: all taps, samples, samples and padding."""
    window = windows(axes_of(problem))(at[2:])
    samples, padded = [tap for tap, _ in window.samples], list(window.padding)
    return {
        "all": samples + padded + list(window.overrun),
        "samples": samples,
        "padded": samples + padded,
    }


def other_meanings(problem, arrays, found, at):
    """Yield the elements that another meaning gives: another divisor, a tap too few or many."""
    terms = found.terms(at)
    total = exact_sum(terms)
    for term in terms:
        yield found.finish(at, total - term)
        yield found.finish(at, total + term)
    if problem.op not in ("avg_pool", "distance_pool"):
        return
    weights = np.ones(problem.kernel) if problem.op == "avg_pool" else arrays["w"]
    flat = weights.astype(np.float64).ravel().tolist()
    for taps in other_divisors(problem, at).values():
        if taps:
            yield Fraction(total) / Fraction(sum(flat[tap] for tap in taps))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", DIVIDING)
def test_the_nearest_other_meaning_is_far_outside_the_bound(op, dtype):
    """A hundred bounds away; in the 16-bit formats, whose significand is short, more than one."""
    away = 100 if dtype in ("float32", "float64") else 1

    @settings(max_examples=60, deadline=None)
    @given(cases(op, (dtype,), ("integers", "integers+special")))
    def holds(case):
        found, positions = looked_at(case, "integers")
        arrays = make_arrays(case)
        for at in positions if sums(case.problem) else ():
            exact = found.exact(at)
            bound = meaning_bound(case.problem, found, at, exact)
            for other in other_meanings(case.problem, arrays, found, at):
                distance = abs(Fraction(other) - Fraction(exact)) if is_finite(exact) else 0
                assert not distance or distance > away * bound, (at, exact, other)

    holds()


# special


def kind_of(number):
    """Return nan, inf, -inf or finite."""
    return repr(float(number)) if not np.isfinite(float(number)) else "finite"


@pytest.mark.parametrize(("op", "dtype"), SUMMING)
def test_no_order_of_summation_changes_a_special_answer(op, dtype):
    @settings(max_examples=25, deadline=None)
    @given(cases(op, (dtype,), ("special", "integers+special")))
    def holds(case):
        found, positions = looked_at(case)
        for at in positions[:10] if sums(case.problem) else ():
            terms = found.terms(at)
            totals = [summed(order, numpy_dtype(dtype)) for order in orders(terms)]
            exact = rounded(exact_sum(terms), dtype)
            assert {kind_of(total) for total in totals} == {kind_of(exact)}
            assert all(total == exact for total in totals) or kind_of(exact) == "nan"

    holds()


def test_the_fill_special_holds_every_kind_of_special_number():
    problem, limits = Problem("conv", (1, 1, 32), (1, 1, 2)), np.finfo(np.float32)
    xs = [make_arrays(Case(problem, "special", seed))["x"] for seed in range(40)]
    numbers = np.concatenate([x.ravel() for x in xs])
    assert {kind_of(number) for number in numbers} == {"nan", "inf", "-inf", "finite"}
    assert np.signbit(numbers[numbers == 0]).any()
    assert limits.smallest_subnormal in numbers
    assert {limits.min, limits.max} <= set(numbers)


def test_special_integers_reach_both_ends_of_the_dtype():
    for dtype in INTEGERS:
        problem = Problem("max_pool", (1, 1, 64), kernel=(2,), dtype=dtype)
        x = make_arrays(Case(problem, "special", 1))["x"]
        assert {x.min(), x.max()} == {np.iinfo(dtype).min, np.iinfo(dtype).max}


# real


@pytest.mark.parametrize("op", OPS)
def test_real_numbers_are_finite(op):
    @MODEST
    @given(cases(op, FLOATS, ("real",)))
    def holds(case):
        for name, array in make_arrays(case).items():
            assert np.isfinite(array.astype(np.float64)).all()
            assert array.dtype == (np.int64 if name == "indices" else case.problem.dtype)

    holds()


def test_real_numbers_are_not_whole():
    problem = Problem("conv", (1, 1, 64), (1, 1, 2))
    for seed in range(10):
        x = make_arrays(Case(problem, "real", seed))["x"]
        assert (x != np.round(x)).any()


# The batch.


def test_a_fill_of_several_names_deals_them_out_over_the_batch():
    problem = Problem("max_pool", (6, 2, 16), kernel=(2,))
    odd = []
    for seed in range(20):
        x = make_arrays(Case(problem, "integers+special", seed))["x"]
        assert np.isfinite(x[::2]).all()
        odd.append(not np.isfinite(x[1::2]).all())
    assert any(odd)


@pytest.mark.parametrize(
    ("op", "dtype"),
    [
        (op, dtype)
        for op in OPS
        for dtype in DTYPES
        if op in COMPLEX_OPS or not dtype.startswith("complex")
    ],
)
def test_no_item_of_the_batch_is_left_empty_or_repeated(op, dtype):
    """What an op makes of the wrong item of a batch has to show."""
    problem = plain(op, dtype)
    if broken_clause(problem):
        return  # the op has no meaning for the elements
    for seed in range(5):
        x = make_arrays(Case(problem, "integers", seed))["x"]
        assert x.reshape(4, -1).any(axis=1).all()
        assert all((one != other).any() for one, other in pairwise(x))


@MODEST
@given(st.one_of(*(problems(op) for op in OPS)))
def test_the_oracle_takes_the_arrays_of_every_fill(problem):
    for fill in ("integers", "special"):
        assert operation(problem, make_arrays(Case(problem, fill))).shape
