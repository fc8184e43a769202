"""What `convformance list` prints."""

from __future__ import annotations

from collections.abc import Iterator

from convformance import registry
from convformance.probes import probes
from convformance.problem import DTYPES, OPS
from convoracle import CLAUSES, VARIANTS

WHAT = ("ops", "clauses", "variants", "backends")


def listing(what: str) -> str:
    """Return the list as text."""
    kinds = {"ops": _ops, "clauses": _clauses, "variants": _variants, "backends": _backends}
    return "\n".join(kinds[what]())


def _ops() -> Iterator[str]:
    for op, attributes in OPS.items():
        yield f"{op:14} {' '.join(attributes)}"
    yield f"{'dtypes':14} {' '.join(DTYPES)}"


def _clauses() -> Iterator[str]:
    for clause in CLAUSES.values():
        mark = "  (variant point)" if clause.choices else ""
        yield f"[{clause.label}]{mark}"
        yield f"    {clause.sentence}"


def _variants() -> Iterator[str]:
    measured = {point for point, _ in probes()}
    for clause in VARIANTS.values():
        yield f"[{clause.label}]" + ("" if clause.label in measured else "  (not probed)")
        yield f"    {clause.sentence}"
        for name, meaning in clause.choices:
            standard = "  (standard)" if name == clause.standard else ""
            yield f"    {name:12} {meaning}{standard}"


def _backends() -> Iterator[str]:
    for name in registry.names():
        yield f"{name:14} {registry.adapter_path(name)}"
