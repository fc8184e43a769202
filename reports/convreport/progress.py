"""A progress bar on a terminal while pytest runs the suite; nothing when piped."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class ProgressBar:
    """A pytest plug-in: one step for each test of the suite."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        # pytest captures the standard streams while a test runs: draw on a copy of stderr.
        stream = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
            console=Console(file=stream),
            transient=True,
        )
        self._task = self._progress.add_task(backend, total=None, now="")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start the bar when the number of tests is known."""
        self._start(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Start the bar when a process of a shared run knows the number of tests."""
        self._start(len(ids))

    def _start(self, tests: int) -> None:
        self._progress.update(self._task, total=tests or None)
        self._progress.start()

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        """Show which test runs."""
        self._progress.update(self._task, now=location[2])

    def pytest_runtest_logfinish(self) -> None:
        """Count a finished test."""
        self._progress.advance(self._task)

    def pytest_sessionfinish(self) -> None:
        """Take the bar away."""
        self._progress.stop()


def progress_plugins(backend: str) -> list[object]:
    """Return the plug-ins that show progress: none unless a person watches."""
    try:
        watched = sys.stderr.isatty()
        return [ProgressBar(backend)] if watched else []
    except (OSError, ValueError):  # a stream without a file descriptor
        return []
