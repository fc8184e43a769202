"""How a test of the suite fails: by new discrepancies, told in a few lines."""

from __future__ import annotations

from collections.abc import Iterable

from convformance.bench import Bench, Examined
from convformance.problem import Case


class NewDiscrepancies(AssertionError):  # noqa: N818  it names what it carries
    """Raised by a test that met discrepancies which are not in the ledger."""


def report_news(bench: Bench, news: Iterable[Examined]) -> None:
    """Raise `NewDiscrepancies` if there are any."""
    found = list(news)
    if found:
        raise NewDiscrepancies("\n\n".join(tell(bench, examined) for examined in found))


def tell(bench: Bench, examined: Examined) -> str:
    """Return a discrepancy as text, with the command that shows it."""
    verdict, line = examined.verdict, examined.case.line
    return (
        f"NEW {bench.backend.name} [{verdict.clause}] {verdict.kind}\n"
        f"  {line}\n"
        f"  {verdict.message}\n"
        f"  convformance case '{line}' --backend {bench.backend.name}"
    )


def check_all(bench: Bench, cases: Iterable[Case], source: str, *, known: bool = False) -> None:
    """Check given cases; raise `NewDiscrepancies` for those of new signatures.

    Cases that are known to show something are asked whatever the backend's share.
    """
    ask = bench.examine if known else bench.ask
    news = []
    for case in cases:
        examined = ask(case)
        if bench.is_news(examined):
            news.append(examined)
        bench.record(examined, source)
    report_news(bench, news)
