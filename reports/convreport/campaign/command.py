"""The command `campaign`: many shards of the suite on the workers of a Dask cluster."""

from __future__ import annotations

import argparse
import fcntl
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

from rich.console import Console

from convformance.examples import example_database
from convformance.registry import WAYS
from convformance.shards import AREAS
from convreport.asking import absolute
from convreport.campaign.cluster import cluster, dashboard
from convreport.campaign.front import Front
from convreport.campaign.merge import Merged, merge
from convreport.campaign.page import campaign_page
from convreport.campaign.plan import PLAN, Plan, planned, read_plan, write_plan
from convreport.campaign.shown import Shown
from convreport.campaign.store import Store
from convreport.campaign.task import PROGRAM
from convreport.process_limits import (
    LIMITS,
    add_limits,
    given_limits,
    limit_words,
    positive,
    time_in,
)
from convreport.summary import say
from convreport.text import count
from convreport.usage import FINE, RED, USAGE, UsageError, writing
from convreport.write import write_campaign

MOST_CASES = 1e12
MOST_MINUTES = 7 * 24 * 60  # a week
OF_THE_PLAN = ("backend", "cases", "output", "area", "max_examples", "shard_minutes", *LIMITS)


def add_campaign(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    campaign = commands.add_parser(
        "campaign",
        help="run many seeds on many processes or machines, and write one page",
        description="Run shards of the suite (backend, area, seed) on the workers of a Dask "
        "cluster until so many cases were tried, and write one page of all.",
        epilog="Exit status: 0 nothing new; 1 something new; 2 wrong usage, or a shard that was "
        "not finished: --resume goes on.",
    )
    campaign.add_argument(
        "--backend", action="append", default=[], help=f"may be given more than once: {WAYS}"
    )
    campaign.add_argument(
        "--cases", type=_cases, metavar="N", help="cases to draw in all, such as 1e6: whole seeds"
    )
    campaign.add_argument(
        "-o", "--out", dest="output", type=Path, metavar="DIR", help="the campaign's folder"
    )
    campaign.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with the campaign of this folder"
    )
    where = campaign.add_mutually_exclusive_group()
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="a Dask cluster, such as tcp://10.0.0.1:8786"
    )
    where.add_argument(
        "--workers", type=positive, metavar="N", help="processes here (default: one for each core)"
    )
    campaign.add_argument(
        "--area", action="append", default=[], choices=AREAS, metavar="AREA",
        help=f"ask only this part of the suite; may be given more than once: {', '.join(AREAS)}",
    )  # fmt: skip
    campaign.add_argument("--max-examples", type=positive, help="examples of each exploring test")
    campaign.add_argument(
        "--shard-minutes", type=time_in("minutes", MOST_MINUTES), metavar="M",
        help="end a shard that takes longer (default: 60)",
    )  # fmt: skip
    campaign.add_argument(
        "--database", action="append", default=[], metavar="PLACE",
        help="keep the cases of discrepancies here: a folder that every worker sees, or the URL of "
        "a Redis; may be given more than once (default: DIR/examples)",
    )  # fmt: skip
    add_limits(campaign)
    campaign.set_defaults(work=run_campaign)


def run_campaign(options: argparse.Namespace, program: Sequence[str] = PROGRAM) -> int:
    """Run the campaign, or go on with it; return the exit status.

    `program` are the words behind Python that run a shard.
    """
    plan, folder = _plan(options)
    console, store = Console(), Store(folder)
    with _alone(folder):
        if not options.resume:
            with writing(folder):
                write_plan(folder, plan)
        troubles = _asked(options, plan, store, console, program)
        merged = merge(plan, store, troubles)
        page = campaign_page(merged, _command(plan))
        with writing(folder):
            path = write_campaign(page, folder)
    return _told(console, merged, page.headline, path, folder)


def _asked(
    options: argparse.Namespace, plan: Plan, store: Store, console: Console, program: Sequence[str]
) -> dict[str, str]:
    """Run what is left; return the shards that were not finished, and why."""
    places = options.database or [str(store.folder.resolve() / "examples")]
    database = example_database(places)
    left = sum(1 for _ in store.left(plan))
    say(console, _title(plan, left))
    if not left:
        return {}
    shown = Shown(console, plan, len(plan) - left)
    try:
        with cluster(options.scheduler, options.workers) as client, shown.watching() as watch:
            say(console, f"dashboard  {dashboard(client)}")
            # The folder of a campaign is seen by the workers of this machine alone.
            reached = options.database if options.scheduler else places
            front = Front(plan, store, client, watch, database, reached, program)
            front.run()
    except UsageError as error:
        raise UsageError(f"{error}: {_going_on(store.folder)}") from None
    except KeyboardInterrupt:
        say(console, f"interrupted: {_going_on(store.folder)}")
        raise
    return front.troubles


def _plan(options: argparse.Namespace) -> tuple[Plan, Path]:
    """Return the plan that is begun or gone on with, and its folder; raise `UsageError`."""
    if options.resume:
        given = [name for name in OF_THE_PLAN if getattr(options, name) not in (None, [])]
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise UsageError(f"--resume goes on with the campaign's own options; leave out {names}")
        return read_plan(options.resume), options.resume
    lacking = [name for name in ("backend", "cases") if not getattr(options, name)]
    if lacking or not options.output:
        raise UsageError("give --backend NAME, --cases N and --out DIR, or --resume DIR")
    if (options.output / PLAN).exists():
        raise UsageError(
            f"{options.output} has a campaign already: convformance campaign --resume "
            f"{options.output} goes on with it"
        )
    plan = planned(
        [absolute(one) for one in options.backend],
        options.cases,
        options.area,
        options.max_examples,
        limits=given_limits(options),
        minutes=options.shard_minutes or 60.0,
    )
    return plan, options.output


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second campaign out of the folder; the system lets go of it with the process."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"{folder}: another campaign works in this folder") from None
        yield


def _title(plan: Plan, left: int) -> str:
    words = [
        f"campaign of {count(len(plan), 'shard')}",
        count(len(plan.backends), "backend"),
        f"at least {plan.cases:,} cases drawn",
    ]
    done = len(plan) - left
    return " · ".join([*words, f"{count(done, 'shard is', 'shards are')} done"] if done else words)


def _going_on(folder: Path) -> str:
    return f"convformance campaign --resume {shlex.quote(str(folder))} goes on"


def _command(plan: Plan) -> str:
    """Return the command that makes such a campaign."""
    words = ["convformance", "campaign"]
    for one in plan.backends:
        words += ["--backend", one]
    words += ["--cases", str(max(1, plan.cases))]
    if len(plan.areas) < len(AREAS):
        words += [f"--area={one}" for one in plan.areas]
    words += ["--max-examples", str(plan.examples)] if plan.examples else []
    words += limit_words(plan.limits)
    return shlex.join([*words, "--out", "DIR"])


def _told(console: Console, merged: Merged, headline: str, path: Path, folder: Path) -> int:
    """Print the result; return the exit status."""
    for (backend, version), tally in sorted(merged.tallies.items()):
        say(console, f"{backend} {version}  {count(tally.cases, 'case')}, "
            f"{count(tally.shards, 'shard')}")  # fmt: skip
    say(console, headline, "bold red" if merged.is_red else "green")
    say(console, f"page  {path}")
    if merged.missed:
        say(console, _going_on(folder))
        return USAGE
    return RED if merged.is_red else FINE


def _cases(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (isfinite(number) and 1 <= number <= MOST_CASES):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cases from 1 to 1e12")
    return number
