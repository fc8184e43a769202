"""The forms that a problem may take beside the plain one, each with what tells it.

A liar of a form lies about problems of that form alone, so that it is one of the form's own.
"""

from __future__ import annotations

from collections.abc import Callable

from convformance.problem import MEMORIES, PADDING_MODES, Problem

Tell = Callable[[Problem], bool]
WIDENED = {
    "int8 to int32": ("int8", "int32"),
    "half to single": ("float16", "float32"),
    "bfloat to single": ("bfloat16", "float32"),
}


def _forward(tell: Tell) -> Tell:
    """Return what tells the form of the op itself, not of its gradient."""
    return lambda problem: tell(problem) and not problem.grad


def _in_mode(mode: str) -> Tell:
    return _forward(
        lambda problem: problem.padding_mode == mode and max(problem.input_dilation) == 1
    )


def _padded(name: str) -> Tell:
    return _forward(lambda problem: problem.padding == name)


def _in_memory(name: str) -> Tell:
    return lambda problem: problem.memory == name


def _by(name: str) -> Tell:
    return lambda problem: problem.grad == name


def _has_crop(problem: Problem) -> bool:
    if isinstance(problem.padding, str):
        return False
    return min((side for pair in problem.padding for side in pair), default=0) < 0


def _widens(dtypes: tuple[str, str]) -> Tell:
    return _forward(lambda problem: (problem.dtype, problem.output_dtype) == dtypes)


FORMS: dict[str, Tell] = {
    **{mode: _in_mode(mode) for mode in PADDING_MODES[1:]},
    **{name: _padded(name) for name in ("causal", "full")},
    "negative": _forward(_has_crop),
    "mode grad": lambda problem: problem.padding_mode != "zeros" and bool(problem.grad),
    "flip": _forward(lambda problem: problem.flip),
    "input_dilation": _forward(lambda problem: max(problem.input_dilation, default=1) > 1),
    "batch_groups": _forward(lambda problem: problem.batch_groups > 1),
    **{name: _widens(dtypes) for name, dtypes in WIDENED.items()},
    "complex": _forward(lambda problem: problem.is_complex),
    "uint8": _forward(lambda problem: problem.dtype == "uint8"),
    **{f"grad={name}": _by(name) for name in ("x", "w", "bias")},
    "channels_last": lambda problem: problem.layout == "channels_last",
    "unbatched": lambda problem: problem.unbatched,
    **{name: _in_memory(name) for name in MEMORIES[1:]},
}
CONV = ("reflect", "symmetric", "replicate", "circular", "causal", "full", "negative", "flip",
        "input_dilation", "batch_groups", *WIDENED)  # fmt: skip
# (op, form) -> the least number of its liars; an op of "" stands for every op.
LEAST: dict[tuple[str, str], int] = {
    **{("conv", form): 4 for form in CONV},
    **{(op, "complex"): 4 for op in ("conv", "conv1x1", "conv_transpose")},
    **{(op, "uint8"): 4 for op in ("max_pool", "avg_pool")},
    **{(op, "grad=x"): 4 for op in ("max_pool", "avg_pool", "lp_pool")},
    **{(op, f"grad={by}"): 4 for op in ("conv", "conv_transpose") for by in ("x", "w", "bias")},
    ("conv", "mode grad"): 4,
    ("", "channels_last"): 4,
    ("", "unbatched"): 4,
    **{("", memory): 1 for memory in MEMORIES[1:]},
}
