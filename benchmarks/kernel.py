"""Time the NumPy kernel beside other frameworks on whole layers, and draw its roofline.

    python benchmarks/kernel.py -o kernel-bench
    python benchmarks/kernel.py --threads 2 --batch 8 --only wide -o kernel-bench

Every contender is called in turns in one process, so that a busy machine slows all of them; a
figure is the median over the turns, a ratio one of medians. What takes less than five milliseconds
is called again and again in its turn, until it does. Threads are set before anything is loaded.
Everything runs once before: a fresh process multiplies matrices at a third of its speed until one
large product has run. What one product of 1,024 x 1,024 and one copy of 64 MB reach between the
turns stands beside the figures.

"floor" is the least of NumPy's own calls that an answer needs, on arrays laid out for it: the
product alone, without its columns, or the passes over planes in the cache. "laying" is what NumPy
takes to lay them out so and to take the answer from there: columns in blocks, padded planes and
the phases of a stride, or planes that are brought into the cache. Where both together pass a
target, this way of computing does not reach it; docs/kernel.md tells of other ways.

The folder gets `samples.json` (every time of every call), `table.md` and `roofline.svg`. `table.md`
says which targets are missed; the exit status is 0 all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from math import inf
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TARGETS = {  # of the ratio to PyTorch, by kind of work and dtype
    ("wide", "float32"): 1.1, ("wide", "float64"): 0.95,
    ("1x1", "float32"): 1.1, ("1x1", "float64"): 0.95,
    ("stem", "float32"): 1.0, ("1-D and 3-D", "float32"): 1.0,
    ("depthwise", "float32"): 1.3, ("depthwise", "float64"): 0.5,
    ("maximum", "float32"): 0.2, ("average", "float32"): 0.3, ("global", "float32"): 0.6,
    ("transposed", "float32"): 1.1, ("gradient", "float32"): 1.1,
}  # fmt: skip
ON_TWO = {(kind, "float32"): 1.2 for kind in ("wide", "1x1")}  # with two threads
MICROSECONDS = {"tiny 1-D": 40.0, "tiny 2-D": 25.0, "tiny 3-D": 40.0}
SIZE = 1024  # of the matrices of the sgemm that figures are held against
COPY = 64 << 20
SHORTEST = 5e-3  # seconds of a turn
LEAST = 5  # turns


def options_of() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"])
    parser.add_argument("--only", nargs="+", default=[], help="parts of names or kinds of layers")
    parser.add_argument("--beside", nargs="+", default=[], help="contenders (default: all)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of turns for each layer")
    parser.add_argument("-o", type=Path, default=Path("kernel-bench"), dest="folder")
    return parser.parse_args()


def with_threads(number: int) -> None:
    """Start this program anew with its libraries limited to so many threads."""
    if os.environ.get(THREADS[0]) != str(number) or "KERNEL_BENCH" not in os.environ:
        flags = "--xla_cpu_multi_thread_eigen=" + ("false" if number == 1 else "true")
        more = dict.fromkeys(THREADS, str(number)) | {"KERNEL_BENCH": "1", "XLA_FLAGS": flags}
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | more)


def limited(names: list[str], number: int) -> dict[str, str]:
    """Load the contenders, set their threads and return the versions of those that are here."""
    import numpy as np

    versions = {"numpy": np.__version__}
    if "torch" in names:
        import torch

        torch.set_num_threads(number)
        versions["torch"] = torch.__version__
    if "jax" in names:
        import jax

        versions["jax"] = jax.__version__
    if "tensorflow" in names:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(number)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        versions["tensorflow"] = tf.__version__
    for name in {"onnxruntime", "onnx", "scipy"} & set(names):
        versions[name] = __import__(name).__version__
    return versions


def timed(call: Any, number: int = 1) -> float:
    """Return how many seconds a call takes, on average over a number of calls."""
    started = perf_counter()
    for _ in range(number):
        call()
    return (perf_counter() - started) / number


def turns(calls: dict[str, Any], seconds: float) -> dict[str, list[float]]:
    """Return the times of each call, taken in turns; at least five of each, once it is warm.

    The order is drawn anew for each turn: a call finds in the cache what the one before it left.
    A call that takes longer than all of them may is timed once.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    quick, number = dict(calls), {}
    for name, call in calls.items():
        call()
        first = timed(call)
        number[name] = max(1, int(SHORTEST / first))
        if first > seconds:
            times[name].append(first)
            del quick[name]
    end, order = perf_counter() + seconds, Random(1)
    while quick and (perf_counter() < end or len(times[next(iter(quick))]) < LEAST):
        for name in order.sample(list(quick), len(quick)):
            times[name].append(timed(quick[name], number[name]))
    return times


def machine_calls(dtype: str) -> dict[str, Any]:
    """Return the product and the copy that the machine is measured by."""
    import numpy as np

    a = np.ones((SIZE, SIZE), dtype)
    source = np.ones(COPY // 8)
    target = np.empty_like(source)
    return {"gemm": lambda: a @ a, "copy": lambda: np.copyto(target, source)}


def measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for every layer, batch and dtype: sizes, and the times of all contenders."""
    from kernel_contenders import CONTENDERS, work
    from kernel_layers import LAYERS

    from convformance.fills import make_arrays
    from convformance.problem import Case

    names = [
        name
        for name in CONTENDERS
        if name in (*options.beside, "numpy", "floor", "laying") or not options.beside
    ]
    rows = []
    for dtype in options.dtype:
        machine = machine_calls(dtype)
        for layer in LAYERS:
            if options.only and not any(one in (layer.name, layer.kind) for one in options.only):
                continue
            for batch in options.batch[:1] if layer.kind == "tiny" else options.batch:
                problem = layer.problem(batch, dtype)
                arrays = make_arrays(Case(problem, "real", 0))
                made = {name: CONTENDERS[name](problem, arrays) for name in names}
                calls = {name: call for name, call in made.items() if call}
                times = turns({**calls, **machine}, options.seconds)
                held = sum(one.nbytes for one in arrays.values())
                rows.append(
                    {
                        "layer": layer.name,
                        "kind": layer.kind,
                        "batch": batch,
                        "dtype": dtype,
                        "problem": str(problem),
                        "multiplications": work(problem),
                        "bytes": held + nbytes(calls["numpy"]()),
                        "seconds": times,
                    }
                )
                print(told(rows[-1]), flush=True)
    return rows


def nbytes(answer: Any) -> int:
    """Return the bytes of an answer's arrays."""
    return sum(one.nbytes for one in answer) if isinstance(answer, tuple) else int(answer.nbytes)


def told(row: dict[str, Any]) -> str:
    """Return the line of a row while it is measured."""
    mine = median(row["seconds"]["numpy"])
    others = " ".join(
        f"{name} {mine / median(times):.2f}"
        for name, times in row["seconds"].items()
        if name not in ("numpy", "gemm", "copy")
    )
    return f"{row['dtype']} {row['layer']} x{row['batch']}: {1e3 * mine:.3f} ms; of {others}"


def table(rows: list[dict[str, Any]], head: str, threads: int) -> str:
    """Return the page of ratios."""
    found = {name for row in rows for name in row["seconds"]}
    others = sorted(found - {"numpy", "gemm", "copy", "floor", "laying"})
    lines = [head, ""]
    titles = [
        "layer",
        "batch",
        "ms",
        "GFLOP/s",
        "of gemm",
        "of copy",
        *others,
        "floor of torch",
        "and laying",
        "target",
    ]
    for dtype in dict.fromkeys(row["dtype"] for row in rows):
        lines += [f"## {dtype}", "", " | ".join(["", *titles, ""]).strip()]
        lines.append("|" + "---|" * len(titles))
        lines += [_line(row, others, threads) for row in rows if row["dtype"] == dtype]
        lines.append("")
    return "\n".join(lines)


def _line(row: dict[str, Any], others: list[str], threads: int) -> str:
    medians = {name: median(times) for name, times in row["seconds"].items()}
    mine, rate = medians["numpy"], 2 * row["multiplications"] / medians["numpy"]
    gemm, copy = 2 * SIZE**3 / medians["gemm"], 2 * COPY / medians["copy"]
    ratios = [short(mine / medians[name]) if name in medians else "" for name in others]
    floor = medians["floor"] / medians["torch"] if {"floor", "torch"} <= set(medians) else None
    laying = None
    if floor is not None and "laying" in medians:
        laying = floor + medians["laying"] / medians["torch"]
    target = (ON_TWO if threads > 1 else TARGETS).get((row["kind"], row["dtype"]))
    note = noted(target, mine / medians.get("torch", inf), floor, laying)
    if row["layer"] in MICROSECONDS and row["batch"] == 1:
        least = MICROSECONDS[row["layer"]]
        note = f"{least:.0f} us {'reached' if 1e6 * mine <= least else 'missed'}"
    cells = [
        row["layer"], str(row["batch"]), f"{1e3 * mine:.3f}", f"{rate / 1e9:.1f}",
        f"{rate / gemm:.0%}", f"{row['bytes'] / mine / copy:.0%}", *ratios,
        *("" if one is None else f"{one:.2f}" for one in (floor, laying)), note,
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def rounded(value: Any) -> Any:
    """Return the samples with five digits, which is more than a clock has to say."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def short(ratio: float) -> str:
    """Return a ratio with two digits behind the point, or with two that count."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def noted(target: float | None, ratio: float, floor: float | None, laying: float | None) -> str:
    """Return whether a ratio to PyTorch reaches its target, and whether any could."""
    if target is None:
        return ""
    if ratio <= target:
        return f"{target} reached"
    if floor and floor > target:
        return f"{target} missed, floor above it"
    return f"{target} missed" + (", floor and laying above it" if (laying or 0) > target else "")


def roofline(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw each float32 layer: its intensity, and its speed under the roof of this machine."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "kernel"
    from matplotlib import pyplot

    rows = [row for row in rows if row["dtype"] == "float32"]
    gemm = median(2 * SIZE**3 / median(row["seconds"]["gemm"]) for row in rows) / 1e9
    copy = median(2 * COPY / median(row["seconds"]["copy"]) for row in rows) / 1e9
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    groups = defaultdict(list)
    for row in rows:
        speed = 2 * row["multiplications"] / median(row["seconds"]["numpy"]) / 1e9
        groups[row["kind"]].append((2 * row["multiplications"] / row["bytes"], speed))
    reach = [0.1, gemm / copy, 2000]
    axes.plot(reach, [min(gemm, copy * one) for one in reach], color="0.4", linewidth=1)
    for kind, marker in zip(groups, "osD^v<>PX*", strict=False):
        axes.scatter(*zip(*groups[kind], strict=True), marker=marker, s=28, label=kind)
    axes.set(xscale="log", yscale="log", xlabel="operations per byte of input, weight and output")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"sgemm {gemm:.0f} GFLOP/s, copy {copy:.1f} GB/s", fontsize=10)
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    """Measure, and write the folder."""
    options = options_of()
    with_threads(options.threads)
    from kernel_contenders import CONTENDERS

    versions = limited(options.beside or list(CONTENDERS), options.threads)
    rows = measured(options)
    words = ", ".join(f"{name} {version}" for name, version in versions.items())
    batches = " and ".join(map(str, options.batch))
    head = f"# The kernel beside others: batch {batches}, {options.threads} thread(s)\n\n{words}"
    options.folder.mkdir(parents=True, exist_ok=True)
    samples = {"threads": options.threads, "versions": versions, "rows": rows}
    (options.folder / "samples.json").write_text(json.dumps(rounded(samples)), encoding="utf-8")
    (options.folder / "table.md").write_text(table(rows, head, options.threads), encoding="utf-8")
    if any(row["dtype"] == "float32" for row in rows):
        roofline(rows, options.folder / "roofline.svg")
    print(f"table and picture in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
