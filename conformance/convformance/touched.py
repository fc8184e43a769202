"""Which clauses a case asks about: what the report counts in each row."""

from __future__ import annotations

import numpy as np

from convformance.backend import Array, Arrays
from convformance.expect import Expectation
from convformance.facts import EMPTY, PADDED, core, whole_number_clause
from convformance.named import BOUNDED
from convformance.problem import Case, Problem
from convformance.repairs import OVER_OUTPUT, sees_only_padding
from convformance.simpler import is_maximum
from convformance.sizes import UNWINDOWED, axes_of
from convoracle import InvalidProblem
from convoracle.exact import FORMATS
from convoracle.transpose import relationship

OP_CLAUSES = {
    "conv": ("conv.kernel", "conv.weight"),
    "conv1x1": ("conv1x1.weight",),
    "avg_pool": ("avg.divisor",),
    "lp_pool": ("lp.p", "problem.float"),
    "distance_pool": ("distance.weight", "distance.divisor", "problem.float"),
    "conv_transpose": ("transpose.weight", "transpose.count"),
    "depthwise_conv": ("depthwise.weight",),
    "separable_conv": ("separable.weight", "separable.cost"),
    "max_unpool": ("unpool.overlap", "unpool.output"),
    "adaptive_max_pool": ("adaptive.output", "max.value"),
    "adaptive_avg_pool": ("adaptive.output", "avg.value"),
    "global_max_pool": ("max.value",),
    "global_avg_pool": ("avg.value",),
    "fold": ("fold.columns",),
}
GRADIENT_CLAUSES = {"max_pool": ("grad.tie",), "lp_pool": ("grad.lp_zero", "grad.absolute")}


def touched(case: Case, arrays: Arrays, expected: Expectation | InvalidProblem) -> tuple[str, ...]:
    """Return the labels of the clauses that the case asks about, sorted."""
    if isinstance(expected, InvalidProblem):
        return (expected.label,)
    problem = case.problem
    labels = {core(problem), "value.dtype", "backend.answer", "backend.input", "backend.refusal"}
    labels |= {"problem.rank", *_op_clauses(problem), *_given_clauses(problem)}
    labels |= _window_clauses(problem) | _size_clauses(problem, expected.shape)
    if case.fill in BOUNDED:
        labels.add("backend.accuracy")
    if problem.is_complex:
        labels.add("value.complex")
    elif problem.is_float:
        labels |= {"value.round"} | _content_clauses(problem, arrays)
    elif not is_maximum(problem):
        labels.add(whole_number_clause(problem))
    if problem.indices:
        labels |= {"max.index", "max.tie"}
        if "max.nan" in labels:
            labels.add("max.nan_index")
    return tuple(sorted(labels))


def _op_clauses(problem: Problem) -> set[str]:
    labels = {
        "conv.bias": problem.bias,
        "conv.groups": problem.groups > 1,
        "conv.flip": problem.flip,
        "conv.batch_groups": problem.batch_groups > 1,
        "conv.output_dtype": bool(problem.output_dtype),
    }
    found = {label for label, is_asked in labels.items() if is_asked}
    if problem.grad:
        return found | {"grad.shape", "problem.float", *GRADIENT_CLAUSES.get(problem.op, ())}
    return found | {*OP_CLAUSES.get(problem.op, ())}


def _given_clauses(problem: Problem) -> set[str]:
    labels = {
        "problem.unbatched": problem.unbatched,
        "problem.layout": problem.layout != "channels_first",
        "backend.memory": problem.memory != "contiguous",
    }
    return {label for label, is_asked in labels.items() if is_asked}


def _window_clauses(problem: Problem) -> set[str]:
    if problem.op == "conv1x1" or problem.op in UNWINDOWED:
        return set()
    labels = {"window.tap", "window.extent", "window.kernel", "problem.axes"}
    if max(problem.stride, default=1) > 1:
        labels.add("window.stride")
    if max(problem.dilation, default=1) > 1:
        labels.add("window.dilation")
    if problem.op == "conv_transpose":
        return labels | _spread_clauses(problem)
    labels.add("window.count")
    if max(problem.input_dilation, default=1) > 1:
        labels.add("window.input_dilation")
    if problem.ceil_mode:
        labels.add("window.ceil")
    return labels | _padding_clauses(problem)


def _padding_clauses(problem: Problem) -> set[str]:
    if problem.padding == "valid":
        return {"padding.valid"}
    labels = {PADDED[problem.op]} if problem.op not in OVER_OUTPUT else set()
    axes = axes_of(problem)
    if problem.padding_mode != "zeros":
        labels = {"padding.mode", f"padding.{problem.padding_mode}"}
        if any(max(axis.before, axis.after) >= axis.size for axis in axes):
            labels.add("padding.mode_limit")
    empties = problem.op in EMPTY and not problem.grad
    if empties and not problem.count_include_pad and sees_only_padding(axes):
        labels.add(EMPTY[problem.op])
    if problem.padding in ("causal", "full"):
        return labels | {f"padding.{problem.padding}"}
    if isinstance(problem.padding, str):
        return labels | {"padding.same", "padding.same_side"}
    if min(map(min, problem.padding), default=0) < 0:
        labels.add("padding.negative")
    return labels | {"padding.explicit", "padding.limit"}


def _spread_clauses(problem: Problem) -> set[str]:
    labels = set()
    if max(problem.output_padding, default=0) > 0:
        labels.add("transpose.output_padding")
    if problem.padding == "valid":
        labels |= {"transpose.valid", "padding.valid"}
    elif isinstance(problem.padding, str) and problem.padding.startswith("same"):
        odd = {"transpose.same_odd"} if max(problem.output_padding, default=0) > 0 else set()
        return labels | odd | {"transpose.same", "padding.same_side"}
    else:
        full = {"padding.full"} if problem.padding == "full" else {"padding.explicit"}
        labels |= full
    if isinstance(problem.padding, tuple) and min(map(min, problem.padding), default=0) < 0:
        labels.add("padding.negative")
    axes = zip(axes_of(problem), problem.x[2:], problem.output_padding, strict=True)
    return labels | {relationship(*one) for one in axes} - {""}


def _size_clauses(problem: Problem, shape: tuple[int, ...]) -> set[str]:
    labels = set()
    if problem.x[0] == 0:
        labels.add("size.batch")
    if problem.x[1] == 0 or 0 in shape[1:2]:
        labels.add("size.channels")
    if 0 in problem.x[2:]:
        labels.add("size.spatial")
    elif 0 in shape[2:] and not problem.grad and problem.op not in (*OVER_OUTPUT, *UNWINDOWED):
        labels.add("window.none")
    return labels


def _content_clauses(problem: Problem, arrays: Arrays) -> set[str]:
    form = FORMATS[problem.dtype]
    x = arrays["dy" if problem.grad else "x"].astype(np.float64)
    w = arrays.get("w", np.ones(1)).astype(np.float64)
    labels = set()
    if np.isnan(x).any() or np.isnan(w).any():
        labels |= {"value.nan", "max.nan"} if is_maximum(problem) else {"value.nan"}
    if np.isinf(x).any() or np.isinf(w).any():
        labels.add("value.infinity")
    if any_between(x, 0.0, float(form.normal)):
        labels.add("value.subnormal")
    if any_between(x, float(form.largest) / 2, float("inf")):
        labels.add("value.overflow")
    if np.signbit(x[x == 0]).any():
        labels.add("value.zero")
    padded = problem.padding != "valid" and problem.op in ("conv", "depthwise_conv")
    return labels | {"padding.product"} if padded and not np.isfinite(w).all() else labels


def any_between(x: Array, low: float, high: float) -> bool:
    """Whether the magnitude of a number lies between the two, neither included."""
    return bool(((np.abs(x) > low) & (np.abs(x) < high)).any())
