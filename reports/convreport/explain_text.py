"""An explanation as text for a terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from convreport.explain import AxisView, Border, Explanation, way
from convreport.predict import COMPUTES, Prediction
from convreport.profiles import CRASHES, OPEN, REFUSES, SPECIFIED, STRAYS
from convreport.text import count, one_line, sizes

LONGEST_MESSAGE = 150


def as_text(told: Explanation) -> str:
    """Return all that is told, a section each."""
    return "\n".join(_lines(told))


def as_json(told: Explanation) -> str:
    """Return the same as JSON."""
    return json.dumps(asdict(told), indent=2, ensure_ascii=False)


def _lines(told: Explanation) -> Iterator[str]:
    yield told.line
    yield from (f"note        {note}" for note in told.notes)
    yield ""
    yield f"output      {sizes(told.shape)}"
    yield from _titled("size", told.sizes)
    yield ""
    yield from _titled("frameworks", list(framework_lines(told.predictions)))
    yield ""
    yield from _titled("agreement", list(agreement_lines(told)))
    yield from _titled("instead", told.advice)
    yield from _titled("values", list(parting_lines(told)))
    if told.axes:
        yield ""
        yield from _titled("borders", list(border_lines(told)))
    yield ""
    yield from _titled("cost", list(cost_lines(told)))
    yield ""
    clauses = [f"[{label}] {sentence}" for label, sentence in told.clauses]
    yield from _titled("clauses", clauses)


def _titled(title: str, lines: Sequence[str]) -> Iterator[str]:
    for i, line in enumerate(lines):
        yield f"{'' if i else title:<11} {line}"


def pads_text(pads: Sequence[tuple[int, int]]) -> str:
    """Return pads as 2 + 3, once where all axes are alike."""
    words = [f"{before} + {after}" for before, after in pads]
    return words[0] if len(set(words)) == 1 else ", ".join(words)


def framework_lines(predictions: Sequence[Prediction]) -> Iterator[str]:
    """Yield what each framework does, a line for each way that it has."""
    names = [f"{one.framework} {one.version}{' *' * (one.how == SPECIFIED)}" for one in predictions]
    longest, widest = max(map(len, names)), max(len(way(one)) for one in predictions)
    for name, one in zip(names, predictions, strict=True):
        word = f"{way(one):<{widest}}  " if widest and one.does == COMPUTES else ""
        yield f"{name:<{longest}}  {word}{does_words(one)}"
    if any(one.how == SPECIFIED for one in predictions):
        yield f"* {SPECIFIED}"
    if any(one.line for one in predictions):
        yield "in the words that a small case met: --json names it"


def does_words(one: Prediction) -> str:
    """Return in words what a framework does: pads and size, or why not."""
    if one.does != COMPUTES:
        reason = one_line(one.reason, LONGEST_MESSAGE)
        does = f"{one.does} {one.limit}" if one.does == REFUSES else one.does
        does = f"{does} at {one.limit}" if one.does in (CRASHES, STRAYS, OPEN) else does
        return f"{does}: {reason}" if reason else does
    pads = f"pads {pads_text(one.pads)}  " if one.pads else ""
    recipe = "  (by more than one call)" if one.recipe else ""
    return f"{pads}{sizes(one.shape)}{recipe}"


def agreement_lines(told: Explanation) -> Iterator[str]:
    """Yield who computes the same, and how others differ from the most."""
    for group in told.groups:
        words = f": {group.words}" if group.words else ""
        pads = f", pads {pads_text(group.pads)}" if group.pads else ""
        verb = "give" if len(group.names) > 1 else "gives"
        yield f"{', '.join(group.names)} {verb} {sizes(group.shape)}{pads}{words}"
    if not told.groups:
        yield "no framework computes it as it stands"


def parting_lines(told: Explanation) -> Iterator[str]:
    """Yield the points at which values differ."""
    for one in told.partings:
        choices = "; ".join(f"{', '.join(names)}: {choice}" for choice, names in one.choices)
        yield f"[{one.clause}] {choices}"


def border_lines(told: Explanation) -> Iterator[str]:
    """Yield the windows at the ends of each axis, axes that are alike together."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for axis in told.axes:
        rows.setdefault(tuple(_axis_lines(axis, told)), []).append(axis.name)
    for lines, names in rows.items():
        yield from (
            f"{', '.join(names) + ':' if not i else '':<9}{line}" for i, line in enumerate(lines)
        )


def _axis_lines(axis: AxisView, told: Explanation) -> Iterator[str]:
    verb, what = ("feeds", "output") if told.over_output else ("reads", "input")
    one = "input" if told.over_output else "window"
    if not axis.count:
        yield f"no {one} along this axis"
        return
    previous = -1
    for border in axis.borders:
        if border.window > previous + 1:
            yield "..."
        previous = border.window
        yield f"{one} {border.window} {verb} {what} {tap_words(border)}"
    touching = [(axis.touching_before, "before"), (axis.touching_after, "after")]
    words = [f"{number:,} {side}" for number, side in touching if number]
    if words:
        over = "reach past the output" if told.over_output else "touch padding"
        yield f"of {count(axis.count, one)} {over}: {', '.join(words)}"
    if axis.unread > 0:
        at = ", ".join(map(str, axis.unread_at)) + (
            "" if axis.unread == len(axis.unread_at) else " ..."
        )
        what = "that no input feeds" if told.over_output else "that no window reads"
        noun = "element" if told.over_output else "sample"
        yield f"{count(axis.unread, noun)} {what}: {at}"


def tap_words(border: Border) -> str:
    """Return the positions of a window's taps, and how many of them lie outside."""
    if border.first == border.last:
        text = str(border.first)
    else:
        text = f"{border.first}..{border.last}"
        text += f" by {border.step}" if border.step > 1 else ""
    return f"{text} ({border.outside} outside)" if border.outside else text


def cost_lines(told: Explanation) -> Iterator[str]:
    """Yield receptive field, multiply-adds and parameters."""
    if told.axes and not told.over_output:
        field, jump = (
            sizes([getattr(axis, name) for axis in told.axes]) for name in ("extent", "stride")
        )
        start = ", ".join(str(-axis.before) for axis in told.axes)
        yield f"receptive field {field}, jump {jump}, first window starts at {start}"
    cost = told.cost
    if cost.multiply_adds or cost.parameters:
        yield f"{cost.multiply_adds:,} multiply-adds, taps over padding included"
        bias = f", {cost.bias:,} of them bias" if cost.bias else ", no bias"
        yield f"{count(cost.parameters, 'parameter')}{bias}"
    else:
        taps = f"; each element is made of {count(cost.taps, 'tap')}" if cost.taps else ""
        yield f"no multiply-adds, no parameters{taps}"
