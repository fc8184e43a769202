"""Print the table of the liars: what each does wrong, and how soon a default run tells.

    python benchmarks/liars.py

The cases are those of the liar's op, in the order of a default run with seed 1.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance" / "tests"))

import liars_data  # noqa: F401  registers more; the path must come first
import liars_ops  # noqa: F401  the same
from liars import LIARS, table

print(f"{len(LIARS)} liars\n")
print(table())
