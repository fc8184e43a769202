"""The example in C over the wire: right where it answers, and noticed where it is wrong."""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convformance.bench import Bench
from convformance.corpus import load
from convformance.problem import Case
from convformance.runfile import load as load_run
from convformance.verdict import Kind
from convformance.worker import Isolated

EXAMPLE = Path(__file__).parents[2] / "examples" / "wire-c"
SOURCES = sorted(EXAMPLE.glob("*.c"))
COMPILER = shutil.which("cc") or shutil.which("gcc")
LARGEST = 20_000  # elements of x: the oracle loops over the rest for minutes
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler (cc, gcc) on the path")
AGREES = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 padding=1+0x0+2 dilation=1x2 groups=2 bias float64",
    "conv x=1x2x9 w=2x2x2 padding=-1+0 int32",
    "conv x=1x1x3x4x5 w=1x1x2x2x2 float32",
    "conv x=0x2x5 w=2x2x2 float32",
    "conv x=1x0x5 w=2x0x2 bias float32",
    "conv x=1x2x2 w=2x2x5 float32",
    "conv x=1x1x3 w=1x1x2 padding=1 float32 fill=special#3",
    "max_pool x=1x2x5x5 kernel=2x3 stride=2x2 padding=1x1 ceil_mode float32 fill=special#1",
    "max_pool x=1x1x2 kernel=1 padding=2 int32",
    "avg_pool x=1x2x6 kernel=3 stride=2 padding=1 ceil_mode count_include_pad float64",
    "avg_pool x=1x1x2 kernel=1 padding=1 float32",
    "avg_pool x=1x1x7 kernel=2 stride=2 int32",
    "conv x=1x3x5 w=2x1x2 groups=2 float32",
    "conv x=1x4x5 w=2x2x2x2 float32",
    "conv x=1x2x5 w=2x2x2 stride=0 float32",
    "conv x=1x2x5x5 w=2x2x2x2 padding=1x2x1 float32",
    "max_pool x=1x2x5 kernel=0 float32",
    "avg_pool x=1x2 kernel=1 float32",
)
UNSUPPORTED = {
    "lp_pool x=1x2x5 kernel=2 p=2 float32": "there is conv, max_pool and avg_pool",
    "max_pool x=1x2x5 kernel=2 indices float32": "max_pool gives no indices",
    "conv x=1x2x5 w=2x2x2 padding=same float32": "padding is given in numbers",
    "conv x=1x1x2x2x2x2 w=1x1x1x1x1x1 float32": "at most three spatial axes",
    "conv x=1x2x5 w=2x2x2 float16": "the adapter's hello does not name this dtype",
    "conv x=1x2x5 w=2x2x2 flip float32": "the adapter does not know flip",
}


def compiled(folder, *options):
    program = folder / f"adapter{len(options)}"
    command = [COMPILER, "-O2", "-std=c99", *options, "-o", program, *SOURCES]
    subprocess.run(command, check=True)
    return f"cmd:{program}"


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("c"))


@pytest.fixture(scope="module")
def liar(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("c"), "-DOFF_BY=1")


@pytest.fixture
def bench(adapter):
    backend = Isolated(adapter)
    yield Bench(backend)
    backend.close()
    assert backend.deaths == 0


def test_the_makefile_builds_it_without_a_warning(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "c", ignore=shutil.ignore_patterns("adapter"))
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make on the path")
    done = subprocess.run([make], check=False, cwd=tmp_path / "c", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "c" / "adapter").exists()


def test_the_corpus_is_right_or_unsupported_with_a_reason(bench):
    kinds = []
    for entry in load():
        if math.prod(entry.case.problem.x) <= LARGEST:
            verdict = bench.examine(entry.case).verdict
            assert verdict.kind in (Kind.AGREES, Kind.UNSUPPORTED), entry.case.line
            assert verdict.message or verdict.kind is Kind.AGREES
            kinds.append(verdict.kind)
    assert kinds.count(Kind.AGREES) > 50


@pytest.mark.parametrize("line", AGREES)
def test_every_corner_is_as_the_oracle_has_it(bench, line):
    assert bench.examine(Case.parse(line)).verdict.kind is Kind.AGREES


@pytest.mark.parametrize("line", UNSUPPORTED)
def test_what_it_has_not_is_unsupported_with_a_reason(bench, line):
    verdict = bench.examine(Case.parse(line)).verdict
    assert (verdict.kind, verdict.message) == (Kind.UNSUPPORTED, UNSUPPORTED[line])


SHORT = ("-k", "pooling or (exhaustive and conv)", "-n", "0", "-x")


@pytest.mark.parametrize("which", ["adapter", "liar"])
def test_a_short_run_is_green_and_that_of_a_liar_is_red(which, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = request.getfixturevalue(which)
    code = (
        "import sys; from pathlib import Path; from convformance.front import run_suite;"
        f"sys.exit(run_suite(sys.argv[1], Path('run.jsonl'), max_examples=4,"
        f" pytest_arguments={SHORT!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, given], check=False, capture_output=True, text=True
    )
    run = load_run(tmp_path / "run.jsonl")
    assert run.header.backend == "wire-c"
    assert run.header.given == "cmd:" + Path(given).name  # and not where it lies
    assert sum(case.verdict == Kind.AGREES for case in run.cases) > 10
    assert run.is_red == (done.returncode == 1) == (which == "liar")
