"""Which clauses a case asks about: what the report counts in each row."""

from __future__ import annotations

import numpy as np

from convformance.attribute import PADDED, sees_only_padding
from convformance.backend import Array, Arrays
from convformance.evidence import axes_of
from convformance.expect import Expectation
from convformance.problem import Case, Problem
from convoracle import InvalidProblem
from convoracle.exact import FORMATS

OP_CLAUSES = {
    "conv": ("conv.sum", "conv.kernel", "conv.weight"),
    "conv1x1": ("conv1x1.product", "conv1x1.weight"),
    "max_pool": ("max.value",),
    "avg_pool": ("avg.value", "avg.divisor"),
    "lp_pool": ("lp.value", "lp.p"),
    "distance_pool": ("distance.value", "distance.weight", "distance.divisor"),
}

EMPTY = {"max_pool": "max.empty", "avg_pool": "avg.empty"}


def touched(case: Case, arrays: Arrays, expected: Expectation | InvalidProblem) -> tuple[str, ...]:
    """Return the labels of the clauses that the case asks about, sorted."""
    if isinstance(expected, InvalidProblem):
        return (expected.label,)
    problem = case.problem
    labels = {
        *OP_CLAUSES[problem.op],
        "value.dtype",
        "backend.answer",
        "backend.input",
        "backend.refusal",
        "problem.rank",
    }
    labels |= _window_clauses(problem) | _size_clauses(problem, expected.shape)
    if case.fill == "real":
        labels.add("backend.accuracy")
    if problem.is_float:
        labels |= {"value.round"} | _content_clauses(problem, arrays)
    elif problem.op.startswith("conv"):
        labels.add("value.wrap")
    elif problem.op == "avg_pool":
        labels.add("avg.integer")
    if problem.bias:
        labels.add("conv.bias")
    if problem.groups > 1:
        labels.add("conv.groups")
    if problem.indices:
        labels |= {"max.index", "max.tie"}
        if "max.nan" in labels:
            labels.add("max.nan_index")
    if problem.op in ("lp_pool", "distance_pool"):
        labels.add("problem.float")
    return tuple(sorted(labels))


def _window_clauses(problem: Problem) -> set[str]:
    if problem.op == "conv1x1":
        return set()
    labels = {"window.count", "window.tap", "window.extent", "window.kernel", "problem.axes"}
    if max(problem.stride, default=1) > 1:
        labels.add("window.stride")
    if max(problem.dilation, default=1) > 1:
        labels.add("window.dilation")
    if problem.ceil_mode:
        labels.add("window.ceil")
    if problem.padding == "valid":
        return labels | {"padding.valid"}
    labels.add(PADDED[problem.op])
    counts_nothing = problem.op in EMPTY and not problem.count_include_pad
    if counts_nothing and sees_only_padding(axes_of(problem)):
        labels.add(EMPTY[problem.op])
    if isinstance(problem.padding, str):
        return labels | {"padding.same", "padding.same_side"}
    return labels | {"padding.explicit", "padding.limit"}


def _size_clauses(problem: Problem, shape: tuple[int, ...]) -> set[str]:
    labels = set()
    if problem.x[0] == 0:
        labels.add("size.batch")
    if problem.x[1] == 0 or shape[1] == 0:
        labels.add("size.channels")
    if 0 in problem.x[2:]:
        labels.add("size.spatial")
    elif 0 in shape[2:]:
        labels.add("window.none")
    return labels


def _content_clauses(problem: Problem, arrays: Arrays) -> set[str]:
    form = FORMATS[problem.dtype]
    x, w = arrays["x"].astype(np.float64), arrays.get("w", np.ones(1)).astype(np.float64)
    labels = set()
    if np.isnan(x).any() or np.isnan(w).any():
        labels |= {"value.nan", "max.nan"} if problem.op == "max_pool" else {"value.nan"}
    if np.isinf(x).any() or np.isinf(w).any():
        labels.add("value.infinity")
    if _any_between(x, 0.0, float(form.normal)):
        labels.add("value.subnormal")
    if _any_between(x, float(form.largest) / 2, float("inf")):
        labels.add("value.overflow")
    if np.signbit(x[x == 0]).any():
        labels.add("value.zero")
    padded = problem.padding != "valid" and problem.op == "conv"
    return labels | {"padding.product"} if padded and not np.isfinite(w).all() else labels


def _any_between(x: Array, low: float, high: float) -> bool:
    return bool(((np.abs(x) > low) & (np.abs(x) < high)).any())
