"""An invalid problem told: the clause, the numbers, the place, and what may be meant."""

from __future__ import annotations

from collections.abc import Callable

from convformance.problem import Problem
from convoracle import InvalidProblem
from convreport.casetext import marked


def mistake_text(problem: Problem, broken: InvalidProblem) -> str:
    """Return the text for a problem that breaks a clause."""
    lines = [
        f"error [{broken.label}]: {broken.message}",
        *marked(problem.line, problem.dtype, broken),
    ]
    hint = suggestion(problem, broken.label)
    return "\n".join([*lines, f"  {hint}"] if hint else lines)


def suggestion(problem: Problem, label: str) -> str:
    """Return what was likely meant, or nothing."""
    hint = HINTS.get(label)
    return hint(problem) if hint else ""


def _of_output_padding(problem: Problem) -> str:
    most = {max(pair) - 1 for pair in zip(problem.stride, problem.dilation, strict=True)}
    return f"at most {' and '.join(map(str, sorted(most)))}: below the stride or the dilation"


def _of_axes(problem: Problem) -> str:
    return f"give one entry for all axes, or one for each of the {problem.rank}"


def _of_rank(_problem: Problem) -> str:
    return "an input is batch x channels x spatial axes, such as x=1x3x224x224"


def _of_least(_problem: Problem) -> str:
    return "the least is 1"


def _of_weight(problem: Problem) -> str:
    """Return groups, a depth or a layout with which the weight fits."""
    if len(problem.w) != len(problem.x) or len(problem.x) < 3:
        return ""
    C, M, depth, groups = problem.x[1], *problem.w[:2], problem.groups
    last = problem.x[-1]
    if groups and last == depth * groups and last != C:
        turned = "x".join(map(str, (problem.x[0], last, *problem.x[1:-1])))
        return f"the input looks like channels last (NHWC): written channels first it is x={turned}"
    if depth and C % depth == 0 and M % (C // depth) == 0:
        return f"with this weight each group reads {depth} channels: groups={C // depth} fits"
    if groups > 0 and C % groups == 0 and M % groups == 0:
        kernel = "x".join(map(str, (M, C // groups, *problem.w[2:])))
        return f"with groups={groups} each group reads {C // groups} channels: w={kernel} fits"
    fitting = [number for number in range(1, min(C, M) + 1) if C % number == 0 and M % number == 0]
    return f"groups that divide {C} and {M}: {', '.join(map(str, fitting[:12]))}" if fitting else ""


def _of_transposed(problem: Problem) -> str:
    if len(problem.w) == len(problem.x) and problem.w[1] == problem.x[1]:
        turned = "x".join(map(str, (problem.w[1], problem.w[0], *problem.w[2:])))
        return f"a transposed convolution has w=(C, M / groups, *kernel): w={turned} fits"
    return ""


HINTS: dict[str, Callable[[Problem], str]] = {
    "conv.groups": _of_weight,
    "conv.weight": _of_weight,
    "transpose.weight": _of_transposed,
    "transpose.output_padding": _of_output_padding,
    "problem.axes": _of_axes,
    "problem.rank": _of_rank,
    "window.stride": _of_least,
    "window.dilation": _of_least,
    "window.kernel": _of_least,
}
