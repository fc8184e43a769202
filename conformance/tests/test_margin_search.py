"""A search by the margin comes nearer to the worst case than drawing alone."""

import numpy as np

from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.explore import explore
from convformance.runfile import CaseRecord
from convformance.strategies import cases

UNIT = 2.0**-24


class LosesWhatCancels:
    """Errs by a part of a rounding for each binary digit that cancels."""

    name, version = "loses what cancels", "1"
    accumulators = NumpyBackend.accumulators

    def run(self, problem, arrays):
        wide = {name: array.astype(np.float64) for name, array in arrays.items()}
        sizes = {name: np.abs(array) for name, array in wide.items()}
        exact, most = (NumpyBackend().run(problem, one).arrays["y"] for one in (wide, sizes))
        lost = np.log2(np.divide(most, np.abs(exact), out=np.ones_like(most), where=exact != 0))
        return (exact + UNIT * most * lost / 24).astype(np.float32)


def worst(op, seed, *, by_margin, examples=60):
    bench = Bench(LosesWhatCancels(), seed=seed)
    strategy = cases(op, ("float32",), ("real",))
    assert explore(bench, strategy, examples, "a name", by_margin=by_margin) == []
    records = [one for one in bench.records if isinstance(one, CaseRecord)]
    assert len(records) >= examples
    return max(one.margin for one in records)


def test_a_search_by_the_margin_finds_worse_cases_than_drawing_alone():
    seeds = (1, 2, 3)
    drawn = [worst("conv1x1", seed, by_margin=False) for seed in seeds]
    searched = [worst("conv1x1", seed, by_margin=True) for seed in seeds]
    assert sum(searched) > sum(drawn)


def test_a_search_by_the_margin_is_the_same_for_the_same_seed():
    found = []
    for _ in range(2):
        bench = Bench(NumpyBackend(), seed=5)
        explore(bench, cases("conv1x1", ("float32",), ("real",)), 40, "a name", by_margin=True)
        found.append([one.line for one in bench.records])
    assert found[0] == found[1]
    assert len(set(found[0])) == len(found[0]) >= 40
