"""Recipes run: the text itself is executed, and its answers come back as NumPy arrays."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import ml_dtypes
import numpy as np

from convformance.apart import EndedError, executed_apart, is_hazard
from convformance.backend import Array, Arrays
from convformance.backends import layouts
from convformance.backends.onnx_graph import EVALUATED, OPSET
from convformance.backends.source import execute
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.recipes import Recipe
from convformance.registry import BackendError, make_backend

# An adapter sets what its framework needs before the import. ONNX is a text, run by others.
ADAPTERS = {
    "torch": "convformance.backends.torch_backend:TorchBackend",
    "tensorflow": "convformance.backends.tensorflow_backend:TensorFlowBackend",
    "keras": "convformance.backends.keras_backend:KerasBackend",
    "jax": "convformance.backends.jax_backend:JaxBackend",
}
EVALUATORS = ("onnx", "onnxruntime")  # the reference in NumPy stands in the printed text
Answers = dict[str, Array]


def missing(name: str) -> str:
    """Return why nothing can be run: the framework that is not installed; nothing if it is."""
    if name == "onnx":
        return "" if find_spec("onnx") else "onnx is not installed"
    try:
        make_backend(ADAPTERS[name])
    except BackendError:
        return f"{name} is not installed"
    return ""


def evaluators(framework: str) -> tuple[str, ...]:
    """Return what can run the framework's text: itself, and of ONNX what is installed."""
    if framework != "onnx":
        return (framework,)
    return tuple(name for name in EVALUATORS if find_spec(name))


def labelled(evaluator: str) -> str:
    """Name an evaluator of ONNX with its version; nothing of a framework that runs itself."""
    if evaluator not in EVALUATORS:
        return ""
    words = "the reference evaluator of onnx" if evaluator == "onnx" else evaluator
    return f"{words} {importlib.metadata.version(evaluator)}"


def run(recipe: Recipe, arrays: Arrays, evaluator: str = "") -> tuple[Answers | None, str]:
    """Return the answers, or why there are none."""
    names: dict[str, Any] = {name: one.copy() for name, one in arrays.items()}
    source = recipe.source
    if evaluator == "onnxruntime":
        source = source.replace(EVALUATED, "evaluated(layer, ")
        names["evaluated"] = by_onnxruntime
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # advice on speed is no answer
            if recipe.framework == "jax" and is_hazard(source):
                return executed_apart(source, names, recipe.answers), ""
            scope = execute(source, names)
            if recipe.framework == "onnx":
                checked_model(scope["layer"], scope)
            return {name: _numpy(scope[name]) for name in recipe.answers}, ""
    except Exception as error:  # the framework's refusal, whatever its type
        text = " ".join(str(error).split())
        kind = "" if type(error) in (RuntimeError, EndedError) else f"{type(error).__name__}: "
        return None, f"{kind}{text[:200]}"


def _numpy(value: Any) -> Array:
    """Return an answer as an array; of torch's bfloat16 NumPy knows the bits alone."""
    if str(getattr(value, "dtype", "")) == "torch.bfloat16":
        import torch

        return np.asarray(value.detach().view(torch.int16)).view(ml_dtypes.bfloat16)
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "resolve_conj"):
        value = value.resolve_conj()
    return np.asarray(value)


def checked_model(layer: Any, feeds: Mapping[str, Any]) -> Any:
    """Return a model of the function's nodes; raise where an operator does not take a dtype.

    The reference evaluator computes with every dtype that NumPy has, the operators do not.
    """
    from onnx import ValueInfoProto, helper, shape_inference

    given = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(feeds[name].dtype), feeds[name].shape
        )
        for name in layer.input
    ]
    gives = [ValueInfoProto(name=name) for name in layer.output]  # their types are inferred
    graph = helper.make_graph(list(layer.node), "layer", given, gives)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return shape_inference.infer_shapes(model, check_type=True, strict_mode=False)


def by_onnxruntime(layer: Any, feeds: Mapping[str, Array], _attributes: object) -> list[Array]:
    """Run the nodes of a function of ONNX on the arrays in onnxruntime."""
    import onnxruntime

    model = checked_model(layer, feeds)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    answers: list[Array] = session.run(None, dict(feeds))
    return answers


def runnable(found: Sequence[Recipe], problem: Problem) -> Recipe | None:
    """Return the first of the recipes that its framework runs on the problem."""
    for recipe in found:
        arrays = layouts.given(problem, recipe.framework, make_arrays(Case(problem)))
        if any(run(recipe, arrays, one)[0] is not None for one in evaluators(recipe.framework)):
            return recipe
    return None
