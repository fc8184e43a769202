"""Which operation each backend has: ops, gradients, forms and dtypes down, backends across."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from convformance.problem import DTYPES, GRADIENTS, MEMORIES, OPS, PADDING_MODES, PADDINGS
from convformance.verdict import Kind
from convreport.columns import Column, Tried
from convreport.matrix import Part
from convreport.text import one_line

ATTRIBUTES = (
    "bias", "dilation", "groups", "batch_groups", "input_dilation", "output_padding", "flip",
    "output_dtype", "ceil_mode", "count_include_pad", "indices",
)  # fmt: skip
# The rows of each group, as `_rows` names them.
GROUPS: dict[str, tuple[str, ...]] = {
    "op": tuple(OPS),
    "gradient": tuple(f"{op} by {by}" for op in OPS if "grad" in OPS[op] for by in GRADIENTS),
    "padding": (
        *(f"padding={name}" for name in PADDINGS[1:]), "padding in numbers", "negative padding",
        *(f"padding_mode={name}" for name in PADDING_MODES[1:]),
    ),
    "attribute": ATTRIBUTES,
    "form": (
        "layout=channels_last", "unbatched", *(f"memory={name}" for name in MEMORIES[1:]),
    ),
    "dtype": DTYPES,
}  # fmt: skip
FATES = (("agrees", "answered"), ("known", "refused"), ("unsupported", "unsupported"))


@dataclass(frozen=True)
class OperationRow:
    """An operation and its cells, one per column; `reasons` say why a backend answers none."""

    name: str
    cells: tuple[tuple[Part, ...], ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class OperationGroup:
    """Rows of one sort."""

    name: str
    rows: tuple[OperationRow, ...]


@dataclass
class _Count:
    """What became of the cases of one row in one column."""

    fates: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, one: Tried) -> None:
        fate = "agrees"
        if one.status == "unsupported":
            fate = "unsupported"
        elif one.record.verdict in (Kind.REFUSES, Kind.CRASHED, Kind.LATE):
            fate = "known"
        self.fates[fate] += 1
        if fate != "agrees":
            self.reasons[one.record.message] += 1

    def cell(self) -> tuple[Part, ...]:
        return tuple(
            Part(f"{self.fates[fate]:,} {word}", fate) for fate, word in FATES if self.fates[fate]
        )

    def reason(self) -> str:
        """Return the commonest reason of a backend that answers none of the cases."""
        if self.fates["agrees"] or not self.reasons:
            return ""
        return one_line(max(self.reasons, key=lambda text: (self.reasons[text], text)))


def operations(columns: Sequence[Column]) -> tuple[OperationGroup, ...]:
    """Return the groups of rows; no invalid problem counts, rows without cases are left out."""
    tables = [_counted(column) for column in columns]
    groups = []
    for group, names in GROUPS.items():
        met = [name for name in names if any(name in table for table in tables)]
        rows = [_row(name, [table.get(name, _Count()) for table in tables]) for name in met]
        groups.append(OperationGroup(group, tuple(rows)))
    return tuple(group for group in groups if group.rows)


def _row(name: str, counts: Sequence[_Count]) -> OperationRow:
    cells = tuple(count.cell() for count in counts)
    return OperationRow(name, cells, tuple(count.reason() for count in counts))


def _counted(column: Column) -> dict[str, _Count]:
    table: dict[str, _Count] = defaultdict(_Count)
    for one in column.cases:
        if one.record.source != "invalid" and one.record.verdict != Kind.ACCEPTS:
            for name in _rows(one):
                table[name].add(one)
    return dict(table)


def _rows(one: Tried) -> Iterator[str]:
    """Yield the rows that a case counts in: a gradient of a dilated convolution in two."""
    words = one.record.line.split()[1:]
    given = {word.partition("=")[0]: word.partition("=")[2] for word in words}
    yield f"{one.op} by {given['grad']}" if "grad" in given else one.op
    yield one.dtype
    for name, value in given.items():
        if name == one.dtype:
            continue
        if name == "padding" and value not in PADDINGS:
            yield "padding in numbers"
            if value.startswith("-") or "+-" in value or "x-" in value:
                yield "negative padding"
        else:
            yield f"{name}={value}" if value and name not in ATTRIBUTES else name
