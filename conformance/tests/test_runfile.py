"""The run file: what is written is read, and nothing that is not whole passes for a run."""

import json
from dataclasses import replace

import pytest

from convformance.journal import Begun, Done, Journal, write_run
from convformance.runfile import (
    FORMAT,
    ArrayText,
    CaseRecord,
    Choice,
    Finding,
    Footer,
    Geometries,
    Header,
    RunFileError,
    from_json,
    load,
    to_line,
)

LINE = "conv x=1x1x5 w=1x1x2 float32 fill=integers#1"
HEADER = Header(
    backend="other",
    version="2.0",
    adapter="other:Other",
    convformance="0.1.0",
    seed=1,
    started="2026-01-05T10:00:00+00:00",
    python="3.11.9",
    system="Linux",
    libraries={"otherlib": "2.0"},
    selection="-k conv",
)
CASE = CaseRecord(LINE, "c-1", "explored", "agrees", ["conv.sum"], margin=0.25, how="plain")
CHOICE = Choice("max.tie", "max_pool", "last", LINE)
FINDING = Finding(
    id="d-1",
    signature="other conv differs in value [conv.sum]",
    status="new",
    line=LINE,
    op="conv",
    verdict="differs in value",
    clause="conv.sum",
    message="1 of 4 differ: µ <&> \u2028 \n",
    sizes=["W: floor((5 + 0 + 0 - 2) / 1) + 1 = 4"],
    inputs={"x": ArrayText([1, 1, 2], "float32", [[["1", "nan"]]])},
    expected={"y": ArrayText([1, 1, 1], "float32", [[["1"]]])},
    got={"y": ArrayText([900], "float32", None)},
    wrong=[["y", [0, 0, 0]]],
    entry={"id": "one"},
    diagnosis=["the padding before and after an axis change places"],
    connections=[{"output": [0, 0], "expected": [[[0, 0], 1.0]], "got": []}],
)
FOOTER = Footer(cases=1, problems=1, findings=1, seconds=2.5, stale=[{"id": "two"}], failed=["t"])
RECORDS = (HEADER, CASE, CHOICE, FINDING, FOOTER)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "other.jsonl"


def write(path, *records):
    """Write records without the writer's care."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(to_line(record) + "\n" for record in records), encoding="utf-8")
    return path


def message(path):
    with pytest.raises(RunFileError) as caught:
        load(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    return text.removeprefix(str(path))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_from_its_one_line(record):
    line = to_line(record)
    assert len(line.splitlines()) == 1
    assert from_json(json.loads(line)) == record


def test_a_run_comes_back_from_its_file(path):
    write_run(path, HEADER, (CASE, CHOICE, FINDING), FOOTER)
    run = load(path)
    assert (run.header, *run.cases, *run.choices, *run.findings, run.footer) == RECORDS


def test_a_number_that_json_has_not_is_never_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_line(replace(CASE, margin=float("inf")))


def test_an_unfinished_run_never_has_the_final_name(path):
    writer = Journal(path, HEADER)
    writer.take([to_line(CASE)], Done("t"))
    assert [one.name for one in path.parent.iterdir()] == ["other.jsonl.partial"]
    writer.abandon()
    assert [one.name for one in path.parent.iterdir()] == ["other.jsonl.partial"]
    assert message(path.with_name("other.jsonl.partial")).startswith(": this run did not finish")


def test_a_finished_run_leaves_no_partial_file(path):
    Journal(path, HEADER).close((), replace(FOOTER, cases=0, findings=0))
    assert [one.name for one in path.parent.iterdir()] == ["other.jsonl"]


def test_what_was_written_can_be_read_at_once(path):
    writer = Journal(path, HEADER)
    writer.take([to_line(CASE)], Done("t"))
    written = writer.partial.read_text(encoding="utf-8").splitlines()
    assert written[:2] == [to_line(HEADER), to_line(CASE)]
    assert json.loads(written[2])["test"] == "t"
    writer.abandon()


def test_an_older_run_is_gone_as_soon_as_a_new_one_starts(path):
    write(path, *RECORDS)
    Journal(path, HEADER).abandon()
    assert not path.exists()


def test_a_new_run_does_not_append_to_an_older_partial_file(path):
    first = Journal(path, HEADER)
    first.take([to_line(CASE)], Done("t"))
    first.abandon()
    Journal(path, HEADER).close((), replace(FOOTER, cases=0, findings=0))
    assert load(path).cases == []


def test_two_runs_never_write_one_file(path):
    first = Journal(path, HEADER)
    first.take([to_line(CASE)], Done("t"))
    before = first.partial.read_bytes()
    with pytest.raises(OSError, match="another run is writing it"):
        Journal(path, HEADER)
    with pytest.raises(OSError, match="another run is writing it"):
        Journal(path, HEADER, Begun(path, HEADER))
    assert first.partial.read_bytes() == before
    first.abandon()
    Journal(path, HEADER, Begun(path, HEADER)).abandon()


def test_a_missing_footer_is_told(path):
    write(path, *RECORDS[:-1])
    expected = ": no footer after 4 lines: the run did not finish; run it again"
    assert message(path) == expected


def test_a_truncated_line_is_told_with_its_number(path):
    whole = write(path, *RECORDS).read_text(encoding="utf-8")
    path.write_text(whole[: whole.index("\n") + 30], encoding="utf-8")
    assert message(path).startswith(", line 2: Unterminated string")


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ((HEADER, FINDING, FOOTER), ": 0 cases where the footer says 1: lines are missing"),
        ((HEADER, CASE, FOOTER), ": 0 findings where the footer says 1: lines are missing"),
        ((HEADER, CASE, CASE, FINDING, FOOTER), ": 2 cases where the footer says 1"),
    ],
)
def test_a_count_that_is_not_the_footers_is_told(path, records, told):
    assert message(write(path, *records)).startswith(told)


def test_another_format_is_told(path):
    write(path, replace(HEADER, format=FORMAT + 1), FOOTER)
    assert message(path) == f": format {FORMAT + 1}; this release reads format {FORMAT}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ": the first line is no header: this is no run file"),
        (to_line(CASE), ": the first line is no header: this is no run file"),
        ("hello\n", ", line 1: Expecting value"),
        ("[]\n", ", line 1: not a JSON object"),
        ("{}\n", ", line 1: type None is none of header, case, finding,"),
        ('{"type": "page"}\n', ", line 1: type 'page' is none of header,"),
        ('{"type": []}\n', ", line 1: type [] is none of header,"),
        ('{"type": "choice", "color": 1}\n', ", line 1: choice has no color"),
        ('{"type": "choice"}\n', ", line 1: choice: "),
        (to_line(HEADER) + "\n\n", ", line 2: Expecting value"),
        (to_line(HEADER) + '\n{"type": "finding", "inputs": 3}\n', ", line 2: "),
        (to_line(HEADER) + '\n{"type": "finding", "got": {"y": {"size": 3}}}\n', ", line 2: "),
        ("[" * 100_000, ", line 1: "),
    ],
)
def test_text_that_is_no_run_file_is_told(path, text, told):
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    assert message(path).startswith(told)


def test_a_binary_file_is_told(path):
    path.parent.mkdir()
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    assert message(path) == ": byte 0 is not UTF-8: this is no run file"


def test_a_folder_is_told(path):
    path.mkdir(parents=True)
    assert message(path) == ": cannot be read: Is a directory"


def test_a_missing_file_is_told(path):
    assert message(path) == ": cannot be read: No such file or directory"


def test_a_run_is_red_by_news_by_what_no_longer_occurs_and_by_failures(path):
    green = replace(FOOTER, stale=[], failed=[])
    known = replace(FINDING, status="known")
    reds = {
        "known": load(write(path, HEADER, CASE, known, green)).is_red,
        "new": load(write(path, HEADER, CASE, FINDING, green)).is_red,
        "stale": load(write(path, HEADER, CASE, known, replace(green, stale=[{}]))).is_red,
        "failed": load(write(path, HEADER, CASE, known, replace(green, failed=["t"]))).is_red,
    }
    assert reds == {"known": False, "new": True, "stale": True, "failed": True}


def test_a_header_of_an_earlier_release_is_of_the_default_profile():
    old = json.loads(to_line(HEADER))
    del old["profile"]
    assert from_json(old) == HEADER
    assert HEADER.profile == "default"


def test_what_was_met_of_the_small_geometries_is_read_back(tmp_path):
    met = Geometries("conv", 330, 8640, 295, 2045)
    footer = Footer(cases=0, problems=0, findings=0, seconds=1.0)
    write_run(tmp_path / "run.jsonl", HEADER, [met], footer)
    assert load(tmp_path / "run.jsonl").geometries == [met]
