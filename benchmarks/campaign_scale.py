"""Measure what a campaign costs on 1 and 2 workers, simulate it on more, and draw the plot.

    python benchmarks/campaign_scale.py -o out
    python benchmarks/campaign_scale.py -o out --measured docs/scale/measured.json

The first measures: one shard of each drawn area of the NumPy kernel, alone (processor time); a
campaign of real small shards on one worker and on two (wall time); campaigns of canned shards, of
which only what the front and Dask do is left (campaign_canned.py); messages to workers. The second
simulates again from what was measured. Both write scale.svg, and print the table for 10^8 cases.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from campaign_canned import campaign
from campaign_model import Measured, Simulated, simulate

from convformance.shards import AREAS, cases_of
from convreport.campaign.cluster import cluster
from convreport.campaign.task import receive

BACKEND = "numpy"
DRAWN = tuple(name for name, one in AREAS.items() if one.drawn)
WORKERS = (1, 2, 4, 16, 64, 128, 256, 512, 1000, 2000, 4000)
SHOWN = (1, 2, 64, 256, 1000, 2000, 4000)
CASES = 1e8
FEW, TIMES = 6, 100  # workers that are told something, and how often
SLEEPING, SECONDS = 24, 1.5  # shards that sleep, and how long
FINDINGS = 200  # assumed: new discrepancies, each told to every worker
NETWORK = 0.005  # assumed: seconds of a message to another machine and back


def main() -> int:
    """Measure or read, simulate, print and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-o", dest="folder", type=Path, required=True)
    parser.add_argument("--measured", type=Path, help="a file that an earlier call wrote")
    parser.add_argument("--cases", type=float, default=CASES)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.measured:
        told = json.loads(options.measured.read_text(encoding="utf-8"))
    else:
        told = measure()
        text = json.dumps(told, indent=1) + "\n"
        (options.folder / "measured.json").write_text(text, encoding="utf-8")
    shards = ceil(options.cases / each_seed()) * len(DRAWN)
    found = [simulate(model_of(told), n, shards, FINDINGS) for n in WORKERS]
    print(checked(told))
    print(table(found, shards, options.cases))
    draw(found, options.folder / "scale.svg", shards)
    return 0


def checked(told: dict[str, Any]) -> str:
    """Return what the model says of the sleeping shards beside what was measured."""
    model = replace(model_of(told), shards=[SECONDS], assign=told["assign"])
    lines = []
    for n, seconds in zip((1, 2), told["asleep"], strict=True):
        asked = simulate(model, n, SLEEPING, spread=0.0)
        lines.append(f"{SLEEPING} shards of {SECONDS} s on {n}: {seconds:.1f} s, "
                     f"in the model {asked.seconds - asked.merge:.1f} s")  # fmt: skip
    one, two = told["real"]
    lines.append(f"real shards: {one['wall']:.0f} s on 1 worker, {two['wall']:.0f} s on 2; "
                 f"processor {one['processor']:.0f} s and {two['processor']:.0f} s")  # fmt: skip
    return "\n".join([*lines, ""])


def each_seed() -> int:
    """Return the cases of one seed on one backend."""
    return sum(map(cases_of, DRAWN))


def model_of(told: dict[str, Any]) -> Measured:
    """Return the times of the model from what was measured."""
    return Measured(
        shards=[told["shards"][area] for area in DRAWN],
        take=told["take"],
        assign=told["assign"] + NETWORK,
        tell=told["tell"],
        merge=told["merge"],
        page=0.0,
    )


def measure() -> dict[str, Any]:
    """Return what was measured here, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one, two = (campaign(folder, 400, 1_600, n) for n in (1, 2))
        asleep = [campaign(folder, SLEEPING, 100, n, SECONDS) for n in (1, 2)]
        return {
            "canned": [vars(costs) for costs in (one, two)],
            "asleep": [costs.asked for costs in asleep],
            # Scheduler and front are one process here; its time for a shard is the serial part.
            "take": max(one.front, two.front) / one.shards,
            "merge": max(one.merged, two.merged) / one.shards,  # with the page
            **messages(),
            "real": [real(folder / f"real-{n}", n) for n in (1, 2)],
            "shards": {area: shard_seconds(folder, area) for area in DRAWN},
        }


def shard_seconds(folder: Path, area: str) -> float:
    """Return the processor time of a whole shard, its process and its backend's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shard = f"{BACKEND}/{area}/1"
    words = ["run", "--shard", shard, "-o", str(folder / f"{area}.jsonl")]
    subprocess.run(
        [sys.executable, "-m", "convreport.cli", *words], check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def real(folder: Path, workers: int) -> dict[str, float]:
    """Return the seconds of a campaign of small real shards, from its first word to its last."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = ["--backend", BACKEND, "--area", "pooling", "--max-examples", "2", "--cases", "1000"]
    command = [sys.executable, "-m", "convreport.cli", "campaign", *words]
    more = ["--workers", str(workers), "--out", str(folder)]
    subprocess.run([*command, *more], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "processor": after.ru_utime - before.ru_utime}


def messages() -> dict[str, float]:
    """Return the seconds of an empty task, and of telling one more worker of a discrepancy."""
    told = {n: _told(n) for n in (1, FEW)}
    with cluster(None, 1) as client:
        client.submit(int, 1).result()
        started = time.perf_counter()
        for i in range(TIMES):
            client.submit(int, i, pure=False).result()
        assign = (time.perf_counter() - started) / TIMES
    return {"assign": assign, "tell": (told[FEW] - told[1]) / (FEW - 1)}


def _told(workers: int) -> float:
    """Return the processor time of the front, with its scheduler, for telling all workers."""
    with cluster(None, workers) as client:
        client.run(receive, "scale", [("a signature", "numpy/pooling/1")])
        started = time.process_time()
        for i in range(TIMES):
            client.run(receive, "scale", [(f"signature {i}", "numpy/pooling/1")])
        return (time.process_time() - started) / TIMES


def table(found: Sequence[Simulated], shards: int, cases: float) -> str:
    """Return the table of docs/scale.md."""
    lines = [
        f"{cases:g} cases, {shards:,} shards, {found[0].work / 3600:,.0f} hours of one core",
        "",
    ]
    lines += ["| workers | hours | speed-up | efficiency | front busy | tail | merge |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for one in found:
        if one.workers in SHOWN:
            lines.append(
                f"| {one.workers:,} | {one.seconds / 3600:,.2f} | {one.speedup:,.1f} "
                f"| {one.efficiency:.0%} | {one.front:.0%} | {one.tail:,.0f} s "
                f"| {one.merge:,.0f} s |"
            )
    return "\n".join(lines)


def draw(found: Sequence[Simulated], path: Path, shards: int) -> None:
    """Draw the speed-up over the workers, and how busy the front is."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "convformance", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    workers = [one.workers for one in found]
    left.loglog(workers, workers, color="#999999", linestyle="--", label="linear")
    left.loglog(workers, [one.speedup for one in found], "o-", color="#1f5fa8", label="simulated")
    for one in found:
        if one.workers in (64, 1000):
            text = f"{one.workers:,}: {one.speedup:,.0f}"
            place = (one.workers, one.speedup)
            left.annotate(text, place, (8, -14), textcoords="offset points")
    left.set(xlabel="workers", ylabel="speed-up over one worker", title=f"{shards:,} shards")
    left.legend()
    for label, name, mark, color in (
        ("efficiency", "efficiency", "o-", "#1f5fa8"),
        ("front busy", "front", "s-", "#b5541c"),
    ):
        right.semilogx(
            workers, [getattr(one, name) for one in found], mark, color=color, label=label
        )
    right.set(xlabel="workers", ylim=(0, 1.05), title="share of the time")
    right.legend()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
