"""The answer of a port for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from convformance.backends import layouts
from convformance.recipes import OWN
from convformance.sizes import AXIS_NAMES
from convreport.port import Ported


def as_text(told: Ported) -> str:
    """Write the answer for a terminal."""
    size = "x".join(map(str, told.shape))
    lines = [told.problem.line, "", f"output      {size}{_pads(told)}", *_native(told)]
    lines += [f"{'note':<11} {note}" for note in told.notes]
    if told.recipe:
        word = told.target if told.exact else "closest"
        lines += [f"{word:<11} {told.recipe.way}", ""]
        lines += [f"# as {told.source} has them, in NumPy: "
                  f"{'; '.join(layouts.described(told.problem, told.source))}"]  # fmt: skip
        lines += told.recipe.lines
    return "\n".join([*lines, "", *verdict(told)])


def native_lines(told: Ported) -> list[str]:
    """Return the source's own call, without what makes its arrays."""
    if not told.native:
        return []
    calls = told.native.lines[told.native.lines.index("") + 1 :]
    made = re.compile(r"\w+ = (torch\.from_numpy|tf\.constant)\(")
    return [line for line in calls if not made.match(line)]


def _native(told: Ported) -> list[str]:
    own = native_lines(told)
    if not own or told.native is None:
        return []
    lines = [f"{'' if i else told.source:<11} {line}" for i, line in enumerate(own)]
    lines[-1] += "" if told.native.way == OWN else f"  # {told.native.way}"
    return lines


def verdict(told: Ported) -> Iterator[str]:
    """Yield what may be said of the code, and no more."""
    if told.exact and told.checked:
        by = f", by {told.by}" if told.by else ""
        yield f"checked on {told.checked} cases, bit-exact on integers{by}"
        if told.alone:
            yield f"against the specification alone: {told.alone}"
        return
    if told.exact:
        yield f"not checked: {told.unchecked}"
        return
    if told.difference:
        yield f"this is not the same: {told.difference}"
    yield f"nothing was found in {told.target} that equals it"
    yield from (f"  {reason}" for reason in told.reasons)


def _pads(told: Ported) -> str:
    if not told.pads:
        return ""
    word = "crops" if told.problem.op == "conv_transpose" else "pads"
    pairs = [f"{before} + {after}" for before, after in told.pads]
    if len(set(pairs)) == 1:
        return f", {word} {pairs[0]}"
    names = AXIS_NAMES[told.problem.rank]
    each = ", ".join(f"{name} {pair}" for name, pair in zip(names, pairs, strict=True))
    return f", {word} {each}"
