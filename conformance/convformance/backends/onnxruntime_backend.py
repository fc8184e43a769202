"""onnxruntime on the CPU: a problem is a model of one node or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from platform import machine
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from convformance.backend import Array, Unsupported
from convformance.backends.onnx_model import OnnxModel, element_type

# Without kernels of its own for float16 (it has some on ARM) a node is put between two Casts.
ACCUMULATORS = {"float16": "float32"} if machine() in ("x86_64", "AMD64") else {}
NO_KERNEL = "Could not find an implementation"  # of the node for this dtype, on this provider


class OnnxRuntimeBackend(OnnxModel):
    """onnxruntime on the CPU; its graph optimisations as by default."""

    name = distribution = "onnxruntime"
    accumulators: ClassVar[dict[str, str]] = ACCUMULATORS
    _threads = 0  # as many as it likes

    @cached_property
    def _runtime(self) -> Any:
        import onnxruntime

        return onnxruntime

    @property
    def how(self) -> str:
        """One line on the path that is taken."""
        return f"CPUExecutionProvider, opset {self.opset}"

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """Have the sessions of a `with` block use n threads."""
        before, self._threads = self._threads, n
        try:
            yield
        finally:
            self._threads = before

    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Run a model in a session of its own; a node without a kernel is unsupported.

        Anything else that is not implemented is a refusal, as is all that shows in a run.
        """
        runtime = self._runtime
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # its log is no answer
        options.intra_op_num_threads = self._threads
        errors = runtime.capi.onnxruntime_pybind11_state
        try:
            session = runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except errors.NotImplemented as error:
            if NO_KERNEL not in str(error):
                raise
            raise Unsupported(str(error)) from None
        values = {name: self._value(array) for name, array in feeds.items()}
        found = session.run_with_ort_values(list(names), values)
        return {name: _array(one) for name, one in zip(names, found, strict=True)}

    def _value(self, array: Array) -> Any:
        if not array.dtype.isnative:
            raise Unsupported("values of onnxruntime are in the machine's byte order")
        kind = element_type(self._onnx, array)
        bits = array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array
        # It reads memory in order alone, as its own Python interface brings it.
        bits = np.ascontiguousarray(bits)
        return self._runtime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, kind)

    def call(self) -> list[str]:
        """Return the lines of a script that set `answers`."""
        return [
            "import onnxruntime",
            "session = onnxruntime.InferenceSession(model.SerializeToString())",
            "answers = session.run(None, feeds)",
        ]


def _array(value: Any) -> Array:
    if value.element_type() == 16:  # TensorProto.BFLOAT16
        bits: Array = value.numpy()
        return bits.view(ml_dtypes.bfloat16)
    array: Array = value.numpy()
    return array
