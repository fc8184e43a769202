"""Which clause a discrepancy is given, and which choice explains it: with backends of one rule."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis.strategies import one_of

from convformance.attribute import (
    alternatives,
    clause_of,
    explain,
    idle_points,
    refusal_choice,
    template,
)
from convformance.backend import Outcome
from convformance.expect import broken_clause, expectation, numpy_dtype
from convformance.fills import make_arrays
from convformance.judge import Trial, judge
from convformance.meaning import input_shapes
from convformance.plan import EXPLORATIONS
from convformance.probes import probes
from convformance.problem import Case, Problem
from convformance.verdict import Kind, Verdict
from convoracle import InvalidProblem

AGREES, WRONG = Verdict(Kind.AGREES), Verdict(Kind.VALUE)
NAN, INF = float("nan"), float("inf")
REFUSES = Verdict(Kind.REFUSES, "backend.refusal", "at most 3")


def right_if(condition, otherwise):
    """A backend whose verdict is `otherwise` but where the condition holds of the problem."""
    return lambda case: AGREES if condition(case.problem) else otherwise


def trial_of(line, wrong=None, **arrays):
    """A trial on arrays given as flat lists, and the verdict on the outcome `wrong`."""
    case = Case.parse(line)
    shapes, dtype = input_shapes(case.problem), numpy_dtype(case.problem.dtype)
    kinds = {name: np.int64 if name == "indices" else dtype for name in shapes}
    given = {
        name: np.array(arrays.get(name, [1] * int(np.prod(shape))), kinds[name]).reshape(shape)
        for name, shape in shapes.items()
    }
    expected = expectation(case.problem, given, seed=case.seed)
    answers = {name: np.array(one).reshape(expected.shape) for name, one in (wrong or {}).items()}
    outcome = Outcome("arrays", answers)
    return Trial(case, expected, outcome, {}), given


# Variant points


def test_the_alternatives_are_one_choice_and_then_two_at_different_points():
    def told(line):
        return list(alternatives(Problem.parse(line)))

    side, skip = {"padding.same_side": "before"}, {"padding.product": "skip"}
    flush = {"value.subnormal": "flush"}
    assert told("conv1x1 x=1x1x1 w=1x1 float32") == [flush]
    assert told("conv x=1x1x1 w=1x1x1 float32") == [
        side, skip, flush, side | skip, side | flush, skip | flush,
    ]  # fmt: skip
    floor, nearest = {"avg.integer": "floor"}, {"avg.integer": "nearest"}
    assert told("global_avg_pool x=1x1x1 int8") == [
        floor, nearest, flush, floor | flush, nearest | flush,
    ]  # fmt: skip


def explained(line, wrong, **arrays):
    trial, given = trial_of(line, wrong, **arrays)
    return explain(trial, given, judge(trial))


def test_an_outcome_that_is_what_a_choice_expects_is_explained():
    x = [2.0**-149, 1]
    line = "conv1x1 x=1x1x2 w=1x1 float32 fill=special#0"
    choices, verdict = explained(line, {"y": np.array([0, 1], np.float32)}, x=x)
    assert choices == {"value.subnormal": "flush"}
    assert verdict.kind is Kind.VALUE


def test_what_each_element_decides_for_itself_is_a_mixed_choice():
    line = "conv x=2x1x1 w=1x1x2 padding=1+0 float32 fill=special#0"
    given = {"x": [2, 3], "w": [INF, 1]}  # 0 * inf is NaN, and without it 2 and 3
    choices, _ = explained(line, {"y": np.array([2, NAN], np.float32)}, **given)
    assert choices == {"padding.product": "mixed"}
    choices, _ = explained(line, {"y": np.array([2, 3], np.float32)}, **given)
    assert choices == {"padding.product": "skip"}


def test_two_mixed_choices_may_explain_an_element_together():
    line = "conv x=2x1x1 w=1x1x2 padding=1+0 float32 fill=special#0"
    wrong = {"y": np.array([0, NAN], np.float32)}
    choices, _ = explained(line, wrong, x=[2.0**-149, 1], w=[INF, 1])
    assert choices == {"padding.product": "mixed", "value.subnormal": "mixed"}


def test_needless_nan_beside_ties_that_are_shared_is_told_as_such():
    """A mask of maxima, divided by their number, times the gradient: 0 times infinity is NaN."""
    line = "max_pool x=1x1x4 kernel=2 stride=2 grad=x float32 fill=special#0"
    given = {"x": [1, 1, 3, 2], "dy": [8, INF]}
    shared = {"dx": np.array([4, 4, INF, NAN], np.float32)}
    choices, verdict = explained(line, shared, **given)
    assert choices == {}
    assert verdict.message.endswith("but for what grad.tie explains, each NaN where none is due")
    assert verdict.wrong[0] == ("dx", (0, 0, 3))
    other = {"dx": np.array([4, 4, 5, NAN], np.float32)}
    _, verdict = explained(line, other, **given)
    assert "grad.tie" not in verdict.message


def test_a_copied_number_that_a_choice_explains_does_not_change_the_order_of_the_places():
    line = "unfold x=1x1x2 kernel=1 float32 fill=real#0"
    wrong = {"y": np.array([0, 9], np.float32)}
    choices, verdict = explained(line, wrong, x=[2.0**-149, 2.0**-149])
    assert choices == {}
    assert verdict.wrong == (("y", (0, 0, 0)), ("y", (0, 0, 1)))


def test_what_two_choices_explain_together_is_no_mixture_of_others():
    """A tie is never broken element by element: that is no choice, so nothing is explained."""
    line = "max_pool x=2x1x2 kernel=2 indices float32 fill=integers#0"
    wrong = {"y": np.ones(2, np.float32), "indices": np.array([1, 0])}
    choices, verdict = explained(line, wrong, x=[1, 1, 1, 1])
    assert choices == {}
    assert verdict.wrong == (("indices", (0, 0, 0)),)


def test_the_places_that_no_choice_explains_stand_first():
    line = "conv x=3x1x1 w=1x1x2 padding=1+0 float32 fill=special#0"
    choices, verdict = explained(
        line, {"y": np.array([2, NAN, 9], np.float32)}, x=[2, 3, 4], w=[INF, 1]
    )
    assert choices == {}
    assert verdict.wrong == (("y", (2, 0, 0)), ("y", (0, 0, 0)))
    assert verdict.message == "2 of 3 compared elements differ"


def told_apart(case):
    """The variant points at which some choice expects other elements, and those called idle."""
    arrays = make_arrays(case)
    expected = expectation(case.problem, arrays, seed=case.seed)
    trial = Trial(case, expected, Outcome("arrays", {}), {})
    points = [one for one in alternatives(case.problem) if len(one) == 1]
    others = [(one, expectation(case.problem, arrays, one, case.seed)) for one in points]
    apart = {
        label
        for choices, other in others
        for label in choices
        if other.shape != expected.shape or not np.array_equal(other.y, expected.y, equal_nan=True)
    }
    return apart, idle_points(trial, arrays) & {label for one in points for label in one}


def test_an_idle_point_is_one_whose_choices_all_expect_the_same():
    met = {"apart": set(), "idle": set()}

    def look_at(case):
        if broken_clause(case.problem) is None:
            apart, idle = told_apart(case)
            assert not apart & idle, case.line
            met["apart"] |= apart
            met["idle"] |= idle

    @seed(1)
    @settings(max_examples=150, database=None, deadline=None, phases=[Phase.generate])
    @given(one_of(*[one.strategy for one in EXPLORATIONS if one.area in ("data", "forms")]))
    def holds(case):
        look_at(case)

    holds()
    for _, case in probes():
        look_at(case)
    once_idle = {"padding.same_side", "padding.product", "value.subnormal"}
    assert met["idle"] == once_idle  # and each is asked where it does matter:
    assert once_idle <= met["apart"]


def test_an_accuracy_beyond_its_bound_is_no_choice():
    line = "conv1x1 x=1x1x2 w=1x1 float32 fill=real#0"
    trial, given = trial_of(line, {"y": np.zeros(2, np.float32)}, x=[2.0**-149, 2.0**-148])
    beyond = Verdict(Kind.BOUND, "backend.accuracy")
    assert explain(trial, given, beyond) == ({}, beyond)
    assert explain(trial, given, Verdict(Kind.VALUE))[0] == {"value.subnormal": "flush"}


def test_a_copied_sample_that_is_another_may_be_a_choice_on_real_numbers_too():
    line = "unfold x=1x1x1 kernel=1 float32 fill=real#0"
    trial, given = trial_of(line, {"y": np.zeros(1, np.float32)}, x=[2.0**-149])
    verdict = judge(trial)
    assert verdict.kind is Kind.BOUND
    assert explain(trial, given, verdict)[0] == {"value.subnormal": "flush"}


def test_what_has_no_meaning_has_no_choice():
    trial, given = trial_of("conv1x1 x=1x1x1 w=1x1 float32 fill=integers#0")
    invalid = replace(trial, expected=InvalidProblem("conv.groups", "3 of 2"))
    verdict = Verdict(Kind.ACCEPTS, "conv.groups")
    assert explain(invalid, given, verdict) == ({}, verdict)


# Refusals


def refused_at(line, condition, message="at most 3", otherwise=None):
    case = Case.parse(f"{line} float32 fill=integers#0")
    told = otherwise or replace(REFUSES, message=message)
    return refusal_choice(case, message, right_if(condition, told))


@pytest.mark.parametrize(
    ("line", "most", "choices"),
    [
        ("max_pool x=1x1x9 kernel=3 padding=3", 1, {"padding.limit": "half"}),
        ("max_pool x=1x1x9 kernel=4 padding=4", 3, {"padding.limit": "kernel"}),
        ("max_pool x=1x1x9 kernel=4 padding=3", 2, {"padding.limit": "half"}),
        ("max_pool x=1x1x9 kernel=4 padding=4", 2, {"padding.limit": "half"}),
        ("max_pool x=1x1x9 kernel=4 padding=3", 1, None),
        ("max_pool x=1x1x9 kernel=4 padding=2", 1, None),
    ],
)
def test_padding_is_refused_past_half_the_kernel_or_past_the_kernel(line, most, choices):
    def within(problem):
        sides = [] if problem.padding == "valid" else problem.padding
        return all(max(pair) <= most for pair in sides)

    assert refused_at(line, within) == choices


def test_an_empty_batch_is_refused_by_choice():
    line = "conv x=0x1x5 w=1x1x2"
    assert refused_at(line, lambda problem: problem.x[0] > 0) == {"size.batch": "refuse"}
    assert refused_at(line, lambda _: False) is None


def test_a_window_that_does_not_fit_or_sees_only_padding_is_refused_by_choice():
    short = refused_at("max_pool x=1x1x2 kernel=3", lambda problem: problem.x[2] >= 3)
    assert short == {"window.none": "refuse"}
    line = "max_pool x=1x1x2 kernel=1 padding=1"
    assert refused_at(line, lambda problem: problem.padding == "valid") == {"max.empty": "refuse"}


def test_a_neighbour_without_a_meaning_proves_nothing():
    assert refused_at("conv x=0x1x5 w=1x2x2", lambda problem: problem.x[0] > 0) is None


def test_two_points_are_refused_together_if_neither_goes_alone():
    line = "conv x=0x0x5 w=2x0x2"
    both = {"size.batch": "refuse", "size.channels": "refuse"}
    assert refused_at(line, lambda problem: 0 not in problem.x) == both
    alone = refused_at(line, lambda problem: problem.x[1] > 0)
    assert alone == {"size.channels": "refuse"}


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        (
            "conv_transpose x=1x1x3 w=1x1x2 dilation=2 output_padding=1",
            {"transpose.output_padding": "stride"},
        ),
        ("conv_transpose x=1x1x3 w=1x1x2 stride=3", {"transpose.valid": "stride"}),
        (
            "conv_transpose x=1x1x3 w=1x1x2 stride=2 output_padding=1 padding=same",
            {"transpose.same_odd": "half"},
        ),
    ],
)
def test_a_transposed_convolution_is_refused_as_its_size_would_be_another(line, choices):
    problem = Problem.parse(f"{line} float32")
    assert refused_at(line, lambda other: other != problem) == choices


def test_a_refusal_for_another_reason_is_another_refusal():
    line, case = "conv x=0x1x5 w=1x1x2", Case.parse("conv x=0x1x5 w=1x1x2 float32")

    def told(message):
        def try_out(other):
            return replace(
                REFUSES, message="at most 3" if other.problem == case.problem else message
            )

        return refusal_choice(case.on(case.problem), "at most 3", try_out)

    assert told("at most 77") is None
    assert told("not today") == told("about 3") == {"size.batch": "refuse"}
    assert refused_at(
        line, lambda _: False, otherwise=Verdict(Kind.VALUE, message="at most 3")
    ) == {"size.batch": "refuse"}


def test_a_refusal_is_not_gone_where_the_neighbour_is_not_supported():
    unasked = Verdict(Kind.UNSUPPORTED, message="no batch of 1")
    one = Problem.parse("conv x=1x1x5 w=1x1x2 float32")

    def try_out(other):
        return unasked if other.problem == one else replace(REFUSES, message="at most 3")

    case = Case.parse("conv x=0x1x5 w=1x1x2 float32 fill=integers#0")
    assert refusal_choice(case, "at most 3", try_out) is None


def test_a_message_without_its_numbers_is_the_reason():
    assert template("kernel 12 of -3 is at most 7x8") == "kernel # of # is at most #x#"
    assert template("{{node conv_7}} a {{b}}c") == "a c"
    assert template("killed (signal 11) at\nline 2") == "killed "
    assert template("x" * 61) == "x" * 60
    assert template("x" * 59) == "x" * 59


# Clauses


def named(line, condition, kind=Kind.VALUE, others=WRONG, clause="", **rest):
    """The clause of a wrong verdict, where the backend is right if the condition holds."""
    trial, _ = trial_of(f"{line} fill=integers#0")
    verdict = Verdict(kind, clause, rest.get("message", ""), wrong=rest.get("wrong", ()))
    return clause_of(trial, verdict, right_if(condition, others))


FULL = "conv x=1x2x9 w=2x1x2 stride=2 dilation=2 padding=1+0 groups=2 bias float32"


@pytest.mark.parametrize(
    ("without", "clause"),
    [
        (lambda problem: not problem.bias, "conv.bias"),
        (lambda problem: problem.groups == 1, "conv.groups"),
        (lambda problem: max(problem.dilation) == 1, "window.dilation"),
        (lambda problem: max(problem.stride) == 1, "window.stride"),
        (lambda problem: problem.padding == ((1, 1),), "padding.explicit"),
        (lambda problem: problem.padding == "valid", "padding.zero"),
        (lambda _: False, "conv.sum"),
    ],
)
def test_the_first_feature_without_which_a_value_is_right_names_the_clause(without, clause):
    assert named(FULL, without) == clause


def test_what_has_no_padding_has_features_too():
    line = "conv1x1 x=1x2x3 w=2x2 bias float32"
    assert named(line, lambda problem: not problem.bias) == "conv.bias"
    line = "adaptive_max_pool x=1x1x4 output=2 indices float32"
    assert named(line, lambda problem: not problem.indices) == "max.index"


def test_every_other_verdict_brings_its_clause():
    for kind in set(Kind) - {Kind.VALUE, Kind.SHAPE, Kind.REFUSES}:
        assert named(FULL, lambda _: True, kind, clause="value.dtype") == "value.dtype"


def test_a_dtype_is_to_blame_though_float32_does_not_lie_so_in_memory():
    """Numbers of one byte are the same in either byte order, those of float32 are not supported."""

    def try_out(case):
        if case.problem.dtype == "int8":
            return WRONG
        is_plain = case.problem.memory == "contiguous"
        return AGREES if is_plain else Verdict(Kind.UNSUPPORTED)

    trial, _ = trial_of("conv x=1x1x5 w=1x1x2 memory=byteswapped int8 fill=integers#0")
    assert clause_of(trial, WRONG, try_out) == "value.wrap"


def explicit(problem):
    return not isinstance(problem.padding, str)


@pytest.mark.parametrize("op", ["conv x=1x1x5 w=1x1x2", "max_pool x=1x1x5 kernel=2"])
def test_same_padding_is_told_from_padding_by_the_explicit_padding_of_its_size(op):
    line = f"{op} dilation=2 padding=same float32"
    own = "padding.zero" if op.startswith("conv") else "max.padding"
    assert named(line, explicit) == "padding.same"
    assert named(line, lambda problem: problem.padding == "valid") == own
    trial, _ = trial_of(f"{line} fill=integers#0")

    def unasked(right):
        """A backend that has no explicit padding, and is right where `right` holds."""

        def try_out(case):
            if explicit(case.problem):
                return Verdict(Kind.UNSUPPORTED)
            return AGREES if right(case.problem) else Verdict(Kind.VALUE)

        return clause_of(trial, Verdict(Kind.VALUE), try_out)

    assert unasked(lambda problem: problem.padding == "valid") == "padding.same"
    dilated = unasked(lambda problem: max(problem.dilation) == 1)
    assert dilated == "window.dilation"


def test_a_wrong_shape_is_gone_where_the_shape_is_right_whatever_the_values():
    shape = Verdict(Kind.SHAPE)
    for kind in (Kind.AGREES, Kind.VALUE, Kind.BOUND, Kind.DTYPE):
        trial, _ = trial_of(f"{FULL} fill=integers#0")

        def try_out(case, kind=kind):
            return shape if case.problem.groups > 1 else Verdict(kind)

        assert clause_of(trial, replace(shape, clause="window.count"), try_out) == "conv.groups"
    for kind in (Kind.CRASHED, Kind.UNSUPPORTED, Kind.REFUSES):
        found = named(FULL, lambda _: False, Kind.SHAPE, Verdict(kind), "window.count")
        assert found == "window.count"


def test_a_wrong_shape_that_an_odd_size_brings_is_of_that_size():
    line = "conv x=0x1x5 w=1x1x2 float32"
    batch = named(line, lambda problem: problem.x[0] > 0, Kind.SHAPE, Verdict(Kind.SHAPE))
    assert batch == "size.batch"


def test_a_refusal_is_of_the_feature_without_which_another_thing_happens():
    told = {"kind": Kind.REFUSES, "others": REFUSES, "message": "at most 3"}
    assert named(FULL, lambda problem: problem.groups == 1, **told) == "conv.groups"
    assert named(FULL, lambda _: False, **told) == "backend.refusal"
    other = told | {"others": Verdict(Kind.UNSUPPORTED)}
    assert named(FULL, lambda _: False, **other) == "backend.refusal"
    other = told | {"others": Verdict(Kind.VALUE)}
    assert named(FULL, lambda _: False, **other) == "conv.bias"
    half = FULL.replace("float32", "float16")
    assert named(half, lambda problem: problem.dtype == "float32", **told) == "value.dtype"


def test_a_wrong_value_of_whole_numbers_is_of_what_the_dtype_means():
    def plain(problem):
        return problem.dtype == "float32"

    assert named("conv x=1x1x3 w=1x1x2 int8", plain) == "value.wrap"
    assert named("avg_pool x=1x1x3 kernel=2 int8", plain) == "avg.integer"
    assert named("conv x=1x1x3 w=1x1x2 complex64", plain) == "value.complex"
    assert named("conv x=1x1x3 w=1x1x2 float16", plain) == "conv.sum"


def test_a_simpler_problem_that_is_not_answered_right_tells_nothing():
    for kind in (Kind.BOUND, Kind.ACCEPTS, Kind.UNSUPPORTED):
        assert named(FULL, lambda _: False, others=Verdict(kind)) == "conv.sum"


@pytest.mark.parametrize(
    ("line", "unsaid", "clause"),
    [
        (FULL, lambda problem: problem.groups == 1, "padding.zero"),
        (
            "max_pool x=1x1x6 kernel=2 stride=2 padding=1 ceil_mode float32",
            lambda problem: not problem.ceil_mode,
            "max.padding",
        ),
    ],
)
def test_another_feature_that_cannot_be_left_out_does_not_make_padding_same(line, unsaid, clause):
    trial, _ = trial_of(f"{line} fill=integers#0")

    def try_out(case):
        if unsaid(case.problem):
            return Verdict(Kind.UNSUPPORTED)
        return AGREES if case.problem.padding == "valid" else WRONG

    assert clause_of(trial, WRONG, try_out) == clause


# What stands under the first differing window


def content(line, output="y", position=(0, 0, 0), plain=AGREES, fill="special", **arrays):
    """The clause of a wrong element of a special fill, where whole numbers come out as `plain`."""
    trial, _ = trial_of(f"{line} fill={fill}#0", **arrays)
    wrong = ((output, position),) if output else ()
    asked = []

    def try_out(case):
        asked.append(case.fill)
        return plain if case.fill == "integers" else Verdict(Kind.VALUE)

    found = clause_of(trial, Verdict(Kind.VALUE, wrong=wrong), try_out)
    assert asked[0] == "integers"
    return found


CONV, POOL = "conv x=1x1x2 w=1x1x2 float32", "max_pool x=1x1x2 kernel=2 float32"
TINY, NORMAL, LARGEST = 2.0**-149, 2.0**-126, (2 - 2.0**-23) * 2.0**127


@pytest.mark.parametrize(
    ("x", "conv", "pool"),
    [
        ([NAN, 1], "value.nan", "max.nan"),
        ([INF, 1], "value.infinity", "max.value"),
        ([-INF, 1], "value.infinity", "max.value"),
        ([NAN, INF], "value.nan", "max.nan"),
        ([TINY, 1], "value.subnormal", "value.subnormal"),
        ([-TINY, 0], "value.subnormal", "value.subnormal"),
        ([NORMAL, 1], "conv.sum", "max.value"),
        ([NORMAL / 2, LARGEST], "value.subnormal", "value.subnormal"),
        ([LARGEST, 1], "value.overflow", "value.overflow"),
        ([LARGEST / 2, 1], "conv.sum", "max.value"),
        ([0, 0], "conv.sum", "max.value"),
    ],
)
def test_a_special_number_under_the_window_names_the_clause(x, conv, pool):
    assert content(CONV, x=x) == conv
    assert content(POOL, x=x) == pool


def test_a_term_past_the_largest_number_is_an_overflow():
    line = "conv x=1x1x1 w=1x1x1 float16"
    assert content(line, x=[300], w=[300]) == "value.overflow"


def test_content_is_looked_at_on_every_fill_but_whole_numbers():
    line = "max_pool x=1x1x2 kernel=2 int32"
    assert content(line, fill="ends", x=[2**31 - 1, 1]) == "max.value"
    assert content(CONV.replace("float32", "int32"), fill="ends", x=[2**31 - 1, 1]) == "value.wrap"
    found = named(
        "conv x=1x2x3 w=2x1x2 groups=2 int8",
        lambda problem: problem.groups == 1,
        wrong=(("y", (0, 0, 0)),),
    )
    assert found == "conv.groups"


@pytest.mark.parametrize("kind", [Kind.SHAPE, Kind.REFUSES])
def test_only_a_wrong_value_is_tried_on_whole_numbers(kind):
    trial, _ = trial_of("conv x=1x1x3 w=1x1x2 bias stride=2 float32 fill=special#0")
    asked = set()

    def try_out(case):
        asked.add(case.fill)
        return Verdict(kind)

    clause_of(trial, Verdict(kind), try_out)
    assert asked == {"special"}


def test_the_first_differing_element_is_the_one_that_is_looked_at():
    line = "conv1x1 x=1x1x2 w=1x1 float32"
    assert content(line, x=[1, NAN], position=(0, 0, 1)) == "value.nan"
    assert content(line, x=[1, NAN], position=(0, 0, 0)) == "conv1x1.product"


def test_a_wrong_index_is_of_the_tie_or_of_the_nan():
    line = POOL.replace("float32", "indices float32")
    assert content(line, "indices", x=[3, 3]) == "max.tie"
    assert content(line, "indices", x=[3, NAN]) == "max.nan_index"


def test_a_wrong_whole_number_of_a_special_fill_is_of_the_dtype():
    assert content(CONV.replace("float32", "int8"), x=[127, 1]) == "value.wrap"


def test_a_nan_in_the_gradient_of_a_maximum_is_no_maximum():
    line = "max_pool x=1x1x2 kernel=2 grad=x float32"
    (name,) = Problem.parse(line).answers
    assert content(line, name, x=[1, 2], dy=[NAN], position=(0, 0, 1)) == "value.nan"
    assert content(line, x=[1, 2], dy=[INF], position=(0, 0, 1)) == "value.infinity"


def test_without_a_differing_place_no_content_is_named():
    assert content(CONV, output="", x=[NAN, 1]) == "conv.sum"


def test_what_is_wrong_for_whole_numbers_too_is_no_matter_of_content():
    assert content(CONV, x=[NAN, 1], plain=Verdict(Kind.VALUE)) == "conv.sum"
    assert content(CONV, x=[NAN, 1], plain=Verdict(Kind.SHAPE)) == "value.nan"
    assert content(CONV, x=[NAN, 1], plain=Verdict(Kind.UNSUPPORTED)) == "value.nan"


def test_the_simpler_problems_are_asked_on_the_fill_that_shows_the_trouble():
    line = "conv x=1x1x3 w=1x1x2 bias float32"
    trial, _ = trial_of(f"{line} fill=special#0", x=[1, 1, 1])

    def told(wrong_fills):
        def try_out(case):
            bad = case.fill in wrong_fills and case.problem.bias
            return Verdict(Kind.VALUE) if bad else AGREES

        return clause_of(trial, Verdict(Kind.VALUE, wrong=(("y", (0, 0, 0)),)), try_out)

    assert told({"integers", "special"}) == told({"special"}) == "conv.bias"
