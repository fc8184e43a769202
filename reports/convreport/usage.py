"""What every command shares: exit statuses, the errors of a user, where run files are."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from convformance.runfile import Run, load

RUNS = Path("reports") / "runs"
FINE, RED, USAGE = 0, 1, 2
ERROR = "convformance: error: "  # before the words of what ends with 2
TAIL = 12  # lines of a log that an error shows
FAIL_ON = {  # what makes the exit status 1, beside a test of the suite that failed itself
    "new": "discrepancies that the ledger does not know, and known ones that no longer occur",
    "any": "these, and discrepancies that it knows",
    "none": "nothing that was found",
}


class UsageError(Exception):
    """Raised for a user's mistake: its text is printed, without a traceback."""


def add_fail_on(parser: argparse.ArgumentParser) -> None:
    """Add the option by which a caller says what makes the exit status 1."""
    told = "; ".join(f"{word}: {what}" for word, what in FAIL_ON.items())
    parser.add_argument(
        "--fail-on",
        choices=FAIL_ON,
        default="new",
        help=f"what makes the exit status 1: {told} (default: new)",
    )


def status_of(runs: Iterable[Run], fail_on: str) -> int:
    """Return the exit status; a test of the suite that failed itself is red whatever is asked."""
    red = {
        "new": lambda run: run.is_red,
        "any": lambda run: run.is_red or run.findings,
        "none": lambda run: run.footer.failed,
    }[fail_on]
    return RED if any(map(red, runs)) else FINE


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell an error of the file system as the user's: the place cannot be written to."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None


def load_runs(given: Iterable[Path]) -> Sequence[Run]:
    """Read the run files, and those in the folders among them."""
    return [load(path) for one in given for path in run_files(one)]


def run_files(given: Path) -> list[Path]:
    """Return the file, or the run files in the folder; raise `UsageError` if there is none."""
    if not given.is_dir():
        return [given]
    found = sorted(given.glob("*.jsonl"))
    unfinished = sorted(given.glob("*.jsonl.partial"))
    if unfinished:
        listed = ", ".join(path.name for path in unfinished)
        raise UsageError(
            f"{given}: a run did not finish: {listed}; go on with convformance run --resume "
            f"{unfinished[0]}, run it again, or delete the file"
        )
    if not found:
        raise UsageError(f"{given}: no run file (*.jsonl) in this folder")
    return found


def last_words(said: str) -> str:
    """Return what a run said of its end: our own error, or its last lines."""
    lines = [line for line in said.splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith(ERROR)]
    return ours[-1].removeprefix(ERROR) if ours else "\n".join(lines[-TAIL:])
