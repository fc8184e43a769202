"""Time eight samples on two threads: those of BLAS, or two of Python that take sample by sample.

    python benchmarks/kernel_threads.py

The kernel has no threads of its own: with two of BLAS only the products are shared, and all else
waits for one thread. It may be called from many, though. Here two take one sample after the other
from a queue, and BLAS has one thread for each. A figure is a ratio of medians to PyTorch's time on
two threads; all are called in turns.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from kernel import SIZE, turns, with_threads

with_threads(2)

import numpy as np  # noqa: E402 -- BLAS reads its threads when it is loaded
import torch  # noqa: E402 -- as above
from kernel_contenders import numpy_kernel, torch_calls  # noqa: E402 -- as above
from kernel_layers import LAYERS  # noqa: E402 -- as above
from threadpoolctl import ThreadpoolController  # noqa: E402 -- finds the BLAS that is loaded

from convformance.fills import make_arrays  # noqa: E402 -- as above
from convformance.problem import Case  # noqa: E402 -- as above

BATCH, THREADS = 8, 2
SECONDS = 3.0  # of turns for each layer


def main() -> int:
    """Print the table."""
    torch.set_num_threads(THREADS)
    large = np.ones((SIZE, SIZE), np.float32)
    np.matmul(large, large)
    blas, pool = ThreadpoolController(), ThreadPoolExecutor(THREADS)
    print("| layer | threads of BLAS | threads of Python |\n|---|---|---|")
    for layer in LAYERS:
        if layer.kind not in ("wide", "1x1", "stem"):
            continue
        problem = layer.problem(BATCH, "float32")
        arrays = make_arrays(Case(problem, "integers", 1))
        x, alone = arrays["x"], layer.problem(1, "float32")
        whole, other = numpy_kernel(problem, arrays), torch_calls(problem, arrays)
        each = [numpy_kernel(alone, {**arrays, "x": x[n : n + 1]}) for n in range(BATCH)]

        def by_sample(each: Any = each) -> Any:
            with blas.limit(limits=1, user_api="blas"):
                return np.concatenate(list(pool.map(lambda call: call(), each)))

        if not np.array_equal(by_sample(), whole()):
            raise ValueError(f"{layer.name}: sample by sample the answer is another one")
        times = turns({"torch": other, "blas": whole, "python": by_sample}, SECONDS)
        base, *ours = (median(times[name]) for name in ("torch", "blas", "python"))
        print(f"| {layer.name} | {ours[0] / base:.2f} | {ours[1] / base:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
