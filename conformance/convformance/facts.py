"""What is true of each op: the clause at its core, what padding means to it, where it may vary."""

from __future__ import annotations

from convformance.problem import Problem

CORE = {
    "conv": "conv.sum",
    "conv1x1": "conv1x1.product",
    "max_pool": "max.value",
    "avg_pool": "avg.value",
    "lp_pool": "lp.value",
    "distance_pool": "distance.value",
    "conv_transpose": "transpose.sum",
    "depthwise_conv": "depthwise.sum",
    "separable_conv": "separable.sum",
    "max_unpool": "unpool.value",
    "adaptive_max_pool": "adaptive.window",
    "adaptive_avg_pool": "adaptive.window",
    "global_max_pool": "global.window",
    "global_avg_pool": "global.window",
    "unfold": "unfold.order",
    "fold": "fold.sum",
}
GRADIENT_CORE = {"max_pool": "grad.max", "avg_pool": "grad.avg", "lp_pool": "grad.lp"}
PADDED = {  # what padding means to the values
    "conv": "padding.zero",
    "max_pool": "max.padding",
    "avg_pool": "avg.divisor",
    "lp_pool": "lp.padding",
    "distance_pool": "distance.divisor",
    "conv_transpose": "transpose.count",
    "depthwise_conv": "padding.zero",
    "separable_conv": "padding.zero",
    "max_unpool": "unpool.output",
    "unfold": "padding.zero",
    "fold": "fold.sum",
}
# The variant points whose choice changes the elements, by op.
VALUE_POINTS = {
    "conv": ("padding.same_side", "padding.product", "value.subnormal"),
    "conv1x1": ("value.subnormal",),
    "max_pool": ("padding.same_side", "max.tie", "max.nan_index", "value.subnormal"),
    "avg_pool": ("padding.same_side", "avg.empty", "avg.integer", "value.subnormal"),
    "lp_pool": ("padding.same_side", "value.subnormal"),
    "distance_pool": ("padding.same_side", "value.subnormal"),
    "conv_transpose": (
        "transpose.valid",
        "transpose.same_odd",
        "padding.same_side",
        "value.subnormal",
    ),
    "depthwise_conv": ("padding.same_side", "padding.product", "value.subnormal"),
    "separable_conv": ("padding.same_side", "value.subnormal"),
    "max_unpool": ("unpool.overlap", "padding.same_side", "value.subnormal"),
    "adaptive_max_pool": ("max.tie", "max.nan_index", "value.subnormal"),
    "adaptive_avg_pool": ("avg.integer", "value.subnormal"),
    "global_max_pool": ("value.subnormal",),
    "global_avg_pool": ("avg.integer", "value.subnormal"),
    "unfold": ("padding.same_side", "value.subnormal"),
    "fold": ("padding.same_side", "value.subnormal"),
}
GRADIENT_POINTS = {
    "conv": ("padding.same_side", "padding.product", "value.subnormal"),
    "conv_transpose": ("padding.same_side", "value.subnormal"),
    "max_pool": ("padding.same_side", "grad.tie", "value.subnormal"),
    "avg_pool": ("padding.same_side", "value.subnormal"),
    "lp_pool": (
        "padding.same_side",
        "grad.lp_zero",
        "grad.absolute",
        "grad.tie",
        "value.subnormal",
    ),
}
MAXIMA = ("max_pool", "adaptive_max_pool", "global_max_pool")
AVERAGES = ("avg_pool", "adaptive_avg_pool", "global_avg_pool")
EMPTY = {"max_pool": "max.empty", "avg_pool": "avg.empty"}


def core(problem: Problem) -> str:
    """Return the clause that a wrong value contradicts if no special one does."""
    if problem.grad:
        return GRADIENT_CORE.get(problem.op, f"grad.{problem.grad}")
    return CORE[problem.op]


def value_points(problem: Problem) -> tuple[str, ...]:
    """Return the variant points whose choice may change the elements."""
    return (GRADIENT_POINTS if problem.grad else VALUE_POINTS)[problem.op]


def whole_number_clause(problem: Problem) -> str:
    """Return the clause about elements that are integers."""
    if problem.op in AVERAGES:
        return "avg.integer"
    if problem.op in MAXIMA:
        return "max.value"
    return "value.unsigned" if problem.dtype.startswith("uint") else "value.wrap"
