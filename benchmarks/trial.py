"""Run tests in a process of its own, with one module replaced, and say how that ended."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType

import hypothesis
import hypothesis.strategies
import ml_dtypes  # noqa: F401  a child finds it imported
import numpy  # noqa: F401  the same
import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = [ROOT / name for name in ("oracle", "conformance", "reports", "conformance/tests")]
MEMORY = 4 << 30  # bytes that a trial may take
ARGUMENTS = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider")

# The same examples for every mutant, so that a survivor is one tomorrow too; none is made smaller.
FIXED = hypothesis.settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    report_multiple_bugs=False,
)


class Replaced(InspectLoader):
    """Finds one module, and loads the given code for it."""

    def __init__(self, name: str, code: CodeType) -> None:
        self.name, self.code = name, code

    def find_spec(self, name: str, _path: object, _target: object = None) -> object:
        """Return the module's spec if it is the one."""
        return spec_from_loader(name, self) if name == self.name else None

    def get_source(self, _name: str) -> None:
        """Return None: only the code is at hand."""

    def get_code(self, _name: str) -> CodeType:
        """Return the code."""
        return self.code


def trial(name: str, code: CodeType, tests: Sequence[str], seconds: int) -> str:
    """Return "survived", "killed" or "timed out"; `seconds` are of the processor's time."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        _run(name, code, tests, seconds)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return "timed out"
    return "survived" if status == 0 else "killed"


def _run(name: str, code: CodeType, tests: Sequence[str], seconds: int) -> None:
    """Run the tests and end the process; its status is 0 if they all pass."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # faster
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.chdir(ROOT)
        sys.path[:0] = map(str, FOLDERS)
        sys.meta_path.insert(0, Replaced(name, code))
        hypothesis.settings.register_profile("fixed", FIXED)
        hypothesis.settings.load_profile("fixed")
        # The first file notices most, and the others need not be collected then.
        parts = [list(part) for part in (tests[:1], tests[1:]) if part]
        status = int(any(pytest.main([*ARGUMENTS, *part]) for part in parts))
    finally:
        os._exit(status)
