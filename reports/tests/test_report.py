from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from convformance import covering
from convformance.runfile import ArrayText, CaseRecord, Finding, Geometries, Run
from convformance.verdict import Kind
from convreport import files
from convreport.columns import columns
from convreport.matrix import matrix
from convreport.page import Page, make_page
from convreport.picture import LABEL, Axis, ticks_of
from convreport.tried import WHOLE
from convreport.write import render, write_report

MakeRun = Callable[..., Run]
MakeFinding = Callable[..., Finding]
HOSTILE = (
    "</pre></script><script>alert(1)</script><img src=x onerror=alert(1)> "
    "{{ 7 * 7 }} \x1b[31m\u202e"
)


class Tags(HTMLParser):
    """All start tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.found if name in attributes]


def words(page: Page, clause: str, column: int = 0) -> list[str]:
    rows = [row for area in page.matrix.areas for row in area.rows if row.clause == clause]
    return [part.text for part in rows[0].cells[column]]


def hostile_run(make_run: MakeRun, make_finding: MakeFinding) -> Run:
    finding = make_finding(
        message=HOSTILE,
        terms=HOSTILE,
        script=HOSTILE,
        got={HOSTILE: ArrayText([1], HOSTILE, [HOSTILE])},
        entry={"kind": HOSTILE, "link": "javascript:alert(1)", HOSTILE: HOSTILE},
        op=HOSTILE,
        clause=HOSTILE,
        id=HOSTILE,
    )
    return make_run(findings=(finding,), backend=HOSTILE, failed=(HOSTILE,), selection=HOSTILE)


def test_hostile_strings_are_shown_as_text(make_run: MakeRun, make_finding: MakeFinding) -> None:
    text = render([hostile_run(make_run, make_finding)])
    tags = Tags(text)
    assert [tag for tag, _ in tags.found if tag == "img"] == []
    assert [tag for tag, _ in tags.found].count("script") == 1
    assert not [value for value in tags.values("href") if value.startswith("javascript")]
    assert "{{ 7 * 7 }}" in text
    assert "\\x1b[31m\\u202e" in text
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text) is None


def test_lone_surrogates_do_not_stop_the_report(make_run: MakeRun, tmp_path: Path) -> None:
    path = write_report([make_run(version="\ud800")], tmp_path)
    assert "\\ud800" in path.read_text(encoding="utf-8")


def test_a_megabyte_message_is_cut_and_says_so(
    make_run: MakeRun, make_finding: MakeFinding
) -> None:
    text = render([make_run(findings=(make_finding(message="x" * 1_000_000),))])
    assert "cut after 2,000 of 1,000,000 characters" in text
    assert "x" * 2_001 not in text


def test_the_anchor_of_a_finding_is_its_id(make_run: MakeRun) -> None:
    tags = Tags(render([make_run(with_new=True)]))
    assert {"d-7c1e0a93", "d-11aa22bb"} <= set(tags.values("id"))


def test_every_link_inside_the_page_has_its_target_and_no_id_stands_twice(
    make_run: MakeRun,
) -> None:
    tags = Tags(render([make_run(with_new=True), make_run(version="2.1"), make_run(seed=2)]))
    ids = tags.values("id")
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in tags.values("href") if value.startswith("#")} <= set(ids)
    assert set(" ".join(tags.values("aria-labelledby")).split()) <= set(ids)


def test_a_case_counts_in_the_row_of_each_clause_it_asks_about(make_run: MakeRun) -> None:
    page = make_page([make_run()])
    assert words(page, "conv.sum") == ["2 agree"]
    assert words(page, "window.count") == ["1 agrees"]
    assert words(page, "padding.same") == ["1 follows a variant"]
    assert words(page, "padding.same_side") == ["1 follows a variant"]


def test_a_discrepancy_counts_in_the_row_of_its_own_clause_only(make_run: MakeRun) -> None:
    page = make_page([make_run(with_new=True)])
    assert words(page, "max.nan") == ["1 known"]
    assert words(page, "max.value") == ["unsupported 1"]
    assert words(page, "window.dilation") == ["1 differs in value"]
    assert words(page, "max.tie") == ["1 judged in other rows"]


def test_a_cell_links_to_its_finding(make_run: MakeRun) -> None:
    page = make_page([make_run()])
    rows = {row.clause: row for area in page.matrix.areas for row in area.rows}
    assert rows["max.nan"].cells[0][0].target == "d-7c1e0a93"


def test_a_clause_that_no_case_asked_about_is_visibly_not_tried(make_run: MakeRun) -> None:
    table = matrix(columns([make_run()]), ())
    row = next(row for area in table.areas for row in area.rows if row.clause == "lp.p")
    assert not row.is_tried
    text = render([make_run()])
    after = text.partition("[lp.p]")[2]
    assert "not tried" in after.partition("</tr>")[0]
    assert "are not tried by any case" in text


def test_a_clause_of_another_release_gets_a_row(
    make_run: MakeRun, make_finding: MakeFinding
) -> None:
    finding = make_finding(clause="wild.rule")
    assert "no clause of that name" in render([make_run(findings=(finding,))])


def test_a_discrepancy_without_a_finding_counts_as_new(make_run: MakeRun) -> None:
    page = make_page([make_run(findings=())])
    assert (page.runs[0].known, page.runs[0].new) == (0, 1)
    assert page.is_red


def test_differing_elements_are_marked_with_more_than_colour(make_run: MakeRun) -> None:
    text = render([make_run()])
    marks = re.findall(r"<mark>.*?</mark>", text)
    assert [re.sub(r"<[^>]*>", "", mark) for mark in marks] == ["differs: ≠nan", "differs: ≠1"]


def test_blocks_of_a_large_rank_name_their_place(
    make_run: MakeRun, make_finding: MakeFinding
) -> None:
    array = ArrayText([1, 2, 1, 1, 2], "int8", [[[[["1", "2"]]], [[["3", "4"]]]]])
    page = make_page([make_run(findings=(make_finding(expected={"y": array}, wrong=()),))])
    grid = page.known[0].outputs[0].expected
    assert grid is not None
    assert [block.label for block in grid.blocks] == ["n=0, c=0, o=0", "n=0, c=1, o=0"]
    assert [element.text for element in grid.blocks[1].rows[0]] == ["3", "4"]


def test_blocks_of_one_row_make_one_table(make_run: MakeRun, make_finding: MakeFinding) -> None:
    array = ArrayText([1, 2, 2], "int8", [[["1", "2"], ["3", "4"]]])
    values = {"inputs": {}, "expected": {"y": array}, "got": {}, "wrong": [("y", [0, 1, 0])]}
    text = render([make_run(findings=(make_finding(**values),))])
    (table,) = re.findall('<table class="grid">.*?</table>', text)
    rows = re.sub("<mark>.*?</mark>", "!", table).partition("<tbody>")[2]
    assert rows == (
        "<tr><th scope=row>n=0, c=0<td>1<td>2"
        '<tr><th scope=row>n=0, c=1<td class="differs">!<td>4</table>'
    )


def test_an_array_too_large_to_print_says_its_shape_and_where_it_differs(
    make_run: MakeRun, make_finding: MakeFinding
) -> None:
    large = {"y": ArrayText([1, 64, 56, 56], "float32")}
    finding = make_finding(expected=large, got=large, wrong=[("y", [0, 3, 5, 7])])
    text = render([make_run(findings=(finding,))])
    assert "1x64x56x56 float32" in text
    assert "too large to print here" in text
    assert "differs at y[0, 3, 5, 7]" in text


def test_equal_runs_give_equal_bytes_in_any_order(make_run: MakeRun, tmp_path: Path) -> None:
    one, other = make_run(with_new=True), make_run(backend="another", version="2.10")
    first = write_report([one, other], tmp_path / "a").read_bytes()
    second = write_report([other, one], tmp_path / "b").read_bytes()
    assert first == second


def test_nothing_is_loaded_from_anywhere(make_run: MakeRun) -> None:
    text = render([make_run(with_new=True)])
    tags = Tags(text)
    assert tags.values("src") == []
    assert {tag for tag, _ in tags.found} & {"link", "iframe", "object", "img", "base"} == set()
    outward = [value for value in tags.values("href") if not value.startswith("#")]
    assert outward == ["https://example.org/issues/1"]
    assert "url(" not in text
    assert "@import" not in text


def test_copy_buttons_and_the_form_stay_hidden_without_a_script(make_run: MakeRun) -> None:
    tags = Tags(render([make_run()]))
    assert ["hidden" in attributes for tag, attributes in tags.found if tag == "form"] == [True]
    buttons = [each for tag, each in tags.found if tag == "button" and each.get("class") == "copy"]
    assert buttons
    assert all("hidden" in attributes for attributes in buttons)


def test_headings_go_down_one_level_at_a_time(make_run: MakeRun) -> None:
    run = make_run(with_new=True, stale=({"reason": "mended"},), failed=("test_x",))
    levels = [int(tag[1]) for tag, _ in Tags(render([run])).found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_a_process_that_died_of_an_earlier_call_is_told(make_run: MakeRun) -> None:
    run = make_run()
    assert "died" not in render([run])
    run = replace(run, footer=replace(run.footer, deaths=2))
    assert "died 2 times at a call that a fresh process answered" in render([run])


def test_a_ledger_entry_that_no_longer_occurs_is_shown(make_run: MakeRun) -> None:
    text = render([make_run(stale=({"clause": "conv.groups", "reason": "mended in 2.20"},))])
    assert "Known, but no longer occurs" in text
    assert "mended in 2.20" in text
    assert "1 ledger entry no longer occurs" in text


def test_a_partial_run_and_runs_days_apart_are_warned_of(make_run: MakeRun) -> None:
    late = make_run(backend="late", started="2026-01-08T10:00:00+00:00", selection="-k conv")
    text = render([make_run(), late])
    assert "late 2.0 was asked only in part: -k conv" in text
    assert "started 3 days or more apart" in text
    assert "Note:" not in render([make_run()])


def test_different_choices_at_one_point_are_called_mixed(make_run: MakeRun) -> None:
    point = next(one for one in make_page([make_run()]).points if one.clause == "padding.same_side")
    followed = point.followed[0]
    assert followed.is_mixed
    assert [(one.choice, one.is_standard, one.ops) for one in followed.measured] == [
        ("after", True, "conv"),
        ("before", False, "max_pool"),
    ]


def test_what_was_not_tried_is_a_visible_zero(make_run: MakeRun) -> None:
    table = make_page([make_run()]).ops[0]
    counts = dict(table.rows)
    assert dict(zip(table.names, counts["conv"], strict=True))["float32"] == 2
    assert set(counts["lp_pool"]) == {0}


def test_margins_beyond_the_bound_are_named(make_run: MakeRun) -> None:
    run = make_run()
    bad = type(run.cases[1])(**{**vars(run.cases[1]), "margin": float("inf")})
    text = render([Run(run.header, (bad,), (), (), run.footer)])
    assert "exceeded" in text
    assert "nan" not in "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))


def test_two_runs_of_one_version_have_labels_of_their_own(make_run: MakeRun) -> None:
    runs = [make_run(), make_run(seed=2), make_run(seed=2), make_run(version="2.10")]
    assert [one.label for one in columns(runs)] == [
        "other 2.0 seed 1",
        "other 2.0 seed 2 run 1",
        "other 2.0 seed 2 run 2",
        "other 2.10",
    ]


def test_a_failing_render_leaves_the_old_report_in_place(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_report([make_run()], tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="at least one run"):
        write_report([], tmp_path)
    monkeypatch.setattr(files.os, "replace", _fail)
    with pytest.raises(OSError, match="disk"):
        write_report([make_run(with_new=True)], tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _fail(*_: object) -> None:
    raise OSError("disk")


def test_the_profile_and_what_was_met_of_the_small_geometries_are_told_of_each_run(
    make_run: MakeRun,
) -> None:
    met = (Geometries("conv", 330, 8640, 295, 2045), Geometries("global_avg_pool", 8, 8, 8, 8))
    run = replace(make_run(profile="exhaustive"), geometries=met)
    (row,) = make_page([run]).runs
    assert (row.profile, row.geometries) == (
        "exhaustive",
        ("338 of 8,648 geometries", "303 of 2,053 tap maps"),
    )
    assert "303 of 2,053 tap maps" in render([run])


def test_the_pairs_and_triples_that_answered_cases_met_are_told_of_each_run(
    make_run: MakeRun,
) -> None:
    line = "global_max_pool x=1x1x2 float32 fill=integers#0"  # of 8 factors
    answered = CaseRecord(line, "c-1", covering.SOURCE, Kind.AGREES)
    lacking = CaseRecord(line.replace("float32", "int8"), "c-2", covering.SOURCE, Kind.UNSUPPORTED)
    run = replace(make_run(), cases=[answered, lacking])
    pairs, triples = f"{covering.there(2):,}", f"{covering.there(3):,}"
    expected = f"28 of {pairs} pairs", f"56 of {triples} triples"
    assert make_page([run]).runs[0].covered == expected
    assert expected[1] in render([run])
    assert make_page([make_run()]).runs[0].covered == ()


@pytest.mark.parametrize("low", range(-8, 0))
@pytest.mark.parametrize("high", range(13))
def test_the_words_under_the_accuracy_axis_never_touch(low, high):
    ticks = ticks_of(Axis(low, high))
    told = [tick.x for tick in ticks if tick.text]
    assert len(ticks) == high - low + 1
    assert "1" in [tick.text for tick in ticks]
    assert all(after - before >= LABEL for before, after in pairwise(told))


def test_it_is_told_how_many_layers_were_compared_whole(make_run: MakeRun) -> None:
    by = "the kernel, after 39 of the oracle's samples agreed"
    line = "conv x=1x64x56x56 w=64x64x3x3 padding=1x1 float32 fill=integers#0"
    whole = CaseRecord(line, "c-1", "large", Kind.AGREES, reference=by)
    run = replace(make_run(), cases=[whole])
    assert make_page([run]).runs[0].large == 1
    assert "1 whole, by the kernel after<br>" in render([run])
    assert dict(make_page([run]).sources.rows)[WHOLE] == (1,)
    assert make_page([make_run()]).runs[0].large == 0
