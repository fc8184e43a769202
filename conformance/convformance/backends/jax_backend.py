"""JAX: each problem as one jitted function, compiled by XLA for the CPU.

Most problems run channels-last with the cheap compiler options, where a new shape costs a
fraction; one in eight, always the same ones, runs as people write it: NCHW, default options.
"""

from __future__ import annotations

import functools
import gc
import importlib.metadata
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from convformance.backend import Array, Result
from convformance.backends.jax_calls import FIRST, Body, body
from convformance.backends.source import execute, nested
from convformance.problem import EXTRAS, Problem

IMPORTS = """\
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

jax.config.update("jax_enable_x64", True)
inf, nan = float("inf"), float("nan")
"""
CHEAP = {  # faster to compile; the operations asked for stay the same
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}


@dataclass(frozen=True)
class Plan:
    """How one problem is said in JAX: its function as text, its operands, its layout."""

    source: str
    operands: dict[str, Array]
    last: bool  # channels last,
    moved: bool  # and moved there by the adapter
    how: str
    recipe: bool


class JaxBackend:
    """JAX on the CPU."""

    name = "jax"
    knows = frozenset((*EXTRAS, "padding"))

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.version: str = jax.__version__
        self.libraries = {
            one: importlib.metadata.version(one) for one in ("jax", "jaxlib", "numpy")
        }
        # Those of the convolutions; lax.reduce_window sums in the dtype of its operand.
        self.accumulators = dict.fromkeys(("float16", "bfloat16", "float32"), "float32")
        self.accumulators["float64"] = "float64"
        # lax.reduce_window sums in the operand's own dtype, and so does what it transposes to
        for op in ("avg_pool", "lp_pool", "max_pool grad=x", "avg_pool grad=x"):
            self.accumulators |= {f"{op} {half}": half for half in ("float16", "bfloat16")}
        self._names = execute(IMPORTS, {})
        # The same problem with other numbers is not compiled anew; each takes a megabyte.
        self._compiled: Any = functools.lru_cache(maxsize=32)(self._compile)

    def run(self, problem: Problem, arrays: dict[str, Array]) -> Result:
        """Compile the problem's function, or take it from the cache, and call it."""
        plan = _plan(problem, arrays)
        given = np.asarray(self._compiled(problem, plan.source)(*plan.operands.values()))
        y = _answer(problem, given, plan.last, plan.moved)
        return Result({problem.answers[0]: y}, plan.how, plan.recipe)

    def script(self, problem: Problem, arrays: dict[str, Array]) -> str:
        """Return a program that makes the same call on the same numbers and prints `y`."""
        plan = _plan(problem, arrays)
        literals = [
            f"{name} = np.array({nested(one)}, jnp.{one.dtype.name}).reshape({one.shape})"
            for name, one in plan.operands.items()
        ]
        name = problem.answers[0]
        answer = [f"{name} = np.asarray(run({', '.join(plan.operands)}))"]
        if plan.moved and name in ("y", "dx"):
            axis = 1 - problem.unbatched
            answer.append(f"{name} = np.moveaxis({name}, -1, {axis})  # back to channels first")
        closing = [*answer, f"print({name})\n"]
        return "\n".join([IMPORTS, f"# {plan.how}", *literals, plan.source, *closing])

    def _compile(self, _: Problem, source: str) -> Any:
        """Return the jitted function; the problem is here as a key, for its sizes."""
        if self._compiled.cache_info().misses % 64 == 0:
            gc.collect()  # what XLA compiled sits in reference cycles
        return execute(source, self._names)["run"]


def _plan(problem: Problem, arrays: dict[str, Array]) -> Plan:
    """Choose the layout, move the operands to it and write the function."""
    given_last = problem.layout == "channels_last"
    sampled = zlib.crc32(problem.line.encode()) % 8 == 0
    fits = len(problem.x) > 2 and len(problem.w) in (0, 2, len(problem.x))
    last = given_last or (not sampled and fits and problem.op not in FIRST)
    said = body(problem, last)
    operands = {
        name: _placed(problem, name, array, last=last, move=last and not given_last)
        for name, array in arrays.items()
    }
    how = "channels last, cheap options" if last else "NCHW, default options"
    note = f"{how}; {said.note}" if said.note else how
    if problem.grad:
        note += "; gradient by jax.vjp"
    options = f", compiler_options={CHEAP!r}" if last else ""
    source = f"{_functions(problem, said, list(operands))}run = jax.jit(call{options})"
    return Plan(source, operands, last, last and not given_last, note, said.recipe)


def _functions(problem: Problem, said: Body, names: list[str]) -> str:
    """Write `call`, and for a gradient the function that it differentiates."""
    lines = "".join(f"    {line}\n" for line in said.lines)
    if not problem.grad:
        return f"def call({', '.join(names)}):\n{lines}"
    inputs = ", ".join(name for name in names if name != "dy")
    by = problem.grad
    return (
        f"def forward({inputs}):\n{lines}"
        f"def call({', '.join(names)}):\n"
        f"    y, back = jax.vjp(lambda {by}: forward({inputs}), {by})\n"
        "    return back(dy)[0]\n"
    )


def _placed(problem: Problem, name: str, array: Array, *, last: bool, move: bool) -> Array:
    """Return an operand in the layout of the call."""
    if name in ("x", "dy"):
        batched = array.ndim > 2 - problem.unbatched
        return np.moveaxis(array, 1 - problem.unbatched, -1) if move and batched else array
    if name == "bias":
        return array if last else array.reshape(-1, *(1,) * problem.rank)
    if name == "w" and problem.op in ("depthwise_conv", "separable_conv"):
        array = array.reshape(math.prod(array.shape[:2]), 1, *array.shape[2:])
    if name == "pointwise" or problem.op == "conv1x1":
        array = array.reshape(array.shape + (1,) * problem.rank)
    return np.moveaxis(array, (0, 1), (-1, -2)) if last and name in ("w", "pointwise") else array


def _answer(problem: Problem, answer: Array, last: bool, moved: bool) -> Array:
    """Return what the call gave in the layout that the problem wants."""
    if problem.grad == "bias":
        return answer.reshape(-1)
    if problem.grad == "w":
        return np.moveaxis(answer, (-1, -2), (0, 1)) if last else answer
    return np.moveaxis(answer, -1, 1 - problem.unbatched) if moved else answer
