"""One case as text: expectation, outcome, verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from convformance.backend import Array
from convformance.bench import Bench, Examined
from convformance.evidence import terms_text, word
from convformance.expect import Expectation
from convformance.sizes import size_lines
from convoracle import CLAUSES, VARIANTS, InvalidProblem

MOST_ROWS = 24  # lines of an array that a terminal shows


def case_text(bench: Bench, examined: Examined, diagnosis: Sequence[str] = ()) -> str:
    """Return all that is known of an examined case."""
    why = [f"{'why       ' if i == 0 else ' ' * 10}{one}" for i, one in enumerate(diagnosis)]
    return "\n".join([*_lines(bench, examined), *why])


def _lines(bench: Bench, examined: Examined) -> Iterator[str]:
    case, verdict = examined.case, examined.verdict
    yield case.line
    yield f"{case.id} on {bench.backend.name} {bench.backend.version}"
    yield ""
    yield from _expectation(examined)
    yield from _outcome(examined)
    yield ""
    yield f"verdict   {verdict.kind}" + (f" [{verdict.clause}]" if verdict.clause else "")
    if verdict.clause:
        yield f'          "{CLAUSES[verdict.clause].sentence}"'
    if verdict.is_discrepancy and verdict.message != examined.trial.outcome.message:
        yield f"          {verdict.message}"
    if verdict.margin is not None:
        yield f"          worst margin {verdict.margin:.3g} of the bound"
    for label, choice in verdict.choices.items():
        meanings = dict(VARIANTS[label].choices)
        yield f"          {label} = {choice}: {meanings.get(choice, 'one way here, another there')}"
    terms = terms_text(examined)
    if terms:
        yield f"          {terms}"
    if examined.entry:
        entry = examined.entry
        yield f"known     {entry.kind}: {entry.reason}"
        if entry.link:
            yield f"          {entry.link}"


# The words of a line that a broken clause is about.
ABOUT = {
    "conv.groups": ("x", "groups"),
    "conv.weight": ("x", "w", "groups"),
    "conv1x1.weight": ("x", "w"),
    "lp.p": ("p",),
    "problem.axes": (
        "kernel",
        "stride",
        "padding",
        "dilation",
        "output",
        "output_padding",
        "input_dilation",
    ),
    "problem.rank": ("x",),
    "adaptive.output": ("output",),
    "conv.batch_groups": ("x", "w", "batch_groups"),
    "conv.output_dtype": ("output_dtype",),
    "depthwise.weight": ("x", "w"),
    "fold.columns": ("x", "output"),
    "padding.mode": ("x", "padding_mode"),
    "separable.weight": ("w", "pointwise"),
    "transpose.output_padding": ("stride", "dilation", "output_padding"),
    "transpose.weight": ("x", "w"),
    "unpool.output": ("x", "output"),
    "window.dilation": ("dilation",),
    "window.input_dilation": ("input_dilation",),
    "window.kernel": ("kernel", "w"),
    "window.stride": ("stride",),
}


def _broken(examined: Examined, broken: InvalidProblem) -> Iterator[str]:
    yield f"invalid [{broken.label}]: {broken.message}"
    yield from marked(examined.case.line, examined.case.problem.dtype, broken)


def marked(line: str, dtype: str, broken: InvalidProblem) -> Iterator[str]:
    """Yield the line, and marks under the words that the broken clause is about."""
    about = ABOUT.get(broken.label, (dtype,))
    marks = [
        ("^" if word.partition("=")[0] in about else " ") * len(word) for word in line.split(" ")
    ]
    yield f"  {line}"
    yield f"  {' '.join(marks)}".rstrip()


def _expectation(examined: Examined) -> Iterator[str]:
    expected = examined.trial.expected
    if not isinstance(expected, Expectation):
        yield from _broken(examined, expected)
        yield "expected  a refusal"
        return
    for name, array in examined.arrays.items():
        yield from _array(name, array)
    for line in size_lines(examined.case.problem):
        yield f"size      {line}"
    main = examined.case.problem.answers[0]
    if examined.reference:
        sizes = "x".join(map(str, expected.shape))
        yield f"expected  {main} {sizes}, every element, by {examined.reference}"
        return
    if expected.sampled:
        sizes = "x".join(map(str, expected.shape))
        yield f"expected  {main} {sizes}, judged at {len(expected.positions)} sampled elements"
        return
    yield from _array(f"expected  {main}", expected.joined.reshape(expected.shape))
    if expected.indices is not None:
        yield from _array("expected  indices", expected.indices.reshape(expected.shape))


def _outcome(examined: Examined) -> Iterator[str]:
    outcome = examined.trial.outcome
    if outcome.kind != "arrays":
        yield f"outcome   {outcome.kind}: {outcome.message}"
        return
    wrong: dict[str, set[tuple[int, ...]]] = {}
    for name, position in examined.verdict.wrong:
        wrong.setdefault(name, set()).add(tuple(position))
    for name, array in outcome.arrays.items():
        yield from _array(f"got       {name}", array, wrong.get(name, set()))
    if outcome.how:
        yield f"how       {outcome.how}{', a recipe' if outcome.recipe else ''}"


def _array(title: str, array: Array, wrong: Iterable[tuple[int, ...]] = ()) -> Iterator[str]:
    """Yield the array's rows; a differing element stands between asterisks."""
    sizes = "x".join(map(str, array.shape))
    yield f"{title} {sizes} {array.dtype}"
    if not array.size:
        return  # the other sizes may be any, where nobody wrote them
    marked = set(wrong)
    for row, lead in enumerate(np.ndindex(*array.shape[:-1])):
        if row == MOST_ROWS:
            yield "            ..."
            return
        words = []
        for i in range(array.shape[-1]):
            text = word(array[(*lead, i)])
            words.append(f"*{text}*" if (*lead, i) in marked else text)
        place = ",".join(map(str, lead))
        yield f"  [{place}]".ljust(12) + " ".join(words)
