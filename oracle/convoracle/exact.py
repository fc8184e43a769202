"""Exact numbers and the one rounding at the end.

A number here is an int, a `Fraction`, or a float; sums and quotients of finite numbers are
exact, and what is not finite follows IEEE 754.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property

Number = int | float | Fraction


@cache
def two_to(exponent: int) -> Fraction:
    """Return a power of two, exactly."""
    return Fraction(2**exponent) if exponent >= 0 else Fraction(1, 2**-exponent)


@dataclass(frozen=True)
class Format:
    """A binary floating-point format of IEEE 754's kind."""

    precision: int  # bits of the significand, the implicit one included
    least_exponent: int  # of a normal number

    @cached_property
    def unit(self) -> Fraction:
        """The unit roundoff: half the distance from 1 to the next number."""
        return Fraction(1, 2**self.precision)

    @cached_property
    def normal(self) -> Fraction:
        """The smallest normal number."""
        return two_to(self.least_exponent)

    @cached_property
    def subnormal(self) -> Fraction:
        """The smallest number above zero."""
        return self.normal / two_to(self.precision - 1)

    @property
    def largest_exponent(self) -> int:
        """That of the largest finite number."""
        return 1 - self.least_exponent

    @cached_property
    def largest(self) -> Fraction:
        """The largest finite number."""
        return (2 - two_to(1 - self.precision)) * two_to(self.largest_exponent)


FORMATS = {
    "float16": Format(11, -14),
    "bfloat16": Format(8, -126),
    "float32": Format(24, -126),
    "float64": Format(53, -1022),
}
BITS = {"int8": 8, "int32": 32, "int64": 64}
UNSIGNED = {"uint8": 8}
PARTS = {"complex64": "float32", "complex128": "float64"}  # real and imaginary part


def size(number: Number) -> Number:
    """Return the absolute value."""
    return number.__abs__()  # abs(), of which mypy takes that of the union for an object


def is_finite(number: Number) -> bool:
    """Whether the number is neither infinite nor NaN."""
    return not isinstance(number, float) or math.isfinite(number)


def is_nan(number: Number) -> bool:
    """Whether the number is NaN."""
    return isinstance(number, float) and math.isnan(number)


def lift(number: Number) -> Number:
    """Return the number as an int or `Fraction`, whose products are exact; inf and NaN stay."""
    if not isinstance(number, float) or not math.isfinite(number):
        return number
    return int(number) if number.is_integer() else Fraction(number)


def operand(number: Number, dtype: str) -> Number:
    """Return the number as it enters a product: float64 is lifted, the rest is exact in a float."""
    return lift(number) if dtype == "float64" else number


def exact_sum(terms: Sequence[Number]) -> Number:
    """Return the exact sum; [value.nan] and [value.infinity] decide where it is not finite."""
    kinds = set(map(type, terms))
    if kinds <= {int}:
        return sum(terms)
    if kinds == {float}:
        with contextlib.suppress(OverflowError, ValueError):  # past the largest float; inf - inf
            total = math.fsum(terms)
            if math.fsum([*terms, -total]) == 0:
                return total
    special = [float(term) for term in terms if not is_finite(term)]
    if special:
        return sum(special)  # NaN, or inf - inf = NaN, or that infinity
    # It has more bits than a float: put all over one denominator, which needs one reduction.
    ratios = [term.as_integer_ratio() for term in terms]
    denominator = math.lcm(*(one for _, one in ratios))
    return Fraction(sum(top * (denominator // one) for top, one in ratios), denominator)


def quotient(total: Number, divisor: Number) -> Number:
    """Return total / divisor exactly; IEEE 754 for a zero or an infinite operand."""
    if not is_finite(total) or not is_finite(divisor):
        return _ieee_quotient(total, divisor)
    top, below = total.as_integer_ratio()
    more, less = divisor.as_integer_ratio()
    if more == 0:
        return math.nan if top == 0 else _infinity(total)
    return Fraction(top * less, below * more)


def _ieee_quotient(total: Number, divisor: Number) -> float:
    """Return the quotient where one of the two is infinite or NaN; the other may be any size."""
    if is_nan(total) or is_nan(divisor):
        return math.nan
    if is_finite(total):
        return 0.0
    if not is_finite(divisor):
        return math.nan
    return _infinity(total) if divisor >= 0 else -_infinity(total)


def root(total: Number, p: int) -> Number:
    """Return the p-th root of a number that is not negative, ready to be rounded once.

    What is not exact comes back cut to 80 bits with a sticky last bit ("round to odd"), so
    that rounding it to any format gives what rounding the true root would give.
    """
    if p == 1 or total == 0 or not is_finite(total):
        return total
    total = Fraction(total)
    shift = 80 - floor_log2(total) // p
    scaled = total * two_to(p * shift)
    whole = _integer_root(math.floor(scaled), p)
    sticky = int(whole**p != scaled)
    return (2 * whole + sticky) * two_to(-shift - 1)


def _integer_root(number: int, p: int) -> int:
    """Return the largest whole number whose p-th power is at most a number above 0, by Newton."""
    if p == 2:
        return math.isqrt(number)
    found = 1 << (number.bit_length() // p + 1)  # above the root, and each step stays above it
    while (better := ((p - 1) * found + number // found ** (p - 1)) // p) < found:
        found = better
    return found


def floor_log2(number: Number) -> int:
    """Return the exponent e with 2**e <= |number| < 2**(e + 1), for a finite number but 0."""
    top, bottom = number.as_integer_ratio()
    guess = top.bit_length() - bottom.bit_length()
    reached = bottom << max(0, guess) <= abs(top) << max(0, -guess)
    return guess if reached else guess - 1


def largest(terms: Iterable[Number], lowest: Number) -> Number:
    """[max.value] Return the largest term, `lowest` if there is none; [max.nan] NaN if one is NaN.

    [value.zero] Of two zeros the first stays; they compare equal, and so does the judge.
    """
    best = lowest
    for term in terms:
        if is_nan(term):
            return math.nan
        best = max(best, term)
    return best


def lowest(dtype: str) -> Number:
    """Return minus infinity, or the least integer of the dtype."""
    if dtype in UNSIGNED:
        return 0
    return -math.inf if dtype in FORMATS else -(1 << (BITS[dtype] - 1))


def rounded(number: Number, dtype: str) -> Number:
    """[value.dtype] Return the number as an element of `dtype`, as a Python float or int."""
    if dtype in UNSIGNED:
        return int(number) % (1 << UNSIGNED[dtype])
    if dtype in BITS:
        half = 1 << (BITS[dtype] - 1)
        return (int(number) + half) % (2 * half) - half  # [value.wrap]
    return round_float(number, FORMATS[dtype])


def round_float(number: Number, form: Format) -> float:
    """[value.round] Round once, ties to even; [value.overflow] past the largest is infinite."""
    if not is_finite(number):
        return float(number)
    top, bottom = number.as_integer_ratio()
    if bottom == 1 and abs(top) <= 1 << form.precision:
        return float(number)  # already an element, and the common case
    exponent = max(floor_log2(number), form.least_exponent)
    step = exponent - form.precision + 1  # [value.subnormal] the quantum is never below that
    many = _nearest(top << max(0, -step), bottom << max(0, step))  # of the quantum 2**step
    if many.bit_length() - 1 + step > form.largest_exponent:
        return _infinity(number)
    return math.ldexp(many, step)


def _nearest(top: int, bottom: int) -> int:
    """Return the whole number nearest to top / bottom, of two the even one."""
    whole, rest = divmod(top, bottom)
    above = 2 * rest - bottom
    return whole + 1 if above > 0 or (above == 0 and whole % 2) else whole


def as_floats(terms: Iterable[Number]) -> list[float]:
    """Return the terms as floats, to be shown; one past the largest float is infinite."""
    return [float(rounded(term, "float64")) for term in terms]


def flushed(number: Number, dtype: str) -> Number:
    """[value.subnormal] The choice "flush": a subnormal is taken for zero."""
    form = FORMATS.get(dtype)
    if not form or not is_finite(number):
        return number
    # A float is compared with a float, which is as exact and ten times as quick as a `Fraction`.
    return 0.0 if size(number) < math.ldexp(1.0, form.least_exponent) else number


def _infinity(sign: Number) -> float:
    """Return the infinity of that sign."""
    return math.inf if sign > 0 else -math.inf
