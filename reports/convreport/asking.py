"""A run in another environment: its own process, its own working folder, one run file."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from convformance import __version__
from convformance.isolation import Limits
from convformance.journal import begun
from convformance.registry import is_file, parted
from convformance.runfile import PARTIAL, Header, Run, RunFileError, load
from convreport.environments import child_environment
from convreport.process_limits import limit_words
from convreport.usage import RED, UsageError, last_words


class NotAskedError(Exception):
    """Raised where a run in an environment does not finish; the message is the end of its words."""


@dataclass(frozen=True)
class Asking:
    """What is asked of a backend, and the run file that it gives."""

    backend: str
    path: Path
    seed: int
    max_examples: int | None = None
    pytest: Sequence[str] = ()
    lines: Sequence[str] = ()  # in place of the suite
    limits: Mapping[str, float] = field(default_factory=dict)  # those that are not the usual ones

    def done(self, *, others: bool = False) -> Run | None:
        """Return the run if it is there.

        Raise `UsageError` if another one has its name, unless `others` may be there and go.
        """
        if not self.path.exists():
            return None
        run = load(self.path)
        if self._is_of(run.header):
            return run
        if others:
            return None
        raise UsageError(
            f"{self.path} is a run with other options, or of another release of convformance: "
            "give another folder, or delete it"
        )

    def _is_of(self, header: Header) -> bool:
        return (
            header.convformance == __version__
            and parted(header.backend)[1] == parted(self.backend)[1]
            and header.seed == self.seed
            and header.max_examples == self.max_examples
            and tuple(header.arguments) == tuple(self.pytest)
            and tuple(header.lines) == tuple(self.lines)
            and self._is_limited_as(header.limits)
        )

    def _is_limited_as(self, limits: Mapping[str, float]) -> bool:
        usual = {name: value for name, value in vars(Limits()).items() if name != "memory"}
        return {**usual, **self.limits}.items() <= limits.items()  # a machine may have less memory


def ask(asking: Asking, python: Path) -> Run:
    """Make the run with the Python of an environment, or go on with it.

    Raise `NotAskedError` with the end of what it said if it does not finish.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _ran(asking, [str(python), "-m", "convreport.cli", "run"], Path(folder))


def _ran(asking: Asking, command: list[str], folder: Path) -> Run:
    """Make the run in an empty folder: what was found before in the caller's is not replayed."""
    if _is_begun(asking.path):
        command += ["--resume", str(asking.path.resolve())]
    else:
        command += _words(asking, folder)
    done = subprocess.run(
        command,
        cwd=folder,
        env=child_environment(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode > RED or not asking.path.exists():
        raise NotAskedError(last_words(done.stdout + done.stderr))
    return load(asking.path)


def _words(asking: Asking, folder: Path) -> list[str]:
    words = ["--backend", absolute(asking.backend), "-o", str(asking.path.resolve())]
    words += ["--seed", str(asking.seed), "--any-release"]
    if asking.max_examples:
        words += ["--max-examples", str(asking.max_examples)]
    words += limit_words(asking.limits)
    if asking.lines:
        cases = folder / "cases.txt"
        cases.write_text("".join(f"{one}\n" for one in asking.lines), encoding="utf-8")
        words += ["--cases", str(cases)]
    return [*words, *(["--", *asking.pytest] if asking.pytest else [])]


def _is_begun(path: Path) -> bool:
    """Whether a run that was cut off can be gone on with; what recorded nothing is begun anew."""
    partial = path.with_name(path.name + PARTIAL)
    if path.exists() or not partial.exists():
        return False
    try:
        return bool(begun(path).done)
    except RunFileError:
        return False


def absolute(backend: str) -> str:
    """Return the name with a file's path as it stands from anywhere."""
    base, variant = parted(backend)
    module, colon, attribute = base.rpartition(":")
    if not colon or not is_file(module):
        return backend
    name = f"{Path(module).resolve()}:{attribute}"
    return f"{name}[{variant}]" if variant else name
