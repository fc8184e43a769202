"""The table of refusals: complete by the oracle's own words, true, and met by every liar."""

import ast
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from all_liars import LIARS
from liars import Liar, honest

import convoracle
from convformance import meaning
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.drawing import FLOAT_OPS
from convformance.expect import broken_clause
from convformance.problem import DTYPES, OPS, Case, Problem
from convformance.refusals import ASKED, RANKS, Asked, refusals, small_problem, spoilt, wrongs
from convformance.runfile import CaseRecord
from convformance.verdict import Kind
from convformance.worker import Isolated

ORACLE = Path(convoracle.__file__).parent
# The shapes of these two arrays are made from the problem, so that no line makes them wrong.
UNSAYABLE = {"conv.bias", "grad.shape"}
# The clause is broken by this attribute alone, so an op without it cannot break the clause.
NEEDS = {
    "window.stride": ("stride",),
    "window.dilation": ("dilation",),
    "window.input_dilation": ("input_dilation",),
    "padding.mode": ("padding_mode",),
    "conv.batch_groups": ("batch_groups",),
    "conv.output_dtype": ("output_dtype",),
    "adaptive.output": ("output",),
    "problem.axes": ("stride", "kernel", "output"),
}


# The labels that an op's function can raise, read off the oracle's source.


@cache
def definitions():
    """Return {name: node} of the oracle's functions and classes, by file and by name."""
    found = {}
    for path in sorted(ORACLE.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[path.stem, node.name] = node
    return found


def resolved(module, name):
    """Return the definition that a name means in a file: its own, or the one of that name."""
    if (module, name) in definitions():
        return module, name
    if name.startswith("_"):
        return None
    return next((key for key in definitions() if key[1] == name), None)


def raised_by(key, seen):
    """Return the labels that a definition raises, itself or through what it names."""
    if key is None or key in seen:
        return set()
    seen.add(key)
    labels = set()
    for node in ast.walk(definitions()[key]):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", "")
            if name in ("InvalidProblem", "_check_least"):  # the second hands its label on
                labels.add(node.args[0].value)
        if isinstance(node, ast.Name):
            labels |= raised_by(resolved(key[0], node.id), seen)
    return labels


def breakable(asked):
    """Return the labels that some problem of the op breaks, by the oracle's source."""
    name = f"{asked.op}_gradient" if asked.grad else asked.op
    labels = raised_by(next(key for key in definitions() if key[1] == name), set())
    if asked.op in ("fold",):
        labels -= {"problem.rank"}  # the number of its axes is that of `output`, at least one
    labels -= {"problem.float"}
    if asked.grad or asked.op in FLOAT_OPS:
        labels.add("problem.float")
    if "output_dtype" in OPS[asked.op] and not asked.grad:
        labels.add("conv.output_dtype")
    if asked.grad:
        labels -= {"conv.batch_groups"}
    return {
        label
        for label in labels - UNSAYABLE
        if label not in NEEDS or set(NEEDS[label]) & set(OPS[asked.op])
    }


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.name)
def test_the_table_has_every_clause_that_the_oracle_raises_for_the_op(asked):
    for rank in RANKS:
        assert {one.clause for one in wrongs(small_problem(asked, rank))} == breakable(asked)


def test_every_raise_in_the_layer_that_calls_the_oracle_is_in_the_table():
    tree = ast.parse(Path(meaning.__file__).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    labels = {c.args[0].value for c in calls if getattr(c.func, "id", "") == "InvalidProblem"}
    told = {one.clause for asked in ASKED for one in wrongs(small_problem(asked, 2))}
    assert labels <= told


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.name)
def test_one_wrong_breaks_the_clause_that_the_table_names(asked):
    for rank in RANKS:
        problem = small_problem(asked, rank)
        assert broken_clause(problem) is None
        for one in wrongs(problem):
            assert (broken := broken_clause(spoilt(problem, one))) is not None, one
            assert broken.label == one.clause, one


@pytest.mark.parametrize("op", OPS)
def test_every_attribute_that_can_be_wrong_is_wrong_once(op):
    told = {name for one in wrongs(small_problem(Asked(op), 3)) for name in one.values}
    numbers = {"x", "w", "kernel", "pointwise", "output", "stride", "dilation", "input_dilation"}
    numbers |= {"output_padding", "groups", "batch_groups", "padding", "p", "output_dtype"}
    assert told >= numbers & set(OPS[op])


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.name)
def test_every_case_is_invalid_has_a_line_and_is_refused_by_our_own_kernel(asked):
    bench = Bench(NumpyBackend(), seed=1)
    for case in refusals(asked):
        assert Case.parse(case.line) == case
        assert broken_clause(case.problem) is not None
        bench.check(case, "invalid")
    records = [one for one in bench.records if isinstance(one, CaseRecord)]
    assert {one.verdict for one in records} == {"agrees"}


def test_a_default_run_asks_about_two_thousand_and_no_line_twice():
    lines = [case.line for asked in ASKED for case in refusals(asked)]
    assert len(set(lines)) == len(lines)
    assert 1_500 < len(lines) < 2_300


# The liars.


def accepted(backend):
    """Return the (clause, line) of each case of the table that the backend accepts."""
    bench = Bench(backend, seed=1)
    for asked in ASKED:
        if asked.op == backend.op and not asked.grad:
            for case in refusals(asked):
                bench.check(case, "invalid")
    records = [one for one in bench.records if isinstance(one, CaseRecord)]
    return [(one.clause, one.line) for one in records if one.verdict == Kind.ACCEPTS]


ACCEPTING = [one for one in LIARS if Kind.ACCEPTS in one.kinds]


@pytest.mark.parametrize("one", ACCEPTING, ids=lambda one: one.name)
def test_the_table_catches_every_liar_that_accepts(one):
    assert {clause for clause, _ in accepted(one)} & set(one.clauses)


def answering(clause, op):
    """Return a backend that answers whatever breaks the clause, and refuses the rest."""

    def tell(problem: Problem, arrays):
        broken = broken_clause(problem)
        if broken is not None and broken.label == clause:
            return {"y": np.zeros(1, np.float32)}
        return honest(problem, arrays)

    return Liar(f"answers {clause}", "", op, (clause,), (Kind.ACCEPTS,), DTYPES, tell)


@pytest.mark.parametrize("clause", sorted({label for one in ASKED for label in breakable(one)}))
def test_a_liar_that_lets_one_clause_pass_is_caught_with_that_clause(clause):
    op = next(one.op for one in ASKED if not one.grad and clause in breakable(one))
    assert {label for label, _ in accepted(answering(clause, op))} == {clause}


def groups_that_fit_the_batch(problem, arrays):
    """Takes groups below 1 for none, but only where the batch is not divided either."""
    if problem.groups < 1 and problem.batch_groups != 1:
        return {"y": np.zeros(1, np.float32)}
    return honest(problem, arrays)


def negative_twice(problem, arrays):
    """Takes a negative stride and a negative dilation for a walk from the other end."""
    if min(problem.stride) < 1 and min(problem.dilation) < 1:
        return {"y": np.zeros(1, np.float32)}
    return honest(problem, arrays)


@pytest.mark.parametrize("tell", [groups_that_fit_the_batch, negative_twice])
def test_a_liar_that_accepts_only_two_wrongs_at_once_is_caught(tell):
    liar = Liar(tell.__name__, "", "conv", (), (Kind.ACCEPTS,), DTYPES, tell)
    lines = [line for _, line in accepted(liar)]
    assert lines
    singles = {
        spoilt(small_problem(Asked("conv"), rank), one).line
        for rank in RANKS
        for one in wrongs(small_problem(Asked("conv"), rank))
    }
    assert not {line.partition(" fill=")[0] for line in lines} & singles


def test_a_backend_that_dies_of_an_invalid_problem_is_caught_and_the_table_goes_on(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")
    backend = Isolated("wild_backends:DyingOfStrides")
    try:
        bench = Bench(backend)
        few = [case for case in refusals(Asked("unfold")) if case.problem.rank == 1][:12]
        verdicts = {case.line: bench.examine(case).verdict for case in few}
    finally:
        backend.close()
    died = [one for one in verdicts.values() if one.kind is Kind.CRASHED]
    assert {one.clause for one in died} == {"backend.answer"}
    assert "Aborted" in died[0].message
    assert Kind.AGREES in {one.kind for one in verdicts.values()}
