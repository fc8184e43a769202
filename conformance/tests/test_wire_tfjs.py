"""TensorFlow.js in Node.js over the wire: right where it is, and each finding shows as told."""

import shutil
from pathlib import Path

import pytest

from convformance.bench import Bench
from convformance.problem import Case
from convformance.verdict import Kind
from convformance.worker import Isolated

EXAMPLE = Path(__file__).parents[2] / "examples" / "wire-tfjs"
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="no Node.js (node) on the path"),
    pytest.mark.skipif(
        not (EXAMPLE / "node_modules" / "@tensorflow").is_dir(),
        reason="npm install has not been run in examples/wire-tfjs",
    ),
]
CPU, WASM = "cpu", "wasm"
AGREES = (
    "conv x=2x2x7x5 w=3x2x3x2 bias float32",
    "conv x=1x2x6x5 w=3x2x3x2 stride=2x1 padding=same float32",
    "conv x=1x2x6x5 w=3x2x3x2 padding=1+0x0+2 float32",
    "conv x=1x2x6x6 w=3x2x3x3 padding=1x1 unbatched float32",
    "conv x=1x2x6 w=3x2x3 dilation=2 layout=channels_last float32",
    "conv x=1x2x4x3x5 w=3x2x2x1x3 float32",
    "conv1x1 x=2x2x3x4 w=3x2 float32",
    "conv_transpose x=2x2x3x4 w=2x3x3x2 stride=2x1 float32",
    "depthwise_conv x=2x2x7x5 w=2x2x3x2 float32",
    "separable_conv x=2x2x7x5 w=2x2x3x2 pointwise=3x4 float32",
    "max_pool x=2x2x7x5 kernel=3x2 stride=2x2 padding=same float32",
    "avg_pool x=2x2x7x5 kernel=3x2 stride=2x1 padding=1+0x0+1 float32",
    "conv x=1x3x4x4 w=2x2x1x1 float32",
)
FINDINGS = {  # line: the verdict, and the engines that show it
    "conv x=1x1x1x4 w=1x1x1x3 padding=0x0 float32": (Kind.SHAPE, (CPU, WASM)),
    "max_pool x=1x1x1x2 kernel=1x2 padding=0x0 float32": (Kind.SHAPE, (CPU, WASM)),
    "conv x=1x1x3 w=1x1x3 padding=1 float32": (Kind.REFUSES, (CPU, WASM)),
    "conv x=1x1x1x1x4 w=1x1x1x1x1 stride=1x1x2 padding=same float32": (Kind.VALUE, (CPU, WASM)),
    "max_pool x=1x1x1x1x4 kernel=1x1x1 stride=1x1x2 padding=same float32": (
        Kind.VALUE,
        (CPU, WASM),
    ),
    "conv_transpose x=1x1x1x1x1 w=1x1x1x1x1 stride=1x1x2 padding=same float32": (
        Kind.VALUE,
        (CPU,),
    ),
    "avg_pool x=1x1x1x2 kernel=1x2 padding=same dilation=1x2 float32": (Kind.VALUE, (CPU, WASM)),
    "max_pool x=1x1x3x3 kernel=2x2 float32 fill=nan#1": (Kind.VALUE, (CPU, WASM)),
    "max_pool x=1x1x2x2 kernel=2x2 indices float32 fill=lowest#0": (Kind.VALUE, (CPU,)),
    "max_pool x=1x1x4x4 kernel=2x2 stride=3x3 padding=1x1 ceil_mode float32": (
        Kind.SHAPE,
        (CPU, WASM),
    ),
    "max_pool x=1x1x1x4 kernel=1x1 padding=0x0 dilation=1x2 ceil_mode float32": (
        Kind.REFUSES,
        (CPU, WASM),
    ),
    "max_pool x=1x1x1x4 kernel=1x2 indices float32": (Kind.VALUE, (WASM,)),
    "conv_transpose x=1x1x1x1 w=1x1x1x1 int32": (Kind.DTYPE, (CPU, WASM)),
    "max_pool x=1x1x1x1 kernel=1x1 padding=0x1 int32": (Kind.VALUE, (CPU,)),
    "avg_pool x=1x1x2x2 kernel=2x0 float32": (Kind.ACCEPTS, (CPU,)),
    "conv x=1x1x5x5 w=1x1x2x2 stride=2x2 dilation=2x2 float32": (Kind.REFUSES, (CPU, WASM)),
    "conv x=1x1x1x1 w=1x1x1x1 int32": (Kind.REFUSES, (CPU, WASM)),
}
UNSUPPORTED = {
    "lp_pool x=1x1x2x2 kernel=2x2 p=2 float32": "tfjs-core has no lp_pool",
    "conv x=1x2x5x5 w=2x1x2x2 groups=2 float32": "conv2d has no groups",
    "conv x=1x2x5x5 w=2x2x2x2 padding=same_lower float32": "no same_lower",
    "conv x=1x2x5x5 w=2x2x2x2 float64": "TensorFlow.js has no float64 layers",
    "conv x=1x2x5x5x5 w=2x2x2x2x2 padding=1x1x1 float32": "conv3d has pad 'same' and 'valid' only",
    "max_pool x=1x2x5 kernel=2 float32": "TensorFlow.js has no pool of one axis",
    "conv x=1x2x5x5 w=2x2x2x2 grad=x float32": "the adapter does not know grad",
}


@pytest.fixture(scope="module")
def benches():
    """A bench of each engine, by its name."""
    command = f"cmd:{NODE} '{EXAMPLE / 'adapter.mjs'}' --backend="
    found = {engine: Bench(Isolated(command + engine)) for engine in (CPU, WASM)}
    yield found
    for bench in found.values():
        bench.backend.close()


@pytest.mark.parametrize("engine", [CPU, WASM])
@pytest.mark.parametrize("line", AGREES)
def test_what_it_computes_right_agrees(benches, engine, line):
    assert benches[engine].examine(Case.parse(line)).verdict.kind is Kind.AGREES


def test_the_indices_of_the_cpu_are_counted_in_the_plane(benches):
    line = "max_pool x=2x2x7x5 kernel=3x2 indices float32"
    assert benches[CPU].examine(Case.parse(line)).verdict.kind is Kind.AGREES


SHOWN = [(engine, line) for line, (_, engines) in FINDINGS.items() for engine in engines]


@pytest.mark.parametrize(("engine", "line"), SHOWN)
def test_each_finding_shows(benches, engine, line):
    assert benches[engine].examine(Case.parse(line)).verdict.kind is FINDINGS[line][0]


@pytest.mark.parametrize("engine", [CPU, WASM])
@pytest.mark.parametrize("line", UNSUPPORTED)
def test_what_its_types_cannot_say_is_unsupported(benches, engine, line):
    verdict = benches[engine].examine(Case.parse(line)).verdict
    assert verdict.kind is Kind.UNSUPPORTED
    assert UNSUPPORTED[line] in verdict.message


def test_the_two_engines_have_names_of_their_own(benches):
    assert [bench.backend.name for bench in benches.values()] == ["tfjs", "tfjs[wasm]"]
    for bench in benches.values():
        assert set(bench.backend.libraries) == {"tfjs-core", "node"}
