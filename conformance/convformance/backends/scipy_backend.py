"""SciPy: scipy.signal's correlations and convolutions, scipy.ndimage's filters."""

from __future__ import annotations

import importlib.metadata
import math
import warnings
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from convformance.backend import Array, Arrays, Result
from convformance.backends.scipy_calls import written
from convformance.backends.source import execute, nested
from convformance.problem import Problem

_IMPORTS = "import numpy as np\nfrom scipy import ndimage, signal\n"
_NON_FINITE = "from math import inf, nan\n"  # the names that `nested` and repr write


class ScipyBackend:
    """scipy.signal, always by its direct method, and scipy.ndimage."""

    name = "scipy"
    knows: ClassVar[frozenset[str]] = frozenset(
        {"padding", "padding_mode", "input_dilation", "flip", "output_dtype"}
    )
    # scipy.signal adds up in the dtype of its arrays; scipy.ndimage in float64.
    accumulators = MappingProxyType(
        {"float32": "float32", "float64": "float64", "avg_pool float32": "float64"}
    )
    threads = "SciPy's filters use one thread"

    def __init__(self) -> None:
        from scipy import ndimage, signal

        self.version = importlib.metadata.version("scipy")
        self.libraries = {"scipy": self.version, "numpy": np.__version__}
        self._names: dict[str, Any] = {
            "ndimage": ndimage, "signal": signal, "np": np, "inf": math.inf,
        }  # fmt: skip

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return y; what scipy raises passes through."""
        call = written(problem)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of overflow and NaN; no answer
            scope = execute(f"{call.before}y = {call.source}\n", {**self._names, **arrays})
        return Result({"y": scope["y"]}, call.note, call.recipe)

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        call = written(problem)
        lines = [f"{name} = {_literal(one)}\n" for name, one in arrays.items()]
        body = "".join([*lines, f"{call.before}y = {call.source}\n", "print(y)\n"])
        return (_NON_FINITE if "inf" in body or "nan" in body else "") + _IMPORTS + body


def _literal(array: Array) -> str:
    values = repr(array.tolist()) if array.dtype.kind == "c" else nested(array)
    return f'np.array({values}, dtype="{array.dtype.name}").reshape({array.shape})'
