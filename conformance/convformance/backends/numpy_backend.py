"""Our own vectorised NumPy kernel."""

from __future__ import annotations

import importlib.metadata
import math
from types import MappingProxyType

import numpy as np

from convformance import kernel
from convformance.backend import Array, Arrays, Result
from convformance.backends.source import call, execute, nested
from convformance.problem import Problem


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
        }
    )

    def __init__(self) -> None:
        self.version = _version()
        self.libraries = {"numpy": np.__version__}

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return y, and the indices where asked; `kernel.ArgumentError` passes through."""
        scope = execute(_source(problem), {**arrays, "kernel": kernel, "inf": math.inf})
        return Result({name: scope[name] for name in _outputs(problem)})

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        literals = [f"{name} = {_literal(array)}\n" for name, array in arrays.items()]
        prints = [f"print({name})\n" for name in _outputs(problem)]
        body = "".join([*literals, _source(problem), *prints])
        non_finite = "from math import inf, nan\n\n" if "inf" in body or "nan" in body else ""
        return f"{non_finite}import numpy as np\n\nfrom convformance import kernel\n\n{body}"


def _version() -> str:
    try:
        return importlib.metadata.version("convformance")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "0.1.0"


def _literal(array: Array) -> str:
    # NumPy knows bfloat16 by name once the kernel is imported.
    return f'np.array({nested(array)}, dtype="{array.dtype.name}").reshape({array.shape})'


def _outputs(problem: Problem) -> tuple[str, ...]:
    return ("y", "indices") if problem.indices else ("y",)


def _source(problem: Problem) -> str:
    """Write the one call that says the problem."""
    arguments, options = _parameters(problem)
    return (
        f"{', '.join(_outputs(problem))} = {call(f'kernel.{problem.op}', *arguments, **options)}\n"
    )


def _parameters(problem: Problem) -> tuple[list[str], dict[str, object]]:
    """Return the positional arguments and the options of the op's function."""
    bias = ["bias"] if problem.bias else []
    if problem.op == "conv1x1":
        return ["x", "w", *bias], {}
    options: dict[str, object] = {
        "stride": problem.stride,
        "padding": problem.padding,
        "dilation": problem.dilation,
    }
    if problem.op == "conv":
        return ["x", "w", *bias], options | {"groups": problem.groups}
    options["ceil_mode"] = problem.ceil_mode
    if problem.op == "max_pool":
        options["return_indices"] = problem.indices
    elif problem.op == "lp_pool":
        options["p"] = problem.p
    else:
        options["count_include_pad"] = problem.count_include_pad
    return ["x", "w" if problem.op == "distance_pool" else f"{problem.kernel}"], options
