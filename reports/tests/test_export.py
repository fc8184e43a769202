"""The formats of others: whole, valid, and the text of a backend is text in each."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt

from convformance.runfile import ArrayText, CaseRecord, Finding, Run, load
from convreport.badge import badge
from convreport.cli import main
from convreport.columns import columns
from convreport.commands_export import BADGE, TEXTS
from convreport.export_json import json_text, schema_text
from convreport.export_junit import junit_text
from convreport.export_markdown import MOST_ROWS, markdown_text
from convreport.export_sarif import sarif_text

MakeRun = Callable[..., Run]
MakeFinding = Callable[..., Finding]
WriteRun = Callable[[Run, Path], Path]
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "]]></failure></pre><script>alert(1)</script> [l](http://evil.example) ![x](y) @torvalds #12 "
    "``` | `a` | {0} \x00\x1b[31m\r\n\u202e\ud800\ufffe &lt; \" ' --> {{ 7 * 7 }} "
) + "x" * 1_000_000


def checked(text: str) -> dict[str, Any]:
    """Return the document; it obeys the schema."""
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    document: dict[str, Any] = json.loads(text)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    return document


def hostile_run(make_run: MakeRun, make_finding: MakeFinding) -> Run:
    entry = {"kind": HOSTILE, "reason": HOSTILE, "link": "javascript:alert(1)"}
    words: dict[str, Any] = {
        "message": HOSTILE, "terms": HOSTILE, "script": HOSTILE, "line": HOSTILE, "op": HOSTILE,
        "clause": HOSTILE, "verdict": HOSTILE, "sizes": [HOSTILE], "diagnosis": [HOSTILE],
        "got": {HOSTILE: ArrayText([1], HOSTILE, [HOSTILE])},
    }  # fmt: skip
    findings = (
        make_finding(id="d-1" + HOSTILE, entry=entry, **words),
        make_finding(id="d-2" + HOSTILE, status="new", entry=None, signature=HOSTILE, **words),
    )
    run = make_run(
        findings=findings, backend=HOSTILE, version=HOSTILE, system=HOSTILE, selection=HOSTILE,
        failed=(HOSTILE,), stale=({"reason": HOSTILE},), libraries={HOSTILE: HOSTILE},
    )  # fmt: skip
    record = CaseRecord(HOSTILE, HOSTILE, HOSTILE, "agrees", [HOSTILE], how=HOSTILE)
    return replace(run, cases=(*run.cases, record))


def test_json_obeys_its_schema_and_holds_the_findings(make_full_run: MakeRun) -> None:
    (run,) = checked(json_text([make_full_run()]))["runs"]
    assert (run["backend"], run["is_red"], run["failed"]) == (
        "other",
        True,
        ["test_profile (call)"],
    )
    assert run["counts"] == {"agrees": 2, "variant": 1, "known": 1, "new": 1, "unsupported": 1}
    known, new = sorted(run["findings"], key=lambda one: str(one["status"]))
    assert (known["id"], known["entry"]["kind"], known["cases"]) == ("d-7c1e0a93", "bug", 1)
    assert new["lines"] == ["conv x=1x1x5 w=1x1x2 dilation=3 float32 fill=integers#4"]
    assert [(law["law"], law["counts"]["held"], law["counts"]["apart"]) for law in run["laws"]] == [
        ("law.batch", 1, 0),
        ("law.order", 0, 1),
        ("law.shift", 0, 0),
    ]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("runs", 0, "findings", 0, "status"), "perhaps"),
        (("runs", 0, "findings", 0, "wrong"), [["y"]]),
        (("runs", 0, "findings", 0, "inputs", "x", "values"), [[1.5]]),
        (("runs", 0, "counts", "new"), -1),
        (("runs", 0, "surplus"), 1),
        (("format",), 2),
    ],
)
def test_the_schema_refuses_what_is_not_so(
    make_full_run: MakeRun, place: tuple[Any, ...], value: object
) -> None:
    document = checked(json_text([make_full_run()]))
    inner: Any = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        checked(json.dumps(document))


def test_every_field_of_a_finding_and_of_a_header_is_exported(make_full_run: MakeRun) -> None:
    """A field that a later run file has must not be forgotten here."""
    made = make_full_run()
    (run,) = checked(json_text([made]))["runs"]
    assert vars(made.findings[0]).keys() <= run["findings"][0].keys()
    assert vars(made.header).keys() - run.keys() == {"given", "format"}
    assert vars(made).keys() - run.keys() == {"header", "footer"}
    assert vars(made.footer).keys() - run.keys() == {"passes"}


def test_junit_fails_what_is_new_and_skips_what_is_known(
    make_run: MakeRun, make_full_run: MakeRun
) -> None:
    root = ET.fromstring(junit_text([make_full_run(), make_run(backend="numpy")]))
    first, second = root.findall("testsuite")
    assert {name: second.get(name) for name in ("name", "tests", "failures", "errors")} == {
        "name": "other 2.0", "tests": second.get("tests"), "failures": "2", "errors": "1",
    }  # fmt: skip
    assert (first.get("failures"), first.get("skipped"), second.get("skipped")) == ("0", "1", "1")
    outcomes = {
        (case.get("classname"), case.get("name")): [one.tag for one in case]
        for case in second.findall("testcase")
    }
    assert len(outcomes) == int(second.get("tests", "0"))
    new = ("other.conv", "[window.dilation] differs in value d-11aa22bb")
    assert outcomes[new] == ["failure"]
    assert outcomes["other.max_pool", "[max.nan] differs in value d-7c1e0a93"] == ["skipped"]
    assert outcomes["other.conv", "[conv.sum]"] == []
    assert outcomes["other.conv", "[law.batch]"] == []
    assert ("other.conv", "[law.order]") not in outcomes  # a fact that does not hold passes nothing
    assert ("other.max_pool", "[max.value]") not in outcomes  # unsupported, or the wrong case
    assert outcomes["other.ledger", "ledger old-entry"] == ["failure"]
    assert outcomes["other.suite", "test_profile (call)"] == ["error"]


def test_markdown_shows_the_new_and_folds_the_known(
    make_run: MakeRun, make_full_run: MakeRun
) -> None:
    text = markdown_text([make_full_run(), make_run(backend="numpy", selection="-k conv")])
    assert text.startswith("## Convformance: ❌ 1 new discrepancy, 2 known deviations, 1 ledger")
    assert "| `other` | `2.0` | 6 | 2 | 1 | 1 | **1** | 1 | 0.25 | 1:01 |" in text
    assert "| `numpy` | `2.0` (in part) | 5 |" in text
    new, folded = text.split("<details>")
    assert "`d-11aa22bb`" in new
    assert "`d-7c1e0a93`" not in new
    assert "`d-7c1e0a93`" in folded
    assert markdown_text([make_run()]).startswith("## Convformance: ✅ nothing new")


def test_a_step_summary_is_never_too_large(make_run: MakeRun, make_finding: MakeFinding) -> None:
    wide = "\u202e" * 5_000
    found = tuple(
        make_finding(id=f"d-{i}", status=status, message=wide, line=wide, op=wide, clause=wide)
        for i in range(2 * MOST_ROWS)
        for status in ("new", "known")
    )
    text = markdown_text([make_run(findings=found, failed=(wide,) * 1_000)])
    assert len(text.encode()) < 2**20  # what GitHub takes
    assert "and 200 further findings; the report has them all" in text


def test_sarif_has_a_rule_for_a_clause_and_the_line_of_the_evidence(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_run(make_run(with_new=True), Path("runs/a run.jsonl"))
    document = json.loads(sarif_text([(path, load(path))]))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["max.nan", "window.dilation"]
    lines = path.read_text().splitlines()
    for result, finding in zip(run["results"], ("d-7c1e0a93", "d-11aa22bb"), strict=True):
        assert rules[result["ruleIndex"]] == result["ruleId"]
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "runs/a%20run.jsonl"
        line = place["physicalLocation"]["region"]["startLine"]
        assert json.loads(lines[line - 1])["id"] == finding
        assert result["partialFingerprints"] == {"convformance/v1": finding}
    known, new = run["results"]
    assert (known["level"], new["level"]) == ("note", "error")
    assert known["suppressions"][0]["justification"] == "a comparison with NaN is false"
    assert new["suppressions"] == []
    logical = new["locations"][0]["logicalLocations"][0]
    assert logical["fullyQualifiedName"] == "other 2.0/conv"


def badge_words(run: Run) -> list[str | None]:
    root = ET.fromstring(badge(columns([run])[0]))
    return [text.text for text in root.findall(f"{SVG}text")]


def test_a_badge_says_what_the_run_says(make_run: MakeRun) -> None:
    assert badge_words(make_run()) == ["other 2.0", "1 known"]
    assert badge_words(make_run(with_new=True)) == ["other 2.0", "1 new"]
    assert badge_words(make_run(stale=({"reason": "mended"},))) == ["other 2.0", "1 stale entry"]
    assert badge_words(make_run(failed=("x",))) == ["other 2.0", "not finished"]
    right = replace(make_run(findings=(), selection="-k conv"), cases=())
    assert badge_words(right) == ["other 2.0", "conforms, in part"]


@pytest.mark.parametrize("form", [*TEXTS, BADGE])
def test_what_a_backend_says_is_text_in_every_format(
    make_run: MakeRun, make_finding: MakeFinding, tmp_path: Path, form: str
) -> None:
    run = hostile_run(make_run, make_finding)
    path = tmp_path / "run.jsonl"
    path.write_text("")  # SARIF looks for lines in it
    text = badge(columns([run])[0]) if form == BADGE else TEXTS[form]([(path, run)])
    text.encode("utf-8")  # no half of a character
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ufffe]", text) is None
    if form in ("junit", BADGE):
        tags = {one.tag.removeprefix(SVG) for one in ET.fromstring(text).iter()}
        assert "script" not in tags
        assert tags <= {
            "testsuites", "testsuite", "testcase", "properties", "property", "failure", "skipped",
            "error", "svg", "title", "rect", "text",
        }  # fmt: skip
    if form == "json":
        finding = checked(text)["runs"][0]["findings"][0]
        assert finding["message"] == HOSTILE.replace("\ud800", "\\ud800")
    if form == "sarif":
        results = json.loads(text)["runs"][0]["results"]
        assert len(results) == 2
        assert not any("](" in one["message"]["text"] for one in results)  # a link, in SARIF
    if form == "markdown":
        found = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
        inner = [child for one in found for child in one.children or ()]
        kinds = {one.type for one in inner}
        assert not kinds & {"link_open", "image", "html_inline", "softbreak"}
        html = [one.content.strip() for one in found if one.type == "html_block"]
        assert html == [
            "<details><summary>1 known deviation</summary>",
            "</details>",
        ]
    if form != "json":  # which is for machines, and whole
        assert len(text) < 200_000


@pytest.mark.parametrize("form", [*TEXTS, "schema"])
def test_the_command_writes_each_format_to_a_file_and_to_the_console(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    form: str,
) -> None:  # fmt: skip
    write_run(make_run(with_new=True), tmp_path / "runs" / "a.jsonl")
    arguments = ["export", form, *([] if form == "schema" else [str(tmp_path / "runs")])]
    out = tmp_path / "new" / "file"
    assert main([*arguments, "-o", str(out)]) == 0
    assert main([*arguments, "-o", "-"]) == 0
    assert capsys.readouterr().out == out.read_text(encoding="utf-8") != ""


def test_the_command_writes_a_badge_for_each_backend(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path
) -> None:
    for name in ("numpy", "torch"):
        write_run(make_run(backend=name), tmp_path / "runs" / f"{name}.jsonl")
    runs = tmp_path / "runs"
    assert main(["export", "badge", str(runs), "-o", str(tmp_path / "out")]) == 0
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["numpy.svg", "torch.svg"]
    one = tmp_path / "one.svg"
    assert main(["export", "badge", str(runs / "numpy.jsonl"), "-o", str(one)]) == 0
    assert one.read_text() == (tmp_path / "out" / "numpy.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("json", "-o", "x"), "name at least one run file"),
        (("json", "absent.jsonl", "-o", "x"), "absent.jsonl: cannot be read"),
        (("json", "runs", "-o", "runs"), "runs: a folder; give a file"),
        (("badge", "runs", "-o", "x.svg"), "2 runs have as many badges; give a folder"),
        (("json", "runs", "-o", "runs/a.jsonl/x"), "runs/a.jsonl/x: "),
    ],
)
def test_a_users_mistake_is_one_line_and_status_2(
    request: pytest.FixtureRequest, arguments: tuple[str, ...], told: str
) -> None:
    make_run, write_run = (request.getfixturevalue(name) for name in ("make_run", "write_run"))
    capsys = request.getfixturevalue("capsys")
    request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
    for name in "ab":
        write_run(make_run(backend=name), Path("runs") / f"{name}.jsonl")
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1
