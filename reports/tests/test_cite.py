"""A finding as Markdown: everything an issue needs, and the text of others stays text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from convformance.identity import former_id
from convformance.problem import Case
from convformance.runfile import ArrayText, CaseRecord, Finding, LawRecord, Run
from convreport.anchors import digest
from convreport.cite import citation
from convreport.cli import main
from convreport.columns import columns
from convreport.commands_cite import chosen
from convreport.findings import finding_views
from convreport.markdown import cell, fence, prose, span
from convreport.usage import UsageError
from convreport.write import render

MakeRun = Callable[..., Run]
MakeFinding = Callable[..., Finding]
WriteRun = Callable[[Run, Path], Path]
HOSTILE = (
    "</pre><script>alert(1)</script> ![x](http://evil.example/x) [l](javascript:a) @torvalds #12 "
    "www.evil.example ``` ````` `\n\n# heading\n- item\n```\n| a | b |\n\x1b[31m\u202e &lt; \\` "
    "https://evil.example <https://evil.example> _x_ **b** {{ 7 * 7 }}"
)
READER = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def tokens(text: str) -> list[Token]:
    """Return all tokens, those within lines among them."""
    found = READER.parse(text)
    return [*found, *(child for one in found for child in one.children or ())]


def cited(run: Run, index: int = 0) -> str:
    return citation(finding_views(columns([run]))[index])


def test_it_holds_all_that_an_issue_needs(make_run: MakeRun, make_finding: MakeFinding) -> None:
    finding = make_finding(diagnosis=["NaN skipped: the maximum of the other taps."])
    text = cited(make_run(findings=(finding,)))
    assert text.splitlines()[0] == "### other 2.0: max_pool differs in value `[max.nan]`"
    for told in (
        "Case: `max_pool x=1x1x1x4 kernel=1x2 float32 fill=special#3`",
        "Versions: `other 2.0, otherlib 2.0, python 3.11.9, Linux x86_64, convformance 0.1.0`",
        "> A window that holds a NaN gives NaN",
        "Expected:\n\n```\ny 1x1x1x3 float32\n  n=0, c=0\n  *nan*      3      4\n```",
        "Got:\n\n```\ny 1x1x1x3 float32\n  n=0, c=0\n  *1*    3    4\n```",
        "y[0, 0, 0, 0] = max(nan, 1)",
        "Why:\n\n- NaN skipped: the maximum of the other taps.",
        "```python\nimport other\nprint(other.max_pool())\n```",
        "- link: <https://example.org/issues/1>",
        "(finding `d-7c1e0a93`)",
        "convformance case 'max_pool x=1x1x1x4 kernel=1x2 float32 fill=special#3' --backend other",
    ):
        assert told in text
    assert "Inputs:" not in text  # the script holds them


def test_without_a_script_it_holds_the_inputs_and_without_a_diagnosis_no_why(
    make_run: MakeRun, make_finding: MakeFinding
) -> None:
    text = cited(make_run(findings=(make_finding(script=""),)))
    assert "Inputs:\n\n```\nx 1x1x1x4 float32" in text
    assert "Why:" not in text


def test_what_a_backend_says_is_text(make_run: MakeRun, make_finding: MakeFinding) -> None:
    finding = make_finding(
        message=HOSTILE,
        terms=HOSTILE,
        script=HOSTILE,
        line=HOSTILE,
        sizes=[HOSTILE],
        diagnosis=[HOSTILE],
        got={HOSTILE: ArrayText([1], HOSTILE, [HOSTILE])},
        entry={"kind": HOSTILE, "link": "https://x.example/><script>alert(1)</script>"},
        op=HOSTILE,
        clause=HOSTILE,
        id=HOSTILE,
        verdict=HOSTILE,
    )
    text = cited(make_run(findings=(finding,), backend=HOSTILE, version=HOSTILE, system=HOSTILE))
    found = tokens(text)
    kinds = {one.type for one in found}
    assert not kinds & {"html_block", "link_open", "image", "table_open", "em_open", "strong_open"}
    assert {one.content for one in found if one.type == "html_inline"} == {"<!-- -->"}
    assert sum(one.type == "heading_open" for one in found) == 1
    said = [one.content for one in found if one.type == "text"]
    assert not any(re.search(r"@\w|#\d|//\w|www\.", one) for one in said)
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text) is None


@pytest.mark.parametrize("text", ["a`b", "``", " x ", "`", "a\nb", "|", "a``` b ` c"])
def test_a_span_and_a_fence_give_the_text_back(text: str) -> None:
    (inline,) = [one for one in tokens(span(text)) if one.type == "code_inline"]
    assert inline.content.strip() == " ".join(text.split())
    (block,) = [one for one in tokens(fence(text, "sh")) if one.type == "fence"]
    assert block.content.rstrip("\n") == text.rstrip("\n")


def test_a_bar_ends_no_cell() -> None:
    table = f"| a | b |\n|---|---|\n| {cell('x | y')} | {cell('`')} |"
    assert sum(one.type == "td_open" for one in tokens(table)) == 2


@pytest.mark.parametrize("text", ["plain words", "max_pool 2.13.0: f(x) = -1 + 2!", "1) one", "-1"])
def test_prose_reads_as_it_was(text: str) -> None:
    assert READER.render(prose(text)).strip() == f"<p>{text}</p>"


def test_the_largest_citation_fits_an_issue(make_run: MakeRun, make_finding: MakeFinding) -> None:
    large = "`@x" * 1_000_000
    array = {"y": ArrayText([400], "float32", [large] * 400)}
    finding = make_finding(
        message=large, terms=large, script=large, expected=array, got=array, inputs=array,
        line=large, wrong=(),
    )  # fmt: skip
    text = cited(make_run(findings=(finding,)))
    assert len(text) < 65_536  # what GitHub takes
    assert "cut after 20,000 of 3,000,000 characters" in text


def test_the_page_holds_the_same_markdown_without_a_script(make_run: MakeRun) -> None:
    run = make_run(with_new=True)
    page = render([run])
    shown = re.findall(r'aria-label="Markdown of finding [^"]*"><pre>(.*?)</pre>', page, re.DOTALL)
    (known,) = (one for one in run.findings if one.status != "new")
    assert [unescape(one) for one in shown] == [cited(run, 0)]  # new ones stand first
    assert page.count('class="copy" hidden>cite</button>') == 1
    assert f"<code>convformance cite {known.id}</code>" in page  # what is known is cited seldom


def anchors(*runs: Run) -> dict[str, list[str]]:
    """Return the ids of the findings, the clauses and the cases of a page."""
    ids = re.findall(r' id="([^"]+)"', render(runs))
    assert len(ids) == len(set(ids))
    return {
        kind: [one for one in ids if one.startswith(kind) and not one.endswith("-title")]
        for kind in ("d-", "clause-", "c-", "law-")
    }


def test_anchors_survive_a_rerun_another_version_and_other_neighbours(make_run: MakeRun) -> None:
    run = make_run(with_new=True)
    law = LawRecord("law.batch", "conv", run.cases[0].line, True)
    run = replace(run, laws=[law])
    again = replace(
        run,
        header=replace(run.header, version="2.1", started="2026-02-05T10:00:00+00:00", seed=7),
        cases=[CaseRecord("conv x=1x1x9 w=1x1x2 float32 fill=integers#1", "c-0", "explored",
                          "agrees", ["conv.sum"]), *reversed(run.cases)],
        findings=list(reversed(run.findings)),
    )  # fmt: skip
    before = anchors(run)
    assert before["d-"] == ["d-11aa22bb", "d-7c1e0a93"]
    assert "clause-window.dilation" in before["clause-"]
    assert len(before["c-"]) == 2
    assert before["law-"] == ["law-batch-other"]
    assert anchors(again) == before
    beside = anchors(make_run(backend="a", with_new=True, findings=()), again)
    for kind, some in before.items():
        assert set(some) <= set(beside[kind])


def test_a_further_run_of_a_backend_has_its_version_in_its_anchors(make_run: MakeRun) -> None:
    """Also where the first run no longer has the finding: a link never changes its target."""
    old, new = make_run(), make_run(version="2.10")
    assert anchors(old, new)["d-"] == ["d-7c1e0a93", "d-7c1e0a93-other-2.10"]
    assert anchors(replace(old, findings=()), new)["d-"] == ["d-7c1e0a93-other-2.10"]


def test_anchors_stay_when_the_ledger_takes_a_finding_in_and_its_former_id_leads_to_it(
    make_run: MakeRun, make_finding: MakeFinding
) -> None:
    entry = {"id": "nan-lost", "kind": "bug", "reason": "so", "case": ""}
    known = make_finding(signature="other max_pool differs in value nan-lost", entry=entry)
    beside = make_finding(id="d-22334455", signature="beside", status="new", entry=None)
    before = anchors(make_run(findings=(replace(known, status="new", entry=None),)))
    after = anchors(make_run(findings=(beside, known)))
    former = former_id(known)
    assert before["d-"] == [known.id]
    assert set(after["d-"]) == {known.id, former, beside.id}
    taken = replace(beside, id=former)  # what has an id now is not led away from
    assert set(anchors(make_run(findings=(taken, known)))["d-"]) == {known.id, former}
    further = anchors(make_run(findings=()), make_run(version="2.10", findings=(known,)))
    assert further["d-"] == [f"{known.id}-other-2.10", f"{former}-other-2.10"]
    views = finding_views(columns([make_run(findings=(beside, known))]))
    assert chosen(views, former).id == known.id
    views = finding_views(columns([make_run(findings=(taken, known))]))
    assert chosen(views, former).status == "new"


def test_a_cases_anchor_is_its_id(make_run: MakeRun) -> None:
    case = Case.parse("conv x=1x1x5 w=1x1x2 dilation=3 float32 fill=integers#4")
    assert f"{case.id}-other" in anchors(make_run(with_new=True))["c-"]
    assert case.id == f"c-{digest(case.line)}"


def test_the_command_prints_the_newest_and_takes_an_anchor(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    runs = tmp_path / "reports" / "runs"
    for version in ("2.10", "2.9"):
        write_run(make_run(version=version), runs / f"{version}.jsonl")
    monkeypatch.chdir(tmp_path)
    for wanted, version in (
        ("d-7c1e0a93", "2.10"),
        ("#d-7c1e0a93", "2.10"),
        ("d-7c1e0a93-other-2.10", "2.10"),
    ):
        assert main(["cite", wanted]) == 0
        assert capsys.readouterr().out.startswith(f"### other {version}: max_pool")
    assert main(["cite", "d-7c1e0a93", str(runs / "2.9.jsonl")]) == 0
    assert capsys.readouterr().out == cited(make_run(version="2.9"))


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("d-7c1e", "near it: d-7c1e0a93 (max_pool [max.nan])"),
        ("d-7c1e0a39", "near it: d-7c1e0a93"),
        ("zzz", "no finding 'zzz' in 2 findings; `convformance report` shows them"),
        ("", "no finding ''"),
    ],
)
def test_an_id_that_is_none_names_those_near_it(make_run: MakeRun, wanted: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(finding_views(columns([make_run(with_new=True)])), wanted)
    assert told in str(caught.value)


def test_an_unknown_id_is_one_line_and_status_2(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(make_run(), tmp_path / "run.jsonl")
    assert main(["cite", "d-7c1e\x1b[2J", str(run)]) == 2
    error = capsys.readouterr().err
    assert "no finding 'd-7c1e\\x1b[2J'" in error
    assert len(error.splitlines()) == 1


def test_without_run_files_it_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["cite", "d-1"]) == 2
    assert "runs: no such folder" in capsys.readouterr().err


def test_a_known_finding_is_light_on_the_page_and_whole_where_it_is_cited(
    make_run: MakeRun, make_finding: MakeFinding
) -> None:
    large = {"x": ArrayText([100], "float32", ["7"] * 100)}
    parts = {"inputs": large, "got": {}, "expected": {}, "wrong": (), "script": "import torch"}
    known, new = (
        replace(make_finding(**parts), id=f"d-{status}", status=status, signature=status)
        for status in ("known", "new")
    )
    shown = columns([make_run(findings=(known, new))])
    first, second = finding_views(shown, light=True)
    assert (first.status, second.status) == ("new", "known")
    assert first.inputs[0].blocks
    assert first.script.text == "import torch"
    assert (second.inputs[0].blocks, second.script.text) == ((), "")
    assert all(one.inputs[0].blocks and one.script.text for one in finding_views(shown))
