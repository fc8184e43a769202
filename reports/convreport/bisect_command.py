"""The command `bisect`: the release of a framework in which the answer to a case changed."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version
from rich.console import Console

from convformance.given import parsed
from convformance.options import DEFAULT_SEED
from convformance.runfile import CaseRecord, LawRecord, Run
from convreport.asking import Asking, NotAskedError, ask
from convreport.environments import NotInstalledError, made
from convreport.process_limits import add_limits, given_limits
from convreport.releases import available, chosen
from convreport.summary import say
from convreport.text import one_line
from convreport.usage import FINE, UsageError
from convreport.versions_command import add_environments, environments, recipe_of


def add_bisect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    bisect = commands.add_parser(
        "bisect",
        help="find the release of a framework in which the answer to a case changed",
        description="Ask a case of releases between two, each in an environment of its own, until "
        "the one is found in which the answer is no longer that of the first.",
        epilog="Exit status: 0 the release is found; 2 wrong usage, or both ends answer alike.",
    )
    bisect.add_argument("line", metavar="LINE", help="a case; a law's name may stand before it")
    bisect.add_argument("--backend", required=True, help="a registered name, such as onnxruntime")
    bisect.add_argument("--good", required=True, metavar="RELEASE", help="where it was as it was")
    bisect.add_argument("--bad", required=True, metavar="RELEASE", help="where it no longer is")
    add_environments(bisect)
    add_limits(bisect)
    bisect.set_defaults(work=_bisect)


@dataclass(frozen=True)
class Found:
    """Two releases with nothing that answers between them, and those that give no answer."""

    before: str
    after: str
    silent: tuple[str, ...] = ()


def search(
    releases: Sequence[str], answer: Callable[[str], str | None], good: str, bad: str
) -> Found:
    """Return where the answer stops to be that of `good`; None is no answer.

    `releases` stand in order, `good` first and `bad` last. Raise `UsageError` where the ends have
    no answer, or the same.
    """
    first, last = answer(good), answer(bad)
    for end, told in ((good, first), (bad, last)):
        if told is None:
            raise UsageError(f"{end} gives no answer: name another release")
    if first == last:
        raise UsageError(f"{good} and {bad} answer alike: {first}")
    low, high = 0, len(releases) - 1
    silent: set[int] = set()
    while open_ := [i for i in range(low + 1, high) if i not in silent]:
        middle = min(open_, key=lambda i: (abs(2 * i - low - high), i))
        told = answer(releases[middle])
        if told is None:
            silent.add(middle)
        elif told == first:
            low = middle
        else:
            high = middle
    between = tuple(releases[i] for i in range(low + 1, high))
    return Found(releases[low], releases[high], between)


def _bisect(options: argparse.Namespace) -> int:
    line = _line(options.line)
    made_of = recipe_of(options)
    known = available(made_of.framework, made_of.python)
    releases = _between(options.good, options.bad, known, minors=options.minors)
    console = Console()
    say(console, line)
    answers: dict[str, str | None] = {}
    with environments(options) as place, tempfile.TemporaryDirectory() as runs:

        def answer(release: str) -> str | None:
            asking = Asking(
                options.backend,
                Path(runs) / f"{release}.jsonl",
                DEFAULT_SEED,
                lines=(line,),
                limits=given_limits(options),
            )
            try:
                told = told_of(ask(asking, made(made_of, release, place / release)))
            except (NotInstalledError, NotAskedError) as error:
                say(console, f"{release}  not asked: {one_line(str(error))}", "yellow")
                return None
            say(console, f"{release}  {told}")
            answers[release] = told
            return told

        found = search(releases, answer, releases[0], releases[-1])
    where = f"changed in {found.after}"
    if found.silent:
        where = f"changed after {found.before}, by {found.after}; not asked: "
        where += ", ".join(found.silent)
    say(console, where, "bold")
    say(console, f"  {found.before}: {answers[found.before]}")
    say(console, f"  {found.after}: {answers[found.after]}")
    return FINE


def _line(text: str) -> str:
    one = parsed(text)
    return f"{one.law.label} {one.case.line}" if one.law else one.case.line


def _between(good: str, bad: str, known: Sequence[Version], *, minors: bool) -> list[str]:
    """Return the releases from the one end to the other; they may stand in either order."""
    ends = [Version(one) for one in chosen([good, bad], known)]
    if len(ends) < 2:
        raise UsageError(f"--good and --bad are one release, {good}")
    low, high = ends
    inside = [one for one in known if low < one < high and not one.is_prerelease]
    last = {one.release[:2]: one for one in inside}
    kept = sorted(last.values()) if minors else inside
    ordered = [str(one) for one in (low, *kept, high)]
    return ordered if low == Version(good) else ordered[::-1]


def told_of(run: Run) -> str:
    """Return what a run of one line says, in words that are equal where the answers are."""
    told = [*map(_of_case, run.cases), *map(_of_law, run.laws)]
    if not told:
        raise NotAskedError("the run holds no answer")
    return told[0]


def _of_case(one: CaseRecord) -> str:
    clause = f" [{one.clause}]" if one.clause else ""
    choices = ", ".join(f"{point} = {choice}" for point, choice in sorted(one.choices.items()))
    return f"{one.verdict}{clause}" + (f" ({choices})" if choices else "")


def _of_law(one: LawRecord) -> str:
    words = {True: "holds", False: "does not hold", None: "not applicable"}[one.held]
    return f"[{one.law}] {words}"
