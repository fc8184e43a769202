from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from convformance.runfile import Run
from convreport.summary import HEADINGS, print_summary

MakeRun = Callable[..., Run]


def piped(*runs: Run, report: Path | None = None) -> str:
    file = io.StringIO()
    print_summary(runs, Console(file=file, width=40), report)
    return file.getvalue()


def test_a_piped_summary_is_plain_text_that_no_width_cuts(make_run: MakeRun) -> None:
    text = piped(make_run(with_new=True), report=Path("reports/latest/index.html"))
    lines = text.splitlines()
    assert "\x1b" not in text
    assert lines[0] == "convformance 0.1.0 · seed 1 · 1 run"
    assert re.split(r"  +", lines[1].strip()) == list(HEADINGS)
    assert lines[2].split() == ["other", "2.0", "5", "6", "2", "1", "1", "1", "1", "0.25", "1:01"]
    assert lines[-1] == "report  reports/latest/index.html"


def test_a_new_finding_shows_clause_verdict_line_and_command(make_run: MakeRun) -> None:
    lines = piped(make_run(with_new=True)).splitlines()
    start = lines.index("NEW  other 2.0 · conv · [window.dilation] · differs in value")
    line = "conv x=1x1x5 w=1x1x2 dilation=3 float32 fill=integers#4"
    assert lines[start + 1] == f"     {line}"
    assert lines[start + 3] == f"     convformance case '{line}' --backend other"
    assert "1 new discrepancy, 1 known deviation" in lines


def test_stale_entries_and_failed_tests_are_named(make_run: MakeRun) -> None:
    text = piped(make_run(stale=({"reason": "mended"},), failed=("test_profile: timeout",)))
    assert "STALE  other 2.0 · known, but no longer occurs" in text
    assert "reason: mended" in text
    assert "FAILED  other 2.0 · test_profile: timeout" in text


def test_what_a_backend_says_reaches_no_terminal_as_control(make_run: MakeRun) -> None:
    run = make_run(with_new=True, backend="evil\x1b[2J", version="[bold]1[/bold]:smile:")
    text = piped(run)
    assert "\x1b" not in text
    assert "NEW  evil\\x1b[2J [bold]1[/bold]:smile: · conv" in text
    assert "[bold]1[/bold]:smile:" in text
