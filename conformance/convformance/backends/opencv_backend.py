"""OpenCV's dnn module on the CPU: a problem is a model of one node or two, as ONNX has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from convformance.backend import Array, Unsupported
from convformance.backends.onnx_calls import OPSET
from convformance.backends.onnx_model import CONSTANTS, VARIANTS, OnnxModel
from convformance.problem import Problem

# The parameter `engine` of 5.0.0 changes nothing for a model of ONNX; this does.
ENGINE, CLASSIC = "OPENCV_FORCE_DNN_ENGINE", "1"
# A check of what OpenCV keeps for its threads, which no problem can fail: it was written over.
SPOILT = "tlsSlotsSize > slotIdx"


class OpenCvBackend(OnnxModel):
    """`cv2.dnn` on the CPU; the engine is the one that it takes by default."""

    name = "opencv"
    distribution = "opencv-python-headless"
    variants: ClassVar[dict[str, dict[str, Any]]] = {
        **VARIANTS,
        "classic": {"classic": True},
        "weights_given": {"weights_given": True},
    }
    # float16 is computed in float32, which is also what comes back.
    accumulators = MappingProxyType(dict.fromkeys(("float16", "float32"), "float32"))

    def __init__(
        self,
        *,
        opset: int = OPSET,
        auto_pad: bool = False,
        classic: bool = False,
        weights_given: bool = False,
    ) -> None:
        super().__init__(opset=opset, auto_pad=auto_pad)
        if classic:
            os.environ[ENGINE] = CLASSIC  # read once in a process, with its first model
        import cv2

        self._cv: Any = cv2
        self._engine = "the classic engine" if classic else "the default engine"
        self.constants = frozenset() if weights_given else CONSTANTS
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its log is no answer

    @property
    def how(self) -> str:
        """One line on the path that is taken."""
        weights = "" if self.constants else ", weights as inputs"
        return f"cv2.dnn on the CPU, {self._engine}, opset {self.opset}{weights}"

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """Have OpenCV use n threads in a `with` block."""
        before = self._cv.getNumThreads()
        self._cv.setNumThreads(n)
        try:
            yield
        finally:
            self._cv.setNumThreads(before)

    def _model(self, problem: Problem, nodes: list[Any], feeds: Mapping[str, Array]) -> Any:
        for one in feeds.values():
            if not one.dtype.isnative:  # it would be read as if it were
                raise Unsupported("arrays of cv2 are in the machine's byte order")
            if one.dtype.name == "bfloat16":
                raise Unsupported("cv2 takes no arrays of bfloat16")
        return super()._model(problem, nodes, feeds)

    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Read a model anew and run it; whatever OpenCV says against it is a refusal."""
        read = np.frombuffer(model.SerializeToString(), np.uint8)
        try:
            net = self._cv.dnn.readNetFromONNX(read)
            for name, one in feeds.items():
                if name not in self.constants:
                    net.setInput(one, name)
            found = net.forward(list(names))
        except self._cv.error as error:
            if SPOILT in str(error):
                _leave(str(error))
            raise
        if any(one is None for one in found):  # its sizes are lost, and they may be wrong
            raise RuntimeError("forward gives None, which is how cv2 has an array without elements")
        return dict(zip(names, found, strict=True))

    def call(self) -> list[str]:
        """Return the lines of a script that set `answers`."""
        return [
            "import cv2",
            "net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))",
            "for one in model.graph.input:",
            "    net.setInput(feeds[one.name], one.name)",
            "answers = net.forward([one.name for one in model.graph.output])",
        ]


def _leave(words: str) -> None:
    """End the process: every further call in it would be refused by a fault of an earlier one."""
    sys.stderr.write(f"an earlier call wrote over memory of OpenCV: {words}\n")
    sys.stderr.flush()
    os.abort()
