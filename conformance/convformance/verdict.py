"""What the judge can say: a closed set of kinds, and the verdict that carries one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of verdict, in the words that the report uses."""

    AGREES = "agrees"
    VARIANT = "follows a variant"
    UNSUPPORTED = "unsupported"
    SHAPE = "differs in shape"
    DTYPE = "differs in dtype"
    VALUE = "differs in value"
    BOUND = "exceeds the bound"
    REFUSES = "refuses a valid problem"
    ACCEPTS = "accepts an invalid problem"
    CRASHED = "crashed"
    LATE = "does not answer in time"
    ANSWER = "answers with something else"
    INPUT = "changes its input"
    LAW = "breaks a law"


FINE = frozenset({Kind.AGREES, Kind.VARIANT, Kind.UNSUPPORTED})


@dataclass(frozen=True)
class Verdict:
    """The judgement of one outcome.

    `clause` is the clause that a discrepancy contradicts, `choices` the variant points that
    explain the outcome, `wrong` the positions of differing elements (output name first),
    `margin` the largest |got - exact| / bound on real numbers.
    """

    kind: Kind
    clause: str = ""
    message: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    wrong: tuple[tuple[str, tuple[int, ...]], ...] = ()
    compared: int = 0
    margin: float | None = None

    @property
    def is_discrepancy(self) -> bool:
        """Whether the outcome contradicts the specification."""
        return self.kind not in FINE
