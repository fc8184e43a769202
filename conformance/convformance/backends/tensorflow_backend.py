"""TensorFlow, eager: each problem as the one tf.nn function that can say it.

Only documented parameters are used. TensorFlow computes channels last, so the arrays are
moved there and back, in NumPy; nothing else is done to them.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.source import call, execute, nested
from convformance.problem import Problem

_RANKS = (1, 2, 3)


class TensorFlowBackend:
    """tf.nn.conv1d/2d/3d, bias_add, max_pool, max_pool_with_argmax, avg_pool and pool."""

    name = "tensorflow"

    def __init__(self) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with _silent_stderr():
            import tensorflow as tf
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        self._tf: Any = tf
        self._onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
        self.version: str = tf.__version__
        self.libraries = {"tensorflow": self.version, "numpy": np.__version__}
        self.accumulators = {
            "float16": "float32",
            # conv1d and conv2d of float16 sum in float32; conv3d and avg_pool stay in float16
            "avg_pool float16": "float16",
            "conv float16 rank 3": "float16",
            "conv1x1 float16 rank 3": "float16",
            "bfloat16": "float32",
            "float32": "float32",
            "float64": "float64",
            "int8": "int8",
            "int32": "int32",
            "int64": "int64",
        }

    def run(self, problem: Problem, arrays: dict[str, Array]) -> Result:
        """Return NCHW arrays in the dtype that TensorFlow gave."""
        lines = _lines(problem)
        inputs = {name: self._tf.constant(one) for name, one in _moved(problem, arrays).items()}
        scope = execute("\n".join(lines), {"tf": self._tf, **inputs})
        how = f"{_how(lines)}, oneDNN {'on' if self._onednn else 'off'}"
        return Result(_outputs(problem, scope), how=how)

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a script that repeats the call of `run` and prints what it gives, NHWC."""
        lines = _lines(problem)
        constants = [
            f"{name} = tf.constant({nested(one)}, tf.{one.dtype.name}, shape={one.shape})"
            for name, one in _moved(problem, arrays).items()
        ]
        prints = [f"print({name})" for name in ("y", "indices") if name in _names(problem)]
        head = [f"# {problem.line}", "from math import inf, nan", "", "import tensorflow as tf", ""]
        return "\n".join([*head, *constants, *lines, *prints]) + "\n"


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


def _moved(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays channels last: x (N, *spatial, C), w (*kernel, C/groups, M)."""
    moved = dict(arrays)
    x, w = moved["x"], moved.get("w")
    if x.ndim > 2:
        moved["x"] = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    if w is not None and w.ndim > 1:
        ones = (1,) * problem.rank if problem.op == "conv1x1" else ()
        taps_first = np.moveaxis(w, (0, 1), (-1, -2))
        moved["w"] = np.ascontiguousarray(taps_first).reshape(ones + taps_first.shape)
    return moved


def _outputs(problem: Problem, scope: dict[str, Any]) -> dict[str, Array]:
    """Return y and indices as (N, C, *output); an index loses its channel."""
    found = {name: np.asarray(scope[name].numpy()) for name in _names(problem)}
    if "indices" in found:
        # (row * W + column) * C + channel, and the channel is the element's own
        found["indices"] = found["indices"] // max(1, problem.x[1])
    return {name: np.ascontiguousarray(np.moveaxis(one, -1, 1)) for name, one in found.items()}


def _names(problem: Problem) -> tuple[str, ...]:
    return ("y", "indices") if problem.indices else ("y",)


def _how(lines: list[str]) -> str:
    functions = [line.partition(" = ")[2].partition("(")[0] for line in lines]
    return f"{' then '.join(functions)}, channels last, eager"


def _lines(problem: Problem) -> list[str]:
    """Return the call; raise `Unsupported` where no documented parameter can say it."""
    if problem.rank not in _RANKS:
        raise Unsupported(f"tf.nn has no {problem.op} for {problem.rank} spatial axes, only 1 to 3")
    if problem.padding == "same_lower":
        raise Unsupported("tf.nn has no same_lower: 'SAME' puts the odd sample after")
    if problem.op in ("conv", "conv1x1"):
        lines = [_conv(problem)]
        if problem.bias:
            lines.append("y = tf.nn.bias_add(y, bias)")  # no convolution of tf.nn has a bias
    elif problem.op in ("max_pool", "avg_pool"):
        lines = [_pool(problem)]
    else:
        raise Unsupported(f"tf.nn has no {problem.op}")
    return lines


def _padding(problem: Problem) -> str | list[list[int]]:
    if isinstance(problem.padding, str):
        return "VALID" if problem.padding == "valid" else "SAME"
    return [[0, 0], *map(list, problem.padding), [0, 0]]


def _explicit(problem: Problem) -> bool:
    return not isinstance(problem.padding, str)


def _full(sizes: tuple[int, ...]) -> list[int]:
    """Add the batch and channel axes."""
    return [1, *sizes, 1]


def _conv(problem: Problem) -> str:
    function = f"tf.nn.conv{problem.rank}d"
    if _explicit(problem) and problem.rank != 2:
        raise Unsupported(f"{function} documents padding 'SAME' and 'VALID' only")
    channels, depth = problem.x[1], (*problem.w, 0, 0)[1]
    if channels and depth and channels % depth == 0 and channels // depth != problem.groups:
        raise Unsupported(
            f"{function} takes its groups from the filter's depth: {channels} channels over "
            f"depth {depth} always means groups={channels // depth}, never {problem.groups}"
        )
    return "y = " + call(
        function,
        "x",
        "w",
        **{"stride" if problem.rank == 1 else "strides": _full(problem.stride)},
        padding=_padding(problem),
        dilations=_full(problem.dilation),
    )


def _pool(problem: Problem) -> str:
    kind = problem.op.removesuffix("_pool")
    if problem.ceil_mode:
        raise Unsupported("the pools of tf.nn have no ceil_mode")
    if problem.count_include_pad:
        raise Unsupported("tf.nn.avg_pool has no count_include_pad: it never counts padding")
    dilated = any(one != 1 for one in problem.dilation)
    if problem.indices:
        if problem.rank != 2 or dilated or _explicit(problem):
            raise Unsupported(
                "tf.nn.max_pool_with_argmax has 2 spatial axes, padding 'SAME' or 'VALID', "
                "and no dilations"
            )
        function = "tf.nn.max_pool_with_argmax"
    elif dilated:
        if _explicit(problem):
            raise Unsupported("tf.nn.pool, the pool with dilations, documents 'SAME', 'VALID' only")
        return "y = " + call(
            "tf.nn.pool",
            "x",
            window_shape=list(problem.kernel),
            pooling_type=kind.upper(),
            strides=list(problem.stride),
            padding=_padding(problem),
            dilations=list(problem.dilation),
        )
    else:
        if kind == "avg" and _explicit(problem):
            raise Unsupported("tf.nn.avg_pool documents padding 'SAME' and 'VALID' only")
        function = f"tf.nn.{kind}_pool"
    sizes = {"ksize": _full(problem.kernel), "strides": _full(problem.stride)}
    results = "y, indices = " if problem.indices else "y = "
    return results + call(function, "x", **sizes, padding=_padding(problem))
