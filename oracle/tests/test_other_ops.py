"""Padding modes, flips, holes, batch groups, unpooling, adaptive pools, unfold, complex numbers."""

from itertools import product
from math import ceil, floor, prod

import numpy as np
import pytest

from convformance.meaning import define, operation
from convformance.problem import Problem
from convoracle import CLAUSES, Tensor, conv, depthwise_conv, fold, separable_conv
from convoracle.adaptive import adaptive_window
from convoracle.axis import Axis, mirrored
from convoracle.depthwise import multiply_adds

RANDOM = np.random.default_rng(1)
NUMPY = {"reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap"}


def whole(*shape):
    return RANDOM.integers(-9, 10, shape).astype(float)


def answered(line, **arrays):
    problem = Problem.parse(line)
    op = operation(problem, {name: np.asarray(one) for name, one in arrays.items()})
    return np.array(op.result().values).reshape(op.shape)


@pytest.mark.parametrize("mode", NUMPY)
def test_padding_modes_are_those_of_numpy(mode):
    """[padding.mode] For every size and padding, also past the input: [padding.mode_limit]."""
    assert f"padding.{mode}" in CLAUSES
    for size, before, after in product(range(1, 5), range(7), range(7)):
        told = np.pad(np.arange(size), (before, after), mode=NUMPY[mode])
        found = [mirrored(i, size, mode) for i in range(-before, size + after)]
        assert found == told.tolist()


def test_a_hole_that_is_mirrored_stays_a_hole():
    axis = Axis(2, 1, before=2, after=0, input_dilation=2, mode="reflect")
    assert [axis.sample(i) for i in range(-2, 3)] == [1, None, 0, None, 1]


def test_conv_flip_is_the_convolution_of_numpy():
    for size, kernel in product(range(1, 6), range(1, 4)):
        x, w = whole(1, 1, size), whole(1, 1, kernel)
        line = f"conv x=1x1x{size} w=1x1x{kernel} padding=full flip float64"
        assert answered(line, x=x, w=w).ravel().tolist() == np.convolve(x[0, 0], w[0, 0]).tolist()


def test_conv_flip_turns_every_axis():
    x, w = whole(1, 1, 3, 4), whole(1, 1, 2, 3)
    line = "conv x=1x1x3x4 w=1x1x2x3 {}float64"
    turned = answered(line.format(""), x=x, w=w[:, :, ::-1, ::-1])
    assert answered(line.format("flip "), x=x, w=w).tolist() == turned.tolist()


def test_input_dilation_is_zeros_between_samples():
    x, w = whole(1, 2, 3, 2), whole(2, 2, 2, 2)
    wide = np.zeros((1, 2, 7, 3))
    wide[:, :, ::3, ::2] = x
    holes = answered(
        "conv x=1x2x3x2 w=2x2x2x2 stride=2x1 padding=1x0 input_dilation=3x2 float64", x=x, w=w
    )
    plain = answered("conv x=1x2x7x3 w=2x2x2x2 stride=2x1 padding=1x0 float64", x=wide, w=w)
    assert holes.tolist() == plain.tolist()


def test_batch_groups_are_convolutions_of_parts_side_by_side():
    x, w = whole(4, 2, 5), whole(6, 2, 2)
    got = answered("conv x=4x2x5 w=6x2x2 batch_groups=2 float64", x=x, w=w)
    parts = [
        answered("conv x=2x2x5 w=3x2x2 float64", x=x[:2], w=w[:3]),
        answered("conv x=2x2x5 w=3x2x2 float64", x=x[2:], w=w[3:]),
    ]
    assert got.tolist() == np.concatenate(parts, 1).tolist()


def test_padding_negative_is_a_shorter_input():
    x, w = whole(1, 1, 6, 5), whole(1, 1, 2, 2)
    got = answered("conv x=1x1x6x5 w=1x1x2x2 stride=2x1 padding=-1+-2x1+-1 float64", x=x, w=w)
    cut = answered(
        "conv x=1x1x3x4 w=1x1x2x2 stride=2x1 padding=0x1+0 float64", x=x[:, :, 1:4, :4], w=w
    )
    assert got.tolist() == cut.tolist()


def test_causal_padding_never_looks_ahead():
    x, w = whole(1, 1, 6), whole(1, 1, 3)
    line = "conv x=1x1x6 w=1x1x3 padding=causal dilation=2 float64"
    plain = answered(line, x=x, w=w)
    for i in range(6):
        other = x.copy()
        other[0, 0, i] += 1
        assert (answered(line, x=other, w=w) == plain)[0, 0, :i].all()


def test_depthwise_sum_is_a_convolution_with_as_many_groups_as_channels():
    """[depthwise.weight] The weight seen as (C * multiplier, 1, *kernel)."""
    x, w = whole(2, 3, 4, 4), whole(3, 2, 2, 3)
    got = answered("depthwise_conv x=2x3x4x4 w=3x2x2x3 padding=1x0 float64", x=x, w=w)
    line = "conv x=2x3x4x4 w=6x1x2x3 padding=1x0 groups=3 float64"
    assert got.tolist() == answered(line, x=x, w=w.reshape(6, 1, 2, 3)).tolist()


def test_separable_sum_is_one_convolution_with_the_product_of_the_kernels():
    """[separable.weight] pointwise (M, C * multiplier)."""
    x, w, p = whole(1, 2, 5), whole(2, 3, 2), whole(4, 6)
    got = answered("separable_conv x=1x2x5 w=2x3x2 pointwise=4x6 float64", x=x, w=w, pointwise=p)
    product_kernel = np.einsum("mcq,cqk->mck", p.reshape(4, 2, 3), w)
    assert got.tolist() == answered("conv x=1x2x5 w=4x2x2 float64", x=x, w=product_kernel).tolist()


def multiplications(op):
    return sum(len(op.terms(place)) for place in np.ndindex(*op.shape))


@pytest.mark.parametrize(("C", "M", "kernel"), [(2, 3, (2,)), (3, 4, (3, 2)), (1, 5, (3, 3))])
def test_separable_cost_is_one_over_m_plus_one_over_the_taps(C, M, kernel):
    """Counted: the terms of the depthwise step and of one 1x1 convolution on its output."""
    spatial = tuple(k + 2 for k in kernel)
    x = Tensor((1, C, *spatial), [1.0] * (C * prod(spatial)))
    w = Tensor((C, 1, *kernel), [1.0] * (C * prod(kernel)))
    ones = {"stride": (1,) * len(kernel), "dilation": (1,) * len(kernel)}
    depthwise = depthwise_conv(x, w, **ones)
    full = conv(x, Tensor((M, C, *kernel), [1.0] * (M * C * prod(kernel))), **ones)
    second = M * C * prod(depthwise.shape[2:])
    separable, whole_cost = multiply_adds(depthwise.shape[2:], kernel, C, M)
    assert separable == multiplications(depthwise) + second
    assert whole_cost == multiplications(full)
    assert separable * M * prod(kernel) == whole_cost * (prod(kernel) + M)
    rows = Tensor((M, C), [1.0] * (M * C))
    assert separable_conv(x, w, rows, **ones).shape == full.shape


def test_mobilenet_saves_what_its_paper_says():
    # Howard et al. 2017, section 3.1: 3x3 kernels take between 8 and 9 times less.
    separable, full = multiply_adds((14, 14), (3, 3), 512, 512)
    assert 8 < full / separable < 9


def test_unpool_value_undoes_a_pool_whose_windows_do_not_overlap():
    x = whole(2, 3, 6, 4)
    pool = Problem.parse("max_pool x=2x3x6x4 kernel=2x2 stride=2x2 indices float64")
    op = operation(pool, {"x": x})
    y, indices = (np.array(one.values).reshape(op.shape) for one in (op.result(), op.indices()))
    line = "max_unpool x=2x3x3x2 kernel=2x2 stride=2x2 float64"
    back = answered(line, x=y, indices=indices)
    again = operation(pool, {"x": np.where(back == 0, -99.0, back)})
    assert np.array(again.result().values).tolist() == np.where(y == 0, -99.0, y).ravel().tolist()
    assert (back != 0).sum() == (y != 0).sum()


@pytest.mark.parametrize(("how", "told"), [("last", 8.0), ("first", 7.0), ("sum", 15.0)])
def test_unpool_overlap_keeps_one_value_or_their_sum(how, told):
    problem = Problem.parse("max_unpool x=1x1x2 kernel=2 float32")
    inputs = {"x": Tensor((1, 1, 2), [7.0, 8.0]), "indices": Tensor((1, 1, 2), [1, 1])}
    assert define(problem, inputs, {"unpool.overlap": how}).result().values == [0.0, told, 0.0]


def test_adaptive_window_covers_every_sample_from_floor_to_ceiling():
    for size, output in product(range(1, 12), range(1, 12)):
        found = [adaptive_window(size, output, o) for o in range(output)]
        assert {i for one in found for i in one} == set(range(size))
        for o, one in enumerate(found):
            exact = floor(o * size / output), ceil((o + 1) * size / output)
            assert (one.start, one.stop) == exact
            assert len(one) >= 1


def test_adaptive_output_of_the_size_of_the_input_changes_nothing():
    x = whole(1, 2, 4, 3)
    for op in ("adaptive_max_pool", "adaptive_avg_pool"):
        assert answered(f"{op} x=1x2x4x3 output=4x3 float64", x=x).tolist() == x.tolist()


def test_global_window_is_the_whole_plane():
    x = whole(2, 3, 4, 2)
    top = answered("global_max_pool x=2x3x4x2 float64", x=x)
    mean = answered("global_avg_pool x=2x3x4x2 float64", x=x)
    assert top.tolist() == x.max((2, 3), keepdims=True).tolist()
    assert mean.tolist() == x.mean((2, 3), keepdims=True).tolist()


def test_unfold_order_makes_a_convolution_a_matrix_product():
    x, w = whole(2, 2, 5, 4), whole(3, 2, 2, 3)
    attributes = "stride=2x1 padding=1x0 dilation=1x1 float64".replace(" dilation=1x1", "")
    columns = answered(f"unfold x=2x2x5x4 kernel=2x3 {attributes}", x=x)
    y = answered(f"conv x=2x2x5x4 w=3x2x2x3 {attributes}", x=x, w=w)
    assert (w.reshape(3, -1) @ columns).reshape(y.shape).tolist() == y.tolist()


def test_fold_sum_is_the_adjoint_of_unfold_and_counts_its_readers():
    """[fold.columns] As many columns as unfold gives."""
    x = whole(1, 2, 5, 4)
    columns = answered("unfold x=1x2x5x4 kernel=2x3 stride=2x1 padding=1x0 float64", x=x)
    other = whole(*columns.shape)
    line = f"fold x=1x12x{columns.shape[2]} kernel=2x3 stride=2x1 padding=1x0 output=5x4 float64"
    assert (columns * other).sum() == (x * answered(line, x=other)).sum()
    ones = answered(line, x=np.ones_like(columns))
    reading = answered(
        "unfold x=1x2x5x4 kernel=2x3 stride=2x1 padding=1x0 float64", x=np.ones_like(x)
    )
    assert ones.sum() == reading.sum()


@pytest.mark.parametrize(
    "line", ["conv x=2x2x4 w=4x1x2 groups=2 bias {}", "conv1x1 x=1x2x3 w=2x2 bias {}",
             "conv_transpose x=1x2x3 w=2x2x2 stride=2 bias {}"],
)  # fmt: skip
def test_value_complex_is_python_s_complex_arithmetic(line):
    problem = Problem.parse(line.format("complex128"))
    real = Problem.parse(line.format("float64"))
    shapes = {"x": problem.x, "w": problem.w, "bias": (operation_channels(problem),)}
    arrays = {name: whole(*shape) + 1j * whole(*shape) for name, shape in shapes.items()}
    op = operation(problem, arrays)
    parts = np.array(op.result().values).reshape(*op.shape)
    got = parts[..., 0] + 1j * parts[..., 1]

    # A complex product by four real problems, put together here and not by the oracle.
    def ask(x, w, bias):
        found = operation(real, {"x": x, "w": w, "bias": bias})
        return np.array(found.result().values).reshape(found.shape)

    x, w, bias = arrays["x"], arrays["w"], arrays["bias"]
    none = np.zeros_like(bias.real)
    told = ask(x.real, w.real, bias.real) - ask(x.imag, w.imag, none)
    told = told + 1j * (ask(x.real, w.imag, bias.imag) + ask(x.imag, w.real, none))
    assert got.tolist() == told.tolist()
    if line.startswith("conv1x1"):
        assert got.tolist() == (w @ x + bias[:, None]).tolist()


def operation_channels(problem):
    return problem.w[1] if problem.op == "conv_transpose" else problem.w[0]


def test_value_unsigned_wraps_at_two_to_the_bits():
    x, w = np.array([[[200, 100, 56]]], "uint8"), np.array([[[1, 1]]], "uint8")
    assert answered("conv x=1x1x3 w=1x1x2 uint8", x=x, w=w).ravel().tolist() == [44, 156]


def test_conv_output_dtype_holds_the_whole_sum():
    x = w = np.array([[[127, 127]]], "int8")
    got = answered("conv x=1x1x2 w=1x1x2 output_dtype=int32 int8", x=x, w=w)
    assert got.ravel().tolist() == [2 * 127 * 127]


def test_problem_layout_and_problem_unbatched_do_not_change_the_meaning():
    x, w = whole(1, 2, 4), whole(1, 2, 2)
    plain = answered("conv x=1x2x4 w=1x2x2 float64", x=x, w=w)
    for form in ("unbatched", "layout=channels_last", "memory=reversed"):
        assert answered(f"conv x=1x2x4 w=1x2x2 {form} float64", x=x, w=w).tolist() == plain.tolist()


def test_fold_sum_of_an_output_of_no_size_is_nothing():
    x = Tensor((1, 2, 0), [])
    op = fold(x, [0], [2], stride=[1], dilation=[1])
    assert (op.shape, op.result().values) == ((1, 1, 0), [])
