"""Transposed convolution: the transpose of a matrix, and Dumoulin and Visin's relationships."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convoracle import Tensor, conv, conv_gradient, conv_transpose, conv_transpose_gradient
from convoracle.transpose import relationship, spread_axes

EXACT = settings(max_examples=80, deadline=None, derandomize=True)
SMALL = list(product(range(1, 6), range(1, 6), range(1, 4)))  # size, kernel_size, stride


def axis(size, kernel, *, stride=1, padding=0, more=0, dilation=1):
    pads = padding if isinstance(padding, str) else ((padding, padding),)
    (found,) = spread_axes(
        (size,), (kernel,), stride=(stride,), padding=pads, output_padding=(more,),
        dilation=(dilation,),
    )  # fmt: skip
    return found


def array(op):
    return np.array(op.result().values).reshape(op.shape)


def tensor(numbers):
    return Tensor(numbers.shape, numbers.ravel().tolist())


def matrix(size, w, attributes):
    """Return the matrix of a 1-D convolution of `size` samples, column by column."""
    columns = []
    for i in range(size):
        one = np.zeros((1, 1, size))
        one[0, 0, i] = 1
        columns.append(array(conv(tensor(one), w, **attributes)).ravel())
    return np.array(columns).T


@EXACT
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.integers(0, 2),
    st.randoms(use_true_random=False),
)
def test_transpose_sum_is_the_product_with_the_transposed_matrix(sizes, pads, more, random):
    (size, kernel, stride), (before, after) = sizes, pads
    more = min(more, stride - 1)
    w = Tensor((1, 1, kernel), [float(random.randint(-5, 5)) for _ in range(kernel)])
    attributes = {"stride": (stride,), "dilation": (1,), "padding": ((before, after),)}
    x = np.array([float(random.randint(-5, 5)) for _ in range(size)])
    op = conv_transpose(tensor(x.reshape(1, 1, -1)), w, output_padding=(more,), **attributes)
    output = op.shape[2]
    forward = matrix(output, w, attributes)
    if output == 0 or forward.shape[0] != size:
        return  # padding took away what some window reads
    assert array(op).ravel().tolist() == (forward.T @ x).tolist()


def test_transpose_weight_has_the_channels_that_are_read_first():
    x = tensor(np.array([[[1.0], [2.0]]]))
    w = tensor(np.array([[[1.0], [10.0], [100.0]], [[3.0], [30.0], [300.0]]]))
    assert array(conv_transpose(x, w, stride=(1,), dilation=(1,))).ravel().tolist() == [7, 70, 700]


@pytest.mark.parametrize(("size", "kernel", "stride"), SMALL)
def test_transpose_count_is_the_size_that_the_relationships_8_to_14_give(size, kernel, stride):
    for padding, more in product(range(kernel), range(stride)):
        found = axis(size, kernel, stride=stride, padding=padding, more=more)
        name = relationship(found, size, more)
        sizes = {
            "transpose.unit": size + (kernel - 1),
            "transpose.unit_padded": size + (kernel - 1) - 2 * padding,
            "transpose.half": size,
            "transpose.full": size - (kernel - 1),
            "transpose.strided": stride * (size - 1) + kernel,
            "transpose.strided_padded": stride * (size - 1) + kernel - 2 * padding,
            "transpose.odd": stride * (size - 1) + more + kernel - 2 * padding,
        }
        assert found.size == max(0, sizes[name])


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("transpose.unit", axis(4, 3)),
        ("transpose.unit_padded", axis(5, 4, padding=2)),
        ("transpose.half", axis(5, 3, padding=1)),
        ("transpose.full", axis(7, 3, padding=2)),
        ("transpose.strided", axis(2, 3, stride=2)),
        ("transpose.strided_padded", axis(3, 3, stride=2, padding=1)),
    ],
)
def test_a_figure_of_the_guide_has_the_relationship_that_it_illustrates(label, found):
    assert (
        relationship(
            found, round((found.size + 2 * found.before - found.extent) / found.stride) + 1, 0
        )
        == label
    )


def test_the_figures_of_the_guide_have_its_sizes():
    # Dumoulin & Visin 2016, figures 4.1 to 4.7: the sizes of what comes out.
    assert axis(2, 3).size == 4
    assert axis(6, 4, padding=2).size == 5
    assert axis(5, 3, padding=1).size == 5
    assert axis(7, 3, padding=2).size == 5
    assert axis(2, 3, stride=2).size == 5
    assert axis(3, 3, stride=2, padding=1).size == 5
    assert axis(3, 3, stride=2, padding=1, more=1).size == 6


@pytest.mark.parametrize(("size", "kernel", "stride"), SMALL)
def test_transpose_same_gives_stride_elements_for_each_window(size, kernel, stride):
    for dilation, padding in product((1, 2), ("same", "same_upper", "same_lower")):
        found = axis(size, kernel, stride=stride, padding=padding, dilation=dilation)
        assert found.size == size * stride
        total = max(0, found.extent - stride)
        assert sorted((found.before, found.after)) == [total // 2, total - total // 2]
        assert (found.before > found.after) == (padding == "same_lower" and total % 2 == 1)


def test_transpose_valid_differs_by_choice_where_the_stride_is_past_the_extent():
    for size, kernel, stride in SMALL:
        sizes = [
            conv_transpose(
                tensor(np.ones((1, 1, size))), tensor(np.ones((1, 1, kernel))),
                stride=(stride,), dilation=(1,), choices={"transpose.valid": choice},
            ).shape[2]
            for choice in ("exact", "stride")
        ]  # fmt: skip
        assert sizes == [
            stride * (size - 1) + kernel,
            stride * size + max(kernel - stride, 0),
        ]


def test_output_padding_beside_same_counts_from_half_the_extent_by_choice():
    half = {"transpose.same_odd": "half"}
    for size, kernel, stride in SMALL:
        for more in range(1, stride):
            sizes = [
                conv_transpose(
                    tensor(np.ones((1, 1, size, size))), tensor(np.ones((1, 1, kernel, kernel))),
                    stride=(stride, stride), padding="same", output_padding=(more, 0),
                    dilation=(1, 1), choices=choices,
                ).shape[2:]
                for choices in ({}, half)
            ]  # fmt: skip
            other = stride * (size - 1) + kernel % 2
            assert sizes == [(size * stride + more, size * stride), (other + more, other)]


def test_half_the_extent_is_cropped_where_output_padding_stands_beside_same():
    x, w = tensor(np.ones((1, 1, 2))), tensor(np.array([[[1.0, 10, 100, 1000, 10000]]]))
    whole = array(conv_transpose(x, w, stride=(3,), dilation=(1,))).ravel()
    attributes = {"stride": (3,), "dilation": (1,), "choices": {"transpose.same_odd": "half"}}
    for padding, before in (("same", 1), ("same_upper", 1), ("same_lower", 2)):
        cut = conv_transpose(x, w, padding=padding, output_padding=(1,), **attributes)
        # 8 touched elements, (2 - 1) * 3 + 5 % 2 + 1 = 5 left: 3 are cropped
        assert array(cut).ravel().tolist() == whole[before : before + 5].tolist()


def test_transpose_full_is_the_convolution_by_the_turned_kernel():
    x, w = tensor(np.array([[[1.0, 2, 3, 4]]])), tensor(np.array([[[1.0, 10, 100]]]))
    got = conv_transpose(x, w, stride=(1,), padding="full", dilation=(1,))
    assert array(got).ravel().tolist() == np.convolve([1, 2, 3, 4], [1, 10, 100], "valid").tolist()


def test_output_padding_shows_what_padding_would_have_cropped():
    x, w = tensor(np.ones((1, 1, 2))), tensor(np.array([[[1.0, 10, 100]]]))
    whole = array(conv_transpose(x, w, stride=(2,), dilation=(1,))).ravel()
    attributes = {"stride": (2,), "padding": ((1, 1),), "dilation": (1,)}
    cut = array(conv_transpose(x, w, output_padding=(1,), **attributes)).ravel()
    assert cut.tolist() == whole[1:].tolist()


@EXACT
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.data())
def test_a_transposed_convolution_is_the_gradient_of_the_convolution(
    windows, kernel, stride, padding, data
):
    numbers = st.integers(-5, 5).map(float)
    size = stride * (windows - 1) + kernel - 2 * padding
    if size < 1:
        return
    w = Tensor((1, 1, kernel), data.draw(st.lists(numbers, min_size=kernel, max_size=kernel)))
    y = Tensor((1, 1, windows), data.draw(st.lists(numbers, min_size=windows, max_size=windows)))
    attributes = {"stride": (stride,), "padding": ((padding, padding),), "dilation": (1,)}
    x = Tensor((1, 1, size), [0.0] * size)
    spread = conv_transpose(y, w, **attributes)
    assert array(spread).tolist() == array(conv_gradient("x", x, w, y, **attributes)).tolist()
    back = conv_transpose_gradient("x", y, w, spread.result(), **attributes)
    assert array(back).tolist() == array(conv(spread.result(), w, **attributes)).tolist()
