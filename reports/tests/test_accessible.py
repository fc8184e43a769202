"""Every page under axe-core, in light and dark, wide and narrow; and what axe-core must catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convformance.journal import write_run
from convformance.problem import Problem
from convformance.runfile import CaseRecord, Finding, Run
from convreport.campaign.merge import merge
from convreport.campaign.page import CampaignPage, campaign_page
from convreport.campaign.plan import Plan
from convreport.campaign.store import Store
from convreport.diff import Diff
from convreport.explain import explain
from convreport.explain_page import render_page
from convreport.versions import Release
from convreport.versions_page import versions_page
from convreport.write import render, render_campaign, render_diff, render_versions

MakeRun = Callable[..., Run]
MakeFinding = Callable[..., Finding]
WIDTHS = (1280, 360)
DRAWN = 3
NEW_LINE = "conv x=1x1x5 w=1x1x2 dilation=3 float32 fill=integers#4"
LAYER = "conv x=1x2x5x5 w=2x2x3x3 stride=2 padding=same float32"
MOVED = {"output": [0, 0], "expected": [[[0, 0], 1]], "got": [[[0, 1], 1], [[0, 2], -1]]}
# What is folded away, scrolled away or not yet drawn is judged too; axe-core cannot see through
# stripes and cut edges, so that they go.
UNFOLD = """async () => {
  const rules = [
    ".finding, .chunk { content-visibility: visible !important; }",
    ".scroll, .boards { overflow: visible !important; max-height: none !important; }",
    ".untried > * { background: var(--raised) !important; }",
  ];
  for (const rule of rules) document.styleSheets[0].insertRule(rule);
  for (const part of document.querySelectorAll("details")) part.open = true;
  for (const part of document.querySelectorAll(".player")) {
    part.scrollIntoView();
    while (!part.classList.contains("ready")) await new Promise(requestAnimationFrame);
  }
}"""


def drawn_run(make_full_run: MakeRun, make_finding: MakeFinding) -> Run:
    """Return a run whose page has every part that a page can have, if it draws `DRAWN` findings."""
    run = make_full_run(selection="-k conv")
    drawn = make_finding(
        id="d-33cc44dd", signature="drawn", status="new", entry=None, connections=[MOVED],
        diagnosis=["each window starts one sample later on axis W"], message="m" * 3_000,
    )  # fmt: skip
    brief = make_finding(id="d-zz", signature="brief")
    return replace(run, findings=[*run.findings, drawn, brief])


def some_releases(make_full_run: MakeRun) -> list[Release]:
    """Return releases with something that came, and one that does not install."""
    clean = make_full_run(findings=(), version="1.0")
    right = CaseRecord(NEW_LINE, "c-9", "given", "agrees")
    kept = [one for one in clean.cases if one.line != NEW_LINE]
    return [
        Release("1.0", replace(clean, cases=(*kept, right)), page="1.0/index.html"),
        Release("1.1", reason="no wheel for this Python"),
        Release("2.0", make_full_run(), page="2.0/index.html"),
    ]


def some_campaign(run: Run, folder: Path) -> CampaignPage:
    """Return the page of a campaign of which one shard gave the run, and one gave none."""
    plan, store = Plan((run.header.backend,), ("invalid",), 2), Store(folder)
    first, _ = plan.shards()
    path, told = store.path(first), (*run.cases, *run.choices, *run.laws)
    footer = replace(
        run.footer, cases=len(run.cases), findings=len(run.findings), laws=len(run.laws)
    )
    write_run(path, replace(run.header, shard=first.id), (*told, *run.findings), footer)
    return campaign_page(merge(plan, store), "convformance campaign --backend other")


@pytest.fixture(scope="module")
def axe() -> Any:
    package = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    return package.Axe()  # with an axe-core of its own: nothing is fetched


@pytest.fixture
def check(browser: Any, axe: Any, tmp_path: Path) -> Callable[..., list[str]]:
    """Return a function that tells what axe-core finds wrong, by all its rules, and where.

    `spoil` is given the open page first.
    """

    def violations(
        html: str, scheme: str, width: int, spoil: Callable[[Any], object] = id
    ) -> list[str]:
        path = tmp_path / "index.html"
        path.write_text(html, encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(path.as_uri())
        page.evaluate(UNFOLD)
        spoil(page)
        wanted = {"resultTypes": ["violations"], "preload": False}
        found = axe.run(page, options=wanted).response["violations"]
        page.close()
        return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]

    return violations


@pytest.fixture
def pages(
    make_full_run: MakeRun, make_finding: MakeFinding, full_diff: Diff,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> dict[str, Callable[[], str]]:  # fmt: skip
    """Return a function for the HTML of each kind of page."""
    monkeypatch.setattr("convreport.findings.MOST_WHOLE", DRAWN)
    return {
        "report": lambda: render([drawn_run(make_full_run, make_finding)]),
        "explain": lambda: render_page(explain(Problem.parse(LAYER))),
        "diff": lambda: render_diff(full_diff),
        "versions": lambda: render_versions(versions_page("other", some_releases(make_full_run))),
        "campaign": lambda: render_campaign(
            some_campaign(drawn_run(make_full_run, make_finding), tmp_path)
        ),
    }


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["report", "explain", "diff", "versions", "campaign"])
def test_axe_finds_no_violation(check: Any, pages: Any, kind: str, scheme: str, width: int) -> None:
    assert check(pages[kind](), scheme, width) == []


PLANTED = {  # rule: where, which element, in what style
    "image-alt": ("main", "img", "min-width: 9px; min-height: 9px"),
    "color-contrast": (".finding details", "p", "color: #8a8a8a; background: #999"),
    "button-name": (".player .controls", "button", ""),
    "link-in-text-block": (
        "#details blockquote",
        "a",
        "color: var(--variant); text-decoration: none",
    ),
    "scrollable-region-focusable": (".finding .scroll", "pre", "overflow: scroll; height: 9px"),
}
PLANT = """(place, [name, style]) => {
  const node = document.createElement(name);
  if (name === "a") node.href = "#runs";
  if (name === "img") node.src = "data:,";
  else if (name !== "button") node.textContent = name === "pre" ? "dim\\n".repeat(9) : "dim";
  node.className = "planted";
  node.style.cssText = style;
  place.append(node);
}"""


def plant(page: Any) -> None:
    for place, *planted in PLANTED.values():
        page.locator(place).first.evaluate(PLANT, planted)


def test_axe_catches_what_is_planted(check: Any, pages: Any) -> None:
    """In what is folded, scrolled away or drawn by the script as well."""
    found = [one.partition(": ") for one in check(pages["report"](), "dark", WIDTHS[0], plant)]
    assert {rule for rule, _, where in found if "planted" in where} == set(PLANTED)
    assert len(found) == len(PLANTED)
