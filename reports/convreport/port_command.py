"""The subcommand `port`: its options, and how its errors are told."""

from __future__ import annotations

import argparse

from convformance.expect import broken_clause
from convformance.problem import LineError
from convreport.explain_command import given_problem, refuse
from convreport.explain_flags import FlagError, add_flags
from convreport.mistakes import mistake_text
from convreport.port import port
from convreport.port_hints import framework
from convreport.port_json import as_json
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
    for option, name in (("--from", "source"), ("--to", "target")):
        parser.add_argument(
            option, dest=name, metavar="FRAMEWORK", required=True, help=" | ".join(FRAMEWORKS)
        )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    add_flags(parser)
    parser.set_defaults(work=run_port)


def run_port(options: argparse.Namespace) -> int:
    """Port what the options say; return the exit status."""
    for option, name in (("--from", options.source), ("--to", options.target)):
        try:
            framework(name)
        except ValueError as error:
            return refuse(f"error: {option} {error}")
    if options.source == options.target:
        return refuse(f"error: --from and --to are both {options.source}")
    try:
        problem, notes = given_problem(options)
    except (FlagError, LineError) as error:
        return refuse(f"error: {error}")
    broken = broken_clause(problem)
    if broken:
        return refuse(mistake_text(problem, broken))
    told = port(problem, options.source, options.target)
    if options.json:
        print(as_json(told, notes), end="")
    else:
        print("\n".join([as_text(told), *(f"note: {note}" for note in notes)]))
    return FINE if told.exact else RED
