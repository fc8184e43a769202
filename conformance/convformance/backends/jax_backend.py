"""JAX: `lax.conv_general_dilated` and `lax.reduce_window`, compiled by XLA for the CPU.

Most problems run channels-last with the cheap compiler options, where a new shape costs a
fraction; one in eight, always the same ones, runs as people write it: NCHW, default options.
"""

from __future__ import annotations

import functools
import gc
import importlib.metadata
import math
import string
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from convformance.backend import Array, Result, Unsupported
from convformance.backends.source import call, execute, nested
from convformance.problem import Problem

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
AVERAGE = "average pooling is a quotient of two lax.reduce_window sums"
LP = "Lp pooling is lax.reduce_window over powers, then a root"


@dataclass(frozen=True)
class Plan:
    """How one problem is said in JAX: its function as text, its operands, its layout."""

    source: str
    operands: dict[str, Array]
    last: bool  # channels last
    how: str
    recipe: bool


class JaxBackend:
    """JAX on the CPU."""

    name = "jax"

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
        for op in ("avg_pool", "lp_pool"):  # lax.reduce_window sums in the operand's own dtype
            self.accumulators |= {f"{op} {half}": half for half in ("float16", "bfloat16")}
        self._names = execute(IMPORTS, {})
        # The same problem with other numbers is not compiled anew; each takes a megabyte.
        self._compiled: Any = functools.lru_cache(maxsize=32)(self._compile)

    def run(self, problem: Problem, arrays: dict[str, Array]) -> Result:
        """Compile the problem's function, or take it from the cache, and call it."""
        plan = _plan(problem, arrays)
        y = np.asarray(self._compiled(problem, plan.source)(*plan.operands.values()))
        return Result({"y": np.moveaxis(y, -1, 1) if plan.last else y}, plan.how, plan.recipe)

    def script(self, problem: Problem, arrays: dict[str, Array]) -> str:
        """Return a program that makes the same call on the same numbers and prints `y`."""
        plan = _plan(problem, arrays)
        literals = [
            f"{name} = np.array({nested(one)}, jnp.{one.dtype.name}).reshape({one.shape})"
            for name, one in plan.operands.items()
        ]
        answer = [f"y = np.asarray(run({', '.join(plan.operands)}))"]
        if plan.last:
            answer.append("y = np.moveaxis(y, -1, 1)  # back to channels first")
        return "\n".join([IMPORTS, f"# {plan.how}", *literals, plan.source, *answer, "print(y)\n"])

    def _compile(self, _: Problem, source: str) -> Any:
        """Return the jitted function; the problem is here as a key, for its sizes."""
        if self._compiled.cache_info().misses % 64 == 0:
            gc.collect()  # what XLA compiled sits in reference cycles
        return execute(source, self._names)["run"]


def _plan(problem: Problem, arrays: dict[str, Array]) -> Plan:
    """Choose the layout, move the operands to it and write the function."""
    x, w = arrays["x"], arrays.get("w")
    if problem.op == "conv1x1" and w is not None:
        w = w.reshape(w.shape + (1,) * problem.rank)
    sampled = zlib.crc32(problem.line.encode()) % 8 == 0
    last = not sampled and x.ndim > 2 and (w is None or w.ndim == x.ndim)
    operands = {"x": np.moveaxis(x, 1, -1) if last else x}
    if w is not None:
        operands["w"] = np.moveaxis(w, (0, 1), (-1, -2)) if last else w
    if problem.bias:
        bias = arrays["bias"]
        operands["bias"] = bias if last else bias.reshape(-1, *(1,) * problem.rank)
    how = "channels last, cheap options" if last else "NCHW, default options"
    body, note = _body(problem, last)
    options = f", compiler_options={CHEAP!r}" if last else ""
    source = f"def call({', '.join(operands)}):\n{body}\nrun = jax.jit(call{options})"
    recipe = problem.op in ("avg_pool", "lp_pool")
    return Plan(source, operands, last, f"{how}; {note}" if note else how, recipe)


def _body(problem: Problem, last: bool) -> tuple[str, str]:
    """Return the function's lines, and what is to be said about them."""
    if problem.op in ("conv", "conv1x1"):
        lines = [f"return {_conv(problem, last)}{' + bias' if problem.bias else ''}"]
        notes = ["lax.conv_general_dilated with a 1x1 filter"] * (problem.op == "conv1x1")
        notes += ["the bias is added after the convolution"] * problem.bias
        note = "; ".join(notes)
    else:
        lines, note = _pool(problem, last)
    return "".join(f"    {line}\n" for line in lines), note


def _conv(problem: Problem, last: bool) -> str:
    options: dict[str, Any] = {
        "window_strides": problem.stride,
        "padding": _padding(problem),
        "rhs_dilation": problem.dilation,
        "feature_group_count": problem.groups,
    }
    if last:
        rank = problem.rank
        axes = "DHW"[-rank:] if rank <= 3 else string.ascii_lowercase[:rank]
        options["dimension_numbers"] = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    return call("lax.conv_general_dilated", "x", "w", **options)


def _pool(problem: Problem, last: bool) -> tuple[list[str], str]:
    if problem.op == "distance_pool":
        raise Unsupported("JAX has no distance-weighted pooling")
    if problem.ceil_mode:
        raise Unsupported("lax.reduce_window has no ceil_mode")
    if problem.indices:
        raise Unsupported("a maximum by lax.reduce_window gives no indices")
    if problem.op == "max_pool":
        lowest = "np.array(jnp.iinfo(x.dtype).min, x.dtype)"
        init = "-jnp.inf" if problem.is_float else lowest
        return [f"return {_window(problem, last, 'x', init, 'max')}"], ""
    if problem.op == "lp_pool":
        return _lp(problem, last), LP
    if not problem.is_float:
        raise Unsupported("JAX has no average pooling, and in a recipe an integer sum may wrap")
    total = _window(problem, last, "x", "0.0", "add")
    if problem.count_include_pad or problem.padding == "valid":  # every tap counts
        return [f"return lax.div({total}, x.dtype.type({math.prod(problem.kernel)}))"], AVERAGE
    count = _window(problem, last, "jnp.ones(x.shape, jnp.float32)", "0.0", "add")
    return [f"count = {count}", f"return lax.div({total}, count.astype(x.dtype))"], AVERAGE


def _lp(problem: Problem, last: bool) -> list[str]:
    p = problem.p
    if not problem.is_float or p < 1:
        raise Unsupported("JAX has no Lp pooling; the recipe takes floating-point numbers, p >= 1")
    if p == math.inf:
        return [f"return {_window(problem, last, 'lax.abs(x)', 'x.dtype.type(0)', 'max')}"]
    total = _window(problem, last, f"lax.abs(x) ** {p}", "0.0", "add")
    roots = {1: "total", 2: "lax.sqrt(total)", 3: "lax.cbrt(total)"}
    return [f"total = {total}", f"return {roots.get(int(p), f'total ** (1 / {p})')}"]


def _window(problem: Problem, last: bool, operand: str, init: str, reduction: str) -> str:
    def full(entries: tuple[Any, ...], one: Any) -> tuple[Any, ...]:
        return (one, *entries, one) if last else (one, one, *entries)

    padding = _padding(problem)
    return call(
        "lax.reduce_window",
        operand,
        init,
        f"lax.{reduction}",
        window_dimensions=full(problem.kernel, 1),
        window_strides=full(problem.stride, 1),
        padding=padding if isinstance(padding, str) else full(padding, (0, 0)),
        window_dilation=full(problem.dilation, 1),
    )


def _padding(problem: Problem) -> str | tuple[tuple[int, int], ...]:
    if not isinstance(problem.padding, str):
        return problem.padding
    return {"valid": "VALID", "same_lower": "SAME_LOWER"}.get(problem.padding, "SAME")
