"""A fresh environment for one release of a framework: `venv` and pip, with Convformance in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from convformance import __version__
from convformance.registry import backend_distribution, framework_of, parted
from convformance.wire import is_command
from convreport.new_backend import source
from convreport.releases import words_of
from convreport.usage import UsageError

OURS = "convformance"
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # of a distribution
READY = "ready.txt"  # in an environment: what it was made of, written last
OUR_OWN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")  # not for a child


class NotInstalledError(Exception):
    """Raised where pip cannot install a release; the message says why."""


@dataclass(frozen=True)
class Recipe:
    """What an environment is made of: an interpreter, and requirements for pip but for a release.

    `framework` is the distribution whose releases are asked for; `rest` is what else a backend
    needs, Convformance among it.
    """

    python: Path
    framework: str
    rest: Sequence[str]

    def of(self, release: str) -> list[str]:
        """Return all requirements for a release."""
        return [f"{self.framework}=={release}", *self.rest]


def recipe(
    backend: str, python: Path | None, more: Sequence[str] = (), *, distribution: str | None = None
) -> Recipe:
    """Return how an environment for a backend is made; `more` are requirements of the caller.

    Raise `UsageError` where nobody says which `distribution` is to be installed.
    """
    if is_command(backend):
        raise UsageError("a command has no releases that pip could install: name a backend")
    framework = distribution or framework_of(backend)
    if not NAME.fullmatch(framework):
        raise UsageError(
            f"what does pip install the framework of {backend} as? --distribution NAME"
        )
    needed = [*_ours(), *_of_adapter(backend), *_of_extra(backend), *more]
    same = canonicalize_name(framework)
    rest = [one for one in dict.fromkeys(needed) if _name(one) != same]
    return Recipe(python or Path(sys.executable), framework, rest)


def _name(requirement: str) -> str:
    """Return the name of a requirement, nothing for a file or a folder."""
    if os.sep in requirement and " @ " not in requirement:
        return ""
    return canonicalize_name(Requirement(requirement).name)


def _ours() -> list[str]:
    return [_installed(OURS)]


def _installed(name: str) -> str:
    """Return a requirement that gives the very distribution that is installed here."""
    try:
        found = distribution(name)
    except PackageNotFoundError:  # it runs from a folder of sources
        return f"{name}=={__version__}"
    told = source(found.read_text("direct_url.json"))
    if told.here:
        return told.here
    return told.requirement if "@" in told.requirement else f"{name}=={found.version}"


def _of_adapter(backend: str) -> list[str]:
    """Return the distribution that registers the backend, if it is another one than ours."""
    name = backend_distribution(backend)
    return [_installed(name)] if name and canonicalize_name(name) != OURS else []


def _of_extra(backend: str) -> list[str]:
    """Return what Convformance's extra of the backend's name asks for."""
    base, _ = parted(backend)
    try:
        told = [Requirement(one) for one in requires(OURS) or ()]
    except PackageNotFoundError:
        return []
    wanted = [
        one
        for one in told
        if one.marker and one.marker.evaluate({"extra": base}) and "extra" in str(one.marker)
    ]
    return [f"{one.name}{_brackets(one)}{one.specifier}" for one in wanted]


def _brackets(one: Requirement) -> str:
    return f"[{','.join(sorted(one.extras))}]" if one.extras else ""


def made(recipe: Recipe, release: str, folder: Path) -> Path:
    """Make the environment in a folder, unless it is there; return its Python.

    Raise `NotInstalledError` with pip's reason. What was half made is made anew.
    """
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    requirements = recipe.of(release)
    wanted = "\n".join([str(recipe.python), *requirements, ""])
    ready = folder / READY
    if ready.is_file() and ready.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _said([str(recipe.python), "-m", "venv", str(folder)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    try:
        _said([*pip, "install", "--quiet", *requirements])
    except NotInstalledError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    ready.write_text(wanted, encoding="utf-8")
    return python


def _said(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=child_environment(), check=False
        )
    except OSError as error:
        raise NotInstalledError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise NotInstalledError(words_of(done.stderr or done.stdout))


def child_environment() -> dict[str, str]:
    """Return the variables for a process of another environment: none that leads back to ours."""
    return {name: value for name, value in os.environ.items() if name not in OUR_OWN}
