"""Problems written as functions of JAX; `Unsupported` where nothing says them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convformance.backend import Unsupported
from convformance.backends.jax_convs import conv, conv_transpose, depthwise_conv, separable_conv
from convformance.backends.jax_parameters import Body
from convformance.backends.jax_pools import (
    avg_pool,
    fold,
    global_avg_pool,
    global_max_pool,
    lp_pool,
    max_pool,
    max_unpool,
    unfold,
)
from convformance.problem import Problem

CONVOLVING = ("conv", "conv1x1", "conv_transpose", "depthwise_conv", "separable_conv")
BYTE_ORDER = "JAX takes arrays in the machine's byte order alone"
# Ops whose planes or columns are flat: their channels are never moved.
FLAT = ("max_unpool", "unfold", "fold")


def body(problem: Problem, last: bool) -> Body:
    """Return the forward computation; `last` says whether x has its channels last."""
    if problem.op not in _BODIES:
        raise Unsupported(f"JAX has no {problem.op}")
    if problem.unbatched and problem.op in (*CONVOLVING, "unfold", "fold"):
        raise Unsupported("lax needs a batch axis; jax.vmap would add one")
    if problem.memory == "byteswapped":
        raise Unsupported(BYTE_ORDER)
    if problem.grad and not problem.is_float:
        raise Unsupported("jax.vjp gives integers no gradient, but an array of float0")
    return _BODIES[problem.op](problem, last)


def functions(problem: Problem, said: Body, operands: Sequence[str]) -> str:
    """Write the function `call`, and for a gradient the one that it differentiates."""
    lines = "".join(f"    {line}\n" for line in said.lines)
    names = ", ".join(operands)
    if not problem.grad:
        return f"def call({names}):\n{lines}"
    inputs, by = ", ".join(name for name in operands if name != "dy"), problem.grad
    return (
        f"def forward({inputs}):\n{lines}"
        f"def call({names}):\n"
        f"    _, back = jax.vjp(lambda {by}: forward({inputs}), {by})\n"
        f"    return back(dy)[0]\n"
    )


_BODIES: dict[str, Callable[[Problem, bool], Body]] = {
    "conv": conv,
    "conv1x1": conv,
    "conv_transpose": conv_transpose,
    "depthwise_conv": depthwise_conv,
    "separable_conv": separable_conv,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "lp_pool": lp_pool,
    "global_max_pool": global_max_pool,
    "global_avg_pool": global_avg_pool,
    "max_unpool": max_unpool,
    "unfold": unfold,
    "fold": fold,
}
