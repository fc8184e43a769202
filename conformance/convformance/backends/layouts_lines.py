"""The lines that bring arrays from the axes of one framework to another's, and answers back."""

from __future__ import annotations

from collections.abc import Iterator

from convformance.backends import layouts_index, layouts_patches
from convformance.backends.layouts import FREE, inputs, is_last, is_last_in
from convformance.handing import BATCHED
from convformance.problem import Problem

TO_FIRST, TO_LAST = "-1, 1", "1, -1"
BY_CHANNEL = ("depthwise_conv", "separable_conv")


def brought(problem: Problem, source: str, target: str) -> Iterator[str]:
    """Yield the lines that bring the inputs from the axes of one framework to another's."""
    names = inputs(problem)
    if problem.unbatched:
        yield from (f"{name} = {name}[None]" for name in names if name in BATCHED)
    from_last, to_last = is_last(source), is_last_in(target, source, problem)
    move = "" if from_last == to_last else TO_LAST if to_last else TO_FIRST
    if "indices" in names:
        yield from layouts_index.converted(problem, source, target, move)
    if problem.op == "fold" and move:
        yield from layouts_patches.converted(problem, "x", to_last)
    if target == "torch":
        yield from _to_torch(problem, names, from_last)
        return
    if move:
        yield from _moved_numpy(problem, names, to_last)
    elif target in FREE and from_last and problem.op in BY_CHANNEL:
        C, multiplier, *kernel = problem.w
        yield f"w = w.reshape({(*kernel, 1, C * multiplier)})"
    if target == "tensorflow":  # of an array of NumPy tf.nn.max_pool makes one of float32
        yield "x = tf.constant(x)"


def _to_torch(problem: Problem, names: list[str], last: bool) -> Iterator[str]:
    for name in names:
        tensor = f"torch.from_numpy({name})"
        if problem.dtype == "bfloat16" and name != "indices":  # NumPy's own torch does not know
            tensor = f"torch.from_numpy({name}.view(np.int16)).view(torch.bfloat16)"
        yield f"{name} = {tensor}{_moved_tensor(problem, name) if last else ''}"


def _moved_tensor(problem: Problem, name: str) -> str:
    if name == "x" and problem.op == "fold":
        return ""
    if name in ("x", "dy"):
        return ".movedim(-1, 1)"
    if name == "pointwise":
        return ".movedim((-1, -2), (0, 1))"
    if name == "w" and problem.op in BY_CHANNEL:
        C, multiplier, *kernel = problem.w
        return f".movedim((-2, -1), (0, 1)).reshape({(C * multiplier, 1, *kernel)})"
    return ".movedim((-1, -2), (0, 1))" if name == "w" else ""


def _moved_numpy(problem: Problem, names: list[str], to_last: bool) -> Iterator[str]:
    a, b = ("1, -1", "(0, 1), (-1, -2)") if to_last else ("-1, 1", "(-1, -2), (0, 1)")
    for name in names:
        if name in ("x", "dy") and not (name == "x" and problem.op == "fold"):
            yield f"{name} = np.moveaxis({name}, {a})"
        elif name == "w" and problem.op in BY_CHANNEL:
            yield _by_channel(problem, to_last)
        elif name in ("w", "pointwise"):
            yield f"{name} = np.moveaxis({name}, {b})"


def _by_channel(problem: Problem, to_last: bool) -> str:
    C, multiplier, *kernel = problem.w
    if to_last:
        return f"w = np.moveaxis(w.reshape({(C, multiplier, *kernel)}), (0, 1), (-2, -1))"
    return f"w = np.moveaxis(w, (-2, -1), (0, 1)).reshape({(C * multiplier, 1, *kernel)})"


def back(problem: Problem, source: str, target: str, planar: bool) -> Iterator[str]:
    """Yield the lines that give the answers in the axes of the source.

    `planar` says that indices are positions in a plane, whatever the target's own are.
    """
    from_last, to_last = is_last_in(target, source, problem), is_last(source)
    move = "" if from_last == to_last else TO_LAST if to_last else TO_FIRST
    for name in problem.answers:
        if name == "indices" and planar:
            yield from layouts_index.converted(problem, "", source, move)
        else:
            yield from _answer_back(problem, name, source, target, move)
        if problem.unbatched and name in BATCHED:
            yield f"{name} = {name}[0]"


def _answer_back(problem: Problem, name: str, source: str, target: str, move: str) -> Iterator[str]:
    if name == "indices":
        yield from layouts_index.converted(problem, target, source, move)
    elif not move or name == "dbias":
        return
    elif problem.op == "unfold":
        yield from layouts_patches.converted(problem, name, to_last=move == TO_LAST)
    elif name == "dw":
        move = "(0, 1), (-1, -2)" if move == TO_LAST else "(-1, -2), (0, 1)"
        yield _moved(name, target, move)
    else:
        yield _moved(name, target, move)


def _moved(name: str, target: str, move: str) -> str:
    if target == "torch":
        return f"{name} = {name}.movedim({move})"
    return f"{name} = np.moveaxis({name}, {move})"
