"""Port a layer: what the source means by it, the target's code for that, and whether it was run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from convformance.backends import layouts
from convformance.expect import broken_clause
from convformance.porting import CASES, Check, check, missing, runnable
from convformance.problem import Problem
from convformance.recipes import Recipe, plain, recipes
from convformance.sizes import AXIS_NAMES
from convformance.ways import Meaning
from convreport.predict import COMPUTES, axes_under, choices_for, predict, shape_under
from convreport.profiles import load_profiles

OWN = "its own call"


@dataclass(frozen=True)
class Ported:
    """The answer: `code` computes the meaning if `exact`, else it is the closest, or there is none.

    `checked` counts the cases of an exact code; `unchecked` says why none was run.
    """

    problem: Problem
    source: str
    target: str
    shape: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    native: Recipe | None
    notes: tuple[str, ...]
    recipe: Recipe | None = None
    exact: bool = False
    checked: int = 0
    unchecked: str = ""
    difference: str = ""
    reasons: tuple[str, ...] = ()


def meant(problem: Problem, framework: str) -> tuple[Meaning, str]:
    """Return what the framework means by the problem, and what is to be said of that."""
    profile = load_profiles()[framework]
    choices = choices_for(profile, problem.op)
    told, note = predict(profile, problem), ""
    if told.does == COMPUTES:
        shape, pads = told.shape, told.pads
    else:
        shape = shape_under(problem, {})
        pads = tuple((axis.before, axis.after) for axis in axes_under(problem, {}))
        note = f"{framework} {told.does}: {told.reason}; meant is the specification's problem"
    if problem.padding == "same":
        side = choices.get("padding.same_side", "after")
        problem = replace(problem, padding="same_lower" if side == "before" else "same_upper")
    return Meaning(problem, pads, shape[2:]), note


def port(problem: Problem, source: str, target: str, cases: int = CASES) -> Ported:
    """Find the code and run it on so many cases; raise `UnknownError` for what no recipe knows."""
    problem = plain(problem)
    meaning, note = meant(problem, source)
    natives, unsaid = recipes(meaning, source, source)
    natives = _foretold(natives, meaning)
    found, reasons = recipes(meaning, source, target)
    ranked = _foretold(found, meaning)
    shape = (problem.x[0], _channels(problem), *meaning.sizes)
    known: dict[str, Any] = {
        "problem": problem,
        "source": source,
        "target": target,
        "shape": shape,
        "pads": meaning.pads,
        "native": natives[0] if natives else None,
        "notes": tuple(filter(None, [note])),
        "reasons": tuple(reasons),
    }
    absent = missing(target) or missing(source)
    if absent:
        first = ranked[0] if ranked else None
        return Ported(**known, recipe=first, exact=bool(first), unchecked=absent)
    native = runnable(natives, problem)
    if native is None:
        why = "; ".join(unsaid)
        known["reasons"] = (f"{source} does not compute the line itself: {why}".rstrip(": "),)
        return Ported(**known)
    return _tried(known | {"native": native}, meaning, ranked, cases)


def _channels(problem: Problem) -> int:
    return shape_under(problem, {})[1]


def _foretold(found: list[Recipe], meaning: Meaning) -> list[Recipe]:
    """Put the recipes first whose call the framework is foretold to compute as it is meant."""
    return sorted(found, key=lambda one: not _is_foretold(one, meaning))


def _is_foretold(recipe: Recipe, meaning: Meaning) -> bool:
    if broken_clause(recipe.asks):  # no such layer, such as an output padding past the stride
        return False
    told = predict(load_profiles()[recipe.framework], recipe.asks)
    if told.does != COMPUTES:
        return False
    if not recipe.whole:
        return True
    fits = recipe.way != OWN or told.pads == meaning.pads
    return told.shape[2:] == meaning.sizes and fits


def _tried(known: dict[str, Any], meaning: Meaning, ranked: list[Recipe], cases: int) -> Ported:
    """Run the recipes one after the other; the first that holds is the answer."""
    reasons, near = list(known["reasons"]), []
    for recipe in ranked:
        seen = _checked(recipe, known, cases)
        if seen.holds:
            return Ported(**known, recipe=recipe, exact=True, checked=seen.cases)
        if seen.difference:
            near.append((recipe, seen.difference))
        else:
            reasons.append(f"{recipe.way}: {seen.refusal}")
    near += list(_near(known, meaning)) if not near else []
    known["reasons"] = tuple(reasons)
    if not near:
        return Ported(**known)
    recipe, difference = min(near, key=lambda one: "shape" in one[1])
    return Ported(**known, recipe=recipe, difference=difference)


def _checked(recipe: Recipe, known: dict[str, Any], cases: int) -> Check:
    source, target, native = known["source"], known["target"], known["native"]

    def text_of(problem: Problem) -> tuple[str, str]:
        meaning, _ = meant(problem, source)
        return (
            _text(recipes(meaning, source, source)[0], native.way),
            _text(recipes(meaning, source, target)[0], recipe.way),
        )

    return check(recipe, native, known["problem"], text_of, cases)


def _text(found: list[Recipe], way: str) -> str:
    return next((one.source for one in found if one.way == way), "")


def _near(known: dict[str, Any], meaning: Meaning) -> Iterator[tuple[Recipe, str]]:
    """Yield calls of a problem that is not the one asked for, with what differs."""
    problem = meaning.problem
    ones = (1,) * problem.rank
    changes: tuple[tuple[str, Any], ...] = (
        ("count_include_pad", not problem.count_include_pad),
        ("ceil_mode", False),
        ("dilation", ones),
        ("p", 2),
    )
    for name, value in changes:
        if getattr(problem, name) == value:
            continue
        try:
            other = replace(problem, **_of(name, value))
            changed, _ = meant(other, known["source"])
        except ValueError:
            continue  # the op has no such attribute
        for recipe in recipes(changed, known["source"], known["target"])[0]:
            seen = check(recipe, known["native"], problem, lambda _: ("", ""))
            if seen.difference:
                said = str(value).lower() if isinstance(value, bool) else value
                yield recipe, f"with {name} {said}: {seen.difference}"


def _of(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def as_text(told: Ported) -> str:
    """Write the answer for a terminal."""
    size = "x".join(map(str, told.shape))
    lines = [told.problem.line, "", f"output      {size}{_pads(told)}"]
    if told.native:
        calls = told.native.lines[told.native.lines.index("") + 1 :]
        own = [
            line for line in calls if not re.match(r"\w+ = (torch.from_numpy|tf.constant)", line)
        ]
        how = "" if told.native.way == OWN else f"  # {told.native.way}"
        lines += [f"{told.source:<11} {line}" if not i else f"{'':<11} {line}"
                  for i, line in enumerate(own)]  # fmt: skip
        lines[-1] += how
    lines += [f"{'note':<11} {note}" for note in told.notes]
    if told.recipe:
        word = told.target if told.exact else "closest"
        lines += [f"{word:<11} {told.recipe.way}", ""]
        lines += [f"# as {told.source} has them, in NumPy: "
                  f"{'; '.join(layouts.described(told.problem, told.source))}"]  # fmt: skip
        lines += told.recipe.lines
        if told.target == "onnx":
            lines.append(f"# the node gives {layouts.axes_of_node(told.problem)}")
    return "\n".join([*lines, "", *_verdict(told)])


def _verdict(told: Ported) -> Iterator[str]:
    if told.exact and told.checked:
        yield f"checked on {told.checked} cases, bit-exact on integers"
        return
    if told.exact:
        yield f"not checked: {told.unchecked}"
        return
    if told.difference:
        yield f"this is not the same: {told.difference}"
    yield f"nothing was found in {told.target} that equals it"
    yield from (f"  {reason}" for reason in told.reasons)


def _pads(told: Ported) -> str:
    if not told.pads:
        return ""
    word = "crops" if told.problem.op == "conv_transpose" else "pads"
    pairs = [f"{before} + {after}" for before, after in told.pads]
    if len(set(pairs)) == 1:
        return f", {word} {pairs[0]}"
    names = AXIS_NAMES[told.problem.rank]
    each = ", ".join(f"{name} {pair}" for name, pair in zip(names, pairs, strict=True))
    return f", {word} {each}"
