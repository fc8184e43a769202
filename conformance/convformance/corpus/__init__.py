"""The fixed corpus: published networks and worked figures, read from text files.

A line of a file that is neither blank nor starts with "#" is one entry:

    name | line of a case | published output sizes | source
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from convformance.problem import Case


@dataclass(frozen=True)
class Entry:
    """A case whose spatial output sizes are known from a source, not from a formula of ours."""

    name: str
    case: Case
    output: tuple[int, ...]
    source: str
    file: str

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer of this geometry: "net.a+b" stands for net.a and net.b."""
        network, _, layers = self.name.partition(".")
        return tuple(f"{network}.{layer}" for layer in layers.split("+"))


def load() -> tuple[Entry, ...]:
    """Return every entry, files in sorted order; raise as `read` does."""
    found = [one for one in files(__name__).iterdir() if one.name.endswith(".txt")]
    return read({one.name: one.read_text("utf-8") for one in sorted(found, key=lambda f: f.name)})


def read(texts: Mapping[str, str]) -> tuple[Entry, ...]:
    """Return the entries of {file name: text}; raise ValueError that starts with file:line."""
    entries: list[Entry] = []
    places: dict[str, str] = {}
    for file, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            place = f"{file}:{number}"
            try:
                entry = _entry(line, file)
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from error
            for layer in entry.layers:
                if layer in places:
                    raise ValueError(f"{place}: {layer} already stands at {places[layer]}")
                places[layer] = place
            entries.append(entry)
    return tuple(entries)


def _entry(line: str, file: str) -> Entry:
    fields = [field.strip() for field in line.split("|")]
    if len(fields) != 4 or not all(fields):
        raise ValueError("an entry looks like: name | line of a case | output sizes | source")
    name, text, sizes, source = fields
    if not re.fullmatch(r"\w+\.\w+(\+\w+)*", name):
        raise ValueError(f"{name!r} does not look like network.layer or network.layer+layer")
    case = Case.parse(text)
    if case.line != text:
        raise ValueError(f"the line is not canonical; write {case.line}")
    if not re.fullmatch(r"\d+(x\d+)*", sizes):
        raise ValueError(f"output sizes {sizes!r} do not look like 55x55")
    output = tuple(map(int, sizes.split("x")))
    if len(output) != case.problem.rank:
        raise ValueError(f"{sizes} has {len(output)} sizes, the case {case.problem.rank} axes")
    return Entry(name, case, output, source, file)
