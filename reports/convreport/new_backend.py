"""A new package that registers a backend: its names, its files, and the folder that holds them."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from jinja2 import Environment, PackageLoader, StrictUndefined

from convformance import __version__
from convformance.registry import adapter_path, names
from convreport.usage import UsageError, writing

LONGEST = 50  # characters of a name: it stands in lines of code
PREFIX = "convformance-"  # of the distribution's name
BUILT_IN = "convformance.backends."  # where our own adapters are
PLACES: Mapping[str, str] = {
    "README.md": "README.md",
    "adapter.py": "src/{module}/adapter.py",
    "gitignore": ".gitignore",
    "init.py": "src/{module}/__init__.py",
    "pyproject.toml": "pyproject.toml",
    "test_adapter.py": "tests/test_adapter.py",
    "tox.ini": "tox.ini",
    "workflow.yml": ".github/workflows/conformance.yml",
}


@dataclass(frozen=True)
class Source:
    """Where the running Convformance was installed from.

    `requirement` is what a package on any machine can ask for; `here` names what only this
    machine has, a folder, a wheel or a repository, which no package should; or it is empty.
    """

    requirement: str = f"convformance>={__version__}"
    here: str = ""


def source(direct_url: str | None) -> Source:
    """Read the direct_url.json of an installed distribution (PEP 610), None for an index."""
    told = json.loads(direct_url or "{}")
    url, vcs = told.get("url", ""), told.get("vcs_info")
    if not url:
        return Source()
    named = f"convformance @ {vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url
    if urlsplit(url).scheme == "file":
        return Source(here=named if vcs else url2pathname(urlsplit(url).path))
    return Source(named if vcs else f"convformance @ {url}")


def plain(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check_name(name: str) -> None:
    """Raise `UsageError` where a backend cannot have that name."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name) or len(name) > LONGEST:
        raise UsageError(
            f"{name[: LONGEST + 1]!r} cannot name a backend: a name has at most {LONGEST} "
            "characters, ASCII letters and digits, with . _ - between them"
        )
    if plain(name).startswith(PREFIX):
        rest = plain(name).removeprefix(PREFIX)
        raise UsageError(f"{name!r}: give {rest!r} alone, the package will be {PREFIX}{rest}")
    own = {plain(one): one for one in names() if adapter_path(one).startswith(BUILT_IN)}
    if plain(name) in own:
        raise UsageError(
            f"{name!r} is the name of the built-in backend {own[plain(name)]}; give it another"
        )


def files(name: str, requirement: str) -> dict[str, str]:
    """Return the text of each file of the package, by its path in the package's folder."""
    distribution = PREFIX + plain(name)
    values = {
        "name": name,
        "distribution": distribution,
        "module": distribution.replace("-", "_"),
        "convformance": __version__,
        "requirement": requirement,
    }
    environment = Environment(  # no page: these are texts of Python, TOML, YAML
        loader=PackageLoader("convreport", "skeleton"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    texts = {
        place.format(**values): environment.get_template(f"{template}.jinja").render(values)
        for template, place in PLACES.items()
    }
    return dict(sorted(texts.items()))


def write_folder(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files into a new or empty folder, all or none; raise `UsageError`."""
    with writing(folder):
        target = folder.resolve()
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"{folder} is there already, and is no empty folder")
        if target == Path.cwd():  # a folder that is replaced under a shell is lost to it
            raise UsageError(f"{folder} is the folder you are in; give a new one")
        if not target.parent.is_dir():
            raise UsageError(f"{folder}: there is no folder {folder.parent}")
    with writing(folder), tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as beside:
        whole = Path(beside) / target.name
        for path, text in texts.items():
            file = whole / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        whole.rename(target)
