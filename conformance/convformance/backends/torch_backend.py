"""PyTorch on the CPU: problems passed to the parameters of torch.nn.functional."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.source import execute, nested
from convformance.backends.torch_calls import Call, written
from convformance.backends.torch_paths import ONE_IN, PATHS
from convformance.problem import EXTRAS, Problem

_IMPORTS = "import torch\nimport torch.nn.functional as F\n"
MOST = 1_000_000  # programs of one text in a process
NO_REVERSAL = "torch tensors have no negative strides"
_NON_FINITE = "from math import inf, nan\n"  # the names that `nested` and repr write

# In which dtype sums are kept; every line that is not float32 or wider is proven by a test.
ACCUMULATORS = {
    "float16": "float32",  # half types are summed in float32 (at::opmath_type)
    "bfloat16": "float32",
    "float32": "float32",
    "float64": "float64",
    "int8": "int8",  # integers wrap in their own width
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    # A half gradient is added up in its own tensor: window by window, sample by sample.
    "conv grad=x float16": "float16",
    "conv grad=x bfloat16": "bfloat16",  # at padding that repeats samples
    "conv grad=w float16": "float16",
    "conv_transpose float16": "float16",
    "conv_transpose grad=x float16": "float32",
    "conv_transpose grad=bias float16": "float32",
} | {
    op: half
    for half in ("float16", "bfloat16")
    for op in (
        f"max_pool grad=x {half}",
        f"avg_pool grad=x {half}",
        f"lp_pool {half}",  # every step of a norm is rounded to the tensor's dtype
        f"adaptive_avg_pool {half} rank 3",
        f"fold {half}",
    )
}
# Where oneDNN takes no bfloat16, it goes the way of float16.
WITHOUT_ONEDNN = {
    "conv grad=w bfloat16": "bfloat16",
    "conv_transpose bfloat16": "bfloat16",
    "conv_transpose grad=x bfloat16": "float32",
    "conv_transpose grad=bias bfloat16": "float32",
}


class TorchBackend:
    """torch.nn.functional with tensors in main memory; default flags, or another of its paths."""

    name = "torch"
    variants: ClassVar[dict[str, dict[str, str]]] = {path: {"path": path} for path in PATHS}
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})

    def __init__(self, path: str = "") -> None:
        import torch

        self._path = PATHS.get(path)
        self.one_in = ONE_IN.get(path, 1)
        self._traced: dict[str, dict[str, Any]] = {}  # by source, the globals of its calls
        if path == "one_thread":
            reason = "this path has one thread"
            self.threads = reason  # type: ignore[method-assign, assignment]  # a reason has its place

        if path == "compile":
            # Beyond 8 shapes of one text a call would be eager, and only a warning would say so.
            import torch._dynamo as dynamo

            dynamo.config.cache_size_limit = dynamo.config.accumulated_cache_size_limit = MOST
        full = str(torch.__version__)
        self._torch: Any = torch
        self.version = full.partition("+")[0]
        self.libraries = {"torch": full, "numpy": np.__version__}
        takes_bfloat16 = path != "no_onednn" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        self.accumulators = ACCUMULATORS | ({} if takes_bfloat16 else WITHOUT_ONEDNN)

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return the problem's answers; torch's own exceptions pass through."""
        if problem.memory == "reversed":
            raise Unsupported(NO_REVERSAL)
        call = self._written(problem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's advice on speed is no answer
            names = {name: self.tensor(array) for name, array in arrays.items()}
            names |= {"torch": self._torch, "F": self._torch.nn.functional, "inf": math.inf}
            is_traced = self.one_in > 1
            kept = self._traced.setdefault(call.source, {}) if is_traced else None
            scope = execute(call.source, names, kept)
        outputs = {name: self.array(scope[name]) for name in problem.answers}
        order = "NHWC" if problem.layout == "channels_last" else "NCHW"
        how = f"CPU, {order}" if self._path else f"CPU, {order}, default flags"
        return Result(outputs, f"{how}; {call.note}" if call.note else how, call.recipe)

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        lines = [f"{name} = {_literal(array)}\n" for name, array in arrays.items()]
        lines.append(self._written(problem).source)
        lines += [f"print({name})\n" for name in problem.answers]
        body = "".join(lines)
        return (_NON_FINITE if "inf" in body or "nan" in body else "") + _IMPORTS + body

    def _written(self, problem: Problem) -> Call:
        call = written(problem)
        return self._path(problem, call) if self._path else call

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """Have the calls of a `with` block use n threads."""
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(n)
        try:
            yield
        finally:
            self._torch.set_num_threads(before)

    def tensor(self, array: Array) -> Any:
        """Share the array's memory as it lies; torch reads bfloat16 through its bits."""
        if not array.dtype.isnative:
            raise Unsupported("torch tensors are in the machine's byte order")
        if min(array.strides, default=0) < 0:
            raise Unsupported(NO_REVERSAL)
        if array.dtype == ml_dtypes.bfloat16:
            return self._torch.from_numpy(array.view(np.int16)).view(self._torch.bfloat16)
        return self._torch.from_numpy(array)

    def array(self, tensor: Any) -> Array:
        """Share the tensor's memory, in the dtype that torch gave it."""
        if tensor.dtype == self._torch.bfloat16:
            bits: Array = tensor.view(self._torch.int16).numpy()
            return bits.view(ml_dtypes.bfloat16)
        array: Array = tensor.numpy()
        return array


def _literal(array: Array) -> str:
    """Write the tensor that `tensor` makes of the array, its strides included."""
    dtype, shape = f"dtype=torch.{array.dtype.name}", array.shape
    values = repr(array.tolist()) if array.dtype.kind == "c" else nested(array)
    text = f"torch.tensor({values}, {dtype}).reshape({shape})"
    if array.strides == np.empty(shape, array.dtype).strides:
        return text
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return f"torch.empty_strided({shape}, {strides}, {dtype}).copy_({text})"
