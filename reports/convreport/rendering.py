"""A template made one HTML file: its styles and scripts stand in it, and it loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from convreport.text import finalize


def rendered(
    template: str,
    *,
    styles: Sequence[str],
    scripts: Sequence[str],
    filters: Mapping[str, Callable[..., Any]] | None = None,
    **values: object,
) -> str:
    """Return the HTML of a template with our own files of those names; equal values, equal text."""
    environment = Environment(
        loader=PackageLoader("convreport"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters or {}
    style, script = ("".join(map(_own, names)) for names in (styles, scripts))
    return environment.get_template(template).render(
        **values,
        style=Markup(style),  # our own files, no text of others in them
        script=Markup(script),  # the same
        # Whatever a backend says, the browser runs this script and style and no other.
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
    )


def _own(name: str) -> str:
    return resources.files("convreport").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
