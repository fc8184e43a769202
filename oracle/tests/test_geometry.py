"""[window.count] [window.extent] [window.tap] The axis beside windows counted one by one."""

from itertools import product

import pytest

from convoracle import Axis, InvalidProblem, same_padding, slide

SIZES, KERNELS, STRIDES, DILATIONS, SIDES = (
    range(7),
    range(1, 5),
    range(1, 5),
    range(1, 4),
    range(4),
)


def axes(ceil_mode=False):
    for size, kernel, stride, dilation in product(SIZES, KERNELS, STRIDES, DILATIONS):
        for before, after in product(SIDES, SIDES):
            yield Axis(size, kernel, stride, dilation, before, after, ceil_mode)


def taps(axis, o):
    """Return where the taps of window o lie in the padded input, whose first position is 0."""
    return [o * axis.stride + k * axis.dilation for k in range(axis.kernel_size)]


def whole_windows(axis):
    """Count the windows whose taps all lie in the padded input, one after the other."""
    padded = ["padding"] * axis.before + ["sample"] * axis.size + ["padding"] * axis.after
    o = 0
    while all(tap < len(padded) for tap in taps(axis, o)):
        o += 1
    return o


def test_extent_is_the_distance_of_the_outer_taps_and_one():
    for axis in axes():
        assert axis.extent == max(taps(axis, 0)) - min(taps(axis, 0)) + 1


def test_count_is_the_number_of_windows_that_fit_the_padded_input():
    for axis in axes():
        assert axis.count == whole_windows(axis), axis


def test_position_counts_from_the_first_sample():
    for axis in axes():
        for o in range(axis.count):
            positions = [axis.position(o, k) for k in range(axis.kernel_size)]
            assert positions == [tap - axis.before for tap in taps(axis, o)]


def test_without_ceil_mode_no_tap_leaves_the_padded_input():
    for axis in axes():
        for o, k in product(range(axis.count), range(axis.kernel_size)):
            assert axis.pads(axis.position(o, k))


def test_what_an_axis_holds_it_also_pads():
    axis = Axis(3, 1, before=1, after=2)
    assert [i for i in range(-5, 9) if axis.holds(i)] == [0, 1, 2]
    assert [i for i in range(-5, 9) if axis.pads(i)] == [-1, 0, 1, 2, 3, 4]


def test_window_ceil_rounds_up_and_then_drops_a_window_that_starts_in_the_after_padding():
    """The rule as PyTorch documents it, for every room at which a window is left."""
    for axis in axes(ceil_mode=True):
        count = -(-axis.room // axis.stride) + 1
        if count > 0 and (count - 1) * axis.stride >= axis.before + axis.size:
            count -= 1
        # A window that ceil drops, floor may still have had: with much padding behind.
        assert axis.count == max(count, whole_windows(axis)), axis


def test_last_ceil_window_never_starts_in_the_after_padding_unless_it_fits():
    for axis in axes(ceil_mode=True):
        if axis.count > whole_windows(axis):
            assert axis.count == whole_windows(axis) + 1
            assert (axis.count - 1) * axis.stride < axis.before + axis.size


def test_ceil_mode_never_leaves_a_sample_behind_at_strides_within_the_kernel():
    for axis in axes(ceil_mode=True):
        if axis.stride > axis.kernel_size or axis.dilation > 1 or not axis.count:
            continue
        seen = {axis.position(o, k) for o in range(axis.count) for k in range(axis.kernel_size)}
        assert set(range(axis.size)) <= seen, axis


def test_window_ceil_changes_nothing_where_the_room_is_a_multiple_of_the_stride():
    for axis in axes():
        if axis.room % axis.stride == 0:
            kept = Axis(
                axis.size, axis.kernel_size, axis.stride, axis.dilation,
                axis.before, axis.after, ceil_mode=True,
            )  # fmt: skip
            assert kept.count == axis.count


def test_window_none_an_axis_shorter_than_the_extent_has_no_window():
    for axis in axes():
        if axis.room < 0:
            assert axis.count == 0


def test_negative_room_gives_ceil_mode_one_window_if_it_is_less_than_a_stride():
    assert [Axis(2, 3, stride, ceil_mode=True).count for stride in (1, 2, 3)] == [0, 1, 1]
    assert [Axis(1, 3, stride, ceil_mode=True).count for stride in (1, 2, 3)] == [0, 0, 1]
    assert Axis(0, 3, 4, ceil_mode=True).count == 0  # it would start behind the last sample


@pytest.mark.parametrize("side", ["same", "same_upper", "same_lower"])
def test_padding_same_gives_ceil_windows_with_the_least_padding(side):
    for size, kernel, stride, dilation in product(range(1, 12), KERNELS, STRIDES, DILATIONS):
        extent = Axis(size, kernel, stride, dilation).extent
        before, after = same_padding(size, extent, stride, side)
        wanted = len(range(0, size, stride))
        assert Axis(size, kernel, stride, dilation, before, after).count >= wanted
        total = before + after
        assert total == least_padding(size, kernel, stride, dilation, wanted)


def least_padding(size, kernel, stride, dilation, wanted):
    total = 0
    while Axis(size, kernel, stride, dilation, 0, total).count < wanted:
        total += 1
    return total


def test_same_padding_never_makes_more_windows_than_ceil():
    for size, kernel, stride, dilation in product(SIZES, KERNELS, STRIDES, DILATIONS):
        (axis,) = slide(
            [size], [kernel], stride=[stride], padding="same_upper", dilation=[dilation]
        )
        assert axis.count == len(range(0, size, stride)), axis


def test_padding_same_side_upper_puts_the_odd_sample_after_and_lower_before():
    for size, extent, stride in product(SIZES, range(1, 9), STRIDES):
        upper = same_padding(size, extent, stride, "same_upper")
        lower = same_padding(size, extent, stride, "same_lower")
        assert upper == lower[::-1]
        assert upper[1] - upper[0] in (0, 1)
        assert same_padding(size, extent, stride, "same") == upper


def test_resnet_stem_is_padded_2_and_3_or_3_and_2():
    assert same_padding(224, 7, 2, "same_upper") == (2, 3)
    assert same_padding(224, 7, 2, "same_lower") == (3, 2)


def test_padding_valid_is_no_padding_and_padding_explicit_is_taken_as_it_is():
    sizes, ones = [5, 6], [1, 1]
    plain = slide(sizes, [2, 3], stride=ones, padding="valid", dilation=ones)
    assert [(axis.before, axis.after, axis.count) for axis in plain] == [(0, 0, 4), (0, 0, 4)]
    padded = slide(sizes, [2, 3], stride=ones, padding=[(0, 1), (2, 9)], dilation=ones)
    assert [(axis.before, axis.after, axis.count) for axis in padded] == [(0, 1, 5), (2, 9, 15)]


def test_padding_limit_more_padding_than_half_the_extent_is_padding_like_any():
    (axis,) = slide([1], [2], stride=[1], padding=[(5, 5)], dilation=[1])
    assert axis.count == 10


def test_each_axis_takes_its_own_entries():
    first, second = slide([9, 9], [2, 3], stride=[1, 2], padding="same_lower", dilation=[3, 1])
    assert (first.stride, first.dilation, first.before, first.after) == (1, 3, 2, 1)
    assert (second.stride, second.dilation, second.before, second.after) == (2, 1, 1, 1)


@pytest.mark.parametrize("word", ["", "both", "half", "zero"])
def test_a_padding_word_that_is_no_padding_is_no_invalid_problem_but_a_mistake(word):
    with pytest.raises(ValueError, match=f"'{word}' is none of valid") as caught:
        slide([3], [1], stride=[1], padding=word, dilation=[1])
    assert not isinstance(caught.value, InvalidProblem)
