"""All that a reader needs to believe a discrepancy: sizes, arrays, terms, a script."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from convformance.backend import Array, Backend
from convformance.diagnosis import Diagnosis
from convformance.expect import Expectation
from convformance.perform import written_script
from convformance.runfile import ArrayText, Finding
from convformance.sizes import size_lines
from convoracle import InvalidProblem
from convoracle.exact import as_floats

if TYPE_CHECKING:  # the bench makes findings of what it examined; only the type comes from there
    from convformance.bench import Examined

LARGEST_SHOWN = 400  # elements of an array that a report can show
MOST_TERMS = 24


def finding(
    backend: Backend, examined: Examined, id_: str, diagnosis: Diagnosis | None = None
) -> Finding:
    """Return the finding of an examined discrepancy."""
    trial, verdict, entry = examined.trial, examined.verdict, examined.entry
    expected = trial.expected
    valid = isinstance(expected, Expectation)
    return Finding(
        id=id_,
        signature=examined.signature,
        status="known" if entry else "new",
        line=trial.case.line,
        op=trial.case.problem.op,
        verdict=str(verdict.kind),
        clause=verdict.clause,
        message=verdict.message,
        sizes=size_lines(trial.case.problem) if valid else (),
        inputs={name: array_text(array) for name, array in examined.arrays.items()},
        expected=expected_text(expected) if isinstance(expected, Expectation) else {},
        got={name: array_text(array) for name, array in trial.outcome.arrays.items()},
        wrong=verdict.wrong[:LARGEST_SHOWN],
        terms=terms_text(examined),
        script=script(backend, examined),
        entry=entry.to_json() if entry else None,
        diagnosis=diagnosis.sentences if diagnosis else (),
        connections=diagnosis.taps.drawn if diagnosis and diagnosis.taps else (),
    )


def array_text(array: Array) -> ArrayText:
    """Return the array as words; without values if it is too large to show.

    An array without elements may be too large too: sizes that nobody wrote stand beside its 0.
    """
    shown = prod(max(1, size) for size in array.shape) <= LARGEST_SHOWN
    values = _words(array).tolist() if shown else None
    return ArrayText(array.shape, str(array.dtype), values)


def expected_text(expected: Expectation) -> dict[str, ArrayText]:
    """Return the expected arrays as words; a sampled expectation has no whole array."""
    shown = not expected.sampled and prod(expected.shape) <= LARGEST_SHOWN
    found = {expected.problem.answers[0]: expected.joined}
    if expected.indices is not None:
        found["indices"] = expected.indices
    return {
        name: ArrayText(
            expected.shape,
            str(array.dtype),
            _words(array.reshape(expected.shape)).tolist() if shown else None,
        )
        for name, array in found.items()
    }


def _words(array: Array) -> Any:
    """Return an object array of the shortest words that tell the elements apart."""
    words = np.empty(array.shape, dtype=object)
    for position in np.ndindex(*array.shape):
        words[position] = word(array[position])
    return words


def word(element: Any) -> str:
    """Write one element: whole numbers without a point."""
    if isinstance(element, np.complexfloating):
        imaginary = word(element.imag)
        return f"{word(element.real)}{'' if imaginary.startswith('-') else '+'}{imaginary}j"
    if isinstance(element, (np.floating, float)) or getattr(element, "dtype", None) is not None:
        number = (
            float(element)
            if getattr(element, "dtype", np.dtype(float)).kind not in "iub"
            else int(element)
        )
        if isinstance(number, float) and number.is_integer() and abs(number) < 1e16:
            return "-0" if number == 0 and np.signbit(number) else str(int(number))
        return str(element) if not isinstance(number, int) else str(number)
    return str(element)


def terms_text(examined: Examined) -> str:
    """Return the terms of the first differing element, and what they make."""
    expected = examined.trial.expected
    if isinstance(expected, InvalidProblem) or not examined.verdict.wrong:
        return ""
    name, position = examined.verdict.wrong[0]
    terms = [word(term) for term in as_floats(expected.operation.terms(position))]
    more = f", ... {len(terms) - MOST_TERMS} more" if len(terms) > MOST_TERMS else ""
    listed = ", ".join(terms[:MOST_TERMS]) + more
    row = expected.positions.index(position)
    table = expected.indices if name == "indices" and expected.indices is not None else expected.y
    place = ", ".join(map(str, position))
    return f"{name}[{place}]: the terms {listed or 'none'} make {word(table[row])}"


def script(backend: Backend, examined: Examined) -> str:
    """Return code that repeats the call with the framework alone, if the adapter can tell."""
    if any(array.size > LARGEST_SHOWN for array in examined.arrays.values()):
        return ""
    return written_script(backend, examined.case.problem, examined.arrays)
