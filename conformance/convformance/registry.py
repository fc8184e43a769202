"""Finding backends: by entry point, as module:attribute, as ./file.py:Class or as a command.

Behind the first three a variant may stand in brackets, as torch[channels_last]: another path of
the same framework.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from convformance.backend import Backend
from convformance.wire import is_command

GROUP = "convformance.backends"
WAYS = "give module:attribute, ./file.py:Class or 'cmd:PROGRAM ARGUMENTS'"


class BackendError(ValueError):
    """Raised where no backend can be had under a name; the message says why."""


def names() -> list[str]:
    """Return the names that installed packages register."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def parted(name: str) -> tuple[str, str]:
    """Return the name without the variant in brackets behind it, and the variant or ""."""
    found = None if is_command(name) else re.fullmatch(r"(.+)\[([^\[\]]*)\]", name)
    return (found[1], found[2]) if found else (name, "")


def adapter_path(name: str) -> str:
    """Return module:attribute of a backend's name, or the name itself; raise `BackendError`."""
    if is_command(name):
        return name
    name, _ = parted(name)
    if ":" in name:
        return name
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        known = ", ".join(names()) or "none"
        raise BackendError(f"no backend {name!r}; registered: {known}; or {WAYS}")
    return points[0].value


def make_backend(name: str) -> Backend:
    """Return an instance of the backend; raise `BackendError` with what is in the way.

    With a variant in brackets, as torch[channels_last], the class is called with the keyword
    arguments of its `variants`, and the instance's name ends with the variant too.
    """
    if is_command(name):
        from convformance.wire.backend import WireBackend  # which needs this module

        return WireBackend(name)
    module_name, _, attribute = adapter_path(name).rpartition(":")
    target: Any = _loaded(name, module_name) if is_file(module_name) else None
    target = target or _imported(name, module_name)
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise BackendError(f"backend {name!r}: {module_name} has no {attribute!r}")
        target = getattr(target, part)
    base, variant = parted(name)
    options = _options(base, variant, target) if base != name else {}
    try:
        backend = target(**options) if isinstance(target, type) else target
        if variant:
            backend.name = f"{backend.name}[{variant}]"
    except ImportError as error:
        raise BackendError(f"backend {name!r}: {error}; {_hint(name)}") from None
    except Exception as error:
        raise BackendError(
            f"backend {name!r} cannot be made: {type(error).__name__}: {error}"
        ) from None
    _check(name, backend)
    made: Backend = backend
    return made


def _options(base: str, variant: str, target: Any) -> Mapping[str, Any]:
    """Return the keyword arguments of a variant; raise `BackendError` if there is none such."""
    variants = _variants(target)
    if variants is None:
        raise BackendError(f"backend {base!r}: its variants must be {{name: keyword arguments}}")
    if variant not in variants:
        known = ", ".join(variants) or "none"
        raise BackendError(f"backend {base!r} has no variant {variant!r}; variants: {known}")
    return variants[variant]


def _variants(target: Any) -> Mapping[str, Mapping[str, Any]] | None:
    """Return the variants that a class offers, and None if they are no table of arguments."""
    offered = getattr(target, "variants", {}) if isinstance(target, type) else {}
    named = isinstance(offered, Mapping) and all(
        isinstance(name, str) and isinstance(options, Mapping) for name, options in offered.items()
    )
    return offered if named else None


def variants_of(name: str) -> tuple[str, ...]:
    """Return the names with their variants that a registered backend's class offers.

    The module of its class is imported; one that cannot be imported offers none.
    """
    module_name, _, attribute = adapter_path(name).rpartition(":")
    try:
        target = getattr(_imported(name, module_name), attribute, None)
    except BackendError:
        return ()
    return tuple(f"{name}[{one}]" for one in _variants(target) or ())


def framework_of(name: str) -> str:
    """Return the distribution whose releases a backend's version tells; raise `BackendError`.

    It is the `distribution` of the backend's class; where there is none, or the class cannot be
    imported here, the backend's own name.
    """
    module_name, _, attribute = adapter_path(name).rpartition(":")
    base, _ = parted(name)
    try:
        found = _loaded(name, module_name) if is_file(module_name) else _imported(name, module_name)
    except BackendError:
        return base
    told = getattr(getattr(found, attribute, None), "distribution", None)
    return told if isinstance(told, str) else base.rpartition(":")[2].lower()


def backend_distribution(name: str) -> str:
    """Return the distribution that registers a backend of this name; nothing for any other."""
    base, _ = parted(name)
    points = [point for point in entry_points(group=GROUP) if point.name == base]
    return points[0].dist.name if points and points[0].dist else ""


def is_file(module_name: str) -> bool:
    """Whether what stands before the colon is a file: it has a slash, or ends in .py."""
    return "/" in module_name or module_name.endswith(".py")


def shown_name(name: str) -> str:
    """Return a backend's name as a report shows it: without the folders of paths from the root.

    Where a thing lies on someone's disk is nobody's business who reads a report.
    """
    try:
        words = shlex.split(name) if is_command(name) else [name]
    except ValueError:
        words = name.split()
    kept = [re.sub(r"(^|[=:,])[~/][^:,]*/(?=[^/:,])", r"\1", word) for word in words]
    return shlex.join(kept) if len(kept) > 1 else "".join(kept)


def _loaded(name: str, path: str) -> Any:
    """Return the module that a file holds; raise `BackendError`."""
    file = Path(path).resolve()
    if not file.is_file():
        raise BackendError(f"backend {shown_name(name)!r}: there is no file {shown_name(path)}")
    known = f"convformance_file_{file.stem}"
    found = sys.modules.get(known)
    if found is not None and found.__file__ == str(file):
        return found
    spec = importlib.util.spec_from_file_location(known, file)
    if spec is None or spec.loader is None:
        raise BackendError(f"backend {shown_name(name)!r}: {file.name} is no Python file (.py)")
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))  # so that it can import what lies beside it
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module  # as dataclasses and pickles of its classes need it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[known]
        text = f"{type(error).__name__}: {error}"
        raise BackendError(f"backend {shown_name(name)!r}: {file.name} raised {text}") from None
    return module


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
    extras = (
        "torch", "tensorflow", "jax", "keras", "onnxruntime", "onnx", "scipy", "openvino",
        "opencv", "tract", "tinygrad", "litert", "ncnn", "mlx",
    )  # fmt: skip
    base, _ = parted(name)
    return f"try: pip install 'convformance[{base}]'" if base in extras else "is it installed?"


def _check(name: str, backend: Any) -> None:
    for attribute in ("name", "version"):
        if not isinstance(getattr(backend, attribute, None), str):
            raise BackendError(f"backend {name!r}: its {attribute} must be a string")
    if not callable(getattr(backend, "run", None)):
        raise BackendError(f"backend {name!r} has no run(problem, arrays)")
