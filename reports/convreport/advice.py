"""What to write instead, where a framework does not take a problem as it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from convformance.problem import Problem
from convformance.sizes import axes_of
from convreport.predict import COMPUTES, Prediction, predict
from convreport.profiles import Profile

Pads = tuple[tuple[int, int], ...]
ZERO_PADDED = ("conv", "depthwise_conv", "separable_conv")


def advice(
    problem: Problem, predictions: Sequence[Prediction], profiles: Mapping[str, Profile]
) -> Iterator[str]:
    """Yield a sentence for each framework that does not compute the problem and has a way."""
    told: dict[str, list[str]] = {}
    for one in predictions:
        if one.does == COMPUTES or problem.op not in (*ZERO_PADDED, "max_pool", "avg_pool"):
            continue
        found = _instead(problem, profiles[one.framework])
        if found:
            told.setdefault(found, []).append(one.framework)
    for sentence, names in told.items():
        yield f"{', '.join(names)}: {sentence}"
    near = _near(problem, predictions, profiles)
    if near:
        yield near


def _instead(problem: Problem, profile: Profile) -> str:
    """Say the same problem in other words that the framework takes."""
    pads = tuple((axis.before, axis.after) for axis in axes_of(problem))
    if min(map(min, pads), default=0) < 0:
        return ""
    if isinstance(problem.padding, str) and _computes(profile, replace(problem, padding=pads)):
        return f"the padding in numbers says the same: {pairs(pads)}"
    if not any(map(any, pads)) or problem.padding_mode != "zeros" or not _pads_before(problem):
        return ""
    padded = tuple(size + sum(pair) for size, pair in zip(problem.x[2:], pads, strict=True))
    first = replace(problem, x=(*problem.x[:2], *padded), padding="valid")
    if not _computes(profile, first):
        return ""
    return f"{_pad_first(profile.framework, pads, problem.op == 'max_pool')}, then no padding"


def _pads_before(problem: Problem) -> bool:
    """Whether a pad of zeros, or of minus infinity for a maximum, does what the padding does.

    An average does not count its padding unless it is told to; and what ceil_mode lets overrun is
    decided by the padding.
    """
    if problem.op == "avg_pool":
        return problem.count_include_pad and not problem.ceil_mode
    return problem.op in ZERO_PADDED or not problem.ceil_mode


def _computes(profile: Profile, problem: Problem) -> bool:
    return predict(profile, problem).does == COMPUTES


def pairs(pads: Pads) -> str:
    """Write pads as people say them: (2, 3), and for each axis where they differ."""
    if len(set(pads)) == 1:
        return f"{pads[0]}" + (" on each axis" if len(pads) > 1 else "")
    return ", ".join(map(str, pads))


def _pad_first(framework: str, pads: Pads, lowest: bool) -> str:
    """Say how the framework pads an input, by zeros or by the lowest number."""
    each = ", ".join(f"({before}, {after})" for before, after in pads)
    by = " of minus infinity" if lowest else ""
    if framework == "torch":
        flat = tuple(side for pair in reversed(pads) for side in pair)  # the last axis comes first
        value = ", value=float('-inf')" if lowest else ""
        return f"pad first with the padding {pairs(pads)}: F.pad(x, {flat}{value})"
    return f"pad first with the padding {each}{by}"


def _near(
    problem: Problem, predictions: Sequence[Prediction], profiles: Mapping[str, Profile]
) -> str:
    """Warn of one number for both sides, which gives the same size and other samples."""
    torch = next((one for one in predictions if one.framework == "torch"), None)
    pads = tuple((axis.before, axis.after) for axis in axes_of(problem))
    if torch is None or torch.does == COMPUTES or all(before == after for before, after in pads):
        return ""
    wanted = next((one.shape for one in predictions if one.does == COMPUTES), None)
    for side in (max, min):
        alike = tuple((side(pair), side(pair)) for pair in pads)
        told = predict(profiles["torch"], replace(problem, padding=alike))
        moved = {one[0] - pair[0] for one, pair in zip(alike, pads, strict=True)} - {0}
        if told.does == COMPUTES and told.shape == wanted and len(moved) < 2:
            number = alike[0][0] if len(set(alike)) == 1 else tuple(one for one, _ in alike)
            same = f"torch: padding={number} gives the same size"
            if not moved:
                return f"{same}, and here the same windows"
            by = moved.pop()
            samples = f"{by} sample{'s'[: by > 1]}"
            return f"{same}, but every window starts {samples} earlier: other numbers"
    return ""
