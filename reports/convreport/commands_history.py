"""The command `history`: in which versions each discrepancy was seen."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from convformance.runfile import Run
from convreport.columns import columns
from convreport.history import History, add_runs, read_history, run_key, told, write_history
from convreport.text import count, one_line
from convreport.usage import FINE, load_runs, writing


def add_history(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    history = commands.add_parser(
        "history",
        help="keep in which versions each discrepancy was first and last seen",
        description="Add runs to a history file: the first and the last version and date of each "
        "discrepancy. Without a run, print what the file holds.",
        epilog="`convformance report --history FILE` shows it at each finding.",
    )
    history.add_argument("file", type=Path, metavar="FILE", help="history file (JSON)")
    history.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN", help="run files, or folders of them"
    )
    history.set_defaults(work=_history)


def _history(options: argparse.Namespace) -> int:
    history = read_history(options.file, missing_is_empty=bool(options.runs))
    runs = load_runs(options.runs)
    if runs:
        added = add_runs(history, runs)
        if added != history:
            with writing(options.file):
                write_history(options.file, added)
    for line in _added(history, runs) if runs else _listed(history):
        print(line)
    return FINE


def _added(history: History, runs: Sequence[Run]) -> Iterator[str]:
    for column in columns(runs):
        run = column.run
        if run_key(run) in history.runs:
            yield f"{one_line(column.label)}: held already"
            continue
        first = sum(history.of(run.header.backend, one) is None for one in run.findings)
        found = count(len(run.findings), "discrepancy", "discrepancies")
        yield f"{one_line(column.label)}: {found}, {first:,} not seen before"


def _listed(history: History) -> Iterator[str]:
    for backend, found in sorted(history.backends.items()):
        for id_, one in sorted(found.items(), key=lambda pair: (pair[1].clause, pair[0])):
            words = [backend, id_, one.op, f"[{one.clause}]", one.verdict, told(one)]
            yield " · ".join(map(one_line, words))
