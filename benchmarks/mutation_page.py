"""The page docs/mutation.md: what was mutated, what the tests noticed, and what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from modules import LEFT_ALONE, MODULES
from mutants import LEFT_OUT, PLACES_LEFT_OUT
from survivors import FILE, LEAST, Key, Reason

HEAD = """\
# Do the tests notice a wrong oracle?

The oracle is the specification, and the judge says who broke it: a mistake in either is a mistake
in every report. So both are changed on purpose, one small change at a time (`<` for `<=`, `+` for
`-`, `and` for `or`, 2 for 1, a loop that never runs, ...), and each time the tests are run: at
least one must fail. A change that no test notices is a *survivor*. It gets a test, or it is
explained below.

This page is written by

    python -m tox -e mutation

It fails if fewer than {least} % of the mutants are killed, if a survivor has no reason in
`benchmarks/{file}`, or if a reason there matches no survivor any more. The mutants are made by
[cosmic-ray](https://cosmic-ray.readthedocs.io). Each is loaded in memory, in a process of its own;
no file is changed. Hypothesis draws the same examples for each.
"""


def page(results: Mapping[Key, str], left_out: Mapping[str, int], reasons: Sequence[Reason]) -> str:
    """Return the page as Markdown."""
    parts = [
        HEAD.format(least=LEAST, file=FILE.name),
        "## Result\n\n" + _table(results),
        "## What is not mutated\n\n" + _exclusions(left_out),
        "## The survivors, and why they may\n\n" + _explained(reasons),
    ]
    return "\n".join(parts)


def _table(results: Mapping[Key, str]) -> str:
    lines = [
        "| module | mutants | killed | by taking too long | survived |",
        "|---|--:|--:|--:|--:|",
    ]
    total: Counter[str] = Counter()
    for name, module in MODULES.items():
        found = Counter(how for key, how in results.items() if key[0] == name)
        total += found
        lines.append(_row(f"`{module.name}`", found))
    lines.append(_row("all", total))
    share = 100 * (1 - total["survived"] / total.total())
    return "\n".join(lines) + f"\n\n{share:.1f} % of the mutants are killed.\n"


def _row(name: str, found: Counter[str]) -> str:
    numbers = found.total(), found["killed"], found["timed out"], found["survived"]
    return f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |"


def _exclusions(left_out: Mapping[str, int]) -> str:
    lines = [f"- {what}: {why}." for what, why in LEFT_ALONE.items()]
    lines += [
        f"- A change {where} ({left_out.get(where, 0)} of them): {why}."
        for where, why in PLACES_LEFT_OUT.items()
    ]
    for why in dict.fromkeys(LEFT_OUT.values()):
        names = ", ".join(f"`{name}`" for name, reason in LEFT_OUT.items() if reason == why)
        lines.append(f"- cosmic-ray's {names}: {why}.")
    return "\n".join(lines) + "\n"


def _explained(reasons: Sequence[Reason]) -> str:
    blocks = []
    for module in MODULES.values():
        mine = [reason for reason in reasons if reason.module == module.stem]
        if mine:
            blocks.append(f"### {module.name}\n")
            blocks += [_block(reason) for reason in mine]
    return "\n".join(blocks)


def _block(reason: Reason) -> str:
    lines = [f"{reason.text}\n", "| line | becomes |", "|---|---|"]
    lines += [f"| {_code(was)} | {_code(becomes)} |" for _, was, becomes, _ in reason.keys]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"<code>{escape(text).replace('|', '&#124;')}</code>" if text else "(no line)"
