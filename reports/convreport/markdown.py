"""Markdown in which the text of others stays text: no markup, no link, no name that is called."""

from __future__ import annotations

import re

from convreport.text import one_line, visible

_CALLS = re.compile(r"@|#(?=\d)|//|www(?=\.)")  # a name, an issue or an address without brackets
_MARKS = re.compile(r"[\\`*\[\]~|$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-+=#]|(?<=^\d)[.)]")


def prose(text: str) -> str:
    """Return the text on one line, for a sentence or a heading."""
    escaped = _MARKS.sub(lambda mark: f"\\{mark[0]}", one_line(text))
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CALLS.sub(lambda call: f"{call[0]}<!-- -->", escaped)


def span(text: str) -> str:
    """Return the text on one line as code."""
    line = one_line(text, 4_000)
    ticks = "`" * (_longest_run(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") or line != line.strip() else ""
    return f"{ticks}{space}{line}{space}{ticks}" if line else ""


def cell(text: str) -> str:
    """Return the text as code in a cell of a table, where a bar would end the cell."""
    return span(text.replace("|", "\N{BROKEN BAR}"))


def fence(text: str, language: str = "") -> str:
    """Return the text as a block of code."""
    shown = visible(text).rstrip("\n")
    ticks = "`" * max(3, _longest_run(shown) + 1)
    return f"{ticks}{language}\n{shown}\n{ticks}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
