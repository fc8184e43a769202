"""Keras 3: its layers on TensorFlow, or as a variant on JAX or PyTorch.

Keras computes nothing itself: a layer's words become calls of the framework below. The adapter of
that framework prepares it here, moves arrays in and out, and says in which dtype it adds up.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.jax_backend import JaxBackend
from convformance.backends.keras_calls import written
from convformance.backends.source import execute, nested
from convformance.backends.tensorflow_backend import TensorFlowBackend, moved
from convformance.backends.torch_backend import TorchBackend
from convformance.problem import EXTRAS, Problem

PLAIN = "tensorflow"
BELOW: Mapping[str, Callable[[], Any]] = {
    "tensorflow": TensorFlowBackend,
    "jax": JaxBackend,
    "torch": TorchBackend,
}
ONE_IN = {"jax": 4}  # XLA compiles each new shape
# On JAX Keras adds up an adaptive average by lax.reduce_window, in the dtype of its operand.
NARROW: Mapping[str, dict[str, str]] = {
    "jax": {f"adaptive_avg_pool {half}": half for half in ("float16", "bfloat16")}
}
CHOSEN = "KERAS_BACKEND"
X64 = 'import jax\n\njax.config.update("jax_enable_x64", True)'  # else JAX cuts what has 64 bits


class KerasBackend:
    """Layers called with our weights in the place of their own; arrays go channels last."""

    name = "keras"
    variants: ClassVar[dict[str, dict[str, str]]] = {
        framework: {"framework": framework} for framework in BELOW if framework != PLAIN
    }
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})

    def __init__(self, framework: str = PLAIN) -> None:
        self._framework = framework
        self.one_in = ONE_IN.get(framework, 1)
        _choose(framework)
        self._below: Any = BELOW[framework]()
        self._keras: Any = importlib.import_module("keras")
        self.version = str(self._keras.__version__)
        self.libraries: dict[str, str] = {**self._below.libraries, "keras": self.version}
        self.accumulators: dict[str, str] = self._below.accumulators | NARROW.get(framework, {})
        self.threads: Any = self._below.threads

    def run(self, problem: Problem, arrays: dict[str, Array]) -> Result:
        """Return NCHW arrays in the dtype that the layer gave."""
        said = written(problem)
        for name in re.findall(r"keras\.layers\.(\w+)", said.layer):
            if not hasattr(self._keras.layers, name):
                raise Unsupported(f"Keras {self.version} has no layer {name}")
        inputs = {name: self._below.tensor(one) for name, one in _placed(problem, arrays).items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice is no answer
            scope = execute("\n".join(said.lines), {"keras": self._keras, **inputs})
        y = self._below.array(scope["y"])
        if problem.layout != "channels_last" and y.ndim > 2:
            y = np.ascontiguousarray(np.moveaxis(y, -1, 1))
        how = f"{self._framework} backend, channels last, eager"
        return Result({"y": y}, how, layout="channels last")

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a script that repeats the call of `run` and prints what it gives, NHWC."""
        made = [f"{name} = {_literal(one)}" for name, one in _placed(problem, arrays).items()]
        chosen = f'os.environ["{CHOSEN}"] = "{self._framework}"'
        head = [f"# {problem.line}", "import os", "from math import inf, nan", "", chosen]
        wide = [X64] if self._framework == "jax" else []
        body = ["import keras", "", *made, *written(problem).lines, "print(y)"]
        return "\n".join([*head, *wide, *body]) + "\n"


def _choose(framework: str) -> None:
    """Have Keras choose the framework when it is imported; raise what is in the way of that."""
    if find_spec(framework) is None:
        raise ImportError(f"Keras on {framework} needs {framework}, which is not installed")
    loaded: Any = sys.modules.get("keras")
    if loaded is None:
        os.environ[CHOSEN] = framework
    elif (there := loaded.backend.backend()) != framework:
        raise RuntimeError(
            f"Keras chooses its backend when it is imported, and here that was {there}: "
            f"on {framework} it needs a process of its own"
        )


def _placed(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays in Keras's axes; what was moved lies there as if it had been made there."""
    kept = ("bias", *["x"] * (problem.layout == "channels_last"))
    return {
        name: one if name in kept else np.ascontiguousarray(one)
        for name, one in moved(problem, arrays).items()
    }


def _literal(array: Array) -> str:
    values = repr(array.tolist()) if array.dtype.kind == "c" else nested(array)
    made = f'keras.ops.convert_to_tensor({values}, "{array.dtype.name}")'
    return f"keras.ops.reshape({made}, {array.shape})"
