"""The layers of Keras 3 on TensorFlow: what a model that is built of them computes."""

from __future__ import annotations

import os
import re
from typing import Any

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.keras_calls import written
from convformance.backends.source import execute
from convformance.backends.tensorflow_backend import TensorFlowBackend, moved, outputs
from convformance.problem import Problem


class KerasBackend(TensorFlowBackend):
    """Layers called with our weights in the place of their own; arrays go channels last."""

    name = "keras"

    def __init__(self) -> None:
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        super().__init__()
        import keras

        self._keras: Any = keras
        self.version = str(keras.__version__)

    def run(self, problem: Problem, arrays: dict[str, Array]) -> Result:
        """Return NCHW arrays in the dtype that the layer gave."""
        said = written(problem)
        for name in re.findall(r"keras\.layers\.(\w+)", said.layer):
            if not hasattr(self._keras.layers, name):
                raise Unsupported(f"Keras {self.version} has no layer {name}")
        inputs = {name: self._tf.constant(one) for name, one in moved(problem, arrays).items()}
        scope = execute("\n".join(said.lines), {"keras": self._keras, **inputs})
        how = f"{self._keras.backend.backend()} backend, channels last, eager"
        return Result(outputs(problem, scope), how, layout="channels last")

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a script that repeats the call of `run` on arrays of its own."""
        shapes = {name: one.shape for name, one in moved(problem, arrays).items()}
        made = [f"{name} = numpy.ones({shape})" for name, shape in shapes.items()]
        head = ["import keras", "import numpy", ""]
        return "\n".join([*head, *made, *written(problem).lines, "print(y)"]) + "\n"
