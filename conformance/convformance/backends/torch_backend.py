"""PyTorch on the CPU: problems passed to the parameters of torch.nn.functional."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.source import call, execute, nested
from convformance.problem import Problem

_IMPORTS = "import torch\nimport torch.nn.functional as F\n"
_NON_FINITE = "from math import inf, nan\n"  # the names that `nested` and repr write
_RANKS = (1, 2, 3)  # a function's name ends in its rank


class TorchBackend:
    """torch.nn.functional with tensors in main memory, default flags and no gradients."""

    name = "torch"
    accumulators: ClassVar[dict[str, str]] = {
        "float16": "float32",  # half types are summed in float32 (at::opmath_type)
        "bfloat16": "float32",
        "lp_pool float16": "float16",  # every step of a norm is rounded to the tensor's dtype
        "lp_pool bfloat16": "bfloat16",
        "float32": "float32",
        "float64": "float64",
        "int8": "int8",  # integers wrap in their own width
        "int32": "int32",
        "int64": "int64",
    }

    def __init__(self) -> None:
        import torch

        full = str(torch.__version__)
        self._torch: Any = torch
        self.version = full.partition("+")[0]
        self.libraries = {"torch": full, "numpy": np.__version__}

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return y, and the indices where asked; torch's own exceptions pass through."""
        source = _source(problem)
        names = {name: self._tensor(array) for name, array in arrays.items()}
        names |= {"F": self._torch.nn.functional, "inf": math.inf}
        with warnings.catch_warnings(), self._torch.no_grad():
            warnings.simplefilter("ignore")  # torch's advice on speed is no answer
            scope = execute(source, names)
        outputs = {name: self._array(scope[name]) for name in _outputs(problem)}
        return Result(outputs, how="CPU, NCHW, default flags")

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        lines = [f"{name} = {_literal(array)}\n" for name, array in arrays.items()]
        lines.append(_source(problem))
        lines += [f"print({name})\n" for name in _outputs(problem)]
        body = "".join(lines)
        return (_NON_FINITE if "inf" in body or "nan" in body else "") + _IMPORTS + body

    def _tensor(self, array: Array) -> Any:
        """Share the array's memory; torch reads bfloat16 through its bits."""
        array = np.require(array, requirements=("C", "W"))  # what from_numpy can share
        if array.dtype == ml_dtypes.bfloat16:
            return self._torch.from_numpy(array.view(np.int16)).view(self._torch.bfloat16)
        return self._torch.from_numpy(array)

    def _array(self, tensor: Any) -> Array:
        """Share the tensor's memory, in the dtype that torch gave it."""
        if tensor.dtype == self._torch.bfloat16:
            bits: Array = tensor.view(self._torch.int16).numpy()
            return bits.view(ml_dtypes.bfloat16)
        array: Array = tensor.numpy()
        return array


def _literal(array: Array) -> str:
    return f"torch.tensor({nested(array)}, dtype=torch.{array.dtype.name}).reshape({array.shape})"


def _outputs(problem: Problem) -> tuple[str, ...]:
    return ("y", "indices") if problem.indices else ("y",)


def _source(problem: Problem) -> str:
    """Write the one call that says the problem; raise `Unsupported` where there is none."""
    if problem.op not in _CALLS:
        raise Unsupported(f"torch.nn.functional has no {problem.op}")
    if problem.rank not in _RANKS:
        raise Unsupported(
            f"torch.nn.functional has {problem.op} for 1 to 3 spatial axes, not {problem.rank}"
        )
    return f"{', '.join(_outputs(problem))} = {_CALLS[problem.op](problem)}\n"


def _conv(problem: Problem) -> str:
    return call(
        f"F.conv{problem.rank}d",
        "x",
        "w",
        "bias" if problem.bias else "None",
        stride=problem.stride,
        padding=_conv_padding(problem),
        dilation=problem.dilation,
        groups=problem.groups,
    )


def _conv1x1(problem: Problem) -> str:
    """A kernel of one tap: the weight seen as (M, C, 1, ...)."""
    weight = f"w[..., {', '.join(['None'] * problem.rank)}]"
    return call(f"F.conv{problem.rank}d", "x", weight, "bias" if problem.bias else "None")


def _max_pool(problem: Problem) -> str:
    return call(
        f"F.max_pool{problem.rank}d",
        "x",
        kernel_size=problem.kernel,
        stride=problem.stride,
        padding=_pool_padding(problem),
        dilation=problem.dilation,
        ceil_mode=problem.ceil_mode,
        return_indices=problem.indices,
    )


def _avg_pool(problem: Problem) -> str:
    _no_dilation(problem)
    return call(
        f"F.avg_pool{problem.rank}d",
        "x",
        kernel_size=problem.kernel,
        stride=problem.stride,
        padding=_pool_padding(problem),
        ceil_mode=problem.ceil_mode,
        count_include_pad=problem.count_include_pad,
    )


def _lp_pool(problem: Problem) -> str:
    _no_dilation(problem)
    if problem.padding != "valid":
        raise Unsupported("lp_pool has no padding parameter")
    one_axis = problem.rank == 1 and len(problem.kernel) == 1
    return call(
        f"F.lp_pool{problem.rank}d",
        "x",
        norm_type=problem.p,
        kernel_size=problem.kernel[0] if one_axis else problem.kernel,  # lp_pool1d takes an int
        stride=problem.stride,
        ceil_mode=problem.ceil_mode,
    )


_CALLS = {
    "conv": _conv,
    "conv1x1": _conv1x1,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "lp_pool": _lp_pool,
}


def _conv_padding(problem: Problem) -> str | tuple[int, ...]:
    if problem.padding == "valid":
        return "valid"
    if problem.padding in ("same", "same_upper"):
        return "same"  # documented: of an odd total the extra sample comes after
    if isinstance(problem.padding, str):
        raise Unsupported("padding='same' puts the extra sample after, and there is no other")
    return _symmetric(problem.padding)


def _pool_padding(problem: Problem) -> int | tuple[int, ...]:
    if problem.padding == "valid":
        return 0
    if isinstance(problem.padding, str):
        raise Unsupported(f"the padding of {problem.op} is a number, never 'same'")
    return _symmetric(problem.padding)


def _symmetric(pairs: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    for before, after in pairs:
        if before != after:
            raise Unsupported(f"one number pads both sides of an axis, not {before} and {after}")
    return tuple(before for before, _ in pairs)


def _no_dilation(problem: Problem) -> None:
    if any(step != 1 for step in problem.dilation):
        raise Unsupported(f"{problem.op} has no dilation parameter")
