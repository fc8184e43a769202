"""What the specification gives no meaning to is refused with its clause and the numbers."""

import pickle

import pytest

from convformance.expect import broken_clause
from convformance.problem import Problem
from convoracle import (
    CLAUSES,
    InvalidProblem,
    Tensor,
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    avg_pool_gradient,
    conv,
    conv1x1,
    conv_gradient,
    conv_transpose,
    conv_transpose_gradient,
    depthwise_conv,
    distance_pool,
    fold,
    lp_pool,
    lp_pool_gradient,
    max_pool,
    max_pool_gradient,
    max_unpool,
    separable_conv,
    unfold,
)

STEPS = {"stride": [1], "dilation": [1]}
REFUSED = {
    "max_pool x=2x3 kernel=1 float32": ("problem.rank", "(2, 3)"),
    "conv x=2x3 w=3x3 float32": ("problem.rank", "(2, 3)"),
    "depthwise_conv x=2x3 w=3x1 float32": ("problem.rank", "(2, 3) is not"),
    "conv_transpose x=2x3 w=3x1 float32": ("problem.rank", "(2, 3) is not"),
    "conv1x1 x=2x3 w=4x3 float32": ("problem.rank", "(2, 3)"),
    "max_pool x=1x1x4x4 kernel=2x2x2 float32": ("problem.axes", "3 entries for 2 spatial axes"),
    "max_pool x=1x1x4x4 kernel=2 stride=1x2x3 float32": ("problem.axes", "stride has 3 entries"),
    "conv x=1x1x4 w=1x1x2 dilation=1x2 float32": ("problem.axes", "dilation has 2 entries"),
    "conv x=1x1x4x4 w=1x1x2x2 padding=1x2x3 float32": ("problem.axes", "padding has 3 pairs"),
    "lp_pool x=1x1x4 kernel=2 p=2 int8": ("problem.float", "lp_pool has no meaning for int8"),
    "distance_pool x=1x1x4 kernel=2 int64": ("problem.float", "no meaning for int64"),
    "max_pool x=1x1x4x4 kernel=2x0 float32": ("window.kernel", "kernel size 0 on spatial axis 1"),
    "conv x=1x1x4 w=1x1x0 float32": ("window.kernel", "kernel size 0 on spatial axis 0"),
    "avg_pool x=1x1x4 kernel=2 stride=0 float32": ("window.stride", "stride 0 on spatial axis 0"),
    "conv x=1x1x4 w=1x1x2 stride=-1 float32": ("window.stride", "stride -1"),
    "conv x=1x1x4x4 w=1x1x2x2 dilation=1x0 float32": (
        "window.dilation",
        "dilation 0 on spatial axis 1",
    ),
    "max_pool x=1x1x4 kernel=2 grad=x int32": ("problem.float", "gradient of max_pool has no"),
    "conv x=1x1x4 w=1x1x2 grad=x complex64": ("problem.float", "no meaning for complex64"),
    "conv x=1x1x4 w=1x1x2 input_dilation=0 float32": ("window.input_dilation", "dilation 0 on"),
    "conv x=1x1x0 w=1x1x2 padding=2 padding_mode=reflect float32": (
        "padding.mode",
        "spatial axis 0, which has no sample",
    ),
    "conv x=3x1x4 w=2x1x2 batch_groups=2 float32": ("conv.batch_groups", "the batch 3"),
    "conv x=2x1x4 w=3x1x2 batch_groups=2 float32": ("conv.batch_groups", "channels 3"),
    "conv x=1x1x4 w=1x1x2 output_dtype=float16 float32": ("conv.output_dtype", "float16 does not"),
    "conv_transpose x=1x3x4 w=2x1x2 float32": ("transpose.weight", "for 2 input channels, there"),
    "conv_transpose x=1x3x4 w=3x1x2x2 float32": ("transpose.weight", "4 axes for an input of 3"),
    "conv_transpose x=1x3x4 w=3x1x2 groups=2 float32": ("conv.groups", "3 input channels cannot"),
    "conv_transpose x=1x1x4 w=1x1x2 stride=2 output_padding=2 float32": (
        "transpose.output_padding",
        "is not in 0 ... 1 (stride 2, dilation 1)",
    ),
    "conv_transpose x=1x1x4 w=1x1x2 output_padding=-1 float32": (
        "transpose.output_padding",
        "output padding -1",
    ),
    "depthwise_conv x=1x2x4 w=3x1x2 float32": ("depthwise.weight", "with C=2"),
    "depthwise_conv x=1x2x4 w=1x1x2 float32": ("depthwise.weight", "with C=2"),
    "depthwise_conv x=1x2x4 w=2x1 float32": ("depthwise.weight", "(2, 1) is not"),
    "depthwise_conv x=1x2x4 w=2x1x2x2 float32": ("depthwise.weight", "(2, 1, 2, 2) is not"),
    "separable_conv x=1x2x4 w=2x2x2 pointwise=4 float32": ("separable.weight", "(4,) is not"),
    "separable_conv x=1x2x4 w=2x2x2 pointwise=1x4x1 float32": ("separable.weight", "(1, 4, 1)"),
    "separable_conv x=1x2x4 w=2x2x2 pointwise=1x6 float32": ("separable.weight", "with 4"),
    "separable_conv x=1x2x4 w=2x2x2 pointwise=1x2 float32": ("separable.weight", "with 4"),
    "max_unpool x=2x3 kernel=1 float32": ("problem.rank", "(2, 3) is not (N, C, *spatial)"),
    "max_unpool x=1x1x4 kernel=2 stride=2 output=11 float32": ("unpool.output", "gives (5,)"),
    "max_unpool x=1x1x4 kernel=2 stride=2 output=5 float32": ("unpool.output", "gives (2,)"),
    "adaptive_avg_pool x=1x1x4 output=0 float32": ("adaptive.output", "output size 0 on"),
    "adaptive_max_pool x=1x1x4x4 output=1x2x3 float32": ("problem.axes", "output has 3 entries"),
    "global_avg_pool x=2x3 float32": ("problem.rank", "(2, 3)"),
    "unfold x=2x3 kernel=2 float32": ("problem.rank", "(2, 3)"),
    "max_unpool x=1x4x0 kernel=2 output=-1 float32": ("unpool.output", "(-1,) has a negative"),
    "fold x=1x4x0 kernel=2 output=-1 float32": ("fold.columns", "(-1,) has a negative size"),
    "fold x=1x3x4 kernel=2 output=5 float32": ("fold.columns", "(N, C * 2 taps, 4 windows)"),
    "fold x=1x2x3 kernel=2 output=5 float32": ("fold.columns", "(1, 2, 3) is not"),
    "fold x=1x2 kernel=2 output=5 float32": ("fold.columns", "(1, 2) is not"),
    "fold x=1x2x4x1 kernel=2 output=5 float32": ("fold.columns", "(1, 2, 4, 1) is not"),
    "conv x=1x3x4 w=1x2x2 float32": ("conv.weight", "reads 2 channels, each group has 3"),
    "conv x=1x1x4x4 w=1x1x2 float32": ("conv.weight", "3 axes for an input of 4"),
    "conv x=1x3x4 w=2x1x2 groups=2 float32": (
        "conv.groups",
        "3 input channels cannot be split into 2",
    ),
    "conv x=1x4x4 w=3x2x2 groups=2 float32": (
        "conv.groups",
        "3 output channels cannot be split into 2",
    ),
    "conv x=1x4x4 w=4x4x2 groups=0 float32": ("conv.groups", "groups=0 is less than 1"),
    "conv1x1 x=1x3x4 w=2x4 float32": ("conv1x1.weight", "(2, 4) is not (M, C) with C=3"),
    "conv1x1 x=1x3x4 w=2x2 float32": ("conv1x1.weight", "(2, 2) is not (M, C) with C=3"),
    "conv1x1 x=1x3x4 w=3 float32": ("conv1x1.weight", "(3,) is not (M, C)"),
    "conv x=1x1x4 w=1x1x2x2 float32": ("conv.weight", "4 axes for an input of 3"),
    "conv x=2x1x4 w=2x1x2 batch_groups=0 float32": ("conv.batch_groups", "batch_groups=0"),
    "conv_transpose x=1x1x4 w=1x1x2 stride=2 output_padding=5 float32": (
        "transpose.output_padding",
        "output padding 5 on spatial axis 0 is not in 0 ... 1",
    ),
    "conv_transpose x=1x3x4 w=3x1x2 groups=0 float32": ("conv.groups", "into 0 groups"),
    "conv_transpose x=1x3x4x4 w=3x1x2 float32": ("transpose.weight", "3 axes for an input of 4"),
    "conv_transpose x=1x3x4 w=4x1x2 float32": ("transpose.weight", "for 4 input channels, there"),
    "conv_transpose x=1x1x4 w=1x1x2 stride=4 output_padding=4 float32": (
        "transpose.output_padding",
        "is not in 0 ... 3 (stride 4, dilation 1)",
    ),
    "conv1x1 x=1x3x4 w=2x3x1 float32": ("conv1x1.weight", "(2, 3, 1)"),
    "lp_pool x=1x1x4 kernel=2 p=0 float32": ("lp.p", "p=0"),
    "lp_pool x=1x1x4 kernel=2 p=-2 float32": ("lp.p", "p=-2"),
}


@pytest.mark.parametrize("line", REFUSED)
def test_the_refusal_names_the_clause_and_the_numbers(line):
    label, words = REFUSED[line]
    error = broken_clause(Problem.parse(line))
    assert error is not None
    assert error.label == label
    assert str(error).startswith(f"[{label}] ")
    assert words in error.message


def test_a_refused_weight_names_the_groups_that_it_would_fit():
    for line in ("conv x=1x4x4 w=4x1x2 float32", "conv x=1x4x4 w=4x1x2 groups=2 float32"):
        assert "fits groups=4" in broken_clause(Problem.parse(line)).message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "conv x=1x4x9 w=4x2x2",
            "weight (4, 2, 2) reads 2 channels, each group has 4"
            "; a weight that reads 2 channels fits groups=2",
        ),
        (
            "conv x=1x4x9 w=2x4x3 groups=2",
            "weight (2, 4, 3) reads 4 channels, each group has 2"
            "; a weight that reads 4 channels fits groups=1",
        ),
        ("conv x=1x4x9 w=2x3x2 groups=2", "weight (2, 3, 2) reads 3 channels, each group has 2"),
        ("conv x=1x4x9 w=2x1x3", "weight (2, 1, 3) reads 1 channels, each group has 4"),
        ("conv x=1x3x9 w=2x0x3", "weight (2, 0, 3) reads 0 channels, each group has 3"),
    ],
)
def test_a_refused_weight_says_what_it_reads_and_what_it_would_fit_if_anything(line, told):
    assert broken_clause(Problem.parse(f"{line} float32")).message == told


def test_a_bias_of_another_length_is_refused():
    x, w = Tensor.of([[[1.0, 2.0]]]), Tensor.of([[[1.0]]])
    with pytest.raises(InvalidProblem, match=r"^\[conv\.bias\] bias \(2,\) is not \(1,\)$"):
        conv(x, w, Tensor.of([1.0, 2.0]), stride=[1], dilation=[1])
    with pytest.raises(InvalidProblem, match=r"^\[conv\.bias\] "):
        conv1x1(x, Tensor.of([[1.0]]), Tensor.of([1.0, 2.0]))
    with pytest.raises(InvalidProblem, match=r"^\[conv\.bias\] bias \(1,\) is not \(2,\)$"):
        conv1x1(x, Tensor.of([[1.0], [2.0]]), Tensor.of([1.0]))


def test_a_fractional_exponent_is_refused():
    with pytest.raises(InvalidProblem, match=r"^\[lp\.p\] p=1\.5 is neither"):
        lp_pool(Tensor.of([[[1.0]]]), [1], p=1.5, stride=[1], dilation=[1])


ONE = Tensor.of([[[1.0]]])


def test_a_padding_mode_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(ValueError, match=r"^padding mode 'mirror' is none of zeros, reflect, "):
        conv(ONE, ONE, stride=[1], dilation=[1], padding_mode="mirror")


WITH_CHOICES = {
    "adaptive_avg_pool": lambda **more: adaptive_avg_pool(ONE, [1], **more),
    "adaptive_max_pool": lambda **more: adaptive_max_pool(ONE, [1], **more),
    "avg_pool": lambda **more: avg_pool(ONE, [1], **STEPS, **more),
    "avg_pool_gradient": lambda **more: avg_pool_gradient(ONE, ONE, [1], **STEPS, **more),
    "conv": lambda **more: conv(ONE, ONE, **STEPS, **more),
    "conv1x1": lambda **more: conv1x1(ONE, Tensor.of([[1.0]]), **more),
    "conv_gradient": lambda **more: conv_gradient("x", ONE, ONE, ONE, **STEPS, **more),
    "conv_transpose": lambda **more: conv_transpose(ONE, ONE, **STEPS, **more),
    "conv_transpose_gradient": lambda **more: conv_transpose_gradient(
        "x", ONE, ONE, ONE, **STEPS, **more
    ),
    "depthwise_conv": lambda **more: depthwise_conv(ONE, ONE, **STEPS, **more),
    "separable_conv": lambda **more: separable_conv(ONE, ONE, Tensor.of([[1.0]]), **STEPS, **more),
    "distance_pool": lambda **more: distance_pool(ONE, Tensor.of([1.0]), **STEPS, **more),
    "fold": lambda **more: fold(ONE, [1], [1], **STEPS, **more),
    "lp_pool": lambda **more: lp_pool(ONE, [1], **STEPS, **more),
    "lp_pool_gradient": lambda **more: lp_pool_gradient(ONE, ONE, [1], **STEPS, **more),
    "max_pool": lambda **more: max_pool(ONE, [1], **STEPS, **more),
    "max_pool_gradient": lambda **more: max_pool_gradient(ONE, ONE, [1], **STEPS, **more),
    "max_unpool": lambda **more: max_unpool(ONE, Tensor.of([[[0]]]), [1], stride=[1], **more),
    "unfold": lambda **more: unfold(ONE, [1], **STEPS, **more),
}


@pytest.mark.parametrize("call", WITH_CHOICES.values(), ids=WITH_CHOICES)
def test_a_choice_that_does_not_exist_is_told_with_those_that_do(call):
    call(choices={"padding.product": "skip"})
    with pytest.raises(ValueError, match=r"^'padding.same' is no variant point: window.none, "):
        call(choices={"padding.same": "upper"})
    with pytest.raises(ValueError, match=r"^\[padding.product\] has no choice 'ignore': .*skip"):
        call(choices={"padding.product": "ignore"})


def test_one_entry_stands_for_every_axis_only_in_a_problem_line():
    with pytest.raises(InvalidProblem, match=r"^\[problem\.axes\] kernel_size has 1 entries for 2"):
        avg_pool(Tensor.of([[[[1.0]]]]), [1], stride=[1, 1], dilation=[1, 1])


def test_every_label_of_a_refusal_is_a_clause_and_has_no_choices_but_for_smaller_limits():
    for label, _ in REFUSED.values():
        assert CLAUSES[label].choices == () or label == "transpose.output_padding"


def test_grad_shape_is_that_of_the_output():
    x, w, dy = Tensor.of([[[1.0, 2.0]]]), Tensor.of([[[1.0]]]), Tensor.of([[[1.0]]])
    with pytest.raises(InvalidProblem, match=r"^\[grad\.shape\] .*\(1, 1, 1\).*\(1, 1, 2\)"):
        conv_gradient("x", x, w, dy, stride=[1], dilation=[1])
    longer = Tensor.of([[[1.0, 2.0, 3.0]]])
    with pytest.raises(InvalidProblem, match=r"^\[grad\.shape\] .*\(1, 1, 3\).*\(1, 1, 2\)"):
        conv_gradient("x", x, w, longer, stride=[1], dilation=[1])


def test_a_refusal_survives_pickling():
    error = InvalidProblem("conv.groups", "3 of 2")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.label, copy.message, str(copy)) == (
        "conv.groups",
        "3 of 2",
        "[conv.groups] 3 of 2",
    )


def test_values_that_do_not_fill_the_shape_are_no_tensor():
    with pytest.raises(ValueError, match=r"3 values do not fill the shape \(2, 2\)"):
        Tensor((2, 2), [1, 2, 3])
