"""Port a layer: what the source means by it, the target's code for that, and whether it was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convformance.apart import ENDED
from convformance.expect import broken_clause
from convformance.onnx_faults import known_fault
from convformance.porting import CASES, EMPTY, ROUNDING, Check, Source, astray_of, check
from convformance.problem import Problem
from convformance.recipes import OWN, Recipe, UnknownError, plain, recipes
from convformance.running import evaluators, labelled, missing, runnable
from convformance.sizes import UNWINDOWED
from convformance.ways import Meaning
from convreport.port_hints import hints
from convreport.port_near import near
from convreport.predict import COMPUTES, axes_under, choices_for, predict, shape_under
from convreport.profiles import load_profiles


@dataclass(frozen=True)
class Ported:
    """The answer: `code` computes the meaning if `exact`, else it is the closest, or there is none.

    `checked` counts the cases of an exact code; `unchecked` says why none was run. `alone` says
    why the specification stood for the source, `by` what evaluated nodes of ONNX.
    """

    problem: Problem
    source: str
    target: str
    shape: tuple[int, ...]
    pads: tuple[tuple[int, int], ...] = ()
    native: Recipe | None = None
    notes: tuple[str, ...] = ()
    recipe: Recipe | None = None
    exact: bool = False
    checked: int = 0
    unchecked: str = ""
    alone: str = ""
    by: str = ""
    difference: str = ""
    reasons: tuple[str, ...] = ()


def meant(problem: Problem, framework: str) -> tuple[Meaning, str]:
    """Return what the framework means by the problem, and what is to be said of that."""
    profile = load_profiles()[framework]
    choices = choices_for(profile, problem.op)
    told, note = predict(profile, problem), ""
    forward = replace(problem, grad="")  # a gradient has the windows of what it is of
    if told.does != COMPUTES:
        note = f"{framework} {told.does}: {told.reason}; meant is the specification's problem"
        choices = {}
    elif "transpose.valid" in choices and problem.op == "conv_transpose":
        choices = _choices_of_call(framework, forward, choices)
    axes = axes_under(forward, choices)
    pads = tuple((axis.before, axis.after) for axis in axes)
    sizes = shape_under(forward, choices)[2:]
    if problem.op in ("unfold",):
        sizes = tuple(axis.count for axis in axes)
    if problem.padding == "same":
        side = choices.get("padding.same_side", "after")
        problem = replace(problem, padding="same_lower" if side == "before" else "same_upper")
    return Meaning(problem, pads, sizes), note


def _choices_of_call(
    framework: str, problem: Problem, choices: Mapping[str, str]
) -> dict[str, str]:
    """Return the choices that the framework's own call follows: a word's are not those of pads."""
    told = predict(load_profiles()[framework], problem)
    kept = dict(choices)
    if "valid" not in told.call.lower() or any(problem.output_padding):
        kept.pop("transpose.valid", None)
    return kept


def port(problem: Problem, source: str, target: str, cases: int = CASES) -> Ported:
    """Find the code and run it on so many cases."""
    try:
        problem = plain(problem)
    except UnknownError as what:
        return Ported(problem, source, target, shape_under(problem, {}), reasons=(str(what),))
    meaning, note = meant(problem, source)
    natives, unsaid = recipes(meaning, source, source)
    natives = _foretold(natives, meaning)
    found, reasons = recipes(meaning, source, target)
    ranked = _foretold(found, meaning)
    known: dict[str, Any] = {
        "problem": problem,
        "source": source,
        "target": target,
        "shape": _shape(meaning),
        "pads": () if problem.op in UNWINDOWED else meaning.pads,
        "native": natives[0] if natives else None,
        "notes": (*filter(None, [note]), *hints(problem, meaning, source, target)),
        "reasons": tuple(reasons),
    }
    absent = missing(target)
    if absent:
        first = ranked[0] if ranked else None
        return Ported(**known, recipe=first, exact=bool(first), unchecked=absent if first else "")
    told, known = _told_by(known, natives, meaning, unsaid)
    return _tried(known, told, meaning, ranked, cases) if told else Ported(**known)


def _shape(meaning: Meaning) -> tuple[int, ...]:
    problem = meaning.problem
    shape = shape_under(problem, {})
    return shape if problem.grad or problem.op == "unfold" else (*shape[:2], *meaning.sizes)


def _choices(meaning: Meaning, source: str) -> dict[str, str]:
    """Return the choices of sizes under which the oracle means what the source means."""
    choices = choices_for(load_profiles()[source], meaning.problem.op)
    for kept in (choices, {key: one for key, one in choices.items() if "valid" not in key}, {}):
        forward = replace(meaning.problem, grad="")
        axes = axes_under(forward, kept)
        sizes = shape_under(forward, kept)[2:]
        pads = tuple((axis.before, axis.after) for axis in axes)
        if pads == meaning.pads and (sizes == meaning.sizes or forward.op == "unfold"):
            return dict(kept)
    return {}


def _told_by(
    known: dict[str, Any], natives: list[Recipe], meaning: Meaning, unsaid: Sequence[str]
) -> tuple[Source | None, dict[str, Any]]:
    """Return what is to be equalled, and what is known then; nothing if the source fails."""
    name, problem = known["source"], meaning.problem
    choices = _choices(meaning, name)
    absent = missing(name)
    if absent:
        return Source(name, None, choices), known | {"alone": absent}
    native = _native(natives, meaning, choices) if name != "onnx" else runnable(natives, problem)
    if native is None and name != "onnx":
        refused = [astray_of(Source(name, one, choices), problem) for one in natives[:1]]
        why = "; ".join([*unsaid, *refused])
        reason = f"{name} does not compute the line itself: {why}".rstrip(": ")
        return None, known | {"reasons": (reason,)}
    if name != "onnx":
        return Source(name, native, choices), known | {"native": native}
    return _told_by_nodes(known, native, choices, meaning)


def _native(natives: list[Recipe], meaning: Meaning, choices: Mapping[str, str]) -> Recipe | None:
    """Return the source's own call if it runs, else the first that is as specified, or runs."""
    for recipe in natives:
        told = Source(recipe.framework, recipe, choices)
        astray = astray_of(told, meaning.problem)
        if not astray or (recipe.whole and runnable([recipe], meaning.problem)):
            return recipe
    return runnable(natives, meaning.problem)


def _told_by_nodes(
    known: dict[str, Any], native: Recipe | None, choices: Mapping[str, str], meaning: Meaning
) -> tuple[Source, dict[str, Any]]:
    """ONNX is a text: where nothing that evaluates it follows it, the oracle stands for it."""
    trouble = "no node says it"
    for evaluator in evaluators("onnx") if native else ():
        told = Source("onnx", native, choices, evaluator)
        trouble = f"{labelled(evaluator)}: {astray_of(told, meaning.problem)}"
        if trouble.endswith(": ") or ROUNDING in trouble:
            return told, known | {"native": native}
    return Source("onnx", None, choices), known | {"alone": trouble}


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
    sizes = _shape(meaning)[2:] if recipe.asks.op == "unfold" else meaning.sizes
    return told.shape[2:] == sizes and fits


def _tried(
    known: dict[str, Any], told: Source, meaning: Meaning, ranked: list[Recipe], cases: int
) -> Ported:
    """Run the recipes one after the other; the first that holds is the answer."""
    failed: list[tuple[Recipe, Check]] = []
    for recipe in ranked:
        seen = _checked(recipe, told, known, cases)
        if seen.refusal == EMPTY:
            return Ported(**known, recipe=recipe, exact=True, unchecked=EMPTY)
        if seen.holds:
            notes = {
                "notes": (
                    *known["notes"],
                    *_notes(known, recipe, seen),
                    *_of_failed(failed, meaning),
                )
            }
            return Ported(
                **known | notes, recipe=recipe, exact=True, checked=seen.cases, by=seen.by
            )
        failed.append((recipe, seen))
    by_text = next((one for one in failed if fault_of(*one, meaning)), None)
    if by_text:
        why = fault_of(*by_text, meaning)
        return Ported(**known, recipe=by_text[0], exact=True, unchecked=why)
    return _closest(known, told, meaning, failed)


def _closest(
    known: dict[str, Any], told: Source, meaning: Meaning, failed: list[tuple[Recipe, Check]]
) -> Ported:
    reasons = list(known["reasons"])
    reasons += [f"{one.way}: {seen.told}" for one, seen in failed if not seen.difference]
    close = [(one, seen.told) for one, seen in failed if seen.difference]
    if not close:
        close = list(near(meaning, told, known["target"], meant))
    known = known | {"reasons": tuple(reasons)}
    if not close:
        return Ported(**known)
    recipe, difference = min(close, key=lambda one: "shape" in one[1] or "missing" in one[1])
    return Ported(**known, recipe=recipe, difference=difference)


def fault_of(recipe: Recipe, seen: Check, meaning: Meaning) -> str:
    """Return why a node that is right by its text was not found equal, if that is known."""
    is_node = recipe.framework == "onnx" and recipe.whole and _is_foretold(recipe, meaning)
    fault = known_fault(recipe.asks) if is_node else ""
    if not fault:
        return ""
    return f"right by the text of its operator, but {fault} there: a known fault ({seen.told})"


def _of_failed(failed: list[tuple[Recipe, Check]], meaning: Meaning) -> list[str]:
    """Tell of ways closer to one call that are not printed: a process ended, a known fault."""
    notes = []
    for recipe, seen in failed:
        fault = fault_of(recipe, seen, meaning)
        if fault:
            notes.append(f"{recipe.way} is {fault}")
        elif ENDED in seen.refusal:
            notes.append(f"{recipe.way} is not printed: {seen.refusal}")
    return notes[:1]


def _notes(known: Mapping[str, Any], recipe: Recipe, seen: Check) -> list[str]:
    notes, fault = [], known_fault(recipe.asks) if recipe.framework == "onnx" else ""
    if seen.contrary:
        words = f"{fault}: a known fault" if fault else "no known fault"
        notes.append(f"not so by {seen.contrary} ({words})")
    if seen.astray and not (ROUNDING in seen.astray and known["native"].whole):
        notes.append(f"{known['source']} itself strays here: {seen.astray}")
        if fault:
            notes.append(f"equal only as {seen.by} has it: {fault}: a known fault")
    return notes


def _checked(recipe: Recipe, told: Source, known: dict[str, Any], cases: int) -> Check:
    source, target, native = known["source"], known["target"], told.native

    def text_of(problem: Problem) -> tuple[str, str]:
        meaning, _ = meant(problem, source)
        own = _text(recipes(meaning, source, source)[0], native.way) if native else ""
        return own, _text(recipes(meaning, source, target)[0], recipe.way)

    return check(recipe, told, known["problem"], text_of, cases)


def _text(found: list[Recipe], way: str) -> str:
    return next((one.source for one in found if one.way == way), "")
