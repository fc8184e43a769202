"""What is likely meant, or taken wrongly, where a framework does not take the line itself."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from convformance.problem import Problem
from convformance.ways import Meaning
from convreport.advice import pairs
from convreport.predict import COMPUTES, predict
from convreport.profiles import FRAMEWORKS, load_profiles

ALIASES = {"pytorch": "torch", "tf": "tensorflow", "tensorflow2": "tensorflow", "flax": "jax"}


def framework(name: str) -> str:
    """Return the framework of a name; raise `ValueError` with what is known."""
    if name in FRAMEWORKS:
        return name
    wanted = name.lower()
    close = [ALIASES[wanted]] if wanted in ALIASES else get_close_matches(wanted, FRAMEWORKS, 1)
    meant = f"; {close[0]} may be meant" if close else ""
    raise ValueError(f"{name!r} is none of {', '.join(FRAMEWORKS)}{meant}")


def hints(problem: Problem, meaning: Meaning, source: str, target: str) -> Iterator[str]:
    """Yield what to know before one reads the code."""
    is_strided = any(step > 1 for step in problem.stride)
    padded = str(problem.padding).startswith("same") and problem.op in CONVOLVING
    below = f"use the padding {pairs(meaning.pads)} below" if meaning.pads else ""
    if padded and "torch" in (source, target):
        if is_strided:
            yield f"SAME in PyTorch needs stride 1: {below}"
        elif meaning.problem.padding == "same_lower":
            yield f"SAME in PyTorch puts the odd sample after: {below}"
        return
    told = predict(load_profiles()[target], problem)
    if told.does != COMPUTES and told.reason:
        yield f"{target} {told.does}: {told.reason}"


CONVOLVING = ("conv", "depthwise_conv", "separable_conv")
