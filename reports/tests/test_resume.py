"""A run that was cut off: what was finished is kept, resumed, and counted once.

The backend waits in the midst of the run while a file exists, so that a signal always comes when
the same tests are done, and never has to be quick. One process does three tests of five before
the wait, two do one each.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convformance.journal import begun
from convformance.runfile import load
from convreport.cli import main

WILD = Path(__file__).parents[2] / "conformance" / "tests"
# A shell that runs the tests in the background has its children ignore the interrupt.
MAIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from convreport.cli import main
sys.exit(main())
"""
RUN = ("run", "--backend", "wild_backends:Holding", "--max-examples", "3", "-o", "run.jsonl")
FEW = "pooling_is and global_max and (float32 or float64 or int8 or int64)"  # and uint8
RESUME = ("run", "--resume", "run.jsonl")
ALONE, SHARED = 0, 2  # processes
DONE = 2  # tests, when the backend waits
TESTS = 5


def narrow(processes):
    return ("--", "-k", FEW, "-n", str(processes))


def start(folder, *arguments, before=None):
    path = os.pathsep.join([str(WILD), os.environ.get("PYTHONPATH", "")])
    hold = str(folder / "hold")
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "120", "HOLD": hold},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,  # noqa: PLW1509  one call
    )


def convformance(folder, *arguments, before=None):
    process = start(folder, *arguments, before=before)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in out + err, out + err
    return process.returncode, out, err


def records(path):
    """Return the records of a run file in an order of their own, without header and times."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    for one in found:
        one.pop("seconds", None)
    return sorted(json.dumps(one, sort_keys=True) for one in found[1:])


def cut_off(folder, sent, processes):
    """Start a run and send it a signal where its backend waits."""
    (folder / "hold").touch()
    process = start(folder, *RUN, *narrow(processes))
    wait_for(lambda: told_done(folder) == DONE)
    process.send_signal(sent)
    process.communicate(timeout=60)
    assert process.returncode not in (0, 1)
    (folder / "hold").unlink()


def told_done(folder):
    partial = folder / "run.jsonl.partial"
    return partial.read_text().count('"type": "done"') if partial.exists() else 0


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def left_in(folder):
    """Return the processes that work in the folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            found += [one.name] if (one / "cwd").resolve() == folder.resolve() else []
        except OSError:  # it ended meanwhile, or is not ours
            continue
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders with the run file of the same run that was not cut off, by processes."""
    made = {}

    def make(processes):
        if processes not in made:
            made[processes] = tmp_path_factory.mktemp("whole")
            status, _, err = convformance(made[processes], *RUN, *narrow(processes))
            assert (status, err) == (1, "")  # the backend has a discrepancy
        return made[processes]

    return make


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a run in one process that was killed."""
    folder = tmp_path_factory.mktemp("killed")
    cut_off(folder, signal.SIGKILL, ALONE)
    return folder


@pytest.fixture
def cut(tmp_path, killed):
    """A folder with what a killed run left, the half of a line behind it."""
    shutil.copy(killed / "run.jsonl.partial", tmp_path)
    with (tmp_path / "run.jsonl.partial").open("a") as file:
        file.write('{"type": "case", "line": "conv x=1x1')
    return tmp_path


def resumed(folder, whole, *arguments):
    """Go on with a run, and compare it with the one that was not cut off; return what it said."""
    status, out, err = convformance(folder, *(arguments or RESUME))
    assert (status, err) == (1, "")
    assert records(folder / "run.jsonl") == records(whole / "run.jsonl")
    assert not (folder / "run.jsonl.partial").exists()
    return out


@pytest.mark.parametrize(
    ("sent", "processes"),
    [(signal.SIGKILL, SHARED), (signal.SIGTERM, ALONE), (signal.SIGINT, ALONE)],
    ids=["kill", "term", "interrupt"],
)
def test_a_run_that_was_cut_off_and_resumed_is_the_run_that_was_not(
    tmp_path, whole, sent, processes
):
    cut_off(tmp_path, sent, processes)
    assert not (tmp_path / "run.jsonl").exists()
    wait_for(lambda: not left_in(tmp_path))
    assert f"{DONE} tests were done" in resumed(tmp_path, whole(processes))
    header = load(tmp_path / "run.jsonl").header
    assert len(header.resumed) == 1
    assert header.started <= header.resumed[0]


def test_only_what_was_not_done_is_asked_again(cut, whole):
    """The discrepancy that the killed process met is known to the one that goes on."""
    before = begun(cut / "run.jsonl")
    assert len(before.done) == len(before.tests) == DONE
    assert [list(one) for one in before.seen.values()] == [
        ["holding global_max_pool differs in value [global.window]"]
    ]
    (cut / "hold").touch()
    process = start(cut, *RESUME)
    wait_for(lambda: '"type": "resumed"' in (cut / "run.jsonl.partial").read_text())
    process.kill()  # before a further test was done
    process.communicate(timeout=60)
    (cut / "hold").unlink()
    assert begun(cut / "run.jsonl").tests == before.tests
    resumed(cut, whole(ALONE))
    assert len(load(cut / "run.jsonl").header.resumed) == 2


def test_records_of_a_test_that_was_not_done_are_not_counted_twice(cut, whole):
    partial = cut / "run.jsonl.partial"
    kept = partial.read_text().splitlines(keepends=True)
    last = max(i for i, line in enumerate(kept) if '"type": "done"' in line)
    assert '"type": "case"' in kept[last - 1]
    partial.write_text("".join(kept[:last]))  # its records are there, that it was done is not
    assert len(begun(partial).done) == DONE - 1
    resumed(cut, whole(ALONE), "run", "--resume", "run.jsonl.partial")


def test_a_full_disk_ends_the_run_with_its_reason_and_loses_nothing(tmp_path, whole):
    complete = whole(ALONE)

    def small():
        limit = (complete / "run.jsonl").stat().st_size * 3 // 4
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    status, _, err = convformance(tmp_path, *RUN, *narrow(ALONE), before=small)
    assert status == 2
    assert "the run file cannot be written: File too large" in err
    assert "convformance run --resume run.jsonl goes on" in err
    assert not (tmp_path / "run.jsonl").exists()
    assert 0 < told_done(tmp_path) < TESTS
    resumed(tmp_path, complete)


@pytest.fixture
def refused(capsys, monkeypatch):
    """Call the command line, here; return the error that it tells."""
    monkeypatch.setenv("PYTHONPATH", str(WILD), prepend=os.pathsep)

    def told(folder, *arguments):
        monkeypatch.chdir(folder)
        status = main(arguments)
        out, err = capsys.readouterr()
        assert (status, out) == (2, "")
        return err

    return told


def test_no_report_takes_a_run_that_was_cut_off(cut, refused):
    """Neither by its name, nor under another, nor in its folder."""
    partial = cut / "run.jsonl.partial"
    (cut / "named").mkdir()
    shutil.copy(partial, cut / "named" / "run.jsonl")
    for given in (partial, cut / "named", cut):
        err = refused(cut, "report", str(given), "-o", "out")
        assert "run did not finish" in err
        assert "convformance run --resume " in err
        assert not (cut / "out").exists()


def test_what_cannot_be_resumed_is_told(tmp_path, whole, refused):
    finished = whole(ALONE)
    before = (finished / "run.jsonl").read_bytes()
    assert "is finished: there is nothing to resume" in refused(finished, *RESUME)
    assert (finished / "run.jsonl").read_bytes() == before
    assert "there is no such file" in refused(tmp_path, "run", "--resume", "none.jsonl")
    (tmp_path / "a.jsonl.partial").write_text("")
    assert "nothing was recorded" in refused(tmp_path, "run", "--resume", "a.jsonl")
    (tmp_path / "b.jsonl.partial").write_text('{"type": "case"\n')
    assert "b.jsonl.partial, line 1: " in refused(tmp_path, "run", "--resume", "b.jsonl")
    assert "which backend?" in refused(tmp_path, "run")


def test_a_run_is_not_gone_on_with_by_others(cut, refused):
    """Another seed, profile, backend or version would tell of two things in one file."""
    partial = cut / "run.jsonl.partial"
    err = refused(cut, *RESUME, "--seed", "3", "--profile", "exhaustive")
    assert "leave out --seed, --profile" in err
    err = refused(cut, *RESUME, "--backend", "wild_backends:Tame")
    assert "was begun by convformance" in err
    assert "with holding 1;" in err
    assert "with tame 1 would tell of two things in one file: run it anew" in err
    other = partial.read_text().replace('"version": "1"', '"version": "0.9"', 1)
    partial.write_text(other)
    err = refused(cut, *RESUME)
    assert "with holding 0.9;" in err
    assert "with holding 1 would tell" in err
    assert partial.read_text() == other
