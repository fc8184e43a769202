"""The file that explains survivors, and what a run says against it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_suffix(".toml")
LEAST = 95  # percent of the mutants that must be killed
Key = tuple[str, str, str, int]  # module, line before, line after, the how-manieth equal one


@dataclass(frozen=True)
class Reason:
    """Why some mutants of a module may survive."""

    module: str
    text: str
    keys: tuple[Key, ...]


def read(text: str) -> list[Reason]:
    """Return the reasons; in the file a mutant is [before, after] or [before, after, nth]."""
    return [
        Reason(
            entry["module"],
            entry["reason"],
            tuple(
                (entry["module"], was, becomes, *(nth or [1]))
                for was, becomes, *nth in entry["mutants"]
            ),
        )
        for entry in tomllib.loads(text).get("survivor", [])
    ]


def complaints(
    results: Mapping[Key, str], reasons: Sequence[Reason], modules: Sequence[str]
) -> list[str]:
    """Return what is wrong: too few killed, a survivor without a reason, a reason without one."""
    survived = {key for key, how in results.items() if how == "survived"}
    explained = [key for reason in reasons for key in reason.keys if key[0] in modules]
    found = []
    if not results:
        found.append("there is no mutant")
    elif 100 * len(survived) > (100 - LEAST) * len(results):
        found.append(
            f"{len(survived)} of {len(results)} mutants survived: less than {LEAST} % killed"
        )
    found += [f"no reason for {_line(key)}" for key in sorted(survived.difference(explained))]
    found += [f"no such survivor: {_line(key)}" for key in explained if key not in survived]
    found += [
        f"explained twice: {_line(key)}" for key in set(explained) if explained.count(key) > 1
    ]
    found += [f"no reason in an entry of {one.module}" for one in reasons if not one.text.strip()]
    return found


def _line(key: Key) -> str:
    module, was, becomes, nth = key
    return f"{module}: {was!r} -> {becomes!r}" + (f", number {nth}" if nth > 1 else "")
