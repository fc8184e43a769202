"""MLX on the CPU: problems passed to functions of mlx.core and layers of mlx.nn, channels last."""

from __future__ import annotations

import importlib.metadata
from types import MappingProxyType
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays, Result
from convformance.backends.mlx_calls import body, moved, moved_back, source
from convformance.backends.source import execute, nested
from convformance.problem import EXTRAS, Problem

IMPORTS = """\
import ml_dtypes
import mlx.core as mx
import mlx.nn as nn
import numpy as np

mx.set_default_device(mx.cpu)
inf, nan = float("inf"), float("nan")
"""

# In which dtype sums are kept; what is not float32 is proven by a test.
ACCUMULATORS = {
    "float16": "float32",
    "bfloat16": "float32",
    "float32": "float32",
    "float64": "float64",  # as it should be: convolutions of it are computed in float32
    # Where windows overlap their gradients are added up in the gradient's own dtype.
    "max_pool grad=x float16": "float16",
    "max_pool grad=x bfloat16": "bfloat16",
    "avg_pool grad=x float16": "float16",
    "avg_pool grad=x bfloat16": "bfloat16",
}


class MlxBackend:
    """MLX's functions on its CPU device; the path "compile" has them through mx.compile."""

    name = "mlx"
    variants: ClassVar[dict[str, dict[str, str]]] = {"compile": {"path": "compile"}}
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})
    accumulators = MappingProxyType(ACCUMULATORS)
    threads = "MLX has no function that sets how many threads its CPU device uses"

    def __init__(self, path: str = "") -> None:
        import mlx.core as mx

        self._compiled = path == "compile"
        self.version = importlib.metadata.version("mlx")
        self.libraries = {"mlx": self.version, "numpy": np.__version__}
        self._mx: Any = mx
        self._names = execute(IMPORTS, {})

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return the problem's answers; MLX's own exceptions pass through."""
        said = body(problem)
        operands = moved(problem, arrays)
        text = source(problem, said, list(operands), compiled=self._compiled)
        given = {name: self.tensor(one) for name, one in operands.items()}
        name = problem.answers[0]
        answer = execute(text, self._names | given)[name]
        self._mx.eval(answer)  # until then nothing has been computed
        how = ["channels last", *["mx.compile"] * self._compiled, *said.notes]
        how += ["gradient by mx.vjp"] * bool(problem.grad)
        back = moved_back(problem, self.array(answer))
        return Result({name: back}, "; ".join(how), said.recipe, "channels last")

    def tensor(self, array: Array) -> Any:
        """Return the array as MLX's, which makes float32 of float64 unless it is told."""
        if array.dtype == np.float64:
            return self._mx.array(array, dtype=self._mx.float64)
        return self._mx.array(array)

    def array(self, tensor: Any) -> Array:
        """Return an array of MLX as NumPy's, of bfloat16 by its bits: no buffer has its name."""
        if tensor.dtype == self._mx.bfloat16:
            return np.array(tensor.view(self._mx.uint16)).view(ml_dtypes.bfloat16)
        return np.array(tensor)

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        said = body(problem)
        operands = moved(problem, arrays)
        lines = [f"{name} = {_literal(one)}" for name, one in operands.items()]
        text = source(problem, said, list(operands), compiled=self._compiled)
        notes = "; ".join(("channels last", *said.notes))
        answer = problem.answers[0]
        return "\n".join([IMPORTS, f"# {notes}", *lines, text, f"print({answer})"]) + "\n"


def _literal(array: Array) -> str:
    """Write an array of MLX; how it lay in memory is told by the case alone."""
    values = repr(array.tolist()) if array.dtype.kind == "c" else nested(array)
    kind = "ml_dtypes.bfloat16" if array.dtype == ml_dtypes.bfloat16 else f"np.{array.dtype.name}"
    told = ", dtype=mx.float64" if array.dtype == np.float64 else ""
    return f"mx.array(np.array({values}, {kind}).reshape({array.shape}){told})"
