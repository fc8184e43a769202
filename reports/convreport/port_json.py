"""The answer of a port as JSON, whose schema is shipped beside the others."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterator
from importlib import resources
from typing import Any

from convformance import __version__
from convformance.backends import layouts
from convformance.recipes import Recipe
from convreport.export_json import dumps
from convreport.port import Ported
from convreport.port_text import native_lines

FORMAT = 1
CHECKED, UNCHECKED, NONE = "checked", "not checked", "nothing equals it"
PACKAGES = ("torch", "tensorflow", "keras", "jax", "onnx", "onnxruntime")


def as_json(told: Ported, notes: list[str]) -> str:
    """Return the whole answer as one JSON document."""
    word = UNCHECKED if told.exact else NONE
    document = {
        "format": FORMAT,
        "convformance": __version__,
        "problem": told.problem.line,
        "from": told.source,
        "to": told.target,
        "installed": dict(_installed()),
        "shape": told.shape,
        "pads": told.pads,
        "source": {
            "way": told.native.way if told.native else None,
            "lines": native_lines(told),
            "arrays": layouts.described(told.problem, told.source),
        },
        "verdict": CHECKED if told.checked else word,
        "cases": told.checked,
        "against": _against(told),
        "evaluator": told.by or None,
        "code": _code(told.recipe if told.exact else None),
        "closest": _code(None if told.exact else told.recipe),
        "difference": told.difference or None,
        "unchecked": told.unchecked or None,
        "reasons": told.reasons,
        "notes": [*told.notes, *notes],
    }
    return dumps(document)


def _against(told: Ported) -> str | None:
    if not told.checked:
        return None
    return f"the specification alone: {told.alone}" if told.alone else told.source


def _code(recipe: Recipe | None) -> dict[str, Any] | None:
    return {"way": recipe.way, "lines": recipe.lines} if recipe else None


def _installed() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        for package in (name, f"{name}-cpu"):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                yield name, importlib.metadata.version(package)
                break


def schema_text() -> str:
    """Return the JSON Schema of the document."""
    file = resources.files("convreport").joinpath("schemas", "port.schema.json")
    return file.read_text(encoding="utf-8")
