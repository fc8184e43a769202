"""TensorFlow, eager: each problem as the one function of tf.nn or Keras that can say it.

Only documented parameters are used. TensorFlow computes channels last, so the arrays are
moved there and back, in NumPy; nothing else is done to them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.source import execute, full_in_numbers, nested
from convformance.backends.tensorflow_calls import written
from convformance.backends.tensorflow_paths import (
    HOW,
    MARKS,
    ONE_IN,
    ONEDNN,
    along,
    plain_words,
    prepare,
)
from convformance.backends.tensorflow_pools import batch_in_index, unpooled
from convformance.backends.tensorflow_sums import accumulators, halves_of_onednn, uses_onednn
from convformance.problem import EXTRAS, Problem
from convformance.processor import processor_features


class TensorFlowBackend:
    """tf.nn's convolutions and pools, gradients by tf.GradientTape, and layers of Keras."""

    name = "tensorflow"
    distribution = "tensorflow-cpu"
    variants: ClassVar[dict[str, dict[str, str]]] = {path: {"path": path} for path in MARKS}
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})
    threads = "TensorFlow takes its number of threads before its first call, and not after it"

    def __init__(self, path: str = "") -> None:
        prepare(path)
        self._path = path
        self.one_in = ONE_IN.get(path, 1)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with _silent_stderr():
            import tensorflow as tf
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        self._tf: Any = tf
        self._onednn = uses_onednn(os.environ.get(ONEDNN), processor_features())
        self.version: str = tf.__version__
        self.libraries = {
            "tensorflow": self.version,
            "keras": str(tf.keras.__version__),
            "numpy": np.__version__,
        }
        self.accumulators = accumulators(self._halves())

    def _halves(self) -> tuple[str, ...]:
        return halves_of_onednn(processor_features()) if self._onednn else ()

    def run(self, problem: Problem, arrays: dict[str, Array]) -> Result:
        """Return NCHW arrays in the dtype that TensorFlow gave."""
        call = along(self._path, problem, written(problem), arrays)
        problem = full_in_numbers(problem)
        self._check_layers(call.lines)
        inputs = {name: self.tensor(one) for name, one in moved(problem, arrays).items()}
        try:
            scope = execute("\n".join(call.lines), {"tf": self._tf, **inputs})
        except Exception as error:
            raise self._spoken(error) from None
        how = f"{_how(call.lines, self._path)}, oneDNN {'on' if self._onednn else 'off'}"
        return Result(outputs(problem, scope), how, call.recipe, "channels last")

    def tensor(self, array: Array) -> Any:
        """Return the array as TensorFlow's."""
        return self._tf.constant(array)

    def array(self, tensor: Any) -> Array:
        """Return a tensor as NumPy's, in the dtype that TensorFlow gave it."""
        return np.asarray(tensor.numpy())

    def _spoken(self, error: Exception) -> Exception:
        """Return the exception; of a graph's without the stack, which tells of us and no reason."""
        if self._path not in HOW:
            return error
        words = plain_words(str(getattr(error, "message", error)))
        if isinstance(error, self._tf.errors.OpError):
            told: Exception = type(error)(None, None, words)
            return told
        error.args = (words,)
        return error

    def _check_layers(self, lines: Sequence[str]) -> None:
        """Raise `Unsupported` for a layer that this Keras has not: adaptive pools are new."""
        for name in re.findall(r"tf\.keras\.layers\.(\w+)", " ".join(lines)):
            if not hasattr(self._tf.keras.layers, name):
                raise Unsupported(f"Keras {self._tf.keras.__version__} has no layer {name}")

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a script that repeats the call of `run` and prints what it gives, NHWC."""
        lines = along(self._path, problem, written(problem), arrays).lines
        problem = full_in_numbers(problem)
        constants = [
            f"{name} = tf.constant({_values(one)}, tf.{one.dtype.name}, shape={one.shape})"
            for name, one in moved(problem, arrays).items()
        ]
        prints = [f"print({name})" for name in problem.answers]
        head = [f"# {problem.line}", "from math import inf, nan", "", "import tensorflow as tf", ""]
        return "\n".join([*head, *constants, *lines, *prints]) + "\n"


def _values(array: Array) -> str:
    return repr(array.tolist()) if array.dtype.kind == "c" else nested(array)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep TensorFlow's import from writing to descriptor 2.

    It logs that oneDNN is on before it reads TF_CPP_MIN_LOG_LEVEL; a failing import still
    raises. See github.com/tensorflow/tensorflow/issues/100442.
    """
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def moved(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays in TensorFlow's axes: x (N, *spatial, C), w (*kernel, C/groups, M)."""
    moved = dict(arrays)
    for name in ("x", "dy", "indices"):
        if name in moved and problem.layout == "channels_first" and moved[name].ndim > 2:
            moved[name] = np.moveaxis(moved[name], 1, -1)
    if "indices" in moved:
        moved["indices"] = _with_batch_and_channel(problem, moved["indices"])
    if "w" in moved and moved["w"].ndim > 1:
        moved["w"] = np.moveaxis(moved["w"], (0, 1), _last_axes(problem))
        if problem.op == "conv1x1":
            moved["w"] = _with_taps(moved["w"], problem.rank)
    if "pointwise" in moved:
        moved["pointwise"] = _with_taps(moved["pointwise"].T, problem.rank)
    return moved


def _last_axes(problem: Problem) -> tuple[int, int]:
    """Where the first two axes of the weight go: (C, multiplier) stay in their order."""
    return (-2, -1) if problem.op in ("depthwise_conv", "separable_conv") else (-1, -2)


def _with_taps(matrix: Array, rank: int) -> Array:
    """Put kernel axes of one tap before a matrix."""
    return matrix.reshape((1,) * rank + matrix.shape)


def _with_batch_and_channel(problem: Problem, indices: Array) -> Array:
    """Return positions in a plane, (N, *spatial, C), as positions in the whole output."""
    N, C = indices.shape[0], indices.shape[-1]
    sample = np.arange(N).reshape((N,) + (1,) * (indices.ndim - 1))
    flat: Array = (sample * prod(unpooled(problem)) + indices) * C + np.arange(C)
    return flat


def outputs(problem: Problem, scope: dict[str, Any]) -> dict[str, Array]:
    """Return the answers in the problem's own axes."""
    none = [name for name in problem.answers if scope[name] is None]
    if none:  # with a warning alone: the tape's way to say that there is no such gradient
        raise ValueError(f"tf.GradientTape gives None for {', '.join(none)} of {problem.dtype}")
    found = {name: np.asarray(scope[name].numpy()) for name in problem.answers}
    if problem.op == "unfold":
        return {"y": _columns(problem, found["y"])}
    if "indices" in found:
        found["indices"] = _in_plane(problem, found["indices"])
    if "dw" in found:
        return {"dw": np.moveaxis(found["dw"], _last_axes(problem), (0, 1))}
    if "dbias" in found or problem.layout == "channels_last":
        return found
    return {name: np.ascontiguousarray(np.moveaxis(one, -1, 1)) for name, one in found.items()}


def _in_plane(problem: Problem, indices: Array) -> Array:
    """Take the channel, and the sample where it was asked for, out of indices (N, *output, C).

    An index is (row * W + column) * C + channel, the channel being the element's own; with
    include_batch_in_index, ((sample * H + row) * W + column) * C + channel.
    """
    if batch_in_index(problem):
        sample = np.arange(len(indices)).reshape((-1,) + (1,) * (indices.ndim - 1))
        indices = indices - sample * prod(problem.x[1:])
    return indices // max(1, problem.x[1])


def _columns(problem: Problem, patches: Array) -> Array:
    """Return patches (N, *windows, taps * C), the channel fastest, as (N, C * taps, windows)."""
    taps, C = prod(problem.kernel), problem.x[1]
    windows = prod(patches.shape[1:-1])
    apart = patches.reshape(patches.shape[0], windows, taps, C)
    return apart.transpose(0, 3, 2, 1).reshape(patches.shape[0], C * taps, windows)


def _how(lines: Sequence[str], path: str) -> str:
    """Name the function of each line, and what it was done with."""
    called = r"tf\.(?!GradientTape|function)[\w.]+(?=\()"
    calls = " then ".join(found[0] for line in lines if (found := re.search(called, line)))
    taped = any("GradientTape" in line for line in lines)
    words = (
        calls,
        *["gradient by tf.GradientTape"] * taped,
        "channels last",
        HOW.get(path, "eager"),
    )
    return ", ".join(words)
