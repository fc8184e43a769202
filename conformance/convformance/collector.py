"""What the tests of a run told, collected in one process: journal first, run file at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from convformance import ledger
from convformance.journal import Begun, Done, Journal
from convformance.problem import Case
from convformance.processor import processor_features
from convformance.runfile import CaseRecord, Finding, Footer, Header, LawRecord, from_json

PROPERTY = "convformance"  # user properties of a report: the records of a test,
DEATHS = "convformance-deaths"  # processes that died at a call which a fresh one answered,
PASSES = "convformance-passes"  # further passes of explorations,
NEWS = "convformance-news"  # that it failed by new discrepancies,
GIVEN_UP = "convformance-given-up"  # why the backend was given up in it,
PROCESS = "convformance-process"  # and which process ran it


def preference(finding: Finding) -> tuple[bool, int, str]:
    """Order the findings of one signature: the ledger's own case first, then the shortest."""
    known_by = (finding.entry or {}).get("case", finding.line)
    return finding.line != known_by, len(finding.line), finding.line


def _unwritten(error: OSError) -> str:
    return f"the run file cannot be written: {error.strerror or error}"


@dataclass
class Collector:
    """Collects the records of all tests in one process, and writes the run file."""

    header: Header
    path: Path | None
    entries: Sequence[ledger.Entry] = ()
    resumed: Begun | None = None
    started: float = field(default_factory=time.monotonic)
    cases: int = 0
    laws: int = 0
    lines: set[str] = field(default_factory=set)
    findings: dict[str, Finding] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    deaths: int = 0
    passes: int = 0
    complete: bool = False
    trouble: str = ""  # why the run was broken off, if the backend or the disk is to blame
    _failures: dict[str, list[str]] = field(default_factory=dict)  # of tests that go on
    _journal: Journal | None = None

    def __post_init__(self) -> None:
        """Count what a cut-off run has told already."""
        for line in self.resumed.lines if self.resumed else ():
            self._count(line)
        for done in self.resumed.done if self.resumed else ():
            self._add(done)

    def pytest_sessionstart(self) -> None:
        """Open the journal."""
        if self.path is not None:
            with self._told():
                self._journal = Journal(self.path, self.header, self.resumed)
                self.header = self._journal.header

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the records of a test."""
        told = {str(name): value for name, value in report.user_properties}
        if GIVEN_UP in told:  # the test is not done
            self._break_off(str(told[GIVEN_UP]))
        if report.failed and (NEWS, True) not in map(tuple, report.user_properties):
            self._failures.setdefault(report.nodeid, []).append(f"{report.nodeid} ({report.when})")
        if report.when != "teardown":
            return
        given = told.get(PROPERTY)
        lines = [str(line) for line in given] if isinstance(given, list) else []
        for line in lines:
            self._count(line)
        failed = "; ".join(self._failures.pop(report.nodeid, ()))
        process, deaths, passes = (
            int(str(told.get(name, 0))) for name in (PROCESS, DEATHS, PASSES)
        )
        spent = round(time.monotonic() - self.started, 1)
        done = Done(report.nodeid, process, failed, deaths, passes, spent)
        self._add(done)
        if self._journal:
            with self._told():
                self._journal.take(lines, done)

    def _count(self, line: str) -> None:
        record = from_json(json.loads(line))
        if isinstance(record, Finding):
            best = min(self.findings.get(record.signature, record), record, key=preference)
            self.findings[record.signature] = best
        elif isinstance(record, CaseRecord):
            self.cases += 1
            self.lines.add(Case.parse(record.line).problem.line)
        self.laws += isinstance(record, LawRecord)

    def _add(self, done: Done) -> None:
        self.deaths += done.deaths
        self.passes += done.passes
        self.failed += [done.failed] if done.failed else []

    @contextmanager
    def _told(self) -> Iterator[None]:
        """End the session where the journal cannot be written, and keep the reason."""
        try:
            yield
        except OSError as error:
            self._break_off(_unwritten(error))

    def _break_off(self, trouble: str) -> NoReturn:
        self.trouble = trouble
        pytest.exit(trouble, pytest.ExitCode.INTERRUPTED)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Make the run file, unless the session was broken off."""
        self.complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        # A shard may have nothing to ask: nothing is known of the backend, or sums are measured.
        told = bool(self.cases or self.laws or self.header.shard)
        self.complete = self.complete and told and not self.trouble
        if not self._journal:
            return
        if not self.complete:
            self._journal.abandon()
            return
        before = self.resumed.seconds if self.resumed else 0.0
        footer = Footer(
            cases=self.cases,
            problems=len(self.lines),
            findings=len(self.findings),
            seconds=round(before + time.monotonic() - self.started, 1),
            stale=[entry.to_json() for entry in self.stale()],
            deaths=self.deaths,
            failed=self.failed,
            laws=self.laws,
            passes=self.passes,
        )
        try:
            self._journal.close(sorted(self.findings.values(), key=lambda one: one.id), footer)
        except OSError as error:
            self.complete, self.trouble = False, _unwritten(error)

    def stale(self) -> list[ledger.Entry]:
        """Return the entries that did not occur in a whole run."""
        if self.header.selection:
            return []
        seen = {finding.entry["id"] for finding in self.findings.values() if finding.entry}
        features = processor_features()
        missing = [entry for entry in self.entries if entry.id not in seen]
        return [entry for entry in missing if entry.must_occur(self.header.backend, features)]

    def closing_words(self) -> str:
        """Return one line on what became of the run."""
        if not self.complete:
            return f"run not finished: what was recorded is in {self.path}.partial"
        return f"{self.cases} cases, {len(self.lines)} distinct problems; run file {self.path}"
