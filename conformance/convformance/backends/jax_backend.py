"""JAX: each problem is one jitted function, compiled by XLA for the CPU.

Most problems are compiled with cheap options and, where the layout is ours to choose, run
channels-last, where a new shape costs a third. One in sixteen, always the same ones, runs as
people write it: NCHW, default options.
"""

from __future__ import annotations

import functools
import gc
import importlib.metadata
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from convformance.backend import Array, Result, Unsupported
from convformance.backends.jax_calls import BYTE_ORDER, FLAT, body, functions
from convformance.backends.jax_parameters import number_of
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
HIGHEST = 'jax.config.update("jax_default_matmul_precision", "highest")\n'
CHEAP = {  # faster to compile; the operations asked for stay the same
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
NARROW = (
    "avg_pool", "lp_pool", "max_pool grad=x", "conv grad=bias", "conv_transpose grad=bias",
)  # fmt: skip
# Answers in the layout of x or of the weight; a gradient by a bias has one axis.
MOVED = {"y": (-1, 1), "dx": (-1, 1), "dw": ((-1, -2), (0, 1))}
# Other paths: every problem as people write it, call by call without jax.jit, and with the
# precision of products that JAX calls the highest.
PATHS = ("default_options", "eager", "highest")
ONE_IN = {"eager": 8}  # where each operation of a call is compiled for each shape
Move = tuple[Any, Any]  # the axes that np.moveaxis takes and where they go


@dataclass(frozen=True)
class Plan:
    """How one problem is said in JAX: its function as text, its operands, its layout."""

    source: str
    operands: dict[str, Array]
    back: Move | None  # from the layout of the call to that of the problem
    how: str
    recipe: bool
    layout: str  # of the call


class JaxBackend:
    """JAX on the CPU."""

    name = "jax"
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})
    variants: ClassVar[dict[str, dict[str, str]]] = {path: {"path": path} for path in PATHS}
    threads = "XLA makes its threads once in a process, and JAX has no function that sets how many"

    def __init__(self, path: str = "") -> None:
        import jax

        self._path = path
        self.one_in = ONE_IN.get(path, 1)
        jax.config.update("jax_enable_x64", True)
        self.version: str = jax.__version__
        self.libraries = {
            one: importlib.metadata.version(one) for one in ("jax", "jaxlib", "numpy")
        }
        # Those of the convolutions; what adds up otherwise does so in the dtype of its operand:
        # lax.reduce_window, the gradient of a broadcast bias, that of lax.reduce_window_max.
        self.accumulators = dict.fromkeys(("float16", "bfloat16", "float32"), "float32")
        self.accumulators["float64"] = "float64"
        for op in NARROW:
            self.accumulators |= {f"{op} {half}": half for half in ("float16", "bfloat16")}
        self._head = IMPORTS + HIGHEST * (path == "highest")
        self._names = execute(self._head, {})
        # The same problem with other numbers is not compiled anew; each takes a megabyte.
        self._compiled: Any = functools.lru_cache(maxsize=32)(self._compile)

    def run(self, problem: Problem, arrays: dict[str, Array]) -> Result:
        """Compile the problem's function, or take it from the cache, and call it."""
        plan = _plan(problem, arrays, self._path)
        answer = np.asarray(self._compiled(problem, plan.source)(*plan.operands.values()))
        if plan.back:
            answer = np.moveaxis(answer, *plan.back)
        return Result({problem.answers[0]: answer}, plan.how, plan.recipe, plan.layout)

    def tensor(self, array: Array) -> Any:
        """Return the array as JAX's; raise `Unsupported` for the other byte order."""
        if not array.dtype.isnative:
            raise Unsupported(BYTE_ORDER)
        return self._names["jnp"].asarray(array)

    def array(self, tensor: Any) -> Array:
        """Return an array of JAX as NumPy's."""
        return np.asarray(tensor)

    def script(self, problem: Problem, arrays: dict[str, Array]) -> str:
        """Return a program that makes the same call on the same numbers and prints its answer."""
        plan = _plan(problem, arrays, self._path)
        answer = problem.answers[0]
        lines = [f"{name} = {_literal(one)}" for name, one in plan.operands.items()]
        lines += [plan.source, f"{answer} = np.asarray(run({', '.join(plan.operands)}))"]
        if plan.back:
            axes = ", ".join(map(repr, plan.back))
            lines.append(f"{answer} = np.moveaxis({answer}, {axes})  # back to channels first")
        return "\n".join([self._head, f"# {plan.how}", *lines, f"print({answer})\n"])

    def _compile(self, _: Problem, source: str) -> Any:
        """Return the jitted function; the problem is here as a key, for its sizes."""
        if self._compiled.cache_info().misses % 256 == 0:
            gc.collect()  # what XLA compiled sits in reference cycles, a megabyte each
        return execute(source, self._names)["run"]


def _literal(array: Array) -> str:
    values = repr(array.tolist()) if array.dtype.kind == "c" else nested(array)
    return f"np.array({values}, jnp.{array.dtype.name}).reshape({array.shape})"


def _plan(problem: Problem, arrays: dict[str, Array], path: str) -> Plan:
    """Choose the layout, move the operands to it and write the function."""
    sampled = path == "default_options" or number_of(problem) % 16 == 0
    given_last = problem.layout == "channels_last"
    last = given_last or (not sampled and _movable(problem))
    said = body(problem, last)
    operands = {
        name: _placed(problem, name, one, last=last, given_last=given_last)
        for name, one in arrays.items()
    }
    layout = "channels last" if last else "NCHW"
    how = f"{layout}, {_compiler(path, sampled)}"
    notes = (how, *said.notes, *["gradient by jax.vjp"] * bool(problem.grad))
    options = "" if sampled else f", compiler_options={CHEAP!r}"
    made = "call" if path == "eager" else f"jax.jit(call{options})"
    source = f"{functions(problem, said, list(operands))}run = {made}"
    move = MOVED.get(problem.answers[0]) if last else None
    if given_last and problem.answers[0] != "dw":
        move = None
    elif move and problem.unbatched:
        move = (-1, 0)
    return Plan(source, operands, move, "; ".join(notes), said.recipe, layout)


def _compiler(path: str, sampled: bool) -> str:
    if path == "eager":
        return "without jax.jit"
    options = "default options" if sampled else "cheap options"
    return f"{options}, highest precision" if path == "highest" else options


def _movable(problem: Problem) -> bool:
    """Whether the channels can be put last: JAX is to see a weight that does not fit as it is."""
    rank = problem.rank if problem.op == "conv1x1" else 0
    fits = not problem.w or len(problem.w) + rank == len(problem.x)
    return len(problem.x) > 2 and fits and problem.op not in FLAT


def _placed(problem: Problem, name: str, array: Array, *, last: bool, given_last: bool) -> Array:
    """Return an operand in the layout of the call."""
    if name in ("x", "dy"):
        return np.moveaxis(array, 1 - problem.unbatched, -1) if last and not given_last else array
    if name == "pointwise" or (problem.op == "conv1x1" and name == "w"):
        array = array.reshape(array.shape + (1,) * problem.rank)
    elif name == "w" and problem.op in ("depthwise_conv", "separable_conv"):
        array = array.reshape(math.prod(array.shape[:2]), 1, *array.shape[2:])
    return np.moveaxis(array, (0, 1), (-1, -2)) if last and name in ("w", "pointwise") else array
