"""The command `cite`: a finding as Markdown for an upstream issue."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from convreport.cite import citation
from convreport.columns import columns
from convreport.findings import FindingView, finding_views
from convreport.text import count, one_line
from convreport.usage import FINE, RUNS, UsageError, load_runs

MOST_NEAR = 5


def add_cite(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    cite = commands.add_parser(
        "cite",
        help="print a finding as Markdown for an upstream issue",
        description="Print a finding as Markdown for an upstream issue: case, versions, clause, "
        "expected and got, terms, diagnosis, script.",
    )
    cite.add_argument("id", metavar="ID", help="a finding's id, such as d-7c1e0a93")
    cite.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN",
        help=f"run files, or folders of them (default: {RUNS})",
    )  # fmt: skip
    cite.set_defaults(work=_cite)


def _cite(options: argparse.Namespace) -> int:
    if not options.runs and not RUNS.is_dir():
        raise UsageError(f"{RUNS}: no such folder; name the run files")
    views = finding_views(columns(load_runs(options.runs or [RUNS])))
    print(citation(chosen(views, options.id.removeprefix("#"))), end="")
    return FINE


def chosen(views: Sequence[FindingView], wanted: str) -> FindingView:
    """Return the finding with that id, of the newest version, or with that anchor or older id."""
    found = [view for view in views if view.id == wanted]
    found = found or [view for view in views if view.anchor == wanted]
    found = found or [view for view in views if wanted in (*view.further, *view.further_anchors)]
    if not found:
        raise UsageError(f"no finding '{one_line(wanted)}' in {_near(views, wanted)}")
    return found[-1]


def _near(views: Sequence[FindingView], wanted: str) -> str:
    held = count(len(views), "finding")
    named = {view.id: f"{one_line(view.id)} ({view.op} [{view.clause}])" for view in views}
    near = [id_ for id_ in named if wanted and id_.startswith(wanted)]
    near = near or get_close_matches(wanted, named, MOST_NEAR, 0.5)
    if not near:
        return f"{held}; `convformance report` shows them"
    return f"{held}; near it: {', '.join(named[id_] for id_ in near[:MOST_NEAR])}"
