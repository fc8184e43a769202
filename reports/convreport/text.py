"""Text of others made fit to print: visible escapes, cuts with a note, words for numbers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

LONGEST_MESSAGE = 2_000
LONGEST_SCRIPT = 20_000
LONGEST_REASON = 300

# Controls but for tab and newline, surrogates and what else XML cannot write, and what turns or
# hides the text around it.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True)
class Long:
    """A text that may have been cut; `note` says so."""

    text: str
    note: str = ""


ENDLESS = 1e300  # a run file's word for an infinite margin


def visible(text: str) -> str:
    """Return the text with each control or invisible character as a backslash escape."""
    return _INVISIBLE.sub(_escape, text)


def finalize(value: object) -> object:
    """Make every value that a template prints visible; what is markup already stays."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def clip(text: str, longest: int = LONGEST_MESSAGE) -> Long:
    """Cut a text at `longest` characters."""
    if len(text) <= longest:
        return Long(text)
    return Long(text[:longest], f"cut after {longest:,} of {len(text):,} characters")


def one_line(text: str, longest: int = LONGEST_REASON) -> str:
    """Return the text on one visible line, with an ellipsis where it is cut."""
    line = " ".join(text[: 10 * longest].split())
    return visible(line if len(line) <= longest else line[: longest - 1] + "…")


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 case" or "2,412 cases"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def sizes(shape: Sequence[int]) -> str:
    """Return a shape as 1x2x3."""
    return "x".join(map(str, shape)) or "scalar"


def duration(seconds: float) -> str:
    """Return m:ss, or h:mm:ss."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def margin(value: float | None) -> str:
    """Return a margin in three digits; a dash where none was measured."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.3g}" if value < ENDLESS else "\N{INFINITY}"


def command(line: str, backend: str) -> str:
    """Return the command that runs a case again."""
    return f"convformance case {shlex.quote(line)} --backend {shlex.quote(backend)}"


def law_command(law: str, line: str, backend: str) -> str:
    """Return the command that checks a law on a problem again."""
    name = shlex.quote(law.partition(".")[2] or law)
    return f"convformance law {name} {shlex.quote(line)} --backend {shlex.quote(backend)}"


def _escape(match: re.Match[str]) -> str:
    point = ord(match[0])
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
