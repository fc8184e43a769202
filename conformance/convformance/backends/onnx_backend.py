"""The reference evaluator of the onnx package: a problem is a model of one node or two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convformance.backend import Array
from convformance.backends.onnx_model import VARIANTS, OnnxModel

__all__ = ["VARIANTS", "OnnxBackend"]


class OnnxBackend(OnnxModel):
    """The evaluator of the onnx package: NumPy, and by its authors the meaning of each operator."""

    name = distribution = "onnx"
    threads = "the reference evaluator is NumPy, which has no function that sets its threads"

    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Evaluate a model."""
        from onnx.reference import ReferenceEvaluator

        found = ReferenceEvaluator(model).run(list(names), dict(feeds))
        return dict(zip(names, found, strict=True))

    def call(self) -> list[str]:
        """Return the lines of a script that set `answers`."""
        return [
            "from onnx.reference import ReferenceEvaluator",
            "answers = ReferenceEvaluator(model).run(None, feeds)",
        ]
