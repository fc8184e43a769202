"""The window player and the tap map: in a real browser against the oracle, and without one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.problem import Case, Problem
from convformance.runfile import ArrayText, Finding, Run
from convformance.verdict import Kind
from convoracle.exact import as_floats
from convoracle.tensor import positions
from convreport.explain import explain
from convreport.explain_page import render_page
from convreport.player import player_of
from convreport.scene import Scene, scene_of, scene_of_problem
from convreport.still import still
from convreport.wires import tap_map_of
from convreport.write import render

MakeRun = Callable[..., Run]
MakeFinding = Callable[..., Finding]
LINES = (
    "conv x=1x1x5 w=1x1x2 padding=1+2 dilation=3 float32 fill=integers#4",
    "conv x=2x4x4x3 w=4x2x2x2 stride=2x1 padding=1+0x1 groups=2 bias float16 fill=integers#1",
    "conv x=1x2x2x3x2 w=1x2x2x2x1 padding=1x0x0 bfloat16 fill=real#0",
    "conv x=1x1x4 w=1x1x3 padding=2+1 padding_mode=reflect float32 fill=integers#0",
    "conv x=1x1x4 w=1x1x3 padding=2+1 padding_mode=symmetric float32 fill=integers#0",
    "conv x=1x1x4 w=1x1x3 padding=2+1 padding_mode=replicate float32 fill=integers#0",
    "conv x=1x1x4 w=1x1x3 padding=2+1 padding_mode=circular float32 fill=integers#0",
    "conv x=1x2x4 w=2x2x3 padding=same input_dilation=2 flip float64 fill=real#1",
    "conv x=2x1x5 w=2x1x2 batch_groups=2 float32 fill=integers#0",
    "conv x=1x1x6 w=1x1x2 padding=-1+1 float32 fill=integers#0",
    "conv x=1x2x5 w=1x2x3 padding=1 float32 fill=special#3",
    "conv x=1x2x5 w=1x2x3 padding=1 float16 fill=special#8",
    "conv x=1x1x5 w=1x1x3 int8 fill=integers#2",
    "conv x=1x1x5 w=1x1x3 int64 fill=integers#2",
    "conv1x1 x=1x3x2x2 w=2x3 bias float32 fill=real#0",
    "depthwise_conv x=1x2x3x3 w=2x2x2x2 padding=1 float32 fill=integers#0",
    "max_pool x=1x2x5x4 kernel=3x2 stride=2 padding=1x0 ceil_mode indices float32 fill=integers#0",
    "max_pool x=1x1x6 kernel=2 dilation=2 float32 fill=special#1",
    "max_pool x=1x1x6 kernel=2 uint8 fill=integers#1",
    "avg_pool x=1x1x5x5 kernel=2x3 stride=2 padding=1 ceil_mode float32 fill=integers#0",
    "avg_pool x=1x1x6 kernel=3 stride=2 padding=1 ceil_mode count_include_pad float32 fill=real#0",
    "lp_pool x=1x1x6 kernel=3 padding=1 p=3 float32 fill=real#0",
    "lp_pool x=1x1x6 kernel=3 p=inf float32 fill=integers#0",
    "distance_pool x=1x2x4x4 kernel=2x2 padding=1 count_include_pad float32 fill=integers#0",
    "distance_pool x=1x1x5 kernel=2 padding=1 float32 fill=real#0",
    "conv_transpose x=1x2x3x2 w=2x2x2x3 stride=2x1 padding=1x0 dilation=1x2 output_padding=1x0 "
    "bias float32 fill=integers#0",
    "conv_transpose x=1x4x3 w=4x1x2 stride=3 groups=2 float64 fill=real#0",
)  # fmt: skip
# Steps through all outputs by the button and returns what is seen at each.
WALK = """root => {
  const button = name => root.querySelector(`button[aria-label='${name}']`);
  const cells = table => [...table.rows].map(row => [...row.cells].map(
    cell => [cell.textContent, cell.className]));
  const seen = [];
  button("first output").click();
  for (;;) {
    const terms = [...root.querySelectorAll(".terms tbody tr")].map(
      row => [...row.cells].map(cell => cell.textContent));
    const boards = [...root.querySelectorAll(".boards figure")].map(figure => [
      figure.querySelector("figcaption").textContent,
      [...figure.querySelectorAll("table")].map(
        table => [table.caption.textContent, cells(table)])]);
    seen.push({at: Number(root.dataset.at), said: root.querySelector(".said").textContent,
      terms, boards});
    button("next output").click();
    if (Number(root.dataset.at) === seen.at(-1).at) return seen;
  }
}"""


class Askew:
    """The honest kernel, but for one element in the middle of the answer."""

    name, version = "askew", "1"
    knows = NumpyBackend.knows
    accumulators = NumpyBackend.accumulators

    def run(self, problem: Problem, arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            answer = NumpyBackend().run(problem, arrays)
        found = dict(getattr(answer, "arrays", {})) or (
            dict(answer) if isinstance(answer, dict) else {"y": answer}
        )
        y = np.array(found["y"])
        middle = y.size // 2
        y.flat[middle] = 7 if y.flat[middle] != 7 else 5
        return {**found, "y": y}


def finding_of(line: str) -> Finding:
    bench = Bench(Askew())
    bench.check(Case.parse(line), "explored")
    return next(one for one in bench.records if isinstance(one, Finding))


def scene(finding: Finding) -> Scene:
    found = scene_of(finding)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return [replace(finding_of(line), id=f"d-{i:08}") for i, line in enumerate(LINES)]


@pytest.fixture
def open_report(browser: Any, make_run: MakeRun, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the report of some findings in a new page."""
    contexts = []

    def opened(findings: Any, **options: Any) -> Any:
        path = tmp_path / "index.html"
        path.write_text(render([make_run(findings=tuple(findings))]), encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


def player(page: Any, finding: Finding | None = None) -> Any:
    root = page.locator(f"#{finding.id} .player" if finding else ".player").first
    root.scroll_into_view_if_needed()
    root.locator(".controls").wait_for()
    return root


def same(text: str, number: float) -> bool:
    read = float(text)
    return read == number or (math.isnan(read) and math.isnan(number))


def test_every_step_shows_the_terms_and_sums_of_the_oracle(
    open_report: Any, findings: list[Finding]
) -> None:
    page = open_report(findings)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for finding in findings:
        own = scene(finding)
        operation, is_whole = own.operation, not own.problem.is_float
        seen = player(page, finding).evaluate(WALK)
        places = list(positions(own.expected.shape))
        assert [one["at"] for one in seen] == list(range(len(places)))
        for one, place in zip(seen, places, strict=True):
            here = f"{finding.line} at {place}"
            terms = operation.terms(place)
            shown = [told.rpartition(" = ")[2] for _, told, _ in one["terms"]]
            if is_whole:
                assert sorted(map(int, shown)) == sorted(terms), here
            else:
                pairs = zip(sorted(shown, key=order), sorted(as_floats(terms), key=order),
                            strict=True)  # fmt: skip
                assert all(same(text, term) for text, term in pairs), here
            if terms:
                total = operation.combine(terms)
                last = one["terms"][-1][2]
                assert int(last) == total if is_whole else same(last, as_floats([total])[0]), here
            expected, got = own.expected.at(place), own.got and own.got.at(place)
            assert one["said"].startswith(f"output {list(place)}: "), here
            assert f" {expected}, got {got}" in one["said"], here
    assert errors == []


def order(number: Any) -> tuple[bool, float]:
    value = float(number)
    return math.isnan(value), 0.0 if math.isnan(value) else value


def test_every_step_draws_the_window_that_the_oracle_reads(
    open_report: Any, findings: list[Finding]
) -> None:
    page = open_report(findings)
    for finding in findings:
        own = scene(finding)
        seen = player(page, finding).evaluate(WALK)
        for one, place in zip(seen, positions(own.expected.shape), strict=True):
            drawn = still(own, place)
            boards = [
                [title, [[sheet.label, [[[c.text, c.kind] for c in row] for row in sheet.rows]]
                         for sheet in sheets]]
                for title, sheets in drawn.boards
            ]  # fmt: skip
            assert one["boards"] == boards, f"{finding.line} at {place}"
            assert one["said"] == drawn.said
            listed = [[term.reads, term.told, term.running] for term in drawn.terms]
            assert one["terms"][: len(listed)] == listed, f"{finding.line} at {place}"


def test_the_first_picture_stands_there_without_javascript(
    open_report: Any, findings: list[Finding]
) -> None:
    page = open_report(findings[:2], java_script_enabled=False)
    root = page.locator(".player").first
    assert root.locator(".controls").count() == 0
    assert root.locator(".boards td.t").count() == 2
    chosen = [findings[0].expected["y"].values[0][0][2], "7"]
    assert root.locator(".boards td.z").all_text_contents() == chosen
    assert root.locator(".said").text_content().startswith("output [0, 0, 2]: ")


def test_the_keyboard_steps_and_the_sentence_is_announced(
    open_report: Any, findings: list[Finding]
) -> None:
    page = open_report([findings[1]])  # of 2x4x2x4 outputs
    root = player(page)
    said = root.locator(".said")
    assert said.get_attribute("aria-live") == "polite"
    root.get_by_role("slider").focus()
    page.keyboard.press("Tab")  # from the controls to the window
    assert page.evaluate("document.activeElement.className") == "boards"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    def at() -> int:
        return int(root.get_attribute("data-at"))

    for key, there in (("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1), ("ArrowDown", 5),
                       ("ArrowUp", 1), ("End", 63), ("ArrowRight", 63)):  # fmt: skip
        page.keyboard.press(key)
        assert at() == there, key
    slider = root.get_by_role("slider", name="output position")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert at() == 62
    assert slider.get_attribute("aria-valuetext") == "output [1, 3, 1, 2], 63 of 64"
    root.get_by_role("button", name="next differing output").focus()
    page.keyboard.press("Enter")
    assert at() == 32
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "range"


def test_it_plays_when_asked_and_never_where_less_motion_is_wanted(
    open_report: Any, findings: list[Finding]
) -> None:
    page = open_report([findings[0]], reduced_motion="no-preference")
    root = player(page)
    start = root.get_attribute("data-at")
    page.wait_for_timeout(1200)
    assert root.get_attribute("data-at") == start  # nothing moves by itself
    root.get_by_role("button", name="play").click()
    page.wait_for_function("start => document.querySelector('.player').dataset.at !== start",
                           arg=start)  # fmt: skip
    page.emulate_media(reduced_motion="reduce")
    stopped = root.get_attribute("data-at")
    page.wait_for_timeout(1200)
    assert root.get_attribute("data-at") == stopped
    assert root.get_by_role("button", name="play").count() == 0


def test_nothing_is_asked_of_the_network_and_the_page_fits_a_phone(
    open_report: Any, findings: list[Finding]
) -> None:
    page = open_report(findings, viewport={"width": 360, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for finding in findings:
        player(page, finding)
    assert asked == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_words_of_a_backend_stay_text(open_report: Any, findings: list[Finding]) -> None:
    finding = findings[0]
    words = finding.got["y"].values
    hostile = "</script><img/src=x/onerror=alert(1)>"
    got = [[[hostile, *words[0][0][1:]]]]
    page = open_report([replace(finding, got={"y": replace(finding.got["y"], values=got)})])
    root = player(page)
    root.get_by_role("button", name="first output").click()
    assert root.locator(".said").text_content().endswith(f"got {hostile}")
    assert page.locator("img").count() == 0


def test_a_report_of_many_players_stays_below_two_megabytes(
    make_run: MakeRun, findings: list[Finding]
) -> None:
    many = [replace(findings[i % len(findings)], id=f"d-{i:08}") for i in range(150)]
    text = render([make_run(findings=tuple(many))])
    assert text.count('class="player"') == 150
    assert len(text.encode()) < 2_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Kind.LAW},
        {"op": "unfold"},
        {"line": "no line at all"},
        {"inputs": {}},
        {"inputs": {"x": ArrayText([1, 1, 1, 4], "float32")}},
        {"inputs": {"x": ArrayText([1, 1, 1, 4], "float32", [[[["nan", "one", "3", "4"]]]])}},
        {"inputs": {"x": ArrayText([1, 1, 4], "float32", [[["nan", "1", "3", "4"]]])}},
        {"expected": {"y": ArrayText([1, 1, 1, 3], "float32", [[[["2", "3", "4"]]]])}},
        {"expected": {"y": ArrayText([1, 1, 1, 2], "float32", [[[["nan", "3"]]]])}},
        {"got": {}},
        {"got": {"y": ArrayText([1], "float32", ["a b"])}},
    ],
)
def test_what_cannot_be_shown_truly_gets_no_player(
    make_finding: MakeFinding, changes: dict[str, Any]
) -> None:
    assert player_of(make_finding()) is not None
    assert player_of(make_finding(**changes)) is None


def test_an_answer_of_another_shape_is_drawn_as_it_is(make_finding: MakeFinding) -> None:
    shorter = {"y": ArrayText([1, 1, 1, 2], "float32", [[[["1", "3"]]]])}
    own = scene(make_finding(got=shorter, wrong=[]))
    assert (
        still(own, (0, 0, 0, 2)).said == "output [0, 0, 0, 2]: max(3, 4) = 4, got no such element"
    )
    flat = {"y": ArrayText([2], "float32", ["1", "3"])}
    (sheet,) = still(scene(make_finding(got=flat, wrong=[]))).boards[-1][1]
    assert (sheet.label, sheet.rows) == ("of shape 2", ())


def test_the_sentence_names_product_divisor_and_root() -> None:
    told = {
        "conv x=1x1x2 w=1x1x2 bias float32": " + bias ",
        "avg_pool x=1x1x2 kernel=2 padding=1+0 float32": ") / 1 = ",
        "avg_pool x=1x1x2 kernel=2 padding=1+0 count_include_pad float32": ") / 2 = ",
        "lp_pool x=1x1x2 kernel=2 p=3 float32": "|^3)^(1/3) = ",
    }
    for line, words in told.items():
        own = scene_of_problem(Problem.parse(line))
        assert own is not None
        assert words in still(own).said


def test_an_explanation_has_a_player_where_the_layer_is_small(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "explain.html"
    small = Problem.parse("conv x=1x3x5x5 w=2x3x3x3 stride=2 padding=same float32")
    path.write_text(render_page(explain(small)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    seen = player(page).evaluate(WALK)
    page.close()
    own = scene_of_problem(small)
    assert own is not None
    assert len(seen) == 18
    for one, place in zip(seen, positions(own.expected.shape), strict=True):
        assert float(one["terms"][-1][2]) == float(own.operation.value(place))
        assert "got" not in one["said"]
    large = Problem.parse("conv x=1x3x224x224 w=8x3x7x7 stride=2 padding=same float32")
    assert 'class="player"' not in render_page(explain(large))


CONNECTIONS = (
    {"output": [0, 0], "expected": [[[0, 0], 1.0], [[0, 1], 2.0]], "got": [[[0, 0], 1.0]]},
    {"output": [0, 1], "expected": [[[0, 1], 1.0], [[0, 2], 2.0]], "got": [[[0, 2], 3.0]]},
)


def test_the_tap_map_marks_what_is_on_one_side_only(make_finding: MakeFinding) -> None:
    view = tap_map_of(make_finding(connections=CONNECTIONS))
    assert view is not None
    expected, got = view.sides
    assert [wire.differs for wire in expected.wires] == [False, True, True, True]
    assert [wire.differs for wire in got.wires] == [False, True]
    assert [box.text for box in expected.boxes] == ["0", "1", "2", "0", "1"]
    assert got.told == "got: y[0, 0] reads 1 x[0, 0]; y[0, 1] reads 3 x[0, 2]"
    assert [wire.factor for wire in got.wires] == ["1", "3"]


def test_a_tap_map_says_how_much_it_leaves_out(make_finding: MakeFinding) -> None:
    many = [{**CONNECTIONS[0], "output": [0, o]} for o in range(9)]
    view = tap_map_of(make_finding(connections=many))
    assert view is not None
    assert view.note == "and 3 more output cells fed in another way"
    wide = [{"output": [0, 0], "expected": [[[0, i], 1.0] for i in range(99)], "got": []}]
    assert tap_map_of(make_finding(connections=wide)) is None
    assert tap_map_of(make_finding(connections=[{"output": "?"}])) is None
    assert tap_map_of(make_finding()) is None


def test_the_tap_map_stands_in_the_report_with_its_words(
    open_report: Any, make_finding: MakeFinding
) -> None:
    page = open_report([make_finding(connections=CONNECTIONS)])
    drawn = page.get_by_role("img", name="got: y[0, 0] reads 1 x[0, 0]; y[0, 1] reads 3 x[0, 2]")
    assert drawn.locator("path.differs").count() == 1
