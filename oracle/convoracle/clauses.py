"""The clauses of the specification, by label; docs/spec.md tells each at length.

A clause whose `choices` is not empty is a variant point: respected frameworks differ there
on purpose, and the first choice is the standard one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Clause:
    """One rule: its label, its sentence, and the named choices of a variant point."""

    label: str
    sentence: str
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def area(self) -> str:
        """The part of the label before the dot."""
        return self.label.partition(".")[0]

    @property
    def standard(self) -> str:
        """The name of the standard choice of a variant point."""
        return self.choices[0][0]


_ALL = (
    Clause("problem.rank", "The input is (N, C, *spatial) with at least one spatial axis."),
    Clause(
        "problem.axes",
        "Kernel, stride, dilation and explicit padding have one entry per spatial axis.",
    ),
    Clause(
        "problem.float",
        "lp_pool, distance_pool and the gradients are defined for real floating-point elements, pools for real elements.",
    ),
    Clause(
        "problem.unbatched",
        "An unbatched input is one sample without its batch axis, and so is the answer.",
    ),
    Clause(
        "problem.layout",
        "In the layout channels_last the channels are the last axis of the input and of the answer, not the second.",
    ),
    Clause("window.kernel", "A kernel has at least one tap along each axis."),
    Clause(
        "window.stride",
        "Window o starts o * stride samples after window 0; the stride is at least 1.",
    ),
    Clause(
        "window.dilation",
        "Neighbouring taps lie dilation samples apart; the dilation is at least 1.",
    ),
    Clause("window.extent", "A window spans dilation * (kernel_size - 1) + 1 samples."),
    Clause(
        "window.input_dilation",
        "Input dilation d puts d - 1 holes between neighbouring samples; a hole reads as padding does.",
    ),
    Clause(
        "window.tap", "Tap k of window o reads input position o * stride + k * dilation - before."
    ),
    Clause(
        "window.count", "An axis has floor((size + before + after - extent) / stride) + 1 windows."
    ),
    Clause(
        "window.ceil",
        "With ceil_mode a last window that overruns the padded input is kept if it starts before the after-padding.",
    ),
    Clause(
        "window.none",
        "Without ceil_mode a padded input shorter than the extent has no window: "
        "the output has size 0 along that axis.",
        (("empty", "an output of size 0"), ("refuse", "the problem is refused")),
    ),
    Clause("padding.valid", "Valid padding is no padding: windows lie wholly inside the input."),
    Clause(
        "padding.same",
        "Same padding gives ceil(size / stride) windows with the least total padding.",
    ),
    Clause(
        "padding.same_side",
        "Of an odd total of same padding, same_upper puts the extra sample after and same_lower before; "
        "plain same leaves the side to the framework.",
        (
            ("after", "the extra sample after the input"),
            ("before", "the extra sample before the input"),
        ),
    ),
    Clause(
        "padding.explicit",
        "Explicit padding adds before and after samples to each axis on its own.",
    ),
    Clause(
        "padding.causal",
        "Causal padding is extent - 1 before the input and nothing after it.",
    ),
    Clause(
        "padding.full",
        "Full padding is extent - 1 on both sides: every overlap of kernel and input has a window.",
    ),
    Clause(
        "padding.negative",
        "Negative padding crops: it takes samples away from its side.",
        (
            ("crop", "samples are taken away"),
            ("refuse", "the problem is refused"),
        ),
    ),
    Clause(
        "padding.limit",
        "Padding may be of any size, also more than half the kernel.",
        (
            ("any", "any size"),
            ("half", "padding past half the kernel is refused"),
            ("kernel", "padding of the kernel's size or more is refused"),
        ),
    ),
    Clause(
        "padding.zero",
        "A convolution's tap over padding reads the number zero, and a zero is multiplied as any.",
    ),
    Clause(
        "padding.product",
        "Zero times an infinite or NaN weight is NaN, at a padded tap too.",
        (
            ("multiply", "the product with the padding zero counts"),
            ("skip", "padded taps are left out of the sum"),
        ),
    ),
    Clause(
        "padding.mode",
        "A padding mode fills the padding with samples of the input, so there must be one.",
    ),
    Clause(
        "padding.reflect",
        "Mode reflect mirrors the input at its edge samples, which are not repeated.",
    ),
    Clause(
        "padding.symmetric",
        "Mode symmetric mirrors the input beyond its edge samples, which are repeated.",
    ),
    Clause(
        "padding.replicate",
        "Mode replicate repeats the edge sample.",
    ),
    Clause(
        "padding.circular",
        "Mode circular continues the input from its other end.",
    ),
    Clause(
        "padding.mode_limit",
        "Padding longer than the input goes on by the same rule.",
        (
            ("repeat", "the rule is repeated"),
            ("refuse", "the problem is refused"),
        ),
    ),
    Clause(
        "size.batch",
        "A batch of zero gives an output with a batch of zero.",
        (("compute", "an empty output"), ("refuse", "the problem is refused")),
    ),
    Clause(
        "size.channels",
        "With zero input channels a convolution gives its bias or zero, and a pool an output with zero channels; "
        "with zero output channels a convolution gives an empty output.",
        (("compute", "as the sentence says"), ("refuse", "the problem is refused")),
    ),
    Clause(
        "size.spatial",
        "A spatial axis of size zero is an axis like any other: padding alone decides how many windows it has.",
        (("compute", "as the sentence says"), ("refuse", "the problem is refused")),
    ),
    Clause(
        "conv.sum",
        "A convolution's element is the sum of sample times weight over its window and channels.",
    ),
    Clause(
        "conv.kernel",
        "The kernel is not flipped: tap k of the window meets weight k (cross-correlation).",
    ),
    Clause("conv.weight", "The weight is (M, C / groups, *kernel)."),
    Clause(
        "conv.groups",
        "Groups divide C and M; output channel m reads the channels of its own group only.",
    ),
    Clause("conv.bias", "The bias of output channel m is added once to each of its elements."),
    Clause(
        "conv.flip",
        "A true convolution turns the kernel around on every axis: tap k of the window meets weight kernel_size - 1 - k.",
    ),
    Clause(
        "conv.batch_groups",
        "Batch groups divide N and M; output channel m reads the samples of its own batch group only.",
    ),
    Clause(
        "conv.output_dtype",
        "A convolution may be asked for a wider output dtype, in which its exact sum is given.",
    ),
    Clause(
        "conv1x1.product",
        "A 1x1 convolution is the same matrix product w @ x[n, :, i] at every position i.",
    ),
    Clause("conv1x1.weight", "The weight of a 1x1 convolution is (M, C)."),
    Clause(
        "transpose.sum",
        "An element of a transposed convolution is the sum of input times weight over the (window, tap) pairs that touch it.",
    ),
    Clause(
        "transpose.weight",
        "The weight of a transposed convolution is (C, M / groups, *kernel), that of the convolution it is the adjoint of.",
    ),
    Clause(
        "transpose.count",
        "An axis has (size - 1) * stride + extent - before - after + output_padding elements, at least 0.",
    ),
    Clause(
        "transpose.unit",
        "Relationship 8: with stride 1 and no padding the output has size + kernel_size - 1 elements.",
    ),
    Clause(
        "transpose.unit_padded",
        "Relationship 9: with stride 1 and padding p the output has size + kernel_size - 1 - 2 p elements.",
    ),
    Clause(
        "transpose.half",
        "Relationship 10: with stride 1, an odd kernel and half padding the output has as many elements as the input.",
    ),
    Clause(
        "transpose.full",
        "Relationship 11: with stride 1 and full padding the output has size - kernel_size + 1 elements.",
    ),
    Clause(
        "transpose.strided",
        "Relationship 12: with a stride and no padding the output has (size - 1) * stride + kernel_size elements.",
    ),
    Clause(
        "transpose.strided_padded",
        "Relationship 13: with a stride and padding p the output has (size - 1) * stride + kernel_size - 2 p elements.",
    ),
    Clause(
        "transpose.odd",
        "Relationship 14: output padding a makes the output a elements longer, at its end.",
    ),
    Clause(
        "transpose.valid",
        "Under valid padding an axis has (size - 1) * stride + extent elements.",
        (
            ("exact", "as the sentence says"),
            (
                "stride",
                "size * stride + max(extent - stride, 0): never less than stride elements for each window",
            ),
        ),
    ),
    Clause(
        "transpose.same",
        "Under same padding an axis has size * stride elements, and what is cropped is split as in [padding.same] of the convolution.",
    ),
    Clause(
        "transpose.same_odd",
        "Under same padding output padding makes the size * stride elements longer, at their end.",
        (
            ("longer", "as the sentence says"),
            (
                "half",
                "(size - 1) * stride + extent % 2 + output_padding: half the extent is cropped on both sides",
            ),
        ),
    ),
    Clause(
        "transpose.output_padding",
        "Output padding is not negative, and below the stride or below the dilation.",
        (
            ("either", "below the stride or below the dilation"),
            ("stride", "below the stride, else the problem is refused"),
        ),
    ),
    Clause(
        "depthwise.sum",
        "A depthwise convolution gives every channel kernels of its own: output channel c * multiplier + q is channel c under its kernel q.",
    ),
    Clause(
        "depthwise.weight",
        "The weight of a depthwise convolution is (C, multiplier, *kernel).",
    ),
    Clause(
        "separable.sum",
        "A separable convolution is a depthwise convolution, then a 1x1 convolution; nothing is rounded between them.",
    ),
    Clause(
        "separable.weight",
        "The weights of a separable convolution are (C, multiplier, *kernel) and (M, C * multiplier).",
    ),
    Clause(
        "separable.cost",
        "With multiplier 1 it takes 1 / M + 1 / (taps of the kernel) of the multiplications of the full convolution.",
    ),
    Clause("max.value", "Maximum pooling gives the largest sample of the window."),
    Clause("max.padding", "Padding never wins a maximum: a tap over padding is left out."),
    Clause("max.nan", "A window that holds a NaN gives NaN."),
    Clause(
        "max.empty",
        "A maximum over a window that sees only padding is the lowest value of the dtype (minus infinity if it has one).",
        (("lowest", "minus infinity, or the least integer"), ("refuse", "the problem is refused")),
    ),
    Clause(
        "max.index",
        "An index is the flat row-major position of the maximum in its input plane, without padding; "
        "of a window without a sample it is left open.",
    ),
    Clause(
        "max.tie",
        "Of equal maxima the index names the first in row-major order.",
        (("first", "the first of the equal maxima"), ("last", "the last of them")),
    ),
    Clause(
        "max.nan_index",
        "Of several NaN the index names the first in row-major order.",
        (("first", "the first NaN"), ("last", "the last NaN")),
    ),
    Clause("avg.value", "Average pooling gives the sum of the window's samples over its divisor."),
    Clause(
        "avg.divisor",
        "The divisor counts the taps over samples, with count_include_pad also those over padding, "
        "never those that ceil_mode lets overrun.",
    ),
    Clause(
        "avg.empty",
        "An average over no tap that counts is 0 / 0: NaN for floating-point elements.",
        (("nan", "NaN"), ("zero", "zero"), ("refuse", "the problem is refused")),
    ),
    Clause(
        "avg.integer",
        "An average of integers is the exact quotient cut towards zero; over no tap it is 0.",
        (
            ("truncate", "cut towards zero"),
            ("floor", "rounded down"),
            ("nearest", "rounded to nearest, ties to even"),
        ),
    ),
    Clause(
        "lp.value",
        "Lp pooling gives the p-th root of the sum of |sample|^p; for p = inf the largest |sample|.",
    ),
    Clause("lp.p", "p is a whole number of at least 1, or inf."),
    Clause("lp.padding", "A tap over padding adds nothing to an Lp norm."),
    Clause(
        "distance.value",
        "Distance-weighted pooling gives sum(weight * sample) / sum(weight) over the taps that count.",
    ),
    Clause(
        "distance.weight",
        "There is one weight for each tap of the kernel, the same for every channel.",
    ),
    Clause(
        "distance.divisor",
        "The taps that count are those over samples, with count_include_pad also those over padding (as zeros), "
        "never those that ceil_mode lets overrun.",
    ),
    Clause(
        "unpool.value",
        "Maximum unpooling puts each value at the position that its index names, among zeros.",
    ),
    Clause(
        "unpool.overlap",
        "Of several values with one index the last in row-major order stays.",
        (
            ("last", "the last of them"),
            ("first", "the first of them"),
            ("sum", "their sum"),
        ),
    ),
    Clause(
        "unpool.output",
        "The output is a size that pools to the input's; the least of them, if none is given.",
    ),
    Clause(
        "adaptive.window",
        "Window o of m over n samples reads from floor(o * n / m) up to, without, ceil((o + 1) * n / m).",
    ),
    Clause(
        "adaptive.output",
        "An adaptive pool gives at least one element along each axis.",
    ),
    Clause(
        "global.window",
        "A global pool has one window: the whole plane; the spatial axes stay, with size 1.",
    ),
    Clause(
        "unfold.order",
        "Unfold gives one column for each window, with row c * taps + k for tap k of channel c.",
    ),
    Clause(
        "fold.sum",
        "Fold adds the columns up where unfold would have read them; what no window covers is 0.",
    ),
    Clause(
        "fold.columns",
        "The input of fold is (N, C * taps, windows), with as many windows as the output has.",
    ),
    Clause(
        "grad.shape",
        "The gradient by an input has its shape; it is given the output's gradient, in the output's shape.",
    ),
    Clause(
        "grad.x",
        "The gradient by a sample is the sum of weight times the output's gradient over the (window, tap) pairs that read it.",
    ),
    Clause(
        "grad.w",
        "The gradient by a weight is the sum of sample times the output's gradient over the batch and all windows.",
    ),
    Clause(
        "grad.bias",
        "The gradient by a bias is the sum of the output's gradient over the batch and all windows.",
    ),
    Clause(
        "grad.max",
        "The gradient of a maximum goes to the sample that is the maximum.",
    ),
    Clause(
        "grad.tie",
        "Of equal maxima the first in row-major order gets the gradient.",
        (
            ("first", "the first of them"),
            ("last", "the last of them"),
            ("share", "each gets an equal part"),
            ("all", "each gets the whole"),
        ),
    ),
    Clause(
        "grad.avg",
        "The gradient of an average is divided by the window's divisor and goes to every sample of the window.",
    ),
    Clause(
        "grad.lp",
        "The gradient of an Lp norm goes to each sample times sign(sample) * (|sample| / norm)^(p - 1).",
    ),
    Clause(
        "grad.lp_zero",
        "The gradient of an Lp norm of zeros is zero, for p above 1.",
        (
            ("zero", "zero"),
            ("nan", "NaN: zero over zero"),
        ),
    ),
    Clause(
        "grad.absolute",
        "The gradient of |sample| at a sample of zero is 0.",
        (
            ("zero", "0"),
            ("one", "1, as above zero"),
        ),
    ),
    Clause("value.dtype", "The output has the dtype of the input; indices are int64."),
    Clause(
        "value.round",
        "A floating-point element is the exact result rounded once to the output dtype, ties to even.",
    ),
    Clause(
        "value.wrap", "An integer element is the exact result modulo 2^bits, in two's complement."
    ),
    Clause(
        "value.unsigned",
        "An unsigned integer element is the exact result modulo 2^bits.",
    ),
    Clause(
        "value.complex",
        "The real and the imaginary part of a complex element are exact sums, each rounded once.",
    ),
    Clause("value.nan", "A sum with a NaN term, or with infinities of both signs, is NaN."),
    Clause("value.infinity", "A sum with infinite terms of one sign is that infinity."),
    Clause(
        "value.overflow", "A result whose rounding passes the largest finite number is infinite."
    ),
    Clause(
        "value.zero",
        "Zeros compare equal: the sign of a zero result is left open, and so is which zero wins a maximum.",
    ),
    Clause(
        "value.subnormal",
        "Subnormal numbers are numbers, as input and as output.",
        (("keep", "kept"), ("flush", "taken and given as zero")),
    ),
    Clause(
        "backend.answer",
        "A valid problem is answered with exactly the arrays that its op defines, in the output's shape.",
    ),
    Clause("backend.refusal", "A valid problem is not refused."),
    Clause("backend.input", "A backend leaves its input arrays as they were."),
    Clause(
        "backend.accuracy",
        "On real numbers an element lies within the derived bound of the exact result.",
    ),
    Clause(
        "backend.memory",
        "How the input arrays lie in memory does not change the answer.",
    ),
    Clause(
        "law.translation",
        "A shift of the input by t * stride samples shifts the output by t windows, where no window reads padding or what was shifted in.",
    ),
    Clause(
        "law.linear_input",
        "A convolution of a * x + b * x' is a times that of x and b times that of x'.",
    ),
    Clause(
        "law.linear_weight",
        "A convolution by a * w + b * w' is a times that by w and b times that by w'.",
    ),
    Clause(
        "law.channels",
        "A convolution is the sum of the convolutions of its input channels.",
    ),
    Clause(
        "law.homogeneous",
        "Samples times a power of two give the answer times that power.",
    ),
    Clause(
        "law.sparse",
        "A change of one sample changes elements whose windows read it, and no others.",
    ),
    Clause(
        "law.jacobian",
        "The derivative of an element by a sample is not zero exactly where the element's window reads it.",
    ),
    Clause(
        "law.sharing",
        "A patch that is moved by a stride gives the same answer one window on: all windows share their weights.",
    ),
    Clause(
        "law.order",
        "A batch in another order gives the answers in that order.",
    ),
    Clause(
        "law.adjoint",
        "The sum of conv(x) * y is the sum of x * conv_transpose(y), in whole numbers.",
    ),
    Clause(
        "law.pointwise",
        "A convolution with a kernel of one tap is the same matrix product at every position, and keeps the spatial sizes.",
    ),
    Clause(
        "law.pool_channels",
        "A pool answers for each channel as if it were alone.",
    ),
    Clause(
        "law.separable",
        "A depthwise and a pointwise convolution are one convolution with the product of the kernels.",
    ),
    Clause(
        "law.pool_as_conv",
        "An average pool is a depthwise convolution with a uniform kernel.",
    ),
    Clause(
        "law.stack",
        "A stack of layers has the receptive field, jump and start that its layers' sizes give.",
    ),
    Clause(
        "law.batch",
        "A sample's answer does not depend on the other samples of its batch, bit for bit.",
    ),
    Clause(
        "law.repeat",
        "The same call gives the same bits again.",
    ),
    Clause(
        "law.threads",
        "The number of threads does not change a bit of the answer.",
    ),
    Clause(
        "law.layout",
        "The layout does not change a bit of the answer.",
    ),
)

CLAUSES: dict[str, Clause] = {clause.label: clause for clause in _ALL}
VARIANTS: dict[str, Clause] = {label: one for label, one in CLAUSES.items() if one.choices}
