"""Print the diagnosis of every entry of the ledger: what is found without knowing the reason.

    python benchmarks/diagnoses.py torch tensorflow jax

A person reads each beside the entry's reason: a diagnosis that contradicts it is wrong.
"""

import sys
import time
from collections import Counter

from convformance import ledger
from convformance.diagnosis import diagnose
from convformance.problem import Case
from convformance.verdict import Kind
from convformance.worker import Isolated

DIAGNOSED = {str(one) for one in (Kind.VALUE, Kind.SHAPE, Kind.BOUND, Kind.REFUSES)}
SECONDS = 20.0

tally: Counter[str] = Counter()
for name in sys.argv[1:]:
    backend = Isolated(name)
    for entry in ledger.load(backend.name, backend.version):
        if entry.verdict not in DIAGNOSED:
            tally["not sought: it accepts, dies, or gives another dtype"] += 1
            continue
        found = diagnose(backend, Case.parse(entry.case), until=time.monotonic() + SECONDS)
        how = "not shown here" if found is None else "named" if found.faults else "unexplained"
        how = "refused: where is told" if found and not found.unexplained and found.where else how
        tally[how] += 1
        print(f"{entry.id}: {entry.verdict}\n  reason  {entry.reason}\n  {entry.case}")
        for sentence in found.sentences if found else ():
            print(f"  why     {sentence}")
        sys.stdout.flush()
    backend.close()
for how, many in tally.items():
    print(f"{many:4} {how}")
