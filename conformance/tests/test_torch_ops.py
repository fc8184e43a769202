"""The new ops in the PyTorch adapter: calls, gradients by autograd, memory, accumulators."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from convformance.backend import Array
from convformance.bench import Bench
from convformance.fills import make_arrays
from convformance.handing import handed
from convformance.perform import perform
from convformance.problem import EXTRAS, Case, Problem
from convformance.processor import processor_features
from convformance.verdict import Kind

pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

import torch

from convformance.backends.torch_backend import WITHOUT_ONEDNN, TorchBackend
from convformance.backends.torch_calls import written
from convformance.backends.torch_layouts import seen_channels_second


@pytest.fixture(scope="module")
def backend() -> TorchBackend:
    return TorchBackend()


CALLS = [
    (
        "conv_transpose x=1x4x3x3 w=4x1x2x2 stride=2x1 padding=1x0 dilation=1x2 groups=2 bias "
        "output_padding=1x0 float32",
        "y = F.conv_transpose2d(x, w, bias, stride=(2, 1), padding=(1, 0), "
        "output_padding=(1, 0), groups=2, dilation=(1, 2))\n",
    ),
    (
        "conv_transpose x=1x1x3 w=1x1x2 float32",
        "y = F.conv_transpose1d(x, w, None, stride=(1,), padding=0, output_padding=(0,), "
        "groups=1, dilation=(1,))\n",
    ),
    (
        "depthwise_conv x=1x2x4x4 w=2x3x2x2 stride=2 float32",
        "y = F.conv2d(x, w.reshape((6, 1, 2, 2)), None, stride=(2, 2), padding='valid', "
        "dilation=(1, 1), groups=2)\n",
    ),
    (
        "separable_conv x=1x2x4 w=2x3x2 pointwise=5x6 padding=same float32",
        "y = F.conv1d(F.conv1d(x, w.reshape((6, 1, 2)), None, stride=(1,), padding='same', "
        "dilation=(1,), groups=2), pointwise[..., None])\n",
    ),
    (
        "conv x=1x1x4x4 w=1x1x2x2 flip float32",
        "y = F.conv2d(x, w.flip((2, 3)), None, stride=(1, 1), padding='valid', "
        "dilation=(1, 1), groups=1)\n",
    ),
    (
        "conv x=1x2x4 w=3x2x2 padding=1 bias padding_mode=circular float32",
        "y = torch.func.functional_call(torch.nn.Conv1d(in_channels=2, out_channels=3, "
        "kernel_size=(2,), stride=(1,), padding=(1,), dilation=(1,), groups=1, bias=True, "
        "padding_mode='circular', device='meta'), {\"weight\": w, \"bias\": bias}, (x,))\n",
    ),
    (
        "max_unpool x=1x1x2x2 kernel=2 stride=2 padding=1 output=3x3 float32",
        "y = F.max_unpool2d(x, indices, kernel_size=(2, 2), stride=(2, 2), padding=(1, 1), "
        "output_size=(3, 3))\n",
    ),
    (
        "max_unpool x=1x1x2 kernel=2 float32",
        "y = F.max_unpool1d(x, indices, kernel_size=(2,), stride=(1,), padding=0)\n",
    ),
    (
        "adaptive_max_pool x=1x1x5 output=3 indices float32",
        "y, indices = F.adaptive_max_pool1d(x, output_size=(3,), return_indices=True)\n",
    ),
    (
        "adaptive_avg_pool x=1x1x5x5 output=3x2 float32",
        "y = F.adaptive_avg_pool2d(x, output_size=(3, 2))\n",
    ),
    (
        "global_max_pool x=1x1x5x5 float32",
        "y = F.adaptive_max_pool2d(x, output_size=(1, 1), return_indices=False)\n",
    ),
    (
        "global_avg_pool x=1x1x2x2x2 float32",
        "y = F.adaptive_avg_pool3d(x, output_size=(1, 1, 1))\n",
    ),
    (
        "unfold x=1x1x4x4 kernel=2 stride=2 padding=1 dilation=1x2 float32",
        "y = F.unfold(x, kernel_size=(2, 2), dilation=(1, 2), padding=(1, 1), stride=(2, 2))\n",
    ),
    (
        "fold x=1x4x9 kernel=2x2 output=4x4 float32",
        "y = F.fold(x, output_size=(4, 4), kernel_size=(2, 2), dilation=(1, 1), padding=0, "
        "stride=(1, 1))\n",
    ),
    (
        "conv x=1x1x4x4 w=1x1x2x3 padding=full dilation=3x1 float32",
        "y = F.conv2d(x, w, None, stride=(1, 1), padding=(3, 2), dilation=(3, 1), groups=1)\n",
    ),
    (
        "conv_transpose x=1x1x3 w=1x1x2 padding=full float32",
        "y = F.conv_transpose1d(x, w, None, stride=(1,), padding=(1,), output_padding=(0,), "
        "groups=1, dilation=(1,))\n",
    ),
    (
        "global_max_pool x=1x1x5x5 layout=channels_last float32",
        "x = x.movedim(-1, 1)\n"
        "y = F.adaptive_max_pool2d(x, output_size=(1, 1), return_indices=False)\n"
        "y = y.movedim(1, -1)\n",
    ),
    (
        "adaptive_max_pool x=1x1x5 output=3 indices unbatched layout=channels_last float32",
        "x = x.movedim(-1, 0)\n"
        "y, indices = F.adaptive_max_pool1d(x, output_size=(3,), return_indices=True)\n"
        "y = y.movedim(0, -1)\n"
        "indices = indices.movedim(0, -1)\n",
    ),
    (
        "max_unpool x=1x1x2 kernel=2 layout=channels_last float32",
        "x = x.movedim(-1, 1)\n"
        "indices = indices.movedim(-1, 1)\n"
        "y = F.max_unpool1d(x, indices, kernel_size=(2,), stride=(1,), padding=0)\n"
        "y = y.movedim(1, -1)\n",
    ),
    (
        "max_pool x=1x1x4 kernel=2 grad=x layout=channels_last float32",
        "x = x.movedim(-1, 1)\n"
        "dy = dy.movedim(-1, 1)\n"
        "x.requires_grad_()\n"
        "y = F.max_pool1d(x, kernel_size=(2,), stride=(1,), padding=0, dilation=(1,), "
        "ceil_mode=False, return_indices=False)\n"
        "dx, = torch.autograd.grad(y, x, dy)\n"
        "dx = dx.movedim(1, -1)\n",
    ),
]


@pytest.mark.parametrize(("line", "call"), CALLS)
def test_attributes_go_to_torch_parameters(line: str, call: str) -> None:
    assert written(Problem.parse(line)).source == call


@pytest.mark.parametrize(
    ("line", "leaf"),
    [
        ("conv x=1x1x4 w=1x1x2 grad=x float32", "x"),
        ("conv x=1x1x4 w=1x1x2 grad=w float32", "w"),
        ("conv x=1x1x4 w=1x1x2 padding=1 bias padding_mode=reflect grad=bias float32", "bias"),
        ("conv_transpose x=1x1x4 w=1x1x2 grad=w float32", "w"),
        ("max_pool x=1x1x4 kernel=2 grad=x float32", "x"),
        ("avg_pool x=1x1x4 kernel=2 grad=x float32", "x"),
        ("lp_pool x=1x1x4 kernel=2 p=2 grad=x float32", "x"),
    ],
)
def test_a_gradient_is_the_forward_call_and_autograd(line: str, leaf: str) -> None:
    forward = written(Problem.parse(line.replace(f"grad={leaf} ", ""))).source
    call = written(Problem.parse(line))
    backward = f"d{leaf}, = torch.autograd.grad(y, {leaf}, dy)\n"
    assert call.source == f"{leaf}.requires_grad_()\n{forward}{backward}"
    assert "gradient by torch.autograd" in call.note


@pytest.mark.parametrize(
    ("line", "recipe"),
    [
        ("conv x=1x1x4 w=1x1x2 flip float32", True),
        ("separable_conv x=1x1x4 w=1x1x2 pointwise=1x1 float32", True),
        ("depthwise_conv x=1x1x4 w=1x1x2 float32", False),
        ("global_max_pool x=1x1x4 float32", False),
        ("conv x=1x1x4 w=1x1x2 grad=w float32", False),
    ],
)
def test_only_a_composition_of_calls_is_a_recipe(line: str, recipe: bool) -> None:
    assert written(Problem.parse(line)).recipe is recipe


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("conv_transpose x=1x1x4 w=1x1x2 padding=same float32", "a number, never 'same'"),
        ("conv_transpose x=1x1x4 w=1x1x2 padding=0+1 float32", "both sides of an axis"),
        ("conv x=1x1x4 w=1x1x2 padding=causal float32", "both sides alike"),
        ("conv x=1x1x4 w=1x1x2 padding=1 padding_mode=symmetric float32", "'symmetric'"),
        ("conv x=1x1x4 w=1x1x2 input_dilation=2 float32", "no input dilation"),
        ("conv x=2x1x4 w=2x1x2 batch_groups=2 float32", "no batch groups"),
        ("conv x=1x1x4 w=1x1x2 output_dtype=int32 int8", "no output dtype"),
        ("unfold x=1x1x4x4 kernel=2 layout=channels_last float32", "no channels"),
        ("fold x=1x4x9 kernel=2x2 output=4x4 layout=channels_last float32", "no channels"),
        ("conv x=1x1x4 w=1x1x2 memory=reversed float32", "no negative strides"),
        ("conv x=1x1x4 w=1x1x2 memory=byteswapped float32", "machine's byte order"),
        ("max_unpool x=1x1x2 kernel=1 padding=same float32", "a number, never 'same'"),
        ("max_unpool x=1x1x2 kernel=1 padding=full float32", "a number, never 'full'"),
        ("unfold x=1x1x4 kernel=2 float32", "2 spatial axes, not 1"),
        ("unfold x=1x1x4x4 kernel=2 padding=same float32", "a number, never 'same'"),
        ("fold x=1x2x3 kernel=2 output=4 float32", "2 spatial axes, not 1"),
        ("depthwise_conv x=1x1x4 w=1x1x2 padding=same_lower float32", "extra sample after"),
    ],
)
def test_what_the_api_cannot_say_is_unsupported(
    backend: TorchBackend, line: str, reason: str
) -> None:
    outcome = perform(backend, Problem.parse(line), make_arrays(Case.parse(line)))
    assert outcome.kind == "unsupported"
    assert reason in outcome.message


def test_every_attribute_is_known() -> None:
    assert TorchBackend.knows == {*EXTRAS, "padding"}


def test_an_output_dtype_that_is_the_input_s_is_no_wish(backend: TorchBackend) -> None:
    line = "conv x=1x1x4 w=1x1x2 output_dtype=float32 float32"
    assert perform(backend, Problem.parse(line), make_arrays(Case.parse(line))).kind == "arrays"


SHARED = ["contiguous", "transposed", "strided", "readonly"]


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
@pytest.mark.parametrize("memory", SHARED)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "complex64", "int8"])
def test_memory_is_shared_as_it_lies(backend: TorchBackend, memory: str, dtype: str) -> None:
    problem = Problem.parse(f"conv x=2x3x4x5 w=1x3x2x2 memory={memory} {dtype}")
    x = handed(problem, make_arrays(Case(problem)))["x"]
    tensor = backend.tensor(x)
    assert tensor.data_ptr() == x.ctypes.data
    assert tensor.stride() == tuple(stride // x.itemsize for stride in x.strides)


@pytest.mark.parametrize("memory", SHARED)
def test_an_empty_array_is_taken_in_every_memory(backend: TorchBackend, memory: str) -> None:
    line = f"conv x=0x1x4 w=1x1x2 memory={memory} float32"
    outcome = perform(backend, Problem.parse(line), make_arrays(Case.parse(line)))
    assert outcome.arrays["y"].shape == (0, 1, 3)


@pytest.mark.parametrize("dtype", ["int8", "bfloat16"])
def test_what_has_no_byte_order_is_not_refused_for_it(backend: TorchBackend, dtype: str) -> None:
    line = f"conv x=1x1x4 w=1x1x2 memory=byteswapped {dtype}"
    assert perform(backend, Problem.parse(line), make_arrays(Case.parse(line))).kind == "arrays"


@pytest.mark.parametrize(
    ("line", "memory_format"),
    [
        ("conv x=2x3x4x5 w=1x3x2x2", torch.channels_last),
        ("conv x=2x3x4x5x6 w=1x3x2x2x2", torch.channels_last_3d),
        ("max_pool x=2x3x4x5 kernel=2 grad=x", torch.channels_last),
    ],
)
def test_channels_last_is_torch_s_memory_format(
    backend: TorchBackend, line: str, memory_format: torch.memory_format
) -> None:
    """What the call gets is a view of the array, in the format that torch calls channels last."""
    problem = Problem.parse(f"{line} layout=channels_last float32")
    x = backend.tensor(handed(problem, make_arrays(Case(problem)))["x"])
    scope = {"x": x, "dy": x}
    exec(seen_channels_second(problem), scope)
    assert scope["x"].shape == problem.x
    assert scope["x"].is_contiguous(memory_format=memory_format)
    assert not scope["x"].is_contiguous()
    assert scope["x"].data_ptr() == x.data_ptr()


@pytest.mark.parametrize(
    "line",
    [
        "conv x=2x2x4x5 w=4x2x2x3 bias float32",
        "conv x=1x2x4 w=4x1x2 groups=2 padding=full unbatched float64",
        "conv x=1x2x3x3x3 w=4x2x2x2x2 grad=w bfloat16",
        "conv x=2x2x4x4 w=4x2x2x2 bias grad=bias float32",
        "conv1x1 x=2x3x4x4 w=2x3 float32",
        "conv_transpose x=2x2x3x3 w=2x3x2x2 stride=2 grad=x float32",
        "conv_transpose x=1x2x5x5 w=2x3x3x3 padding=full float32",
        "depthwise_conv x=2x3x4x4 w=3x2x2x2 padding=full float32",
        "separable_conv x=1x2x4x4 w=2x2x2x2 pointwise=3x4 float32",
        "max_pool x=1x3x4x4 kernel=2 indices unbatched float32",
        "max_pool x=2x3x4x5 kernel=2 stride=2 grad=x float32",
        "max_unpool x=2x3x2x2 kernel=2 stride=2 float32",
        "adaptive_max_pool x=2x3x5x4 output=3x2 indices float32",
        "global_avg_pool x=2x3x3x3 memory=strided float32",
        "lp_pool x=2x3x4x4 kernel=2 p=2 float32",
    ],
)
def test_channels_last_and_full_padding_agree_with_the_oracle(
    backend: TorchBackend, line: str
) -> None:
    *words, dtype = line.split()
    case = Case.parse(" ".join([*words, "layout=channels_last", dtype, "fill=integers#3"]))
    examined = Bench(backend).examine(case)
    assert examined.verdict.kind is Kind.AGREES, examined.verdict


LINES = [
    "conv x=1x2x4x4 w=2x2x2x2 bias layout=channels_last float32",
    "max_pool x=1x2x4x4 kernel=2 indices unbatched layout=channels_last float64",
    "conv x=1x2x4x4 w=2x2x2x2 bias complex64",
    "conv x=1x2x4x4 w=2x2x2x2 bias flip unbatched memory=strided float16",
    "conv x=2x1x4 w=1x1x3 padding=1 padding_mode=reflect grad=x float32",
    "conv x=1x1x4 w=1x1x2 bias grad=bias memory=readonly float64",
    "conv x=1x2x3x3 w=1x2x2x2 memory=transposed grad=w bfloat16",
    "conv_transpose x=1x2x3x3 w=2x1x2x2 stride=2 output_padding=1 bias complex128",
    "conv_transpose x=0x2x3 w=2x1x2 float32",
    "depthwise_conv x=1x2x4 w=2x2x2 int64",
    "separable_conv x=1x2x4 w=2x2x2 pointwise=3x4 float32",
    "max_pool x=1x2x4x4 kernel=2 stride=2 unbatched grad=x float32",
    "max_pool x=1x2x4x4 kernel=2 uint8",
    "avg_pool x=1x2x4x4 kernel=2 grad=x memory=transposed bfloat16",
    "lp_pool x=1x2x4x4 kernel=2 p=inf grad=x float32",
    "max_unpool x=1x1x2x2 kernel=2 stride=2 unbatched float32",
    "adaptive_max_pool x=1x1x5x4 output=3x2 indices unbatched float32",
    "global_avg_pool x=1x2x3x3 memory=strided float32",
    "unfold x=1x2x3x3 kernel=2 unbatched float16",
    "fold x=1x4x4 kernel=2x2 output=3x3 memory=strided bfloat16",
]


@pytest.mark.parametrize("line", LINES)
def test_script_repeats_the_run_in_the_same_memory(backend: TorchBackend, line: str) -> None:
    problem = Problem.parse(line)
    arrays = handed(problem, make_arrays(Case(problem)))
    ran = backend.run(problem, arrays).arrays
    scope: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(backend.script(problem, arrays), scope)
    for name, array in ran.items():
        again = backend.array(scope[name])
        assert again.dtype == array.dtype
        np.testing.assert_array_equal(again.astype(complex), array.astype(complex))
        assert str(scope[name]) in printed.getvalue()
    if problem.layout == "channels_last":
        assert scope["x"].shape == problem.x[problem.unbatched :]  # seen channels second
        return
    strides = tuple(stride // arrays["x"].itemsize for stride in arrays["x"].strides)
    assert arrays["x"].size == 0 or scope["x"].stride() == strides


@pytest.mark.parametrize("line", LINES)
def test_inputs_stay_as_they_were(backend: TorchBackend, line: str) -> None:
    assert perform(backend, Problem.parse(line), make_arrays(Case.parse(line))).changed == ()


def test_threads_are_set_for_a_block_alone(backend: TorchBackend) -> None:
    before = torch.get_num_threads()
    with backend.threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def _half(dtype: str, numbers: Any) -> Array:
    return np.array(numbers, np.float32).astype(getattr(ml_dtypes, dtype, dtype))


# A number to which adding 1 changes nothing: only a wider sum keeps the 1.
HALVES = [("float16", 2048), ("bfloat16", 256)]


@pytest.mark.parametrize(("dtype", "top"), HALVES)
def test_pool_gradients_are_summed_in_the_half_type(
    backend: TorchBackend, dtype: str, top: int
) -> None:
    """Added up one after the other, top + 1 + 1 + 2 gives top + 2 instead of top + 4."""
    dy = _half(dtype, [[[top, 1, 1, 2]]])
    peak = _half(dtype, [[[0, 0, 0, 9, 0, 0, 0]]])
    flat = np.ones((1, 1, 7), dy.dtype)
    found = {
        "max_pool": ("max_pool x=1x1x7 kernel=4 grad=x", {"x": peak, "dy": dy}),
        "avg_pool": ("avg_pool x=1x1x7 kernel=4 grad=x", {"x": flat, "dy": dy * dy.dtype.type(4)}),
    }
    for op, (line, arrays) in found.items():
        dx = backend.run(Problem.parse(f"{line} {dtype}"), arrays).arrays["dx"]
        assert float(dx[0, 0, 3]) == top + 2
        assert backend.accumulators[f"{op} grad=x {dtype}"] == dtype


@pytest.mark.parametrize(("dtype", "top"), HALVES)
def test_fold_is_summed_in_the_half_type(backend: TorchBackend, dtype: str, top: int) -> None:
    """Sample 2 of 5 is under tap 2, 1 and 0 of windows 0, 1 and 2: 1 + top + 1 gives top."""
    columns = np.zeros((1, 3, 3))
    columns[0, [2, 1, 0], [0, 1, 2]] = 1, top, 1
    problem = Problem.parse(f"fold x=1x3x3 kernel=1x3 output=1x5 {dtype}")
    y = backend.run(problem, {"x": _half(dtype, columns)}).arrays["y"]
    assert float(y[0, 0, 0, 2]) == top
    assert backend.accumulators[f"fold {dtype}"] == dtype


@pytest.mark.parametrize(("dtype", "top"), HALVES)
@pytest.mark.parametrize(("rank", "short"), [(2, 0), (3, 2)])
def test_only_a_3d_adaptive_average_is_summed_in_the_half_type(
    backend: TorchBackend, dtype: str, top: int, rank: int, short: int
) -> None:
    x = _half(dtype, [top, 1, 1, 2, 0, 0, 0, 0]).reshape(1, 1, *(1,) * (rank - 1), 8)
    sizes = "x".join(map(str, x.shape))
    output = "x".join(["1"] * (rank - 1) + ["2"])
    problem = Problem.parse(f"adaptive_avg_pool x={sizes} output={output} {dtype}")
    y = backend.run(problem, {"x": x}).arrays["y"]
    assert float(y.flat[0]) == (top + 4 - short) / 4
    assert (f"adaptive_avg_pool {dtype} rank {rank}" in backend.accumulators) is (short > 0)


native_half = pytest.mark.skipif(
    "avx512_fp16" in processor_features(), reason="oneDNN computes float16 here, by other sums"
)


@native_half
@pytest.mark.parametrize(
    ("line", "inputs", "element"),
    [
        (
            "conv_transpose x=1x1x2 w=1x1x2",
            {"x": [[[683, 1]]], "w": [[[-2048, 3]]]},
            ("y", (0, 0, 1)),
        ),
        (
            "conv x=1x1x3 w=1x1x2 grad=x",
            {"x": [[[0, 0, 0]]], "w": [[[-2048, 3]]], "dy": [[[683, 1]]]},
            ("dx", (0, 0, 1)),
        ),
        (
            "conv x=2x1x1 w=1x1x1 grad=w",
            {"x": [[[683]], [[1]]], "w": [[[0]]], "dy": [[[3]], [[-2048]]]},
            ("dw", (0, 0, 0)),
        ),
        (
            "conv_transpose x=2x1x1 w=1x1x1 grad=w",
            {"x": [[[683]], [[1]]], "w": [[[0]]], "dy": [[[3]], [[-2048]]]},
            ("dw", (0, 0, 0)),
        ),
    ],
)
def test_float16_products_are_rounded_before_they_are_summed(
    backend: TorchBackend, line: str, inputs: dict[str, Any], element: tuple[str, Any]
) -> None:
    """683 * 3 = 2049 is 2048 in float16; less 2048 that is 0 instead of 1."""
    arrays = {name: _half("float16", numbers) for name, numbers in inputs.items()}
    name, place = element
    answer = backend.run(Problem.parse(f"{line} float16"), arrays).arrays[name]
    assert float(answer[place]) == 0


def test_repeated_samples_hand_back_a_bfloat16_sum(backend: TorchBackend) -> None:
    """Replicate padding of 2 reads sample 0 three times: 1 + 256 + 1 gives 256."""
    problem = Problem.parse("conv x=1x1x2x1 w=1x1x1x1 padding=2x0 padding_mode=replicate "
                            "grad=x bfloat16")  # fmt: skip
    dy = _half("bfloat16", [1, 256, 1, 0, 0, 0]).reshape(1, 1, 6, 1)
    ones = {"x": _half("bfloat16", np.ones((1, 1, 2, 1))), "w": _half("bfloat16", [[[[1]]]])}
    dx = backend.run(problem, {**ones, "dy": dy}).arrays["dx"]
    assert float(dx[0, 0, 0, 0]) == 256
    assert backend.accumulators["conv grad=x bfloat16"] == "bfloat16"


def test_without_onednn_bfloat16_goes_the_way_of_float16(
    backend: TorchBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """171 * 3 = 513 is 512 in bfloat16; less 512 that is 0 instead of 1."""
    problem = Problem.parse("conv_transpose x=1x1x2 w=1x1x2 bfloat16")
    arrays = {"x": _half("bfloat16", [[[171, 1]]]), "w": _half("bfloat16", [[[-512, 3]]])}
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    y = backend.run(problem, arrays).arrays["y"]
    assert float(y[0, 0, 1]) == 0
    assert WITHOUT_ONEDNN["conv_transpose bfloat16"] == "bfloat16"
