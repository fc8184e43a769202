"""Every law holds for an honest backend and is broken by a liar of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convformance.backend import Result, Unsupported
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.expect import expectation
from convformance.handing import handed, taken_back
from convformance.laws import LAWS
from convformance.laws.adjoint import transposed
from convformance.laws.exploring import SESSIONS, drawn_cases, hear_all, real_cases, report_broken
from convformance.laws.geometry import interior, reads
from convformance.laws.hearing import hear
from convformance.laws.law import is_solid
from convformance.laws.numbers import whole_numbers
from convformance.laws.recording import record
from convformance.laws.stacks import receptive_field
from convformance.ledger import Entry
from convformance.meaning import output_shape
from convformance.news import NewDiscrepancies
from convformance.problem import EXTRAS, Case, Problem
from convformance.runfile import Finding, LawRecord, from_json, to_line
from convformance.sizes import axes_of
from convformance.verdict import Kind
from convformance.worker import Isolated
from convoracle import CLAUSES

WHAT_ADAPTERS_KNOW = frozenset((*EXTRAS, "padding"))


class Honest:
    """The oracle as a backend: slow, and able to say everything."""

    name, version, knows = "honest", "1", WHAT_ADAPTERS_KNOW

    def __init__(self):
        self.calls, self.number = 0, 1

    def run(self, problem, arrays):
        self.calls += 1
        plain = {name: np.array(one) for name, one in taken_back(problem, arrays).items()}
        y = self.answer(problem, plain)
        name = problem.answers[0]
        return {name: handed(replace(problem, memory="contiguous"), {name: y})[name]}

    def answer(self, problem, arrays):
        found = expectation(problem, arrays)
        assert not found.sampled, "too large for the oracle"
        return found.y.reshape(found.shape)

    @contextmanager
    def threads(self, n):
        self.number = n
        yield
        self.number = 1


@dataclass(frozen=True)
class Lie:
    """A lie about one op, the law it breaks on its line, and the laws that it breaks besides."""

    law: str
    line: str
    tell: Callable
    also: frozenset

    @property
    def case(self):
        law = LAWS[f"law.{self.law}"]
        return law.case(Problem.parse(self.line), 1)


class Liar(Honest):
    name = "liar"

    def __init__(self, lie):
        super().__init__()
        self.lie, self.op = lie, Problem.parse(lie.line).op

    def answer(self, problem, arrays):
        truth = super().answer
        if problem.op != self.op and self.lie.law != "adjoint":
            return truth(problem, arrays)
        return self.lie.tell(self, problem, arrays, truth)


LIES: list[Lie] = []
CONV = "conv x=2x2x6x5 w=2x2x3x2 float32"
MAX = "max_pool x=2x3x6x5 kernel=3x2 float32"
AVERAGE = "avg_pool x=2x3x6x6 kernel=2x2 stride=2x1 float32"
TORUS = "conv x=2x2x8x5 w=2x2x3x3 stride=2x1 padding=1 padding_mode=circular float32"


def lie(law, line, also=""):
    def register(tell):
        LIES.append(Lie(law, line, tell, frozenset(also.split())))
        return tell

    return register


def rounded(y):
    """Return the numbers with fewer digits: whole numbers up to 2,048 stay as they are."""
    return y.astype(np.float16).astype(y.dtype)


@lie("translation", MAX, "sharing sparse")
def sees_the_whole_plane(self, problem, arrays, truth):
    """Adds the plane's first sample to every element."""
    first = arrays["x"].reshape(*problem.x[:2], -1)[:, :, :1]
    return truth(problem, arrays) + first.reshape(*problem.x[:2], *(1,) * problem.rank)


@lie("translation", TORUS, "sparse")
def ends_at_the_seam(self, problem, arrays, truth):
    """Reads zeros where it should go round."""
    return truth(replace(problem, padding_mode="zeros"), arrays)


@lie("translation", TORUS, "sparse")
def turns_back_at_the_seam(self, problem, arrays, truth):
    """Mirrors where it should go round."""
    return truth(replace(problem, padding_mode="reflect"), arrays)


@lie("translation", TORUS, "sparse")
def goes_round_ahead_only(self, problem, arrays, truth):
    """Goes on at the other end before the first sample, and reads zeros after the last one."""
    return on_torus(problem, arrays, truth, lambda x: x[..., -1:], lambda x: 0 * x[..., :1])


@lie("translation", TORUS, "sparse")
def meets_a_sample_twice_at_the_seam(self, problem, arrays, truth):
    """Holds the last sample for the first one once more: a round is a sample too short."""
    return on_torus(problem, arrays, truth, lambda x: x[..., -2:-1], lambda x: x[..., 1:2])


@lie("translation", TORUS)
def counts_what_lies_over_the_seam_twice(self, problem, arrays, truth):
    """Doubles the windows of the first row, which read the right samples."""
    y = truth(problem, arrays)
    y[:, :, :1] *= 1 + (problem.padding_mode == "circular")
    return y


def on_torus(problem, arrays, truth, ahead, behind):
    """Return the answer to x with other samples ahead of its last axis and behind it."""
    x = np.pad(arrays["x"], [(0, 0), (0, 0), (1, 1), (0, 0)], mode="wrap")
    x = np.concatenate([ahead(x), x, behind(x)], -1)
    whole = replace(problem, x=x.shape, padding="valid", padding_mode="zeros")
    return truth(whole, {**arrays, "x": x})


@lie("linear_input", CONV)
def drops_negative_samples(self, problem, arrays, truth):
    return truth(problem, {**arrays, "x": np.maximum(arrays["x"], 0)})


@lie("linear_weight", CONV)
def drops_negative_weights(self, problem, arrays, truth):
    return truth(problem, {**arrays, "w": np.maximum(arrays["w"], 0)})


@lie("channels", CONV)
def doubles_the_last_channel_of_several(self, problem, arrays, truth):
    w = arrays["w"].copy()
    w[:, -1] *= 1 + (w.shape[1] > 1)
    return truth(problem, {**arrays, "w": w})


@lie("homogeneous", MAX)
def saturates(self, problem, arrays, truth):
    return np.minimum(truth(problem, arrays), 20)


@lie("sparse", MAX.replace(" float32", " dilation=1x2 float32"), "stack")
def reads_between_dilated_taps(self, problem, arrays, truth):
    axes = axes_of(problem)
    return truth(replace(problem, kernel=tuple(a.extent for a in axes), dilation=()), arrays)


@lie("jacobian", CONV)
def gives_the_gradient_one_sample_on(self, problem, arrays, truth):
    y = truth(problem, arrays)
    return np.roll(y, 1, axis=2) if problem.grad else y


@lie("sharing", MAX, "translation")
def has_a_last_window_of_its_own(self, problem, arrays, truth):
    y = truth(problem, arrays)
    y[..., -1] *= 2
    return y


@lie("order", MAX)
def treats_later_samples_otherwise(self, problem, arrays, truth):
    y = truth(problem, arrays)
    y[2:] *= 2
    return y


@lie("adjoint", CONV)
def flips_the_kernel_of_the_transpose(self, problem, arrays, truth):
    if problem.op == "conv_transpose":
        arrays = {**arrays, "w": arrays["w"][:, :, ::-1]}
    return truth(problem, arrays)


@lie("pointwise", "conv1x1 x=2x2x3x3 w=3x2 float32")
def doubles_the_last_position(self, problem, arrays, truth):
    y = truth(problem, arrays)
    y[..., -1] *= 2
    return y


@lie("pool_channels", MAX)
def doubles_the_last_plane_of_several(self, problem, arrays, truth):
    y = truth(problem, arrays)
    y[:, -1] *= 1 + (problem.x[1] > 1)
    return y


@lie("separable", "separable_conv x=1x2x5x4 w=2x2x2x2 pointwise=3x4 float32")
def adds_everything_twice(self, problem, arrays, truth):
    return 2 * truth(problem, arrays)


@lie("pool_as_conv", AVERAGE)
def halves_the_average(self, problem, arrays, truth):
    return truth(problem, arrays) / 2


@lie("stack", "conv x=1x2x9x9 w=2x2x3x3 float32")
def skips_what_is_nearly_empty(self, problem, arrays, truth):
    y = truth(problem, arrays)
    return np.zeros_like(y) if np.count_nonzero(arrays["x"]) == 1 else y


@lie("batch", CONV)
def rounds_in_a_batch(self, problem, arrays, truth):
    y = truth(problem, arrays)
    return rounded(y) if problem.x[0] > 1 else y


@lie("repeat", CONV, "batch threads layout")
def rounds_every_other_call(self, problem, arrays, truth):
    y = truth(problem, arrays)
    return rounded(y) if self.calls % 2 else y


@lie("threads", CONV)
def rounds_with_threads(self, problem, arrays, truth):
    y = truth(problem, arrays)
    return rounded(y) if self.number > 1 else y


@lie("layout", CONV.replace(" float32", " layout=channels_last float32"))
def rounds_with_channels_last(self, problem, arrays, truth):
    y = truth(problem, arrays)
    return rounded(y) if problem.layout == "channels_last" else y


NAMES = [one.tell.__name__ for one in LIES]
# Laws that compare an op with another one: whatever is wrong with a convolution shows there too.
ACROSS_OPS = {"adjoint", "pointwise", "separable", "pool_as_conv", "stack", "jacobian"}


def test_every_law_has_a_clause_and_a_liar():
    labels = {label for label in CLAUSES if label.startswith("law.")}
    assert set(LAWS) == labels
    assert {f"law.{one.law}" for one in LIES} == labels


@pytest.mark.parametrize("one", LIES, ids=NAMES)
def test_the_law_catches_its_liar_and_not_the_honest(one):
    law = LAWS[f"law.{one.law}"]
    assert law.speaks_of(one.case.problem)
    honest = hear(law, Honest(), one.case)
    assert (honest.held, honest.message) == (True, "")
    heard = hear(law, Liar(one), one.case)
    assert heard.held is False
    assert heard.is_broken is law.exact
    assert heard.message
    assert 0 < heard.by_how_much <= 2  # two numbers of opposite signs


@pytest.mark.parametrize("one", LIES, ids=NAMES)
def test_a_liar_breaks_no_law_but_its_own_among_those_of_its_op_alone(one):
    problem = Problem.parse(one.line)
    broken = set()
    for law in LAWS.values():
        if problem.op in law.ops and (law.exact or not LAWS[f"law.{one.law}"].exact):
            heard = hear(law, Liar(one), law.case(problem, 1))
            broken |= {law.name} if heard.held is False else set()
    assert broken - ACROSS_OPS - {one.law} == one.also - ACROSS_OPS


@pytest.mark.parametrize("one", [one for one in LIES if one.line == TORUS])
def test_only_going_round_tells_what_is_wrong_at_a_seam(one):
    heard = hear(LAWS["law.translation"], Liar(one), one.case)
    assert heard.pair.what == "gone round by 2x1 samples"


@pytest.mark.parametrize("session", SESSIONS, ids=lambda one: one.name)
def test_an_honest_backend_keeps_every_law_on_drawn_problems(session):
    outcomes = []

    @settings(max_examples=8, database=None, deadline=None, derandomize=True)
    @given(drawn_cases(session))
    def keeps(case):
        heard = hear(session.law, Honest(), case)  # too large a case counts as not answered
        assert heard.held is not False, f"{case.line}: {heard.message}"
        outcomes.append(heard.held)

    keeps()
    assert True in outcomes


@pytest.mark.parametrize("session", SESSIONS, ids=lambda one: one.name)
def test_a_law_speaks_of_what_its_fit_gives(session):
    @settings(max_examples=20, database=None, deadline=None, derandomize=True)
    @given(drawn_cases(session))
    def fits(case):
        assert session.law.fit(case.problem) == case.problem
        assert Case.parse(case.line) == case

    fits()
    assert all(session.law.speaks_of(case.problem) for case in real_cases(session))


# What is not answered.


class Silent(Honest):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def answer(self, problem, arrays):
        if self.calls > 1:
            raise self.error
        return super().answer(problem, arrays)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unsupported("no such pool"), "max_pool unsupported: no such pool"),
        (RuntimeError("too odd"), "max_pool refused: RuntimeError: too odd"),
        (KeyError("oops"), "max_pool crashed: KeyError: 'oops'"),
    ],
)
def test_a_law_that_is_not_answered_to_the_end_is_never_held(error, reason):
    law = LAWS["law.order"]
    heard = hear(law, Silent(error), law.case(Problem.parse(MAX), 1))
    assert (heard.held, heard.message) == (None, reason)


def test_without_a_way_to_set_threads_the_law_is_not_applicable():
    class Plain(Honest):
        threads = None

    heard = hear(LAWS["law.threads"], Plain(), Case.parse(f"{CONV} fill=real#1"))
    assert heard.held is None
    assert "no way to set the number of threads" in heard.message


def test_an_adapter_says_why_threads_cannot_be_set():
    class Plain(Honest):
        threads = "its threads are made once"

    heard = hear(LAWS["law.threads"], Plain(), Case.parse(f"{CONV} fill=real#1"))
    assert (heard.held, heard.message) == (None, "its threads are made once")


class Mover(Honest):
    """Computes in a layout of its own choice, and says so; another layout costs it a bit."""

    def __init__(self, moves):
        super().__init__()
        self.moves = moves

    def run(self, problem, arrays):
        y = super().run(problem, arrays)["y"]
        is_moved = problem.layout in self.moves
        return Result({"y": y if is_moved else rounded(y)}, layout="channels last" * is_moved)


@pytest.mark.parametrize("handed", ["layout=channels_last", "memory=transposed"])
def test_a_layout_that_the_adapter_undoes_says_nothing_of_the_backend(handed):
    case = Case.parse(f"{CONV.replace(' float32', f' {handed} float32')} fill=real#1")
    heard = hear(LAWS["law.layout"], Mover(["channels_first", "channels_last"]), case)
    assert heard.held is None
    assert "copies what it is given channels last" in heard.message


def test_a_layout_that_the_adapter_leaves_is_compared():
    case = Case.parse(f"{CONV.replace(' float32', ' layout=channels_last float32')} fill=real#1")
    assert hear(LAWS["law.layout"], Mover(["channels_last"]), case).held is False
    assert hear(LAWS["law.layout"], Mover([]), case).held is True


def test_a_sum_that_may_not_fit_the_significand_is_not_asked_for():
    heard = hear(LAWS["law.order"], Honest(), Case.parse("conv x=3x99x5 w=1x99x3 bfloat16"))
    assert heard.held is None
    assert "significand" in heard.message


@pytest.mark.parametrize("name", ["translation", "sharing", "sparse", "jacobian", "adjoint"])
def test_an_answer_of_another_shape_breaks_a_law_that_counts_windows(name):
    class Short(Honest):
        def answer(self, problem, arrays):
            return super().answer(problem, arrays)[..., :-1]

    law = LAWS[f"law.{name}"]
    heard = hear(law, Short(), law.case(Problem.parse(CONV), 1))
    assert heard.is_broken
    assert "the shape of" in heard.message


def test_a_broken_law_that_is_not_broken_again_is_kept():
    """As of memory that nobody wrote: Hypothesis then finds the backend flaky, and gives up."""

    class Once(NumpyBackend):
        calls = 0

        def run(self, problem, arrays):
            found = super().run(problem, arrays)
            self.calls += 1
            wrong = {name: one + 1 for name, one in found.arrays.items()}
            return replace(found, arrays=wrong) if self.calls == 9 else found

    session = next(one for one in SESSIONS if one.name == "law.adjoint conv")
    (heard,) = hear_all(Bench(Once()), session, 5)
    assert heard.is_broken


# What is recorded.


def entry(one, **values):
    case = Case.parse(f"{one.line} fill=integers#1")
    given_values = {
        "id": "liar-1", "backend": "liar", "versions": ">=1", "op": case.problem.op,
        "clause": f"law.{one.law}", "verdict": str(Kind.LAW), "kind": "bug", "reason": "it lies",
        "case": case.line,
    }  # fmt: skip
    return Entry(**{**given_values, **values})


def liar_of(law):
    return next(one for one in LIES if one.law == law)


def test_a_broken_law_is_one_finding_with_its_line_and_numbers():
    one = liar_of("homogeneous")
    bench = Bench(Liar(one))
    heard = hear(LAWS["law.homogeneous"], bench.backend, one.case)
    assert [record(bench, heard), record(bench, heard)] == [True, False]
    first, found, second = bench.records
    assert (found.verdict, found.clause, found.status) == (Kind.LAW, "law.homogeneous", "new")
    assert found.line == one.case.line
    assert found.inputs["x"].shape == one.case.problem.x
    assert found.wrong
    assert "samples times 8" in found.message
    assert first == second
    assert first.signature == found.signature
    for made in bench.records:
        assert to_line(from_json({**json.loads(to_line(made))})) == to_line(made)


def test_a_known_deviation_from_a_law_is_no_news():
    one = liar_of("homogeneous")
    bench = Bench(Liar(one), (entry(one),))
    heard = hear(LAWS["law.homogeneous"], bench.backend, one.case)
    assert record(bench, heard) is False
    assert [made.status for made in bench.records if isinstance(made, Finding)] == ["known"]
    new = Bench(Liar(one))
    assert record(new, heard) is True
    assert new.records[1].id == bench.records[1].id


def test_the_entry_of_another_law_does_not_excuse():
    one = liar_of("homogeneous")
    bench = Bench(Liar(one), (entry(one, clause="law.order"),))
    assert record(bench, hear(LAWS["law.homogeneous"], bench.backend, one.case)) is True


def test_a_fact_that_does_not_hold_is_recorded_and_is_no_finding():
    one = liar_of("batch")
    bench = Bench(Liar(one))
    assert record(bench, hear(LAWS["law.batch"], bench.backend, one.case)) is False
    (made,) = bench.records
    assert isinstance(made, LawRecord)
    assert (made.held, made.exact, made.signature) == (False, False, "")
    assert 0 < made.by_how_much < 1e-3  # about the unit roundoff of float16


def test_a_session_shrinks_the_news_and_fails_with_it(monkeypatch):
    one = liar_of("homogeneous")
    monkeypatch.setattr("convformance.laws.exploring.REAL", {})
    bench = Bench(Liar(one))
    session = next(s for s in SESSIONS if (s.law.name, s.op) == ("homogeneous", "max_pool"))
    news = hear_all(bench, session, 10)
    assert len(news) == 1
    assert max(news[0].case.problem.x) <= 4
    with pytest.raises(NewDiscrepancies, match="convformance law homogeneous 'max_pool"):
        report_broken(bench, news)


def test_an_entry_on_whose_case_the_law_does_not_speak_is_passed_over(monkeypatch):
    monkeypatch.setattr("convformance.laws.exploring.REAL", {})
    line = "conv x=1x1x1 w=1x1x2 padding=same float32 fill=integers#0"  # two windows, none far off
    assert not LAWS["law.sharing"].speaks_of(Case.parse(line).problem)
    entry = Entry(
        id="far", backend="numpy", versions=">=0", op="conv", clause="law.sharing",
        verdict="breaks a law", kind="bug", reason="Far off.", case=line,
    )  # fmt: skip
    bench = Bench(NumpyBackend(), ledger=[entry])
    session = next(s for s in SESSIONS if (s.law.label, s.op) == ("law.sharing", "conv"))
    assert hear_all(bench, session, 2) == []
    assert line not in [one.line for one in bench.records]


# The geometry that the laws stand on.


def field(*layers):
    problems = [Problem("max_pool", (1, 1, 224), **layer) for layer in layers]
    return receptive_field([axes_of(one)[0] for one in problems])


def test_two_layers_of_3_see_5_samples_and_three_see_7():
    three = {"kernel": (3,)}
    assert [field(*[three] * depth).size for depth in (1, 2, 3)] == [3, 5, 7]


def test_stem_and_pool_of_resnet_see_11_samples_every_4():
    stem = {"kernel": (7,), "stride": (2,), "padding": ((3, 3),)}
    pool = {"kernel": (3,), "stride": (2,), "padding": ((1, 1),)}
    both = field(stem, pool)
    assert (both.size, both.jump, both.start) == (11, 4, -5)


def test_interior_windows_are_those_that_read_as_many_samples_as_taps():
    @settings(max_examples=200, database=None, deadline=None, derandomize=True)
    @given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.data())
    def agrees(size, kernel, stride, dilation, data):
        pads = data.draw(st.tuples(st.integers(0, 5), st.integers(0, 5)))
        first = data.draw(st.integers(0, 3))
        window = {"kernel": (kernel,), "stride": (stride,), "dilation": (dilation,)}
        problem = Problem("max_pool", (1, 1, size), padding=(pads,), **window)
        (axis,) = axes_of(problem)
        whole = [
            o
            for o in range(axis.count)
            if len(reads(axis, o)) == kernel and min(reads(axis, o)) >= first
        ]
        assert whole == list(interior(axis, first))

    agrees()


def test_the_transposed_problem_has_the_size_of_the_input():
    for line in (CONV, "conv x=1x4x9x8 w=6x2x3x2 stride=3x2 padding=1+2x0 groups=2 float32"):
        problem = Problem.parse(line)
        assert output_shape(transposed(problem)) == problem.x


def test_whole_numbers_of_a_law_are_1_to_3_with_signs_and_never_0():
    arrays = whole_numbers(Case.parse("conv x=2x3x9x9 w=4x3x3x3 float32 fill=integers#5"))
    assert {abs(int(number)) for array in arrays.values() for number in array.flat} == {1, 2, 3}
    assert {int(np.sign(number)) for number in arrays["x"].flat} == {-1, 1}


def test_nothing_is_compared_where_a_size_is_0():
    assert not is_solid(Problem.parse("conv x=0x1x3 w=1x1x2 float32"))
    assert not is_solid(Problem.parse("max_pool x=1x1x2 kernel=3 float32"))


# Threads, through the process that a backend runs in.

THREADED = """
from contextlib import contextmanager

class Threaded:
    name, version, number = "threaded", "1", 0

    def run(self, problem, arrays):
        return arrays["x"] * 0 + self.number

    @contextmanager
    def threads(self, n):
        self.number = n
        yield
        self.number = 0
"""


def test_the_number_of_threads_reaches_an_isolated_backend(tmp_path, monkeypatch):
    (tmp_path / "threaded_backend.py").write_text(THREADED)
    monkeypatch.chdir(tmp_path)
    backend = Isolated("threaded_backend:Threaded")
    problem = Problem.parse("max_pool x=1x1x2 kernel=1 float32")
    arrays = {"x": np.ones((1, 1, 2), np.float32)}
    try:
        with backend.threads(3):
            inside = backend.perform(problem, arrays).arrays["y"]
        outside = backend.perform(problem, arrays).arrays["y"]
    finally:
        backend.close()
    assert (inside.max(), outside.max()) == (3, 0)


@pytest.mark.parametrize("reason", [None, "its threads are made once"])
def test_an_isolated_backend_offers_threads_only_if_its_adapter_does(tmp_path, monkeypatch, reason):
    text = f"class Plain:\n    name, version, threads = 'plain', '1', {reason!r}\n"
    (tmp_path / "unthreaded_backend.py").write_text(text + "    def run(self, *_): ...\n")
    monkeypatch.chdir(tmp_path)
    backend = Isolated("unthreaded_backend:Plain")
    backend.close()
    assert backend.threads == reason


@pytest.mark.parametrize("name", ["numpy", "tensorflow", "jax"])
def test_built_in_adapters_without_threads_say_why(name):
    adapters = {
        "numpy": "numpy_backend:NumpyBackend",
        "tensorflow": "tensorflow_backend:TensorFlowBackend",
        "jax": "jax_backend:JaxBackend",
    }
    module, _, attribute = adapters[name].partition(":")
    adapter = getattr(import_module(f"convformance.backends.{module}"), attribute)
    assert "threads" in adapter.threads


class Zeroing(Honest):
    """Clears its input after the answer."""

    name = "zeroing"

    def run(self, problem, arrays):
        answer = super().run(problem, arrays)
        arrays["x"][...] = 0
        return answer


@pytest.mark.parametrize("name", ["order", "repeat"])
def test_a_backend_that_writes_to_its_inputs_breaks_whatever_law_it_is_asked(name):
    """[backend.input] is checked here too; the law's own comparison would hold."""
    law = LAWS[f"law.{name}"]
    heard = hear(law, Zeroing(), law.case(Problem.parse(CONV), 1))
    assert heard.is_broken
    assert heard.message == "conv wrote to x"
    bench = Bench(Zeroing())
    assert record(bench, heard)


@pytest.mark.parametrize(
    "line",
    [
        "conv x=3x1x4 w=1x1x2 int8",
        "max_pool x=3x1x4 kernel=2 uint8",
        "conv1x1 x=1x1x3 w=1x1 complex64",
    ],
)
def test_a_law_speaks_of_real_floating_point_numbers_alone(line):
    """Sums of three answers would wrap, and complex numbers have no order."""
    assert not is_solid(Problem.parse(line))
