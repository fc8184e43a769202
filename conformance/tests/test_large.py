"""Whole large layers: what the sample misses is caught, and a wrong kernel is our fault."""

from collections.abc import Callable

import numpy as np
import pytest

from convformance import kernel
from convformance.backend import Array
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.changeover import cases as sizes
from convformance.large import (
    IN_OTHERS,
    LAYERS,
    OTHERS,
    SOURCE,
    SUSPECTS,
    KernelError,
    cases,
    is_large,
)
from convformance.problem import Case, Problem
from convformance.runfile import CaseRecord, Finding
from convformance.verdict import Kind

Spoil = Callable[[Array], None]


class Spoiled:
    """Our kernel, whose answers are spoiled in place; a wrong kernel does not reach it."""

    name, version = "spoiled", "1"
    accumulators = NumpyBackend().accumulators
    knows = NumpyBackend.knows

    def __init__(self, spoil: Spoil) -> None:
        self.spoil, self.kernel = spoil, NumpyBackend()

    def run(self, problem: Problem, arrays: dict[str, Array]) -> dict[str, Array]:
        found = {name: one.copy() for name, one in self.kernel.run(problem, arrays).arrays.items()}
        self.spoil(found[problem.answers[0]])
        return found


def loses_column_1024(y: Array) -> None:
    if y.ndim == 3 and 1024 < y.shape[2] < 70_000:
        y[:, :, 1024] = 0


def loses_a_block_of_a_channel(y: Array) -> None:
    if y.ndim == 4 and y.shape[1] == 64 and y.shape[2] == 56:
        y[0, 37, 24:32, 40:48] *= 1 + 2.0**-6


def makes_a_nan_past_a_hundred_thousand(y: Array) -> None:
    if y.size > 100_000 and y.dtype.kind == "f":
        y.flat[100_003] = np.nan


def test_our_kernel_agrees_on_every_layer() -> None:
    bench = Bench(NumpyBackend())
    for layer in LAYERS:
        for case in cases(layer):
            examined = bench.check(case, SOURCE)
            assert examined.verdict.kind is Kind.AGREES
            assert examined.verdict.compared > 20_000
            assert "of the oracle's samples agreed" in examined.reference
            assert examined.verdict.margin is None or examined.verdict.margin < 0.6
    records = [one for one in bench.records if isinstance(one, CaseRecord)]
    assert len(records) == len(bench.records) == 2 * len(LAYERS) + len(OTHERS) * len(IN_OTHERS)
    assert not any(one.sampled for one in records)
    assert all(one.reference.startswith("the kernel, after ") for one in records)


@pytest.mark.parametrize(
    ("spoil", "layer", "within"),
    [
        (loses_column_1024, "wavenet-dilated", "y[0, 0..63, 1024]"),
        (loses_a_block_of_a_channel, "vgg16-3x3", "y[0, 37, 24..31, 40..47]"),
        (makes_a_nan_past_a_hundred_thousand, "c3d-3x3x3", "y[0, 15, 7, 15, 15]"),
        (makes_a_nan_past_a_hundred_thousand, "resnet50-max-pool", "y[0, 31, 49, 43]"),
    ],
)
@pytest.mark.parametrize("fill", range(2), ids=("integers", "real"))
def test_what_the_sample_misses_is_caught(spoil: Spoil, layer: str, within: str, fill: int) -> None:
    bench = Bench(Spoiled(spoil), seconds=60)
    case = cases(layer)[fill]
    assert bench.by_standard(case).kind is Kind.AGREES  # at the sample alone
    examined = bench.check(case, SOURCE)
    assert examined.verdict.kind is (Kind.BOUND if fill else Kind.VALUE)
    assert f"all within {within}, expected by the kernel, after" in examined.verdict.message
    assert 0 < len(examined.verdict.wrong) <= SUSPECTS
    record, found = bench.records
    assert isinstance(record, CaseRecord)
    assert isinstance(found, Finding)
    assert record.reference
    assert "the terms" in found.terms  # of an element that the oracle computed
    assert found.diagnosis[-1].startswith("not sought")


def test_smaller_cases_do_not_catch_it() -> None:
    bench = Bench(Spoiled(loses_column_1024))
    assert {bench.by_standard(case).kind for case in sizes("conv")} == {Kind.AGREES}


@pytest.mark.parametrize("fill", range(2), ids=("integers", "real"))
@pytest.mark.parametrize(
    ("layer", "name"), [("vgg16-3x3", "conv"), ("resnet50-max-pool", "max_pool")]
)
def test_a_wrong_kernel_is_our_fault(
    monkeypatch: pytest.MonkeyPatch, layer: str, name: str, fill: int
) -> None:
    """Wrong everywhere, it is caught at the sample; wrong at one place, where it accuses."""
    case, right = cases(layer)[fill], getattr(kernel, name)
    backend = NumpyBackend()

    def wrong(where: object) -> Callable[..., Array]:
        def answer(*arguments: object, **options: object) -> Array:
            y: Array = right(*arguments, **options)
            if y.dtype == np.float64:  # only where it is the reference
                y = y.copy()
                y[where] += 1
            return y

        return answer

    for where in (Ellipsis, (0, 0, 0, 0), (0, 20, 33, 44)):
        monkeypatch.setattr(kernel, name, wrong(where))
        bench = Bench(backend)
        with pytest.raises(KernelError, match="an error of ours, and says nothing of the backend"):
            bench.check(case, SOURCE)
        assert not bench.records


def test_the_case_line_alone_is_compared_whole() -> None:
    for layer in LAYERS:
        for case in cases(layer):
            assert is_large(Case.parse(case.line))
            assert Case.parse(case.line).line == case.line
    assert not is_large(Case.parse("conv x=1x1x5 w=1x1x2 float32 fill=integers#0"))
