"""Options of what a backend's process may take."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from convformance.isolation import Limits

LIMITS = tuple(one.name for one in fields(Limits))
MOST_SECONDS = 24 * 60 * 60


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add the options; each is None where it was not given."""
    usual = Limits()
    group = parser.add_argument_group(
        "limits", "What the backend's process may take; past one it is ended and started again."
    )
    group.add_argument(
        "--case-seconds",
        type=time_in("seconds", MOST_SECONDS),
        metavar="S",
        help=f"seconds for a call (default: {usual.case_seconds:g})",
    )
    group.add_argument(
        "--first-call-seconds",
        type=time_in("seconds", MOST_SECONDS),
        metavar="S",
        help="seconds for the first call of a problem in a process, where a compiler works "
        f"(default: {usual.first_call_seconds:g})",
    )
    group.add_argument(
        "--memory",
        type=positive,
        metavar="MIB",
        help="memory that it holds with what it has started (default: two fifths of the "
        f"machine's, here {usual.memory:,}; watched on Linux alone)",
    )
    group.add_argument(
        "--restarts",
        type=_restarts,
        metavar="N",
        help=f"how often it is started again before the run ends (default: {usual.restarts:,})",
    )


def given_limits(options: argparse.Namespace) -> dict[str, float]:
    """Return the limits that were given."""
    found = {name: getattr(options, name) for name in LIMITS}
    return {name: value for name, value in found.items() if value is not None}


def limit_words(limits: Mapping[str, float]) -> list[str]:
    """Return the words of a command line that give these limits."""
    told = {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in limits.items()
    }
    return [f"--{name.replace('_', '-')}={value}" for name, value in told.items()]


def limits_of(options: argparse.Namespace) -> Limits:
    """Return the limits that were given, and the usual ones for the others."""
    given: dict[str, Any] = {**given_limits(options)}
    return Limits(**given)


def positive(text: str) -> int:
    """Return the whole number of at least 1, for argparse."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _restarts(text: str) -> int:
    return 0 if text == "0" else positive(text)


def time_in(unit: str, most: int) -> Callable[[str], float]:
    """Return a reader, for argparse, of a time above 0 and below `most` of the unit."""

    def read(text: str) -> float:
        try:
            time = float(text)
        except ValueError:
            time = 0.0
        if not 0 < time < most:  # nor NaN
            told = f"{text!r} is no number of {unit} above 0 and below {most:,}"
            raise argparse.ArgumentTypeError(told)
        return time

    return read
