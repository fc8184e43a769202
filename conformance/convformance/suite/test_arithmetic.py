"""How the backend computes: nothing is judged here, it is told in the report."""

from convformance.bench import Bench
from convformance.diagnosis.arithmetic import measured
from convformance.drawing import FLOATS


def test_how_the_backend_adds_and_multiplies_is_measured(bench: Bench) -> None:
    found = list(measured(bench.backend, FLOATS, bench.asks))
    bench.records.extend(found)
    assert all(one.accumulator for one in found)
