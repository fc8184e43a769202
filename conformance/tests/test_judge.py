"""The judge: each kind of verdict, tolerance zero, and the clause that is named."""

from dataclasses import replace
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from convformance.attribute import explain
from convformance.backend import Outcome, Unsupported
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.bounds import BoundLine, accuracy_bound, meaning_bound
from convformance.expect import Expectation, expectation
from convformance.fills import make_arrays
from convformance.judge import Trial, accumulator_of, judge
from convformance.margins import Margins, in_bounds
from convformance.problem import Case
from convformance.tells import LOWEST_FINITE, ROUNDED
from convformance.verdict import Kind, Verdict
from convoracle import InvalidProblem

LINE = "conv x=1x1x5 w=1x1x2 float32 fill=integers#0"


def trial(line, outcome, accumulators=None):
    case = Case.parse(line)
    expected = expectation(case.problem, make_arrays(case), seed=case.seed)
    return Trial(case, expected, outcome, accumulators or {})


def right(line):
    case = Case.parse(line)
    return dict(NumpyBackend().run(case.problem, make_arrays(case)).arrays)


def verdict(line, **arrays):
    return judge(trial(line, Outcome("arrays", {**right(line), **arrays})))


class Told:
    """A backend that does one thing whatever it is asked."""

    name, version = "told", "1"

    def __init__(self, deed):
        self.deed = deed

    def run(self, problem, arrays):
        return self.deed(problem, arrays)


def raising(error):
    def deed(problem, arrays):
        raise error

    return Told(deed)


def examined(backend, line):
    return Bench(backend).examine(Case.parse(line)).verdict


def test_the_right_answer_agrees():
    assert verdict(LINE).kind is Kind.AGREES
    assert verdict(LINE).compared == 4


def test_a_wrong_shape_names_both():
    found = verdict(LINE, y=np.zeros((1, 1, 5), np.float32))
    assert (found.kind, found.clause) == (Kind.SHAPE, "window.count")
    assert found.message == "y: expected shape 1x1x4, got 1x1x5"


def test_a_wrong_dtype_names_both():
    found = verdict(LINE, y=right(LINE)["y"].astype(np.float64))
    assert (found.kind, found.clause) == (Kind.DTYPE, "value.dtype")
    assert found.message == "y: expected float32, got float64"


def test_a_nan_where_none_is_due_is_told_apart_from_a_wrong_number():
    """A sample that should not have been read shows as NaN; the ledger tells leaks by that."""
    y = right(LINE)["y"]
    y[0, 0, :2] = np.nan
    assert verdict(LINE, y=y).message == (
        "2 of 4 compared elements differ, each NaN where none is due"
    )
    y[0, 0, 3] += 1
    assert verdict(LINE, y=y).message == "3 of 4 compared elements differ"


def test_one_unit_in_the_last_place_is_a_difference():
    y = right(LINE)["y"]
    y[0, 0, 2] = np.nextafter(y[0, 0, 2], np.float32(np.inf))
    found = verdict(LINE, y=y)
    assert found.kind is Kind.VALUE
    assert found.wrong == (("y", (0, 0, 2)),)
    assert found.message == "1 of 4 compared elements differ" + ROUNDED


def test_nan_equals_nan_and_nothing_else():
    line = "max_pool x=1x1x2 kernel=1 float32 fill=special#0"
    seeds = (line.replace("#0", f"#{seed}") for seed in range(100))
    line = next(one for one in seeds if np.isnan(right(one)["y"]).any())
    assert verdict(line).kind is Kind.AGREES
    assert verdict(line, y=np.nan_to_num(right(line)["y"], nan=1)).kind is Kind.VALUE


def test_all_differing_places_are_kept():
    line = "conv x=1x1x100 w=1x1x1 float32 fill=integers#0"
    assert len(verdict(line, y=right(line)["y"] + np.float32(1)).wrong) == 100


def test_an_array_that_is_missing_or_that_nobody_asked_for_is_told():
    line = "max_pool x=1x1x5 kernel=2 indices float32"
    found = judge(trial(line, Outcome("arrays", {"y": right(line)["y"]})))
    assert (found.kind, found.clause) == (Kind.ANSWER, "backend.answer")
    assert found.message == "expected the arrays y, indices, got y"
    assert verdict(LINE, extra=np.zeros(1)).kind is Kind.ANSWER


@pytest.mark.parametrize("answer", [None, [[1.0], [1.0, 2.0]], object(), "text"])
def test_what_is_no_array_is_something_else(answer):
    found = examined(Told(lambda problem, arrays: answer), LINE)
    assert (found.kind, found.clause) == (Kind.ANSWER, "backend.answer")
    assert found.message.startswith("not an array: ")


def test_refusing_the_valid_and_accepting_the_invalid():
    found = examined(raising(ValueError("odd kernels only")), LINE)
    assert (found.kind, found.clause) == (Kind.REFUSES, "backend.refusal")
    assert found.message == "ValueError: odd kernels only"
    invalid = "conv x=1x3x5 w=2x1x2 groups=2 float32"
    assert examined(raising(ValueError("no")), invalid).kind is Kind.AGREES
    found = examined(Told(lambda problem, arrays: np.zeros(4, np.float32)), invalid)
    assert (found.kind, found.clause) == (Kind.ACCEPTS, "conv.groups")
    assert found.message.endswith("it answered y (4,)")


def test_unsupported_is_no_discrepancy():
    found = examined(raising(Unsupported("no such parameter")), LINE)
    assert (found.kind, found.message) == (Kind.UNSUPPORTED, "no such parameter")
    assert not found.is_discrepancy


@pytest.mark.parametrize("error", [KeyError("groups"), AssertionError("x"), SystemExit(1)])
def test_what_no_framework_refuses_by_is_a_crash(error):
    found = examined(raising(error), LINE)
    assert (found.kind, found.clause) == (Kind.CRASHED, "backend.answer")


def test_a_changed_input_is_told_even_where_the_answer_is_right():
    def deed(problem, arrays):
        answer = NumpyBackend().run(problem, arrays)
        arrays["x"][...] = 0
        return answer

    found = examined(Told(deed), LINE)
    assert (found.kind, found.clause) == (Kind.INPUT, "backend.input")
    assert found.message == "wrote to x"


def test_an_index_is_open_where_the_window_holds_no_sample():
    line = "max_pool x=1x1x1 kernel=1 padding=1 indices float32"
    indices = right(line)["indices"]
    open_ones = np.where([[[True, False, True]]], 77, indices)
    assert verdict(line, indices=open_ones).kind is Kind.AGREES
    assert verdict(line, indices=indices + 1).kind is Kind.VALUE


@pytest.mark.parametrize(
    ("outcome", "kind", "clause"),
    [
        ("unsupported", Kind.UNSUPPORTED, ""),
        ("crashed", Kind.CRASHED, "backend.answer"),
        ("timed out", Kind.LATE, "backend.answer"),
        ("something else", Kind.ANSWER, "backend.answer"),
        ("refused", Kind.REFUSES, "backend.refusal"),
    ],
)
def test_what_is_no_answer_has_a_kind_of_its_own_and_keeps_its_message(outcome, kind, clause):
    found = judge(trial(LINE, Outcome(outcome, message="so it was")))
    assert (found.kind, found.clause, found.message) == (kind, clause, "so it was")
    assert found.is_discrepancy == (outcome != "unsupported")


def test_a_refusal_of_an_invalid_problem_agrees_with_its_clause():
    one = trial(LINE, Outcome("refused", message="no"))
    found = judge(replace(one, expected=InvalidProblem("conv.groups", "3 of 2")))
    assert (found.kind, found.clause, found.message) == (Kind.AGREES, "conv.groups", "no")


@pytest.mark.parametrize(
    ("line", "clause"),
    [
        ("max_pool x=1x1x5 kernel=2 float32", "window.count"),
        ("conv1x1 x=1x1x5 w=1x1 float32", "conv1x1.product"),
        ("conv_transpose x=1x1x5 w=1x1x2 float32", "transpose.count"),
        ("max_unpool x=1x1x5 kernel=1 float32", "unpool.output"),
        ("adaptive_avg_pool x=1x1x5 output=2 float32", "adaptive.output"),
        ("global_max_pool x=1x1x5 float32", "global.window"),
        ("unfold x=1x1x5 kernel=2 float32", "unfold.order"),
        ("fold x=1x2x4 kernel=2 output=5 float32", "fold.sum"),
        ("conv x=1x1x5 w=1x1x2 grad=x float32", "grad.shape"),
        ("conv_transpose x=1x1x5 w=1x1x2 grad=w float32", "grad.shape"),
    ],
)
def test_a_wrong_shape_is_of_the_clause_about_the_op_s_size(line, clause):
    one = trial(f"{line} fill=integers#0", Outcome("arrays"))
    name = one.case.problem.answers[0]
    found = judge(replace(one, outcome=Outcome("arrays", {name: np.zeros((), np.float32)})))
    assert (found.kind, found.clause) == (Kind.SHAPE, clause)
    assert found.message.endswith(", got ()")


INDICES = "max_pool x=1x1x5 kernel=2 indices float32 fill=integers#0"


def test_indices_are_compared_too_and_are_int64():
    y, indices = right(INDICES)["y"], right(INDICES)["indices"]
    assert verdict(INDICES).compared == 8
    found = verdict(INDICES, indices=indices.astype(np.int32))
    assert (found.kind, found.message) == (Kind.DTYPE, "indices: expected int64, got int32")
    found = verdict(INDICES, indices=indices[..., :3])
    assert found.message == "indices: expected shape 1x1x4, got 1x1x3"
    moved = indices.copy()
    moved[0, 0, 3] += 1
    found = verdict(INDICES, y=y + 1, indices=moved)
    assert found.message == "5 of 8 compared elements differ"
    assert found.wrong[0] == ("y", (0, 0, 0))
    assert found.wrong[4] == ("indices", (0, 0, 3))


def test_beside_real_numbers_the_indices_are_not_measured():
    assert verdict(INDICES.replace("integers", "real")).kind is Kind.AGREES


def test_an_answer_without_an_array_is_told():
    found = judge(trial(LINE, Outcome("arrays", {})))
    assert found.message == "expected the arrays y, got none"


def test_an_average_may_be_its_own_roundings_off_and_no_more():
    line = "avg_pool x=1x1x3 kernel=3 float32 fill=integers#0"
    seeds = (line.replace("#0", f"#{seed}") for seed in range(50))
    line = next(one for one in seeds if right(one)["y"] % 1 != 0)
    y = right(line)["y"]
    up = np.nextafter(y, np.float32(np.inf))
    far = y * np.float32(1 + 2**-20)
    assert verdict(line, y=up).kind is Kind.AGREES
    assert verdict(line, y=far).kind is Kind.VALUE
    assert verdict(line, y=np.full_like(y, np.nan)).kind is Kind.VALUE


def test_an_average_that_is_off_by_all_of_its_bound_is_within_it():
    """253 of 256 samples are 1 and one is so small that 1 is exactly the bound away."""
    line = "avg_pool x=1x1x256 kernel=256 bfloat16 fill=integers#0"
    tiny = 2.0**-133  # the least subnormal
    x = np.array([[[1.0] * 253 + [-253 * tiny, 0, 0]]]).astype(ml_dtypes.bfloat16)
    case = Case.parse(line)
    expected = expectation(case.problem, {"x": x})
    bound = meaning_bound(case.problem, expected.operation, (0, 0, 0), expected.exact[0])
    assert 1 - expected.exact[0] == bound

    def judged(y):
        outcome = Outcome("arrays", {"y": np.array([[[y]]]).astype(ml_dtypes.bfloat16)})
        return judge(Trial(case, expected, outcome, {})).kind

    assert judged(1.0) is Kind.AGREES
    assert judged(1.0 + 2**-7) is Kind.VALUE  # the next number


def test_whole_numbers_that_one_float64_stands_for_are_told_apart():
    case = Case.parse("conv x=1x1x1 w=1x1x1 int64 fill=integers#0")
    arrays = {"x": np.full((1, 1, 1), 2**53), "w": np.ones((1, 1, 1), np.int64)}
    expected = expectation(case.problem, arrays)
    for y, kind in ((2**53, Kind.AGREES), (2**53 + 1, Kind.VALUE)):
        assert float(y) == 2**53
        outcome = Outcome("arrays", {"y": np.full((1, 1, 1), y)})
        assert judge(Trial(case, expected, outcome, {})).kind is kind


def test_a_needless_nan_of_a_complex_answer_is_told():
    line = "conv x=1x1x2 w=1x1x1 complex64 fill=integers#0"
    y = right(line)["y"]
    y[0, 0, 0] = complex(np.nan, np.nan)
    assert verdict(line, y=y).message == (
        "2 of 4 compared elements differ, each NaN where none is due"
    )
    assert verdict(line, y=y).wrong == (("y", (0, 0, 0, 0)), ("y", (0, 0, 0, 1)))


def test_a_nan_of_whole_numbers_there_is_none():
    line = "max_pool x=1x1x5 kernel=2 int32 fill=integers#0"
    assert verdict(line, y=right(line)["y"] + 1).message == "4 of 4 compared elements differ"


def test_what_exceeds_the_bound_is_counted_and_the_worst_is_named():
    line = "conv x=1x1x4 w=1x1x1 float32 fill=real#0"
    y = right(line)["y"]
    y[0, 0, 1] *= 1 + 2.0**-18
    y[0, 0, 2] *= 1 + 2.0**-16
    found = verdict(line, y=y)
    assert (found.kind, found.clause) == (Kind.BOUND, "backend.accuracy")
    assert found.wrong == (("y", (0, 0, 1)), ("y", (0, 0, 2)))
    assert found.compared == 4
    assert found.message == (
        f"2 of 4 compared elements exceed the bound, the worst {found.margin:.3g} times"
    )
    assert 20 < found.margin < 200
    agrees = verdict(line)
    assert (agrees.kind, agrees.compared, agrees.wrong) == (Kind.AGREES, 4, ())
    assert 0 <= agrees.margin <= 1


def test_a_flushed_answer_and_a_kept_one_are_equal_where_subnormals_count_as_zero():
    line = "conv1x1 x=1x1x3 w=1x1 float32 fill=special#0"
    case = Case.parse(line)
    x = np.array([[[2.0**-149, -(2.0**-127), 2.0**-126]]], np.float32)
    arrays = {"x": x, "w": np.ones((1, 1), np.float32)}
    expected = expectation(case.problem, arrays, {"value.subnormal": "flush"})

    def told(*y):
        answer = Outcome("arrays", {"y": np.array([[y]], np.float32)})
        return judge(Trial(case, expected, answer, {})).kind

    assert told(0, 0, 2.0**-126) is Kind.AGREES
    assert told(2.0**-140, -(2.0**-149), 2.0**-126) is Kind.AGREES
    assert told(0, 0, 0) is Kind.VALUE
    assert told(2.0**-126, 0, 2.0**-126) is Kind.VALUE
    assert told(0, -(2.0**-126), 2.0**-126) is Kind.VALUE


@pytest.mark.parametrize(
    ("line", "declared", "told"),
    [
        ("conv x=1x1x4 w=1x1x1 float16", {}, "float16"),
        ("conv x=1x1x4 w=1x1x1 float16", {"float16": "float32"}, "float32"),
        ("conv x=1x1x4 w=1x1x1 float16", {"float32": "float64"}, "float16"),
        ("conv x=1x1x4 w=1x1x1 complex64", {"float32": "float64"}, "float64"),
        ("conv x=1x1x4 w=1x1x1 grad=x float16", {"conv float16": "float32"}, "float32"),
        (
            "conv x=1x1x4 w=1x1x1 grad=x float16",
            {"conv float16": "float32", "conv grad=x float16": "float64"},
            "float64",
        ),
        (
            "conv x=1x1x4 w=1x1x1 grad=w float16",
            {"conv float16": "float32", "conv grad=x float16": "float64"},
            "float32",
        ),
        ("conv x=1x1x4 w=1x1x1 float16", {"conv grad= float16": "float32"}, "float16"),
    ],
)
def test_the_accumulator_is_the_most_special_declaration_that_fits(line, declared, told):
    assert accumulator_of(Case.parse(f"{line} fill=real#0").problem, declared) == told


@pytest.mark.parametrize("record", [BoundLine, Expectation, Margins, Trial, Verdict])
def test_no_record_of_the_judge_can_be_changed(record):
    assert record.__dataclass_params__.frozen


def test_a_verdict_has_compared_nothing_unless_it_says_so():
    found = Verdict(Kind.AGREES)
    assert (found.compared, found.wrong, found.margin, found.clause) == (0, (), None, "")


# The bounds.


def meaning_bound_of(line, exact, **changed):
    one = trial(line, Outcome("arrays", right(line)))
    problem = replace(one.case.problem, **changed)
    return meaning_bound(problem, one.expected.operation, (0, 0, 0), exact)


def test_meaning_has_no_tolerance_but_where_a_division_or_a_root_rounds():
    exact = Fraction(7, 3)
    for op in ("conv x=1x1x5 w=1x1x2", "max_pool x=1x1x5 kernel=2", "lp_pool x=1x1x5 kernel=2 p=1"):
        assert meaning_bound_of(f"{op} float32", exact) == 0
    average = "avg_pool x=1x1x5 kernel=3 float32"
    roundings = 3 * Fraction(1, 2**24)
    least = roundings / (1 - roundings) * exact
    assert meaning_bound_of(average, exact) == least + Fraction(1, 2**149)
    assert meaning_bound_of(average, exact, dtype="int32") == 0


def bound_of(line, accumulator):
    one = trial(line, Outcome("arrays", right(line)))
    return accuracy_bound(one.case.problem, one.expected.operation, (0, 0, 0), accumulator), one


def test_the_accuracy_bound_is_gamma_times_the_magnitudes_and_half_an_ulp():
    line = "conv x=1x1x3 w=1x1x3 float32 fill=real#0"
    bound, one = bound_of(line, "float32")
    operation = one.expected.operation
    magnitude = sum(abs(Fraction(term)) for term in operation.terms((0, 0, 0)))
    roundings = 5 * Fraction(1, 2**24)
    least = roundings / (1 - roundings) * magnitude
    exact = abs(Fraction(operation.exact((0, 0, 0))))
    assert least < bound <= least + exact * Fraction(1, 2**23) + Fraction(8, 2**149)


def test_a_wider_accumulator_gives_a_narrower_bound():
    line = "conv x=1x4x9 w=1x4x9 float16 fill=real#0"
    assert bound_of(line, "float32")[0] < bound_of(line, "float16")[0] / 5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_within_the_bound_agrees_and_beyond_it_does_not(dtype):
    line = f"conv x=1x2x6 w=1x2x3 {dtype} fill=real#3"
    bound, one = bound_of(line, dtype)
    exact = Fraction(one.expected.operation.exact((0, 0, 0)))
    y = right(line)["y"]
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype

    def told(factor):
        moved = y.copy()
        moved[0, 0, 0] = np.asarray(float(exact + factor * bound)).astype(kind)
        return judge(trial(line, Outcome("arrays", {"y": moved}), {dtype: dtype}))

    assert told(Fraction(1, 2)).kind is Kind.AGREES
    beyond = told(3)
    assert (beyond.kind, beyond.clause) == (Kind.BOUND, "backend.accuracy")
    assert 2 < beyond.margin < 4


def test_the_most_special_declaration_of_an_accumulator_counts():
    line = "conv x=1x1x2x2x2 w=1x1x2x2x2 float16 fill=real#1"
    y = right(line)["y"]
    margins = [
        judge(trial(line, Outcome("arrays", {"y": y + y.dtype.type(0.01)}), declared)).margin
        for declared in (
            {"float16": "float32"},
            {"float16": "float32", "conv float16": "float16"},
            {"float16": "float16", "conv float16": "float16", "conv float16 rank 3": "float32"},
            {"float16": "float32", "conv float16 rank 2": "float16"},
        )
    ]
    assert margins[0] == margins[2] == margins[3] > margins[1]


# Variant points and clauses.


def test_an_outcome_that_a_choice_explains_follows_a_variant():
    def last_of_ties(problem, arrays):
        expected = expectation(problem, arrays, {"max.tie": "last"})
        return {
            "y": expected.y.reshape(expected.shape),
            "indices": expected.indices.reshape(expected.shape),
        }

    found = examined(
        Told(last_of_ties), "max_pool x=1x1x4x4 kernel=3x3 indices float32 fill=integers#3"
    )
    assert found.kind in (Kind.VARIANT, Kind.AGREES)
    found = examined(
        Told(last_of_ties), "max_pool x=1x1x9x9 kernel=5x5 indices int8 fill=integers#7"
    )
    assert found.kind is Kind.VARIANT
    assert found.choices == {"max.tie": "last"}


def test_what_a_choice_explains_does_not_hide_what_it_does_not():
    def flushing_and_deaf_to_nan(problem, arrays):
        x = arrays["x"]
        x = np.where(np.isnan(x) | (abs(x) < 2.0**-126), np.float32(0), x)
        return NumpyBackend().run(problem, {"x": x})

    line = "max_pool x=2x1x3 kernel=3 float32 fill=special#{}"
    backend = Told(flushing_and_deaf_to_nan)
    for seed in range(300):
        one = Case.parse(line.format(seed))
        x = make_arrays(one)["x"]
        tiny = (abs(x) < 2.0**-126) & (x > 0)
        if tiny[0].any() and np.isnan(x[1]).any():
            found = examined(backend, one.line)
            assert (found.kind, found.clause) == (Kind.VALUE, "max.nan")
            assert found.wrong[0] == ("y", (1, 0, 0))
            return
    raise AssertionError("no seed puts both in one batch")


def test_a_refusal_at_a_variant_point_is_a_choice_and_elsewhere_a_discrepancy():
    def no_empty_batch(problem, arrays):
        if 0 in arrays["x"].shape:
            raise ValueError("empty input")
        return NumpyBackend().run(problem, arrays)

    found = examined(Told(no_empty_batch), "conv x=0x1x5 w=1x1x2 float32")
    assert (found.kind, dict(found.choices)) == (Kind.VARIANT, {"size.batch": "refuse"})
    assert examined(raising(ValueError("empty input")), "conv x=0x1x5 w=1x1x2 float32").kind is (
        Kind.REFUSES
    )


def test_a_needless_nan_beside_a_followed_variant_is_told():
    """What a mixable variant point explains is taken away before the rest is looked at."""
    line = "conv x=1x1x2 w=1x1x1 float32 fill=special#0"
    tiny = np.float32(2.0**-149)
    problem = Case.parse(line).problem
    arrays = {"x": np.array([[[tiny, 1]]], np.float32), "w": np.ones((1, 1, 1), np.float32)}
    answer = Outcome("arrays", {"y": np.array([[[0, np.nan]]], np.float32)})
    found = Trial(Case.parse(line), expectation(problem, arrays), answer, {})
    assert judge(found).message == "2 of 2 compared elements differ"
    choices, told = explain(found, arrays, judge(found))
    assert choices == {}
    assert told.message == (
        "2 of 2 compared elements differ, but for what value.subnormal explains, "
        "each NaN where none is due"
    )
    assert told.wrong[0] == ("y", (0, 0, 1))


TINY, INF, END = 2.0**-149, np.inf, float(np.finfo(np.float32).max)
CUT = (
    ", but for what value.subnormal explains, each the largest finite number where NaN or "
    "infinity is due"
)


def beside_a_flushed_number(lowest):
    """Return what is told of maxima of a subnormal, which is flushed, and of minus infinity."""
    line = "max_pool x=1x2x1 kernel=1 float64 fill=special#0"
    problem = Case.parse(line).problem
    arrays = {"x": np.array([[[5e-324], [-np.inf]]])}
    answer = Outcome("arrays", {"y": np.array([[[0.0], [lowest]]])})
    found = Trial(Case.parse(line), expectation(problem, arrays), answer, {})
    choices, told = explain(found, arrays, judge(found))
    assert choices == {}
    return told.message


def test_a_lowest_finite_number_beside_a_followed_variant_is_told():
    flushed = "2 of 2 compared elements differ, but for what value.subnormal explains"
    lowest = float(np.finfo(np.float64).min)
    assert beside_a_flushed_number(lowest) == flushed + LOWEST_FINITE
    assert beside_a_flushed_number(lowest / 2) == "2 of 2 compared elements differ"


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([0, TINY], END, ", each the largest finite number" + CUT),
        ([TINY, 1], END, ", each the largest finite number"),
        ([0, TINY], END / 2, ""),
    ],
)
def test_what_is_cut_of_a_flushed_number_under_an_infinite_weight_is_told(x, y, text):
    """Taken for 0 the subnormal makes NaN of the infinity, and that is what was cut."""
    case = Case.parse("conv x=1x1x2 w=1x1x2 float32 fill=special#0")
    arrays = {"x": np.array([[x]], np.float32), "w": np.array([[[1, -INF]]], np.float32)}
    answer = Outcome("arrays", {"y": np.array([[[y]]], np.float32)})
    found = Trial(case, expectation(case.problem, arrays), answer, {})
    assert explain(found, arrays, judge(found)) == (
        {},
        replace(judge(found), message="1 of 1 compared elements differ" + text),
    )


def test_a_margin_past_the_largest_float_is_infinite():
    assert in_bounds(Fraction(10) ** 400, Fraction(1)) == np.inf


def test_a_refusal_of_full_padding_past_half_the_kernel_is_told_as_that_limit():
    def deed(problem, arrays):
        pads = [(k - 1, k - 1) for k in problem.kernel_size]
        given = pads if problem.padding == "full" else problem.padding
        if any(2 * max(pair) > k for pair, k in zip(given, problem.kernel_size, strict=True)):
            raise ValueError("pad should be at most half of the kernel")
        raise ValueError("not implemented for int8")

    line = "max_pool x=1x1x5 kernel=3 padding=full int8 fill=integers#0"
    backend = Told(deed)
    backend.knows = {"padding"}
    found = Bench(backend).examine(Case.parse(line)).verdict
    assert (found.kind, found.choices) == (Kind.VARIANT, {"padding.limit": "half"})


def test_a_signalling_nan_is_a_wrong_element_and_no_warning():
    case = Case.parse("conv x=1x1x3 w=1x1x2 float32 fill=integers#0")
    arrays = make_arrays(case)
    expected = expectation(case.problem, arrays, {"value.subnormal": "flush"})
    y = expected.y.reshape(expected.shape).copy()
    y.view(np.uint32)[0, 0, 0] = 0x7F810000
    verdict = judge(Trial(case, expected, Outcome("arrays", {"y": y}), {}))
    assert verdict.kind is Kind.VALUE
    assert verdict.wrong == (("y", (0, 0, 0)),)
