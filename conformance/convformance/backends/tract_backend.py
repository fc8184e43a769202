"""tract on the CPU: a problem is a model of one node or two, as ONNX has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import ml_dtypes

from convformance.backend import Array, Unsupported
from convformance.backends.onnx_calls import OPSET
from convformance.backends.onnx_model import CONSTANTS, VARIANTS, OnnxModel
from convformance.problem import Problem

# Both are read once in a process. A stack of addresses is no part of what tract says.
BACKTRACES = ("RUST_BACKTRACE", "RUST_LIB_BACKTRACE")


class TractBackend(OnnxModel):
    """tract's reader of ONNX, its analysis and its optimised plan."""

    name = distribution = "tract"
    variants: ClassVar[dict[str, dict[str, Any]]] = {
        **VARIANTS,
        "nnef": {"nnef": True},
        "weights_given": {"weights_given": True},
    }
    threads = "the binding for Python has no function that sets tract's threads"

    def __init__(
        self,
        *,
        opset: int = OPSET,
        auto_pad: bool = False,
        nnef: bool = False,
        weights_given: bool = False,
    ) -> None:
        super().__init__(opset=opset, auto_pad=auto_pad)
        os.environ.update(dict.fromkeys(BACKTRACES, "0"))
        import tract

        self._tract: Any = tract
        self._nnef = nnef
        self.constants = frozenset() if weights_given else CONSTANTS

    @property
    def how(self) -> str:
        """One line on the path that is taken."""
        weights = "" if self.constants else ", weights as inputs"
        way = ", by way of NNEF" if self._nnef else ""
        return f"runtime cpu, opset {self.opset}{weights}{way}"

    def _model(self, problem: Problem, nodes: list[Any], feeds: Mapping[str, Array]) -> Any:
        for one in feeds.values():
            if not one.dtype.isnative:  # it would be read as if it were
                raise Unsupported("tensors of tract are in the machine's byte order")
            if one.dtype == ml_dtypes.bfloat16:
                raise Unsupported("tensors of tract have no bfloat16")
        return super()._model(problem, nodes, feeds)

    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Read a model anew and run it; whatever tract says against it is a refusal."""
        with TemporaryDirectory() as folder:  # the binding reads files alone
            file = Path(folder, "problem.onnx")
            file.write_bytes(model.SerializeToString())
            read = self._tract.onnx().load(file)
            given = [feeds[read.input_name(i)] for i in range(read.input_count())]
            typed = read.into_model()
            if self._nnef:
                file = Path(folder, "problem.nnef.tar")
                self._tract.nnef().write_model_to_tar(typed, file)
                typed = self._tract.nnef().load(file)
        found = typed.into_runnable().run(given)
        return {name: one.to_numpy() for name, one in zip(names, found, strict=True)}

    def call(self) -> list[str]:
        """Return the lines of a script that set `answers`."""
        by_nnef = [
            'tract.nnef().write_model_to_tar(typed, "problem.nnef.tar")',
            'typed = tract.nnef().load("problem.nnef.tar")',
        ]
        return [
            "import tract",
            'onnx.save(model, "problem.onnx")',
            'typed = tract.onnx().load("problem.onnx").into_model()',
            *(by_nnef if self._nnef else []),
            "given = [feeds[one.name] for one in model.graph.input]",
            "answers = [one.to_numpy() for one in typed.into_runnable().run(given)]",
        ]
