"""The command `check-adapter`: what is still wrong with an adapter, and what to do next."""

from __future__ import annotations

import argparse
import shlex

from convformance.checkup import Checkup, named_adapter
from convformance.checkup_sweep import OK, WRONG, Step, Support
from convreport.text import command
from convreport.usage import FINE, RED, USAGE

WIDTH = 36  # of the names of steps
UNKNOWN = "the adapter does not know"


def add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    check = commands.add_parser(
        "check-adapter",
        help="tell step by step what is still wrong with an adapter",
        description="Tell the author of an adapter step by step what is still wrong with it.",
        epilog="Exit status: 0 nothing is wrong; 1 something is; 2 the adapter cannot be started.",
    )
    check.add_argument(
        "adapter",
        metavar="ADAPTER",
        help="a command such as './adapter --fast' (docs/protocol.md), a registered name, "
        "module:attribute or ./file.py:Class",
    )
    check.set_defaults(work=_check)


def _check(options: argparse.Namespace) -> int:
    checkup = Checkup(named_adapter(options.adapter))
    wrong: list[Step] = []
    for step in checkup.steps():
        print(_line(step, checkup.name), flush=True)
        if step.state == WRONG:
            wrong.append(step)
    print(f"\n{_summary(checkup.support)}{_next(checkup, wrong)}")
    if not checkup.starts:
        return USAGE
    return RED if wrong else FINE


def _line(step: Step, name: str) -> str:
    lines = [f"{step.name:{WIDTH}} {step.state:6} {step.told}".rstrip()]
    if step.state != OK:
        shown = command(step.line, name) if step.line else ""
        lines += [f"{'':{WIDTH}}        {more}" for more in (step.hint, shown) if more]
    return "\n".join(lines)


def _summary(support: Support) -> str:
    """Return what is answered, and why the rest is not."""
    lines: list[str] = []
    for group, labels in support.answered.items():
        what = group if group in ("ops", "dtypes") else f"of {group}"
        lines.append(f"{'' if lines else 'answers':10}{what:14}{', '.join(labels) or 'none'}")
    reasons: dict[str, list[str]] = {}
    for reason, labels in support.reasons.items():
        short = UNKNOWN if reason.startswith(UNKNOWN) else reason  # one reason for each attribute
        reasons.setdefault(short, []).extend(labels)
    for reason, found in reasons.items():
        start = "" if reason != next(iter(reasons)) else "not"
        lines.append(f"{start:10}{', '.join(found)}: {reason}")
    return "".join(f"{line}\n" for line in lines)


def _next(checkup: Checkup, wrong: list[Step]) -> str:
    if wrong:
        step = wrong[0]
        return f"next      {step.name}: {step.hint or step.told}"
    return f"next      convformance run --backend {shlex.quote(checkup.name)}"
