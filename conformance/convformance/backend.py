"""What a backend is: a name, a version and a way to run a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from convformance.problem import Problem

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = Mapping[str, Array]


class Unsupported(Exception):  # noqa: N818  an answer, not an error
    """Raised by an adapter where the framework's API has no way to say the problem."""


@dataclass(frozen=True)
class Result:
    """What an adapter gives back when it has more to say than the arrays.

    `arrays` maps each name in `problem.answers`, such as "y", to an array in the problem's
    layout;
    `how` is one line on the path that was taken, such as "NCHW, default flags";
    `recipe` marks a composition of calls where the framework has no single one;
    `layout` is what the adapter brought the arrays into before the call, such as "channels
    last", where it made that choice: the same answers then say nothing of the given layout.
    """

    arrays: Mapping[str, Array]
    how: str = ""
    recipe: bool = False
    layout: str = ""


@runtime_checkable
class Backend(Protocol):
    """One way of computing the ops.

    An adapter may also have
    `accumulators`: {dtype: dtype in which its sums are kept}, for the accuracy bound; a key
    such as "avg_pool float16" speaks of one op, "conv float16 rank 3" of one rank of it;
    `knows`: the names of the attributes it reads of `convformance.problem.EXTRAS`; problems with
    others of them, or padding that it has not heard of, are not given to it;
    `distribution`: the name under which pip installs what `version` is of, for
    `convformance versions`, where that is not the name of the backend;
    `libraries`: {distribution: version}, shown in the report;
    `variants`: {name: keyword arguments of its class}, other paths of the same framework;
    `one_in`: of how many of a run's problems it is asked one, always the same ones; for a path that
    has a compiler make each shape;
    `threads(n)`: a context manager under which calls use n threads, for [law.threads], or a
    sentence why there is none;
    `script(problem, arrays)`: plain code of the framework that repeats the call.
    """

    name: str
    version: str

    def run(
        self, problem: Problem, arrays: dict[str, Array]
    ) -> Array | Mapping[str, Array] | Result:
        """Return y, or {"y": ..., "indices": ...}, or a `Result`; raise `Unsupported(reason)`."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a backend did with a case: one of the kinds below.

    `kind` is "arrays", "refused", "unsupported", "crashed" or "timed out"; `message` holds
    the framework's own words; `changed` names inputs that it wrote to.
    """

    kind: str
    arrays: Mapping[str, Array] = field(default_factory=dict)
    message: str = ""
    how: str = ""
    recipe: bool = False
    changed: tuple[str, ...] = ()
    layout: str = ""
