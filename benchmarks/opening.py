"""Print how long the report of many findings takes to open in Chromium, until its list answers.

    python benchmarks/opening.py
    python benchmarks/opening.py --findings 5000 --repeats 9 --most 2 -o out

The findings are made up: the honest kernel with one element made wrong, half of them known. They
go the way of a run's own, through the run file, so that the page is drawn as any other. The time
is that of the browser, from the start of the navigation until a word was typed above the list and
the chosen rows were painted; `load` is its share until the page had loaded. `work` is the processor
time of the page, which a busy machine does not lengthen. The exit status is 1 if the median of
`usable` is more than `--most` seconds. The browser is the Chromium or Chrome on the PATH.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from convformance.backend import Arrays
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench, record_of
from convformance.evidence import finding
from convformance.journal import write_run
from convformance.problem import Case, Problem
from convformance.runfile import CaseRecord, Finding, Footer, Header, load
from convformance.verdict import Kind
from convreport.write import write_report

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHAPES = 24  # different problems; the seed of the fill makes the rest
WORD = "lp_pool"
KNOWN = {"id": "made-up", "kind": "bug", "reason": "one element is wrong", "case": ""}
# Types a word above the list; returns the time when the rows that fit were painted.
ASK = """word => new Promise(done => {
  const field = document.querySelector("#filter [name=text]");
  field.value = word;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => done({
    load: performance.getEntriesByType("navigation")[0].loadEventEnd,
    usable: performance.now(),
    told: document.querySelector("#filter output").textContent,
  })));
})"""


class Askew:
    """The honest kernel, but for one element in the middle of the answer."""

    name, version = "askew", "1.0"
    accumulators = NumpyBackend.accumulators

    def run(self, problem: Problem, arrays: Arrays) -> Any:
        """Answer like the kernel, one element wrong."""
        answer = NumpyBackend().run(problem, arrays)
        y = np.array(getattr(answer, "arrays", {"y": answer})["y"])
        middle = y.size // 2
        y.flat[middle] = 7 if y.flat[middle] != 7 else 5
        return y


def lines(fill: int) -> Iterator[str]:
    """Yield case lines of many shapes."""
    for size, kernel, stride, dtype in product(range(5, 9), (2, 3), (1, 2), ("float32", "int32")):
        end = f"{dtype} fill=integers#{fill}"
        yield f"conv x=1x2x{size}x{size} w=2x2x{kernel}x{kernel} stride={stride} padding=1 {end}"
        yield f"max_pool x=1x2x{size}x{size} kernel={kernel} stride={stride} {end}"
        if dtype == "float32":
            yield f"avg_pool x=1x2x{size}x{size} kernel={kernel} stride={stride} padding=1 {end}"
            yield f"lp_pool x=1x1x{size}x{size} kernel={kernel} stride={stride} p=2 {end}"


def records(number: int) -> Iterator[CaseRecord | Finding]:
    """Yield as many cases with a finding each, every other one known."""
    bench = Bench(Askew())
    shown = [bench.examine(Case.parse(line)) for line in islice(lines(0), SHAPES)]
    assert all(one.verdict.kind is Kind.VALUE for one in shown)
    pairs = [(record_of(one, "explored"), finding(bench.backend, one, "")) for one in shown]
    for i in range(number):
        record, found = pairs[i % len(pairs)]
        line = f"{record.line.rpartition('#')[0]}#{i // len(pairs)}"
        yield replace(record, line=line, id=f"c-{i:010x}", signature=f"askew {i}")
        status, entry = ("new", None) if i % 2 else ("known", {**KNOWN, "case": line})
        yield replace(
            found, line=line, id=f"d-{i:08x}", signature=f"askew {i}", status=status, entry=entry
        )


def write_many(path: Path, number: int) -> None:
    """Write a run file with that many findings."""
    header = Header(
        "askew", "1.0", "opening:Askew", "0.1.0", 1, "2026-01-05T10:00:00+00:00", "3.11", "any"
    )
    write_run(path, header, records(number), Footer(number, number, number, 1.0))


def report_of(number: int, folder: Path) -> Path:
    """Write the report of a run with that many findings and return its path."""
    run = folder / "many.jsonl"
    write_many(run, number)
    return write_report([load(run)], folder)


def opening(browser: Any, page: Path, before: str = "") -> dict[str, Any]:
    """Open the page; return the milliseconds of `load`, `usable` and `work`, and what was `told`.

    `before` is a script that runs ahead of the page's own.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    if before:
        context.add_init_script(before)
    tab = context.new_page()
    probe = context.new_cdp_session(tab)
    probe.send("Performance.enable")
    tab.goto(page.as_uri())
    told: dict[str, Any] = tab.evaluate(ASK, WORD)
    metrics = {one["name"]: one["value"] for one in probe.send("Performance.getMetrics")["metrics"]}
    context.close()
    return {**told, "work": 1_000 * metrics["ProcessTime"]}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--findings", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--most", type=float, default=2.0, help="seconds")
    parser.add_argument("-o", dest="folder", type=Path, help="keep the run file and the page here")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        print("no Chromium or Chrome on the PATH", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as driver:
        page = report_of(options.findings, options.folder or Path(temporary))
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        times = [opening(browser, page) for _ in range(options.repeats)]
        size = page.stat().st_size
        print(f"{options.findings:,} findings, {size / 1e6:.1f} MB, Chromium {browser.version}")
        browser.close()
    for name in ("load", "usable", "work"):
        some = [one[name] / 1_000 for one in times]
        print(f"{name:6}  median {median(some):.2f} s of {len(some)}, least {min(some):.2f}, "
              f"most {max(some):.2f}")  # fmt: skip
    return int(median(one["usable"] for one in times) > 1_000 * options.most)


if __name__ == "__main__":
    sys.exit(main())
