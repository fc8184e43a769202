"""The line of a problem or case: both ways without loss, and errors that point at the place."""

import json
from math import prod

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convformance.drawn_forms import form_cases, gradient_cases, handed_cases
from convformance.problem import (
    COMPLEX_OPS,
    DTYPES,
    FLAGS,
    LARGEST_KERNEL,
    NEEDED,
    NUMBERS,
    OPS,
    PADDINGS,
    WORDS,
    Case,
    LineError,
    Problem,
)
from convformance.strategies import cases, invalid_cases

REAL = tuple(dtype for dtype in DTYPES if not dtype.startswith("complex"))
SOME = settings(max_examples=60, deadline=None)
WHOLE = st.integers(-3, 99)
SIZES = st.lists(st.integers(0, 99), min_size=2, max_size=6).map(tuple)
AXES = st.lists(WHOLE, min_size=1, max_size=4).map(tuple)
PADDING = st.sampled_from(PADDINGS) | st.lists(st.tuples(WHOLE, WHOLE), min_size=1, max_size=4).map(
    tuple
)
ATTRIBUTES = {
    **dict.fromkeys(("x", "w", "pointwise"), SIZES),
    **dict.fromkeys(
        ("kernel", "stride", "dilation", "input_dilation", "output_padding", "output"), AXES
    ),
    **dict.fromkeys(NUMBERS, WHOLE),
    **dict.fromkeys(FLAGS, st.booleans()),
    **{name: st.sampled_from(words) for name, words in WORDS.items()},
    "padding": PADDING,
    "p": WHOLE | st.just(float("inf")),
}
FILLS = st.lists(st.sampled_from(("integers", "special")), min_size=1, max_size=3).map("+".join)


@st.composite
def any_problem(draw):
    """Draw a problem without a thought whether it has a meaning."""
    op = draw(st.sampled_from(list(OPS)))
    values = {
        name: draw(ATTRIBUTES[name])
        for name in OPS[op]
        if name in NEEDED or draw(st.integers(0, 3)) == 0
    }
    values["dtype"] = draw(st.sampled_from(DTYPES if op in COMPLEX_OPS else REAL))
    _make_sayable(op, values)
    return Problem(op, **values)


def _make_sayable(op, values):
    """Take away what does not go together, so that little is drawn in vain."""
    if not values.get("bias") and values.get("grad") == "bias":
        values["grad"] = "x"
    if values.get("grad") == "w" and "w" not in OPS[op]:
        values["grad"] = "x"
    if values.get("grad"):
        for name in ("indices", "batch_groups", "output_dtype"):
            values.pop(name, None)
    if values.get("grad") in ("w", "bias") and values.get("memory") == "broadcast":
        values.pop("memory")
    if values.get("groups", 1) > 1:
        values.pop("batch_groups", None)
    if values.get("unbatched"):
        values["x"] = (1, *values["x"][1:])
    # A kernel of one entry stands for every axis.
    kernel = values.get("kernel", ()) or values.get("w", ())[2:]
    rank = len(values["output"]) if op == "fold" else len(values["x"]) - 2
    taps = prod(map(abs, kernel * rank if len(kernel) == 1 else kernel))
    assume(taps <= LARGEST_KERNEL)


def fills_of(problem):
    if problem.is_complex:
        return st.sampled_from(("integers", "real"))
    if problem.grad in ("w", "bias") and problem.is_float:
        return st.sampled_from(("integers", "special", "real"))
    if problem.grad in ("w", "bias"):
        return st.sampled_from(("integers", "special"))
    return st.just("real") | FILLS if problem.is_float else FILLS


ANY_CASE = any_problem().flatmap(
    lambda problem: st.builds(
        Case,
        st.just(problem),
        fills_of(problem),
        st.integers(0, 2**64),
    )
)
DRAWN_CASE = st.one_of(
    *(cases(op) for op in OPS),
    *(invalid_cases(op) for op in OPS if not op.startswith("global")),
    *(gradient_cases(op) for op in OPS if "grad" in OPS[op]),
    form_cases(),
    st.sampled_from(list(OPS)).flatmap(handed_cases),
)


def respelt(case, random):
    """Return a line of the same case that is not canonical."""
    op, *words = case.line.split()
    random.shuffle(words)
    return "\t" + op + "  " + " \t ".join(words) + " "


@SOME
@given(any_problem())
def test_a_problem_comes_back_from_its_line_whether_valid_or_not(problem):
    assert Problem.parse(problem.line) == problem


@SOME
@given(any_problem())
def test_a_problem_comes_back_from_its_json_whether_valid_or_not(problem):
    assert Problem.from_json(json.loads(json.dumps(problem.to_json(), allow_nan=False))) == problem


@SOME
@given(ANY_CASE | DRAWN_CASE)
def test_a_case_comes_back_from_its_line_and_from_its_json(case):
    assert Case.parse(case.line) == case
    assert Case.from_json(json.loads(json.dumps(case.to_json()))) == case


@SOME
@given(ANY_CASE | DRAWN_CASE, st.randoms(use_true_random=False))
def test_the_order_of_words_and_the_white_space_do_not_matter(case, random):
    assert Case.parse(respelt(case, random)).line == case.line


@SOME
@given(ANY_CASE, ANY_CASE)
def test_two_cases_have_one_line_only_if_they_are_equal(one, other):
    assert (one.line == other.line) == (one == other)
    assert (one.id == other.id) == (one == other)


@SOME
@given(ANY_CASE)
def test_a_line_is_safe_inside_one_pair_of_quotes(case):
    assert set(case.line) <= set("abcdefghijklmnopqrstuvwxyz_0123456789 =+-#")


@pytest.mark.parametrize(
    ("spelt", "canonical"),
    [
        ("conv x=1x1x5 w=1x1x2", "conv x=1x1x5 w=1x1x2 float32 fill=integers#0"),
        (
            "conv w=01x1x2 x=1x1x5 stride=1 dilation=1 groups=1 padding=valid fill=special",
            "conv x=1x1x5 w=1x1x2 float32 fill=special#0",
        ),
        (
            "max_pool x=1x1x8x8 kernel=2 stride=2 padding=1+1 indices float16",
            "max_pool x=1x1x8x8 kernel=2x2 stride=2x2 padding=1x1 indices float16 fill=integers#0",
        ),
        (
            "max_pool x=1x1x8x8 kernel=2x3 padding=0",
            "max_pool x=1x1x8x8 kernel=2x3 padding=0x0 float32 fill=integers#0",
        ),
        ("lp_pool x=1x1x4 kernel=2", "lp_pool x=1x1x4 kernel=2 p=2 float32 fill=integers#0"),
        (
            "lp_pool x=1x1x4 kernel=2 p=inf fill=real#007",
            "lp_pool x=1x1x4 kernel=2 p=inf float32 fill=real#7",
        ),
        ("max_pool x=3x4 kernel=2", "max_pool x=3x4 kernel=2 float32 fill=integers#0"),
    ],
)
def test_a_case_has_one_canonical_line(spelt, canonical):
    assert Case.parse(spelt).line == canonical
    assert Case.parse(canonical).line == canonical


def test_ids_are_the_same_in_every_release():
    case = Case.parse("conv x=1x1x5 w=1x1x2 dilation=3 float32 fill=integers#4")
    assert (case.id, case.problem.id) == ("c-5329177e10", "p-30c539aa54")


def test_a_whole_p_is_written_without_a_point():
    assert Problem("lp_pool", (1, 1, 4), kernel=(2,), p=3.0).line == Problem.parse(
        "lp_pool x=1x1x4 kernel=2 p=3"
    ).line  # fmt: skip


# A line, the marks below it, and the message.
WRONG = [
    ("cov x=1x1x5 w=1x1x2",
     "^^^", "op 'cov' is none of conv, conv1x1,"),
    ("x=1x1x5 w=1x1x2 conv",
     "^^^^^^^", "op 'x=1x1x5' is none of"),
    ("conv x=1x1x5",
     "            ^", "conv needs w"),
    ("max_pool kernel=2",
     "                 ^", "max_pool needs x"),
    ("avg_pool",
     "        ^", "avg_pool needs x and kernel"),
    ("conv x=1x1x5 w=1x1x2 strid=2",
     "                     ^^^^^^^", "'strid' is no attribute"),
    ("conv x=1x1x5 w=1x1x2 strided",
     "                     ^^^^^^^", "'strided' is no flag and no dtype"),
    ("conv x=1x1x5 w=1x1x2 float33 bias",
     "                     ^^^^^^^", "'float33' is no flag and no dtype"),
    ("conv x=1x1x5 w=1x1x2 groups",
     "                     ^^^^^^", "'groups' is no flag and no dtype"),
    ("conv x=1x1x5 w=1x1x2 ceil_mode",
     "                     ^^^^^^^^^", "conv takes no ceil_mode; it takes x, w, stride,"),
    ("max_pool x=1x1x5 w=1x1x2",
     "                 ^^^^^^^", "max_pool takes no w; it takes x, kernel,"),
    ("conv x=1x1x5 w=1x1x2 bias=1",
     "                     ^^^^^^", "bias is a flag: write it without a value"),
    ("conv x=1x1x5 w=1x1x2 bias=",
     "                     ^^^^^", "bias is a flag: write it without a value"),
    ("conv x=1x1x5 w=1x1x2 x=1x1x5",
     "                     ^^^^^^^", "x stands there twice"),
    ("conv x=1x1x5 w=1x1x2 bias bias",
     "                          ^^^^", "bias stands there twice"),
    ("conv x=1x1x5 w=1x1x2 float32 float64",
     "                             ^^^^^^^", "dtype stands there twice"),
    ("conv x=1x1x-5 w=1x1x2",
     "     ^^^^^^^^", "x looks like x=1x3x8x8"),
    ("conv x= w=1x1x2",
     "     ^^", "x looks like x=1x3x8x8"),
    ("conv x=1,1,5 w=1x1x2",
     "     ^^^^^^^", "x looks like x=1x3x8x8"),
    ("conv x=1x1x5 w=1x1x2x",
     "             ^^^^^^^^", "w looks like w=1x3x8x8"),
    ("max_pool x=1x1x5 kernel=3.0",
     "                 ^^^^^^^^^^", "kernel looks like kernel=3x3"),
    ("conv x=1x1x5 w=1x1x2 stride=",
     "                     ^^^^^^^", "stride looks like stride=3x3"),
    ("conv x=1x1x5 w=1x1x2 padding=1+2+3",
     "                     ^^^^^^^^^^^^^", "padding looks like 1x2 or 1+2x0+1, or is one of valid"),
    ("conv x=1x1x5 w=1x1x2 padding=SAME",
     "                     ^^^^^^^^^^^^", "padding looks like"),
    ("conv x=1x1x5 w=1x1x2 groups=two",
     "                     ^^^^^^^^^^", "'two' is no whole number"),
    ("lp_pool x=1x1x5 kernel=2 p=1.5",
     "                         ^^^^^", "'1.5' is no whole number"),
    ("conv x=1x1x5 w=1x1x2 fill=ones#1",
     "                     ^^^^^^^^^^^", "fill 'ones' is none of integers, special, real"),
    ("conv x=1x1x5 w=1x1x2 fill=integers+#1",
     "                     ^^^^^^^^^^^^^^^^", "fill '' is none of"),
    ("conv x=1x1x5 w=1x1x2 fill=real+special",
     "                     ^^^^^^^^^^^^^^^^^", "cannot share a batch"),
    ("conv x=1x1x5 w=1x1x2 int8 fill=real",
     "                          ^^^^^^^^^", "fill real has no int8 elements"),
    ("conv x=1x1x5 w=1x1x2 fill=integers#-1",
     "                     ^^^^^^^^^^^^^^^^", "a fill looks like integers#7"),
    ("conv x=1x1x5 w=1x1x2 fill=integers#",
     "                     ^^^^^^^^^^^^^^", "a fill looks like integers#7"),
    ("conv fill=real x=1x1x5 w=1x1x2 fill=real",
     "                               ^^^^^^^^^", "fill stands there twice"),
    ("conv x=1x1x5 w=1x1x2 fill",
     "                     ^^^^", "'fill' is no flag and no dtype"),
    ("fill=real",
     "^", "op '' is none of"),
    ("",
     "^", "an empty line; a case starts with conv,"),
    (" \t ",
     "^", "an empty line"),
    ("conv\tx=1x1x5\tw=1x1xq",
     "             ^^^^^^^", "w looks like"),
    ("conv x=1x1x5\nw=1x1xq",
     "             ^^^^^^^", "w looks like"),
    ("conv x=1x1x5 \x1b[31m w=1x1xq",
     "             ^^^^^", r"'\x1b[31m' is no flag and no dtype"),
    ("conv x=1x1x５ w=1x1x2",  # noqa: RUF001  a digit that is not ASCII
     "     ^^^^^^^", "x looks like x=1x3x8x8"),
    ("conv x=1x1x٣ w=1x1x2",
     "     ^^^^^^^", "x looks like x=1x3x8x8"),
    ("conv x=1x1x5 w=1x1x2 groups=" + "9" * 5000,
     "                     " + "^" * 5007, "Exceeds the limit"),
    ("conv x=1x1x5 w=1x1x2 fill=real#" + "9" * 5000,
     "                     " + "^" * 5010, "Exceeds the limit"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "marks", "message"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_line_is_told_with_marks_below_the_place(line, marks, message):
    with pytest.raises(LineError) as caught:
        Case.parse(line)
    assert caught.value.message.startswith(message) or message in caught.value.message
    said, shown, below = str(caught.value).split("\n")
    assert (said, below) == (caught.value.message, f"  {marks}")
    assert shown == "  " + "".join(one if one.isprintable() else " " for one in line)


def test_a_fill_in_the_line_of_a_problem_is_pointed_at():
    with pytest.raises(LineError, match="a problem has no fill") as caught:
        Problem.parse("conv x=1x1x5 fill=real w=1x1x2")
    assert (caught.value.start, caught.value.end) == (13, 22)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"op": "conv2d"}, "op 'conv2d' is none of conv,"),
        ({"dtype": "float8"}, "dtype 'float8' is none of float16,"),
        ({"padding": "SAME"}, "padding 'SAME' is none of valid,"),
        ({"kernel": (2,)}, "conv takes no kernel"),
        ({"p": 3}, "conv takes no p"),
    ],
)
def test_a_problem_holds_nothing_that_its_op_does_not_take(values, message):
    with pytest.raises(ValueError, match=message):
        Problem(**{"op": "conv", "x": (1, 1, 5), "w": (1, 1, 2), **values})


@pytest.mark.parametrize(
    ("fill", "seed", "message"),
    [
        ("ones", 0, "fill 'ones' is none of"),
        ("integers+real", 0, "cannot share a batch"),
        ("integers", -1, "seed -1 is negative"),
    ],
)
def test_a_case_holds_only_fills_that_exist(fill, seed, message):
    problem = Problem("conv", (1, 1, 5), (1, 1, 2))
    with pytest.raises(ValueError, match=message):
        Case(problem, fill, seed)


@pytest.mark.parametrize(
    ("line", "marked", "words"),
    [
        ("conv x=1x1x5 w=1x1x2 padding_mode=mirror", "padding_mode=mirror", "none of zeros, refl"),
        ("conv x=1x1x5 w=1x1x2 grad=y", "grad=y", "none of x, w, bias"),
        ("conv x=1x1x5 w=1x1x2 flip=yes", "flip=yes", "flip is a flag"),
        ("conv x=1x1x5 w=1x1x2 output_dtype=int", "output_dtype=int", "none of float16"),
        ("max_pool x=1x1x5 kernel=2 memory=odd", "memory=odd", "none of contiguous"),
        ("max_pool x=1x1x5 kernel=2 output_padding=1", "output_padding=1", "takes no output_pad"),
        ("conv_transpose x=1x1x5 w=1x1x2 output_padding=a", "output_padding=a", "looks like"),
        ("adaptive_avg_pool x=1x1x5", " ", "needs output"),
        ("separable_conv x=1x1x5 w=1x1x2", " ", "needs pointwise"),
    ],
)
def test_a_new_attribute_that_cannot_be_read_is_pointed_at(line, marked, words):
    with pytest.raises(LineError) as caught:
        Problem.parse(line)
    error = caught.value
    assert words in error.message
    assert (line + " ")[error.start : error.end] == marked


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("max_pool x=1x1x5 kernel=2 grad=w", "max_pool has no w"),
        ("conv x=1x1x5 w=1x1x2 grad=bias", "grad=bias needs bias"),
        ("max_pool x=1x1x5 kernel=2 indices grad=x", "a gradient has no indices"),
        ("max_pool x=2x1x5 kernel=2 unbatched", "a batch of 1"),
        ("conv x=4x1x5 w=2x1x2 batch_groups=2 grad=x", "a gradient has no batch_groups"),
        ("conv x=1x1x5 w=1x1x2 output_dtype=float64 grad=w", "a gradient has no output_dtype"),
        ("conv x=4x2x5 w=4x1x2 groups=2 batch_groups=2", "groups and batch_groups do not go"),
        ("unfold x=1x1x5 kernel=2 complex64", "unfold takes no complex elements; conv, "),
    ],
)
def test_attributes_that_do_not_go_together_are_told(line, words):
    with pytest.raises(LineError, match=words):
        Problem.parse(line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("conv x=1 w=1", r"x=1 is not \(N, C, \*spatial\)"),
        ("fold x=4 kernel=2 output=3", r"x=4 is not \(N, C, \*spatial\)"),
        ("conv x=1x1x5 w=1x1x2 dilation=99999999999", "dilation: 99999999999 is larger than"),
        ("conv x=1x1x5 w=1x1x2 padding=0+-99999999999", "padding: -99999999999 is larger than"),
        ("conv x=1x1x5 w=1x1x2 groups=99999999999", "groups: 99999999999 is larger than"),
        ("unfold x=1x1x5 kernel=2000000", "a kernel has at most 1,048,576 taps"),
        ("conv x=1x1x5x5 w=1x1x2000x2000", "a kernel has at most 1,048,576 taps"),
        ("lp_pool x=1x1x5 kernel=2 p=101", "p=101 is larger than 100"),
    ],
)
def test_what_nothing_could_answer_in_time_is_refused_at_the_door(line, words):
    with pytest.raises(LineError, match=words):
        Problem.parse(line)


def test_extras_are_what_an_adapter_must_know_of():
    plain = Problem.parse("conv x=1x1x5 w=1x1x2 stride=2 padding=1+0 dilation=2 bias")
    assert plain.extras == ()
    asked = Problem.parse("conv x=1x1x5 w=1x1x2 padding=causal flip grad=x layout=channels_last")
    assert asked.extras == ("flip", "grad", "layout", "padding")


def test_answers_are_named_by_what_is_asked_for():
    assert Problem.parse("max_pool x=1x1x5 kernel=2 indices").answers == ("y", "indices")
    assert Problem.parse("max_pool x=1x1x5 kernel=2 grad=x").answers == ("dx",)
    assert Problem.parse("conv x=1x1x5 w=1x1x2 grad=w").answers == ("dw",)


def test_attributes_of_another_rank_that_have_their_defaults_do_not_matter():
    flat = Problem.parse("conv_transpose x=1x1x5 w=1x1x2")
    plane = Problem.parse("conv_transpose x=1x1x5x5 w=1x1x2x2")
    assert flat.output_padding == (0,)
    assert Problem("conv", (1, 1, 5), (1, 1, 2), output_padding=plane.output_padding).rank == 1
