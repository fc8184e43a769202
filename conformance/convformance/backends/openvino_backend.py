"""OpenVINO on the CPU: a problem is a model of its own, compiled for it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.layouts_patches import columns_of
from convformance.backends.openvino_calls import Call, written
from convformance.backends.source import execute, nested
from convformance.problem import EXTRAS, Problem

# Some processors would compute float32 in bfloat16, or float16 in itself, if it were left to them.
HINTS: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
TYPES = {
    "float16": "f16", "bfloat16": "bf16", "float32": "f32", "int8": "i8", "int32": "i32",
    "uint8": "u8",
}  # fmt: skip


HEAD = ("import numpy as np", "import openvino as ov", "from openvino import opset16 as ops", "")


class OpenVinoBackend:
    """The operations of opset16, weights as constants; device CPU, inference precision f32."""

    name = "openvino"
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})
    # The CPU has kernels of float32 for all floating-point numbers: they are converted to it, and
    # the answer back.
    accumulators = MappingProxyType(dict.fromkeys(("float16", "bfloat16", "float32"), "float32"))

    def __init__(self) -> None:
        import openvino
        from openvino import opset16

        self.version = importlib.metadata.version("openvino")
        self.libraries = {"openvino": openvino.get_version(), "numpy": np.__version__}
        self._ov: Any = openvino
        self._ops: Any = opset16
        self._core = openvino.Core()
        self._hints = HINTS

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """Have the models of a `with` block use n threads."""
        before, self._hints = self._hints, HINTS | {"INFERENCE_NUM_THREADS": n}
        try:
            yield
        finally:
            self._hints = before

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return the problem's answers; OpenVINO's own exceptions pass through."""
        call = written(problem)
        # Tensors of bits share their memory, which must lie in order and last as long as they.
        given = {
            name: np.ascontiguousarray(one) if _is_bf16(one) else one
            for name, one in seen(problem, arrays).items()
        }
        x = self._ops.parameter(given["x"].shape, self._type_of(given["x"]))
        names = {name: self._ops.constant(self._tensor(one)) for name, one in given.items()}
        node = execute("\n".join(call.lines), {**names, "ops": self._ops, "x": x})["node"]
        outputs = [node.output(i) for i, _ in enumerate(problem.answers)]
        model = self._core.compile_model(self._ov.Model(outputs, [x]), "CPU", self._hints)
        found = model([self._tensor(given["x"])])
        answers = {name: _array(problem, found[i]) for i, name in enumerate(problem.answers)}
        return Result(_laid_out(problem, answers), _how(call), call.recipe)

    def _type_of(self, array: Array) -> Any:
        return getattr(self._ov.Type, TYPES[array.dtype.name])

    def _tensor(self, array: Array) -> Any:
        """Return a tensor of the array; those of bfloat16 are made of its bits."""
        if not array.dtype.isnative:  # it would be read as if it were
            raise Unsupported("element types of OpenVINO are in the machine's byte order")
        if array.dtype == ml_dtypes.bfloat16:
            return self._ov.Tensor(array.view(np.uint16), array.shape, self._ov.Type.bf16)
        return self._ov.Tensor(array)

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        call, given = written(problem), seen(problem, arrays)
        kind = TYPES[given["x"].dtype.name]
        body = [
            *(f"{name}_values = {_literal(one)}" for name, one in given.items()),
            f"x = ops.parameter({given['x'].shape}, ov.Type.{kind})",
            *(f"{name} = ops.constant({name}_values)" for name in given if name != "x"),
            *call.lines,
            f"outputs = [node.output(i) for i in range({len(problem.answers)})]",
            'core, hints = ov.Core(), {"INFERENCE_PRECISION_HINT": "f32"}',
            'model = core.compile_model(ov.Model(outputs, [x]), "CPU", hints)',
            "answers = model([x_values])",
            f"for i in range({len(problem.answers)}):",
            "    print(answers[i])",
        ]
        odd = any("inf" in line or "nan" in line for line in body[: len(given)])
        head = ["from math import inf, nan"] * odd
        head += ["import ml_dtypes"] * (kind == "bf16")
        head += [
            "import numpy as np",
            "import openvino as ov",
            "from openvino import opset16 as ops",
        ]
        return "\n".join([*head, "", *body]) + "\n"


def seen(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays in the opset's shapes: a weight's groups first, a bias of every axis."""
    given = dict(arrays)
    ones = (1,) * problem.rank
    if problem.op == "conv1x1":
        given["w"] = given["w"].reshape(*given["w"].shape, *ones)
    if "pointwise" in given:
        given["pointwise"] = given["pointwise"].reshape(*given["pointwise"].shape, *ones)
    if problem.op in ("depthwise_conv", "separable_conv"):
        C, multiplier, *kernel = given["w"].shape
        given["w"] = given["w"].reshape(C, multiplier, 1, *kernel)
    elif problem.groups > 1:
        first, *rest = given["w"].shape
        given["w"] = given["w"].reshape(problem.groups, first // problem.groups, *rest)
    if "bias" in given:
        given["bias"] = given["bias"].reshape(1, -1, *ones)
    return given


def _array(problem: Problem, found: Array) -> Array:
    """Return an answer: numbers of bfloat16 come as bits, under another name."""
    is_bits = problem.dtype == "bfloat16" and found.dtype == np.float16
    return found.view(ml_dtypes.bfloat16) if is_bits else found


def _laid_out(problem: Problem, answers: dict[str, Array]) -> dict[str, Array]:
    if "indices" in answers:
        answers["indices"] = answers["indices"].astype(np.int64)  # positions, whatever holds them
    if problem.op == "unfold":
        answers["y"] = columns_of(problem, np.moveaxis(answers["y"], 1, -1))
    return answers


def _how(call: Call) -> str:
    how = "CPU, inference precision f32"
    return f"{how}; {call.note}" if call.note else how


def _literal(array: Array) -> str:
    """Write what `_tensor` makes of the array."""
    values = f"np.array({nested(array)}, {'float32' if _is_bf16(array) else array.dtype.name!r})"
    if not _is_bf16(array):
        return f"{values}.reshape({array.shape})"
    bits = f"{values}.astype(ml_dtypes.bfloat16).view(np.uint16).reshape({array.shape})"
    return f"ov.Tensor({bits}, {array.shape}, ov.Type.bf16)"


def _is_bf16(array: Array) -> bool:
    return bool(array.dtype == ml_dtypes.bfloat16)
