"""The history file: first and last seen, in any order of adding, and never half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from convformance.identity import former_id
from convformance.runfile import Finding, Run
from convreport import files
from convreport.cli import main
from convreport.history import History, add_runs, read_history, told, write_history
from convreport.write import render

MakeRun = Callable[..., Run]
WriteRun = Callable[[Run, Path], Path]
ID = "d-7c1e0a93"


def three(make_run: MakeRun) -> list[Run]:
    return [
        make_run(version="2.9", started="2026-01-05T10:00:00+00:00"),
        make_run(version="2.10", started="2026-02-05T10:00:00+00:00"),
        make_run(version="2.10", started="2026-03-05T10:00:00+00:00"),
    ]


def test_first_and_last_are_versions_and_dates_in_any_order_of_adding(make_run: MakeRun) -> None:
    for runs in permutations(three(make_run)):
        history = add_runs(History(), runs)
        assert told(history.backends["other"][ID]) == (
            "first seen in 2.9 (2026-01-05), last in 2.10 (2026-03-05)"
        )
        assert history == add_runs(History(), three(make_run))


def test_what_was_new_and_what_an_older_release_called_otherwise_is_one_discrepancy(
    make_run: MakeRun, make_finding: Callable[..., Finding]
) -> None:
    known = make_finding(signature="other max_pool nan-lost", entry={"id": "nan-lost"})
    names = (replace(known, status="new", signature="x", entry=None),
             known, replace(known, id=former_id(known)))  # fmt: skip
    runs = [make_run(version=f"2.{i}", findings=(one,)) for i, one in enumerate(names)]
    for order in permutations(runs):
        history = add_runs(History(), order)
        (found,) = history.backends["other"].values()
        assert (found.first.version, found.last.version) == ("2.0", "2.2")
        assert all(history.of("other", one) == found for one in names)


def test_an_older_version_that_is_run_later_was_still_first(make_run: MakeRun) -> None:
    late = make_run(version="2.8rc1", started="2026-09-05T23:30:00-04:00")
    history = add_runs(History(), [*three(make_run), late, make_run(version="2.8")])
    assert told(history.backends["other"][ID]).startswith("first seen in 2.8rc1 (2026-09-06)")


def test_the_same_run_twice_changes_nothing_not_even_a_byte(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(make_run(with_new=True), tmp_path / "run.jsonl")
    moved = write_run(make_run(with_new=True), tmp_path / "elsewhere.jsonl")
    path = tmp_path / "history.json"
    assert main(["history", str(path), str(run)]) == 0
    assert capsys.readouterr().out == "other 2.0: 2 discrepancies, 2 not seen before\n"
    before, when = path.read_bytes(), path.stat().st_mtime_ns
    assert main(["history", str(path), str(run), str(moved)]) == 0
    assert "held already" in capsys.readouterr().out
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, when)
    assert len(read_history(path).runs) == 1


def test_what_is_written_is_read(make_run: MakeRun, tmp_path: Path) -> None:
    history = add_runs(History(), [*three(make_run), make_run(backend="\ud800</script>")])
    write_history(tmp_path / "h.json", history)
    assert read_history(tmp_path / "h.json") == history
    data = json.loads((tmp_path / "h.json").read_text())
    assert data["backends"]["other"][ID]["first"] == {
        "version": "2.9",
        "date": "2026-01-05T10:00:00+00:00",
    }


def test_two_backends_are_kept_apart(make_run: MakeRun) -> None:
    history = add_runs(History(), [make_run(), make_run(backend="numpy", version="9")])
    assert history.backends["other"][ID].last.version == "2.0"
    assert history.backends["numpy"][ID].first.version == "9"


def test_an_error_while_writing_leaves_the_old_file_whole(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "h.json"
    write_history(path, add_runs(History(), [make_run()]))
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="disk"):
        write_history(path, History())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_report_shows_it_at_each_finding(make_run: MakeRun) -> None:
    runs = three(make_run)
    text = render(runs[-1:], add_runs(History(), runs))
    assert "first seen in 2.9 (2026-01-05), last in 2.10 (2026-03-05)" in text
    assert "not in the history file" in render(runs[-1:], History())
    assert "first seen" not in render(runs[-1:])


def test_the_command_line_makes_that_report_and_lists_the_file(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(make_run(), tmp_path / "run.jsonl")
    path = tmp_path / "h.json"
    assert main(["history", str(path), str(run)]) == 0
    assert main(["report", str(run), "-o", str(tmp_path / "out"), "--history", str(path)]) == 0
    assert "first seen in 2.0" in (tmp_path / "out" / "index.html").read_text()
    capsys.readouterr()
    assert main(["history", str(path)]) == 0
    assert capsys.readouterr().out == (
        f"other · {ID} · max_pool · [max.nan] · differs in value · "
        "first seen in 2.0 (2026-01-05), last in 2.0 (2026-01-05)\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "runs": {}, "backends": {}}',
        '{"format": 1, "runs": {"r": 1}, "backends": {}}',
        '{"format": 1, "runs": {}, "backends": {"a": {"d-1": {"signature": "s"}}}}',
    ],
)
def test_a_file_that_is_no_history_is_told_and_left_alone(
    make_run: MakeRun,
    write_run: WriteRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
) -> None:
    path = tmp_path / "h.json"
    path.write_text(text)
    run = write_run(make_run(), tmp_path / "run.jsonl")
    assert main(["history", str(path), str(run)]) == 2
    error = capsys.readouterr().err
    assert "this is no history file" in error
    assert len(error.splitlines()) == 1
    assert path.read_text() == text


def test_a_missing_history_is_told_where_it_is_read(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(make_run(), tmp_path / "run.jsonl")
    absent = str(tmp_path / "absent.json")
    assert main(["report", str(run), "-o", str(tmp_path / "out"), "--history", absent]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["history", absent]) == 2


def test_the_newest_words_of_a_discrepancy_stand(
    make_run: MakeRun, make_finding: Callable[..., Finding]
) -> None:
    newer = make_run(
        version="3.0", started="2026-05-05T10:00:00+00:00", findings=(make_finding(op="renamed"),)
    )
    for runs in permutations([*three(make_run), newer]):
        assert add_runs(History(), runs).backends["other"][ID].op == "renamed"


def test_a_run_that_is_held_does_not_speak_again(
    make_run: MakeRun, make_finding: Callable[..., Finding]
) -> None:
    """Of two runs that started together the later added one has the last word, and keeps it."""
    one, other = make_run(), make_run(findings=(make_finding(op="renamed"),), seed=2)
    history = add_runs(History(), [one, other])
    assert add_runs(history, [one]) == history
