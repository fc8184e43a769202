"""Other paths through TensorFlow: the same lines as a graph, compiled by XLA, or without oneDNN.

What a path has nothing to say about is unsupported there, for plain TensorFlow is asked of it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping

from convformance.backends.tensorflow_calls import Call
from convformance.problem import Problem

# How the function around the lines is marked; "" where they run as they are, eagerly.
MARKS: Mapping[str, str] = {
    "function": "@tf.function(autograph=False)",
    "xla": "@tf.function(autograph=False, jit_compile=True)",
    "no_onednn": "",
}
# A compiler takes a tenth of a second and more for a shape: it is asked one problem in as many.
ONE_IN = {"function": 2, "xla": 8}
HOW = {"function": "as a graph", "xla": "compiled by XLA"}
# What a graph tells beside why it refuses: where each node comes from, in files and functions, and
# the layer of Keras that called, with its arguments. A layer's name is longer than what tells one
# reason from another.
STACK = re.compile(
    r"""^(?:Graph\ execution\ error:|in\ user\ code:|Detected\ at\ node\ .*
    |Stack\ trace\ for\ op\ definition:\s*|\s*File\ ".*",\ line\ \d+,\ in\ .*|\s*\[\[\{\{node\ .*
    |\ttf2xla\ conversion\ failed\ .*|Exception\ encountered\ when\ calling\ .*
    |Arguments\ received\ by\ .*|\s*•\ \w+=.*)$""",
    re.X,
)
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
    names, answers = ", ".join(given), ", ".join(problem.answers)
    # A layer makes variables, which a graph may do in its first trace alone: it is made before.
    made = [line.strip() for line in call.lines if _makes_a_layer(line)]
    called = [line for line in call.lines if not _makes_a_layer(line)]
    body = [f"    {line}" for line in (*called, f"return {answers}")]
    lines = (*made, mark, f"def call({names}):", *body, f"{answers} = call({names})")
    return Call(lines, call.recipe)


def _makes_a_layer(line: str) -> bool:
    return line.strip().startswith(("layer = ", "layer.build("))


def plain_words(text: str) -> str:
    """Return why a graph refuses, without the stack of calls around it."""
    kept = [line.strip() for line in text.split("\n") if line.strip() and not STACK.match(line)]
    return re.sub(r" \[Op:__inference_\w+\]$", "", "\n".join(kept))
