"""Nodes of ONNX as a program: lines of NumPy, a function of the nodes, and its evaluation.

A way writes `helper.make_node(...)` lines that may give a name anew, as Python does; a graph may
not, so that each new one gets a number here.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

OPSET = 22
NODE = "helper.make_node("
EVALUATED = "ReferenceEvaluator(layer).run(None, "


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **options: str) -> str:
    """Write a node; the options are source text."""
    words = [repr(kind), repr(list(inputs)), repr(list(outputs))]
    return f"{NODE}{', '.join([*words, *(f'{name}={one}' for name, one in options.items())])})"


def whole(name: str, values: Sequence[int]) -> str:
    """Write a constant of whole numbers."""
    return node("Constant", [], [name], value_ints=repr(list(values)))


def array(name: str, text: str) -> str:
    """Write a constant, the array of an expression of NumPy."""
    return node("Constant", [], [name], value=f"numpy_helper.from_array({text})")


def program(lines: Sequence[str], answers: Sequence[str]) -> list[str]:
    """Put the nodes among the lines into one function, and evaluate it.

    The lines of NumPy come first: no node's answer is an array yet.
    """
    first = [line for line in lines if not line.startswith(NODE)]
    nodes, given, named = _numbered([line for line in lines if line.startswith(NODE)])
    gives = [named[name] for name in answers]
    feeds = ", ".join(f"{name!r}: {name}" for name in given)
    return [
        *first,
        "nodes = [",
        *(f"    {line}," for line in nodes),
        "]",
        f"layer = helper.make_function('', 'layer', {given}, {gives}, nodes, "
        f"[helper.make_opsetid('', {OPSET})])",
        f"{', '.join(answers)}{',' * (len(answers) == 1)} = {EVALUATED}{{{feeds}}}, {{}})",
    ]


def _numbered(lines: Sequence[str]) -> tuple[list[str], list[str], dict[str, str]]:
    """Return the nodes with each name given once, what they are given, and the last names."""
    named: dict[str, str] = {}
    given: dict[str, None] = {}
    written: dict[str, int] = {}
    found = []
    for line in lines:
        called = ast.parse(line, mode="eval").body
        assert isinstance(called, ast.Call)
        inputs, outputs = called.args[1:3]
        assert isinstance(inputs, ast.List)
        assert isinstance(outputs, ast.List)
        for one in inputs.elts:
            assert isinstance(one, ast.Constant)
            name = str(one.value)
            if name and name not in named:
                given[name] = None
                named[name] = name
            one.value = named.get(name, name)
        for one in outputs.elts:
            assert isinstance(one, ast.Constant)
            name = str(one.value)
            written[name] = written.get(name, 0 if name not in given else 1) + 1
            named[name] = name if written[name] == 1 else f"{name}{written[name]}"
            one.value = named[name]
        found.append(ast.unparse(called))
    return found, list(given), named
