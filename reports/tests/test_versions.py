"""The commands `versions` and `bisect`: real environments of a made-up framework's releases."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toyframe
from packaging.version import Version

from convformance.runfile import CaseRecord, Run, load
from convreport import environments, releases
from convreport.bisect_command import search
from convreport.cli import main
from convreport.usage import UsageError
from convreport.versions import Release, missing, refusal_of_all, rows
from convreport.versions_page import versions_page
from convreport.write import render_versions

MakeRun = Callable[..., Run]
LINE = "conv1x1 x=1x1x1 w=1x1 float32 fill=integers#0"
NEW_LINE = "conv x=1x1x5 w=1x1x2 dilation=3 float32 fill=integers#4"
NEW_ID = "d-11aa22bb"
KNOWN = [Version(one) for one in ("1.0.0", "1.0.1", "1.1.0", "1.2.0rc1", "1.2.0")]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of wheels and of environments, the latter shared by the tests."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel, and is not installed")
    folder = tmp_path_factory.mktemp("releases")
    (folder / "wheels").mkdir()
    toyframe.wheels(folder / "wheels")
    return folder / "wheels", folder / "environments"


@pytest.fixture
def toy(shelf: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return options with which the made-up framework is installed, from its wheels alone."""
    wheels, place = shelf
    ours = next(wheels.glob("convformance-0*.whl"))
    monkeypatch.setattr(environments, "_ours", lambda: [str(ours)])
    for name in ("NO_INDEX", "NO_DEPS"):
        monkeypatch.setenv(f"PIP_{name}", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return [
        "--with=convformance-toy", "--with=borrowed", "--environments", str(place),
        "--distribution", "toyframe",
    ]  # fmt: skip


def versions(folder: Path, toy: list[str], *more: str) -> int:
    narrow = ["-k", "meaning and conv1x1 and float32", "--max-examples", "5"]
    return main(["versions", "convformance_toy:Toy", *more, "-o", str(folder), *narrow, *toy])


def test_a_page_tells_where_a_discrepancy_came_went_and_came_back(
    tmp_path: Path, toy: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert versions(tmp_path / "toy", toy, ">=1.0", "1.3.0") == 0
    told = capsys.readouterr().out
    assert "1.3.0  not asked: " in told
    assert ": first seen in 1.1.0, and right before; fixed in 1.2.0; regressed in 1.4.0\n" in told
    page = (tmp_path / "toy" / "index.html").read_text()
    cells = re.findall(r'<td><span class="status (\w+)">', page)
    assert set(cells) >= {"agrees", "new"}
    links = set(re.findall(r'<td><span class="status new"><a href="([^"#]+)#(d-\w+)"', page))
    assert {folder for folder, _ in links} == {
        f"{one}/index.html" for one in ("1.1.0", "1.1.1", "1.4.0")
    }
    for folder, anchor in links:
        assert f'id="{anchor}"' in (tmp_path / "toy" / folder).read_text()


def test_what_was_done_is_not_done_again_and_other_options_are_told(
    tmp_path: Path, toy: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "toy"
    assert versions(folder, toy, "1.0.0", "1.1.0") == 0
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").glob("*.jsonl")}
    assert versions(folder, toy, "1.0.0", "1.1.0") == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").glob("*.jsonl")} == before
    for other in (["--seed", "2"], ["--case-seconds", "20"]):
        assert versions(folder, toy, "1.0.0", *other) == 2
        assert "is a run with other options" in capsys.readouterr().err


def test_the_limits_of_a_release_are_those_that_were_given(tmp_path: Path, toy: list[str]) -> None:
    folder = tmp_path / "toy"
    assert versions(folder, toy, "1.0.0", "--case-seconds", "20", "--memory", "3000") == 0
    limits = load(folder / "runs" / "1.0.0.jsonl").header.limits
    assert {"case_seconds": 20, "memory": 3000}.items() <= limits.items()
    assert "--case-seconds=20 --memory=3000" in (folder / "index.html").read_text()


def test_a_run_that_was_cut_off_is_gone_on_with(tmp_path: Path, toy: list[str]) -> None:
    folder = tmp_path / "toy"
    assert versions(folder, toy, "1.0.0") == 0
    path = folder / "runs" / "1.0.0.jsonl"
    whole = load(path)
    header, *lines, _footer = path.read_text().splitlines()
    first = next(line for line in lines if json.loads(line)["type"] == "case")
    done = {"type": "done", "test": "test_meaning.py::of_another_release", "seconds": 1.0}
    path.unlink()
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n".join([header, first, json.dumps(done), ""]))
    assert versions(folder, toy, "1.0.0") == 0
    again = load(path)
    assert again.header.resumed
    assert len(again.cases) == len(whole.cases) + 1  # that of the test which is done


def test_bisect_finds_the_release_in_which_the_answer_changed(
    toy: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ends = ["--good", "1.0.0", "--bad", "1.1.1"]
    assert main(["bisect", LINE, "--backend", "convformance_toy:Toy", *ends, *toy]) == 0
    told = capsys.readouterr().out
    assert "changed in 1.1.0" in told
    assert "1.0.0: agrees" in told
    assert "1.1.0: differs in value [" in told


def test_bisect_tells_ends_that_answer_alike(
    toy: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ends = ["--good", "1.0.0", "--bad", "1.2.0"]
    assert main(["bisect", LINE, "--backend", "convformance_toy:Toy", *ends, *toy]) == 2
    assert "1.0.0 and 1.2.0 answer alike: agrees" in capsys.readouterr().err


def asked(answers: dict[str, str | None]) -> tuple[Callable[[str], str | None], list[str]]:
    """Return a function that answers for a release, and the list of what it was asked."""
    log: list[str] = []

    def answer(release: str) -> str | None:
        log.append(release)
        return answers[release]

    return answer, log


@pytest.mark.parametrize("turn", range(1, 16))
def test_a_search_asks_few_releases(turn: int) -> None:
    names = [str(i) for i in range(16)]
    answer, log = asked({name: "a" if i < turn else "b" for i, name in enumerate(names)})
    found = search(names, answer, names[0], names[-1])
    assert (found.before, found.after, found.silent) == (str(turn - 1), str(turn), ())
    assert len(log) <= 2 + 4


def test_a_search_goes_around_releases_that_give_no_answer() -> None:
    answers = {"1": "a", "2": None, "3": "a", "4": None, "5": None, "6": "b", "7": "b"}
    answer, _ = asked(answers)
    found = search(list(answers), answer, "1", "7")
    assert (found.before, found.after, found.silent) == ("3", "6", ("4", "5"))


def test_a_search_needs_an_answer_of_both_ends() -> None:
    answer, _ = asked({"1": "a", "2": None})
    with pytest.raises(UsageError, match="2 gives no answer"):
        search(["1", "2"], answer, "1", "2")


@pytest.mark.parametrize(
    ("words", "minors", "found"),
    [
        (["1.1.0", "1.0.0"], False, ["1.0.0", "1.1.0"]),
        ([">=1.0"], False, ["1.0.0", "1.0.1", "1.1.0", "1.2.0"]),
        ([">=1.0"], True, ["1.0.1", "1.1.0", "1.2.0"]),
        (["<1.1", "1.2.0rc1", "1.0.1"], False, ["1.0.0", "1.0.1", "1.2.0rc1"]),
        (["7.7"], False, ["7.7"]),
    ],
)
def test_releases_are_named_alone_or_by_a_range(
    words: list[str], minors: bool, found: list[str]
) -> None:
    assert releases.chosen(words, KNOWN, minors=minors) == found


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("newest", "'newest' is neither a release, such as 2.11, nor a range"),
        (">=1.0,<", "is no range of releases"),
        (">=3", "no release lies in '>=3': there are 1.0.0, 1.0.1"),
    ],
)
def test_words_that_name_no_release_are_told(word: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        releases.chosen([word], KNOWN)


def test_a_backend_that_pip_cannot_install_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["versions", "cmd:./program", "1.0", "-o", str(tmp_path)]) == 2
    assert "a command has no releases" in capsys.readouterr().err
    assert main(["versions", "./none.py:Mine", "1.0", "-o", str(tmp_path)]) == 2
    assert "--distribution NAME" in capsys.readouterr().err
    assert main(["versions", "no-such", "1.0", "-o", str(tmp_path)]) == 2
    assert "no backend 'no-such'" in capsys.readouterr().err


def test_pip_is_told_by_its_reason_alone() -> None:
    said = (
        "ERROR: Could not find a version that satisfies the requirement toy==9 "
        "(from versions: 1.0, 1.1)\nERROR: No matching distribution found for toy==9\n"
    )
    told = "Could not find a version that satisfies the requirement toy==9"
    assert releases.words_of(said) == told
    assert releases.words_of("") == "no reason was given"


def test_the_framework_of_a_recipe_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_ours", lambda: ["convformance==0.1.0"])
    told = ['onnxruntime>=1.23; extra == "onnxruntime"', 'onnx>=1.18; extra == "onnxruntime"']
    monkeypatch.setattr(environments, "requires", lambda _: ["numpy>=2.0", *told])
    made_of = environments.recipe("onnxruntime", None, ["numpy<2.3"])
    assert made_of.of("1.20") == [
        "onnxruntime==1.20", "convformance==0.1.0", "onnx>=1.18", "numpy<2.3",
    ]  # fmt: skip


def answered(run: Run, line: str, verdict: str, **values: Any) -> Run:
    kept = [one for one in run.cases if one.line != line]
    return replace(run, cases=(*kept, CaseRecord(line, "c-9", "given", verdict, **values)))


@pytest.fixture
def five(make_run: MakeRun) -> list[Release]:
    """Five releases: right, wrong, not installed, unsupported, right; and one never asked."""
    wrong = make_run(with_new=True, version="1.1")
    right = answered(make_run(version="1.0"), NEW_LINE, "agrees")
    silent = answered(make_run(version="1.3"), NEW_LINE, "unsupported", message="no longer")
    mended = answered(make_run(version="1.4"), NEW_LINE, "agrees")
    return [
        Release("1.0", right, page="1.0/index.html"),
        Release("1.1", wrong, page="1.1/index.html"),
        Release("1.2", reason="no wheel for this Python"),
        Release("1.3", silent, page="1.3/index.html"),
        Release("1.4", mended, page="1.4/index.html"),
        Release("1.5", make_run(version="1.5"), page="1.5/index.html"),
    ]


def test_a_release_that_refuses_everything_is_right_about_nothing(make_run: MakeRun) -> None:
    """What has no meaning is refused too, for another reason than that."""
    run = make_run()
    refused = [replace(one, verdict="refuses a valid problem", message="no", compared=0)
               for one in run.cases]  # fmt: skip
    right = replace(refused[0], verdict="agrees", message="", clause="problem.axes")
    assert refusal_of_all(replace(run, cases=[*refused, right])) == "no"
    assert refusal_of_all(replace(run, cases=[*refused, replace(right, compared=4)])) == ""
    unsupported = [replace(one, verdict="unsupported") for one in refused]
    assert refusal_of_all(replace(run, cases=[*unsupported, right])) == ""


def test_a_row_tells_what_each_release_said(five: list[Release]) -> None:
    row = next(one for one in rows(five) if one.id == NEW_ID)
    told = [one.text for one in row.cells]
    assert told == ["right", "NEW", "", "unsupported", "right", "not asked"]
    assert (row.first, row.regressed, row.fixed) == ("1.1", ("1.1",), ("1.4",))
    assert row.story == "first seen in 1.1, and right before; fixed in 1.4"
    assert row.cells[1].link == f"1.1/index.html#{NEW_ID}"


def test_what_is_everywhere_has_not_changed(five: list[Release]) -> None:
    steady = [one for one in rows(five) if not one.has_changed]
    assert [one.id for one in steady] == ["d-7c1e0a93"]
    assert steady[0].story == "first seen in 1.0, the lowest that was asked"


def test_only_a_release_that_said_nothing_is_asked_again(five: list[Release]) -> None:
    assert missing(five) == [[], [], [], [], [], [NEW_LINE]]


def test_an_answer_to_what_was_asked_again_counts(five: list[Release], make_run: MakeRun) -> None:
    again = answered(make_run(findings=(), version="1.5"), NEW_LINE, "agrees")
    asked_again = [*five[:-1], replace(five[-1], again=again)]
    row = next(one for one in rows(asked_again) if one.id == NEW_ID)
    assert row.cells[-1].text == "right"


def test_a_case_that_is_wrong_in_another_way_is_neither_fixed_nor_the_same(
    five: list[Release], make_run: MakeRun
) -> None:
    other = answered(
        make_run(version="1.5"), NEW_LINE, "differs in shape", signature="of another kind"
    )
    row = next(one for one in rows([*five[:-1], Release("1.5", other)]) if one.id == NEW_ID)
    assert row.cells[-1].text == "differs otherwise"
    assert row.fixed == ("1.4",)


def test_what_comes_and_goes_is_neither_fixed_nor_regressed(
    five: list[Release], make_run: MakeRun
) -> None:
    run = five[1].run
    assert run is not None
    flaky = [
        replace(one, entry={"flaky": "reads what nobody wrote"}) if one.id == NEW_ID else one
        for one in run.findings
    ]
    some = [five[0], Release("1.1", replace(run, findings=flaky)), *five[2:]]
    row = next(one for one in rows(some) if one.id == NEW_ID)
    assert (row.fixed, row.regressed) == ((), ())
    assert row.story == "comes and goes; first seen in 1.1"


def test_the_page_tells_why_a_release_was_not_asked(five: list[Release]) -> None:
    page = versions_page("other", five, "convformance versions other 1.0 1.1")
    text = render_versions(page)
    assert "no wheel for this Python" in text
    assert page.headline == (
        "2 discrepancies in 5 releases, 1 regressed, 1 fixed, 1 release could not be asked"
    )
    assert render_versions(page) == text


def test_a_page_without_a_run_is_none() -> None:
    with pytest.raises(ValueError, match="no release could be asked"):
        versions_page("other", [Release("1.0", reason="none")])
