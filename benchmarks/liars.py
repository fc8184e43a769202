"""Print the table of the liars: what each does wrong, and how soon a default run tells.

    python benchmarks/liars.py

The cases are those of the liar's op, in the order of a default run with seed 1.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance" / "tests"))

from all_liars import LIARS, table  # the path must come first

print(f"{len(LIARS)} liars\n")
print(table())
