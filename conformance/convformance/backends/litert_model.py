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
    channels: int = 1  # of the output, if another operator reads it


def model_of(operators: Iterable[Operator], given: Mapping[str, Any]) -> bytes:
    """Return a model of operators in their order; x is its input, all else given a constant."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.SubGraphT(tensors=[], operators=[])
    buffers = [schema.BufferT()]  # the first is that of tensors without one
    model = schema.ModelT(version=3, operatorCodes=[], subgraphs=[graph], buffers=buffers)
    places: dict[str, int] = {}
    for name, array in given.items():
        places[name] = _put_tensor(schema, graph, name, array.dtype.name, array.shape)
        if name != "x":
            graph.tensors[-1].buffer = len(buffers)
            buffers.append(schema.BufferT(data=np.frombuffer(array.tobytes(), np.uint8)))
    x = given["x"]
    for one in operators:
        # Its sizes are the runtime's to find; without axes the default delegate would leave it.
        shape = [*[1] * (x.ndim - 1), one.channels]
        places[one.output] = _put_tensor(schema, graph, one.output, x.dtype.name, shape)
        _put_operator(schema, model, one, places)
    graph.inputs, graph.outputs = [places["x"]], [len(graph.tensors) - 1]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _put_tensor(schema: Any, graph: Any, name: str, dtype: str, shape: Iterable[int]) -> int:
    kind = getattr(schema.TensorType, dtype.upper())
    graph.tensors.append(schema.TensorT(name=name, shape=list(shape), type=kind))
    return len(graph.tensors) - 1


def _put_operator(schema: Any, model: Any, one: Operator, places: Mapping[str, int]) -> None:
    number = getattr(schema.BuiltinOperator, one.name)
    older = min(number, 127)  # where older readers look
    code = schema.OperatorCodeT(
        builtinCode=number, deprecatedBuiltinCode=older, version=one.version
    )
    options = dict(one.options)
    if "padding" in options:
        options["padding"] = getattr(schema.Padding, options["padding"])
    operator = schema.OperatorT(
        opcodeIndex=len(model.operatorCodes),
        inputs=[places[name] for name in one.inputs],
        outputs=[places[one.output]],
        builtinOptionsType=getattr(schema.BuiltinOptions, one.table),
        builtinOptions=getattr(schema, f"{one.table}T")(**options),
    )
    model.operatorCodes.append(code)
    model.subgraphs[0].operators.append(operator)
