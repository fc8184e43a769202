"""What a person sees of a campaign while it goes on: a bar, what is new, and what was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from convformance.runfile import Finding
from convformance.shards import Shard
from convreport.campaign.front import Watch
from convreport.campaign.plan import Plan
from convreport.campaign.tally import Tally
from convreport.summary import say
from convreport.text import count, one_line


class Shown:
    """Counts what came, and says what is new: on a terminal above a bar, else line by line."""

    def __init__(self, console: Console, plan: Plan, done: int) -> None:
        self.console, self.cases, self.news, self.missed = console, 0, 0, 0
        self.bar = Progress(
            TextColumn("shards"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("shards", total=len(plan), completed=done, now="")

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Yield what the front is to call."""
        with self.bar:
            yield Watch(self._done, self._lost, self._news)

    def _done(self, shard: Shard, tally: Tally, seconds: float) -> None:
        self.cases += tally.cases
        self._now(advance=1)
        if not self.console.is_terminal:
            say(self.console, f"{shard.id}  {count(tally.cases, 'case')} in {seconds:.0f} s")

    def _lost(self, shard: Shard, why: str) -> None:
        self.missed += 1
        self._now()
        say(self.console, f"{shard.id}  not finished: {one_line(why)}", "yellow")

    def _news(self, shard: str, finding: Finding) -> None:
        self.news += 1
        self._now()
        told = f"NEW  {finding.op} · [{finding.clause}] · {finding.verdict} · {shard}"
        say(self.console, told, "bold red")
        say(self.console, f"     {finding.line}")

    def _now(self, advance: int = 0) -> None:
        words = [f"{self.cases:,} cases", f"{self.news:,} new"]
        words += [f"{self.missed:,} not finished"] if self.missed else []
        self.bar.update(self.task, advance=advance, now=", ".join(words))
