"""Print how many cases correct backends that sum in other orders answer without a false alarm.

    python benchmarks/honest.py --cases 100000

Exits with 1 if one of them is accused, with the line of each case.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance" / "tests"))

from honest import HONEST
from honest_run import run, table

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--cases", type=int, default=10_000)
parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()

started = time.monotonic()
tallies = run(HONEST, options.cases, options.seconds, options.seed)
accused = [line for tally in tallies for line in tally.discrepancies]
answered = sum(tally.cases for tally in tallies)
print(f"{answered:,} cases from seed {options.seed} in {time.monotonic() - started:,.0f} s\n")
print(table(tallies))
for line in accused:
    print(line)
if answered < options.cases:
    print(f"the time was up after {answered:,} of {options.cases:,} cases")
sys.exit(1 if accused or answered < options.cases else 0)
