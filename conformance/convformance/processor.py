"""What the processor can do: frameworks choose their kernels by it."""

from __future__ import annotations

import re
from pathlib import Path


def processor_features() -> frozenset[str]:
    """Return the processor's feature flags as Linux names them; none where it does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()
