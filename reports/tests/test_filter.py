"""Findings are chosen by the form above them, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convformance.runfile import Finding, Run
from convreport.columns import columns
from convreport.findings import finding_views
from convreport.write import write_report

MakeRun = Callable[..., Run]
MakeFinding = Callable[..., Finding]
HOSTILE = '"><script>window.bad = 1</script>'


@pytest.fixture
def url(make_run: MakeRun, make_finding: MakeFinding, tmp_path: Path) -> str:
    found = [
        replace(make_finding(), id=f"d-{i}", signature=f"s{i}", op=op, clause=clause, message=told)
        for i, (op, clause, told) in enumerate(
            (
                ("conv", "conv.sum", "one of four"),
                ("conv", "conv.bias", "two of four"),
                ("max_pool", "max.value", HOSTILE),
            )
        )
    ]
    path = write_report([make_run(findings=tuple(found))], tmp_path)
    return path.as_uri()


def shown(page: Any) -> list[str]:
    articles = page.locator("article.finding:visible").all()
    rows = page.locator("#findings table.index tbody tr:visible").all()
    assert len(rows) == len(articles)
    return sorted(one.get_attribute("id") for one in articles)


def test_findings_are_chosen_and_the_address_keeps_it(browser: Any, url: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    whole = shown(page)
    assert len(whole) == 3
    page.locator("#filter [name=op]").select_option("conv")
    assert len(shown(page)) == 2
    page.locator("#filter [name=text]").fill("TWO of")
    (one,) = shown(page)
    assert page.locator("#filter output").inner_text() == "1 of 3 findings"
    assert "op=conv" in page.url
    again = browser.new_page()
    again.goto(page.url)
    assert shown(again) == [one]
    again.get_by_role("button", name="all findings").click()
    assert shown(again) == whole
    assert "?" not in again.url
    assert {address.partition("?")[0] for address in asked} == {url}  # no request leaves the page


def test_a_link_to_a_finding_shows_it_whatever_is_chosen(browser: Any, url: str) -> None:
    page = browser.new_page()
    page.goto(f"{url}?op=max_pool")
    (pool,) = shown(page)
    page.goto(f"{url}?op=max_pool")
    hidden = page.locator("article.finding:not(:visible)").first.get_attribute("id")
    page.evaluate("id => { location.hash = id; }", hidden)
    page.wait_for_function("id => !document.getElementById(id).hidden", arg=hidden)
    assert {pool, hidden} <= set(shown(page))


def test_what_a_backend_says_is_text_in_the_form_too(browser: Any, url: str) -> None:
    page = browser.new_page()
    page.goto(f"{url}?text=%22%3E%3Cscript%3E&op=nonsense")
    assert len(shown(page)) == 1
    assert page.evaluate("window.bad") is None


def test_without_a_script_every_finding_is_there_and_no_form(browser: Any, url: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{url}?op=conv")
    assert len(shown(page)) == 3
    assert page.locator("#filter:visible").count() == 0


def test_the_form_works_from_the_keyboard_and_is_no_wider_than_a_telephone(
    browser: Any, url: str
) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(url)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#filter [name=text]").focus()
    page.keyboard.type("max.value")
    assert len(shown(page)) == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('article.finding[hidden]').length === 0")
    assert len(shown(page)) == 3


def test_what_is_new_and_unexplained_stands_first(
    make_run: MakeRun, make_finding: MakeFinding
) -> None:
    said = {"known": (), "named": ("the bias is dropped",), "open": ("unexplained: nothing",)}
    found = tuple(
        replace(make_finding(diagnosis=told), id=f"d-{name}", signature=name, status=status)
        for name, told in said.items()
        for status in ["known" if name == "known" else "new"]
    )
    views = finding_views(columns([make_run(findings=found)]))
    assert [one.id for one in views] == ["d-open", "d-named", "d-known"]
