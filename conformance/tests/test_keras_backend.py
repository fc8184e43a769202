"""Facts about the Keras adapter: its layers, the frameworks below, what it prints."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from convformance.backend import Unsupported
from convformance.backends import keras_backend
from convformance.backends.keras_backend import BELOW, PLAIN, KerasBackend
from convformance.backends.keras_calls import written
from convformance.bench import Bench
from convformance.fills import make_arrays
from convformance.judge import accumulator_of
from convformance.problem import Case, Problem
from convformance.registry import BackendError, make_backend, variants_of
from convformance.worker import Isolated

LINES = (
    "conv x=2x3x7 w=4x3x3 stride=2 padding=same bias float32",
    "conv x=1x4x6 w=4x2x3 padding=causal dilation=2 groups=2 float32",
    "conv x=1x2x5x4 w=3x2x3x2 padding=same_upper layout=channels_last float64",
    "conv x=1x2x3x4x3 w=2x2x2x2x2 float32",
    "conv1x1 x=1x3x2x2 w=2x3 bias float32",
    "conv_transpose x=1x2x3 w=2x3x3 stride=2 padding=same output_padding=1 float32",
    "conv_transpose x=1x2x3x2 w=2x3x2x2 stride=2x2 float32",
    "depthwise_conv x=1x2x6 w=2x2x3 stride=2 padding=same float32",
    "separable_conv x=1x2x4x4 w=2x1x2x2 pointwise=3x2 float32",
    "max_pool x=1x2x5x5 kernel=3x3 stride=2x2 padding=same float32",
    "max_pool x=1x2x4 kernel=2 bfloat16",
    "avg_pool x=1x2x4 kernel=3 stride=2 padding=same float32",
    "adaptive_max_pool x=1x2x5x6 output=2x3 float32",
    "adaptive_avg_pool x=1x2x6 output=3 float32",
    "global_max_pool x=1x2x3x3 float32",
    "global_avg_pool x=1x2x4 float32",
)
NAMES = ("keras", *variants_of("keras"))


def framework_of(name: str) -> str:
    return name.partition("[")[2].rstrip("]") or PLAIN


@pytest.fixture(scope="module", params=NAMES)
def backend(request: pytest.FixtureRequest):
    """Keras chooses its framework once in a process, so each has one of its own."""
    for needed in ("keras", framework_of(request.param)):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    made = Isolated(request.param)
    yield made
    made.close()


def test_importing_the_adapter_imports_no_framework() -> None:
    names = ", ".join(map(repr, ("keras", *BELOW)))
    code = (
        "import sys, convformance.backends.keras_backend as _\n"
        f"sys.exit(not sys.modules.keys().isdisjoint([{names}]))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_each_layer_means_what_the_oracle_says(backend) -> None:
    for line in LINES:
        case = Case(Problem.parse(line))
        verdict = Bench(backend).examine(case).verdict
        wrong = backend.name == "keras[torch]" and line.startswith("avg_pool")  # a known deviation
        assert verdict.is_discrepancy is wrong, (line, verdict)


def test_a_script_prints_what_the_layer_gives(backend) -> None:
    ran = 0
    for line in LINES:
        problem = Problem.parse(line)
        arrays = make_arrays(Case(problem))
        if problem.dtype != "float32" or problem.rank != 1:
            continue
        answer = backend.run(problem, arrays)["y"]
        text = backend.script(problem, arrays)
        print_as_list = text.replace("print(y)", "print(keras.ops.convert_to_numpy(y).tolist())")
        done = subprocess.run(
            [sys.executable, "-c", print_as_list], capture_output=True, text=True, check=True
        )
        printed = np.moveaxis(np.array(eval(done.stdout), np.float32), -1, 1)
        np.testing.assert_array_equal(printed, answer)
        ran += 1
        if ran == 2:
            break
    assert ran


def test_the_answer_says_on_what_it_was_computed(backend) -> None:
    framework = framework_of(backend.name)
    problem = Problem.parse("conv x=1x1x5 w=1x1x2 float32")
    outcome = backend.perform(problem, make_arrays(Case(problem)))
    assert outcome.how == f"{framework} backend, channels last, eager"
    assert outcome.layout == "channels last"


def test_libraries_name_keras_and_what_lies_below(backend) -> None:
    assert backend.libraries["keras"] == backend.version
    assert framework_of(backend.name) in backend.libraries


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_on_jax_an_adaptive_average_of_halves_is_added_up_in_halves(backend, half: str) -> None:
    if backend.name == "keras[jax]":
        problem = Problem.parse(f"adaptive_avg_pool x=1x1x3 output=1 {half}")
        assert accumulator_of(problem, backend.accumulators) == half


def test_a_missing_framework_is_told_with_what_it_is_for(monkeypatch) -> None:
    monkeypatch.setattr(keras_backend, "find_spec", lambda name: None)
    message = "Keras on jax needs jax, which is not installed"
    with pytest.raises(ImportError, match=message):
        KerasBackend("jax")
    with pytest.raises(BackendError, match=rf"{message}; try: pip install 'convformance\[keras\]'"):
        make_backend("keras[jax]")


def test_a_second_framework_in_a_process_is_refused() -> None:
    for needed in ("keras", "tensorflow", "torch"):
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    code = (
        "from convformance.registry import BackendError, make_backend\n"
        "make_backend('keras[torch]')\n"
        "try:\n    make_backend('keras')\n"
        "except BackendError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "here that was torch: on tensorflow it needs a process of its own" in done.stdout


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("conv x=1x1x5 w=1x1x2 padding=1 float32", "padding valid and same and causal only"),
        ("conv x=1x1x5x5 w=1x1x2x2 padding=same_lower float32", "never same_lower"),
        ("conv x=1x1x5 w=1x1x2 unbatched float32", "takes an input with a batch axis"),
        ("conv x=1x1x5 w=1x1x2 grad=x float32", "that is its backend's"),
        ("conv_transpose x=1x2x3 w=2x1x2 groups=2 float32", "have no groups"),
        ("depthwise_conv x=1x1x2x2x2 w=1x1x1x1x1 float32", "for 1 and 2 spatial axes, not 3"),
        ("max_pool x=1x1x5 kernel=2 dilation=2 float32", "MaxPooling1D has no dilation"),
        ("max_pool x=1x1x5 kernel=2 indices float32", "lacks indices"),
        ("avg_pool x=1x1x5 kernel=2 ceil_mode float32", "lacks ceil_mode"),
        ("conv x=1x1x1x1x1x1 w=1x1x1x1x1x1 float32", "1 to 3 spatial axes, not 4"),
        ("fold x=1x2x2 kernel=2 output=3 float32", "no layer for fold"),
    ],
)
def test_what_no_layer_says_is_unsupported_with_its_reason(line: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        written(Problem.parse(line))


@pytest.mark.parametrize(
    ("line", "drawn"),
    [
        ("conv x=1x1x5 w=1x1x2 int32", ["kernel_initializer='zeros'"]),
        ("depthwise_conv x=1x1x5 w=1x1x2 int32", ["depthwise_initializer='zeros'"]),
        (
            "separable_conv x=1x1x5 w=1x1x2 pointwise=1x1 int64",
            ["depthwise_initializer='zeros'", "pointwise_initializer='zeros'"],
        ),
        ("conv x=1x1x5 w=1x1x2 float32", []),
    ],
)
def test_no_layer_draws_whole_numbers(line: str, drawn: list[str]) -> None:
    layer = written(Problem.parse(line)).layer
    assert [one for one in drawn if one in layer] == drawn
    assert layer.count("initializer") == len(drawn)
