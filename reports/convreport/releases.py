"""Releases of a framework: which there are for an interpreter, and which a user's words name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from convreport.usage import UsageError

SHOWN = 8  # releases that an error names
LIST_SECONDS = 300.0


def available(distribution: str, python: Path) -> list[Version]:
    """Return the releases that pip can install for the interpreter, the lowest first.

    Raise `UsageError` with pip's words where it finds none.
    """
    command = [
        str(python), "-m", "pip", "--disable-pip-version-check", "--no-input",
        "index", "versions", distribution,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"pip of {python}: {error}") from None
    found = re.search(r"^Available versions: (.*)$", done.stdout, re.MULTILINE)
    if not found:
        raise UsageError(f"no release of {distribution} is to be had: {words_of(done.stderr)}")
    return sorted(map(Version, found[1].split(", ")))


def words_of(text: str) -> str:
    """Return the last error in pip's words, in one line and without the list of all versions."""
    told = [line.removeprefix("ERROR: ") for line in text.splitlines() if "ERROR: " in line]
    last = next((line for line in text.splitlines()[::-1] if line.strip()), "no reason was given")
    chosen = next((one for one in told if "No matching distribution" not in one), last)
    return re.sub(r" \(from versions: [^)]*\)", "", chosen).strip()


def is_range(word: str) -> bool:
    """Whether the words name a range, as >=1.20,<1.23 does, and not one release."""
    return bool(re.match(r"[<>=!~]", word.strip()))


def chosen(words: Iterable[str], known: Sequence[Version], *, minors: bool = False) -> list[str]:
    """Return the releases that the words name, the lowest first.

    One that is named alone is taken as it stands, whether pip has it or not. Of a range the final
    releases are taken, and with `minors` only the last of each minor one.
    """
    found: dict[Version, str] = {}
    for word in words:
        if not is_range(word):
            found.setdefault(_version(word), word.strip())
            continue
        inside = [one for one in known if one in _range(word) and not one.is_prerelease]
        if not inside:
            raise UsageError(f"no release lies in {word!r}: there are {some(known)}")
        last = {one.release[:2]: one for one in inside}
        for one in last.values() if minors else inside:
            found.setdefault(one, str(one))
    return [found[one] for one in sorted(found)]


def some(known: Sequence[Version]) -> str:
    """Return the highest releases in words."""
    shown = ", ".join(map(str, known[-SHOWN:]))
    return f"{shown} and {len(known) - SHOWN} lower ones" if len(known) > SHOWN else shown


def _version(word: str) -> Version:
    try:
        return Version(word)
    except InvalidVersion:
        raise UsageError(
            f"{word!r} is neither a release, such as 2.11, nor a range, such as '>=2.9,<2.12'"
        ) from None


def _range(word: str) -> SpecifierSet:
    try:
        return SpecifierSet(word)
    except InvalidSpecifier:
        raise UsageError(f"{word!r} is no range of releases, such as '>=2.9,<2.12'") from None
