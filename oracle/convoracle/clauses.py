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
        "problem.float", "lp_pool and distance_pool are defined for floating-point elements only."
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
    Clause("padding.negative", "Explicit padding is not negative."),
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
        "conv1x1.product",
        "A 1x1 convolution is the same matrix product w @ x[n, :, i] at every position i.",
    ),
    Clause("conv1x1.weight", "The weight of a 1x1 convolution is (M, C)."),
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
    Clause("value.dtype", "The output has the dtype of the input; indices are int64."),
    Clause(
        "value.round",
        "A floating-point element is the exact result rounded once to the output dtype, ties to even.",
    ),
    Clause(
        "value.wrap", "An integer element is the exact result modulo 2^bits, in two's complement."
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
)

CLAUSES: dict[str, Clause] = {clause.label: clause for clause in _ALL}
VARIANTS: dict[str, Clause] = {label: one for label, one in CLAUSES.items() if one.choices}
