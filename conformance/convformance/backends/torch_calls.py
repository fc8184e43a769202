"""Problems written as calls of torch.nn.functional; `Unsupported` where there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from convformance.backend import Unsupported
from convformance.backends.source import call, full_in_numbers
from convformance.backends.torch_layouts import NOTE, moved_back, seen_channels_second
from convformance.problem import Problem

RANKS = (1, 2, 3)  # a function's name ends in its rank
PLANES = ("unfold", "fold")  # no rank in their name: they have images alone
SAME_AFTER = "padding='same' puts the extra sample after, and there is no other"


@dataclass(frozen=True)
class Call:
    """Source text that sets the answers' names, and what is to be said about it."""

    source: str
    note: str = ""
    recipe: bool = False


def written(problem: Problem) -> Call:
    """Write the call that says the problem; raise `Unsupported` where there is none."""
    _check_sayable(problem)
    note, problem = _note(problem), full_in_numbers(problem)
    forward = _CALLS[problem.op](problem)
    recipe = problem.flip or problem.op == "separable_conv"
    lines = f"{', '.join(problem.answers)} = {forward}\n"
    if problem.grad:
        leaf = problem.grad
        backward = f"d{leaf}, = torch.autograd.grad(y, {leaf}, dy)"
        lines = f"{leaf}.requires_grad_()\ny = {forward}\n{backward}\n"
    return Call(seen_channels_second(problem) + lines + moved_back(problem), note, recipe)


def _check_sayable(problem: Problem) -> None:
    op, rank = problem.op, problem.rank
    if op not in _CALLS:
        raise Unsupported(f"torch.nn.functional has no {op}")
    if rank not in RANKS:
        raise Unsupported(f"torch.nn.functional has {op} for 1 to 3 spatial axes, not {rank}")
    if op in PLANES and rank != 2:
        raise Unsupported(f"torch.nn.functional has {op} for 2 spatial axes, not {rank}")
    if op in PLANES and problem.layout == "channels_last":
        raise Unsupported(f"the columns of torch's {op} have no channels that could come last")
    if any(step != 1 for step in problem.input_dilation):
        raise Unsupported("torch's convolutions have no input dilation")
    if problem.batch_groups != 1:
        raise Unsupported("torch's convolutions have no batch groups")
    if problem.output_dtype not in ("", problem.dtype):
        raise Unsupported("torch's convolutions have no output dtype: it is that of the input")


def _note(problem: Problem) -> str:
    """Return what is to be said of the way the problem was put."""
    notes = {
        NOTE: problem.layout == "channels_last",
        "full padding as extent - 1 on both sides": problem.padding == "full",
        "gradient by torch.autograd": bool(problem.grad),
        "a kernel of one tap": problem.op == "conv1x1",
        "torch.nn.Conv with a padding mode": problem.padding_mode != "zeros",
        "the weight turned around before the call": problem.flip,
        "groups=C, the weight seen as (C * multiplier, 1, ...)": problem.op == "depthwise_conv",
        "two convolutions": problem.op == "separable_conv",
        "an adaptive pool of output size 1": problem.op.startswith("global_"),
    }
    return "; ".join(note for note, is_so in notes.items() if is_so)


def _conv(problem: Problem) -> str:
    w = f"w.flip({_axes_after(2, problem.rank)})" if problem.flip else "w"
    if problem.padding_mode != "zeros":
        return _module(problem, w)
    return _windowed(problem, f"F.conv{problem.rank}d", "x", w, _bias(problem))


def _module(problem: Problem, w: str) -> str:
    """The module torch.nn.Conv, called with our weight: a padding mode is its parameter alone."""
    if problem.padding_mode == "symmetric":
        raise Unsupported("torch.nn.Conv has no padding_mode 'symmetric'")
    module = call(
        f"torch.nn.Conv{problem.rank}d",
        in_channels=problem.x[1],
        out_channels=problem.w[0],
        kernel_size=problem.kernel_size,
        stride=problem.stride,
        padding=_conv_padding(problem),
        dilation=problem.dilation,
        groups=problem.groups,
        bias=problem.bias,
        padding_mode=problem.padding_mode,
        device="meta",  # its own weight is never made
    )
    parameters = f'{{"weight": {w}' + (', "bias": bias}' if problem.bias else "}")
    return f"torch.func.functional_call({module}, {parameters}, (x,))"


def _conv1x1(problem: Problem) -> str:
    """A kernel of one tap: the weight seen as (M, C, 1, ...)."""
    return call(f"F.conv{problem.rank}d", "x", _pointwise("w", problem), _bias(problem))


def _pointwise(name: str, problem: Problem) -> str:
    return f"{name}[..., {', '.join(['None'] * problem.rank)}]"


def _conv_transpose(problem: Problem) -> str:
    return call(
        f"F.conv_transpose{problem.rank}d",
        "x",
        "w",
        _bias(problem),
        stride=problem.stride,
        padding=_number_padding(problem),
        output_padding=problem.output_padding,
        groups=problem.groups,
        dilation=problem.dilation,
    )


def _depthwise_conv(problem: Problem) -> str:
    C, *kernel = (*problem.w[:1], *problem.w[2:])
    weight = f"w.reshape({(math.prod(problem.w[:2]), 1, *kernel)})"
    return _windowed(problem, f"F.conv{problem.rank}d", "x", weight, "None", groups=C)


def _separable_conv(problem: Problem) -> str:
    pointwise = _pointwise("pointwise", problem)
    return call(f"F.conv{problem.rank}d", _depthwise_conv(problem), pointwise)


def _windowed(problem: Problem, function: str, *arguments: str, groups: int | None = None) -> str:
    return call(
        function,
        *arguments,
        stride=problem.stride,
        padding=_conv_padding(problem),
        dilation=problem.dilation,
        groups=problem.groups if groups is None else groups,
    )


def _bias(problem: Problem) -> str:
    return "bias" if problem.bias else "None"


def _axes_after(first: int, rank: int) -> tuple[int, ...]:
    return tuple(range(first, first + rank))


def _max_pool(problem: Problem) -> str:
    return call(
        f"F.max_pool{problem.rank}d",
        "x",
        kernel_size=problem.kernel,
        stride=problem.stride,
        padding=_number_padding(problem),
        dilation=problem.dilation,
        ceil_mode=problem.ceil_mode,
        return_indices=problem.indices,
    )


def _avg_pool(problem: Problem) -> str:
    _no_dilation(problem)
    return call(
        f"F.avg_pool{problem.rank}d",
        "x",
        kernel_size=problem.kernel,
        stride=problem.stride,
        padding=_number_padding(problem),
        ceil_mode=problem.ceil_mode,
        count_include_pad=problem.count_include_pad,
    )


def _lp_pool(problem: Problem) -> str:
    _no_dilation(problem)
    if problem.padding != "valid":
        raise Unsupported("lp_pool has no padding parameter")
    one_axis = problem.rank == 1 and len(problem.kernel) == 1
    return call(
        f"F.lp_pool{problem.rank}d",
        "x",
        norm_type=problem.p,
        kernel_size=problem.kernel[0] if one_axis else problem.kernel,  # lp_pool1d takes an int
        stride=problem.stride,
        ceil_mode=problem.ceil_mode,
    )


def _max_unpool(problem: Problem) -> str:
    options = {"output_size": problem.output} if problem.output else {}
    return call(
        f"F.max_unpool{problem.rank}d",
        "x",
        "indices",
        kernel_size=problem.kernel,
        stride=problem.stride,
        padding=_number_padding(problem),
        **options,
    )


def _adaptive_max_pool(problem: Problem) -> str:
    return call(
        f"F.adaptive_max_pool{problem.rank}d",
        "x",
        output_size=problem.output or (1,) * problem.rank,
        return_indices=problem.indices,
    )


def _adaptive_avg_pool(problem: Problem) -> str:
    output = problem.output or (1,) * problem.rank
    return call(f"F.adaptive_avg_pool{problem.rank}d", "x", output_size=output)


def _unfold(problem: Problem) -> str:
    return call("F.unfold", "x", **_sliding(problem))


def _fold(problem: Problem) -> str:
    return call("F.fold", "x", output_size=problem.output, **_sliding(problem))


def _sliding(problem: Problem) -> dict[str, object]:
    return {
        "kernel_size": problem.kernel,
        "dilation": problem.dilation,
        "padding": _number_padding(problem),
        "stride": problem.stride,
    }


_CALLS = {
    "conv": _conv,
    "conv1x1": _conv1x1,
    "conv_transpose": _conv_transpose,
    "depthwise_conv": _depthwise_conv,
    "separable_conv": _separable_conv,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "lp_pool": _lp_pool,
    "max_unpool": _max_unpool,
    "adaptive_max_pool": _adaptive_max_pool,
    "adaptive_avg_pool": _adaptive_avg_pool,
    "global_max_pool": _adaptive_max_pool,
    "global_avg_pool": _adaptive_avg_pool,
    "unfold": _unfold,
    "fold": _fold,
}


def _conv_padding(problem: Problem) -> str | tuple[int, ...]:
    if problem.padding == "valid":
        return "valid"
    if problem.padding in ("same", "same_upper"):
        return "same"  # documented: of an odd total the extra sample comes after
    if problem.padding == "same_lower":
        raise Unsupported(SAME_AFTER)
    if isinstance(problem.padding, str):
        raise Unsupported(f"torch pads both sides alike, by a number: never {problem.padding!r}")
    return _symmetric(problem.padding)


def _number_padding(problem: Problem) -> int | tuple[int, ...]:
    if problem.padding == "valid":
        return 0
    if isinstance(problem.padding, str):
        raise Unsupported(f"the padding of {problem.op} is a number, never {problem.padding!r}")
    return _symmetric(problem.padding)


def _symmetric(pairs: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    for before, after in pairs:
        if before != after:
            raise Unsupported(f"one number pads both sides of an axis, not {before} and {after}")
    return tuple(before for before, _ in pairs)


def _no_dilation(problem: Problem) -> None:
    if any(step != 1 for step in problem.dilation):
        raise Unsupported(f"{problem.op} has no dilation parameter")
