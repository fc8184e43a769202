"""Models of LiteRT, made with the classes of the schema of its files; no converter is needed.

A script has this file as it stands in front of its calls: what it says is what was run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Operator(NamedTuple):
    """An operator of a model: what the schema calls it, its options, and what it reads."""

    name: str
    table: str  # that holds its options
    options: dict[str, Any]
    inputs: tuple[str, ...]
    output: str = "y"
    version: int = 1


def model_of(operators: Iterable[Operator], given: Mapping[str, Any]) -> bytes:
    """Return a model of operators in their order; x is its input, all else given a constant."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph, model = schema.SubGraphT(), schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], []
    model.buffers = [schema.BufferT()]  # the first is that of tensors without one
    graph.tensors, graph.operators = [], []
    places: dict[str, int] = {}
    for name, array in given.items():
        places[name] = _put_tensor(schema, graph, name, array.dtype.name, array.shape)
        if name != "x":
            graph.tensors[-1].buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(array.tobytes(), np.uint8)
    x = given["x"]
    for one in operators:
        # Its sizes are the runtime's to find; without axes the default delegate would leave it.
        ones = [1] * x.ndim
        places[one.output] = _put_tensor(schema, graph, one.output, x.dtype.name, ones)
        _put_operator(schema, model, one, places)
    graph.inputs, graph.outputs = [places["x"]], [len(graph.tensors) - 1]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _put_tensor(schema: Any, graph: Any, name: str, dtype: str, shape: Iterable[int]) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.shape = name, list(shape)
    tensor.type = getattr(schema.TensorType, dtype.upper())
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _put_operator(schema: Any, model: Any, one: Operator, places: Mapping[str, int]) -> None:
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode, code.version = getattr(schema.BuiltinOperator, one.name), one.version
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)  # where older readers look
    operator.opcodeIndex = len(model.operatorCodes)
    operator.inputs = [places[name] for name in one.inputs]
    operator.outputs = [places[one.output]]
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, one.table)
    operator.builtinOptions = getattr(schema, f"{one.table}T")()
    for name, value in one.options.items():
        number = getattr(schema.Padding, value) if name == "padding" else value
        setattr(operator.builtinOptions, name, number)
    model.operatorCodes.append(code)
    model.subgraphs[0].operators.append(operator)
