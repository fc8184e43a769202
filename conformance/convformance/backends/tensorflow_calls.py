"""Problems written as calls of TensorFlow; `Unsupported` where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convformance.backend import Unsupported
from convformance.backends.source import full_in_numbers
from convformance.backends.tensorflow_convs import (
    conv,
    conv_transpose,
    depthwise_conv,
    separable_conv,
)
from convformance.backends.tensorflow_pools import (
    adaptive_pool,
    global_pool,
    max_unpool,
    pool,
    unfold,
)
from convformance.problem import Problem

RANKS = (1, 2, 3)


@dataclass(frozen=True)
class Call:
    """Source lines that set the answers' names, and whether they only compose to the problem."""

    lines: tuple[str, ...]
    recipe: bool = False


def written(problem: Problem) -> Call:
    """Write the call that says the problem; raise `Unsupported` where there is none."""
    _check_sayable(problem)
    problem = full_in_numbers(problem)
    lines = _CALLS[problem.op](problem)
    recipe = problem.op == "max_unpool" or problem.flip or problem.padding_mode != "zeros"
    if not problem.grad:
        return Call(tuple(lines), recipe)
    source = problem.grad
    taped = [f"    {line}" for line in (f"tape.watch({source})", *lines)]
    gradient = f"d{source} = tape.gradient(y, {source}, output_gradients=dy)"
    return Call(("with tf.GradientTape() as tape:", *taped, gradient), recipe)


def _check_sayable(problem: Problem) -> None:
    op, rank = problem.op, problem.rank
    if op not in _CALLS:
        raise Unsupported(f"tf.nn has no {op}")
    if rank not in RANKS:
        raise Unsupported(f"tf.nn has no {op} for {rank} spatial axes, only 1 to 3")
    if problem.unbatched:
        raise Unsupported("the functions of tf.nn document an input with a batch axis")
    if problem.padding == "same_lower":
        raise Unsupported("tf.nn has no same_lower: 'SAME' puts the odd sample after")
    if problem.padding == "full" and op == "max_unpool":
        raise Unsupported("TensorFlow pools with 'SAME', 'VALID' or numbers, never 'full'")
    if problem.padding == "causal" and (op != "conv" or rank != 1):
        raise Unsupported("causal padding is for tf.keras.layers.Conv1D alone")
    if any(step != 1 for step in problem.input_dilation):
        raise Unsupported("the convolutions of tf.nn have no input dilation")
    if problem.batch_groups != 1:
        raise Unsupported("the convolutions of tf.nn have no batch groups")
    if problem.output_dtype not in ("", problem.dtype):
        raise Unsupported("the convolutions of tf.nn have no output dtype: it is the input's")


_CALLS: dict[str, Callable[[Problem], list[str]]] = {
    "conv": conv,
    "conv1x1": conv,
    "conv_transpose": conv_transpose,
    "depthwise_conv": depthwise_conv,
    "separable_conv": separable_conv,
    "max_pool": pool,
    "avg_pool": pool,
    "max_unpool": max_unpool,
    "adaptive_max_pool": adaptive_pool,
    "adaptive_avg_pool": adaptive_pool,
    "global_max_pool": global_pool,
    "global_avg_pool": global_pool,
    "unfold": unfold,
}
