"""The command `diff`: two runs of one backend side by side."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from convformance.runfile import load
from convreport.diff import Diff, OtherBackendError, compare
from convreport.difftext import print_diff
from convreport.usage import FINE, RED, UsageError, writing
from convreport.write import write_diff


def add_diff(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    diff = commands.add_parser(
        "diff",
        help="compare two runs of one backend: what is new, changed, fixed",
        description="Compare two runs of one backend, of two versions or from two machines: "
        "what is new, changed, fixed, and what was not asked again.",
        epilog="Exit status: 0 nothing new; 1 something new, or changed for the worse; "
        "2 wrong usage.",
    )
    diff.add_argument("old", type=Path, metavar="OLD", help="run file")
    diff.add_argument("new", type=Path, metavar="NEW", help="run file of the same backend")
    diff.add_argument("-o", "--output", type=Path, metavar="DIR", help="also write a page here")
    diff.add_argument("--json", action="store_true", help="print the comparison as JSON")
    diff.set_defaults(work=_diff)


def _diff(options: argparse.Namespace) -> int:
    diff = _compared(options.old, options.new)
    page = None
    if options.output:
        with writing(options.output):
            page = write_diff(diff, options.output)
    if options.json:
        print(json.dumps(asdict(diff), indent=1))
    else:
        print_diff(diff, Console(), page)
    return RED if diff.is_red else FINE


def _compared(old: Path, new: Path) -> Diff:
    for path in (old, new):
        if path.is_dir():
            raise UsageError(f"{path}: a folder; give one run file")
    try:
        return compare(load(old), load(new))
    except OtherBackendError as error:
        raise UsageError(str(error)) from None
