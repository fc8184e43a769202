"""The ledger: discrepancies that are already known, one TOML file per backend.

An entry says which backend and versions, which op, clause and verdict, what kind of deviation
it is (bug, limitation or documented difference), why in a sentence, a link where upstream
speaks of it, and a case line that shows it. `message` is a regular expression that the
framework's words must contain; `dtypes` and `when` narrow an entry further, `also` names
clauses that the same deviation may show as. An entry speaks of every variant of its backend, as
torch[channels_last], but need not occur there; one with `variants` speaks of those alone, and must.
An entry with `processor` features occurs only on a processor that has them all ("a or b" is either
of two), and none that stands behind "not "; `flaky` says why an entry may not occur in a run
(memory that is read before it is written): such an entry is never called stale. An entry `like`
another, of the backend that lies below its own, is told by the other's words, with an id, a
release and a case of its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from operator import gt, le
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from convformance.problem import DTYPES, Case, Problem
from convformance.registry import parted
from convformance.sizes import axes_of
from convformance.verdict import Kind, Verdict
from convoracle import CLAUSES, Axis, InvalidProblem

KINDS = ("bug", "limitation", "documented difference")
OWN = ("id", "backend", "versions", "case")  # what an entry has of its own that is like another
OR = " or "  # between features of a processor: where it has one of them
NOT = "not "  # before a processor's feature: where the processor has it, other kernels are chosen


def _of_an_axis(asked: Callable[[Axis], bool]) -> Callable[[Problem], bool]:
    """Return the fact that this is so of some axis; not of a problem without axes to speak of."""

    def fact(problem: Problem) -> bool:
        try:
            return any(map(asked, axes_of(problem)))
        except InvalidProblem:
            return False

    return fact


def _is_wide(problem: Problem) -> bool:
    """Whether a group has more than 8 channels, in or out."""
    if problem.op in ("depthwise_conv", "separable_conv"):
        return problem.w[1:2] > (8,)
    outputs = tuple(M // max(1, problem.groups) for M in problem.w[:1])
    return max((*problem.w[1:2], *outputs), default=0) > 8


# Facts about a problem that an entry's `when` may ask for.
FACTS: Mapping[str, Any] = {
    "3 x 3 taps": lambda problem: problem.kernel_size == (3, 3),
    "3 taps": lambda problem: problem.kernel_size in ((3,), (3, 3)),
    "12 samples": lambda problem: min(problem.x[2:], default=0) >= 12,
    "batch of 16": lambda problem: problem.x[0] >= 16 and not problem.unbatched,
    "batch grouped": lambda problem: problem.batch_groups > 1,
    "biased": lambda problem: problem.bias,
    "broadcast": lambda problem: problem.memory == "broadcast",
    "ceil_mode": lambda problem: problem.ceil_mode,
    "channels last": lambda problem: problem.layout == "channels_last",
    "count_include_pad": lambda problem: problem.count_include_pad,
    "cropped": lambda problem: (
        not isinstance(problem.padding, str) and min(map(min, problem.padding), default=0) < 0
    ),
    "dilated": lambda problem: max(problem.dilation, default=1) > 1,
    "fewer windows than the dilation": _of_an_axis(lambda axis: axis.count < axis.dilation),
    "flipped": lambda problem: problem.flip,
    "forward": lambda problem: not problem.grad,
    "gaps": _of_an_axis(lambda axis: axis.stride > axis.extent),
    "gradient": lambda problem: bool(problem.grad),
    "gradient by w": lambda problem: problem.grad == "w",
    "gradient by x": lambda problem: problem.grad == "x",
    "grouped": lambda problem: problem.groups > 1,
    "holes": lambda problem: max(problem.input_dilation, default=1) > 1,
    "indexed": lambda problem: problem.indices,
    "more than 8 channels": _is_wide,
    "no group": lambda problem: problem.groups == 0,
    # of an op whose axes are those of its output
    "no output": _of_an_axis(lambda axis: axis.size < 1),
    "odd channels": lambda problem: problem.x[1] % 2 == 1,
    "no window": _of_an_axis(lambda axis: axis.count < 1),
    "one deep": lambda problem: problem.rank == 3 and problem.x[2] == 1,
    "one column": lambda problem: axes_of(problem)[-1].count == 1,
    "one channel": lambda problem: 1 in problem.x[1:2] or problem.w[1:2] == (1,),
    "one output": lambda problem: set(problem.output) == {1},
    "one tap": lambda problem: max(problem.kernel_size, default=1) == 1,
    "kernel longer": _of_an_axis(lambda axis: axis.extent > axis.size),
    "memory": lambda problem: problem.memory != "contiguous",
    "output given": lambda problem: bool(problem.output),
    "output padded": lambda problem: max(problem.output_padding, default=0) > 0,
    "output padding of a stride": lambda problem: any(
        map(le, problem.stride, problem.output_padding)
    ),
    "output padding below 0": lambda problem: min(problem.output_padding, default=0) < 0,
    "odd p": lambda problem: problem.p in (1, 3),
    "p inf": lambda problem: problem.p == float("inf"),
    "overlapping": lambda problem: any(map(gt, problem.kernel_size, problem.stride)),
    "overrun": lambda problem: any(
        axis.count > 0 and axis.room < (axis.count - 1) * axis.stride for axis in axes_of(problem)
    ),
    "padded": lambda problem: problem.padding != "valid",
    "padding counted": lambda problem: problem.count_include_pad,
    "padding left out": lambda problem: not problem.count_include_pad,
    "padding mode": lambda problem: problem.padding_mode != "zeros",
    "byteswapped": lambda problem: problem.memory == "byteswapped",
    "reversed": lambda problem: problem.memory == "reversed",
    "rank 1": lambda problem: problem.rank == 1,
    "rank 2": lambda problem: problem.rank == 2,
    "rank 3": lambda problem: problem.rank == 3,
    "rank 4": lambda problem: problem.rank == 4,
    "same_lower": lambda problem: problem.padding == "same_lower",
    "same": lambda problem: isinstance(problem.padding, str) and problem.padding.startswith("same"),
    "several axes": lambda problem: problem.rank > 1,
    "several channels": lambda problem: problem.x[1] > 1 and not problem.unbatched,
    "several items": lambda problem: problem.x[0] > 1 and not problem.unbatched,
    "stride 0": lambda problem: 0 in problem.stride,
    "stride below 0": lambda problem: min(problem.stride, default=1) < 0,
    "strided": lambda problem: max(problem.stride, default=1) > 1,
    "unbatched": lambda problem: problem.unbatched,
    "uneven dilation": lambda problem: len({*problem.dilation[-2:]}) > 1,  # of the last two axes
    "uneven padding": _of_an_axis(lambda axis: axis.before != axis.after),
    "unit steps": lambda problem: max((1, *problem.stride, *problem.dilation)) == 1,
    "widened": lambda problem: bool(problem.output_dtype),
    "zero size": lambda problem: 0 in (*problem.x, *problem.w, *problem.pointwise),
}


class LedgerError(ValueError):
    """Raised for an entry that cannot be right; the message names file and entry."""


@dataclass(frozen=True)
class Entry:
    """One known deviation."""

    id: str
    backend: str
    versions: str
    op: str
    clause: str
    verdict: str
    kind: str
    reason: str
    case: str
    link: str = ""
    message: str = ""
    dtypes: Sequence[str] = ()
    when: Sequence[str] = ()
    also: Sequence[str] = ()
    processor: Sequence[str] = ()
    flaky: str = ""
    variants: Sequence[str] = ()
    like: str = ""  # the id of the entry whose words these are

    def tells_of(self, backend: str) -> bool:
        """Whether the entry speaks of the backend, which may be a variant."""
        base, variant = parted(backend)
        return base == self.backend and (not self.variants or variant in self.variants)

    def covers(self, backend: str, version: str) -> bool:
        """Whether the entry speaks of this release."""
        try:
            found = Version(version)
        except InvalidVersion:
            return False
        return self.tells_of(backend) and SpecifierSet(self.versions).contains(
            found, prereleases=True
        )

    def matches(self, problem: Problem, verdict: Verdict) -> bool:
        """Whether the entry tells of this discrepancy.

        An entry speaks of gradients only if its `when` says so, or if the framework's words do:
        what refuses a problem refuses its gradient too. A message pins a refusal's reason better
        than a clause does, so it stands in for it.
        """
        return (
            self.op == problem.op
            and self.speaks_of(problem)
            and (bool(self.message) or verdict.clause in (self.clause, *self.also))
            and self.verdict == verdict.kind
            and (not self.dtypes or problem.dtype in self.dtypes)
            and all(FACTS[fact](problem) for fact in self.when)
            and re.search(self.message, verdict.message) is not None
        )

    def speaks_of(self, problem: Problem) -> bool:
        """Whether the entry speaks of gradients, if this is one, and else of forward ops."""
        of_gradients = any(fact.startswith("gradient") for fact in self.when)
        return of_gradients == bool(problem.grad) or bool(self.message)

    def must_occur(self, backend: str, features: frozenset[str]) -> bool:
        """Whether a run of the backend that does not show the entry makes it stale."""
        if parted(backend)[1] and not self.variants:
            return False
        return not self.flaky and all(_holds(one, features) for one in self.processor)

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        return asdict(self)


def _holds(needed: str, features: frozenset[str]) -> bool:
    """Whether a processor has one of the features of "a or b", or has not that of "not a"."""
    if needed.startswith(NOT):
        return needed.removeprefix(NOT) not in features
    return not features.isdisjoint(needed.split(OR))


def load(backend: str, version: str) -> tuple[Entry, ...]:
    """Return the entries that speak of this release of the backend, in file order."""
    return tuple(entry for entry in load_all() if entry.covers(backend, version))


def load_of(backend: str) -> tuple[Entry, ...]:
    """Return the entries of a backend that speak of any release, in file order."""
    return tuple(entry for entry in load_all() if entry.tells_of(backend))


@cache  # a run asks twice, and reading takes half a second
def load_all() -> tuple[Entry, ...]:
    """Return every entry of the shipped ledger."""
    folder = files("convformance.ledger")
    found = sorted(
        (one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name
    )
    return read((one.name, one.read_text(encoding="utf-8")) for one in found)


def read(texts: Iterable[tuple[str, str]]) -> tuple[Entry, ...]:
    """Return the entries of (file name, TOML text) pairs; raise `LedgerError`."""
    tables = [(name, table) for name, text in texts for table in _tables(name, text)]
    told = {table["id"]: table for _, table in tables if isinstance(table.get("id"), str)}
    entries = [_entry(name, _borrowing(name, table, told)) for name, table in tables]
    ids = [entry.id for entry in entries]
    twice = {one for one in ids if ids.count(one) > 1}
    if twice:
        raise LedgerError(f"two entries are called {', '.join(sorted(twice))}")
    return tuple(entries)


def _tables(name: str, text: str) -> list[dict[str, Any]]:
    """Return the tables of a file's entries; raise `LedgerError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LedgerError(f"{name}: {error}") from None
    tables = data.get("entry", [])
    listed = isinstance(tables, list) and all(isinstance(one, dict) for one in tables)
    if set(data) - {"entry"} or not listed:
        raise LedgerError(f"{name}: entries are written under [[entry]], and nothing else is")
    return list(tables)


def _borrowing(
    name: str, table: dict[str, Any], told: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the table with the words of the entry that it is like; raise `LedgerError`."""
    if "like" not in table:
        return table
    other, place = table["like"], _place(name, table)
    if not isinstance(other, str) or other not in told:
        raise LedgerError(f"{place}: like {other!r}, and there is no such entry")
    if "like" in told[other]:
        raise LedgerError(f"{place}: {other} is itself like {told[other]['like']}: name that one")
    missing = [field for field in OWN if field not in table]
    if missing:
        raise LedgerError(f"{place} is like {other} and needs its own {', '.join(missing)}")
    borrowed = {field: said for field, said in told[other].items() if field != "variants"}
    return {**borrowed, **table}


def _place(name: str, table: Mapping[str, Any]) -> str:
    return f"{name}, entry {table.get('id', '?')}"


def _entry(name: str, table: Mapping[str, Any]) -> Entry:
    place = _place(name, table)
    try:
        entry = Entry(**table)
        SpecifierSet(entry.versions)
        re.compile(entry.message)
        case = Case.parse(entry.case)
    except (TypeError, InvalidSpecifier, re.error, ValueError) as error:
        raise LedgerError(f"{place}: {error}") from None
    if entry.kind not in KINDS:
        raise LedgerError(f"{place}: kind {entry.kind!r} is none of {', '.join(KINDS)}")
    if entry.verdict not in list(Kind):
        raise LedgerError(f"{place}: verdict {entry.verdict!r} is none of {', '.join(Kind)}")
    for label in (entry.clause, *entry.also):
        if label not in CLAUSES:
            raise LedgerError(f"{place}: there is no clause {label!r}")
    for dtype in entry.dtypes:
        if dtype not in DTYPES:
            raise LedgerError(f"{place}: dtype {dtype!r} is none of {', '.join(DTYPES)}")
    for fact in entry.when:
        if fact not in FACTS:
            raise LedgerError(f"{place}: fact {fact!r} is none of {', '.join(FACTS)}")
    if case.line != entry.case or case.problem.op != entry.op:
        raise LedgerError(
            f"{place}: the case is not the canonical line of a case of {entry.op}: {case.line}"
        )
    return entry
