"""JAX's adapter and the newer operations: the calls, what they cannot say, gradients and sums."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from convformance.backend import Array, Result, Unsupported
from convformance.backends.jax_backend import JaxBackend
from convformance.backends.jax_convs import _is_numpy
from convformance.bench import Bench
from convformance.handing import handed
from convformance.judge import accumulator_of
from convformance.meaning import input_shapes
from convformance.problem import Case, Problem
from convformance.verdict import Kind

pytest.importorskip("jax", reason="the optional framework jax is not installed")


@pytest.fixture(scope="module")
def backend() -> Iterator[JaxBackend]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what JAX warns of on import is not ours
        yield JaxBackend()


def arrays_of(problem: Problem) -> dict[str, Array]:
    """Count up from 1 and over again; indices count the plane."""
    arrays = {
        name: (np.arange(np.prod(shape)) % 7 + 1).astype(problem.dtype).reshape(shape)
        for name, shape in input_shapes(problem).items()
    }
    if "indices" in arrays:
        arrays["indices"] = arrays["indices"].astype(np.int64) - 1
    return handed(problem, arrays)


def script(backend: JaxBackend, line: str) -> str:
    problem = Problem.parse(line)
    return backend.script(problem, arrays_of(problem))


def answer(backend: JaxBackend, line: str, **values: list[float]) -> Result:
    problem = Problem.parse(line)
    arrays = arrays_of(problem)
    for name, numbers in values.items():
        arrays[name] = np.array(numbers).astype(arrays[name].dtype).reshape(arrays[name].shape)
    return backend.run(problem, arrays)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "conv_transpose x=1x2x3x3 w=2x4x2x2 stride=2x1 float32",
            ["lax.conv_transpose(x, w, strides=(2, 1), padding='VALID'", "transpose_kernel=True"],
        ),
        (
            "conv_transpose x=1x1x3 w=1x1x2 stride=2 padding=same float32",
            ["lax.conv_transpose(", "padding='SAME'"],
        ),
        (
            "conv_transpose x=1x1x3 w=1x1x3 stride=2 padding=1+0 float32",
            ["padding=((1, 0),), use_consistent_padding=True"],
        ),
        # 2 - 1 samples around the spread ones, and one more at the end
        (
            "conv_transpose x=1x1x3 w=1x1x2 stride=2 output_padding=1 float32",
            ["lax.conv_transpose(", "padding=((1, 2),)"],
        ),
        (
            "depthwise_conv x=1x2x4 w=2x3x2 dilation=2 float32",
            ["lax.conv_general_dilated(", "rhs_dilation=(2,)", "feature_group_count=2"],
        ),
        ("conv x=1x1x4 w=1x1x2 padding=causal float32", ["padding=((1, 0),)"]),
        ("conv x=1x1x4 w=1x1x3 padding=full float32", ["padding=((2, 2),)"]),
        (
            "conv x=1x1x4x4 w=1x1x2x2 padding=full flip float32",
            ["jax.scipy.signal.convolve(", "mode='full'"],
        ),
        ("conv x=1x2x4 w=1x2x2 flip float32", ["w = jnp.flip(w, "]),
        (
            "conv x=1x1x4 w=1x1x2 padding=1+2 padding_mode=replicate float32",
            ["jnp.pad(x, ", "(1, 2)", "mode='edge'", "padding='VALID'"],
        ),
        ("conv x=1x1x4 w=1x1x2 padding=1 padding_mode=circular float32", ["mode='wrap'"]),
        ("conv x=1x1x4 w=1x1x2 input_dilation=2 float32", ["lhs_dilation=(2,)"]),
        ("conv x=2x1x4 w=2x1x2 batch_groups=2 float32", ["batch_group_count=2"]),
        ("conv x=1x1x4 w=1x1x2 output_dtype=int32 int8", ["preferred_element_type='int32'"]),
        ("max_unpool x=1x1x2 kernel=2 stride=2 float32", ["y.at[plane, place].set("]),
        ("global_avg_pool x=1x1x4x4 float32", ["jnp.mean(x, ", "keepdims=True"]),
        ("global_max_pool x=1x1x4x4 int8", ["jnp.max(x, ", "keepdims=True"]),
        (
            "unfold x=1x1x4 kernel=2 padding=1 float32",
            ["lax.conv_general_dilated_patches(x, filter_shape=(2,)", "padding=((1, 1),)"],
        ),
        ("fold x=1x2x3 kernel=2 output=4 float32", ["jax.linear_transpose(unfold, image)(x)[0]"]),
    ],
)
def test_attributes_go_to_the_parameters(backend: JaxBackend, line: str, parts: list[str]) -> None:
    text = script(backend, line)
    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize(
    ("line", "by"),
    [
        ("conv x=1x1x4 w=1x1x2 grad=x float32", "x"),
        ("conv x=1x1x4 w=1x1x2 bias grad=bias float32", "bias"),
        ("conv_transpose x=1x1x4x4 w=1x1x2x2 grad=w float32", "w"),
        ("max_pool x=1x1x4 kernel=2 grad=x float32", "x"),
        ("lp_pool x=1x1x4 kernel=2 p=2 grad=x float32", "x"),
    ],
)
def test_a_gradient_is_that_of_jax_vjp(backend: JaxBackend, line: str, by: str) -> None:
    text = script(backend, line)
    assert f"_, back = jax.vjp(lambda {by}: forward(" in text
    assert "return back(dy)[0]" in text
    result = answer(backend, line)
    assert list(result.arrays) == [f"d{by}"]
    assert "gradient by jax.vjp" in result.how


def test_a_tensor_is_of_the_machines_byte_order(backend: JaxBackend) -> None:
    native = np.arange(3, dtype=np.float32)
    assert backend.array(backend.tensor(native)).tolist() == [0, 1, 2]
    with pytest.raises(Unsupported, match="byte order"):  # Keras on JAX asks for them one by one
        backend.tensor(native.astype(native.dtype.newbyteorder()))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("conv x=1x1x4 w=1x1x2 unbatched float32", "needs a batch axis"),
        ("conv x=1x1x4 w=1x1x2 memory=byteswapped float32", "byte order"),
        ("conv x=1x1x4 w=1x1x2 grad=x int32", "integers no gradient"),
        ("conv x=1x1x4 w=1x1x2 padding=same padding_mode=reflect float32", "in numbers"),
        (
            "conv x=1x1x4 w=1x1x2 padding=1 padding_mode=reflect input_dilation=2 float32",
            "before lhs_dilation",
        ),
        ("conv_transpose x=1x1x3 w=1x1x2 padding=same_lower float32", "no 'SAME_LOWER'"),
        (
            "conv_transpose x=1x1x3 w=1x1x2 stride=2 padding=same output_padding=1 float32",
            "no output padding beside 'SAME'",
        ),
        ("conv_transpose x=1x2x3 w=2x1x2 groups=2 padding=same float32", "no groups"),
        ("conv x=1x1x5 w=1x1x2 input_dilation=2 padding=same_upper float32", "beside lhs_dilation"),
        ("adaptive_max_pool x=1x1x3 output=2 float32", "no adaptive_max_pool"),
        ("adaptive_avg_pool x=1x1x3 output=2 float32", "no adaptive_avg_pool"),
        ("distance_pool x=1x1x3 kernel=2 float32", "no distance_pool"),
        ("global_avg_pool x=1x1x3 int32", "floating-point"),
        ("max_unpool x=1x1x2 kernel=2 stride=2 layout=channels_last float32", "spatial axes last"),
        ("unfold x=1x1x3 kernel=2 layout=channels_last float32", "no channels to come last"),
        ("fold x=1x2x3 kernel=2 output=4 int32", "integers no answer"),
    ],
)
def test_what_the_api_cannot_say_is_unsupported(
    backend: JaxBackend, line: str, reason: str
) -> None:
    problem = Problem.parse(line)
    with pytest.raises(Unsupported, match=reason):
        backend.run(problem, arrays_of(problem))


def of_numpy(line: str) -> bool:
    return _is_numpy(Problem.parse(line))


def test_a_share_of_the_signals_goes_through_jnp_convolve(backend: JaxBackend) -> None:
    lines = [f"conv x=1x1x{size} w=1x1x3 padding=full flip float32" for size in range(3, 35)]
    assert 8 <= sum(map(of_numpy, lines)) <= 24
    for line in lines:
        function = "jnp.convolve(" if of_numpy(line) else "jax.scipy.signal.convolve("
        assert f"y = {function}x[" in script(backend, line)


def test_a_kernel_longer_than_the_signal_is_not_for_jnp_convolve() -> None:
    """Of two arrays it takes the longer one's size for mode 'same'."""
    assert not any(
        of_numpy(f"conv x=1x1x2 w=1x1x{taps} padding=same_lower flip float32")
        for taps in range(3, 35)
    )


@pytest.mark.parametrize(
    ("mode", "taps"),
    [
        *product(("full", "valid", "same_lower"), (1, 3, 4, 5)),
        *product(("same_upper",), (1, 3, 5)),  # of an even kernel the odd sample is before
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_jnp_convolve_is_the_flipped_convolution(
    backend: JaxBackend, mode: str, taps: int, dtype: str
) -> None:
    lines = [f"conv x=1x1x{size} w=1x1x{taps} padding={mode} flip {dtype}" for size in range(5, 40)]
    line = next(line for line in lines if of_numpy(line))
    examined = Bench(backend).examine(Case.parse(f"{line} fill=integers#1"))
    assert examined.verdict.kind is Kind.AGREES, examined.verdict


HANDED = ["x=3x2x8x6", "x=1x2x8x6 unbatched", "x=1x2x8x6 layout=channels_last",
          "x=4x2x8x6 memory=reversed"]  # fmt: skip


@pytest.mark.parametrize("handed_over", HANDED)
def test_the_options_do_not_depend_on_the_batch_or_how_arrays_are_handed(
    backend: JaxBackend, handed_over: str
) -> None:
    """So law.batch and law.layout compare what JAX does, not what the adapter chose."""
    sizes, *rest = handed_over.split()
    for rows in range(1, 9):
        line = f"max_pool x=1x2x8x6 kernel={rows}x2 float32"
        other = " ".join(["max_pool", sizes, f"kernel={rows}x2", *rest, "float32"])
        options = ["compiler_options" in script(backend, one) for one in (line, other)]
        assert options[0] == options[1], other


def test_the_layout_of_the_call_is_told(backend: JaxBackend) -> None:
    lines = [f"max_pool x=1x2x{size} kernel=2 float32" for size in range(2, 40)]
    sampled = next(line for line in lines if "default options" in script(backend, line))
    cheap = next(line for line in lines if "cheap options" in script(backend, line))
    assert answer(backend, sampled).layout == "NCHW"
    assert answer(backend, cheap).layout == "channels last"
    last = sampled.replace(" float32", " layout=channels_last float32")
    assert answer(backend, last).layout == "channels last"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("max_unpool x=1x1x1 kernel=2 stride=2 output=9 float32", "is pooled to"),
        ("max_unpool x=1x1x1 kernel=2 stride=0 float32", "strictly positive"),
        ("conv x=3x1x4 w=2x1x2 batch_groups=2 float32", "batch_group_count"),
        ("max_pool x=1x1x4 kernel=2 dilation=2 grad=x float32", "VJP not implemented"),
    ],
)
def test_what_jax_rejects_keeps_its_words(backend: JaxBackend, line: str, words: str) -> None:
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=words):
        answer(backend, line)


@pytest.mark.parametrize(
    ("line", "is_recipe"),
    [
        ("conv_transpose x=1x2x3 w=2x3x2 float32", False),
        ("conv_transpose x=1x2x3 w=2x3x2 groups=2 float32", True),
        ("depthwise_conv x=1x2x4 w=2x3x2 float32", False),
        ("separable_conv x=1x2x4 w=2x3x2 pointwise=5x6 float32", True),
        ("conv x=1x1x4 w=1x1x2 padding=1 padding_mode=reflect float32", True),
        ("max_unpool x=1x1x2 kernel=2 stride=2 float32", True),
        ("unfold x=1x1x4 kernel=2 float32", False),
        ("fold x=1x2x3 kernel=2 output=4 float32", True),
    ],
)
def test_compositions_are_called_recipes(backend: JaxBackend, line: str, is_recipe: bool) -> None:
    assert answer(backend, line).recipe is is_recipe


def test_unpooling_puts_a_value_where_its_index_says_and_drops_what_has_none(
    backend: JaxBackend,
) -> None:
    line = "max_unpool x=1x1x2 kernel=2 stride=2 float32"
    assert answer(backend, line, x=[5, 6], indices=[1, 2]).arrays["y"].tolist() == [[[0, 5, 6, 0]]]
    assert answer(backend, line, x=[5, 6], indices=[-1, 2]).arrays["y"].tolist() == [[[0, 0, 6, 0]]]


def test_groups_of_a_transposed_convolution_keep_to_themselves(backend: JaxBackend) -> None:
    got = answer(
        backend, "conv_transpose x=1x2x1 w=2x1x2 groups=2 float32", x=[1, 10], w=[1, 2, 3, 4]
    )
    assert got.arrays["y"].tolist() == [[[1, 2], [30, 40]]]


@pytest.mark.parametrize(
    ("line", "dtype"),
    [
        ("conv x=1x1x4 w=1x1x2 bias grad=bias float16", "float16"),
        ("conv x=1x1x4 w=1x1x2 bias grad=x float16", "float32"),
        ("conv_transpose x=1x1x4 w=1x1x2 bias grad=bias bfloat16", "bfloat16"),
        ("max_pool x=1x1x4 kernel=2 grad=x bfloat16", "bfloat16"),
        ("avg_pool x=1x1x4 kernel=2 float16", "float16"),
        ("conv x=1x1x4 w=1x1x2 float16", "float32"),
        ("conv x=1x1x4 w=1x1x2 float64", "float64"),
    ],
)
def test_the_adapter_says_in_which_dtype_sums_are_kept(
    backend: JaxBackend, line: str, dtype: str
) -> None:
    assert accumulator_of(Problem.parse(line), backend.accumulators) == dtype


@pytest.mark.parametrize("n", range(4))
@pytest.mark.parametrize(
    "line",
    [
        "conv_transpose x=2x2x3x4 w=2x3x3x3 stride=2x2 padding=1x0+1 bias float32 fill=integers",
        "conv_transpose x=1x2x3 w=2x3x2 stride=3 output_padding=2 float32 fill=integers",
        "conv_transpose x=1x4x3 w=4x2x2 groups=2 stride=2 grad=w float64 fill=integers",
        "conv x=2x4x5 w=6x2x2 groups=2 stride=2 grad=x float32 fill=integers",
        "conv x=4x2x5 w=2x2x2 batch_groups=2 input_dilation=2 int32 fill=integers",
        "conv x=1x1x5x6 w=1x1x3x3 flip padding=same float32 fill=integers",
        "conv x=1x2x3 w=1x2x3 padding=2 padding_mode=symmetric complex64 fill=integers",
        "max_pool x=1x3x5 kernel=3 stride=2 unbatched layout=channels_last grad=x float32"
        " fill=integers",
        "unfold x=1x2x4x5 kernel=2x3 stride=1x2 padding=1 int8 fill=integers",
        "fold x=1x4x6 kernel=2x2 output=3x4 float32 fill=integers",
        "separable_conv x=1x2x5 w=2x2x3 pointwise=3x4 padding=same memory=reversed float32"
        " fill=integers",
    ],
)
def test_jax_agrees_with_the_oracle(backend: JaxBackend, line: str, n: int) -> None:
    examined = Bench(backend).examine(Case.parse(f"{line}#{n}"))
    assert examined.verdict.kind is Kind.AGREES, examined.verdict


def test_the_script_is_a_program_that_prints_the_answer(
    backend: JaxBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "conv x=2x2x4 w=4x1x2 groups=2 grad=w float32"
    exec(script(backend, line), {})
    assert capsys.readouterr().out.strip() == str(answer(backend, line).arrays["dw"])
