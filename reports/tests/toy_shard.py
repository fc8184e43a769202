"""A stand-in for `convformance run --shard`: quick, the same for every seed, and wild if told to.

Each shard has `CASES` cases, one of them a discrepancy of its own. The variables of the environment
name files: while HOLD is there, the shard HELD waits; if MURDER is there, it goes, and the worker
of the shard with it. With AWAIT a shard waits for what another one has found. The shard FULL has no
room for its run file where it runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import time
from pathlib import Path

from convformance.isolation import follow_parent
from convformance.journal import Done, Journal, begun
from convformance.runfile import CaseRecord, Finding, Footer, Header, to_line
from convformance.shards import parse
from convformance.shared import shared_by

CASES = 20
SMALL = 1000  # bytes, less than a run file


def header(shard: str) -> Header:
    one = parse(shard)
    return Header(
        backend=one.backend, version="1", adapter="toy:Toy", convformance="0.1.0", seed=one.seed,
        started=time.strftime("%FT%T+00:00"), python="3.11", system="any", given=one.backend,
        shard=shard,
    )  # fmt: skip


def records(shard: str) -> list[CaseRecord]:
    one = parse(shard)
    signature = f"{one.backend} conv differs in value [conv.sum] {one.area} {one.seed}"
    found = []
    for i in range(CASES):
        line = f"conv x=1x1x{5 + i} w=1x1x2 float32 fill=integers#{one.seed}"
        wrong = {"verdict": "differs in value", "clause": "conv.sum", "signature": signature}
        fine = {"verdict": "agrees", "clauses": ["conv.sum"]}
        found.append(CaseRecord(line, f"c-{i}", "explored", **(wrong if i == 1 else fine)))
    return found


def finding(record: CaseRecord) -> Finding:
    return Finding(
        f"d-{hash_of(record.signature)}", record.signature, "new", record.line, "conv",
        record.verdict, record.clause, "1 of 1 differ" + "!" * int(os.environ.get("SIZE", "0")),
    )  # fmt: skip


def hash_of(text: str) -> str:
    return f"{sum(text.encode()) % 997:08x}{len(text)}"


def misbehave(shard: str, known: Path) -> None:
    murder = Path(os.environ.get("MURDER", "none"))
    try:
        murder.unlink()
    except FileNotFoundError:
        pass
    else:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if "AWAIT" in os.environ:
        wait_for_others(shard, known)
    hold = Path(os.environ.get("HOLD", "none"))
    if hold.exists() and shard == os.environ.get("HELD", shard):
        hold.with_suffix(".held").write_text(str(os.getpid()))
        while hold.exists():
            time.sleep(0.05)


def wait_for_others(shard: str, known: Path) -> None:
    """Wait until what another shard has found is told here; end the run if it never is."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if any(shard not in path.read_text() for path in known.glob("*.json")):
            return
        time.sleep(0.05)
    sys.exit("nothing was told")


def main() -> int:
    follow_parent()
    # A small disk is the front's alone.
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    for name in ("--shard", "--known", "--database", "--fail-on", "--case-seconds"):
        parser.add_argument(name)
    for name in ("-o", "--resume"):
        parser.add_argument(name, type=Path, dest="path")
    options = parser.parse_args()
    if options.shard is None:
        resumed = begun(options.path)
        options.shard = resumed.header.shard
        assert resumed.done
    every = records(options.shard)
    shared = shared_by(Path(options.known), options.shard)
    wrong = next(one for one in every if one.signature)
    found = finding(wrong)
    shared.tell(found)
    journal = Journal(options.path, header(options.shard))
    journal.take([to_line(one) for one in every[:5]], Done("first"))
    misbehave(options.shard, Path(options.known))
    journal.take([to_line(one) for one in every[5:]], Done("second"))
    if os.environ.get("FULL") == options.shard:
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, most))
    try:
        journal.close([found], Footer(CASES, CASES, 1, 1.0))
    except OSError as error:
        print(f"no room for the run file: {error.strerror}", file=sys.stderr)
        return 2
    return 1


if __name__ == "__main__":
    sys.exit(main())
