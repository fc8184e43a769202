"""The reference evaluator of the onnx package: a problem is a model of one node or two."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from convformance.backend import Array, Unsupported
from convformance.backends.onnx_model import OnnxModel


class OnnxBackend(OnnxModel):
    """What onnx says of a model: its checker whether it is one, its evaluator what it gives.

    The evaluator is NumPy, and looks at nothing: what is no model is the checker's to refuse.
    """

    name = distribution = "onnx"
    threads = "the reference evaluator is NumPy, which has no function that sets its threads"

    @property
    def how(self) -> str:
        """One line on the path that is taken."""
        return f"checker and reference evaluator, opset {self.opset}"

    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Check a model and evaluate it."""
        from onnx.reference import ReferenceEvaluator

        self._onnx.checker.check_model(model, full_check=True)
        if not all(one.dtype.isnative for one in feeds.values()):
            raise Unsupported("values of onnx are in the machine's byte order")
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # NumPy's of an overflow or of no number is no answer
            found = ReferenceEvaluator(model).run(list(names), dict(feeds))
        return dict(zip(names, found, strict=True))

    def call(self) -> list[str]:
        """Return the lines of a script that set `answers`."""
        return [
            "from onnx.reference import ReferenceEvaluator",
            "onnx.checker.check_model(model, full_check=True)",
            "answers = ReferenceEvaluator(model).run(None, feeds)",
        ]
