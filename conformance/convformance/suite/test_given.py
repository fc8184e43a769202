"""Lines that were given, in place of all else."""

from collections.abc import Sequence

from convformance.bench import Bench
from convformance.given import parsed
from convformance.laws.exploring import hear_given, report_broken
from convformance.news import check_all


def test_given_cases(bench: Bench, lines: Sequence[str]) -> None:
    given = map(parsed, lines)
    check_all(bench, (one.case for one in given if one.law is None), "given", known=True)


def test_given_laws(bench: Bench, lines: Sequence[str]) -> None:
    given = map(parsed, lines)
    report_broken(bench, hear_given(bench, [(one.law, one.case) for one in given if one.law]))
