"""Finding backends: by entry point or as module:attribute."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from convformance.backend import Backend

GROUP = "convformance.backends"


class BackendError(ValueError):
    """Raised where no backend can be had under a name; the message says why."""


def names() -> list[str]:
    """Return the names that installed packages register."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def adapter_path(name: str) -> str:
    """Return module:attribute of a backend's name; raise `BackendError`."""
    if ":" in name:
        return name
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        known = ", ".join(names()) or "none"
        raise BackendError(f"no backend {name!r}; registered: {known}; or give module:attribute")
    return points[0].value


def make_backend(name: str) -> Backend:
    """Return an instance of the backend; raise `BackendError` with what is in the way."""
    path = adapter_path(name)
    module_name, _, attribute = path.partition(":")
    target: Any = _imported(name, module_name)
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise BackendError(f"backend {name!r}: {module_name} has no {attribute!r}")
        target = getattr(target, part)
    try:
        backend = target() if isinstance(target, type) else target
    except ImportError as error:
        raise BackendError(f"backend {name!r}: {error}; {_hint(name)}") from None
    except Exception as error:
        raise BackendError(
            f"backend {name!r} cannot be made: {type(error).__name__}: {error}"
        ) from None
    _check(name, backend)
    made: Backend = backend
    return made


def _imported(name: str, module_name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # so that my_backend:MyBackend means the file beside you
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise BackendError(f"backend {name!r}: {error}; {_hint(name)}") from None
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise BackendError(f"backend {name!r}: importing {module_name} raised {text}") from None


def _hint(name: str) -> str:
    extras = ("torch", "tensorflow", "jax")
    return f"try: pip install 'convformance[{name}]'" if name in extras else "is it installed?"


def _check(name: str, backend: Any) -> None:
    for attribute in ("name", "version"):
        if not isinstance(getattr(backend, attribute, None), str):
            raise BackendError(f"backend {name!r}: its {attribute} must be a string")
    if not callable(getattr(backend, "run", None)):
        raise BackendError(f"backend {name!r} has no run(problem, arrays)")
