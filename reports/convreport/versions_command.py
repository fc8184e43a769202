"""The command `versions`: the same seeds on several releases of a framework, and one page."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from convformance.options import DEFAULT_SEED
from convreport.asking import Asking, NotAskedError, ask
from convreport.environments import NotInstalledError, Recipe, made, recipe
from convreport.process_limits import add_limits, given_limits, limit_words, positive
from convreport.releases import available, chosen, is_range
from convreport.summary import say
from convreport.text import count, one_line
from convreport.usage import FINE, UsageError, writing
from convreport.versions import Release, missing, refusal_of_all
from convreport.versions_page import summary, versions_page
from convreport.write import write_report, write_versions


def add_versions(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    versions = commands.add_parser(
        "versions",
        help="run several releases of a framework, and write one page of what changed",
        description="Install each release of a backend's framework in an environment of its own "
        "with pip, run the same seed on all, and write one page: discrepancies as rows, releases "
        "as columns.",
        epilog="What was done is not done again: the same command goes on where it was cut off. "
        "Exit status: 0 the page is written; 2 wrong usage, or no release could be asked.",
    )
    versions.add_argument("backend", metavar="BACKEND", help="a registered name, such as torch")
    versions.add_argument(
        "releases",
        nargs="+",
        metavar="RELEASE",
        help="such as 2.9, or a range, such as '>=2.9,<2.12': its final releases",
    )
    versions.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder of page and runs"
    )
    versions.add_argument("--seed", type=int, default=DEFAULT_SEED, help="a whole number")
    versions.add_argument("--max-examples", type=positive, help="examples of each exploring test")
    add_environments(versions)
    versions.add_argument(
        "-k", dest="narrow", metavar="EXPRESSION", help="ask only a part of the suite, as pytest's"
    )
    add_limits(versions)
    versions.set_defaults(work=_versions)


def add_environments(parser: argparse.ArgumentParser) -> None:
    """Add the options by which environments are made."""
    parser.add_argument(
        "--python", type=Path, metavar="PYTHON", help="interpreter of the environments"
    )
    parser.add_argument(
        "--minors", action="store_true", help="of a range, only the last of each minor release"
    )
    parser.add_argument(
        "--distribution", metavar="NAME", help="what pip installs the framework as (default: "
        "what the backend says)",
    )  # fmt: skip
    parser.add_argument(
        "--with", dest="more", action="append", default=[], metavar="REQUIREMENT",
        help="what pip is to install too, such as 'numpy<2.3'",
    )  # fmt: skip
    parser.add_argument(
        "--environments", type=Path, metavar="FOLDER",
        help="keep the environments here, and use those that are there (default: a folder that "
        "is deleted at the end)",
    )  # fmt: skip


def recipe_of(options: argparse.Namespace) -> Recipe:
    """Return what the environments are made of."""
    return recipe(options.backend, options.python, options.more, distribution=options.distribution)


@contextmanager
def environments(options: argparse.Namespace) -> Iterator[Path]:
    """Yield the folder of the environments: the caller's, or one that is deleted at the end."""
    if options.environments:
        with writing(options.environments):
            options.environments.mkdir(parents=True, exist_ok=True)
        yield options.environments.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="convformance-") as folder:
        yield Path(folder)


@dataclass(frozen=True)
class Session:
    """One call of the command: what was asked for, and where the environments are."""

    options: argparse.Namespace
    recipe: Recipe
    place: Path
    console: Console

    def python(self, release: str) -> Path:
        """Return the Python of a release's environment; raise `NotInstalledError`."""
        return made(self.recipe, release, self.place / release)

    def asking(self, name: str) -> Asking:
        """Return what is asked of each release, and the run file of that name."""
        options = self.options
        return Asking(
            backend=options.backend,
            path=options.output / "runs" / f"{name}.jsonl",
            seed=options.seed,
            max_examples=options.max_examples,
            pytest=("-k", options.narrow) if options.narrow else (),
            limits=given_limits(options),
        )

    def say(self, text: str, style: str = "") -> None:
        """Tell of a release that is done."""
        say(self.console, text, style)


def _versions(options: argparse.Namespace) -> int:
    made_of = recipe_of(options)
    ranges = any(map(is_range, options.releases))
    known = available(made_of.framework, made_of.python) if ranges else []
    wanted = chosen(options.releases, known, minors=options.minors)
    folder: Path = options.output
    with writing(folder):
        (folder / "runs").mkdir(parents=True, exist_ok=True)
    console = Console()
    say(console, f"{made_of.framework}: {count(len(wanted), 'release')}: {', '.join(wanted)}")
    with environments(options) as place:
        session = Session(options, made_of, place, console)
        asked = [_asked(session, one) for one in wanted]
        if not any(one.run for one in asked):
            raise UsageError(f"no release of {made_of.framework} could be asked")
        pairs = zip(asked, missing(asked), strict=True)
        whole = [_asked_again(session, one, lines) for one, lines in pairs]
    page = versions_page(options.backend, whole, _command(options))
    with writing(folder):
        path = write_versions(page, folder)
    for line in summary(page):
        say(console, line)
    say(console, page.headline, "bold red" if page.is_red else "green")
    say(console, f"page  {path}")
    return FINE


def _asked(session: Session, release: str) -> Release:
    """Return a release with its run and its report, or with the reason why it has none."""
    asking, folder = session.asking(release), session.options.output
    try:
        run = asking.done() or ask(asking, session.python(release))
    except NotInstalledError as error:
        session.say(f"{release}  not asked: {error}", "yellow")
        return Release(release, reason=str(error))
    except NotAskedError as error:
        session.say(f"{release}  not asked: {error}", "yellow")
        return Release(release, reason=one_line(str(error)))
    if refusal := refusal_of_all(run):
        reason = f"it answers no valid problem: {refusal}"
        session.say(f"{release}  {reason}", "yellow")
        return Release(release, reason=reason)
    with writing(folder):
        write_report([run], folder / release)
    found = count(len(run.findings), "discrepancy", "discrepancies")
    session.say(f"{release}  {count(len(run.cases), 'case')}, {found}")
    return Release(release, run, page=f"{release}/index.html")


def _asked_again(session: Session, release: Release, lines: Sequence[str]) -> Release:
    """Return the release with the answers to what other releases showed something at."""
    if not lines:
        return release
    plain = session.asking(f"{release.version}-again")
    asking = replace(plain, pytest=(), lines=tuple(lines))
    run = asking.done(others=True) or ask(asking, session.python(release.version))
    session.say(f"{release.version}  {count(len(lines), 'case')} of other releases asked too")
    return replace(release, again=run)


def _command(options: argparse.Namespace) -> str:
    """Return the command that makes such a page."""
    words = ["convformance", "versions", options.backend, *options.releases]
    words += ["--minors"] if options.minors else []
    words += [f"--with={one}" for one in options.more]
    words += ["--seed", str(options.seed)] if options.seed != DEFAULT_SEED else []
    words += ["--max-examples", str(options.max_examples)] if options.max_examples else []
    words += limit_words(given_limits(options))
    words += ["-k", options.narrow] if options.narrow else []
    return shlex.join([*words, "-o", options.output.name])
