"""tinygrad on its CPU device: problems passed to the parameters of Tensor's functions."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays, Result
from convformance.backends.source import execute, nested
from convformance.backends.tinygrad_calls import written
from convformance.problem import EXTRAS, Problem

COMPILER = "CC"  # what tinygrad reads for the name of its compiler
NO_COMPILER = (
    "tinygrad compiles its kernels with clang, and there is none: install it, "
    f"or name one in {COMPILER} (as {COMPILER}=clang-19)"
)


class TinygradBackend:
    """Functions of tinygrad.Tensor on the device CPU; clang makes a kernel for each shape."""

    name = "tinygrad"
    one_in = 32
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})
    accumulators = MappingProxyType({"float32": "float32"})

    def __init__(self) -> None:
        if shutil.which(os.environ.get(COMPILER, "clang")) is None:
            raise RuntimeError(NO_COMPILER)
        # A compiler in processes of its own would have to be started for every process of a run.
        os.environ.setdefault("PARALLEL", "0")
        from tinygrad import Context, Tensor, dtypes, nn

        self.version = importlib.metadata.version("tinygrad")
        self.libraries = {"tinygrad": self.version, "numpy": np.__version__}
        self._tensor, self._dtypes, self._nn = Tensor, dtypes, nn
        self._context: Any = Context

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return the problem's answers; tinygrad's own exceptions pass through."""
        said = written(problem)
        inputs = {name: self._given(one) for name, one in arrays.items()}
        scope = execute("\n".join(said.lines), {"nn": self._nn, **inputs})
        answers = {name: self._array(scope[name]) for name in problem.answers}
        if "indices" in answers:
            answers["indices"] = answers["indices"].astype(np.int64)  # whatever holds positions
        how = "device CPU, clang"
        return Result(answers, f"{how}; {said.note}" if said.note else how, said.recipe)

    def threads(self, n: int) -> AbstractContextManager[None]:
        """Have the kernels of a `with` block made for n threads."""
        context: AbstractContextManager[None] = self._context(NUM_CPU_THREADS=n)
        return context

    def _given(self, array: Array) -> Any:
        """Return a tensor of the array; tinygrad takes NumPy's bfloat16 by its bits alone."""
        if array.dtype != ml_dtypes.bfloat16:
            return self._tensor(array, device="CPU")
        bits = self._tensor(array.view(np.uint16), device="CPU")
        return bits.bitcast(self._dtypes.bfloat16)

    def _array(self, tensor: Any) -> Array:
        """Return the tensor's numbers in the dtype that tinygrad gave; of bfloat16 by its bits."""
        if tensor.dtype != self._dtypes.bfloat16:
            found: Array = tensor.numpy()
            return found
        bits: Array = tensor.realize().bitcast(self._dtypes.uint16).numpy()
        return bits.view(ml_dtypes.bfloat16)

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        made = [f"{name} = {_literal(one)}" for name, one in arrays.items()]
        body = [*made, *written(problem).lines]
        body += [f"print({name}.tolist())" for name in problem.answers]  # numpy() lacks bfloat16
        text = "\n".join(body)
        head = ["from math import inf, nan"] * ("inf" in text or "nan" in text)
        head += ["import ml_dtypes"] * ("ml_dtypes." in text)
        head += ["import numpy as np", "from tinygrad import Tensor, dtypes, nn"]
        return "\n".join([*head, "", text]) + "\n"


def _literal(array: Array) -> str:
    """Write a tensor of the array; how it lay in memory is told by the case alone."""
    if array.dtype != ml_dtypes.bfloat16:
        values = f"np.array({nested(array)}, {array.dtype.name!r}).reshape({array.shape})"
        return f'Tensor({values}, device="CPU")'
    bits = f"np.array({nested(array)}, ml_dtypes.bfloat16).view(np.uint16).reshape({array.shape})"
    return f'Tensor({bits}, device="CPU").bitcast(dtypes.bfloat16)'
