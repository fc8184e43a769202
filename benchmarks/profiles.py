"""Measure what frameworks do, and write it to reports/convreport/profiles.

    convformance run --backend torch -o torch.jsonl       # the choices at the variant points
    python benchmarks/profiles.py torch=torch.jsonl       # and here the limits, asked one by one
    python benchmarks/profiles.py keras                   # without a run file its probes are asked

The profile of ONNX is no measurement: it is written by hand.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from convformance.backend import Outcome
from convformance.bench import Bench
from convformance.expect import broken_clause
from convformance.fills import make_arrays
from convformance.perform import perform
from convformance.probes import measure, probes
from convformance.problem import DTYPES, OPS, Case, Problem
from convformance.runfile import Choice, load
from convformance.worker import Isolated
from convreport import limits
from convreport.predict import choices_for, shape_under
from convreport.profiles import (
    CRASHES,
    MEASURED,
    REFUSES,
    STRAYS,
    Followed,
    Limit,
    Profile,
    Untaken,
)
from convreport.text import one_line

FOLDER = Path(__file__).parents[1] / "reports" / "convreport" / "profiles"
FATES = {"refused": REFUSES, "crashed": CRASHES, "timed out": CRASHES}


def main(given: list[str]) -> int:
    """Write the profile of each framework that is given, as NAME or NAME=RUN_FILE."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # whatever the processor, the same measurement
    for one in given:
        name, _, path = one.partition("=")
        backend = Isolated(name)
        choices = tuple(load(Path(path)).choices) if path else tuple(_asked(backend))
        profile = measured(backend, choices)
        text = json.dumps(asdict(profile), indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
        counts = f"{len(profile.choices)} choices, {len(profile.limits)} limits"
        print(f"{profile.label}: {counts}, {len(profile.dtypes)} dtypes not taken")
        backend.close()
    return 0


def _asked(backend: Isolated) -> Iterator[Choice]:
    bench = Bench(backend, ())
    for point, case in probes():
        yield measure(bench, point, case)[0]


def measured(backend: Isolated, choices: tuple[Choice, ...]) -> Profile:
    """Ask the backend at every limit and dtype."""
    followed = tuple(
        Followed(one.point, one.op, one.choice, one.line)
        for one in choices
        if one.choice != "unsupported"
    )
    profile = Profile(backend.name, backend.version, MEASURED, followed)
    found: list[Limit] = []
    dtypes: list[Untaken] = []
    for op in OPS:
        for rank in limits.RANKS:
            at = list(_limits(backend, profile, op, rank))
            found += at
            if (simple := limits.plain(op, rank)) is not None:
                dtypes += _untaken(backend, simple)
    libraries = {name: one for name, one in backend.libraries.items() if name != "numpy"}
    return Profile(
        backend.name, backend.version, MEASURED, followed, tuple(found), tuple(dtypes), libraries
    )


def _limits(backend: Isolated, profile: Profile, op: str, rank: int) -> Iterator[Limit]:
    """Yield a limit for each probe that fails and passes no limit that was found already.

    It is named by the first limit that it passes, which no answered probe passes; one that was
    found with another fate leaves the name to the next.
    """
    outcomes = [(one, _outcome(backend, one)) for one in limits.probes(op, rank)]
    choices = choices_for(profile, op)
    fates = [(one, *_fate(one, outcome, choices)) for one, outcome in outcomes]
    innocent = {name for one, does, _ in fates if does == "" for name in limits.passed(one)}
    known: dict[str, str] = {}
    for problem, does, message in sorted(fates, key=lambda fate: len(limits.passed(fate[0]))):
        names = [name for name in limits.passed(problem) if name not in innocent]
        found = [known[name] for name in names if name in known]
        if does in ("", "unsupported") or found[-1:] == [does]:
            continue
        free = [name for name in names if name not in known]
        if not free:
            text = f"{backend.name}: {does} {problem.line}: {message}, and no limit says why"
            raise SystemExit(text)
        known[free[0]] = does
        yield Limit(op, rank, free[0], does, message, problem.line)


def _outcome(backend: Isolated, problem: Problem) -> Outcome:
    case = Case(problem)
    return perform(backend, problem, make_arrays(case))


def _fate(problem: Problem, outcome: Outcome, choices: dict[str, str]) -> tuple[str, str]:
    """Return what the backend did, "" where it gives the expected shape, and its words."""
    if outcome.kind == "unsupported":
        return "unsupported", outcome.message
    if outcome.kind != "arrays":
        return FATES[outcome.kind], _words(outcome.message)
    expected, got = shape_under(problem, choices), outcome.arrays[problem.answers[0]].shape
    if expected == got:
        return "", ""
    sizes = "x".join(map(str, got))
    return STRAYS, f"gives {sizes} where {'x'.join(map(str, expected))} is right"


def _words(message: str) -> str:
    """Return the framework's words on one line, without what differs from run to run."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    text = re.sub(r"\{\{function_node.*?\}\}|0x[0-9a-f]+|\x1b\[[0-9;]*m", "", " ".join(lines[:2]))
    return one_line(text, 200)


def _untaken(backend: Isolated, problem: Problem) -> Iterator[Untaken]:
    plain = _outcome(backend, problem)
    for dtype in DTYPES:
        values: dict[str, Any] = {
            **{n: getattr(problem, n) for n in OPS[problem.op]},
            "dtype": dtype,
        }
        try:
            other = Problem(problem.op, **values)
        except ValueError:
            continue
        if broken_clause(other) or plain.kind == "unsupported":
            continue
        outcome = _outcome(backend, other)
        if outcome.kind in FATES:
            yield Untaken(problem.op, problem.rank, dtype, _words(outcome.message))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
