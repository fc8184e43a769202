"""A comparison of two runs for a terminal or a log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from convreport.diff import Diff, Row, Side
from convreport.shifts import Shift, Shifts, Support
from convreport.summary import say
from convreport.text import count, one_line

MOST_SUPPORT = 10
STYLES = {"NEW": "bold red", "WORSE": "bold red", "FIXED": "green", "NOT ASKED AGAIN": "yellow"}


def print_diff(diff: Diff, console: Console, page: Path | None = None) -> None:
    """Print what changed, the worst first, and where the page is; no line is cut."""
    say(console, f"{diff.backend} · {_side(diff.old)} -> {_side(diff.new)}", "bold")
    say(
        console,
        f"{count(diff.asked_in_both, 'case')} asked in both runs, "
        f"{diff.asked_in_old:,} in the old one only, {diff.asked_in_new:,} in the new one only",
    )
    for note in diff.notes:
        say(console, f"note: {note}", "yellow")
    _rows(console, "NEW", diff.appeared)
    _rows(console, "WORSE", [row for row in diff.changed if row.is_worse])
    for text in diff.failed:
        _title(console, "FAILED", one_line(text), "bold red")
    for what, shifts in _shifts(diff):
        for shift in shifts.changed:
            _shift(console, "WORSE" if shift.is_worse else "CHANGED", what, shift)
    _rows(console, "CHANGED", [row for row in diff.changed if not row.is_worse])
    _rows(console, "FIXED", diff.fixed)
    _rows(console, "NOT ASKED AGAIN", diff.unasked)
    for what, shifts in _shifts(diff):
        for shift in shifts.unasked:
            _shift(console, "NOT ASKED IN BOTH", what, shift)
    _rows(console, "COMES AND GOES", diff.fickle)
    _support(console, "UNSUPPORTED NOW", diff.dropped)
    _support(console, "SUPPORTED NOW", diff.gained)
    say(console, "")
    say(console, diff.headline, "bold red" if diff.is_red else "green")
    if page is not None:
        say(console, f"page  {page}")


def _shifts(diff: Diff) -> Sequence[tuple[str, Shifts]]:
    return ("choice", diff.choices), ("law", diff.laws), ("arithmetic", diff.arithmetic)


def _side(side: Side) -> str:
    return f"{side.version} ({side.started})"


def _title(console: Console, word: str, text: str, style: str = "") -> None:
    say(console, "")
    say(console, f"{word}  {text}", style or STYLES.get(word, "bold"))


def _rows(console: Console, word: str, rows: Sequence[Row]) -> None:
    for row in rows:
        status = "" if row.status == "new" else " · known"
        _title(console, word, f"{row.id} · {row.op} · [{row.clause}] · {row.verdict}{status}")
        say(console, f"     {row.line}")
        for sentence in row.diagnosis:
            say(console, f"     why: {sentence}")
        for moved in row.moved:
            say(console, f"     {moved.name}: {moved.before or '-'} -> {moved.after or '-'}")
        if row.why:
            say(console, f"     {row.why}")
        say(console, f"     {row.command}")


def _shift(console: Console, word: str, what: str, shift: Shift) -> None:
    name = shift.name if what == "arithmetic" else f"[{shift.name}]"
    _title(console, word, f"{what} · {shift.op} · {name}: {shift.before} -> {shift.after}")
    if shift.example:
        say(console, f"     {shift.example}")


def _support(console: Console, word: str, parts: Sequence[Support]) -> None:
    for part in parts[:MOST_SUPPORT]:
        _title(console, word, f"{count(part.cases, 'case')} of {part.op}: {part.reason}")
        say(console, f"     {part.example}")
    if len(parts) > MOST_SUPPORT:
        rest = count(len(parts) - MOST_SUPPORT, "further reason")
        say(console, f"     and {rest}; --json and -o tell them all")
