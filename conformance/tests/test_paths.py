"""Variants of PyTorch, JAX and TensorFlow: each really takes its path, and says so."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convformance.bench import Bench
from convformance.perform import perform
from convformance.problem import Case, Problem
from convformance.registry import BackendError, make_backend, variants_of
from convformance.verdict import Kind

CONV = "conv x=2x3x6x6 w=4x3x3x3 float32 fill=integers#1"
SHAPES = {"x": (1, 2, 6), "w": (1, 2, 2), "dy": (1, 1, 6)}
HALF = CONV.replace("float32", "bfloat16")
CASES = {
    "conv": CONV,
    "conv bias": CONV.replace(" float32", " bias float32"),
    "dx": CONV.replace(" float32", " grad=x float32"),
    "dw": CONV.replace(" float32", " grad=w float32"),
    "volume": "conv x=1x2x4x4x4 w=3x2x2x2x2 float32 fill=integers#1",
    "transposed": "conv_transpose x=1x3x4x4 w=3x2x3x3 stride=2x2 float32 fill=integers#1",
    "maximum": "max_pool x=1x3x6x6 kernel=2x2 stride=2x2 float32 fill=integers#1",
    "average": "avg_pool x=1x3x6x6 kernel=3x3 padding=1x1 float32 fill=integers#1",
    "half": HALF,
}


def problem_of(line):
    return Case.parse(line).problem


@pytest.fixture
def heard(monkeypatch):
    """Call F.conv2d through what is returned, which notes what `look` sees at each call."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    seen, plain = [], torch.nn.functional.conv2d

    def hear(look: Callable):
        def conv2d(*arguments, **options):
            seen.append(look(torch, *arguments))
            return plain(*arguments, **options)

        monkeypatch.setattr(torch.nn.functional, "conv2d", conv2d)
        return seen

    return hear


def answered(name, line):
    backend = make_backend(name)
    examined = Bench(backend).examine(Case.parse(line))
    assert examined.verdict.kind is Kind.AGREES, examined.verdict.message
    return backend


def is_last(torch, array, *_):
    return array.is_contiguous(memory_format=torch.channels_last)


def test_channels_last_is_the_format_of_what_torch_is_given(heard):
    seen = heard(is_last)
    answered("torch", CONV)
    answered("torch[channels_last]", CONV)
    assert seen == [False, True]


def test_no_onednn_turns_it_off_for_the_call_alone(heard):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    seen = heard(lambda torch, *_: torch.backends.mkldnn.enabled)
    answered("torch", CONV)
    answered("torch[no_onednn]", CONV)
    assert seen == [True, False]
    assert torch.backends.mkldnn.enabled


def test_one_thread_is_one_thread(heard):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    before = torch.get_num_threads()
    seen = heard(lambda torch, *_: torch.get_num_threads())
    try:
        torch.set_num_threads(2)
        answered("torch", CONV)
        answered("torch[one_thread]", CONV)
    finally:
        torch.set_num_threads(before)
    assert seen == [2, 1]
    assert make_backend("torch[one_thread]").threads == "this path has one thread"


def test_sums_without_onednn_have_their_own_bounds():
    pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    line = "conv_transpose x=1x32x6x6 w=32x2x5x5 bfloat16 fill=real#0"
    answered("torch[no_onednn]", line)
    assert make_backend("torch[no_onednn]").accumulators["conv_transpose bfloat16"] == "bfloat16"


def test_autocast_is_given_float32_and_gives_bfloat16(heard):
    seen = heard(lambda torch, array, *_: str(array.dtype))
    answered("torch", HALF)
    answered("torch[autocast]", HALF)
    assert seen == ["torch.bfloat16", "torch.float32"]


@pytest.mark.parametrize("path", ["channels_last", "no_onednn", "one_thread"])
@pytest.mark.parametrize("case", CASES)
def test_a_path_of_torch_answers_what_torch_does(path, case):
    pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    answered(f"torch[{path}]", CASES[case])


def test_a_script_of_a_path_runs_and_prints_what_the_path_gives():
    pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    backend, problem = make_backend("torch[channels_last]"), problem_of(CONV)
    arrays = {"x": np.ones(problem.x, np.float32), "w": np.ones(problem.w, np.float32)}
    text = backend.script(problem, arrays)
    assert "memory_format=torch.channels_last)" in text
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert "27." in run.stdout


@pytest.mark.parametrize(
    ("name", "said", "one_in"),
    [
        ("torch[export]", "torch.export.export(Called(), (x, w,)).module()", 12),
        ("torch[compile]", "torch.compile(call, dynamic=False)", 96),
    ],
)
def test_a_compiler_is_asked_a_share_of_the_problems(name, said, one_in):
    pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    backend, problem = make_backend(name), problem_of(CONV)
    assert said in backend.script(problem, {"x": np.ones(problem.x), "w": np.ones(problem.w)})
    assert backend.one_in == Bench(backend).one_in == one_in
    assert make_backend("torch").one_in == 1


@pytest.fixture
def compiling() -> Any:
    """The path of torch.compile, where there is what it needs."""
    pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("torch.compile needs a C++ compiler, and there is none: name one in CXX")
    return make_backend("torch[compile]")


def test_a_compiled_call_is_answered_again_by_the_process_that_answered_it(compiling):
    """Its trace names what stands in the globals of the call that was traced, and of no other."""
    problem = problem_of(CONV)
    for number in (1, 2):
        x, w = np.full(problem.x, number, np.float32), np.ones(problem.w, np.float32)
        assert perform(compiling, problem, {"x": x, "w": w}).arrays["y"].flat[-1] == 27 * number


def test_every_shape_of_a_call_is_compiled(compiling):
    """torch.compile gives up at the ninth, by default, and calls eagerly from then on."""
    from torch._dynamo.utils import counters

    before = counters["stats"]["unique_graphs"]
    for size in range(3, 13):
        problem = Problem.parse(f"conv x=1x1x{size} w=1x1x2 float32")
        ones = {"x": np.ones(problem.x, np.float32), "w": np.ones(problem.w, np.float32)}
        assert perform(compiling, problem, ones).kind == "arrays"
    assert counters["stats"]["unique_graphs"] == before + 10


def test_torch_export_runs_the_traced_program():
    pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    answered("torch[export]", CONV)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("default_options", "NCHW, default options"),
        ("eager", "channels last, without jax.jit"),
        ("highest", "channels last, cheap options, highest precision"),
    ],
)
def test_a_path_of_jax_answers_and_says_which_it_is(path, said):
    pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")
    name = f"jax[{path}]"
    backend = answered(name, CASES["average"])
    answered(name, CASES["dx"])
    problem = problem_of(CONV)
    arrays = {"x": np.ones(problem.x, np.float32), "w": np.ones(problem.w, np.float32)}
    text = backend.script(problem, arrays)
    assert f"# {said}" in text
    assert ("jax.jit" in text.partition(said)[2]) == (path != "eager")
    assert ("jax_default_matmul_precision" in text) == (path == "highest")
    assert backend.one_in == (8 if path == "eager" else 1)  # each operation is compiled there


@pytest.mark.parametrize("path", ["function", "xla"])
def test_a_path_of_tensorflow_is_a_graph(path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: tensorflow)")
    backend = answered(f"tensorflow[{path}]", CONV)
    examined = Bench(backend).examine(Case.parse(CONV))
    assert ("as a graph" in examined.trial.outcome.how) == (path == "function")
    assert backend.one_in > make_backend("tensorflow").one_in == 1


@pytest.mark.parametrize("path", ["function", "xla"])
def test_a_layer_is_made_outside_of_a_graph(path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: tensorflow)")
    line = "conv x=1x2x6 w=1x2x2 padding=causal grad=x float32 fill=integers#0"
    backend, problem = answered(f"tensorflow[{path}]", line), problem_of(line)
    arrays = {name: np.ones(shape, np.float32) for name, shape in SHAPES.items()}
    before, mark, after = backend.script(problem, arrays).partition("@tf.function")
    assert mark
    assert "layer = tf.keras.layers.Conv1D(" in before
    assert "layer.build(x.shape)" in before
    assert "keras" not in after


def test_a_graph_refuses_without_the_stack_of_our_calls():
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: tensorflow)")
    line = "conv x=1x1x5x6x7 w=1x1x2x2x2 dilation=1x1x2 float64 fill=integers#0"  # oneDNN has none
    case = Case.parse(line)
    outcome = Bench(make_backend("tensorflow[function]")).examine(case).trial.outcome
    words = "CPU implementation of Conv3D currently only supports dilated rates of 1."
    assert outcome.message == f"InvalidArgumentError: {words}"


def test_a_graph_refuses_without_the_layer_that_stands_around_the_reason():
    """Else an input of no sample is refused as one of a sample is: the layer's name hides why."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: tensorflow)")
    bench = Bench(make_backend("tensorflow[function]"))
    line = "adaptive_max_pool x=1x1x{} output=1 float32 fill=integers#0"
    none, one = (bench.examine(Case.parse(line.format(size))) for size in (0, 1))
    assert "strides` > `window_shape` not supported" in none.trial.outcome.message
    assert "Negative dimension size caused by subtracting 2 from 1" in one.trial.outcome.message
    assert not re.search("AdaptiveMaxPooling1D|•", none.trial.outcome.message)
    assert none.verdict.choices == {"size.spatial": "refuse"}
    assert one.verdict.kind is Kind.REFUSES


def test_onednn_is_off_in_a_process_of_its_own_or_refused():
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: tensorflow)")
    code = (
        "import os\nfrom convformance.registry import make_backend\n"
        "made = make_backend('tensorflow[no_onednn]')\n"
        "print(made.name, made._onednn, os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["tensorflow[no_onednn]", "False", "0"]
    make_backend("tensorflow")  # which is on here
    with pytest.raises(BackendError, match="read when TensorFlow is imported"):
        make_backend("tensorflow[no_onednn]")


def test_documents_name_every_variant():
    page = (Path(__file__).parents[2] / "docs/backends.md").read_text(encoding="utf-8")
    for name in ("torch", "jax", "tensorflow", "keras"):
        assert variants_of(name)
        assert all(f"| `{one}` |" in page for one in variants_of(name))
