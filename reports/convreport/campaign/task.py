"""What a worker does: one shard, as `convformance run` in a process of its own.

The run file comes back whole and packed, so that workers need no disk that the front can see.
What is new is told at once, and what others have told is put where the run looks for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from convformance.ending import tail
from convformance.isolation import end_family
from convformance.runfile import PARTIAL, RunFileError
from convformance.shards import parse
from convformance.shared import put
from convreport.campaign.tally import tally_of
from convreport.process_limits import limit_words
from convreport.usage import RED, last_words

TOPIC = "convformance"  # of Dask's events: what is new
GLANCE = 0.5  # seconds between two looks at what a run has found
# Dask sets these for its workers. A backend computes as it does outside of a campaign.
THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_",
)  # fmt: skip
# On Linux the kernel ends the run when its worker is killed; it asks for that itself.
PROGRAM = (
    "-c",
    "import sys; from convformance.isolation import follow_parent; follow_parent(); "
    "from convreport.cli import main; sys.exit(main())",
)


@dataclass(frozen=True)
class Order:
    """What a worker needs to run a shard.

    `campaign` names the front's session: workers may serve several, each with its own discoveries.
    `known` has pairs of a signature and the shard that found it. `begun` is what a cut-off run of
    this shard left, packed. `databases` are places of examples that the workers reach.
    `environment` has the front's values of `THREADS`. `program` are the words behind Python that
    run a shard.
    """

    campaign: str
    shard: str
    limits: Mapping[str, float]
    seconds: float
    known: Sequence[tuple[str, str]] = ()
    begun: bytes = b""
    databases: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    program: Sequence[str] = PROGRAM


@dataclass(frozen=True)
class Ended:
    """How a shard ended: with its run file and its tally, or with the trouble and what is left."""

    shard: str
    run: bytes = b""  # packed
    tally: str = ""
    seconds: float = 0.0
    trouble: str = ""
    begun: bytes = b""


def run_shard(order: Order) -> Ended:
    """Run a shard and return how it ended; whatever it leaves on the worker's disk goes."""
    from distributed import get_worker

    known = known_in(get_worker(), order.campaign)
    for signature, shard in order.known:
        put(known, signature, {"shard": shard})
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=known.parent, ignore_cleanup_errors=True) as folder:
        path = Path(folder) / parse(order.shard).file
        try:
            trouble = _ran(order, path, known)
            ended = _ended(order, path, trouble)
        except OSError as error:  # the worker's disk is full
            ended = Ended(order.shard, trouble=f"{error.strerror or error}")
    return replace(ended, seconds=round(time.monotonic() - started, 3))


def known_in(worker: Any, campaign: str) -> Path:
    """Return a worker's folder of what shards have found; Dask takes it away."""
    return Path(worker.local_directory).resolve() / f"known-{campaign}"


def receive(campaign: str, pairs: Sequence[tuple[str, str]], dask_worker: Any) -> None:
    """Take what other shards have found, while shards run here; Dask gives the worker."""
    for signature, shard in pairs:
        put(known_in(dask_worker, campaign), signature, {"shard": shard})


def _ran(order: Order, path: Path, known: Path) -> str:
    """Run the shard; return why it did not end well, or nothing."""
    with tempfile.TemporaryFile() as said:
        words = [sys.executable, *order.program, *_words(order, path, known)]
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            env=_environment(order), start_new_session=True,
        )  # fmt: skip
        try:
            trouble = _watched(process, order, known)
        finally:
            end_family(process)
        return trouble or _said(process.returncode, said)


def _words(order: Order, path: Path, known: Path) -> list[str]:
    known.mkdir(parents=True, exist_ok=True)
    words = ["run", "--known", str(known), "--fail-on", "none"]
    places = order.databases or [str(path.parent / "examples")]  # none: one that goes
    words += [f"--database={one}" for one in places]
    if order.begun:
        path.with_name(path.name + PARTIAL).write_bytes(zlib.decompress(order.begun))
        return [*words, "--resume", str(path)]
    words += ["--shard", order.shard, "-o", str(path)]
    return words + limit_words(order.limits)


def _environment(order: Order) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in THREADS}
    return {**kept, **order.environment, "COLUMNS": "120"}


def _watched(process: subprocess.Popen[bytes], order: Order, known: Path) -> str:
    """Wait for the run, telling what it finds; return why it was ended, if it was."""
    until = time.monotonic() + order.seconds
    told: set[str] = set()
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GLANCE)
        _tell(order, known, told)
        if time.monotonic() >= until:
            return f"it did not end within {order.seconds / 60:g} minutes"
        if not _is_wanted():
            return "the campaign went away"
    return ""


def _tell(order: Order, known: Path, told: set[str]) -> None:
    """Tell the front what this shard has found since the last look."""
    from distributed import get_worker

    for data in _found(known, told):
        if data.get("shard") == order.shard and "finding" in data:
            get_worker().log_event(f"{TOPIC}-{order.campaign}", data)


def _found(known: Path, told: set[str]) -> Iterator[dict[str, Any]]:
    for path in known.glob("*.json"):
        if path.name not in told:
            told.add(path.name)
            with contextlib.suppress(OSError, ValueError):
                yield json.loads(path.read_bytes())


def _is_wanted() -> bool:
    """Whether the scheduler still waits for this task; a front that went away waits for none."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state == "executing"


def _said(status: int, said: IO[bytes]) -> str:
    """Return the last words of a run that did not end well, or nothing."""
    if 0 <= status <= RED:
        return ""
    words = last_words(tail(said))
    return words if words.strip() else f"its process ended with {status}"


def _ended(order: Order, path: Path, trouble: str) -> Ended:
    shard = order.shard
    if not trouble:
        try:
            tally = tally_of(path)
            if tally.shard != shard:
                raise RunFileError(f"it wrote the run file of {tally.shard}")
            return Ended(shard, zlib.compress(path.read_bytes(), 6), tally.to_json())
        except RunFileError as error:
            trouble = str(error).replace(f"{path}: ", "")
    partial = path.with_name(path.name + PARTIAL)
    left = partial.read_bytes() if partial.exists() else b""
    if order.begun and left == zlib.decompress(order.begun):
        left = b""  # it cannot be gone on with: another release began it
    return Ended(shard, trouble=trouble, begun=zlib.compress(left, 6) if left else b"")
