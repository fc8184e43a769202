"""What `convformance list` prints."""

from __future__ import annotations

from collections.abc import Iterator

from convformance import registry
from convformance.diagnosis import CATALOGUE
from convformance.named import BOUNDED, NAMED
from convformance.probes import probes
from convformance.problem import DTYPES, OPS
from convoracle import CLAUSES, VARIANTS

WHAT = ("ops", "clauses", "variants", "fills", "faults", "backends")


def listing(what: str) -> str:
    """Return the list as text."""
    kinds = {
        "ops": _ops, "clauses": _clauses, "variants": _variants, "fills": _fills,
        "faults": _faults, "backends": _backends,
    }  # fmt: skip
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


def _fills() -> Iterator[str]:
    drawn = {
        "integers": "whole numbers whose sums fit the significand in any order",
        "special": "one of several themes of what is not finite, subnormal or largest",
        "real": "real numbers, judged by the derived bound",
    }
    named = {name: one.reason for name, one in NAMED.items()}
    for name, reason in (drawn | named).items():
        bounded = "" if name not in BOUNDED or name == "real" else "  (judged by the bound)"
        yield f"{name:14} {reason}{bounded}"


def _faults() -> Iterator[str]:
    for fault in CATALOGUE:
        yield f"{fault.name:38} {fault.says}"


def _backends() -> Iterator[str]:
    for name in registry.names():
        yield f"{name:14} {registry.adapter_path(name)}"
        yield from (f"  {one}" for one in registry.variants_of(name))
