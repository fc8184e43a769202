"""Lines of cases that are asked in place of the suite; a law's name may stand before one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from convformance.laws import LAWS
from convformance.laws.law import Law, is_solid
from convformance.problem import Case, LineError


class CasesError(ValueError):
    """Raised for a file of lines that cannot be asked; the message names file and line."""


@dataclass(frozen=True)
class Given:
    """A case that was given, and the law that is to be heard on it, if it is one."""

    case: Case
    law: Law | None = None


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file of cases, each in its canonical form; # begins a comment.

    Raise `CasesError` with the file and the number of a line that is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CasesError(f"{path}: cannot be read: {error}") from None
    found = list(dict.fromkeys(_lines(path, text)))
    if not found:
        raise CasesError(f"{path}: no case stands in this file")
    return found


def _lines(path: Path, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition(" #")[0].strip()
        if not words or words.startswith("#"):
            continue
        try:
            one = parsed(words)
        except (LineError, CasesError) as error:
            raise CasesError(f"{path}, line {number}: {error}") from None
        yield f"{one.law.label} {one.case.line}" if one.law else one.case.line


def parsed(line: str) -> Given:
    """Return what a line gives; raise `CasesError` for a law that does not speak of its case."""
    name, _, rest = line.partition(" ")
    if not name.startswith("law."):
        return Given(Case.parse(line))
    law = LAWS.get(name)
    if law is None:
        raise CasesError(f"law {name!r} is none of {', '.join(LAWS)}")
    case = Case.parse(rest)
    if case.problem.op not in law.ops or not is_solid(case.problem):
        raise CasesError(f"[{name}] does not speak of '{case.line}'")
    fitted = law.case(case.problem, case.seed)
    if fitted != case:
        raise CasesError(f"[{name}] does not speak of '{case.line}', but of '{fitted.line}'")
    return Given(case, law)
