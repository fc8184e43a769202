"""Runs as Markdown, for the step summary of a build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from convformance.runfile import Run
from convreport.columns import Column, columns
from convreport.findings import FindingView, finding_views, stale_entries
from convreport.markdown import cell, prose
from convreport.page import headline
from convreport.text import count, duration, margin, one_line

MOST_ROWS = 200  # of one table; GitHub takes a megabyte for a whole step
LONGEST = 300  # of one cell


def markdown_text(runs: Sequence[Run]) -> str:
    """Return what is new in full view, what is known folded away."""
    return "\n\n".join(_blocks(columns(runs))) + "\n"


def _blocks(shown: Sequence[Column]) -> Iterator[str]:
    red = any(column.run.is_red for column in shown)
    yield f"## Convformance: {'❌' if red else '✅'} {prose(headline(shown))}"
    yield _table(
        ("backend", "version", "cases", "agree", "variant", "known", "NEW", "unsupported",
         "worst margin", "time"),
        map(_row, shown),
    )  # fmt: skip
    views = finding_views(shown)
    new = [view for view in views if view.status == "new"]
    known = [view for view in views if view.status != "new"]
    if new:
        yield "### New"
        yield _findings(new)
    stale = stale_entries(shown)
    if stale:
        yield "### Known, but no longer occurs"
        yield "\n".join(
            f"- {_short(one.label)}: {_short('; '.join(fact.text for fact in one.facts))}"
            for one in stale[:MOST_ROWS]
        )
    failed = [(column.label, text) for column in shown for text in column.run.footer.failed]
    if failed:
        yield "### Failed for another reason"
        yield "\n".join(f"- {_short(label)}: {_short(text)}" for label, text in failed[:MOST_ROWS])
    if known:
        yield f"<details><summary>{count(len(known), 'known deviation')}</summary>"
        yield _findings(known)
        yield "</details>"


def _row(column: Column) -> list[str]:
    statuses = column.statuses
    partly = " (in part)" if column.run.header.selection else ""
    return [
        _short(column.backend),
        _short(column.version) + partly,
        f"{len(column.cases):,}",
        *(f"{statuses[name]:,}" for name in ("agrees", "variant", "known")),
        f"**{statuses['new']:,}**" if statuses["new"] else "0",
        f"{statuses['unsupported']:,}",
        margin(column.worst_margin),
        duration(column.run.footer.seconds),
    ]


def _short(text: str) -> str:
    """Return the text as code, cut after its escapes are written."""
    return cell(one_line(text)[:LONGEST])


def _findings(views: Sequence[FindingView]) -> str:
    names = ("finding", "backend", "op", "clause", "verdict", "case", "message")
    rows = [
        [
            _short(one)
            for one in (
                view.anchor, view.label, view.op, f"[{view.clause}]", view.verdict, view.line,
                view.message.text,
            )
        ]
        for view in views[:MOST_ROWS]
    ]  # fmt: skip
    rest = len(views) - MOST_ROWS
    more = f"\n\nand {count(rest, 'further finding')}; the report has them all" if rest > 0 else ""
    return _table(names, rows) + more


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
