"""How many pairs and triples of attribute classes a run met, by the cases that were answered."""

from __future__ import annotations

from convformance import covering
from convformance.covering.count import tuples_met
from convformance.problem import Case
from convformance.runfile import Run
from convformance.verdict import Kind

NAMES = {2: "pairs", 3: "triples"}
UNANSWERED = (Kind.UNSUPPORTED, Kind.REFUSES, Kind.CRASHED, Kind.LATE)


def covered(run: Run) -> tuple[str, ...]:
    """Return what the run's covering cases met where they were answered; nothing if it had none."""
    asked = [one for one in run.cases if one.source == covering.SOURCE]
    if not asked:
        return ()
    lines = [one.line for one in asked if one.verdict not in UNANSWERED]
    answered = [Case.parse(line) for line in lines]
    return tuple(
        f"{len(tuples_met(answered, strength)):,} of {covering.there(strength):,} {name}"
        for strength, name in NAMES.items()
    )
