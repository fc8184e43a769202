"""Where what evaluates ONNX is known not to follow the text of its operators.

Each fault is shown with numbers that one can check on paper in the tests; a recipe that meets one
is told as right by the text and not confirmed, never as checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convformance.problem import Problem


@dataclass(frozen=True)
class Fault:
    """What is computed otherwise, in words, and the problems that meet it."""

    words: str
    meets: Callable[[Problem], bool]


def _is_same(problem: Problem) -> bool:
    return isinstance(problem.padding, str) and problem.padding.startswith("same")


def _is_dilated(problem: Problem) -> bool:
    return any(step != 1 for step in problem.dilation)


POOLS = ("max_pool", "avg_pool", "lp_pool")
FAULTS = (
    Fault(
        "auto_pad is computed without the dilations",
        lambda problem: problem.op in POOLS and _is_same(problem) and _is_dilated(problem),
    ),
    Fault(
        "MaxPool with auto_pad pads by the wrong sizes",
        lambda problem: problem.op == "max_pool" and _is_same(problem),
    ),
    Fault(
        "MaxPool takes its pads for those of other sides",
        lambda problem: (
            problem.op == "max_pool"
            and not isinstance(problem.padding, str)
            and any(map(any, problem.padding))
        ),
    ),
    Fault(
        "MaxPool counts its indices in a plane, not in the whole tensor",
        lambda problem: problem.op == "max_pool" and problem.indices,
    ),
    Fault(
        "a pool with ceil_mode reads or divides its windows otherwise",
        lambda problem: problem.op in ("avg_pool", "lp_pool") and problem.ceil_mode,
    ),
    Fault(
        "ConvTranspose takes a group of several channels for one",
        lambda problem: (
            problem.op == "conv_transpose"
            and problem.groups > 1
            and (problem.x[1] > problem.groups or problem.w[1] > 1)
        ),
    ),
    Fault(
        "ConvTranspose adds the bias of the first group to every group",
        lambda problem: problem.op == "conv_transpose" and problem.groups > 1 and problem.bias,
    ),
)


def known_fault(problem: Problem) -> str:
    """Return in words the first fault that the problem of a node meets, or nothing."""
    return next((fault.words for fault in FAULTS if fault.meets(problem)), "")
