"""The command `new-backend`: a package that registers a backend, working and empty."""

from __future__ import annotations

import argparse
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from convreport.new_backend import PREFIX, Source, check_name, files, plain, source, write_folder
from convreport.usage import FINE


def add_new(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    new = commands.add_parser(
        "new-backend",
        help="write the package of a new backend: adapter, tests, tox, a workflow",
        description="Write a package that registers a backend: an adapter that calls everything "
        "unsupported, its tests, tox.ini, a GitHub workflow. It passes tox as it is.",
    )
    new.add_argument("name", metavar="NAME", help="such as mine, for --backend mine")
    new.add_argument(
        "--into", type=Path, metavar="FOLDER", help=f"a new folder (default: ./{PREFIX}NAME)"
    )
    new.set_defaults(work=_new)


def _new(options: argparse.Namespace) -> int:
    check_name(options.name)
    folder: Path = options.into or Path(PREFIX + plain(options.name))
    ours = _source()
    texts = files(options.name, ours.requirement)
    write_folder(folder, texts)
    for path in texts:
        print(folder / path)
    setting = f"CONVFORMANCE={shlex.quote(ours.here)} " if ours.here else ""
    print(f"\nnext      cd {shlex.quote(str(folder))}")
    print(f"          {setting}python -m tox")
    return FINE


def _source() -> Source:
    try:
        return source(distribution("convformance").read_text("direct_url.json"))
    except PackageNotFoundError:  # it runs from a folder of sources
        return Source()
