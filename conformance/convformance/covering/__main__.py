"""Write the covering list: `python -m convformance.covering` (it needs allpairspy)."""

from __future__ import annotations

from pathlib import Path

from convformance.covering import FILE
from convformance.covering.build import chosen, pool
from convformance.covering.count import tuples_met, valid


def main() -> None:
    """Make the list, write it beside this module and say what it meets."""
    cases = chosen(pool())
    head = ["# Made by `python -m convformance.covering`; the first cases meet most."]
    for strength in (2, 3):
        head.append(f"# valid tuples of {strength}: {len(valid(strength))}")
        met = len(tuples_met(cases, strength))
        print(f"{len(cases)} cases meet {met} of {len(valid(strength))} tuples of {strength}")
    text = "\n".join([*head, *(case.line for case in cases)])
    Path(__file__).with_name(FILE).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
