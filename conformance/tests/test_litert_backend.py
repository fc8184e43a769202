"""The LiteRT adapter: what its operators are told, what they are not told, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engines import verdict

from convformance.backend import Unsupported
from convformance.backends import litert_calls
from convformance.backends.litert_backend import PLAIN, REFERENCE, LiteRtBackend
from convformance.backends.litert_calls import output_shape, written
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.verdict import Kind

SAID = (
    "conv x=2x4x5x6 w=6x2x3x2 stride=2x1 dilation=1x2 groups=2 bias float32",
    "conv x=1x2x5x5 w=3x2x3x3 padding=same dilation=2 float32",
    "conv x=1x2x5x5 w=3x2x2x2 stride=2 padding=same_upper layout=channels_last float32",
    "conv x=1x2x5x5 w=3x2x2x2 padding=0x0 float32",
    "conv x=1x2x3x5x4 w=3x2x2x3x2 stride=2x1x2 padding=same bias float32",
    "conv x=1x2x3x5x4 w=3x2x2x3x2 dilation=1x2x1 float32",
    "conv1x1 x=2x3x2x2 w=4x3 bias float32",
    "conv1x1 x=2x3x2x2x2 w=4x3 float32",
    "conv1x1 x=2x3x4 w=4x3 bias float32",
    "conv1x1 x=2x3x2x2x2x2 w=4x3 float32",
    "depthwise_conv x=1x3x5x4 w=3x2x2x3 padding=same dilation=2 float32",
    "separable_conv x=1x3x5x4 w=3x2x2x3 pointwise=4x6 stride=2 float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 output_padding=1 bias float32",
    "conv_transpose x=1x2x3x4 w=2x3x2x3 stride=2 padding=same float32",
    "conv_transpose x=1x2x3x4x2 w=2x3x2x3x2 stride=2 dilation=2x1x1 bias output_padding=1 float32",
    "conv_transpose x=1x2x3x4x2 w=2x3x2x3x2 stride=2 padding=same float32",
    "max_pool x=2x2x6x5 kernel=3x2 stride=2x1 float32",
    "max_pool x=1x1x5x5 kernel=2 stride=2 padding=same float32",
    "avg_pool x=1x2x6x5 kernel=3x2 stride=2 padding=same float32",
    "lp_pool x=1x2x6x5 kernel=1x1 stride=2 p=2 float32",
    "global_avg_pool x=2x3x4x5 float32",
    "global_avg_pool x=2x3x4x2x1x3 int64",
    "global_max_pool x=2x3x4x5 float32",
    "global_max_pool x=2x3x4x2x1x3 int32",
)
# What the delegate alone has kernels for.
HALVES = (
    "conv1x1 x=2x3x2x2 w=4x3 bias float16",
    "global_avg_pool x=2x3x4 float16",
    "global_max_pool x=2x3x4 float16",
)
PATHS = ("", *(path for path in LiteRtBackend.variants if path != "no_bias"))


@pytest.fixture(scope="module")
def made() -> Callable[..., LiteRtBackend]:
    reason = "LiteRT is not installed: pip install 'convformance[litert]'"
    pytest.importorskip("ai_edge_litert", reason=reason)
    return LiteRtBackend


@pytest.fixture(scope="module")
def litert(made: Callable[..., LiteRtBackend]) -> LiteRtBackend:
    return made()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("line", SAID)
def test_a_model_that_says_the_problem_gives_its_answer(
    made: Callable[..., LiteRtBackend], line: str, path: str
) -> None:
    said = verdict(made(**LiteRtBackend.variants.get(path, {})), line)
    assert (said.kind, said.message) == (Kind.AGREES, "")


@pytest.mark.parametrize("line", HALVES)
def test_the_delegate_takes_float16_and_the_kernels_below_it_refuse(
    made: Callable[..., LiteRtBackend], line: str
) -> None:
    assert verdict(made(), line).kind is Kind.AGREES
    assert verdict(made(kernels=PLAIN), line).kind is Kind.REFUSES
    assert verdict(made(kernels=REFERENCE), line).kind is Kind.REFUSES


def test_an_adapter_that_says_another_problem_is_caught(
    litert: LiteRtBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar of the tests above: the strides are turned around on their way."""
    real = litert_calls._sliding

    def turned(problem: Problem) -> dict[str, Any]:
        options = real(problem)
        return options | {"strideH": options["strideW"], "strideW": options["strideH"]}

    monkeypatch.setattr(litert_calls, "_sliding", turned)
    assert verdict(litert, SAID[0]).kind is Kind.SHAPE


@pytest.mark.parametrize("line", [*(one for one in SAID if "channels_last" not in one), *HALVES])
def test_a_script_answers_what_run_answers(
    litert: LiteRtBackend, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case.parse(f"{Problem.parse(line).line} fill=integers#1")
    arrays = make_arrays(case)
    scope: dict[str, Any] = {"__name__": "script"}
    exec(litert.script(case.problem, arrays), scope)
    assert capsys.readouterr().out
    y = litert.run(case.problem, arrays).arrays["y"]
    assert scope["answer"].tolist() == np.moveaxis(y, 1, -1).tolist()


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_one_of_the_interpreter_s_sets_of_kernels(
    made: Callable[..., LiteRtBackend], path: str
) -> None:
    backend = made(**LiteRtBackend.variants.get(path, {}))
    case = Case.parse(f"{Problem.parse(SAID[0]).line} fill=integers#1")
    scope: dict[str, Any] = {"__name__": "script"}
    exec(backend.script(case.problem, make_arrays(case)), scope)
    # It names what has run, and has no public name itself.
    names = [one["op_name"] for one in scope["interpreter"]._get_ops_details()]
    assert names == (["CONV_2D"] if path else ["CONV_2D", "DELEGATE"])


@pytest.mark.parametrize(
    ("line", "name", "options"),
    [
        (
            "conv x=1x2x5x5 w=3x2x2x2 stride=2x1 dilation=1x2 float32",
            "CONV_2D",
            {"strideH": 2, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 2},
        ),
        ("conv x=1x2x5x5 w=3x2x2x2 padding=same float32", "CONV_2D", {"padding": "SAME"}),
        ("conv x=1x2x5x5 w=3x2x2x2 padding=0x0 float32", "CONV_2D", {"padding": "VALID"}),
        (
            "conv x=1x2x5x5x5 w=3x2x2x2x2 stride=3x2x1 float32",
            "CONV_3D",
            {"strideD": 3, "strideH": 2, "strideW": 1},
        ),
        ("conv1x1 x=1x2x5 w=3x2 float32", "FULLY_CONNECTED", {"keepNumDims": True}),
        ("conv1x1 x=1x2x5x5 w=3x2 float32", "CONV_2D", {"padding": "VALID"}),
        (
            "depthwise_conv x=1x2x5x5 w=2x3x2x2 float32",
            "DEPTHWISE_CONV_2D",
            {"depthMultiplier": 3},
        ),
        (
            "avg_pool x=1x1x5x5 kernel=3x2 float32",
            "AVERAGE_POOL_2D",
            {"filterHeight": 3, "filterWidth": 2},
        ),
        ("global_max_pool x=1x1x5 float32", "REDUCE_MAX", {"keepDims": True}),
    ],
)
def test_attributes_go_to_options_of_the_operator(
    line: str, name: str, options: dict[str, Any]
) -> None:
    (one,) = written(Problem.parse(line)).operators
    assert one.name == name
    assert options.items() <= one.options.items()


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("conv_transpose x=2x2x3x4 w=2x5x2x3 stride=2 output_padding=1 float32", (2, 7, 10, 5)),
        ("conv_transpose x=2x2x3x4 w=2x5x2x3 stride=2 padding=same float32", (2, 6, 8, 5)),
        ("conv_transpose x=1x1x2x2x2 w=1x1x2x2x2 dilation=2 float32", (1, 4, 4, 4, 1)),
    ],
)
def test_a_transposed_convolution_is_told_its_output_s_shape(
    line: str, shape: tuple[int, ...]
) -> None:
    assert output_shape(Problem.parse(line)) == shape


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("unfold x=1x1x3x3 kernel=2x2 float32", "no operator for unfold"),
        ("max_unpool x=1x1x2x2 kernel=2 stride=2 float32", "no operator for max_unpool"),
        ("adaptive_avg_pool x=1x1x4x4 output=2 float32", "no operator for adaptive_avg_pool"),
        ("conv x=1x1x5 w=1x1x2 float32", "2 or 3 spatial axes, not 1"),
        ("max_pool x=1x1x5x5x5 kernel=2 float32", "2 spatial axes, not 3"),
        ("conv x=1x1x5x5 w=1x1x2x2 padding=1 float32", "there are no numbers"),
        ("conv x=1x1x5x5 w=1x1x2x2 padding=same_lower float32", "there are no numbers"),
        ("conv x=1x1x5x5 w=1x1x2x2 padding=causal float32", "there are no numbers"),
        ("conv x=1x1x5x5 w=1x1x2x2 grad=x float32", "lack a gradient"),
        ("conv x=1x1x5x5 w=1x1x2x2 stride=1x1x1 float32", "each of the axes HW, and no other"),
        ("conv1x1 x=1x1 w=1x1 float32", "is a dense layer"),
        ("global_avg_pool x=1x1 float32", "over no axis is no pool"),
        ("max_pool x=1x1x5x5 kernel=2 padding=0x0x0 float32", "there are no numbers"),
        ("conv_transpose x=1x1x3x3 w=1x1x2x2 output_padding=1x1x1 float32", "one size for each"),
        ("conv x=1x1x5x5 w=1x1x2x2 unbatched float32", "the batch with it"),
        ("conv x=1x1x5x5 w=1x1x2x2 float16", "CONV_2D takes no float16"),
        ("conv x=1x1x5x5 w=1x1x2x2 int8", "CONV_2D takes no int8, or as quantized numbers"),
        ("global_max_pool x=1x1x5x5 uint8", "REDUCE_MAX takes no uint8"),
        ("conv x=1x4x5x5 w=2x2x2x2 float32", "always means groups=2, never 1"),
        ("conv x=1x4x5x5x5 w=2x2x2x2x2 groups=2 float32", "CONV_3D has no groups"),
        ("conv_transpose x=1x2x3x3 w=2x1x2x2 groups=2 float32", "have no groups"),
        ("conv_transpose x=1x2x3x3 w=2x1x2x2 dilation=2 float32", "has no dilation"),
        (
            "conv_transpose x=1x2x3x3 w=2x1x2x2 stride=2 padding=same output_padding=1 float32",
            "says how much is cut",
        ),
        ("max_pool x=1x1x5x5 kernel=2 dilation=2 float32", "pools of LiteRT have no dilation"),
        ("max_pool x=1x1x5x5 kernel=2 ceil_mode float32", "lack ceil_mode"),
        ("max_pool x=1x1x5x5 kernel=2 indices float32", "lack indices"),
        ("lp_pool x=1x1x5x5 kernel=1 p=1 float32", "the root of the mean of squares"),
    ],
)
def test_what_no_operator_can_say_is_unsupported(line: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        written(Problem.parse(line))


def test_an_l2_pool_of_more_than_one_tap_is_another_layer(litert: LiteRtBackend) -> None:
    """Of 1 and 7 the root of the sum of squares is above 7; that of their mean is 5."""
    line = "lp_pool x=1x1x1x2 kernel=1x2 p=2 float32"
    said = verdict(litert, line)
    assert said.kind is Kind.UNSUPPORTED
    scope: dict[str, Any] = {"__name__": "script"}
    script = litert.script(
        Problem.parse("max_pool x=1x1x1x2 kernel=1x2 float32"),
        {"x": np.array([[[[1, 7]]]], np.float32)},
    )
    exec(script.replace("MAX_POOL_2D", "L2_POOL_2D"), scope)
    assert scope["answer"].ravel().tolist() == [5]


def test_more_than_one_operator_is_a_recipe() -> None:
    assert written(Problem.parse("separable_conv x=1x1x5x5 w=1x1x2x2 pointwise=1x1 float32")).recipe
    assert not written(Problem.parse(SAID[0])).recipe


def test_a_bias_of_zeros_is_told_and_left_out_where_that_is_asked() -> None:
    problem = Problem.parse("conv x=1x1x5x5 w=1x1x2x2 float32")
    assert written(problem).note == "CONV_2D, whose bias is zeros"
    plain = written(problem, no_bias=True)
    assert plain.note == "CONV_2D"
    assert plain.operators[0].inputs == ("x", "w")


def test_a_convolution_without_a_bias_is_refused(made: Callable[..., LiteRtBackend]) -> None:
    """A depthwise one ends the process, and is not asked here."""
    said = verdict(made(no_bias=True), "conv x=1x1x5x5 w=1x1x2x2 float32")
    assert said.kind is Kind.REFUSES
    assert "has_bias was not true" in said.message


@pytest.mark.parametrize("path", PATHS)
def test_sums_are_kept_in_float32(made: Callable[..., LiteRtBackend], path: str) -> None:
    """2^24 + 1 is 2^24 in float32, so that ones that are added one by one are lost."""
    backend = made(**LiteRtBackend.variants.get(path, {}))
    x = np.array([2.0**24, *[1] * 8], np.float32).reshape(1, 1, 1, 9)
    arrays = {"x": x, "w": np.ones((1, 1, 1, 9), np.float32)}
    answer = backend.run(Problem.parse("conv x=1x1x1x9 w=1x1x1x9 float32"), arrays).arrays["y"]
    assert answer.dtype == np.float32
    assert 2.0**24 <= float(answer.ravel()[0]) <= 2.0**24 + 8


def test_the_other_byte_order_is_unsupported_and_not_read_as_it_lies(
    litert: LiteRtBackend,
) -> None:
    said = verdict(litert, "conv x=1x1x5x5 w=1x1x2x2 memory=byteswapped float32")
    assert said.kind is Kind.UNSUPPORTED
    assert "the machine's byte order" in said.message


def test_threads_are_asked_for_as_long_as_the_block_lasts(litert: LiteRtBackend) -> None:
    assert litert._n is None
    with litert.threads(2):
        assert litert._n == 2
        assert verdict(litert, SAID[0]).kind is Kind.AGREES
    assert litert._n is None
