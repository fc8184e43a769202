"""Sizes where implementations change over: blocks, vectors, tails, and one large tensor per op.

A kernel that computes eight channels at once, or a row in sixty-fours, is wrong first where the
sizes just pass or just miss its blocks, and a long sum is wrong first in its tail. These problems
stand just there, in every op; the expectation of a large one is sampled.
"""

from __future__ import annotations

from collections.abc import Iterator

from convformance.problem import Case, Problem

# Counts at and around the widths of vectors and blocks.
COUNTS = (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)
# Widths of a row, likewise, and past two blocks of 64.
WIDTHS = (7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 131)
BATCHES = (5, 8, 9, 16, 17)
KERNELS = (6, 7, 8, 9, 10, 11)

# One large tensor for each op, and a long reduction whose tail is of one element.
LARGE: dict[str, tuple[str, ...]] = {
    "conv": (
        "conv x=2x67x9x131 w=33x67x3x3 padding=1 bias",
        "conv x=1x65x40x40 w=65x1x3x3 padding=1 groups=65",
        "conv x=1x1025x1x3 w=2x1025x1x1",
        "conv x=1x9x5x6x33 w=17x9x2x3x3 padding=same_upper",
        "conv x=1x2x70001 w=3x2x3",
        "conv x=2x33x9x67 w=17x33x3x3 stride=2 grad=w",
        "conv x=2x33x9x67 w=65x33x3x3 padding=1 grad=x",
        "conv x=17x3x31x33 w=5x3x3x3 bias grad=bias",
    ),
    "conv1x1": ("conv1x1 x=2x257x9x17 w=129x257 bias", "conv1x1 x=1x4097x3 w=2x4097"),
    "conv_transpose": (
        "conv_transpose x=1x65x9x33 w=65x17x3x3 stride=2 padding=1 output_padding=1 bias",
        "conv_transpose x=1x1025x2x2 w=1025x1x2x2",
        "conv_transpose x=2x17x9x33 w=17x9x3x3 stride=2 grad=w",
    ),
    "depthwise_conv": ("depthwise_conv x=2x65x9x131 w=65x2x3x3 padding=same_upper",),
    "separable_conv": (
        "separable_conv x=1x65x9x33 w=65x1x3x3 pointwise=33x65 padding=same_upper",
        "separable_conv x=1x257x3x3 w=257x1x1x1 pointwise=2x257",
    ),
    "max_pool": (
        "max_pool x=2x65x17x131 kernel=3x3 stride=2 padding=1 ceil_mode",
        "max_pool x=1x3x33x65 kernel=11x11 padding=5x5 indices",
        "max_pool x=1x2x70001 kernel=3 stride=2 indices",
        "max_pool x=2x33x17x67 kernel=3x3 stride=2 grad=x",
    ),
    "avg_pool": (
        "avg_pool x=2x65x17x131 kernel=3x3 stride=2 padding=1 count_include_pad",
        "avg_pool x=1x3x33x65 kernel=11x11 padding=5x5",
        "avg_pool x=2x33x17x67 kernel=3x3 stride=2 padding=1 grad=x",
    ),
    "lp_pool": ("lp_pool x=2x65x17x67 kernel=3x3 stride=2 p=2",),
    "distance_pool": ("distance_pool x=2x33x17x67 kernel=3x3 stride=2 padding=1",),
    "max_unpool": ("max_unpool x=2x33x9x33 kernel=2x2 stride=2",),
    "adaptive_max_pool": ("adaptive_max_pool x=2x65x17x131 output=7x17 indices",),
    "adaptive_avg_pool": ("adaptive_avg_pool x=2x65x17x131 output=7x17",),
    "global_max_pool": ("global_max_pool x=2x65x33x33",),
    "global_avg_pool": ("global_avg_pool x=2x65x17x17", "global_avg_pool x=1x3x4097"),
    "unfold": ("unfold x=2x33x17x67 kernel=3x3 stride=2 padding=1",),
    "fold": ("fold x=2x297x288 kernel=3x3 stride=2 padding=1 output=17x63",),
}
HALF = "bfloat16"  # with float32, which every framework has


def _pools(rest: str) -> Iterator[str]:
    """Yield the four pools that slide, each with the rest of the line."""
    for op in ("max_pool", "avg_pool", "lp_pool", "distance_pool"):
        yield f"{op} {rest}" + (" p=2" if op == "lp_pool" else "")


def _counted(C: int) -> Iterator[str]:
    """Yield a small problem of each op with C channels, in as well as out where there are two."""
    M = C if C % 2 else C + 1  # in and out differ in what is left over
    yield f"conv x=1x{C}x3x4 w={M}x{C}x2x2"
    yield f"conv x=1x{C}x3x4 w={2 * C}x1x2x3 groups={C} padding=1"
    yield f"conv x=1x{C}x3x4 w={M}x{C}x2x2 grad=x"
    yield f"conv x=2x{C}x3x4 w={M}x{C}x2x2 grad=w"
    yield f"conv1x1 x=1x{C}x2x3 w={M}x{C}"
    yield f"conv_transpose x=1x{C}x2x3 w={C}x{M}x2x2 stride=2"
    yield f"depthwise_conv x=1x{C}x3x4 w={C}x1x2x2"
    yield f"separable_conv x=1x{C}x3x4 w={C}x1x2x2 pointwise={M}x{C}"
    yield from _pools(f"x=1x{C}x4x5 kernel=2x2")
    yield f"max_unpool x=1x{C}x2x2 kernel=2x2 stride=2"
    yield f"adaptive_avg_pool x=1x{C}x4x5 output=3x2"
    yield f"adaptive_max_pool x=1x{C}x4x5 output=3x2"
    yield f"global_max_pool x=1x{C}x3x4"
    yield f"global_avg_pool x=1x{C}x3x4"
    yield f"unfold x=1x{C}x3x4 kernel=2x2"
    yield f"fold x=1x{4 * C}x6 kernel=2x2 output=3x4"


def _wide(W: int) -> Iterator[str]:
    """Yield a small problem of each op on rows of W samples."""
    yield f"conv x=1x2x2x{W} w=3x2x2x3 padding=same_upper"
    yield f"conv x=1x1x{W} w=2x1x3 stride=2 padding=1"
    yield f"conv1x1 x=1x3x{W} w=2x3"
    yield f"conv_transpose x=1x2x{W} w=2x1x3 stride=2"
    yield f"depthwise_conv x=1x2x2x{W} w=2x1x2x3 padding=same_upper"
    yield f"separable_conv x=1x2x2x{W} w=2x1x2x3 pointwise=2x2"
    yield from _pools(f"x=1x2x3x{W} kernel=2x3 stride=1x2")
    yield f"max_unpool x=1x1x1x{W} kernel=1x2 stride=1x2"
    yield f"adaptive_avg_pool x=1x1x2x{W} output=2x5"
    yield f"adaptive_max_pool x=1x1x2x{W} output=2x5"
    yield f"global_max_pool x=1x2x2x{W}"
    yield f"global_avg_pool x=1x2x2x{W}"
    yield f"unfold x=1x1x2x{W} kernel=1x3"
    yield f"fold x=1x3x{W - 2} kernel=1x3 output=1x{W}"


def _batched(N: int) -> Iterator[str]:
    """Yield a small problem of each op with N samples."""
    yield f"conv x={N}x2x3x3 w=3x2x2x2 bias"
    yield f"conv x={N}x2x3x3 w=3x2x2x2 grad=w"
    yield f"conv1x1 x={N}x2x3 w=3x2"
    yield f"conv_transpose x={N}x2x2x2 w=2x3x2x2 stride=2"
    yield f"depthwise_conv x={N}x2x3x3 w=2x1x2x2"
    yield f"separable_conv x={N}x2x3x3 w=2x1x2x2 pointwise=3x2"
    yield from _pools(f"x={N}x2x3x3 kernel=2x2")
    yield f"max_unpool x={N}x1x2x2 kernel=2x2 stride=2"
    yield f"adaptive_avg_pool x={N}x1x4x4 output=3x3"
    yield f"adaptive_max_pool x={N}x1x4x4 output=3x3"
    yield f"global_max_pool x={N}x2x3x3"
    yield f"global_avg_pool x={N}x2x3x3"
    yield f"unfold x={N}x1x3x3 kernel=2x2"
    yield f"fold x={N}x4x4 kernel=2x2 output=3x3"


def _long(k: int) -> Iterator[str]:
    """Yield a problem of each op that slides, with a kernel of k taps along the last axis."""
    yield f"conv x=1x2x2x{k + 3} w=2x2x2x{k}"
    yield f"conv x=1x1x{k}x{k} w=1x1x{k}x{k} padding=same_upper"
    yield f"conv_transpose x=1x1x2x3 w=1x2x1x{k} stride=2"
    yield f"depthwise_conv x=1x2x{k}x{k + 1} w=2x1x{k}x{k}"
    yield f"separable_conv x=1x2x1x{k + 2} w=2x1x1x{k} pointwise=2x2"
    yield from _pools(f"x=1x1x{k + 1}x{k + 2} kernel={k}x{k}")
    yield f"unfold x=1x1x1x{k + 2} kernel=1x{k}"
    yield f"fold x=1x{k}x3 kernel=1x{k} output=1x{k + 2}"


def cases(op: str) -> Iterator[Case]:
    """Yield the op's cases: around each block size whole numbers, large ones in two dtypes."""
    lines = [
        *(line for C in COUNTS for line in _counted(C)),
        *(line for W in WIDTHS for line in _wide(W)),
        *(line for N in BATCHES for line in _batched(N)),
        *(line for k in KERNELS for line in _long(k)),
    ]
    for number, line in enumerate(lines):
        if line.split(" ", 1)[0] == op:
            yield Case(Problem.parse(line), "integers", number)
    for number, line in enumerate(LARGE[op]):
        for dtype in ("float32", HALF):
            problem = Problem.parse(f"{line} {dtype}")
            if problem.grad and dtype == HALF:
                continue  # what adds up thousands of samples has no bits left for them
            yield Case(problem, "integers", number)
            yield Case(problem, "real", number)
