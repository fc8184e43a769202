"""The subcommand `explain`: its options, and how its errors are told."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from convformance.expect import broken_clause
from convformance.problem import Case, LineError, Problem
from convreport.explain import explain
from convreport.explain_flags import (
    FlagError,
    add_flags,
    given_flags,
    op_of,
    problem_of,
    shape_of,
)
from convreport.explain_page import write_page
from convreport.explain_shape import explain_shape, shape_json, shape_text
from convreport.explain_text import as_json, as_text
from convreport.mistakes import mistake_text

FINE, USAGE = 0, 2


def add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand to those of the command line."""
    parser = commands.add_parser(
        "explain",
        help="sizes, pads, borders and cost of a layer, as every framework computes them",
        description="Tell the output size and the pads of a layer as every framework computes "
        "them, the derivation, who agrees with whom, the windows at the borders and the cost. No "
        "framework is needed: what each one does was measured and comes with this package.",
    )
    parser.add_argument(
        "what", metavar="LINE", help="a problem or case in a line, or the name of a layer: conv2d"
    )
    parser.add_argument(
        "--expect-shape", metavar="SHAPE", help="tell which settings give this output instead"
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page")
    add_flags(parser)
    parser.set_defaults(work=run_explain)


def run_explain(options: argparse.Namespace) -> int:
    """Explain what the options say; return the exit status."""
    try:
        problem, notes = given_problem(options)
        wanted = options.expect_shape and shape_of("--expect-shape", options.expect_shape)
    except (FlagError, LineError) as error:
        return refuse(f"error: {error}")
    if wanted:
        answer = explain_shape(problem, wanted)
        print(shape_json(answer) if options.json else shape_text(answer))
        return FINE
    broken = broken_clause(problem)
    if broken:
        return refuse(mistake_text(problem, broken))
    told = explain(problem, notes)
    if options.html:
        try:
            write_page(told, options.html)
        except OSError as error:
            return refuse(f"error: {options.html}: {error.strerror or error}")
    print(as_json(told) if options.json else as_text(told))
    if options.html and not options.json:
        print(f"\npage        {options.html}")
    return FINE


def refuse(text: str) -> int:
    """Print why a command does nothing; return the exit status."""
    print(f"convformance: {text}", file=sys.stderr)
    return USAGE


def given_problem(options: argparse.Namespace) -> tuple[Problem, list[str]]:
    """Return the problem of a line or of flags, and notes."""
    flags = given_flags(options)
    named = op_of(options.what)
    is_line = "=" in options.what
    if named and not is_line:
        return problem_of(*named, options)
    if flags:
        raise FlagError(
            f"{' '.join(flags)}: flags go with the name of a layer such as conv2d, "
            f"which {options.what!r} is not"
        )
    return Case.parse(options.what).problem, []
