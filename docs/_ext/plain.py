"""What our pages and docstrings hold that is none of Sphinx's own.

Docstrings are plain text with names between backticks: a star or a bar in them is no mark-up. A
link that leads out of docs/, into a clone, keeps its words on the site and nothing else.
"""

from __future__ import annotations

import re
from typing import Any

OUTWARDS = re.compile(r"\[([^\[\]]+)\]\(\.\./[^)\s]+\)")
NAME = re.compile(r"(`[^`\n]+`)")


def docstring(
    _app: Any, _kind: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Write the lines of a docstring as reStructuredText; its examples stay."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = "".join(map(_escaped, NAME.split(line)))


def _escaped(part: str) -> str:
    if part.startswith("`"):
        return f"`{part}`"
    return re.sub(r"([*|]|_\b)", r"\\\1", part)


def page(_app: Any, _name: str, source: list[str]) -> None:
    """Drop the addresses of links that lead out of docs/."""
    source[0] = OUTWARDS.sub(r"\1", source[0])


def setup(app: Any) -> dict[str, bool]:
    """Register both."""
    app.connect("autodoc-process-docstring", docstring)
    app.connect("source-read", page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
