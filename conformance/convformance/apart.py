"""Texts run in a process of its own: what ends that process is told, and the caller goes on.

XLA's simplifier ends the process at some convolutions with holes in their input (the ledger's
jax-conv-simplifier); a port must not die of the code that it tries. The child is
`python -m convformance.apart`; both ends are this package, and speak in pickles.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from convformance.backend import Array, Arrays
from convformance.backends.source import execute

SECONDS = 120.0  # for one text; the first imports the framework
ENDED = "its process ended at this code"
HOLES = ("lhs_dilation", "conv_transpose", "linear_transpose", "jax.vjp")


class EndedError(RuntimeError):
    """Raised where the process of a text ended, or did not answer in time."""


def is_hazard(source: str) -> bool:
    """Whether the text is one that a framework is known to end the process of."""
    return any(word in source for word in HOLES)


def executed_apart(source: str, arrays: Arrays, names: tuple[str, ...]) -> dict[str, Array]:
    """Run a text of JAX in the child; return the arrays of the names.

    Raises `EndedError`, and what the text raised as a `RuntimeError` with its words.
    """
    answer = _child().ask((source, dict(arrays), names))
    if isinstance(answer, str):
        raise RuntimeError(answer)
    found: dict[str, Array] = answer
    return found


class _Child:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "convformance.apart"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, request: object) -> Any:
        """Send a request and return the answer; a child that fails is forgotten."""
        assert self._process.stdin
        assert self._process.stdout
        late = threading.Timer(SECONDS, self._process.kill)
        late.start()
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            self.end()
            _child.cache_clear()
            how = f"status {self._process.wait()}"
            raise EndedError(f"{ENDED} with {how}") from None
        finally:
            late.cancel()

    def end(self) -> None:
        """End the child, with its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


@functools.lru_cache(maxsize=1)
def _child() -> _Child:
    child = _Child()
    atexit.register(child.end)
    return child


def _serve() -> None:
    """Answer requests until the line closes."""
    import numpy as np

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a framework prints is no answer
    while True:
        try:
            source, arrays, names = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: Mapping[str, Array] | str
        try:
            scope = execute(source, arrays)
            answer = {name: np.asarray(scope[name]) for name in names}
        except Exception as error:  # the text's own, whatever its type
            answer = f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    _serve()
