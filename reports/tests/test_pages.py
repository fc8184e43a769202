"""The comparison and the explanation in a real browser: keys, motion, colours, hostile words.

The sums and the steps of the explanation's player stand in test_player.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convformance.problem import Problem
from convformance.runfile import Run
from convreport.diff import Diff, compare
from convreport.explain import explain
from convreport.explain_page import render_page
from convreport.write import render, render_diff

MakeRun = Callable[..., Run]
SMALL = "conv x=1x2x5x5 w=2x2x3x3 stride=2 padding=same float32"  # of 2x3x3 outputs
DEEP = "max_pool x=1x1x4x3x5 kernel=2x2x3 padding=1x0x1 float32"
LARGE = "conv_transpose x=1x64x56x56 w=64x32x4x4 stride=2 padding=1 bias float32"
HOSTILE = (
    "</pre></script><script>window.bad = 1</script><img src=x onerror='window.bad = 2'>"
    "<svg onload='window.bad = 3'> {{ 7 * 7 }} \x00\x1b[31m\u202e\ud800 " + "w" * 300
)
# Whatever would need more room than the window has, and does not scroll by itself.
WIDE = """() => {
  const held = (node) => node.closest(".scroll, .boards, .skip, .unseen");
  return [...document.body.querySelectorAll("*")]
    .filter((node) => !held(node) && node.getBoundingClientRect().right > innerWidth + 1)
    .map((node) => node.outerHTML.slice(0, 80));
}"""


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page's HTML; nothing but the page itself may be asked for."""
    contexts, asked, errors = [], [], []
    path = tmp_path / "index.html"

    def opened(html: str, **options: Any) -> Any:
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert set(asked) == {path.as_uri()}
    assert errors == []


def explanation(line: str) -> str:
    return render_page(explain(Problem.parse(line)))


def hostile(run: Run, status: str) -> Run:
    """Return the run; its backend says nothing but what would do harm, and a megabyte of it."""
    words: dict[str, Any] = dict.fromkeys(("line", "op", "clause", "verdict", "id"), HOSTILE)
    long = HOSTILE + "x" * 1_000_000
    entry = {"kind": HOSTILE, "reason": long, "link": HOSTILE} if status == "known" else None
    bad = replace(run.findings[0], **words, message=long, terms=long, diagnosis=[long],
                  status=status, entry=entry, signature=status)  # fmt: skip
    return replace(run, findings=[*run.findings, bad])


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_the_window_and_have_the_colours_that_are_asked_for(
    full_diff: Diff, open_page: Any, scheme: str, width: int
) -> None:
    pages = [*map(explanation, (SMALL, DEEP, LARGE)), render_diff(full_diff)]
    for html in pages:
        page = open_page(html, viewport={"width": width, "height": 800}, color_scheme=scheme)
        for player in page.locator(".player").all():
            player.scroll_into_view_if_needed()
            player.locator(".controls").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(WIDE) == []
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = int(paper.removeprefix("rgb(").partition(",")[0])
        assert (red > 200) == (scheme == "light")


def test_a_page_that_is_too_wide_is_noticed(open_page: Any) -> None:
    page = open_page(explanation(SMALL), viewport={"width": 360, "height": 800})
    page.locator("h1").evaluate("node => { node.style.width = '500px'; }")
    assert page.evaluate(WIDE) != []


def test_what_a_backend_says_is_text_on_the_comparison_and_on_the_report(
    make_run: MakeRun, make_full_run: MakeRun, open_page: Any
) -> None:
    values = {"version": HOSTILE, "system": HOSTILE, "selection": HOSTILE, "started": HOSTILE}
    old, new = hostile(make_run(**values), "known"), hostile(make_full_run(**values), "new")
    for html in (render_diff(compare(old, new)), render_diff(compare(new, old)), render([old])):
        page = open_page(html, viewport={"width": 360, "height": 800})
        text = page.locator("main").text_content()
        assert page.evaluate("window.bad") is None
        assert page.locator("img, svg[onload]").count() == 0
        assert page.locator("script:not([type])").count() == 1
        assert "<script>window.bad = 1</script>" in text
        assert "{{ 7 * 7 }} \\x00\\x1b[31m\\u202e\\ud800" in text
        assert "x" * 10_000 not in text
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_explanation_is_walked_by_the_keyboard_alone(open_page: Any) -> None:
    page = open_page(explanation(SMALL))
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to the output"
    assert skip.bounding_box()["x"] >= 0  # it comes into view
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector(':target').id") == "output"
    root = page.locator(".player")
    root.scroll_into_view_if_needed()
    root.locator(".controls").wait_for()
    said = root.locator(".said")
    seen = []
    for _ in range(40):  # through tables and pictures to the window
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        seen.append((page.evaluate("document.activeElement.className"), outline))
        if seen[-1][0] == "boards":
            break
    assert seen[-1] == ("boards", "solid")
    assert {outline for _, outline in seen} <= {"solid", "auto"}
    for key, place in (("Home", "0, 0, 0, 0"), ("ArrowRight", "0, 0, 0, 1"),
                       ("ArrowDown", "0, 0, 1, 1"), ("End", "0, 1, 2, 2")):  # fmt: skip
        page.keyboard.press(key)
        assert said.inner_text().startswith(f"output [{place}]: ")
    page.keyboard.press("Shift+Tab")
    assert page.locator(":focus").get_attribute("aria-label") == "output position"
    page.keyboard.press("ArrowLeft")
    assert said.inner_text().startswith("output [0, 1, 2, 1]: ")
    assert said.get_attribute("aria-live") == "polite"


def test_the_explanation_moves_only_where_motion_is_wanted(open_page: Any) -> None:
    for motion, buttons in (("reduce", 0), ("no-preference", 1)):
        page = open_page(explanation(SMALL), reduced_motion=motion)
        root = page.locator(".player")
        root.scroll_into_view_if_needed()
        root.locator(".controls").wait_for()
        assert root.get_by_role("button", name="play").count() == buttons
    root.get_by_role("button", name="play").click()
    page.wait_for_function("() => document.querySelector('.player').dataset.at === '1'")
    page.keyboard.press("Enter")  # the button says stop now
    stopped = root.get_attribute("data-at")
    page.wait_for_timeout(1100)
    assert root.get_attribute("data-at") == stopped


def test_the_explanation_has_its_first_window_without_a_script(open_page: Any) -> None:
    page = open_page(explanation(SMALL), java_script_enabled=False)
    root = page.locator(".player")
    assert root.locator(".controls").count() == 0
    assert root.locator(".said").inner_text().startswith("output [0, 0, 0, 0]: ")
    assert root.locator(".boards td.t").count() == 8  # four taps of each channel lie on samples
    assert root.locator(".boards td.o").count() == 1


def test_the_comparison_is_walked_by_the_keyboard_alone(full_diff: Diff, open_page: Any) -> None:
    page = open_page(render_diff(full_diff))
    assert [one.get_attribute("id") for one in page.locator("main section").all()][:5] == [
        "runs", "new", "changed", "fixed", "unasked"
    ]  # fmt: skip
    reached: dict[str, str] = {}
    for _ in range(60):
        page.keyboard.press("Tab")
        what = page.locator(":focus")
        if not what.count():
            break
        name = what.get_attribute("aria-label") or what.inner_text()
        reached[f"{what.evaluate('node => node.localName')} {name}"] = what.evaluate(
            "node => getComputedStyle(node).outlineStyle"
        )
    assert set(reached.values()) <= {"solid", "auto"}
    assert next(iter(reached)) == "a Skip to the runs"
    for id_ in ("d-77aa88bb", "d-7c1e0a93", "d-11aa22bb", "d-55ee66ff"):
        assert f"a Link to finding {id_}" in reached
    page.get_by_role("link", name="Link to finding d-11aa22bb").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector(':target').id") == "d-11aa22bb"
    button = page.locator("article.finding button.copy").first
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.textContent !== 'copy'")
    assert button.inner_text() in ("copied", "selected")
