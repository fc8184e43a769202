"""Our own vectorised NumPy kernel."""

from __future__ import annotations

import importlib.metadata
import math
from types import MappingProxyType
from typing import Any

import numpy as np

from convformance import kernel
from convformance.backend import Array, Arrays, Result
from convformance.backends.source import call, execute, nested
from convformance.handing import BATCHED
from convformance.problem import EXTRAS, Problem


class NumpyBackend:
    """`convformance.kernel`, which can say every problem."""

    name = "numpy"
    accumulators = MappingProxyType(
        {
            "float16": "float32",
            "bfloat16": "float32",
            "float32": "float32",  # of a convolution; pools keep every sum in float64
            "float64": "float64",
            "int8": "int64",
            "int32": "int64",
            "int64": "int64",
            "uint8": "int64",
            "avg_pool grad=x float16": "float64",
            "avg_pool grad=x bfloat16": "float64",
            "avg_pool grad=x float32": "float64",
        }
    )
    knows = frozenset((*EXTRAS, "padding"))
    threads = (
        "NumPy has no function that sets the threads of its BLAS, where it multiplies matrices"
    )

    def __init__(self) -> None:
        self.version = _version()
        self.libraries = {"numpy": np.__version__}

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return y, and the indices where asked; `kernel.ArgumentError` passes through."""
        names = {"kernel": kernel, "np": np, "inf": math.inf}
        scope = execute(_source(problem), {**arrays, **names})
        return Result({name: scope[name] for name in problem.answers})

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        literals = [f"{name} = {_literal(array)}\n" for name, array in arrays.items()]
        prints = [f"print({name})\n" for name in problem.answers]
        body = "".join([*literals, _source(problem), *prints])
        non_finite = "from math import inf, nan\n\n" if "inf" in body or "nan" in body else ""
        return f"{non_finite}import numpy as np\n\nfrom convformance import kernel\n\n{body}"


LAST = "channels_last"
_WINDOW = ("stride", "padding", "dilation")
_POOL = (*_WINDOW, "ceil_mode")
OPTIONS: dict[str, tuple[str, ...]] = {
    "conv": (
        *_WINDOW, "groups", "padding_mode", "input_dilation", "batch_groups", "flip",
        "output_dtype",
    ),
    "conv_transpose": (*_WINDOW, "groups", "output_padding"),
    "depthwise_conv": _WINDOW,
    "separable_conv": _WINDOW,
    "max_pool": _POOL,
    "avg_pool": (*_POOL, "count_include_pad"),
    "lp_pool": (*_POOL, "p"),
    "distance_pool": (*_POOL, "count_include_pad"),
    "max_unpool": ("stride", "padding", "output"),
    "unfold": _WINDOW,
    "fold": _WINDOW,
}  # fmt: skip
# Options that are not written where they have their default.
LATER: dict[str, Any] = {
    "padding_mode": lambda problem: "zeros",
    "input_dilation": lambda problem: (1,) * problem.rank,
    "batch_groups": lambda problem: 1,
    "flip": lambda problem: False,
    "output_dtype": lambda problem: "",
    "output_padding": lambda problem: (0,) * problem.rank,
    "output": lambda problem: (),
}


def _version() -> str:
    try:
        return importlib.metadata.version("convformance")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "0.1.0"


def _literal(array: Array) -> str:
    # NumPy knows bfloat16 by name once the kernel is imported.
    return f'np.array({nested(array)}, dtype="{array.dtype.name}").reshape({array.shape})'


def _source(problem: Problem) -> str:
    """Write the call that says the problem, with the arrays moved to channels first and back."""
    lines = [*_moved(problem, True), _call(problem), *_moved(problem, False)]
    return "".join(f"{line}\n" for line in lines)


def _moved(problem: Problem, before: bool) -> list[str]:
    """Return the lines that bring arrays to (N, C, *spatial), or answers back to their layout."""
    given = [name for name in ("x", "dy", "indices") if name in _inputs(problem)]
    names = given if before else [name for name in problem.answers if name in BATCHED]
    batch = [f"{name} = {name}[{'None' if before else '0'}]" for name in names]
    axes = "-1, 1" if before else "1, -1"
    layout = [f"{name} = np.moveaxis({name}, {axes})" for name in names]
    found = (batch if problem.unbatched else []), (layout if problem.layout == LAST else [])
    return [*found[0], *found[1]] if before else [*found[1], *found[0]]


def _inputs(problem: Problem) -> tuple[str, ...]:
    extra = ["dy"] if problem.grad else []
    return ("x", *extra, *(["indices"] if problem.op == "max_unpool" else []))


def _call(problem: Problem) -> str:
    arguments, options = _parameters(problem)
    name = f"kernel.{problem.op}{'_gradient' if problem.grad else ''}"
    return f"{', '.join(problem.answers)} = {call(name, *arguments, **options)}"


def _parameters(problem: Problem) -> tuple[list[str], dict[str, object]]:
    """Return the positional arguments and the options of the op's function."""
    options: dict[str, object] = {}
    for name in OPTIONS.get(problem.op, ()):
        if name not in LATER or getattr(problem, name) != LATER[name](problem):
            options[name] = getattr(problem, name)
    if problem.indices:
        options["return_indices"] = True
    arguments = ["x"]
    if problem.grad:
        if problem.w:
            return [repr(problem.grad), "x", "w", "dy"], options
        return ["x", "dy", repr(problem.kernel)], options
    arguments += ["w"] if problem.w or problem.op == "distance_pool" else []
    arguments += [name for name in ("pointwise",) if problem.pointwise]
    arguments += ["indices"] if problem.op == "max_unpool" else []
    arguments += ["bias"] if problem.bias else []
    if problem.output and problem.op != "max_unpool":
        arguments.append(repr(problem.output))
    if problem.kernel and problem.op != "distance_pool":
        arguments.append(repr(problem.kernel))
    return arguments, options
