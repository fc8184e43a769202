"""A synthetic run: two backends' worth of records, small enough to count by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convformance import journal
from convformance.runfile import (
    Arithmetic,
    ArrayText,
    CaseRecord,
    Choice,
    Finding,
    Footer,
    Geometries,
    Header,
    LawRecord,
    Run,
)
from convreport.diff import Diff, compare

MakeRun = Callable[..., Run]
KNOWN_LINE = "max_pool x=1x1x1x4 kernel=1x2 float32 fill=special#3"
NEW_LINE = "conv x=1x1x5 w=1x1x2 dilation=3 float32 fill=integers#4"


def header(**values: Any) -> Header:
    given: dict[str, Any] = {
        "backend": "other",
        "version": "2.0",
        "adapter": "other_backend:Other",
        "convformance": "0.1.0",
        "seed": 1,
        "started": "2026-01-05T10:00:00+00:00",
        "python": "3.11.9",
        "system": "Linux x86_64",
        "libraries": {"otherlib": "2.0"},
    }
    return Header(**{**given, **values})


def known(**values: Any) -> Finding:
    given: dict[str, Any] = {
        "id": "d-7c1e0a93",
        "signature": "max_pool max.nan value",
        "status": "known",
        "line": KNOWN_LINE,
        "op": "max_pool",
        "verdict": "differs in value",
        "clause": "max.nan",
        "message": "1 of 3 compared elements differ",
        "sizes": ["axis W: floor((4 + 0 + 0 - 2) / 1) + 1 = 3"],
        "inputs": {"x": ArrayText([1, 1, 1, 4], "float32", [[[["nan", "1", "3", "4"]]]])},
        "expected": {"y": ArrayText([1, 1, 1, 3], "float32", [[[["nan", "3", "4"]]]])},
        "got": {"y": ArrayText([1, 1, 1, 3], "float32", [[[["1", "3", "4"]]]])},
        "wrong": [("y", [0, 0, 0, 0])],
        "terms": "y[0, 0, 0, 0] = max(nan, 1)",
        "script": "import other\nprint(other.max_pool())\n",
        "entry": {
            "kind": "bug",
            "reason": "a comparison with NaN is false",
            "link": "https://example.org/issues/1",
        },
    }
    return Finding(**{**given, **values})


def new(**values: Any) -> Finding:
    return known(
        **{
            "id": "d-11aa22bb",
            "signature": "conv window.dilation value",
            "status": "new",
            "line": NEW_LINE,
            "op": "conv",
            "clause": "window.dilation",
            "entry": None,
            **values,
        }
    )


CASES = (
    CaseRecord(
        "conv x=1x1x5 w=1x1x2 float32 fill=integers#1",
        "c-1",
        "explored",
        "agrees",
        ["conv.sum", "window.count"],
        how="plain",
    ),
    CaseRecord(
        "conv x=1x1x5 w=1x1x2 float32 fill=real#1",
        "c-2",
        "corpus",
        "agrees",
        ["conv.sum", "backend.accuracy"],
        margin=0.25,
    ),
    CaseRecord(
        "max_pool x=1x1x4 kernel=2 int8 fill=integers#1",
        "c-3",
        "explored",
        "unsupported",
        ["max.value"],
        message="no integer pool",
    ),
    CaseRecord(
        "max_pool x=1x1x4 kernel=2 padding=same float32 fill=integers#1",
        "c-4",
        "probe",
        "follows a variant",
        ["padding.same"],
        choices={"padding.same_side": "before"},
    ),
    # Its clause is not among those that it asks about: its row must show it all the same.
    CaseRecord(
        KNOWN_LINE,
        "c-5",
        "explored",
        "differs in value",
        ["max.value", "max.tie"],
        clause="max.nan",
        signature="max_pool max.nan value",
    ),
)


@pytest.fixture
def make_run() -> MakeRun:
    """Return a function that builds a run; `new=True` adds a new discrepancy to it."""

    def make(
        *,
        with_new: bool = False,
        findings: tuple[Finding, ...] | None = None,
        stale: tuple[dict[str, Any], ...] = (),
        failed: tuple[str, ...] = (),
        **values: Any,
    ) -> Run:
        cases = CASES
        if with_new:
            record = CaseRecord(
                NEW_LINE,
                "c-6",
                "explored",
                "differs in value",
                ["conv.sum"],
                clause="window.dilation",
                signature="conv window.dilation value",
            )
            cases = (*cases, record)
        found = findings if findings is not None else (known(), *([new()] if with_new else []))
        choices = (
            Choice("max.tie", "max_pool", "last", KNOWN_LINE),
            Choice("padding.same_side", "conv", "after", NEW_LINE),
            Choice("padding.same_side", "max_pool", "before", KNOWN_LINE),
        )
        footer = Footer(len(cases), 5, len(found), 61.4, stale, failed)
        return Run(header(**values), cases, found, choices, footer)

    return make


@pytest.fixture
def make_full_run(make_run: MakeRun) -> MakeRun:
    """Return a function that builds a run with everything that a run can hold."""

    def make(**values: Any) -> Run:
        run = make_run(
            with_new=True,
            stale=({"id": "old-entry", "reason": "mended", "clause": "conv.sum"},),
            failed=("test_profile (call)",),
            **values,
        )
        line = run.cases[0].line
        laws = [
            LawRecord("law.batch", "conv", line, True, 0.0),
            LawRecord("law.order", "conv", line, False, 2e-7, exact=False),
            LawRecord("law.shift", "conv", line, None, message="too small"),
        ]
        arrow = {"output": [0, 0], "expected": [[[0, 0], 1]], "got": [[[0, 1], 1], [[0, 2], -1]]}
        return replace(
            run,
            laws=laws,
            findings=[
                replace(one, connections=[arrow], diagnosis=["moved"]) for one in run.findings
            ],
            arithmetic=[Arithmetic("conv", "float16", "float32", products="fused with the sum")],
            geometries=[Geometries("conv", 330, 8640, 295, 2045)],
        )

    return make


@pytest.fixture
def full_diff(make_run: MakeRun, make_full_run: MakeRun) -> Diff:
    """Return a comparison with something new, changed, fixed and not asked again."""
    old, new = make_run(with_new=True), make_full_run(version="2.1")
    first, second = old.findings
    gone = replace(first, id="d-55ee66ff", signature="gone", line="conv x=1x1x9 w=1x1x2 float32")
    come = replace(new.findings[1], id="d-77aa88bb", signature="come", line=gone.line + " bias")
    mended = CaseRecord(second.line, "c-9", "explored", "agrees")
    cases = (*(one for one in new.cases if one.line != second.line), mended)
    diff = compare(
        replace(old, findings=[*old.findings, gone]),
        replace(new, findings=[replace(first, message="another"), come], cases=cases),
    )
    assert all((diff.appeared, diff.changed, diff.fixed, diff.unasked))
    return diff


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    """Return a function that builds the known finding with other values."""
    return known


@pytest.fixture
def write_run() -> Callable[[Run, Path], Path]:
    """Return a function that writes a run as a file with a true footer."""

    def write(run: Run, path: Path) -> Path:
        counts = {"cases": len(run.cases), "findings": len(run.findings), "laws": len(run.laws)}
        records = (*run.cases, *run.choices, *run.laws, *run.findings)
        journal.write_run(path, run.header, records, replace(run.footer, **counts))
        return path

    return write


def chromium() -> str:
    """Return the path of an installed Chromium or Chrome, or nothing: none is downloaded."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), "")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return a headless browser; a test that needs one is skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = chromium()
    if not path:
        pytest.skip("no Chromium or Chrome on the PATH")
    with sync_api.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = driver.chromium.launch(executable_path=path, args=flags)
        yield opened
        opened.close()
