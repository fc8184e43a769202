"""Sizes where implementations change over: what is wrong at one of them alone is caught."""

from collections.abc import Callable
from math import prod

import numpy as np
import pytest

from convformance.backend import Array
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.changeover import BATCHES, COUNTS, KERNELS, LARGE, WIDTHS, cases
from convformance.fills import make_arrays
from convformance.problem import OPS, Case, Problem
from convformance.verdict import Kind

Spoil = Callable[[Problem, Array], None]


class Spoiled:
    """Our kernel, whose answer is spoiled in place."""

    version = "1"
    accumulators = NumpyBackend().accumulators
    knows = NumpyBackend.knows

    def __init__(self, spoil: Spoil) -> None:
        self.name, self.spoil, self.kernel = spoil.__name__, spoil, NumpyBackend()

    def run(self, problem: Problem, arrays: dict[str, Array]) -> dict[str, Array]:
        answers = {
            name: one.copy() for name, one in self.kernel.run(problem, arrays).arrays.items()
        }
        self.spoil(problem, answers[problem.answers[0]])
        return answers


def output_channels_left_over_by_sixty_four(problem: Problem, y: Array) -> None:
    if problem.op.startswith("conv") and not problem.grad and y.shape[1] == 65:
        y[:, 64:] = 0


def planes_past_sixteen(problem: Problem, y: Array) -> None:
    if problem.op.endswith(("pool", "fold")) and y.ndim > 2 and y.shape[1] == 17:
        y[:, 16:] = 0


def columns_past_two_blocks(problem: Problem, y: Array) -> None:
    if y.shape[-1] > 128 and not problem.grad:
        y[..., 128:] = 0


def batches_in_sixteens(_: Problem, y: Array) -> None:
    if len(y) == 17:
        y[16:] = y[:1]


def kernels_past_ten_taps(problem: Problem, y: Array) -> None:
    if max(problem.kernel_size, default=1) > 10:
        y[...] = 1


def more_than_sixteen_bits_of_positions(_: Problem, y: Array) -> None:
    if y.ndim == 3 and y.shape[-1] > 2**15:
        y[..., 2**15 :] = y[..., : y.shape[-1] - 2**15]


def long_sums_without_their_tail(problem: Problem, y: Array) -> None:
    if problem.op == "conv1x1" and problem.w[1] % 1024 == 1:
        y += 1


SPOILED = {
    output_channels_left_over_by_sixty_four: ("conv", "conv1x1", "conv_transpose"),
    planes_past_sixteen: ("max_pool", "avg_pool", "lp_pool", "distance_pool", "max_unpool",
                          "adaptive_max_pool", "global_avg_pool", "fold"),
    columns_past_two_blocks: ("conv", "depthwise_conv", "separable_conv", "max_pool", "conv1x1"),
    batches_in_sixteens: tuple(OPS),
    kernels_past_ten_taps: ("conv", "depthwise_conv", "max_pool", "avg_pool", "lp_pool", "unfold"),
    more_than_sixteen_bits_of_positions: ("conv", "max_pool"),
    long_sums_without_their_tail: ("conv1x1",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "op"),
    [(spoil, op) for spoil, ops in SPOILED.items() for op in ops],
    ids=lambda one: one if isinstance(one, str) else one.__name__.replace("_", "-"),
)
def test_what_is_wrong_at_one_size_alone_is_caught(spoil: Spoil, op: str) -> None:
    bench = Bench(Spoiled(spoil))
    found = (bench.by_standard(case) for case in cases(op))
    assert any(verdict.kind in (Kind.VALUE, Kind.BOUND) for verdict in found)


@pytest.mark.parametrize("op", OPS)
def test_our_kernel_agrees_at_every_size(op: str) -> None:
    bench = Bench(NumpyBackend())
    assert {bench.by_standard(case).kind for case in cases(op)} == {Kind.AGREES}


@pytest.mark.parametrize("op", OPS)
def test_every_op_meets_every_size_that_it_has(op: str) -> None:
    found = [case.problem for case in cases(op)]
    if op != "fold":  # whose channels and columns are of another size
        assert {problem.x[1] for problem in found} >= set(COUNTS)
        longest = {size for problem in found for size in problem.x[2:]}
        assert longest >= set(WIDTHS)
    assert {problem.x[0] for problem in found} >= set(BATCHES)
    if op in ("conv", "depthwise_conv", "max_pool", "avg_pool", "unfold", "fold"):
        assert {k for problem in found for k in problem.kernel_size} >= set(KERNELS)


@pytest.mark.parametrize("op", OPS)
def test_every_op_has_a_large_tensor_that_is_canonical_and_sampled_or_long(op: str) -> None:
    problems = [Problem.parse(f"{line} float32") for line in LARGE[op]]
    assert all(Case.parse(case.line) == case for case in cases(op))
    assert max(prod(problem.x) for problem in problems) > 10_000


def test_the_tail_of_a_long_sum_counts() -> None:
    """Of the fill's whole numbers none is zero: without its last term the sum is another."""
    case = next(one for one in cases("conv1x1") if one.problem.w[1] == 4097)
    arrays = make_arrays(case)
    assert np.all(arrays["w"][:, -1] != 0)
    assert np.all(arrays["x"][:, -1] != 0)
