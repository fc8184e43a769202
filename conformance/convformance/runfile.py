"""The run file: JSON lines, header to footer, that hold everything a report needs.

While a run goes on the lines stand in FILE.partial; the finished file takes the name at the
end, so that no partial run is ever taken for a whole one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

FORMAT = 1
PARTIAL = ".partial"  # behind the name of a run that goes on, or was cut off
JOURNAL = ("done", "resumed")  # types of lines that stand in such a file alone
TUPLES = ("arguments", "lines", "resumed")  # fields of the header
_T = TypeVar("_T")


class RunFileError(ValueError):
    """Raised for a file that is no complete run file; the message names file and line."""


@dataclass(frozen=True)
class Header:
    """Who was asked, by what release, with which seed."""

    backend: str
    version: str
    adapter: str  # module:attribute
    convformance: str
    seed: int
    started: str  # UTC, ISO 8601
    python: str
    system: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    accumulators: Mapping[str, str] = field(default_factory=dict)
    max_examples: int | None = None
    given: str = ""  # what --backend was given
    selection: str = ""  # pytest options that narrowed the run, such as -k conv; "" for a whole one
    minutes: float | None = None  # the time that the run was given; None is a default run's
    profile: str = "default"  # or exhaustive
    arguments: Sequence[str] = ()  # of pytest
    use_ledger: bool = True
    any_release: bool = False  # whether entries of other releases were taken as known too
    lines: Sequence[str] = ()  # that were asked in place of the suite
    limits: Mapping[str, float] = field(default_factory=dict)  # of the backend's process
    shard: str = ""  # of a campaign, such as torch/pooling/17
    resumed: Sequence[str] = ()  # when a cut-off run was gone on with, as `started`
    format: int = FORMAT


@dataclass(frozen=True)
class CaseRecord:
    """One case and its verdict. `clauses` are those that the case asks about."""

    line: str
    id: str
    source: str  # explored, invalid, corpus, covering, probe, large, ledger, replayed or given
    verdict: str
    clauses: Sequence[str] = ()
    clause: str = ""  # the one that a discrepancy contradicts
    message: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    signature: str = ""  # of a discrepancy
    compared: int = 0
    sampled: bool = False
    margin: float | None = None
    how: str = ""
    recipe: bool = False
    reference: str = ""  # where the expected answer came from, if not from the oracle alone


@dataclass(frozen=True)
class ArrayText:
    """An array as text: nested lists of its elements' words, or None if it is too large."""

    shape: Sequence[int]
    dtype: str
    values: Any = None


@dataclass(frozen=True)
class Finding:
    """A discrepancy: its smallest case and all that a reader needs to believe it."""

    id: str  # see identity.py
    signature: str
    status: str  # new or known
    line: str
    op: str
    verdict: str
    clause: str
    message: str
    sizes: Sequence[str] = ()  # the derivation of the output size, axis by axis
    inputs: Mapping[str, ArrayText] = field(default_factory=dict)
    expected: Mapping[str, ArrayText] = field(default_factory=dict)
    got: Mapping[str, ArrayText] = field(default_factory=dict)
    wrong: Sequence[tuple[str, Sequence[int]]] = ()
    terms: str = ""  # the terms of the first differing element, and what they make
    script: str = ""
    entry: Mapping[str, Any] | None = None  # the ledger's entry, if it is known
    diagnosis: Sequence[str] = ()  # sentences that say why; none where it was not sought
    # Of a linear op, output cells that are fed in another way: output, expected and got, these
    # as [input cell, factor]; a cell is [channel, *spatial].
    connections: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Choice:
    """What a probe measured: the choice that the backend follows at a variant point."""

    point: str
    op: str
    choice: str  # a named choice, "none of them", or "unsupported"
    line: str


@dataclass(frozen=True)
class LawRecord:
    """A law, checked between the answers of the backend alone.

    `held` is None where the law is not applicable; `message` is then the reason, and where it
    does not hold the numbers. Breaking an exact law is a discrepancy, and signed.
    """

    law: str  # a clause law.*
    op: str
    line: str  # of the case that `convformance law` takes
    held: bool | None
    by_how_much: float | None = None  # the largest difference over the largest element
    message: str = ""
    compared: int = 0
    calls: int = 0
    exact: bool = True
    signature: str = ""  # of a discrepancy


@dataclass(frozen=True)
class Geometries:
    """How much of the small geometries of an op a run asked.

    `asked` of `geometries` stood in a case that the backend answered, and `met` of `maps` tap
    maps were seen in the values of one.
    """

    op: str
    asked: int
    geometries: int
    met: int
    maps: int


@dataclass(frozen=True)
class Arithmetic:
    """How an op computes with numbers of one dtype, in words; empty where it is not known."""

    op: str
    dtype: str
    accumulator: str  # the width in which sums are kept
    inputs: str = ""  # whole, or cut to what
    products: str = ""  # rounded before they are added, fused with the sum, or exact


@dataclass(frozen=True)
class Taken:
    """A discrepancy that another shard of the campaign had found when this run first met it.

    Its cases are counted here; the finding stands in the other shard's run file.
    """

    signature: str


@dataclass(frozen=True)
class Footer:
    """The closing line: what a reader checks the rest against."""

    cases: int
    problems: int  # distinct
    findings: int
    seconds: float
    stale: Sequence[Mapping[str, Any]] = ()  # ledger entries that no longer occur
    failed: Sequence[str] = ()  # tests that failed for another reason than a discrepancy
    deaths: int = 0  # of the backend's process, at a call that a fresh process answered
    laws: int = 0  # records of laws
    passes: int = 0  # further passes of explorations, in the minutes that were left


_TYPES: dict[str, type[Any]] = {
    "header": Header,
    "case": CaseRecord,
    "finding": Finding,
    "choice": Choice,
    "law": LawRecord,
    "geometries": Geometries,
    "arithmetic": Arithmetic,
    "taken": Taken,
    "footer": Footer,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


@dataclass(frozen=True)
class Run:
    """A complete run, as read from its file."""

    header: Header
    cases: Sequence[CaseRecord]
    findings: Sequence[Finding]
    choices: Sequence[Choice]
    footer: Footer
    laws: Sequence[LawRecord] = ()
    geometries: Sequence[Geometries] = ()
    arithmetic: Sequence[Arithmetic] = ()
    taken: Sequence[Taken] = ()

    @property
    def is_red(self) -> bool:
        """Whether the run found something new, or missed something known."""
        new = any(finding.status == "new" for finding in self.findings)
        return bool(new or self.footer.stale or self.footer.failed)


def to_line(record: Any) -> str:
    """Return one line of JSON, without its newline."""
    values = {"type": _NAMES[type(record)], **vars(record)}
    return json.dumps(values, default=vars, allow_nan=False)  # an array's text is a record too


def from_json(data: Mapping[str, Any]) -> Any:
    """Return the record of a parsed line; raise `RunFileError` if it is none."""
    values = dict(data)
    name = values.pop("type", None)
    kind = _TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise RunFileError(f"type {data.get('type')!r} is none of {', '.join(_TYPES)}")
    unknown = set(values) - {one.name for one in fields(kind)}
    if unknown:
        raise RunFileError(f"{data['type']} has no {', '.join(sorted(unknown))}")
    try:
        if kind is Finding:
            for name in ("inputs", "expected", "got"):
                values[name] = {
                    key: ArrayText(**text) for key, text in values.get(name, {}).items()
                }
        if kind is Header:
            values |= {name: tuple(values.get(name, ())) for name in TUPLES}
        return kind(**values)
    except (TypeError, AttributeError) as error:  # a field is missing or of another type
        raise RunFileError(f"{data['type']}: {error}") from None


def load(path: Path) -> Run:
    """Read a run file; raise `RunFileError` if it is not complete and whole."""
    if path.name.endswith(PARTIAL) and path.exists():
        raise RunFileError(f"{path}: {going_on(path)}")
    found = list(records(path))
    if not found or not isinstance(found[0], Header):
        raise RunFileError(f"{path}: the first line is no header: this is no run file")
    header = found[0]
    if header.format != FORMAT:
        raise RunFileError(f"{path}: format {header.format}; this release reads format {FORMAT}")
    footer = found[-1]
    if not isinstance(footer, Footer):
        raise RunFileError(
            f"{path}: no footer after {len(found)} lines: the run did not finish; run it again"
        )
    run = Run(
        header,
        [one for one in found if isinstance(one, CaseRecord)],
        [one for one in found if isinstance(one, Finding)],
        [one for one in found if isinstance(one, Choice)],
        footer,
        [one for one in found if isinstance(one, LawRecord)],
        [one for one in found if isinstance(one, Geometries)],
        [one for one in found if isinstance(one, Arithmetic)],
        [one for one in found if isinstance(one, Taken)],
    )
    for name, counted, said in (
        ("cases", len(run.cases), footer.cases),
        ("findings", len(run.findings), footer.findings),
        ("laws", len(run.laws), footer.laws),
    ):
        if counted != said:
            raise RunFileError(
                f"{path}: {counted} {name} where the footer says {said}: lines are missing"
            )
    return run


def going_on(path: Path) -> str:
    """Return what to say of a file that a cut-off run left, and how the run goes on."""
    return f"this run did not finish; convformance run --resume {path} goes on with it"


def records(path: Path) -> Iterator[Any]:
    """Yield the records of a run file one by one, whole or not; raise `RunFileError` for others."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield _record(path, number, line)
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RunFileError(
            f"{path}: byte {error.start} is not UTF-8: this is no run file"
        ) from None


def _record(path: Path, number: int, line: str) -> Any:
    try:
        data = json.loads(line)
        if not isinstance(data, dict):
            raise RunFileError("not a JSON object")
        if data.get("type") in JOURNAL:
            raise RunFileError(going_on(path))
        return from_json(data)
    except (json.JSONDecodeError, RecursionError, RunFileError) as error:
        raise RunFileError(f"{path}, line {number}: {error}") from None
