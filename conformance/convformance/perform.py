"""Run a backend on a problem and say what it did; no exception of a backend passes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from convformance.backend import Array, Backend, Outcome, Result, Unsupported
from convformance.handing import changed, handed, taken_back
from convformance.problem import Problem

LONGEST_MESSAGE = 2000
# Where packages lie on this machine: a compiled function of TensorFlow tells it with its lines.
IN_PACKAGES = re.compile(r"(?<=File \")[^\"\n]*/(?:site|dist)-packages/")
# Errors that no framework uses to refuse a problem: something broke.
BROKEN = (
    NameError, AttributeError, ImportError, LookupError, AssertionError, MemoryError,
    RecursionError, SystemError, SystemExit, UnboundLocalError,
)  # fmt: skip


def perform(  # noqa: PLR0911  one return for each kind of outcome
    backend: Backend, problem: Problem, arrays: Mapping[str, Array]
) -> Outcome:
    """Return the outcome of `backend.run`; the backend gets copies of the arrays.

    A backend that is isolated has a `perform` of its own.
    """
    elsewhere = getattr(backend, "perform", None)
    if elsewhere is not None:
        outcome: Outcome = elsewhere(problem, arrays)
        return outcome
    missing = [name for name in problem.extras if name not in getattr(backend, "knows", ())]
    if missing:
        return Outcome("unsupported", message=f"the adapter does not know {', '.join(missing)}")
    copies = handed(problem, arrays)
    try:
        answer = backend.run(problem, copies)
    except Unsupported as reason:
        return Outcome("unsupported", message=_text(reason))
    except BROKEN as error:
        return Outcome("crashed", message=f"{type(error).__name__}: {_text(error)}")
    except Exception as error:  # the framework's refusal, whatever its type
        return Outcome("refused", message=f"{type(error).__name__}: {_text(error)}")
    result = answer if isinstance(answer, Result) else Result(_named(problem, answer))
    try:
        got = {str(name): _array(array) for name, array in result.arrays.items()}
    except Exception as error:  # whatever an object's conversion to an array may raise
        return Outcome("something else", message=f"not an array: {_text(error)}")
    spoilt = changed(problem, arrays, copies)
    got = taken_back(problem, got)
    return Outcome("arrays", got, "", result.how, result.recipe, spoilt, result.layout)


def written_script(backend: Backend, problem: Problem, arrays: Mapping[str, Array]) -> str:
    """Return the adapter's script of the call, or nothing if it writes none."""
    write = getattr(backend, "script", None)
    try:
        return str(write(problem, handed(problem, arrays))) if write else ""
    except Exception as trouble:  # an adapter's script must not cost the run its finding
        return f"# the adapter could not write a script: {type(trouble).__name__}: {trouble}"


def _named(problem: Problem, answer: Any) -> Mapping[str, Array]:
    return answer if isinstance(answer, Mapping) else {problem.answers[0]: answer}


def _array(answer: Any) -> Array:
    array = np.array(answer)  # a copy: a backend may write to its buffer again
    if array.dtype.kind in "OSUV" and array.dtype.name != "bfloat16":
        raise TypeError(f"{type(answer).__name__} of dtype {array.dtype}")
    return array


def _text(error: BaseException) -> str:
    try:
        text = str(getattr(error, "message", None) or error)
    except Exception as trouble:  # a backend's own exception class may be broken too
        text = f"(its message cannot be read: {type(trouble).__name__})"
    return IN_PACKAGES.sub("", text)[:LONGEST_MESSAGE]
