"""The one rounding, beside NumPy, struct, ml_dtypes, and a search over all numbers of a format."""

import math
import random
import struct
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from convoracle.exact import (
    BITS,
    FORMATS,
    exact_sum,
    floor_log2,
    flushed,
    largest,
    lift,
    lowest,
    operand,
    quotient,
    root,
    round_float,
    rounded,
)

INF, NAN = math.inf, math.nan
LETTERS = {"float16": "<e", "float32": "<f", "float64": "<d"}
NARROW = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def bits_of(number):
    """Return a float's bits, which tell the zeros apart and find every NaN equal to itself."""
    return struct.pack("<d", number)


def numbers(dtype):
    """Return every finite number of a 16-bit format that is not negative, in order."""
    with np.errstate(invalid="ignore"):  # signalling NaN are among the patterns
        found = np.arange(2**15, dtype=np.uint16).view(NARROW[dtype]).astype(np.float64)
    return [float(number) for number in found if math.isfinite(number)]


def nearest(number, candidates):
    """Return the nearest of two neighbours, the one with the even last bit on a tie."""
    (low, low_index), (high, _) = candidates
    below, above = number - Fraction(low), Fraction(high) - number
    if below == above:
        return low if low_index % 2 == 0 else high
    return low if below < above else high


# value.round


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_value_round_agrees_with_struct(dtype):
    source, letter = random.Random(2), LETTERS[dtype]
    least, most = FORMATS[dtype].least_exponent - 30, -FORMATS[dtype].least_exponent
    for _ in range(3000):
        number = math.ldexp(source.uniform(-2, 2), source.randint(least, most))
        (expected,) = struct.unpack(letter, struct.pack(letter, number))
        assert round_float(number, FORMATS[dtype]) == expected


@pytest.mark.parametrize(
    ("dtype", "scalar"),
    [("float16", np.float16), ("float32", np.float32), ("bfloat16", ml_dtypes.bfloat16)],
)
def test_value_round_agrees_with_numpy_and_ml_dtypes(dtype, scalar):
    source = random.Random(3)
    least, most = FORMATS[dtype].least_exponent - 30, 1 - FORMATS[dtype].least_exponent
    found = [math.ldexp(source.uniform(-2, 2), source.randint(least, most)) for _ in range(3000)]
    # float32 first, so that ml_dtypes rounds once whichever way it takes
    found = [float(np.float32(number)) for number in found if abs(number) < 1e38]
    with np.errstate(over="ignore"):
        expected = np.array(found).astype(scalar).astype(np.float64)
    assert [round_float(number, FORMATS[dtype]) for number in found] == expected.tolist()


def test_value_round_of_a_quotient_agrees_with_float64_division():
    source = random.Random(4)
    for _ in range(1000):
        total, divisor = source.randint(-(2**53), 2**53), source.randint(1, 2**53)
        assert round_float(Fraction(total, divisor), FORMATS["float64"]) == total / divisor


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_value_round_rounds_once_where_the_way_through_float64_would_round_twice(dtype):
    """1 + half a step + a grain: float64 loses the grain, and the tie then falls to 1."""
    form = FORMATS[dtype]
    number = 1 + form.unit + Fraction(1, 2**80)
    assert float(number) == 1 + float(form.unit)
    assert round_float(float(number), form) == 1.0
    assert round_float(number, form) == 1.0 + 2 * float(form.unit)


def test_value_round_ties_go_to_the_even_significand():
    form = FORMATS["float32"]
    assert round_float(2**24 + 1, form) == 2**24
    assert round_float(2**24 + 3, form) == 2**24 + 4
    assert round_float(-(2**24) - 3, form) == -(2**24) - 4


@pytest.mark.parametrize("dtype", FORMATS)
def test_value_subnormal_ties_below_the_normal_numbers(dtype):
    form = FORMATS[dtype]
    grain = form.subnormal
    expected = {Fraction(1, 2): 0, Fraction(3, 2): 2, Fraction(5, 2): 2, Fraction(51, 100): 1}
    for steps, kept in expected.items():
        assert round_float(steps * grain, form) == float(kept * grain)
    assert round_float(form.normal - grain, form) == float(form.normal - grain)
    assert round_float(form.normal - grain / 2, form) == float(form.normal)


@pytest.mark.parametrize("dtype", FORMATS)
def test_value_overflow_starts_half_a_step_above_the_largest_number(dtype):
    form = FORMATS[dtype]
    half = form.largest * form.unit / (2 - 2 * form.unit)  # half the step below the largest
    limit = form.largest + half
    assert limit == Fraction(2) ** (2 - form.least_exponent) * (1 - form.unit / 2)
    assert round_float(limit, form) == INF
    assert round_float(-limit, form) == -INF
    assert round_float(limit - Fraction(1, 10**9), form) == float(form.largest)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_the_formats_are_those_of_numpy_and_ml_dtypes(dtype):
    scalar = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    info, form = ml_dtypes.finfo(scalar), FORMATS[dtype]
    assert float(form.largest) == float(info.max)
    assert float(form.normal) == float(info.tiny)
    assert float(form.subnormal) == float(info.smallest_subnormal)
    assert float(2 * form.unit) == float(info.eps)


def test_what_is_not_finite_stays():
    for dtype in FORMATS:
        assert rounded(INF, dtype) == INF
        assert rounded(-INF, dtype) == -INF
        assert math.isnan(rounded(NAN, dtype))


# value.wrap


@pytest.mark.parametrize("dtype", BITS)
def test_value_wrap_agrees_with_numpy(dtype):
    for number in range(-700, 700):
        wide = number * (1 if dtype == "int8" else 2 ** (BITS[dtype] - 9) + 3)
        low_bytes = wide.to_bytes(20, "little", signed=True)[: BITS[dtype] // 8]
        expected = int.from_bytes(low_bytes, "little", signed=True)
        assert rounded(wide, dtype) == expected
        if -(2**63) <= wide < 2**63:
            assert rounded(wide, dtype) == np.array(wide, np.int64).astype(dtype).item()


def test_value_wrap_at_the_ends_of_int8():
    assert [rounded(number, "int8") for number in (127, 128, 255, 256, -128, -129)] == [
        127, -128, -1, 0, -128, 127,
    ]  # fmt: skip


def test_lowest_is_minus_infinity_or_the_least_integer():
    assert [lowest(dtype) for dtype in FORMATS] == [-INF] * 4
    assert [lowest(dtype) for dtype in BITS] == [np.iinfo(dtype).min for dtype in BITS]


# Sums


def test_exact_sum_is_the_sum_of_the_fractions():
    source = random.Random(5)
    for _ in range(1500):
        terms = [
            math.ldexp(source.uniform(-1, 1), source.randint(-80, 80))
            for _ in range(source.randint(0, 6))
        ]
        if source.random() < 0.3:
            terms += [-term for term in terms]
        source.shuffle(terms)
        assert exact_sum(terms) == sum(map(Fraction, terms))


def test_exact_sum_keeps_what_no_float_can_hold():
    assert exact_sum([1.0, 2.0**-80]) == 1 + Fraction(1, 2**80)
    assert exact_sum([2.0**100, 1.0, -(2.0**100)]) == 1


def test_exact_sum_past_the_largest_float64_is_finite():
    """[value.overflow] A partial sum is no result: it does not overflow."""
    top = float(FORMATS["float64"].largest)
    assert exact_sum([lift(top), lift(top), lift(-top)]) == Fraction(top)


def test_exact_sum_of_ints_and_fractions_is_exact():
    assert exact_sum([2**70, 1, -(2**70)]) == 1
    assert exact_sum([Fraction(1, 3), Fraction(1, 6)]) == Fraction(1, 2)
    assert exact_sum([]) == 0


def test_value_nan_and_value_infinity_decide_a_sum_that_is_not_finite():
    assert math.isnan(exact_sum([1.0, NAN]))
    assert math.isnan(exact_sum([INF, 1.0, -INF]))
    assert math.isnan(exact_sum([NAN, INF]))
    assert exact_sum([1.0, INF, -3e38]) == INF
    assert exact_sum([-INF, 5.0, -INF]) == -INF
    assert exact_sum([Fraction(1, 3), INF]) == INF


def test_products_of_float64_are_exact():
    source = random.Random(6)
    for _ in range(300):
        first, second = source.uniform(-1, 1), source.uniform(-1, 1)
        product = operand(first, "float64") * operand(second, "float64")
        assert product == Fraction(first) * Fraction(second)
    assert operand(3.0, "float64") * operand(INF, "float64") == INF
    assert math.isnan(operand(0.0, "float64") * operand(INF, "float64"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_products_of_narrow_floats_are_exact_in_a_float(dtype):
    source, form = random.Random(7), FORMATS[dtype]
    corners = [float(form.largest), float(form.subnormal), -float(form.normal), 1.0]
    found = [round_float(source.uniform(-9, 9), form) for _ in range(40)] + corners
    for first in found:
        for second in found:
            assert Fraction(first * second) == Fraction(first) * Fraction(second)


def test_lift_keeps_the_number_and_what_is_not_finite():
    assert [lift(number) for number in (0.5, 3.0, 2.0**80, INF)] == [Fraction(1, 2), 3, 2**80, INF]
    assert isinstance(lift(2.0**80), int)
    assert math.isnan(lift(NAN))


# Quotients


def test_a_quotient_of_finite_numbers_is_exact():
    assert quotient(1, 3) == Fraction(1, 3)
    assert quotient(0.75, -1.5) == Fraction(-1, 2)


def test_a_quotient_of_zeros_and_infinities_is_that_of_ieee_754():
    assert math.isnan(quotient(0, 0))
    assert (quotient(5, 0), quotient(-5, 0)) == (INF, -INF)
    assert (quotient(INF, 2), quotient(-INF, 2), quotient(INF, -2)) == (INF, -INF, -INF)
    assert (quotient(INF, Fraction(-1, 2)), quotient(INF, -0.5)) == (-INF, -INF)
    assert (quotient(2, INF), quotient(2, -INF)) == (0, 0)
    huge = Fraction(10) ** 400  # no float
    assert (quotient(INF, huge), quotient(INF, -huge), quotient(-INF, huge)) == (INF, -INF, -INF)
    assert (quotient(huge, INF), quotient(-huge, INF)) == (0, 0)
    assert all(math.isnan(quotient(*pair)) for pair in [(math.nan, huge), (huge, math.nan)])
    assert math.isnan(quotient(INF, INF))
    assert math.isnan(quotient(NAN, 0))
    assert math.isnan(quotient(2, NAN))
    assert (quotient(INF, 0), quotient(-INF, 0)) == (INF, -INF)


# Roots


def test_a_square_root_is_that_of_float64():
    """IEEE 754 has math.sqrt correctly rounded."""
    source = random.Random(8)
    for _ in range(1500):
        number = math.ldexp(source.uniform(1, 4), source.randint(-1000, 1000))
        assert round_float(root(number, 2), FORMATS["float64"]) == math.sqrt(number)


@pytest.mark.parametrize("p", [2, 3, 4, 5, 7])
def test_a_root_lies_between_its_neighbours_whose_powers_enclose_the_number(p):
    """Correctly rounded: the midpoints to both neighbours, raised to p, enclose the number."""
    source = random.Random(p)
    for dtype in ("float16", "bfloat16", "float32"):
        form = FORMATS[dtype]
        for _ in range(150):
            number = Fraction(source.randint(1, 10**6), source.randint(1, 10**3))
            value = Fraction(round_float(root(number, p), form))
            step = 2 * form.unit * Fraction(2) ** floor_log2(value)
            assert (value + step / 2) ** p >= number
            below = step / 4 if value == Fraction(2) ** floor_log2(value) else step / 2
            assert (value - below) ** p <= number


@pytest.mark.parametrize("p", [2, 3, 5])
def test_a_root_that_is_a_number_of_the_format_is_found_exactly(p):
    for base in (0, 1, 2, 3, 10, 255, Fraction(1, 4), Fraction(7, 8)):
        assert round_float(root(Fraction(base) ** p, p), FORMATS["bfloat16"]) == base


def test_a_root_beside_a_tie_falls_to_the_right_side():
    """1 + half a step is a tie; a grain more or less under the root decides."""
    form = FORMATS["float16"]
    tie, grain = 1 + form.unit, Fraction(1, 2**200)
    above, even = 1 + 2 * form.unit, 1
    assert round_float(root(tie**2, 2), form) == even
    assert round_float(root(tie**2 + grain, 2), form) == above
    assert round_float(root(tie**2 - grain, 2), form) == even
    odd_tie = 1 + 3 * form.unit
    assert round_float(root(odd_tie**2 - grain, 2), form) == above


@pytest.mark.parametrize("p", [2, 3, 5])
def test_a_root_that_is_not_exact_has_80_bits_behind_the_first_and_a_last_one_that_is_set(p):
    for number in range(3, 31, 2):  # odd and no p-th power but 9, 25 and 27: those are whole
        found = root(number, p)
        if found == int(found):
            assert found**p == number
            continue
        bits = found * 2 ** (81 - floor_log2(found))
        assert bits.denominator == 1
        assert bits % 2 == 1
        low, high = ((bits + side) / 2 ** (81 - floor_log2(found)) for side in (-1, 1))
        assert low**p < number < high**p


def test_the_first_root_and_the_root_of_what_is_not_finite_are_the_number():
    assert root(Fraction(1, 3), 1) == Fraction(1, 3)
    assert root(INF, 3) == INF
    assert math.isnan(root(NAN, 2))


@pytest.mark.parametrize("number", [Fraction(1, 3), Fraction(1), Fraction(8), Fraction(2**90 - 1)])
def test_floor_log2_is_the_exponent(number):
    exponent = floor_log2(number)
    assert Fraction(2) ** exponent <= number < Fraction(2) ** (exponent + 1)


# Maxima, zeros, flushing


def test_max_nan_wins_wherever_it_stands():
    for terms in ([NAN, 1.0], [1.0, NAN], [INF, NAN, -INF]):
        assert math.isnan(largest(terms, -INF))
    assert largest([-INF, -INF], -INF) == -INF
    assert largest([], -128) == -128


def test_value_zero_the_sign_of_a_zero_is_left_open():
    assert round_float(-0.0, FORMATS["float32"]) == 0
    assert largest([-0.0, 0.0], -INF) == largest([0.0, -0.0], -INF) == 0
    assert round_float(Fraction(-1, 10**60), FORMATS["float32"]) == 0


def test_value_subnormal_flush_takes_what_is_below_the_least_normal_number_for_zero():
    for dtype, form in FORMATS.items():
        normal, below = float(form.normal), float(form.normal - form.subnormal)
        assert [flushed(number, dtype) for number in (normal, -normal)] == [normal, -normal]
        assert [flushed(number, dtype) for number in (below, -below, 0.0)] == [0, 0, 0]
        assert flushed(INF, dtype) == INF
    assert flushed(1, "int8") == 1


# Every number of a narrow format


@pytest.mark.parametrize("dtype", NARROW)
def test_value_round_every_number_of_the_format_is_itself(dtype):
    form = FORMATS[dtype]
    for number in numbers(dtype):
        assert round_float(number, form) == number == round_float(Fraction(number), form)
        assert round_float(-number, form) == -number


@pytest.mark.parametrize("dtype", NARROW)
def test_value_round_takes_the_nearest_of_the_two_neighbours_and_the_even_one_on_a_tie(dtype):
    """Three points between neighbours; the position in the list has the last bit's parity."""
    form, every = FORMATS[dtype], numbers(dtype)
    places = [*range(40), *random.Random(1).sample(range(len(every) - 1), 1500), len(every) - 2]
    for place in places:
        pair = ((every[place], place), (every[place + 1], place + 1))
        low, high = Fraction(every[place]), Fraction(every[place + 1])
        for share in (Fraction(1, 2), Fraction(499999, 10**6), Fraction(500001, 10**6)):
            number = low + share * (high - low)
            assert round_float(number, form) == nearest(number, pair)
            assert round_float(-number, form) == -nearest(number, pair)
