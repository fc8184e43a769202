"""The limits of a backend's process, as options of a run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from convformance.isolation import Limits
from convformance.runfile import load
from convreport.cli import main

WILD = Path(__file__).parents[2] / "conformance" / "tests"
ONE = "pooling_is and global_max and float32"
TWO = "pooling_is and global_max and (float32 or float64)"


def convformance(folder, *arguments):
    path = os.pathsep.join([str(WILD), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-m", "convreport.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran


@pytest.mark.parametrize(("few", "processes"), [(ONE, 0), (TWO, 2)], ids=["alone", "shared"])
def test_a_run_ends_where_its_backend_is_given_up_and_can_be_gone_on_with(tmp_path, few, processes):
    ran = convformance(
        tmp_path,
        *("run", "--backend", "wild_processes:Doomed", "--max-examples", "2", "-o", "run.jsonl"),
        *("--restarts", "3", "--", "-k", few, "-n", str(processes)),
    )
    assert ran.returncode == 2
    assert "wild_processes:Doomed is given up: its process was started again 3 times" in ran.stderr
    assert "Aborted (signal 6)" in ran.stderr
    assert not (tmp_path / "run.jsonl").exists()
    header, *rest = (tmp_path / "run.jsonl.partial").read_text().splitlines()
    assert json.loads(header)["limits"]["restarts"] == 3
    assert len(rest) == 0  # the test in which it was given up is not done
    if processes:
        return
    again = convformance(tmp_path, "run", "--resume", "run.jsonl")
    assert again.returncode == 2
    assert "is given up" in again.stderr


def test_limits_reach_the_process_and_stand_in_the_run_file(tmp_path):
    """A call past the limit is a discrepancy with its numbers, and the run goes on."""
    ran = convformance(
        tmp_path,
        *("run", "--backend", "wild_processes:Sleeping", "--max-examples", "2", "-o", "run.jsonl"),
        *("--case-seconds", "7", "--first-call-seconds", "0.3", "--memory", "900"),
        *("--", "-k", ONE, "-n", "0"),
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    run = load(tmp_path / "run.jsonl")
    assert run.header.limits == vars(Limits(7.0, 0.3, 900))
    late = [one for one in run.cases if one.verdict == "does not answer in time"]
    assert {one.message for one in late} == {"no answer within 0.3 seconds"}
    assert {one.verdict for one in run.cases} == {"agrees", "does not answer in time"}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--case-seconds", "0"), "'0' is no number of seconds above 0"),
        (("--first-call-seconds", "nan"), "'nan' is no number of seconds"),
        (("--memory", "4G"), "'4G' is no whole number of at least 1"),
        (("--restarts", "-1"), "'-1' is no whole number"),
    ],
)
def test_what_is_no_limit_is_told(capsys, option, words):
    with pytest.raises(SystemExit) as left:
        main(["run", "--backend", "numpy", "=".join(option)])
    assert left.value.code == 2
    assert words in capsys.readouterr().err


def test_none_is_a_number_of_restarts(tmp_path):
    """Then the first death ends the run."""
    ran = convformance(
        tmp_path,
        *("run", "--backend", "wild_processes:Doomed", "--max-examples", "2", "-o", "run.jsonl"),
        *("--restarts", "0", "--", "-k", ONE, "-n", "0"),
    )
    assert ran.returncode == 2
    assert "was started again 0 times" in ran.stderr
