"""The summary of the runs for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from convformance.runfile import Run
from convreport.columns import Column, columns
from convreport.findings import FindingView, Stale, finding_views, stale_entries
from convreport.page import headline
from convreport.text import count, duration, margin, one_line, visible

HEADINGS = (
    "backend", "version", "problems", "cases", "agree", "variant", "known", "NEW", "unsupported",
    "worst margin", "time",
)  # fmt: skip
LEFT = ("backend", "version")


def print_summary(runs: Sequence[Run], console: Console, report: Path | None = None) -> None:
    """Print the table, what is new, what is stale, and where the report is; no line is cut."""
    shown = columns(runs)
    say(console, _title(shown))
    console.print(Whole(_table(shown)), crop=False, no_wrap=True)
    for finding in finding_views(shown):
        if finding.status == "new":
            _new(console, finding)
    for entry in stale_entries(shown):
        _stale(console, entry)
    for column in shown:
        for text in column.run.footer.failed:
            say(console, "")
            say(console, f"FAILED  {column.label} · {one_line(text)}", "bold red")
    say(console, "")
    say(console, headline(shown), "bold red" if any(one.run.is_red for one in shown) else "green")
    if report is not None:
        say(console, f"report  {report}")


@dataclass(frozen=True)
class Whole:
    """A table at its full width, however narrow the console is."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.update(width=10_000)
        width = Measurement.get(console, wide, self.table).maximum
        yield from console.render(self.table, options.update(width=width))


def say(console: Console, text: str, style: str = "") -> None:
    """Print one line as it stands: no markup, no highlighting, no wrapping, no escapes run."""
    console.print(Text(visible(text), style=style), soft_wrap=True)


def _title(shown: Sequence[Column]) -> str:
    releases = sorted({one.run.header.convformance for one in shown})
    seeds = sorted({one.run.header.seed for one in shown})
    return " · ".join(
        [
            f"convformance {', '.join(releases)}",
            f"seed {', '.join(map(str, seeds))}",
            count(len(shown), "run"),
        ]
    )


def _table(shown: Sequence[Column]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in LEFT else "right", no_wrap=True)
    for column in shown:
        table.add_row(*_cells(column))
    return table


def _cells(column: Column) -> Iterator[Text]:
    footer, statuses = column.run.footer, column.statuses
    yield Text(one_line(column.backend))
    yield Text(one_line(column.version))
    yield Text(f"{footer.problems:,}")
    yield Text(f"{len(column.cases):,}")
    for status in ("agrees", "variant", "known", "new", "unsupported"):
        loud = status == "new" and statuses[status]
        yield Text(f"{statuses[status]:,}", style="bold red" if loud else "")
    yield Text(margin(column.worst_margin))
    yield Text(duration(footer.seconds))


def _new(console: Console, finding: FindingView) -> None:
    say(console, "")
    say(
        console,
        f"NEW  {finding.label} · {finding.op} · [{finding.clause}] · {finding.verdict}",
        "bold red",
    )
    say(console, f"     {finding.line}")
    if finding.message.text:
        say(console, f"     {one_line(finding.message.text)}")
    say(console, f"     {finding.command}")


def _stale(console: Console, entry: Stale) -> None:
    say(console, "")
    say(console, f"STALE  {entry.label} · known, but no longer occurs", "bold yellow")
    for fact in entry.facts:
        say(console, f"     {fact.name}: {one_line(fact.text)}")
