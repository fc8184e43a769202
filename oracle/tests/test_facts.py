"""Single facts that no table and no law states: the smallest numbers that show them."""

import dataclasses
import importlib
import pkgutil

import pytest

import convoracle
from convoracle import Tensor, conv, in_parts
from convoracle.tensor import flat_index

ONE = {"stride": [1], "dilation": [1]}


def records():
    """Return every dataclass of the oracle."""
    names = [one.name for one in pkgutil.iter_modules(convoracle.__path__, "convoracle.")]
    found = [vars(importlib.import_module(name)).values() for name in names]
    return sorted(
        {one for some in found for one in some if dataclasses.is_dataclass(one)}, key=repr
    )


@pytest.mark.parametrize("record", records())
def test_no_record_can_be_changed(record):
    assert record.__dataclass_params__.frozen


# Complex numbers


def complex_row(*numbers):
    return Tensor(
        (1, 1, len(numbers), 2), [part for one in numbers for part in (one.real, one.imag)]
    )


def complex_conv(x, w, choices=None):
    def real(x, w, bias):
        return conv(x, w, bias, **ONE, choices=choices)

    return in_parts(real, x, w, None, dtype="complex64", choices=choices)


def test_the_magnitude_of_a_complex_element_counts_all_four_products():
    op = complex_conv(complex_row(1 + 2j, 10 + 20j), complex_row(3 - 4j))
    # 1 * 3, 2 * 4, 1 * 4 and 2 * 3, for the real part and for the imaginary one
    assert [op.magnitude((0, 0, 0, part)) for part in (0, 1)] == [21, 21]
    assert [op.magnitude((0, 0, 1, part)) for part in (0, 1)] == [210, 210]


def test_the_magnitude_of_a_real_element_is_that_of_its_terms():
    op = conv(Tensor((1, 1, 2), [1.0, -2.0]), Tensor((1, 1, 2), [3.0, 4.0]), **ONE)
    assert (op.exact((0, 0, 0)), op.magnitude((0, 0, 0))) == (-5, 11)


def test_a_part_of_a_complex_result_is_flushed_by_choice():
    x, w = complex_row(2.0**-100 + 0j), complex_row(2.0**-40 + 1j)
    kept = complex_conv(x, w).result().values
    flushed = complex_conv(x, w, {"value.subnormal": "flush"}).result().values
    assert (kept, flushed) == ([2.0**-140, 2.0**-100], [0.0, 2.0**-100])


# Arrays


def test_a_tensor_holds_no_more_values_than_its_shape():
    with pytest.raises(ValueError, match=r"3 values do not fill the shape \(2,\)"):
        Tensor((2,), [1, 2, 3])


def test_rows_of_unequal_length_are_no_tensor():
    with pytest.raises(ValueError, match=r"3 values do not fill the shape \(2, 2\)"):
        Tensor.of([[1, 2], [3]])


def test_a_position_has_an_entry_for_every_axis():
    assert flat_index((1, 2), (3, 4)) == 6
    with pytest.raises(ValueError, match="longer"):
        flat_index((1,), (3, 4))
