"""A run that was cut off: what was finished is kept, resumed, and counted once."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
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
RUN = ("run", "--backend", "wild_backends:FlipsPads", "--max-examples", "6", "-o", "run.jsonl")
NARROW = ("--", "-k", "convolution or accuracy", "-n", "2")


def start(folder, *arguments, before=None):
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(WILD), os.environ.get("PYTHONPATH", "")]), "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )


def ended(process):
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in out + err, out + err
    return process.returncode, out, err


def convformance(folder, *arguments, before=None):
    return ended(start(folder, *arguments, before=before))


def lines(path):
    """Return the records of a run file by their test-independent order, without the header."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    for one in found:
        one.pop("seconds", None)
    return sorted(json.dumps(one, sort_keys=True) for one in found[1:])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run file of the same run, not cut off."""
    folder = tmp_path_factory.mktemp("whole")
    status, _, err = convformance(folder, *RUN, *NARROW)
    assert (status, err) == (1, "")  # the backend has discrepancies
    return folder / "run.jsonl"


def cut_off(folder, sent, done=3):
    """Start the run and send it a signal once so many tests are done."""
    process = start(folder, *RUN, *NARROW)
    partial, deadline = folder / "run.jsonl.partial", time.monotonic() + 120
    while not partial.exists() or partial.read_text().count('"type": "done"') < done:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(sent)
    return process


def left_in(folder):
    """Return the processes that work in the folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            found += [one.name] if (one / "cwd").resolve() == folder.resolve() else []
        except OSError:  # it ended meanwhile, or is not ours
            continue
    return found


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_run_that_was_cut_off_and_resumed_is_the_run_that_was_not(tmp_path, whole, sent):
    process = cut_off(tmp_path, sent)
    process.communicate(timeout=60)
    assert process.returncode not in (0, 1)
    assert not (tmp_path / "run.jsonl").exists()
    deadline = time.monotonic() + 30
    while left_in(tmp_path):
        assert time.monotonic() < deadline, "processes are left behind"
        time.sleep(0.1)
    with (tmp_path / "run.jsonl.partial").open("a") as file:
        file.write('{"type": "case", "line": "conv x=1x1')  # as a kill leaves it
    status, out, err = convformance(tmp_path, "run", "--resume", "run.jsonl")
    assert (status, err) == (1, "")
    assert "tests were done" in out
    assert lines(tmp_path / "run.jsonl") == lines(whole)
    assert not (tmp_path / "run.jsonl.partial").exists()
    header = load(tmp_path / "run.jsonl").header
    assert len(header.resumed) == 1
    assert header.started < header.resumed[0]


def test_records_of_a_test_that_was_not_done_are_not_counted_twice(tmp_path, whole):
    cut_off(tmp_path, signal.SIGKILL).communicate(timeout=60)
    partial = tmp_path / "run.jsonl.partial"
    kept = partial.read_text().splitlines(keepends=True)
    last = max(i for i, line in enumerate(kept) if '"type": "done"' in line)
    partial.write_text("".join(kept[:last]))  # its records are there, and the line behind is not
    status, _, err = convformance(tmp_path, "run", "--resume", "run.jsonl.partial")
    assert (status, err) == (1, "")
    assert lines(tmp_path / "run.jsonl") == lines(whole)


def test_a_run_may_be_cut_off_twice(tmp_path, whole):
    cut_off(tmp_path, signal.SIGKILL, done=2).communicate(timeout=60)
    again = start(tmp_path, "run", "--resume", "run.jsonl")
    partial, deadline = tmp_path / "run.jsonl.partial", time.monotonic() + 120
    while partial.read_text().count('"type": "done"') < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    again.kill()
    again.communicate(timeout=60)
    status, _, err = convformance(tmp_path, "run", "--resume", "run.jsonl")
    assert (status, err) == (1, "")
    assert lines(tmp_path / "run.jsonl") == lines(whole)
    assert len(load(tmp_path / "run.jsonl").header.resumed) == 2


def test_a_full_disk_ends_the_run_with_its_reason_and_loses_nothing(tmp_path, whole):
    def small():
        limit = whole.stat().st_size // 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    status, _, err = convformance(tmp_path, *RUN, *NARROW, before=small)
    assert status == 2
    assert "the run file cannot be written: File too large" in err
    assert "convformance run --resume run.jsonl goes on" in err
    assert not (tmp_path / "run.jsonl").exists()
    status, _, err = convformance(tmp_path, "run", "--resume", "run.jsonl")
    assert (status, err) == (1, "")
    assert lines(tmp_path / "run.jsonl") == lines(whole)


def refused(folder, *arguments):
    status, out, err = convformance(folder, "run", *arguments)
    assert (status, out) == (2, "")
    return err


def test_what_cannot_be_resumed_is_told(tmp_path, whole):
    assert "there is nothing to resume" in refused(whole.parent, "--resume", "run.jsonl")
    assert "there is no such file" in refused(tmp_path, "--resume", "none.jsonl")
    (tmp_path / "a.jsonl.partial").write_text("")
    assert "nothing was recorded" in refused(tmp_path, "--resume", "a.jsonl")
    (tmp_path / "b.jsonl.partial").write_text('{"type": "case"\n')
    assert "b.jsonl.partial, line 1: " in refused(tmp_path, "--resume", "b.jsonl")
    err = refused(tmp_path, "--resume", "a.jsonl", "--seed", "3", "--profile", "exhaustive")
    assert "leave out --seed, --profile" in err
    assert "which backend?" in refused(tmp_path)


def test_a_run_of_another_release_is_not_gone_on_with(tmp_path, whole):
    header, *rest = whole.read_text().splitlines(keepends=True)
    other = header.replace('"version": "1"', '"version": "0.9"')
    assert other != header
    (tmp_path / "run.jsonl.partial").write_text("".join([other, *rest[:3]]))
    status, _, err = convformance(tmp_path, "run", "--resume", "run.jsonl")
    assert status == 2
    assert "run it anew" in err
    assert (tmp_path / "run.jsonl.partial").exists()
