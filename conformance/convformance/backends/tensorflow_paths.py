"""Other paths through TensorFlow: the same lines as a graph, compiled by XLA, or without oneDNN.

What a path has nothing to say about is unsupported there, for plain TensorFlow is asked of it.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterable, Mapping

from convformance.backend import Unsupported
from convformance.backends.tensorflow_calls import Call
from convformance.problem import Problem

# How the function around the lines is marked; "" where they run as they are, eagerly.
MARKS: Mapping[str, str] = {
    "function": "@tf.function(autograph=False)",
    "xla": "@tf.function(autograph=False, jit_compile=True)",
    "no_onednn": "",
}
# A compiler takes a tenth of a second and more for a shape; its problems are always the same ones.
ONE_IN = {"function": 2, "xla": 8}
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


def prepare(path: str) -> None:
    """Set what TensorFlow reads when it is imported; raise `RuntimeError` if it is too late."""
    if path != "no_onednn":
        return
    if "tensorflow" in sys.modules and os.environ.get(ONEDNN) != "0":
        raise RuntimeError(f"{ONEDNN}=0 is read when TensorFlow is imported, and it was already")
    os.environ[ONEDNN] = "0"


def along(path: str, problem: Problem, call: Call, given: Iterable[str]) -> Call:
    """Return the lines as the path runs them; `given` names the arrays."""
    mark = MARKS.get(path, "")
    if not mark:
        return call
    if zlib.crc32(problem.line.encode()) % ONE_IN[path]:
        raise Unsupported(f"this path is asked one problem in {ONE_IN[path]}")
    names, answers = ", ".join(given), ", ".join(problem.answers)
    body = [f"    {line}" for line in (*call.lines, f"return {answers}")]
    lines = (mark, f"def call({names}):", *body, f"{answers} = call({names})")
    return Call(lines, call.recipe)
