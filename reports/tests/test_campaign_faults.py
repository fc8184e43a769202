"""Campaigns that lose workers, schedulers, machines and disks: all of it done, on real processes.

The shards are the toy's (toy_shard.py). After each fault the campaign's page is, byte for byte,
that of a campaign that nothing happened to: nothing lost, nothing counted twice.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from toy_shard import CASES

pytest.importorskip("distributed", reason="Dask is not installed")

HERE = Path(__file__).parent
SHARDS = 4
CASES_OF_ALL = SHARDS * CASES
BEGIN = (
    *("campaign", "--backend", "toy", "--backend", "other", "--area", "invalid"),
    *("--cases", "56", "--max-examples", "1", "--out", "camp"),
)  # fmt: skip
RESUME = ("campaign", "--resume", "camp")
HERE_ONE = ("--workers", "1")
LAST = "other/invalid/2x1"


def start(folder: Path, *arguments: str, **values: object) -> subprocess.Popen[str]:
    names = {"HOLD": "hold", "MURDER": "murder"}
    paths = {name: str(folder / file) for name, file in names.items()}
    before = values.pop("before", None)
    return subprocess.Popen(
        [sys.executable, str(HERE / "toy_campaign.py"), *arguments],
        cwd=folder,
        env={**os.environ, **paths, **{name: str(value) for name, value in values.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=before,  # type: ignore[arg-type]  # noqa: PLW1509  one call
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    assert "Traceback" not in out + err, out + err
    return process.returncode, out, err


def campaign(folder: Path, *arguments: str, **values: object) -> tuple[int, str, str]:
    return ended(start(folder, *arguments, **values))


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def held(folder: Path) -> int:
    """Return the process of the shard that waits, once it does."""
    file = folder / "hold.held"
    wait_for(lambda: file.exists() and file.read_text())
    return int(file.read_text())


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def page(folder: Path) -> str:
    return (folder / "camp" / "index.html").read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a campaign that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    status, out, err = campaign(folder, *BEGIN, *HERE_ONE)
    assert (status, err) == (1, "")
    assert f"4 new discrepancies, 0 known deviations, {CASES_OF_ALL} cases" in out
    assert len(re.findall("^NEW  ", out, re.MULTILINE)) == SHARDS  # each told, and told once
    return page(folder)


def test_a_killed_worker_is_replaced_and_its_shard_asked_again(tmp_path: Path, whole: str) -> None:
    """By Dask: the toy sends its worker the signal that nothing survives."""
    (tmp_path / "murder").touch()
    status, out, err = campaign(tmp_path, *BEGIN, *HERE_ONE)
    assert (status, err) == (1, "")
    assert not (tmp_path / "murder").exists()
    assert "not finished" not in out
    assert page(tmp_path) == whole


def test_a_killed_front_is_gone_on_with(tmp_path: Path, whole: str) -> None:
    """Its workers and their runs end with it, and what was finished is not asked again."""
    (tmp_path / "hold").touch()
    process = start(tmp_path, *BEGIN, *HERE_ONE, HELD=LAST)
    run = held(tmp_path)
    shards = tmp_path / "camp" / "shards"
    wait_for(lambda: len(list(shards.glob("*.jsonl"))) == SHARDS - 1)
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not is_alive(run))
    assert not (tmp_path / "camp" / "index.html").exists()
    before = {path: path.stat().st_mtime_ns for path in shards.iterdir()}
    (tmp_path / "hold").unlink()
    status, out, err = campaign(tmp_path, *RESUME, *HERE_ONE)
    assert (status, err) == (1, "")
    assert "3 shards are done" in out
    assert re.findall(r"^(\S+)  20 cases", out, re.MULTILINE) == [LAST]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert page(tmp_path) == whole


def test_what_a_shard_has_found_reaches_another_one_that_runs(tmp_path: Path) -> None:
    """Two shards, begun at once, of which each waits for what the other has found."""
    words = ("--area", "invalid", "--cases", "28", "--max-examples", "1", "--workers", "2")
    two = ("campaign", "--backend", "toy", "--backend", "other", "--out", "camp")
    status, out, err = campaign(tmp_path, *two, *words, AWAIT="1")
    assert (status, err) == (1, "")
    assert "2 new discrepancies" in out


@contextmanager
def dask(*words: str, **values: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a part of a cluster in a session of its own, as a machine is one; end it all."""
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]],
        env={**os.environ, **values}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        lose(process)


def lose(process: subprocess.Popen[bytes]) -> None:
    """Kill a machine: all of its processes at once, and none of them has a last word."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(timeout=60)


def test_a_lost_machine_is_made_up_for_and_a_lost_scheduler_is_told(
    tmp_path: Path, whole: str
) -> None:
    """Shards of a machine go to another one; without a scheduler `--resume` goes on."""
    (tmp_path / "hold").touch()
    place = tmp_path / "scheduler.json"
    values = {"HOLD": str(tmp_path / "hold"), "TMPDIR": str(tmp_path)}
    worker = ("dask_worker", "--scheduler-file", str(place), "--nthreads", "1")
    where = ("--local-directory", str(tmp_path), "--no-dashboard")
    plain = ("dask_scheduler", "--scheduler-file", str(place), "--port", "0", "--no-dashboard")
    with dask(*plain) as scheduler, dask(*worker, *where, **values) as machine:
        wait_for(place.exists)
        address = re.findall(r"tcp://[^\"]*", place.read_text())[0]
        front = start(tmp_path, *BEGIN, "--scheduler", address)
        first = held(tmp_path)
        lose(machine)
        lose_run(first)  # a machine takes its runs with it, whatever session they are of
        (tmp_path / "hold.held").unlink()
        with dask(*worker, *where, **values):
            second = held(tmp_path)
            lose(scheduler)
            status, _, err = ended(front)
            assert status == 2
            assert "the scheduler is lost: convformance campaign --resume camp goes on" in err
        lose_run(second)
    (tmp_path / "hold").unlink()
    status, _, err = campaign(tmp_path, *RESUME, *HERE_ONE)
    assert (status, err) == (1, "")
    assert page(tmp_path) == whole


def lose_run(pid: int) -> None:
    wait_for(lambda: not is_alive(pid))


def test_a_full_disk_ends_the_campaign_with_its_reason_and_loses_nothing(
    tmp_path: Path, whole: str
) -> None:
    """A file may not grow past a limit: what the front cannot write stands nowhere by half."""

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))

    status, _, err = campaign(tmp_path, *BEGIN, *HERE_ONE, before=small)
    assert status == 2
    assert "File too large" in err
    assert "convformance campaign --resume camp goes on" in err
    assert not list((tmp_path / "camp").glob("shards/*"))
    status, _, err = campaign(tmp_path, *RESUME, *HERE_ONE)
    assert (status, err) == (1, "")
    assert page(tmp_path) == whole


def test_a_full_disk_of_a_worker_is_told_and_the_others_go_on(tmp_path: Path, whole: str) -> None:
    """What the shard had finished comes to the front, and is gone on with."""
    status, out, err = campaign(tmp_path, *BEGIN, *HERE_ONE, FULL=LAST)
    assert (status, err) == (2, "")
    assert f"{LAST}  not finished: no room for the run file: File too large" in out
    assert f"{CASES_OF_ALL - CASES} cases, 1 shard not finished" in out
    cut = [one.name for one in (tmp_path / "camp" / "cut").iterdir()]
    assert cut == [f"{LAST.replace('/', '.')}.jsonl.partial"]
    status, _, err = campaign(tmp_path, *RESUME, *HERE_ONE)
    assert (status, err) == (1, "")
    assert page(tmp_path) == whole


def test_a_shard_that_never_ends_is_ended_and_the_others_go_on(tmp_path: Path, whole: str) -> None:
    """What it had finished is kept, and gone on with."""
    (tmp_path / "hold").touch()
    status, out, err = campaign(
        tmp_path, *BEGIN, *HERE_ONE, "--shard-minutes", "0.2", HELD="toy/invalid/1x1"
    )
    assert (status, err) == (2, "")
    assert not is_alive(held(tmp_path))
    assert "toy/invalid/1x1  not finished: it did not end within 0.2 minutes" in out
    assert f"{CASES_OF_ALL - CASES} cases, 1 shard not finished" in out
    told = page(tmp_path)
    assert "<code>toy/invalid/1x1</code>: it did not end within 0.2 minutes" in told
    assert [one.name for one in (tmp_path / "camp" / "cut").iterdir()] == [
        "toy.invalid.1x1.jsonl.partial"
    ]
    (tmp_path / "hold").unlink()
    status, _, err = campaign(tmp_path, *RESUME, *HERE_ONE)
    assert (status, err) == (1, "")
    assert page(tmp_path) == whole
    assert not list((tmp_path / "camp" / "cut").iterdir())
