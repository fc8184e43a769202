"""Faults of norms: signs, roots, exponents, and what a cut window counts for."""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod

import numpy as np

from convformance.backend import Array, Arrays
from convformance.diagnosis.faults import Asked, after, before
from convformance.diagnosis.faults_values import remade
from convformance.diagnosis.faults_windows import asked_with
from convformance.expect import Expectation, expectation
from convformance.problem import Problem
from convoracle.exact import exact_sum, quotient, root


@after("no absolute value", "the powers are of the samples, without their absolute value")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.op != "lp_pool" or problem.grad or problem.p in (inf, 2):
        return None
    signs = _signed_sum(expected, arrays)
    if problem.p == 1:
        return signs
    with np.errstate(all="ignore"):
        return (signs.astype(np.float64) ** (1 / problem.p)).astype(y.dtype)


def _signed_sum(expected: Expectation, arrays: Arrays) -> Array:
    problem = expected.problem
    powers = arrays["x"].astype(np.float64) ** int(problem.p)
    plain = replace(problem, op="avg_pool", p=2, count_include_pad=False, dtype="float64")
    other = expectation(plain, {"x": powers})
    sums = [exact_sum(other.operation.terms(one)) for one in other.positions]
    return np.array([float(one) for one in sums]).reshape(expected.shape)


@after("no root", "the sum of powers is given without its root")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if expected.problem.op != "lp_pool" or expected.problem.grad or expected.problem.p in (1, inf):
        return None
    return remade(expected, exact_sum)


@after("averaged powers", "the root is of the mean of the powers, not of their sum")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if expected.problem.op != "lp_pool" or expected.problem.grad or expected.problem.p == inf:
        return None
    p = int(expected.problem.p)
    return remade(expected, lambda terms: root(quotient(exact_sum(terms), len(terms) or 1), p))


def _exponent(p: float) -> None:
    @before(f"p is {p}", f"the exponent p is taken for {p}")
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        return asked_with(problem, arrays, p=p) if problem.op == "lp_pool" else None


@before("p one more", "the exponent p is taken for p + 1")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, p=problem.p + 1) if problem.op == "lp_pool" else None


for exponent in (1, 2, 3, inf):
    _exponent(exponent)


@after(
    "cut window scaled",
    "the sum of a window that is cut short is scaled up to the whole kernel before its root",
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.op != "lp_pool" or problem.grad or problem.p == inf:
        return None
    own = [len(expected.operation.terms(one)) or 1 for one in expected.positions]
    scale = (prod(problem.kernel) / np.reshape(own, y.shape)) ** (1 / problem.p)
    with np.errstate(all="ignore"):
        return (y * scale).astype(y.dtype)
