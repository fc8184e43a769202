"""Print the diagnosis of every entry of the ledger: what is found without knowing the reason.

    python benchmarks/diagnoses.py torch tensorflow jax

A person reads each beside the entry's reason: a diagnosis that contradicts it is wrong.
"""

import sys
import time
from collections import Counter

from convformance import ledger
from convformance.diagnosis import Diagnosis, diagnose
from convformance.problem import Case
from convformance.verdict import Kind
from convformance.worker import Isolated

DIAGNOSED = {str(one) for one in (Kind.VALUE, Kind.SHAPE, Kind.BOUND, Kind.REFUSES)}
SECONDS = 20.0


def how(found: Diagnosis | None, verdict: str) -> str:
    """Return what kind of diagnosis it is."""
    if found is None:
        return "not shown here"
    if found.faults:
        return "named: the faults that give these bits"
    if verdict == Kind.REFUSES:
        return "refused: where is told" if found.where else "refused: nothing is told"
    if found.unsteady:
        return "unsteady: the same call is answered otherwise again"
    taps = bool(found.taps and found.taps.sentences)
    return (
        "shown: the cells that leak or are fed otherwise" if taps or found.leak else "unexplained"
    )


tally: Counter[str] = Counter()
for name in sys.argv[1:]:
    backend = Isolated(name)
    for entry in ledger.load(backend.name, backend.version):
        if entry.verdict not in DIAGNOSED:
            tally["not sought: it accepts, dies, or gives another dtype"] += 1
            continue
        found = diagnose(backend, Case.parse(entry.case), until=time.monotonic() + SECONDS)
        tally[how(found, entry.verdict)] += 1
        print(f"{entry.id}: {entry.verdict}\n  reason  {entry.reason}\n  {entry.case}")
        for sentence in found.sentences if found else ():
            print(f"  why     {sentence}")
        sys.stdout.flush()
    backend.close()
for kind, many in sorted(tally.items()):
    print(f"{many:4} {kind}")
