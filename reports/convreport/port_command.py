"""The subcommand `port`: its options, and how its errors are told."""

from __future__ import annotations

import argparse

from convformance.expect import broken_clause
from convformance.problem import LineError
from convformance.recipes import UnknownError
from convreport.explain_command import given_problem, refuse
from convreport.explain_flags import FlagError, add_flags
from convreport.mistakes import mistake_text
from convreport.port import port
from convreport.port_text import as_text
from convreport.profiles import FRAMEWORKS
from convreport.usage import FINE, RED


def add_port(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand to those of the command line."""
    parser = commands.add_parser(
        "port",
        help="the code that computes the same layer in another framework",
        description="Print the code that computes in one framework what another computes for a "
        "layer, and run both on the same arrays where both are installed. Exit status: 0 the code "
        "was run and is equal, or could not be run; 1 nothing equal was found; 2 wrong usage.",
    )
    parser.add_argument(
        "what", metavar="LINE", help="a problem or case in a line, or the name of a layer: conv2d"
    )
    parser.add_argument("--from", dest="source", choices=FRAMEWORKS, required=True)
    parser.add_argument("--to", dest="target", choices=FRAMEWORKS, required=True)
    add_flags(parser)
    parser.set_defaults(work=run_port)


def run_port(options: argparse.Namespace) -> int:
    """Port what the options say; return the exit status."""
    try:
        problem, notes = given_problem(options)
    except (FlagError, LineError) as error:
        return refuse(f"error: {error}")
    if options.source == options.target:
        return refuse(f"error: --from and --to are both {options.source}")
    broken = broken_clause(problem)
    if broken:
        return refuse(mistake_text(problem, broken))
    try:
        told = port(problem, options.source, options.target)
    except UnknownError as what:
        print(f"port does not know {what} yet")
        return RED
    print("\n".join([as_text(told), *(f"note: {note}" for note in notes)]))
    return FINE if told.exact else RED
