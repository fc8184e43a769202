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
    padded = tuple(size + sum(pair) for size, pair in zip(problem.x[2:], pads, strict=True))
    first = replace(problem, x=(*problem.x[:2], *padded), padding="valid")
    if not any(map(any, pads)) or problem.padding_mode != "zeros":
        return ""
    if not _computes(profile, first):
        return ""
    if problem.op in ZERO_PADDED:
        return f"{_pad_first(profile.framework, pads)}, then no padding"
    if problem.op == "max_pool":
        return f"{_pad_first(profile.framework, pads, lowest=True)}, then no padding"
    if problem.count_include_pad and not problem.ceil_mode:
        return f"{_pad_first(profile.framework, pads)}, then no padding: every tap counts"
    return ""


def _computes(profile: Profile, problem: Problem) -> bool:
    return predict(profile, problem).does == COMPUTES


def pairs(pads: Pads) -> str:
    """Write pads as people say them: (2, 3), and for each axis where they differ."""
    if len(set(pads)) == 1:
        return f"{pads[0]}" + (" on each axis" if len(pads) > 1 else "")
    return ", ".join(map(str, pads))


def _pad_first(framework: str, pads: Pads, lowest: bool = False) -> str:
    flat = tuple(side for pair in reversed(pads) for side in pair)
    whole = ", ".join(f"({before}, {after})" for before, after in pads)
    value = {"torch": ', value=float("-inf")', "onnx": " by -inf"}.get(framework, " by -inf")
    tail = value if lowest else ""
    if framework == "torch":
        return f"pad first with the padding {pairs(pads)}: F.pad(x, {flat}{tail})"
    tail = f", constant_values={'-inf' if lowest else 0}"
    if framework == "onnx":
        return f"a node Pad with the padding {whole}{' of -inf' if lowest else ''} before it"
    return f"pad first with the padding {pairs(pads)} (tf.pad takes {whole}{tail})"


def _near(
    problem: Problem, predictions: Sequence[Prediction], profiles: Mapping[str, Profile]
) -> str:
    """Warn of one number for both sides, which gives the same size and other samples."""
    torch = next((one for one in predictions if one.framework == "torch"), None)
    pads = tuple((axis.before, axis.after) for axis in axes_of(problem))
    if torch is None or torch.does == COMPUTES or all(before == after for before, after in pads):
        return ""
    for side in (max, min):
        alike = tuple((side(pair), side(pair)) for pair in pads)
        told = predict(profiles["torch"], replace(problem, padding=alike))
        wanted = next((one.shape for one in predictions if one.does == COMPUTES), None)
        if told.does == COMPUTES and told.shape == wanted:
            number = alike[0][0] if len(set(alike)) == 1 else tuple(one for one, _ in alike)
            moved = alike[0][0] - pads[0][0]
            starts = f"{abs(moved)} sample earlier" if moved > 0 else "where SAME has them"
            if moved == 0:
                return f"torch: padding={number} gives the same size and, at this size, the same windows"
            return (
                f"torch: padding={number} gives the same size, but every window starts {starts}: "
                "other numbers"
            )
    return ""
