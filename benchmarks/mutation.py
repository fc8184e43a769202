"""Mutate the oracle and the judge, one small change at a time: do the tests notice?

    python benchmarks/mutation.py                # everything, and docs/mutation.md
    python benchmarks/mutation.py --only axis    # one module
    python benchmarks/mutation.py --resume       # goes on where a run was cut off

Exits with 1 if fewer than 95 % of the mutants are killed, if a survivor has no reason in
survivors.toml, or if a reason there matches no survivor.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

import survivors
from modules import MODULES, Module
from mutants import Mutant, compiled, mutants
from mutation_page import page
from trial import ROOT, trial

PAGE = ROOT / "docs" / "mutation.md"


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", nargs="+", choices=MODULES, metavar="MODULE", default=list(MODULES)
    )
    parser.add_argument("--results", type=Path, default=ROOT / "reports/runs/mutation.jsonl")
    parser.add_argument("--resume", action="store_true", help="keep the results that are there")
    parser.add_argument("--again", action="store_true", help="with --resume: but not the survivors")
    return parser.parse_args()


def known(options: argparse.Namespace) -> dict[survivors.Key, str]:
    """Return the results of an earlier run that are to be kept."""
    if not options.resume or not options.results.exists():
        return {}
    lines = map(json.loads, options.results.read_text().splitlines())
    found = {tuple(line["mutant"]): line["how"] for line in lines}
    return {key: how for key, how in found.items() if not (options.again and how == "survived")}


def stages(module: Module) -> list[tuple[tuple[str, ...], int]]:
    """Return (tests, seconds that a mutant gets) of each stage; end if a test fails by itself."""
    code, found = compiled(module.path.read_text()), []
    for tests in (module.quick, module.wide):
        if not tests:
            continue
        started = time.process_time(), time.monotonic()
        if trial(module.name, code, tests, seconds=600) != "survived":
            sys.exit(f"the tests of {module.name} fail without a mutant: {' '.join(tests)}")
        found.append((tests, 10 + int(3 * (time.monotonic() - started[1]))))
    return found


def run(
    module: Module, made: list[Mutant], done: dict[survivors.Key, str], results: Path
) -> dict[survivors.Key, str]:
    """Return the result of every mutant of a module; each is written as it comes."""
    found = {one.key: done[one.key] for one in made if one.key in done}
    todo = [one for one in made if one.key not in done]
    steps = stages(module) if todo else []
    with results.open("a") as file:
        for one in todo:
            for tests, seconds in steps:
                found[one.key] = trial(module.name, one.code, tests, seconds)
                if found[one.key] != "survived":
                    break
            print(json.dumps({"mutant": one.key, "how": found[one.key]}), file=file, flush=True)
    return found


def main() -> int:
    """Run the modules; return the exit status."""
    options = arguments()
    done = known(options)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    rewritten = [json.dumps({"mutant": key, "how": how}) for key, how in done.items()]
    options.results.write_text("".join(f"{line}\n" for line in rewritten))
    results: dict[survivors.Key, str] = {}
    left_out: Counter[str] = Counter()
    for name in options.only:
        started = time.monotonic()
        made, out = mutants(name, MODULES[name].path.read_text())
        found = run(MODULES[name], made, done, options.results)
        results |= found
        left_out += out
        left = sum(how == "survived" for how in found.values())
        print(
            f"{name}: {left} of {len(found)} survived, {time.monotonic() - started:.0f} s",
            flush=True,
        )
    reasons = survivors.read(survivors.FILE.read_text())
    wrong = survivors.complaints(results, reasons, options.only)
    print("\n".join(wrong))
    if options.only == list(MODULES) and not wrong:
        PAGE.write_text(page(results, left_out, reasons))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
