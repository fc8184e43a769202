"""Problems written as calls of scipy.signal and scipy.ndimage; `Unsupported` where there is none.

scipy.signal correlates and convolves, with an output that is valid, same or full; scipy.ndimage
filters, with an output of the input's size, a way to go on past the edge and an origin. Neither
has a stride or channels. All channels under one window are one call, since the channels are an
axis on which the kernel is as long as the input. What is put together from several calls, or cut
from a larger answer, is a recipe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from convformance.backend import Unsupported
from convformance.backends.source import call
from convformance.problem import Problem

# scipy.ndimage has other names for the modes of padding.
MODES = {
    "zeros": "constant",
    "reflect": "mirror",
    "symmetric": "reflect",
    "replicate": "nearest",
    "circular": "wrap",
}
CONJUGATE = "scipy's correlations take the conjugate of the kernel"
LIMITED = "a filter's output has the size of its input: its padding is at most the extent - 1"


@dataclass(frozen=True)
class Call:
    """An expression of y, whether it is more than the one call, and what stands before it."""

    source: str
    note: str
    recipe: bool = False
    before: str = ""


def written(problem: Problem) -> Call:
    """Write the call that says the problem; raise `Unsupported` where there is none."""
    if problem.op not in _CALLS:
        raise Unsupported(f"scipy has no {problem.op}")
    if not _has_axes(problem):
        raise Unsupported("an array with other axes than its kernel is no layer's input")
    if problem.bias:
        raise Unsupported("scipy adds no bias")
    if problem.groups != 1 or problem.batch_groups != 1:
        raise Unsupported("scipy has no groups")
    if min(*problem.stride, *problem.dilation, *problem.input_dilation) < 1:
        raise Unsupported("scipy has no stride and no dilation that could be wrong")
    return _CALLS[problem.op](problem)


def _has_axes(problem: Problem) -> bool:
    """Whether all that is said axis by axis is said of as many, at least one."""
    said = [problem.kernel_size, problem.stride, problem.dilation, problem.input_dilation]
    counts = {len(one) for one in (*said, problem.output_padding)}
    if not isinstance(problem.padding, str):
        counts.add(len(problem.padding))
    return problem.rank > 0 and counts == {problem.rank}


def _conv(problem: Problem) -> Call:
    if problem.w[1:2] != problem.x[1:2]:
        raise Unsupported("a kernel with other channels than the input slides along them")
    _no_dilation(problem)
    if problem.is_complex and not problem.flip:
        raise Unsupported(CONJUGATE)
    holes = max(problem.input_dilation) > 1
    if holes or (problem.padding == "full" and max(problem.stride) > 1):
        return _resampled(problem)
    whole = problem.padding_mode == "zeros" and not problem.output_dtype
    mode = _mode(problem) if whole else ""
    return _signal(problem, mode) if mode else _filtered(problem)


def _mode(problem: Problem) -> str:
    """Return the word of scipy.signal for the padding, if it has one."""
    if problem.padding in ("valid", "full"):
        return str(problem.padding)
    if problem.padding in ("same", "same_lower"):  # of an odd total the extra sample comes before
        return "same" if max(problem.stride) == 1 else ""
    pairs = [] if isinstance(problem.padding, str) else problem.padding
    if pairs and all(pair == (0, 0) for pair in pairs):
        return "valid"
    full = [(k - 1, k - 1) for k in problem.kernel_size]
    return "full" if list(pairs) == full else ""


def _signal(problem: Problem, mode: str) -> Call:
    """The kernel of each output channel slides along all axes, the channels among them."""
    name = "convolve" if problem.flip else "correlate"
    if mode != "valid":
        _one_channel(problem)
    one = call(f"signal.{name}", "x", _kernel(problem), mode=mode, method="direct")
    return _joined(problem, one, _steps(problem), f"scipy.signal.{name}")


def _kernel(problem: Problem) -> str:
    """True convolution turns around every axis it is given; the channels are to stay in order."""
    return "w[m : m + 1, ::-1]" if problem.flip and problem.x[1] > 1 else "w[m : m + 1]"


def _conv1x1(problem: Problem) -> Call:
    if len(problem.w) != 2 or problem.w[1] != problem.x[1]:
        raise Unsupported("a kernel with other channels than the input slides along them")
    if problem.is_complex:
        raise Unsupported(CONJUGATE)
    taps = ", None" * problem.rank
    one = f"signal.correlate(x, w[m : m + 1, :{taps}], mode='valid', method='direct')"
    return _joined(problem, one, "", "scipy.signal.correlate")


def _joined(problem: Problem, one: str, steps: str, note: str) -> Call:
    """Join the calls of the output channels; a single one is the call itself."""
    M = problem.w[0]
    if M == 0:
        raise Unsupported("scipy is called once for each output channel, and there is none")
    text = one.replace("w[m : m + 1]", "w").replace("m : m + 1", ":") + steps
    if M != 1:
        text = f"np.concatenate([{one} for m in range({M})], axis=1){steps}"
    notes = [
        note,
        *["one call for each output channel"] * (M != 1),
        *["the channels of the kernel turned around before"] * ("::-1]" in one),
        *["every stride-th window"] * bool(steps),
    ]
    return Call(text, "; ".join(notes), len(notes) > 1)


def _steps(problem: Problem) -> str:
    if max(problem.stride) == 1:
        return ""
    return f"[..., {', '.join(f'::{step}' for step in problem.stride)}]"


def _filtered(problem: Problem) -> Call:
    """scipy.ndimage has the paddings that leave as many windows as there are samples."""
    if max(problem.stride) > 1:
        raise Unsupported("a filter has no stride")
    starts = _before(problem)
    if any(sum(pair) != k - 1 for pair, k in zip(starts, problem.kernel_size, strict=True)):
        raise Unsupported("a filter has as many windows as samples: its padding is the extent - 1")
    _one_channel(problem)
    sizes = (1, 1, *problem.kernel_size)
    origin = _origin(((0, 0), (0, 0), *starts), sizes, flip=problem.flip)
    name = "convolve" if problem.flip else "correlate"
    options: dict[str, object] = {"mode": MODES[problem.padding_mode], "origin": origin}
    if problem.output_dtype:
        options["output"] = problem.output_dtype
    one = call(f"ndimage.{name}", "x", _kernel(problem), **options)
    return _joined(problem, one, "", f"scipy.ndimage.{name}")


def _one_channel(problem: Problem) -> None:
    if problem.x[1] != 1:
        raise Unsupported("what scipy pads it pads on every axis, the channels too")


def _origin(
    pairs: tuple[tuple[int, int], ...], sizes: tuple[int, ...], *, flip: bool
) -> tuple[int, ...]:
    """Return the origin under which a filter starts `before` samples ahead of each sample."""
    found = []
    for (before, _), size in zip(pairs, sizes, strict=True):
        origin = before - size // 2
        found.append(-origin - (size % 2 == 0) if flip else origin)
    return tuple(found)


def _before(problem: Problem) -> tuple[tuple[int, int], ...]:
    """Return the padding as pairs; only the paddings that the words of a filter can say."""
    extents = _extents(problem)
    if problem.padding == "valid":
        return ((0, 0),) * problem.rank
    if not isinstance(problem.padding, str):
        if min(map(min, problem.padding)) < 0:
            raise Unsupported("scipy's filters crop nothing")
        return problem.padding
    if problem.padding == "causal":
        return tuple((extent - 1, 0) for extent in extents)
    if problem.padding == "full" or max(problem.stride) > 1:
        raise Unsupported(f"scipy's filters have no padding {problem.padding!r} with these strides")
    halves = [(extent // 2, (extent - 1) // 2) for extent in extents]  # origin 0, the default
    if problem.padding == "same_upper":
        return tuple((after, before) for before, after in halves)
    return tuple(halves)


def _extents(problem: Problem) -> list[int]:
    pairs = zip(problem.dilation, problem.kernel_size, strict=True)
    return [step * (k - 1) + 1 for step, k in pairs]


def _resampled(problem: Problem) -> Call:
    """scipy.signal.upfirdn: true convolution along one axis with holes, full, every stride-th."""
    plain = problem.padding == "full" and problem.flip and not problem.output_dtype
    if problem.rank != 1 or not plain or problem.padding_mode != "zeros":
        raise Unsupported("scipy.signal.upfirdn is a full true convolution along one axis")
    if problem.w[:2] != (1, 1):
        raise Unsupported("scipy.signal.upfirdn has no channels")
    up, down = problem.input_dilation[0], problem.stride[0]
    return Call(call("signal.upfirdn", "w[0, 0]", "x", up=up, down=down), "scipy.signal.upfirdn")


def _conv_transpose(problem: Problem) -> Call:
    _no_dilation(problem)
    if problem.padding != "valid" or max(problem.output_padding) > 0:
        raise Unsupported("scipy takes nothing from a full convolution and adds nothing to it")
    if problem.x[1] != 1 or problem.w[0] != 1:
        raise Unsupported("scipy adds up no channels of a full convolution")
    if max(problem.stride) == 1:
        text = call("signal.convolve", "x", "w", mode="full", method="direct")
        return Call(text, "scipy.signal.convolve")
    if problem.rank != 1 or problem.w[1] != 1:
        raise Unsupported("scipy.signal.upfirdn has one axis and no channels")
    return Call(call("signal.upfirdn", "w[0, 0]", "x", up=problem.stride[0]), "upfirdn")


def _max_pool(problem: Problem) -> Call:
    if problem.indices:
        raise Unsupported("scipy.ndimage.maximum_filter has no indices")
    lowest = "-inf" if problem.is_float else f"np.iinfo({problem.dtype!r}).min"
    if max(problem.dilation) == 1:
        return _pooled(problem, "maximum_filter", f"size={problem.kernel}", lowest)
    shape = tuple(_extents(problem))
    taps = ", ".join(f"::{step}" for step in problem.dilation)
    made = f"footprint = np.zeros({shape}, bool)\nfootprint[{taps}] = True\n"
    found = _pooled(problem, "maximum_filter", "footprint=footprint", lowest)
    return replace(found, note=f"{found.note}; footprint with holes", before=made)


def _avg_pool(problem: Problem) -> Call:
    _no_dilation(problem)
    pairs = _before(problem)
    if not problem.count_include_pad and any(map(any, pairs)):
        raise Unsupported("scipy.ndimage.uniform_filter always counts what it pads")
    return _pooled(problem, "uniform_filter", f"size={problem.kernel}", "0.0")


def _pooled(problem: Problem, name: str, kernel: str, outside: str) -> Call:
    """Filter the spatial axes and cut the windows that the padding leaves."""
    if problem.ceil_mode:
        raise Unsupported("scipy's filters have no ceil_mode")
    if min(problem.kernel) < 1:
        raise Unsupported("an empty footprint cannot be said as a size")
    pairs, extents = _before(problem), _extents(problem)
    cuts, axes = [], range(2, problem.rank + 2)
    for (before, after), extent, size, step in zip(
        pairs, extents, problem.x[2:], problem.stride, strict=True
    ):
        if before + after > extent - 1:
            raise Unsupported(LIMITED)
        stop = max(0, size + before + after - extent + 1)
        cuts.append(("" if stop == size else str(stop), "" if step == 1 else f":{step}"))
    origin = _origin(pairs, tuple(extents), flip=False)
    tail = f"mode='constant', cval={outside}, origin={origin}, axes={tuple(axes)}"
    is_whole = all(cut == ("", "") for cut in cuts)
    cut = "" if is_whole else f"[..., {', '.join(f':{stop}{step}' for stop, step in cuts)}]"
    note = f"scipy.ndimage.{name}" + ("" if is_whole else "; the windows cut from its answer")
    return Call(f"ndimage.{name}(x, {kernel}, {tail}){cut}", note, not is_whole)


def _no_dilation(problem: Problem) -> None:
    if max(problem.dilation) > 1:
        raise Unsupported(f"scipy has no dilation for {problem.op}")


_CALLS = {
    "conv": _conv,
    "conv1x1": _conv1x1,
    "conv_transpose": _conv_transpose,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
}
