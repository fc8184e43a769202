"""The cases of the named fills: few problems, so that a compiler meets few shapes, many seeds.

The seed walks: as many seeds as a plane has places put a NaN at every one of them.
"""

from __future__ import annotations

from hypothesis import strategies as st

from convformance.expect import broken_clause
from convformance.problem import Case, Problem, applicable

# Of each op a problem whose corners, edges and padding all count, and one or two of another kind.
# One sample under some kernels, and one weight over some samples, are products with a scalar, which
# are another routine of BLAS.
LINES: dict[str, tuple[str, ...]] = {
    "conv": (
        "conv x=1x2x4x5 w=3x2x3x3 padding=1 bias",
        "conv x=2x4x9 w=4x2x3 stride=2 groups=2",
        "conv x=1x2x6x6 w=2x2x3x3 grad=x",
        "conv x=2x2x4x5 w=3x2x3x3 padding=1 grad=w",
        "conv x=1x1x1 w=3x1x1",
        "conv x=1x1x5 w=1x1x1",
    ),
    "conv1x1": ("conv1x1 x=2x9x2x3 w=4x9 bias",),
    "conv_transpose": (
        "conv_transpose x=1x2x3x4 w=2x3x3x3 stride=2 padding=1 bias",
        "conv_transpose x=1x2x4x4 w=2x2x2x2 grad=x",
    ),
    "depthwise_conv": ("depthwise_conv x=1x3x4x5 w=3x2x3x3 padding=1",),
    "separable_conv": ("separable_conv x=1x3x4x5 w=3x1x3x3 pointwise=4x3",),
    "max_pool": (
        "max_pool x=1x2x4x5 kernel=3x3 padding=1 indices",
        "max_pool x=1x2x6x6 kernel=2x2 stride=2",
        "max_pool x=1x2x4x5 kernel=2x2 grad=x",
    ),
    "avg_pool": (
        "avg_pool x=1x2x4x5 kernel=3x3 padding=1",
        "avg_pool x=1x2x6x6 kernel=2x2 stride=2",
        "avg_pool x=1x2x4x5 kernel=2x2 grad=x",
    ),
    "lp_pool": ("lp_pool x=1x2x4x5 kernel=2x2 p=2",),
    "distance_pool": ("distance_pool x=1x2x4x5 kernel=3x3 padding=1",),
    "max_unpool": ("max_unpool x=1x2x2x3 kernel=2x2 stride=2",),
    "adaptive_max_pool": ("adaptive_max_pool x=1x2x5x7 output=2x3 indices",),
    "adaptive_avg_pool": ("adaptive_avg_pool x=1x2x5x7 output=2x3",),
    "global_max_pool": ("global_max_pool x=1x3x4x5",),
    "global_avg_pool": ("global_avg_pool x=1x3x4x5",),
    "unfold": ("unfold x=1x2x4x5 kernel=2x3 padding=1",),
    "fold": ("fold x=1x8x12 kernel=2x2 output=4x5",),
}
WALKING = ("nan", "infinity", "spike")  # over a plane of at most 36 places, after its corners
SEEDS, FEW = 8, 3  # of a fill that does not walk; of the dtypes beside float32
WALK = 40


def data_problems(op: str, dtype: str) -> tuple[Problem, ...]:
    """Return the problems of an op whose data are varied; gradients have floats alone."""
    found = [Problem.parse(f"{line} {dtype}") for line in LINES[op]]
    valid = [one for one in found if broken_clause(one) is None]
    return tuple(one for one in valid if applicable(one))


def data_list(op: str, dtype: str) -> tuple[Case, ...]:
    """Return every case of the area, the fills by turn: float32 has every step of every walk."""
    found = []
    for number, problem in enumerate(data_problems(op, dtype)):
        for name in applicable(problem):
            seeds = SEEDS if dtype == "float32" else FEW
            if name in WALKING and dtype == "float32" and not number:
                seeds = WALK
            found += [Case(problem, name, seed) for seed in range(seeds)]
    return tuple(sorted(found, key=lambda case: case.seed))


def data_cases(op: str, dtype: str) -> st.SearchStrategy[Case]:
    """Draw one of the cases of the area."""
    return st.sampled_from(data_list(op, dtype))


def data_dtypes(op: str) -> tuple[str, ...]:
    """Return the dtypes in which the data of an op are varied."""
    wanted = ("float32", "float16", "int32", "int64", "int8", "uint8")
    return tuple(dtype for dtype in wanted if data_problems(op, dtype))
