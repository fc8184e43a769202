"""`convformance run`: check a backend, or go on with a run that was cut off."""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from convformance import __version__
from convformance.examples import DEFAULT, example_database
from convformance.front import narrowed_by, run_suite
from convformance.given import read_lines
from convformance.journal import Begun, begun
from convformance.options import DEFAULT_SEED, PROFILES
from convformance.registry import WAYS
from convformance.runfile import PARTIAL, Run, RunFileError, load
from convformance.shards import Shard, parse
from convformance.shared import shared_by
from convformance.worker import Isolated
from convreport.history import History
from convreport.process_limits import LIMITS, add_limits, limits_of, positive, time_in
from convreport.progress import progress_plugins
from convreport.summary import print_summary
from convreport.text import count
from convreport.usage import RUNS, UsageError, add_fail_on, status_of, writing
from convreport.write import write_report

MOST_MINUTES = 7 * 24 * 60  # a week
ITS_OWN = (
    "output", "seed", "max_examples", "minutes", "profile", "no_ledger", "any_release", "cases",
    "shard", *LIMITS, "pytest",
)  # fmt: skip
OF_A_SHARD = ("backend", "seed", "max_examples", "minutes", "profile", "cases", "pytest")  # its own


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    run = commands.add_parser(
        "run",
        help="check a backend and write its run file",
        description="Check a backend and write its run file.",
        epilog="Options after -- go to pytest: -k, -x, --junitxml FILE ... Two processes share "
        "a whole run; -n 0 has it in one.",
    )
    run.add_argument("--backend", help=f"a registered name; or {WAYS}")
    run.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="go on with the run that was to become this run file and was cut off; all options "
        "but --report, --fail-on and --verbose are its own",
    )
    run.add_argument(
        "-o", "--output", type=Path, help="run file (default: reports/runs/NAME.jsonl)"
    )
    add_limits(run)
    run.add_argument("--report", type=Path, metavar="DIR", help="also write the HTML report here")
    _add_shards(run)
    run.add_argument("--seed", help=f"a whole number, or random (default: {DEFAULT_SEED})")
    run.add_argument("--max-examples", type=positive, help="examples of each exploring test")
    run.add_argument(
        "--minutes",
        type=time_in("minutes", MOST_MINUTES),
        help="after the default run explore on until so many are over",
    )
    run.add_argument(
        "--profile",
        choices=PROFILES,
        help="exhaustive: every small geometry of every op (default: a covering part)",
    )
    run.add_argument(
        "--cases",
        type=Path,
        metavar="FILE",
        help="ask the case lines of FILE, and nothing else; a law's name may stand before a line",
    )
    add_fail_on(run)
    run.add_argument(
        "--any-release",
        action="store_true",
        help="take as known what the ledger has of any release of the backend",
    )
    run.add_argument("--no-ledger", action="store_true", help="take no discrepancy as known")
    run.add_argument("--verbose", action="store_true", help="show pytest's own output")
    run.add_argument(
        "pytest", nargs="*", metavar="PYTEST_OPTION", help="after --: options of pytest"
    )
    run.set_defaults(work=_run)


def _add_shards(run: argparse.ArgumentParser) -> None:
    """Add the options by which a part of a campaign is run alone."""
    run.add_argument(
        "--shard",
        metavar="ID",
        help="a part of a campaign, such as torch/pooling/17: backend, area of the suite and seed",
    )
    run.add_argument(
        "--known",
        type=Path,
        metavar="PLACE",
        help="count and do not shrink what others have found: a folder of a campaign, or the run "
        "file of a shard for what that one took from others",
    )
    run.add_argument(
        "--database",
        action="append",
        default=[],
        metavar="PLACE",
        help="keep the cases of discrepancies here, to be replayed first: a folder, or the URL of "
        f"a Redis; may be given more than once (default: {DEFAULT})",
    )


def _run(options: argparse.Namespace) -> int:
    resumed = _resumed(options) if options.resume else None
    shard = _shard(options)
    if not options.backend:
        raise UsageError("which backend? --backend NAME, or --resume FILE")
    if options.minutes and (narrowed := narrowed_by(options.pytest)):
        raise UsageError(f"--minutes goes on from a whole run; leave out {narrowed}")
    if not resumed:
        options.lines = read_lines(options.cases) if options.cases else []
    if options.lines and (options.minutes or options.pytest):
        raise UsageError("--cases asks its lines and nothing else; leave out --minutes and --")
    if options.known:
        shared_by(options.known)
    example_database(options.database)
    # A mistake in the name shows before pytest starts.
    backend = Isolated(options.backend, limits_of(options))
    path: Path = options.output or RUNS / (shard.file if shard else run_file_of(backend.name))
    seed = _seed(options.seed or str(DEFAULT_SEED))
    with writing(path.parent):  # before the run, not after it
        path.parent.mkdir(parents=True, exist_ok=True)
    words = f"convformance {__version__} · {backend.name} {backend.version} · seed {seed}"
    if resumed:
        _check_same(resumed, backend)
        words += f" · {_tests(len(resumed.done), 'was', 'were')} done"
    print(words, flush=True)
    status = _asked(options, backend, path, seed, shard)
    if not path.exists():
        why = f"the run did not finish (pytest's exit status {status})"
        raise UsageError(_unfinished(path, why))
    return tell([load(path)], options.report, fail_on=options.fail_on)


def run_file_of(name: str) -> str:
    """Return the run file's name of a backend, with a hyphen for the brackets of a variant."""
    return re.sub(r"\[(.*)\]$", r"-\1", name) + ".jsonl"


def _shard(options: argparse.Namespace) -> Shard | None:
    """Return the shard that is to be run, and give what it names to the options."""
    if not options.shard:
        return None
    found = parse(options.shard)
    if not options.resume:
        given = [name for name in OF_A_SHARD if getattr(options, name) not in (None, [])]
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise UsageError(f"--shard has its own {names}; leave it out".replace("--pytest", "--"))
    options.backend = options.backend or found.backend
    options.seed, options.max_examples = str(found.seed), found.examples
    return found


def _asked(
    options: argparse.Namespace, backend: Isolated, path: Path, seed: int, shard: Shard | None
) -> int:
    """Run the suite; return pytest's exit status."""
    try:
        return run_suite(
            options.backend,
            path,
            backend=backend,
            seed=seed,
            max_examples=options.max_examples,
            minutes=options.minutes,
            profile=options.profile or PROFILES[0],
            use_ledger=not options.no_ledger,
            any_release=options.any_release,
            lines=options.lines,
            pytest_arguments=options.pytest,
            plugins=progress_plugins(backend.name),
            verbose=options.verbose,
            resume=bool(options.resume),
            limits=backend.limits,
            shard=shard,
            known=options.known,
            databases=options.database,
        )
    except RunFileError as error:
        raise UsageError(_unfinished(path, str(error))) from None


def _resumed(options: argparse.Namespace) -> Begun:
    """Return what was begun, and give its options to these."""
    given = [name for name in ITS_OWN if getattr(options, name) not in (None, False, [])]
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"--resume goes on with the run's own options; leave out {names}")
    found = begun(options.resume)
    header = found.header
    options.backend = options.backend or header.given
    options.output, options.seed = found.path, str(header.seed)
    options.max_examples, options.minutes = header.max_examples, header.minutes
    options.profile, options.no_ledger = header.profile, not header.use_ledger
    options.shard = header.shard
    options.any_release, options.lines = header.any_release, list(header.lines)
    options.pytest = [] if header.shard else list(header.arguments)
    vars(options).update({name: header.limits.get(name) for name in LIMITS})
    return found


def _check_same(found: Begun, backend: Isolated) -> None:
    """Raise `UsageError`, and end the backend, if another release would go on than began."""
    began, now = found.header, (__version__, backend.name, backend.version)
    if (began.convformance, began.backend, began.version) != now:
        backend.close()
        raise UsageError(
            f"{found.path.name} was begun by convformance {began.convformance} with "
            f"{began.backend} {began.version}; convformance {now[0]} with {now[1]} {now[2]} would "
            "tell of two things in one file: run it anew"
        )


def _unfinished(path: Path, why: str) -> str:
    """Return what to say of a run that did not finish, and how to go on."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        done = len(begun(path).done)
    except RunFileError:
        done = 0
    words = f"{why}; no run file"
    if done:
        tests = _tests(done, "is", "are")
        words += f": {tests} in {partial}: convformance run --resume {path} goes on"
    return words


def _tests(number: int, one: str, more: str) -> str:
    return count(number, f"test {one}", f"tests {more}")


def _seed(text: str) -> int:
    if text == "random":
        return random.SystemRandom().randrange(2**32)
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"seed {text!r} is neither a whole number nor random")
    return int(text)


def tell(
    runs: Sequence[Run], folder: Path | None, history: History | None = None, *, fail_on: str
) -> int:
    """Print the summary of runs, and write their report if a folder is given; return the status."""
    page = None
    if folder:
        with writing(folder):
            page = write_report(runs, folder, history)
    print_summary(runs, Console(), page)
    return status_of(runs, fail_on)
