"""Diagnosis: what is named is so, what is right is not accused, the rest is unexplained."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from convformance.backend import Unsupported
from convformance.bench import Bench
from convformance.diagnosis import CATALOGUE, Diagnosis, Fault, diagnose
from convformance.diagnosis.answered import asked, same
from convformance.diagnosis.around import around
from convformance.diagnosis.faults import answer, fitted, whole
from convformance.diagnosis.region import Region, Seen, facts, region
from convformance.diagnosis.search import ENOUGH, UNEXPLAINED, catalogue
from convformance.expect import broken_clause, expectation
from convformance.fills import make_arrays
from convformance.problem import EXTRAS, Case, Problem
from convformance.runfile import Finding

LINES = (
    "conv x=2x4x7x7 w=6x2x3x3 stride=2x1 padding=1+2x0+1 dilation=1x2 groups=2 bias float32",
    "conv x=3x3x9x9 w=3x3x3x3 stride=3x2 padding=same_upper dilation=1x2 float32",
    "conv x=2x3x6x6x6 w=3x3x2x2x2 stride=1x2x2 padding=1+0x0+1x2+1 dilation=2x1x2 float32",
    "conv x=1x2x7x7x7 w=2x2x2x2x2 stride=2x2x1 dilation=2x2x1 padding=1+0x1+1x0+0 float32",
    "conv x=1x1x2x40 w=1x1x1x9 padding=0x3 float32",
    "conv x=1x9x5x5 w=9x9x2x2 bias float32",
    "conv x=1x2x6 w=4x2x3 padding=causal bias float32",
    "conv x=1x2x6 w=4x2x3 padding=-1+2 float32",
    "conv x=1x2x6x6 w=4x2x3x3 padding=-1+0x1+-1 float32",
    "conv x=1x2x5x5 w=2x2x2x2 input_dilation=2x3 padding=0x0 float32",
    "conv x=4x2x5 w=4x2x2 batch_groups=2 float32",
    "conv x=1x3x4 w=2x3x2 complex64",
    "conv x=2x2x4 w=2x2x2 int8",
    "conv x=2x2x4 w=2x2x2 uint8",
    "conv x=2x2x4 w=2x2x2 int32",
    "conv x=1x4x4 w=6x2x2 groups=2 grad=w float32",
    "conv x=1x131x1 w=2x131x1 float32",
    "conv1x1 x=1x2x1 w=131x2 float32",
    "depthwise_conv x=1x3x5 w=3x2x2 float32",
    "separable_conv x=1x2x5 w=2x2x2 pointwise=4x4 float32",
    "conv_transpose x=1x2x4x4 w=2x3x3x3 stride=3x2 output_padding=1x1 padding=1+0x0+1 float32",
    "conv_transpose x=1x4x4 w=4x2x3 groups=2 float32",
    "conv_transpose x=1x2x4x4 w=2x3x2x2 stride=3x2 padding=same float32",
    "max_pool x=2x3x8x8 kernel=3x2 stride=3x2 padding=1+0x0+1 ceil_mode float32",
    "max_pool x=1x2x8 kernel=3 stride=2 padding=1 float32",
    "max_pool x=1x2x8 kernel=1 padding=1 float32",
    "max_pool x=1x2x10 kernel=2 stride=3 float32",
    "max_pool x=1x2x10 kernel=2 stride=3 ceil_mode float32",
    "max_pool x=1x2x8 kernel=2 stride=2 padding=0+1 ceil_mode float32",
    "max_pool x=1x2x6 kernel=2 padding=same float32",
    "conv x=1x2x9 w=4x2x3 stride=2 padding=-1+0 float32",
    "avg_pool x=2x3x8x8 kernel=3x2 stride=3x2 padding=1+0x0+1 ceil_mode float32",
    "avg_pool x=1x2x8 kernel=3 stride=2 padding=1 count_include_pad float32",
    "avg_pool x=2x2x8 kernel=3 padding=1 int32",
    "avg_pool x=1x2x8 kernel=3 stride=4 dilation=2 float32",
    "lp_pool x=1x2x8 kernel=3 p=3 float32",
    "lp_pool x=1x2x8 kernel=2 p=1 float32",
    "lp_pool x=1x2x8 kernel=2 p=2 float32",
    "distance_pool x=1x2x8 kernel=3 padding=1 float32",
    "adaptive_max_pool x=1x2x7 output=3 float32",
    "adaptive_avg_pool x=1x2x7 output=3 float32",
    "max_unpool x=1x2x3 kernel=2 stride=2 output=7 float32",
    "conv x=1x3x9 w=2x3x3 float64",
    "conv x=1x40x9 w=2x40x3 float16",
    "conv x=1x2x7 w=2x2x1 stride=4 padding=same_upper float32",
    "adaptive_avg_pool x=1x1x3x2 output=1x1 float32",
    "lp_pool x=1x2x8 kernel=3 stride=2 ceil_mode p=2 float32",
    "unfold x=1x2x5x4 kernel=2x2 padding=1 float32",
    "fold x=1x8x9 kernel=2x2 output=4x4 float32",
)
# Answers of other shapes: what a fault says of windows or channels may have no place there.
ODD_LINES = (
    "conv x=2x4x5 w=4x2x2 groups=2 bias grad=bias float32",
    "conv x=2x4x5x5 w=4x2x2x2 groups=2 bias grad=w float32",
    "conv x=1x1x1 w=1x1x1 bias grad=bias float32",
    "conv x=2x4x5 w=4x2x2 groups=2 grad=x float16",
    "conv_transpose x=2x4x5 w=4x2x2 groups=2 bias grad=bias float32",
    "conv_transpose x=2x4x5x5 w=4x2x2x2 groups=2 grad=w float32",
    "conv_transpose x=2x4x5 w=4x2x2 stride=2 grad=x float32",
    "max_pool x=2x3x8x8 kernel=3x2 indices float32",
    "max_pool x=2x3x8x8 kernel=3x2 padding=1 grad=x float32",
    "avg_pool x=2x3x8 kernel=3 padding=1 ceil_mode grad=x float32",
    "lp_pool x=2x3x8 kernel=3 p=3 grad=x float32",
    "lp_pool x=2x3x8 kernel=3 p=inf float32",
    "adaptive_max_pool x=1x2x7x5 output=3x2 indices float32",
    "global_avg_pool x=1x2x7x5 float32",
    "global_max_pool x=1x2x7 int8",
    "unfold x=1x2x5x5 kernel=2x2 padding=1 float32",
    "fold x=1x8x9 kernel=2x2 output=4x4 float32",
    "max_unpool x=2x2x3 kernel=2 stride=2 float32",
    "conv x=0x2x5 w=2x2x2 bias float32",
    "conv x=1x0x5 w=2x0x2 bias float32",
    "conv x=1x2x1 w=2x2x3 float32",
    "max_pool x=1x1x0 kernel=2 padding=1 float32",
    "conv x=1x2x5 w=2x2x2 unbatched layout=channels_last float32",
    "conv x=1x2x5x5x5x5 w=2x2x2x2x2x2 float32",
)
FILLS = (("integers", 1), ("real", 1), ("integers", 17), *(("special", seed) for seed in range(12)))


class Faulty:
    """A backend that has the faults, where the condition holds."""

    name, version, knows = "faulty", "1", (*EXTRAS, "padding")

    def __init__(self, *faults, where=lambda _: True, fits=False):
        self.faults, self.where, self.fits = faults, where, fits

    def run(self, problem, arrays):
        expected = expectation(problem, arrays)
        right = whole(expected)
        made = answer(self.faults, expected, arrays) if self.where(problem) else None
        if made is None:
            return right
        y = made[problem.answers[0]]
        return fitted(y, right.shape) if self.fits else y


def shown(*faults):
    """Yield the cases in which the faults show."""
    for fill, seed in FILLS:
        for line in LINES:
            problem = Problem.parse(line)
            if not problem.is_float:
                case = Case(problem, "integers+special", seed)
            else:
                case = Case(problem, "integers" if problem.is_complex else fill, seed)
            with np.errstate(all="ignore"):
                found = asked(Faulty(*faults), case)
            if found is not None and found.differs:
                yield case


def named(found):
    return {" + ".join(one.name for one in some) for some in found.faults}


def test_the_catalogue_is_one_of_many_different_faults():
    names = [one.name for one in CATALOGUE]
    assert len(set(names)) == len(names) >= 40
    assert len({one.says for one in CATALOGUE}) == len(names)
    assert all([one.before, one.after, one.holds].count(None) == 2 for one in CATALOGUE)


DEFINITE = [one for one in CATALOGUE if not one.holds]


@pytest.mark.parametrize("fault", DEFINITE, ids=[one.name for one in DEFINITE])
def test_a_backend_with_a_fault_of_the_catalogue_is_told_so(fault):
    case = next(shown(fault), None)
    assert case is not None, "no line shows the fault"
    with np.errstate(all="ignore"):
        found = diagnose(Faulty(fault), case, pairs=0, regions=False)
    assert fault.name in named(found), (case.line, found.sentences)


class AddsTheBiasAfterwards:
    """A backend whose bias is a second operation with a rounding of its own, or two of them."""

    name, version, knows = "afterwards", "1", (*EXTRAS, "padding")
    accumulators = {"float16": "float32"}  # noqa: RUF012  as adapters declare it

    def __init__(self, ulps=0):
        self.ulps = ulps

    def run(self, problem, arrays):
        if not problem.bias:
            return whole(expectation(problem, arrays))
        rest = {name: array for name, array in arrays.items() if name != "bias"}
        y = whole(expectation(replace(problem, bias=False), rest))
        y = y + arrays["bias"].reshape(-1, *[1] * problem.rank)
        return y + self.ulps * np.spacing(np.abs(y).max())


def test_a_bias_that_is_added_to_a_rounded_sum_is_told_from_any_other_error():
    case = Case.parse("conv x=1x1x6 w=1x1x3 bias float16 fill=real#0")
    assert named(diagnose(AddsTheBiasAfterwards(), case)) == {"bias rounds twice"}
    assert not named(diagnose(AddsTheBiasAfterwards(ulps=2), case))


def test_whole_numbers_leave_a_bias_no_rounding():
    """As under NNPACK: sums of small integers come out with a last digit too many."""

    class Transforms:
        name, version, knows = "transforms", "1", (*EXTRAS, "padding")

        def run(self, problem, arrays):
            y = whole(expectation(problem, arrays))
            return np.nextafter(y, np.float32(np.inf)) if problem.bias else y

    case = Case.parse("conv x=1x1x6 w=1x1x3 bias float32 fill=integers#0")
    found = diagnose(Transforms(), case, pairs=0)
    assert found is not None
    assert "bias rounds twice" not in named(found)


def test_a_fault_that_shows_in_whole_numbers_too_is_sought_there():
    """In real numbers a backend's own roundings would hide it."""
    ignored = next(one for one in CATALOGUE if one.name == "dilation ignored")

    class Rounding(Faulty):
        def run(self, problem, arrays):
            y = super().run(problem, arrays)
            return np.where(y == np.rint(y), y, np.nextafter(y, np.float32(np.inf)))

    case = Case.parse("conv x=1x1x9 w=1x1x3 dilation=2 float32 fill=real#0")
    assert "dilation ignored" in named(diagnose(Rounding(ignored), case, pairs=0))


@pytest.mark.parametrize("line", [*LINES, *ODD_LINES])
def test_a_fault_that_has_no_place_in_an_answer_does_not_apply(line):
    problem = Problem.parse(line)
    for fill in ("integers", "real", "special") if problem.is_float else ("integers",):
        case = Case(problem, "integers" if problem.is_complex else fill, 1)
        arrays = make_arrays(case)
        expected = expectation(problem, arrays)
        with np.errstate(all="ignore"):
            found = [answer((one,), expected, arrays) for one in catalogue(problem)]
        assert all(one is None or set(one) == set(problem.answers) for one in found)


def test_a_diagnosis_that_breaks_off_does_not_cost_the_finding(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("no such thing")

    monkeypatch.setattr("convformance.bench.diagnose", broken)
    dropped = next(one for one in CATALOGUE if one.name == "bias dropped")
    bench = Bench(Faulty(dropped), seconds=10)
    bench.check(Case.parse("conv x=1x2x6 w=2x2x3 bias float32 fill=integers#0"), "explored")
    (found,) = (one for one in bench.records if isinstance(one, Finding))
    assert found.diagnosis == ("the diagnosis broke off: ZeroDivisionError: no such thing",)


class NearestOrHalved:
    """Averages of whole numbers to the nearest, which is a choice; of large ones half of it."""

    name, version, knows = "nearest", "1", (*EXTRAS, "padding")

    def run(self, problem, arrays):
        choices = {} if problem.is_float else {"avg.integer": "nearest"}
        y = whole(expectation(problem, arrays, choices))
        return y // 2 if (abs(arrays["x"].astype(float)) > 2**24).any() else y


def test_a_choice_in_whole_numbers_is_no_diagnosis_of_what_no_choice_explains():
    case = Case.parse("avg_pool x=1x1x3x3 kernel=2x2 int32 fill=ends#1")
    found = diagnose(NearestOrHalved(), case, pairs=0)
    assert not {"average rounded to nearest", "avg.integer = nearest"} & named(found)


def test_two_faults_together_are_named_as_a_pair():
    flipped, dropped = (
        next(one for one in CATALOGUE if one.name == name)
        for name in ("kernel flipped", "bias dropped")
    )
    case = Case.parse("conv x=1x2x6 w=2x2x3 bias float32 fill=integers#0")
    found = diagnose(Faulty(flipped, dropped), case)
    assert "kernel flipped + bias dropped" in named(found)
    assert "; and " in found.sentences[0]


def test_the_right_sizes_with_the_wrong_windows_are_told_too():
    """What is missing is zero, and what is too much is cut off."""
    ignored = next(one for one in CATALOGUE if one.name == "dilation ignored")
    case = Case.parse("conv x=1x1x9 w=1x1x3 dilation=2 float32 fill=integers#0")
    assert "dilation ignored" in named(diagnose(Faulty(ignored, fits=True), case, pairs=0))


def test_a_second_fault_that_only_fresh_cases_show_is_found():
    """The case has no bias and one stride; around it there are both."""
    by = {one.name: one for one in CATALOGUE}
    for names, line in (
        (("kernel flipped", "bias subtracted"), "conv x=1x2x6 w=2x2x3"),
        (("stride axes swapped", "bias subtracted"), "conv x=1x1x6x5 w=1x1x2x2 stride=1x2"),
        (("stride axes swapped", "bias subtracted"), "conv x=1x1x5x5 w=3x1x2x2 bias"),
    ):
        case = Case.parse(f"{line} float32 fill=integers#0")
        found = diagnose(Faulty(*(by[name] for name in names)), case, regions=False)
        assert {frozenset(one.split(" + ")) for one in named(found)} == {frozenset(names)}
        assert found.confirmed > ENOUGH


def test_a_second_fault_that_shows_in_too_few_cases_is_not_named(monkeypatch):
    by = {one.name: one for one in CATALOGUE}
    backend = Faulty(by["kernel flipped"], by["bias subtracted"])
    case = Case.parse("conv x=1x2x6 w=2x2x3 float32 fill=integers#0")
    monkeypatch.setattr("convformance.diagnosis.search.BEYOND", 1000)
    assert diagnose(backend, case, regions=False).faults == ()


def test_what_is_right_has_no_diagnosis():
    assert diagnose(Faulty(), Case.parse("conv x=1x1x5 w=1x1x2 float32 fill=integers#0")) is None


def test_what_no_fault_gives_is_unexplained():
    def noise(expected, arrays, y):
        return y + np.arange(y.size, dtype=y.dtype).reshape(y.shape) ** 2 + 1

    backend = Faulty(Fault("noise", "noise", after=noise))
    found = diagnose(backend, Case.parse("conv x=1x1x5 w=1x1x2 float32 fill=integers#0"))
    assert found.sentences[0] == UNEXPLAINED
    assert found.faults == ()


def test_a_fault_that_explains_the_case_alone_is_not_named():
    """On the one case it is a flip; around it, it is not."""
    flip = next(one for one in CATALOGUE if one.name == "kernel flipped")
    case = Case.parse("conv x=1x1x5 w=1x1x3 float32 fill=integers#0")

    def unsteady(expected, arrays, y):
        made = answer((flip,), expected, arrays)["y"]
        return made if same(arrays, make_arrays(case)) else made + 1

    found = diagnose(Faulty(Fault("unsteady", "unsteady", after=unsteady)), case, pairs=0)
    assert found.faults == ()


def test_the_sentences_count_the_cases_that_confirm_them():
    dropped = next(one for one in CATALOGUE if one.name == "bias dropped")
    case = Case.parse("conv x=1x2x6 w=2x2x3 bias float32 fill=integers#0")
    found = diagnose(Faulty(dropped), case)
    assert named(found) == {"bias dropped"}
    assert found.confirmed >= ENOUGH
    assert f"{found.confirmed} fresh ones" in found.sentences[1]


def test_where_it_shows_is_told_with_the_cases_that_confirm_it():
    dropped = next(one for one in CATALOGUE if one.name == "bias dropped")
    case = Case.parse("conv x=3x2x6 w=2x2x3 bias float32 fill=integers#0")
    found = diagnose(Faulty(dropped, where=lambda one: one.x[0] > 2), case)
    assert named(found) == {"bias dropped"}
    told = found.sentences[-1]
    assert told.startswith("fails when ")
    assert "batch > 2" in told


class Refusing:
    name, version, knows = "refusing", "1", (*EXTRAS, "padding")

    def run(self, problem, arrays):
        if max(problem.dilation) > 1:
            raise ValueError("no dilation")
        return whole(expectation(problem, arrays))


def test_of_a_refusal_it_is_told_where():
    case = Case.parse("conv x=1x1x9 w=1x1x2 dilation=2 float32 fill=integers#0")
    found = diagnose(Refusing(), case)
    assert found.faults == ()
    assert [one.partition(":")[0] for one in found.sentences] == ["fails when some dilation > 1"]


class Halting(Refusing):
    """It refuses every batch but one, for another reason, and does not support a stride."""

    def run(self, problem, arrays):
        if max(problem.stride) > 1:
            raise Unsupported("no stride")
        if problem.x[0] > 1:
            raise ValueError("one item at a time")
        return super().run(problem, arrays)


def test_what_is_refused_for_another_reason_or_not_supported_tells_nothing():
    case = Case.parse("conv x=1x1x9 w=1x1x2 dilation=2 float32 fill=integers#0")
    found = diagnose(Halting(), case)
    assert [one.partition(":")[0] for one in found.sentences] == ["fails when some dilation > 1"]


def test_a_fault_that_would_show_where_the_backend_is_right_needs_a_condition():
    """It is wrong by lot: then nothing tells where the fault is made."""
    dropped = next(one for one in CATALOGUE if one.name == "bias dropped")
    case = Case.parse("conv x=1x2x6 w=2x2x3 bias float32 fill=integers#0")

    def by_lot(problem):
        return problem == case.problem or zlib.crc32(problem.line.encode()) % 2 == 0

    found = diagnose(Faulty(dropped, where=by_lot), case, pairs=0)
    assert found.sentences[0] == UNEXPLAINED
    found = diagnose(Faulty(dropped, where=by_lot), case, pairs=0, regions=False)
    assert found.refuted > 0
    assert "though it would show in" in found.sentences[-1]


def test_no_condition_is_told_that_fresh_cases_refute():
    """What fails by lot has no condition, though one may tell the first few apart."""
    random = np.random.default_rng(0)
    case = Case.parse("conv x=2x2x9 w=2x2x2 dilation=2 padding=1 float32 fill=integers#0")
    tried = (Seen(one.problem, bool(random.integers(2))) for one in around(case))
    assert region(case.problem, tried) is None


def test_a_condition_of_two_facts_is_found():
    case = Case.parse("max_pool x=2x2x9 kernel=3 stride=2 ceil_mode float32 fill=integers#0")
    holds = dict(facts(case.problem))
    both = ("ceil_mode", "batch > 1")
    tried = (
        Seen(one.problem, all(holds[name](one.problem) for name in both)) for one in around(case)
    )
    found = region(case.problem, tried)
    assert isinstance(found, Region)
    assert found.words in ("ceil_mode and batch > 1", "batch > 1 and ceil_mode")
    assert min(found.failing, found.others) > 0


@pytest.mark.parametrize("line", LINES)
def test_what_lies_around_a_case_is_valid_and_the_same_every_time(line):
    case = Case.parse(f"{line} fill=integers#0")
    few = [one for one, _ in zip(around(case), range(30), strict=False)]
    assert few == [one for one, _ in zip(around(case), range(30), strict=False)]
    assert all(broken_clause(one.problem) is None for one in few)
    assert len({one.line for one in few}) == len(few)
    assert len({one.problem for one in few}) > 5
    assert {one.problem.op for one in few} == {case.problem.op}


def test_a_diagnosis_of_nothing_says_that_it_is_unexplained():
    assert Diagnosis(()).sentences == (UNEXPLAINED,)


def test_a_fault_of_a_padding_mode_alone_is_named_though_zeros_are_padded_rightly():
    """All fresh cases have the mode: that the plainer problem is right refutes nothing."""
    (swapped,) = (one for one in CATALOGUE if one.name == "stride axes swapped")
    case = Case.parse(
        "conv x=1x1x2x5 w=1x1x1x1 stride=2x3 padding=0x1 padding_mode=reflect float32 "
        "fill=integers#0"
    )
    reflects = Faulty(swapped, where=lambda problem: problem.padding_mode == "reflect", fits=True)
    assert named(diagnose(reflects, case)) == {"stride axes swapped"}


def test_a_fault_that_one_channel_refutes_is_not_named():
    """With several channels each answer adds the leak of another: an infinity looks like NaN."""
    (leaks,) = (one for one in CATALOGUE if one.name == "depthwise half computed as one")
    case = Case.parse("separable_conv x=1x2x1 w=2x1x1 pointwise=1x2 float64 fill=special#151")
    assert "infinity as NaN" not in named(diagnose(Faulty(leaks), case))
