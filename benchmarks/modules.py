"""What is mutated, and which tests are asked for each module: the quick ones first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What holds no meaning and no judgement is left alone, with the reason.
LEFT_ALONE = {
    "`convoracle.clauses`": "it is a table of text",
    "`convoracle.errors`": "it holds no operator, number or condition",
    "The rest of `convformance`": "it makes the cases, runs the backends and keeps the records; "
    "its checks are met by the deliberately wrong backends (`conformance/tests/liars*.py`)",
}


@dataclass(frozen=True)
class Module:
    """A module to mutate; a mutant that lives through `quick` meets `wide` too."""

    package: str
    stem: str
    quick: tuple[str, ...]
    wide: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name that imports it."""
        return f"{self.package}.{self.stem}"

    @property
    def path(self) -> Path:
        """Its file."""
        area = {"convoracle": "oracle", "convformance": "conformance"}[self.package]
        return ROOT / area / self.package / f"{self.stem}.py"


def _oracle(stem: str, quick: str, wide: str = "") -> Module:
    tests = _tests("oracle", *quick.split()), _tests("oracle", *wide.split())
    return Module("convoracle", stem, *tests)


def _judging(stem: str, quick: str, wide: str = "") -> Module:
    tests = _tests("conformance", *quick.split()), _tests("conformance", *wide.split())
    return Module("convformance", stem, *tests)


def _tests(area: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{area}/tests/test_{name}.py" for name in names)


MODULES = {
    one.stem: one
    for one in (
        _oracle("operation", "facts special invalid"),
        _oracle("parts", "facts other_ops spec"),
        _oracle("window", "geometry special facts other_ops"),
        _oracle("tensor", "special facts invalid spec"),
        _oracle("patches", "other_ops facts invalid spec"),
        _oracle("unpool", "facts other_ops invalid spec"),
        _oracle("pool", "special facts invalid spec"),
        _oracle("adaptive", "facts other_ops invalid spec"),
        _oracle("depthwise", "other_ops facts invalid spec"),
        _oracle("pool_gradient", "facts invalid spec gradients"),
        _oracle("gradient", "facts invalid spec gradients"),
        _oracle("conv", "special facts other_ops invalid spec"),
        _oracle("transpose", "transpose facts invalid spec"),
        _oracle("axis", "geometry special facts other_ops invalid spec transpose"),
        _oracle("exact", "special facts exact"),
        _judging("verdict", "judge"),
        _judging("attribute", "attribute judge"),
        _judging("bounds", "bounds judge"),
        _judging("margins", "margins", "bounds judge"),
        _judging("judge", "judge attribute handing"),
        _judging("tells", "tells", "judge ledger_narrow"),
        _judging("meaning", "meaning judge bounds"),
        _judging("expect", "expect judge bounds"),
    )
}
