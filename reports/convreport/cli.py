"""The command line: run, report, case, law, list, and the commands of modules of their own.

Exit status: 0 nothing new, 1 new discrepancies or ledger entries that no longer occur,
2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from math import prod
from pathlib import Path

from convformance import __version__, ledger
from convformance.bench import EACH, Bench
from convformance.examples import DatabaseError
from convformance.expect import broken_clause
from convformance.given import CasesError
from convformance.isolation import GivenUp
from convformance.large import KernelError
from convformance.laws import LAWS
from convformance.laws.hearing import hear
from convformance.laws.law import Law, is_solid
from convformance.laws.recording import is_news
from convformance.ledger import LedgerError
from convformance.meaning import input_shapes, output_shape
from convformance.problem import Case, LineError
from convformance.registry import WAYS, BackendError
from convformance.runfile import RunFileError
from convformance.shards import ShardError
from convformance.worker import Isolated
from convreport.bisect_command import add_bisect
from convreport.campaign.command import add_campaign
from convreport.casetext import case_text
from convreport.check_command import add_check
from convreport.commands_cite import add_cite
from convreport.commands_diff import add_diff
from convreport.commands_export import add_export
from convreport.commands_history import add_history
from convreport.explain_command import add_explain
from convreport.history import HistoryError, read_history
from convreport.lawtext import law_text
from convreport.listing import WHAT, listing
from convreport.new_command import add_new
from convreport.port_command import add_port
from convreport.run_command import add_run, tell
from convreport.usage import FINE, RED, USAGE, UsageError, add_fail_on, load_runs
from convreport.versions_command import add_versions

LARGEST_CASE = 2**27  # elements of all inputs together: about a gigabyte of Python numbers

# Errors whose words are all that is to be said: of usage, of files, and KernelError of our kernel.
TOLD = (
    UsageError,
    BackendError,
    RunFileError,
    LineError,
    LedgerError,
    HistoryError,
    KernelError,
    GivenUp,
    CasesError,
    DatabaseError,
    ShardError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = parser().parse_args(arguments)
    try:
        return int(options.work(options))
    except TOLD as error:
        print(f"convformance: error: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # the reader of a pipe went away
        sys.stderr.close()
        return USAGE
    except KeyboardInterrupt:
        print("convformance: interrupted", file=sys.stderr)
        return USAGE


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with all commands."""
    whole = argparse.ArgumentParser(
        prog="convformance",
        description="Check convolution and pooling of a tensor framework against a loop oracle.",
        epilog="Exit status: 0 nothing new; 1 new discrepancies, or known ones that no longer "
        "occur (run and report: or what --fail-on says); 2 wrong usage.",
    )
    whole.add_argument("--version", action="version", version=f"convformance {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    add_run(commands)
    _add_report(commands)
    _add_case(commands)
    _add_law(commands)
    add_check(commands)
    add_new(commands)
    add_explain(commands)
    add_port(commands)
    _add_list(commands)
    add_diff(commands)
    add_history(commands)
    add_versions(commands)
    add_bisect(commands)
    add_campaign(commands)
    add_cite(commands)
    add_export(commands)
    return whole


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = commands.add_parser(
        "report",
        help="make the HTML report of run files",
        description="Make one self-contained HTML report of run files.",
    )
    report.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run files, or folders of them"
    )
    report.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="report folder"
    )
    report.add_argument(
        "--history", type=Path, metavar="FILE", help="show when each finding was seen, by FILE"
    )
    add_fail_on(report)
    report.set_defaults(work=_report)


def _add_case(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    case = commands.add_parser(
        "case",
        help="run one case: expectation, outcome and verdict as text",
        description="Run one case: expectation, outcome and verdict as text.",
    )
    case.add_argument(
        "line", metavar="LINE", help="such as 'conv x=1x1x5 w=1x1x2 dilation=3 float32'"
    )
    case.add_argument("--backend", default="numpy", help=f"a registered name; or {WAYS}")
    case.set_defaults(work=_case)


def _add_law(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    law = commands.add_parser(
        "law",
        help="check one law on one problem: what was compared, and whether it holds",
        description="Check one law between the answers of a backend, without the oracle.",
    )
    names = ", ".join(one.name for one in LAWS.values())
    law.add_argument("name", metavar="NAME", help=f"one of {names}")
    law.add_argument("line", metavar="LINE", help="such as 'conv x=1x1x8x8 w=1x1x3x3 float32'")
    law.add_argument("--backend", default="numpy", help=f"a registered name; or {WAYS}")
    law.set_defaults(work=_law)


def _add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lists = commands.add_parser(
        "list",
        help="list ops, clauses, variant points, fills, faults or backends",
        description="List ops, clauses, variant points, fills, faults or backends.",
    )
    lists.add_argument("what", nargs="?", choices=WHAT, help="what to list (default: everything)")
    lists.set_defaults(work=_list)


def _report(options: argparse.Namespace) -> int:
    history = read_history(options.history) if options.history else None
    return tell(load_runs(options.runs), options.output, history, fail_on=options.fail_on)


def _case(options: argparse.Namespace) -> int:
    case = Case.parse(options.line)
    _check_size(case)
    backend = Isolated(options.backend)
    bench = Bench(backend, ledger.load(backend.name, backend.version), seconds=EACH)
    try:
        examined = bench.examine(case)
        diagnosis = bench.diagnosis(examined)
    finally:
        backend.close()
    print(case_text(bench, examined, diagnosis.sentences if diagnosis else ()))
    return RED if examined.signature and not examined.entry else FINE


def _law(options: argparse.Namespace) -> int:
    law, case = _law_and_case(options.name, options.line)
    backend = Isolated(options.backend)
    bench = Bench(backend, ledger.load(backend.name, backend.version))
    try:
        heard = hear(law, backend, case)
    finally:
        backend.close()
    print(law_text(bench, heard))
    return RED if is_news(bench, heard) else FINE


def _law_and_case(name: str, line: str) -> tuple[Law, Case]:
    """Return the law of that name and the case; raise `UsageError` if it does not speak of it."""
    law = LAWS.get(name if name.startswith("law.") else f"law.{name}")
    if law is None:
        known = ", ".join(one.name for one in LAWS.values())
        raise UsageError(f"law {name!r} is none of {known}")
    case = Case.parse(line if " fill=" in line else f"{line} fill={law.fill}")
    _check_size(case)
    if case.problem.op not in law.ops:
        raise UsageError(f"[{law.label}] speaks of {', '.join(law.ops)}, not of {case.problem.op}")
    if not is_solid(case.problem):
        raise UsageError(f"[{law.label}] has nothing to compare: invalid, a size is 0, or integers")
    fitted = law.case(case.problem, case.seed)
    if fitted != case:
        raise UsageError(f"[{law.label}] does not speak of this case, but of '{fitted.line}'")
    return law, case


def _check_size(case: Case) -> None:
    """Refuse a case whose arrays would not fit, before they are made."""
    shapes = [*input_shapes(case.problem).values()]
    if broken_clause(case.problem) is None:
        shapes.append(output_shape(case.problem))
    total = sum(map(prod, shapes))
    if total > LARGEST_CASE:
        raise UsageError(
            f"the arrays of this case have {total:,} elements; at most {LARGEST_CASE:,}"
        )


def _list(options: argparse.Namespace) -> int:
    for what in [options.what] if options.what else WHAT:
        if not options.what:
            print(f"{what}:")
        print(listing(what))
        if not options.what:
            print()
    return FINE


if __name__ == "__main__":
    sys.exit(main())
