"""First what is known: the ledger's cases, and what earlier runs kept.

It runs before the rest so that a known discrepancy is shown by its ledger's case.
"""

from hypothesis.database import ExampleDatabase

from convformance.bench import Bench
from convformance.explore import kept
from convformance.news import check_all
from convformance.problem import Case


def test_ledger_entries_still_occur(bench: Bench) -> None:
    """An entry whose case no longer shows it is reported as stale when the run closes."""
    cases = (Case.parse(entry.case) for entry in bench.ledger)
    check_all(bench, cases, "ledger", known=True)


def test_what_earlier_runs_found(bench: Bench, database: ExampleDatabase) -> None:
    """The example database is replayed first."""
    check_all(bench, kept(database, bench.backend.name), "replayed", known=True)
