"""The command line as its user meets it: statuses, files, error messages."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from convformance.runfile import load

WILD = Path(__file__).parents[2] / "conformance" / "tests"
# A shell that runs the tests in the background has its children ignore the interrupt.
MAIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from convreport.cli import main
sys.exit(main())
"""
FEW = ("--max-examples", "4")
CONVOLUTIONS = "convolution and conv-float32"


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(WILD), "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def convformance(folder, *arguments):
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in out + err
    return process.returncode, out, err


def test_a_green_run_writes_a_run_file_and_a_report_and_ends_with_0(tmp_path):
    status, out, err = convformance(
        tmp_path, "run", "--backend", "numpy", *FEW, "--report", "out", "--", "-k", "pooling"
    )
    assert (status, err) == (0, "")
    assert "\x1b" not in out  # piped: no colours, no progress bar
    assert "nothing new" in out
    run = load(tmp_path / "reports" / "runs" / "numpy.jsonl")
    assert run.header.seed == 1
    assert run.header.selection
    pools = {"max", "avg", "lp", "distance", "adaptive", "global"}
    assert {case.line.split("_")[0] for case in run.cases} <= pools
    assert (tmp_path / "out" / "index.html").read_text().startswith("<!doctype html>")


def test_a_wrong_backend_ends_with_1_and_its_case_can_be_run_alone(tmp_path):
    status, out, _ = convformance(
        tmp_path, "run", "--backend", "wild_backends:FlipsPads", "--max-examples", "40",
        "--", "-k", CONVOLUTIONS,
    )  # fmt: skip
    assert status == 1
    assert "NEW  flips pads 1 · conv · [padding.explicit]" in out
    run = load(tmp_path / "reports" / "runs" / "flips pads.jsonl")
    (finding, *_) = run.findings
    status, out, _ = convformance(
        tmp_path, "case", finding.line, "--backend", "wild_backends:FlipsPads"
    )
    assert status == 1
    assert f"{finding.verdict} [padding.explicit]" in out
    assert convformance(tmp_path, "case", finding.line)[0] == 0  # the kernel is right


def test_sizes_that_nobody_wrote_are_told_and_not_shown(tmp_path):
    line = "avg_pool x=0x1x1x2 kernel=1x2 float32"
    status, out, _ = convformance(tmp_path, "case", line, "--backend", "wild_answers:Unwritten")
    assert status == 1
    assert "got       y 0x1x1543426792x1165641384 float32" in out
    assert len(out.splitlines()) < 20


def test_what_a_run_found_is_replayed_first_by_the_next(tmp_path):
    wild = ("run", "--backend", "wild_backends:FlipsPads")
    convformance(tmp_path, *wild, "--max-examples", "40", "--", "-k", CONVOLUTIONS)
    status, _, _ = convformance(tmp_path, *wild, "--", "-k", "earlier_runs")
    run = load(tmp_path / "reports" / "runs" / "flips pads.jsonl")
    assert status == 1
    assert {case.source for case in run.cases} == {"replayed"}


def test_one_seed_gives_one_run(tmp_path):
    lines = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        convformance(
            tmp_path, "run", "--backend", "numpy", *FEW, "--seed", seed, "-o", f"{name}.jsonl",
            "--", "-k", "pooling",
        )  # fmt: skip
        lines.append([case.line for case in load(tmp_path / f"{name}.jsonl").cases])
    assert lines[0] == lines[1] != lines[2]


def test_a_random_seed_is_printed_and_kept(tmp_path):
    _, out, _ = convformance(
        tmp_path, "run", "--backend", "numpy", *FEW, "--seed", "random", "--", "-k", "invalid"
    )
    run = load(tmp_path / "reports" / "runs" / "numpy.jsonl")
    assert f"seed {run.header.seed}" in out


def test_two_processes_try_what_one_tries(tmp_path):
    runs = []
    for name, extra in (("one", ()), ("two", ("-n", "2"))):
        status, _, err = convformance(
            tmp_path, "run", "--backend", "numpy", *FEW, "-o", f"{name}.jsonl",
            "--", "-k", "convolution", *extra,
        )  # fmt: skip
        assert (status, err) == (0, "")
        runs.append(sorted(case.line for case in load(tmp_path / f"{name}.jsonl").cases))
    assert runs[0] == runs[1]


def test_what_a_shared_run_finds_does_not_hang_on_the_clock(tmp_path):
    """Which process meets a discrepancy first decides what is tried after it."""
    runs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        arguments = ("run", "--backend", "wild_backends:FlipsPads", *FEW, "-o", "run.jsonl")
        status, _, err = convformance(
            tmp_path / name, *arguments, "--", "-n", "2", "-k", "(convolution or forms) and float32"
        )
        assert (status, err) == (1, "")
        run = load(tmp_path / name / "run.jsonl")
        found = [finding.line for finding in run.findings]
        assert found
        runs.append((sorted(case.line for case in run.cases), found))
    assert runs[0] == runs[1]


def test_junit_tells_what_failed(tmp_path):
    status, _, err = convformance(
        tmp_path, "run", "--backend", "wild_backends:FlipsPads", "--max-examples", "30",
        "--", "-k", CONVOLUTIONS, "-n", "2", "--junitxml", "junit.xml",
    )  # fmt: skip
    assert (status, err) == (1, "")
    suites = ET.parse(tmp_path / "junit.xml").getroot()
    assert int(suites[0].attrib["failures"]) > 0
    assert "padding.explicit" in (tmp_path / "junit.xml").read_text()


def test_x_stops_at_the_first_failing_test(tmp_path):
    arguments = ("run", "--backend", "wild_backends:FlipsPads", "--max-examples", "20", "--verbose")
    _, out, _ = convformance(tmp_path, *arguments, "--", "-k", "convolution", "-x")
    assert "stopping after 1 failures" in out


def test_an_interrupted_run_leaves_a_partial_file_that_no_report_takes(tmp_path):
    process = start(tmp_path, "run", "--backend", "numpy")
    partial = tmp_path / "reports" / "runs" / "numpy.jsonl.partial"
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 20_000):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in out + err
    assert "did not finish" in err or "interrupted" in err
    assert not (tmp_path / "reports" / "runs" / "numpy.jsonl").exists()
    status, _, err = convformance(tmp_path, "report", "reports/runs", "-o", "out")
    assert status == 2
    assert "a run did not finish: numpy.jsonl.partial" in err
    assert not (tmp_path / "out").exists()


def test_a_run_file_without_its_footer_is_refused_and_no_report_is_written(tmp_path):
    convformance(
        tmp_path, "run", "--backend", "numpy", *FEW, "-o", "a.jsonl", "--", "-k", "invalid"
    )
    whole = (tmp_path / "a.jsonl").read_text().splitlines(keepends=True)
    assert json.loads(whole[-1])["type"] == "footer"
    (tmp_path / "cut.jsonl").write_text("".join(whole[:-1]))
    status, _, err = convformance(tmp_path, "report", "a.jsonl", "cut.jsonl", "-o", "out")
    assert status == 2
    assert "cut.jsonl" in err
    assert "footer" in err
    assert not (tmp_path / "out").exists()
    assert convformance(tmp_path, "report", "a.jsonl", "-o", "out")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "COMMAND"),
        (("run",), "--backend"),
        (("run", "--backend", "nothing"), "no backend 'nothing'; registered: "),
        (("run", "--backend", "no_module:Thing"), "No module named 'no_module'"),
        (("run", "--backend", "wild_backends:Idle"), "has no run(problem, arrays)"),
        (("run", "--backend", "wild_backends:Unmakeable"), "OSError: no such device"),
        (("run", "--backend", "cmd:./absent"), "cannot start ./absent: No such file"),
        (("run", "--backend", "cmd:true"), "cmd:true: no hello: exit status 0"),
        (("case", "conv x=1x1x5 w=1x1x2 float32", "--backend", "./a.py:B"), "there is no file"),
        (("run", "--backend", "numpy", "--seed", "x"), "neither a whole number nor random"),
        (("run", "--backend", "numpy", "--max-examples", "0"), "no whole number of at least 1"),
        (("run", "--backend", "numpy", "--", "-k", "nothing_like_it"), "the run did not finish"),
        (("report", "absent.jsonl", "-o", "out"), "absent.jsonl"),
        (("report", ".", "-o", "out"), "no run file (*.jsonl) in this folder"),
        (("case", "conv x=1x1x5 w=1x1x2 strde=2 float32"), "strde"),
        (("case", "fold x=1x1x5 float32"), "fold"),
        (("case", "conv x=9999999x9x99999 w=1x9x1 float32"), "at most 134,217,728"),
        (("list", "nothing"), "invalid choice"),
    ],
)
def test_a_users_mistake_is_told_and_ends_with_2(tmp_path, arguments, told):
    status, _, err = convformance(tmp_path, *arguments)
    assert status == 2
    assert told in err


def test_an_error_in_a_line_points_at_its_place(tmp_path):
    line = "conv x=1x1x5 w=1x1x2 strde=2 float32"
    _, _, err = convformance(tmp_path, "case", line)
    shown, marks = err.splitlines()[-2:]
    start = marks.index("^")
    assert shown[start : start + marks.count("^")] == "strde=2"


def test_an_invalid_case_says_what_is_wrong_and_with_which_numbers(tmp_path):
    status, out, _ = convformance(tmp_path, "case", "conv x=1x3x5 w=2x1x2 groups=2 float32")
    assert status == 0  # the kernel refuses, as it should
    assert "invalid [conv.groups]" in out
    assert "3" in out
    assert "agrees [conv.groups]" in out


@pytest.mark.parametrize("what", ["ops", "clauses", "variants", "fills", "backends"])
def test_each_list_is_part_of_the_whole(tmp_path, what):
    status, part, _ = convformance(tmp_path, "list", what)
    assert status == 0
    assert part.strip()
    assert part.strip() in convformance(tmp_path, "list")[1]


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("run",),
        ("report",),
        ("case",),
        ("check-adapter",),
        ("list",),
        ("diff",),
        ("history",),
        ("cite",),
        ("export",),
    ],
)
def test_every_command_has_help(tmp_path, command):
    status, out, _ = convformance(tmp_path, *command, "--help")
    assert status == 0
    assert out.startswith("usage: convformance")


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "ten", "1e9"])
def test_minutes_are_a_number_above_0(tmp_path, text):
    status, _, err = convformance(tmp_path, "run", "--backend", "numpy", f"--minutes={text}")
    assert status == 2
    assert "is no number of minutes above 0 and below 10,080" in err


def test_minutes_go_on_from_a_whole_run(tmp_path):
    status, _, err = convformance(
        tmp_path, "run", "--backend", "numpy", "--minutes", "1", "--", "-k", "conv"
    )
    assert status == 2
    assert "--minutes goes on from a whole run; leave out -k conv" in err
