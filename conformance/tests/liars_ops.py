"""Liars about transposed and depthwise convolution, gradients, unpooling, adaptive pools ...

They are registered beside those of liars.py. Where an attribute is misread, the gradient that is
handed in is cut or filled to the shape that the misread problem asks for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from liars import FLOATS, changed, fitted, honest, liar, misread, on_canvas, ones, spatial, with_y

from convformance.handing import BETWEEN
from convformance.meaning import dy_shape
from convformance.sizes import axes_of
from convformance.verdict import Kind

SPREAD = "conv_transpose"
LINEAR = "conv conv_transpose"
POOLS = "max_pool avg_pool lp_pool"


def explicit(problem):
    """Whether the padding is given in numbers."""
    return not isinstance(problem.padding, str)


def of(array, axis, places):
    """Return the array with its places along an axis taken anew."""
    return np.take(array, places, axis=axis)


# Transposed convolution.


@liar(SPREAD, "transpose.odd")
def puts_output_padding_first(problem, arrays):
    """The output padding lengthens the start of the output, not its end."""
    if problem.grad or not any(problem.output_padding):
        return honest(problem, arrays)
    y = honest(problem, arrays)["y"]
    places = tuple(range(2, y.ndim))
    return {"y": np.roll(y, problem.output_padding, places)}


@liar(SPREAD, "transpose.odd", Kind.SHAPE)
def forgets_output_padding(problem, arrays):
    """The output is as long as it is without output padding."""
    wrong = {} if problem.grad else {"output_padding": ()}
    return honest(problem, arrays, **wrong)


@liar(SPREAD, "transpose.same", Kind.SHAPE)
def adds_nothing_for_same_padding(problem, arrays):
    """Where the stride is longer than the kernel, same padding leaves out the last zeros."""
    if problem.grad or explicit(problem):
        return honest(problem, arrays)
    cropped = tuple((axis.before, axis.after) for axis in axes_of(problem))
    return honest(problem, arrays, padding=cropped)


@liar(SPREAD, "window.dilation")
def forgets_dilation_when_transposed(problem, arrays):
    """Taps lie side by side, whatever the dilation."""
    if problem.grad:
        return honest(problem, arrays)
    return misread(problem, arrays, dilation=ones(problem), output_padding=())


@liar(SPREAD, "transpose.sum conv.groups")
def does_not_flip_back(problem, arrays):
    """The kernel is turned around, as a convolution on spread samples without the flip does."""
    if problem.grad:
        return honest(problem, arrays)
    return honest(problem, {**arrays, "w": np.flip(arrays["w"], spatial(problem))})


@liar(SPREAD, "conv.groups")
def rolls_output_groups(problem, arrays):
    """The output channels of each group stand where the next group's belong."""
    if problem.grad:
        return honest(problem, arrays)
    return changed(problem, arrays, lambda y: np.roll(y, problem.w[1], 1))


@liar(SPREAD, "window.stride")
def exchanges_strides_when_transposed(problem, arrays):
    """The strides of the axes are taken in the other order."""
    if problem.grad:
        return honest(problem, arrays)
    turned = problem.stride[::-1]
    return misread(problem, arrays, stride=turned, output_padding=())


@liar(SPREAD, "padding.explicit transpose.count transpose.odd")
def crops_the_other_side(problem, arrays):
    """What is to be cropped before is cropped after, and the other way round."""
    if problem.grad or not explicit(problem):
        return honest(problem, arrays)
    return honest(problem, arrays, padding=tuple(pair[::-1] for pair in problem.padding))


@liar(SPREAD, "transpose.same")
def crops_same_at_the_start_only(problem, arrays):
    """Same padding crops everything before the output."""
    same = not explicit(problem) and problem.padding.startswith("same")
    if problem.grad or not same:
        return honest(problem, arrays)
    wide = misread(problem, arrays, padding="valid", output_padding=())
    whole = honest(problem, arrays, padding="valid", output_padding=())["y"]
    shape = honest(problem, arrays)["y"].shape
    starts = [max(0, whole.shape[a] - shape[a]) for a in range(whole.ndim)]
    cut = whole[tuple(slice(start, None) for start in starts)]
    return {"y": fitted(cut, shape)} if wide else honest(problem, arrays)


@liar(SPREAD, "conv.bias")
def drops_bias_when_transposed(problem, arrays):
    """The bias is not added."""
    return honest(problem, arrays, **({} if problem.grad else {"bias": False}))


@liar(SPREAD, "transpose.sum conv.groups window.stride padding.explicit transpose.count")
def writes_where_it_should_add(problem, arrays):
    """Where two inputs touch an element the last one is written, not added."""
    if problem.grad or problem.groups != 1 or problem.bias:
        return honest(problem, arrays)
    x, shape = arrays["x"], honest(problem, arrays)["y"].shape
    y = np.zeros(shape, x.dtype)
    for place in np.ndindex(*x.shape[2:]):
        alone = np.zeros_like(x)
        alone[(..., *place)] = x[(..., *place)]
        part = honest(problem, {**arrays, "x": alone})["y"]
        y = np.where(part != 0, part, y)
    return {"y": y}


@liar(SPREAD, "transpose.output_padding", Kind.ACCEPTS)
def takes_any_output_padding(problem, arrays):
    """Output padding past stride and dilation is taken for less."""
    bounds = map(max, problem.stride, problem.dilation)
    less = tuple(
        min(max(0, one), b - 1) for one, b in zip(problem.output_padding, bounds, strict=True)
    )
    return honest(problem, arrays, output_padding=less)


# Depthwise and separable convolution.


@liar("depthwise_conv", "depthwise.weight depthwise.sum")
def puts_kernels_before_channels(problem, arrays):
    """Output channels are numbered q * C + c instead of c * multiplier + q."""
    C, multiplier = problem.w[:2]
    order = np.arange(C * multiplier).reshape(C, multiplier).T.ravel()
    return changed(problem, arrays, lambda y: of(y, 1, order))


@liar("depthwise_conv separable_conv", "depthwise.weight depthwise.sum separable.sum")
def uses_one_kernel_for_all_channels(problem, arrays):
    """Every channel is convolved with the kernels of channel 0."""
    w = arrays["w"]
    return honest(problem, {**arrays, "w": np.broadcast_to(w[:1], w.shape).copy()})


@liar("depthwise_conv separable_conv", "window.dilation")
def forgets_dilation_of_channels(problem, arrays):
    """Taps lie side by side, whatever the dilation."""
    return misread(problem, arrays, dilation=ones(problem))


@liar("depthwise_conv separable_conv", "window.stride")
def uses_the_first_stride_for_all_axes(problem, arrays):
    """Only the stride of the first axis is read."""
    return misread(problem, arrays, stride=problem.stride[:1] * problem.rank)


@liar("depthwise_conv separable_conv", "padding.zero padding.same padding.explicit")
def pads_channels_with_their_edge(problem, arrays):
    """Padding repeats the edge samples."""
    if problem.x[0] == 0 or 0 in problem.x[1:]:
        return honest(problem, arrays)
    return on_edge(problem, arrays)


def on_edge(problem, arrays):
    axes = axes_of(problem)
    if any(min(axis.before, axis.after) < 0 for axis in axes):
        return honest(problem, arrays)
    wide = [(0, 0), (0, 0), *((axis.before, axis.after) for axis in axes)]
    x = np.pad(arrays["x"], wide, mode="edge")
    return honest(problem, {**arrays, "x": x}, padding="valid", x=x.shape)


@liar("separable_conv", "separable.sum")
def forgets_the_last_depthwise_channel(problem, arrays):
    """The pointwise step reads all channels but the last."""
    pointwise = arrays["pointwise"].copy()
    pointwise[:, -1:] = 0
    return honest(problem, {**arrays, "pointwise": pointwise})


@liar("separable_conv", "separable.sum")
def turns_the_pointwise_matrix(problem, arrays):
    """The pointwise weight is read column by column."""
    pointwise = arrays["pointwise"]
    return honest(problem, {**arrays, "pointwise": pointwise.T.reshape(pointwise.shape).copy()})


@liar("separable_conv", "separable.sum")
def numbers_depthwise_channels_by_kernel(problem, arrays):
    """The pointwise step meets the depthwise channels in the order q * C + c."""
    C, multiplier = problem.w[:2]
    order = np.arange(C * multiplier).reshape(C, multiplier).T.ravel()
    return honest(problem, {**arrays, "pointwise": of(arrays["pointwise"], 1, order)})


# Gradients.


def graded(problem, arrays, by=""):
    return bool(problem.grad) and by in ("", problem.grad)


def misgraded(problem, arrays, **wrong):
    """Return the gradient of a misread problem, with dy and the answer fitted to their shapes."""
    right = honest(problem, arrays)
    other = replace(problem, **wrong)
    dy = fitted(arrays["dy"], dy_shape(other))
    ((name, got),) = honest(other, {**arrays, "dy": dy}).items()
    return {name: fitted(got, right[name].shape)}


@liar(LINEAR, "window.stride window.dilation", dtypes=FLOATS, where="gradient")
def exchanges_stride_and_dilation(problem, arrays):
    """A gradient takes the stride for the dilation and the dilation for the stride."""
    if not problem.grad or problem.grad == "bias":
        return honest(problem, arrays)
    more = {"output_padding": ()} if problem.op == SPREAD else {}
    return misgraded(problem, arrays, stride=problem.dilation, dilation=problem.stride, **more)


@liar(
    "conv", "grad.shape window.stride", Kind.SHAPE, dtypes=FLOATS, where="gradient", form="grad=x"
)
def drops_rows_that_no_window_covers(problem, arrays):
    """The gradient by the input ends with the last sample that a window reads."""
    answer = honest(problem, arrays)
    if explicit(problem) or problem.padding != "valid":
        return answer
    counts = dy_shape(problem)[2:]
    reach = [
        (count - 1) * step + wide * (k - 1) + 1
        for count, step, wide, k in zip(
            counts, problem.stride, problem.dilation, problem.kernel_size, strict=True
        )
    ]
    return {"dx": answer["dx"][(..., *(slice(max(0, one)) for one in reach))]}


@liar(LINEAR, "grad.bias", dtypes=FLOATS, where="gradient", form="grad=bias")
def sums_the_bias_over_wrong_axes(problem, arrays):
    """The gradient by the bias sums over the batch and the first spatial axis only."""
    dy = arrays["dy"]
    last = dy[(..., *(slice(0, 1),) * (problem.rank - 1))] if problem.rank > 1 else dy[..., :1]
    return {"dbias": last.sum(axis=(0, *spatial(problem)), dtype=np.float64).astype(dy.dtype)}


@liar(LINEAR, "grad.x conv.groups", dtypes=FLOATS, where="gradient", form="grad=x")
def convolves_the_gradient_with_the_unturned_kernel(problem, arrays):
    """The gradient by the input uses the kernel the other way round."""
    return honest(problem, {**arrays, "w": np.flip(arrays["w"], spatial(problem)).copy()})


@liar(LINEAR, "grad.w", dtypes=FLOATS, where="gradient", form="grad=w")
def takes_the_first_sample_for_the_batch(problem, arrays):
    """The gradient by the weight is that of the first sample of the batch."""
    dy = arrays["dy"].copy()
    dy[1:] = 0
    return honest(problem, {**arrays, "dy": dy})


@liar(LINEAR, "conv.groups", dtypes=FLOATS, where="gradient", form="grad=w")
def rolls_groups_of_a_gradient(problem, arrays):
    """A gradient by the weight stands at the next group's place."""
    if problem.groups == 1:
        return honest(problem, arrays)
    return changed(problem, arrays, lambda dw: np.roll(dw, dw.shape[0] // problem.groups, 0))


@liar(
    "conv",
    "padding.explicit padding.same padding.zero grad.x",
    dtypes=FLOATS,
    where="gradient",
    form="grad=x",
)
def swaps_the_padding_of_a_gradient(problem, arrays):
    """The gradient by the input swaps the padding before and after."""
    if not explicit(problem):
        return honest(problem, arrays)
    return honest(problem, arrays, padding=tuple(pair[::-1] for pair in problem.padding))


@liar(
    POOLS,
    "grad.max grad.avg grad.lp window.stride max.padding avg.divisor lp.padding",
    dtypes=FLOATS,
    where="gradient",
    form="grad=x",
)
def writes_gradients_over_each_other(problem, arrays):
    """Where windows overlap, a sample gets the gradient of the last window only."""
    dy, dx = arrays["dy"], np.zeros_like(arrays["x"])
    for place in np.ndindex(*dy.shape[2:]):
        alone = np.zeros_like(dy)
        alone[(..., *place)] = dy[(..., *place)]
        part = honest(problem, {**arrays, "dy": alone})["dx"]
        dx = np.where(part != 0, part, dx)
    return {"dx": dx}


@liar("max_pool", "grad.max", dtypes=FLOATS, where="gradient", form="grad=x")
def hands_the_gradient_to_the_least(problem, arrays):
    """The gradient goes to the smallest sample of a window."""
    return honest(problem, {**arrays, "x": -arrays["x"]})


@liar(
    "avg_pool", "avg.divisor grad.avg window.ceil", dtypes=FLOATS, where="gradient", form="grad=x"
)
def divides_the_gradient_by_the_kernel(problem, arrays):
    """The gradient is divided by the size of the kernel, whatever the window holds."""
    x = arrays["x"]
    taps = int(np.prod(problem.kernel))
    forward = {"grad": "", "count_include_pad": problem.count_include_pad}
    one = {"x": np.ones_like(x)}
    sums = honest(problem, one, **forward)["y"]
    # An average of ones is 1 over samples; the divisor is told by the gradient of a single one.
    counts = honest(problem, {**arrays, "dy": np.ones_like(arrays["dy"])})["dx"].sum()
    if not np.isfinite(counts) or sums.size == 0:
        return honest(problem, arrays)
    dx = np.zeros_like(x)
    for place in np.ndindex(*arrays["dy"].shape[2:]):
        alone = np.zeros_like(arrays["dy"])
        alone[(..., *place)] = arrays["dy"][(..., *place)]
        part = honest(problem, {**arrays, "dy": alone})["dx"]
        given = alone[(..., *place)].reshape(*x.shape[:2], *ones(problem))
        dx = dx + np.where(part != 0, given / taps, 0)
    return {"dx": dx.astype(x.dtype)}


@liar("avg_pool lp_pool", "grad.avg grad.lp", dtypes=FLOATS, where="gradient", form="grad=x")
def forgets_the_last_sample_of_a_gradient(problem, arrays):
    """The gradient by the last sample of each row is zero."""
    dx = honest(problem, arrays)["dx"].copy()
    dx[..., -1:] = 0
    return {"dx": dx}


@liar("lp_pool", "grad.lp lp.value", dtypes=FLOATS[2:], where="gradient", form="grad=x")
def loses_the_sign_of_a_gradient(problem, arrays):
    """The gradient of a norm forgets the sign of the sample."""
    return honest(problem, {**arrays, "x": np.abs(arrays["x"])})


@liar("lp_pool", "grad.lp lp.value", dtypes=FLOATS[2:], where="gradient", form="grad=x")
def takes_zero_for_negative_in_a_gradient(problem, arrays):
    """The gradient of |x| at a zero is -1."""
    if problem.p != 1:
        return honest(problem, arrays)
    x = arrays["x"]
    return honest(problem, {**arrays, "x": np.where(x == 0, np.array(-1, x.dtype), x)})


@liar("lp_pool", "grad.lp lp.value", dtypes=FLOATS[2:], where="gradient", form="grad=x")
def forgets_the_root_of_a_gradient(problem, arrays):
    """The gradient of a norm is taken of the sum of powers, without its root."""
    if problem.p != 2:
        return honest(problem, arrays)
    return with_dx(problem, arrays, 2)


def with_dx(problem, arrays, factor):
    answer = honest(problem, arrays)
    return {"dx": (answer["dx"] * factor).astype(answer["dx"].dtype)}


@liar(POOLS, "window.ceil", dtypes=FLOATS, where="gradient", form="grad=x")
def forgets_the_gradient_of_the_ceil_window(problem, arrays):
    """The window that ceil_mode adds hands nothing back."""
    if not problem.ceil_mode:
        return honest(problem, arrays)
    less = dy_shape(replace(problem, ceil_mode=False))
    dy = fitted(fitted(arrays["dy"], less), arrays["dy"].shape)
    return honest(problem, {**arrays, "dy": dy})


# Unpooling.


@liar("max_unpool", "unpool.value unpool.output")
def puts_values_in_the_corner(problem, arrays):
    """Each value goes to the first sample of its window, whatever its switch says."""
    shape = honest(problem, arrays)["y"].shape
    y = np.zeros(shape, arrays["x"].dtype)
    for place in np.ndindex(*problem.x[2:]):
        at = [o * step for o, step in zip(place, problem.stride, strict=True)]
        if all(i < size for i, size in zip(at, shape[2:], strict=True)):
            y[(..., *at)] = arrays["x"][(..., *place)]
    return {"y": y}


@liar("max_unpool", "unpool.value unpool.output")
def counts_switches_from_one(problem, arrays):
    """An index is taken to count from 1."""
    return honest(problem, {**arrays, "indices": np.maximum(arrays["indices"] - 1, 0)})


@liar("max_unpool", "unpool.output", Kind.SHAPE)
def ignores_the_output_size(problem, arrays):
    """The output has the least size, whatever size was asked for."""
    y = honest(problem, arrays)["y"]
    sides = [0] * problem.rank if not explicit(problem) else [sum(pair) for pair in problem.padding]
    least = [
        (size - 1) * step + k - side
        for size, step, k, side in zip(
            problem.x[2:], problem.stride, problem.kernel, sides, strict=True
        )
    ]
    return {"y": y[(..., *(slice(size) for size in least))]}


@liar("max_unpool", "unpool.value unpool.output")
def uses_switches_of_channel_zero(problem, arrays):
    """All channels are put where the first one's switches say."""
    indices = arrays["indices"]
    first = np.broadcast_to(indices[:, :1], indices.shape).copy()
    return honest(problem, {**arrays, "indices": first})


@liar("max_unpool", "unpool.value unpool.output")
def fills_with_the_least_value(problem, arrays):
    """Where no switch points stands the smallest input, not zero."""
    y = honest(problem, arrays)["y"].copy()
    x = arrays["x"]
    least = np.where(np.isnan(x.astype(np.float64)), 0, x).min() if x.size else 0
    y[y == 0] = least
    return {"y": y}


# Adaptive and global pools.

ADAPTIVE = "adaptive_max_pool adaptive_avg_pool"
GLOBAL = "global_max_pool global_avg_pool"


def pooled_by(problem, arrays, window):
    """Return y from a function (size, output, o) -> slice that gives the windows along an axis."""
    x = arrays["x"]
    y = honest(problem, arrays)["y"].copy()
    combine = np.max if "max" in problem.op else np.mean
    for o in np.ndindex(*problem.output):
        part = x[(..., *map(window, x.shape[2:], problem.output, o))]
        if part.size:
            wide = part.astype(np.float64) if part.dtype.kind not in "iu" else part
            y[(..., *o)] = combine(wide, axis=spatial(problem))
    return {**honest(problem, arrays), "y": y}


@liar(ADAPTIVE, "adaptive.window max.index", dtypes=FLOATS)
def ends_adaptive_windows_early(problem, arrays):
    """A window ends at floor((o + 1) * n / m), not at the ceiling."""
    return pooled_by(
        problem,
        arrays,
        lambda n, m, o: slice(o * n // m, max(o * n // m + 1, (o + 1) * n // m)),
    )


@liar(ADAPTIVE, "adaptive.window max.index", dtypes=FLOATS)
def uses_windows_of_one_size(problem, arrays):
    """All windows have size n // m and lie side by side."""
    return pooled_by(
        problem,
        arrays,
        lambda n, m, o: slice(min(n - 1, o * max(1, n // m)), (o + 1) * max(1, n // m)),
    )


@liar(ADAPTIVE, "adaptive.window max.index", Kind.VALUE, Kind.SHAPE)
def exchanges_the_output_sizes(problem, arrays):
    """The output sizes are taken in the other order."""
    return misread(problem, arrays, output=problem.output[::-1])


@liar("adaptive_max_pool", "max.index")
def counts_indices_in_the_window(problem, arrays):
    """An index counts from the start of the input's last row, not of its plane."""
    answer = honest(problem, arrays)
    if "indices" in answer:
        answer["indices"] = answer["indices"] % problem.x[-1]
    return answer


@liar("adaptive_avg_pool", "adaptive.window", dtypes=FLOATS)
def divides_by_the_mean_window(problem, arrays):
    """Every window is divided by the size of the input over the number of windows."""
    y, x = honest(problem, arrays)["y"], arrays["x"]
    counts = np.ones((), np.float64)
    for n, m in zip(x.shape[2:], problem.output, strict=True):
        found = np.array([-(-(o + 1) * n // m) - o * n // m for o in range(m)]) / (n / m)
        counts = np.multiply.outer(counts, found)
    return with_y(problem, arrays, y.astype(np.float64) * counts)


@liar(GLOBAL, "global.window", Kind.SHAPE)
def drops_the_spatial_axes(problem, arrays):
    """A global pool gives (N, C) without the spatial axes."""
    return {"y": honest(problem, arrays)["y"].reshape(problem.x[:2])}


@liar(GLOBAL, "global.window")
def forgets_the_last_sample_of_a_plane(problem, arrays):
    """The last sample of the last axis is left out where there are several."""
    x = arrays["x"]
    less = x[..., :-1] if x.shape[-1] > 1 else x
    return honest(problem, {**arrays, "x": less}, x=less.shape)


@liar(GLOBAL, "global.window")
def pools_over_channels_too(problem, arrays):
    """Every channel gets the answer of the first one."""
    return changed(problem, arrays, lambda y: np.broadcast_to(y[:, :1], y.shape).copy())


@liar(GLOBAL, "global.window", Kind.SHAPE)
def pools_the_last_axis_only(problem, arrays):
    """Only the last axis is pooled."""
    x = arrays["x"]
    wide = x.astype(np.float64) if x.dtype.kind not in "iu" else x
    combine = np.max if "max" in problem.op else np.mean
    return {"y": np.asarray(combine(wide, axis=-1, keepdims=True)).astype(x.dtype)}


# Unfold and fold.


@liar("unfold fold", "unfold.order fold.sum padding.zero")
def puts_taps_before_channels(problem, arrays):
    """Row k * C + c stands where row c * taps + k belongs."""
    taps = int(np.prod(problem.kernel))
    rows = problem.x[1] if problem.op == "fold" else problem.x[1] * taps
    order = np.arange(rows).reshape(rows // taps, taps).T.ravel()
    if problem.op == "unfold":
        return changed(problem, arrays, lambda y: of(y, 1, order))
    return honest(problem, {**arrays, "x": of(arrays["x"], 1, order)})


@liar("unfold fold", "unfold.order fold.sum padding.zero")
def turns_the_order_of_windows(problem, arrays):
    """The windows come in the reverse order."""
    if problem.op == "unfold":
        return changed(problem, arrays, lambda y: y[..., ::-1].copy())
    return honest(problem, {**arrays, "x": arrays["x"][..., ::-1].copy()})


@liar("unfold", "padding.zero padding.explicit padding.same")
def unfolds_padding_as_ones(problem, arrays):
    """A tap over padding reads 1."""
    return on_canvas(problem, arrays, 1)


@liar("unfold fold", "window.dilation fold.sum")
def unfolds_without_dilation(problem, arrays):
    """Taps lie side by side, whatever the dilation."""
    if problem.op == "unfold":
        return misread(problem, arrays, dilation=ones(problem))
    if max(problem.dilation) == 1 or explicit(problem):
        return honest(problem, arrays)
    plain = replace(problem, dilation=ones(problem))
    columns = int(np.prod([axis.count for axis in axes_of(plain)]))
    x = fitted(arrays["x"], (*problem.x[:2], columns))
    return honest(plain, {**arrays, "x": x}, x=x.shape)


@liar("fold", "fold.sum")
def folds_by_writing(problem, arrays):
    """Where windows overlap the largest value stays, not the sum."""
    x = arrays["x"]
    y = np.zeros_like(honest(problem, arrays)["y"])
    for column in range(x.shape[2]):
        alone = np.zeros_like(x)
        alone[..., column] = x[..., column]
        part = honest(problem, {**arrays, "x": alone})["y"]
        y = np.where(part != 0, part, y)
    return {"y": y}


# What a convolution may ask for besides.


@liar("conv", "padding.reflect", dtypes=FLOATS, where="forms", form="reflect")
def repeats_the_edge_when_it_reflects(problem, arrays):
    """Mode reflect repeats the edge sample."""
    return honest(problem, arrays, padding_mode="symmetric")


@liar("conv", "padding.symmetric", dtypes=FLOATS, where="forms", form="symmetric")
def leaves_the_edge_out_when_symmetric(problem, arrays):
    """Mode symmetric does not repeat the edge sample."""
    return honest(problem, arrays, padding_mode="reflect")


@liar("conv", "padding.replicate", dtypes=FLOATS, where="forms", form="replicate")
def pads_zeros_when_it_replicates(problem, arrays):
    """Mode replicate pads zeros."""
    return honest(problem, arrays, padding_mode="zeros")


@liar("conv", "padding.circular", dtypes=FLOATS, where="forms", form="circular")
def reflects_when_circular(problem, arrays):
    """Mode circular mirrors the input."""
    return honest(problem, arrays, padding_mode="symmetric")


@liar("conv", "conv.flip", dtypes=FLOATS, where="forms", form="flip")
def never_flips(problem, arrays):
    """A true convolution is computed as a cross-correlation."""
    return honest(problem, arrays, flip=False)


@liar("conv", "conv.flip", dtypes=FLOATS, where="forms", form="flip")
def flips_the_last_axis_only(problem, arrays):
    """A true convolution turns the kernel around on its last axis only."""
    w = np.flip(arrays["w"], -1).copy()
    return honest(problem, {**arrays, "w": w}, flip=False)


@liar("conv", "padding.causal", dtypes=FLOATS, where="forms", form="causal")
def looks_ahead_when_causal(problem, arrays):
    """Causal padding is put after the input."""
    extents = [d * (k - 1) for d, k in zip(problem.dilation, problem.kernel_size, strict=True)]
    return honest(problem, arrays, padding=tuple((0, one) for one in extents))


@liar("conv", "padding.full", Kind.SHAPE, dtypes=FLOATS, where="forms", form="full")
def pads_half_when_full(problem, arrays):
    """Full padding is half of it."""
    extents = [d * (k - 1) for d, k in zip(problem.dilation, problem.kernel_size, strict=True)]
    return honest(problem, arrays, padding=tuple((one // 2, one // 2) for one in extents))


@liar(
    "conv",
    "padding.negative window.none",
    Kind.SHAPE,
    dtypes=FLOATS,
    where="forms",
    form="negative",
)
def pads_nothing_where_it_should_crop(problem, arrays):
    """Negative padding is taken for none."""
    return honest(
        problem, arrays, padding=tuple((max(0, a), max(0, b)) for a, b in problem.padding)
    )


@liar("conv", "window.input_dilation", dtypes=FLOATS, where="forms", form="input_dilation")
def fills_holes_with_samples(problem, arrays):
    """A hole between samples reads the sample before it."""
    x = arrays["x"]
    for a, holes in enumerate(problem.input_dilation):
        x = np.repeat(x, holes, 2 + a)
        x = x[(slice(None),) * (2 + a) + (slice(None, x.shape[2 + a] - holes + 1),)]
    return honest(problem, {**arrays, "x": x.copy()}, input_dilation=(), x=x.shape)


@liar("conv", "conv.batch_groups", dtypes=FLOATS, where="forms", form="batch_groups")
def takes_the_first_batch_group_for_all(problem, arrays):
    """Every output channel reads the first batch group."""
    x = arrays["x"]
    first = x[: x.shape[0] // problem.batch_groups]
    return honest(problem, {**arrays, "x": np.concatenate([first] * problem.batch_groups)})


@liar("conv", "conv.output_dtype", dtypes=("int8",), where="widening", form="int8 to int32")
def widens_after_the_sum(problem, arrays):
    """The sum wraps in the inputs' dtype and is widened then."""
    y = honest(problem, arrays, output_dtype="")["y"]
    return {"y": y.astype(problem.output_dtype)}


# Complex and unsigned elements.

COMPLEX = ("complex64", "complex128")


@liar("conv conv1x1 conv_transpose", "value.complex", dtypes=COMPLEX, form="complex")
def conjugates_the_weight(problem, arrays):
    """The weight is conjugated, as in an inner product."""
    return honest(problem, {**arrays, "w": arrays["w"].conj()})


@liar("conv conv1x1 conv_transpose", "value.complex", dtypes=COMPLEX, form="complex")
def multiplies_part_by_part(problem, arrays):
    """Real parts multiply real parts, imaginary parts imaginary ones."""
    part = {"complex64": "float32", "complex128": "float64"}[problem.dtype]
    real = honest(problem, {name: one.real.copy() for name, one in arrays.items()}, dtype=part)
    imaginary = honest(problem, {name: one.imag.copy() for name, one in arrays.items()}, dtype=part)
    return {"y": (real["y"] + 1j * imaginary["y"]).astype(problem.dtype)}


@liar("max_pool avg_pool", "max.value avg.integer max.index", dtypes=("uint8",), form="uint8")
def reads_bytes_as_signed(problem, arrays):
    """Bytes past 127 are taken for negative numbers."""
    x = arrays["x"].view(np.int8)
    answer = honest(problem, {**arrays, "x": x}, dtype="int8")
    return {**answer, "y": answer["y"].view(np.uint8)}


# How arrays are handed over.


@liar(
    "",
    "problem.layout problem.unbatched",
    dtypes=("float32",),
    where="handed",
    form="channels_last",
)
def reads_channels_last_as_first(problem, arrays):
    """Arrays whose channels are last are read as if they were second."""
    if problem.grad or problem.op == "max_unpool":
        return honest(problem, arrays)
    x = arrays["x"].reshape(problem.x)
    answer = honest(problem, {**arrays, "x": x}, layout="channels_first")
    shapes = honest(problem, arrays)
    return {name: answer[name].reshape(shapes[name].shape) for name in answer}


@liar("", "problem.unbatched", Kind.SHAPE, dtypes=("float32",), where="handed", form="unbatched")
def keeps_the_batch_axis(problem, arrays):
    """The answer to an unbatched input has a batch axis."""
    return {
        name: one[None] if name in ("y", "dx", "indices") else one
        for name, one in honest(problem, arrays).items()
    }


def raw(problem, arrays, read):
    """Return the answer to arrays that are read from memory without a look at how they lie."""
    return honest(problem, {**arrays, "x": read(arrays["x"])}, memory="contiguous")


@liar("", "backend.memory", dtypes=("float32",), where="handed", form="reversed")
def reads_backwards_arrays_forwards(problem, arrays):
    """An array with negative strides is read from its lowest address."""
    return raw(problem, arrays, lambda x: x[(slice(None, None, -1),) * x.ndim].copy())


@liar("", "backend.memory", dtypes=("float32",), where="handed", form="transposed")
def reads_transposed_arrays_in_order(problem, arrays):
    """An array in another order of its axes is read in the order of memory."""
    return raw(problem, arrays, lambda x: x.ravel("K").reshape(x.shape).copy())


@liar("", "backend.memory", dtypes=("float32",), where="handed", form="strided")
def reads_strided_arrays_without_strides(problem, arrays):
    """What lies between the elements of a strided array is read too."""

    def dense(x):
        wide = np.stack([x, np.full_like(x, BETWEEN)], axis=-1).ravel()
        return wide[: x.size].reshape(x.shape)

    return raw(problem, arrays, dense)


@liar("", "backend.memory", dtypes=("float32",), where="handed", form="byteswapped")
def reads_bytes_in_its_own_order(problem, arrays):
    """An array in the other byte order is read as if it were in the machine's."""

    def own(x):
        return np.zeros_like(x, dtype="float32") if x.size == 0 else x.view("float32").copy()

    return raw(problem, arrays, own)


@liar("", "backend.input", Kind.INPUT, dtypes=("float32",), where="handed", form="strided")
def writes_to_strided_inputs(problem, arrays):
    """A strided input is scaled in place."""
    answer = honest(problem, arrays)
    arrays["x"][...] += 1
    return answer


@liar("", "backend.memory", dtypes=("float32",), where="handed", form="guarded")
def reads_one_row_too_far(problem, arrays):
    """A loop over rows begins one row late, and ends on what stands behind the last one."""

    return raw(problem, arrays, lambda x: shifted(x, x.strides[-2]) if x.size else x)


@liar("", "backend.memory", dtypes=("float32",), where="handed", form="unaligned")
def reads_from_an_even_address(problem, arrays):
    """Vectors are read from the aligned address below the one that was given."""
    return raw(problem, arrays, lambda x: shifted(x, -1) if x.size else x)


def shifted(x, step):
    """Return what stands so many bytes after the elements of x in its buffer; x leaves room."""
    whole = x.base
    while whole.base is not None:
        whole = whole.base
    start = x.__array_interface__["data"][0] - whole.__array_interface__["data"][0] + step
    return np.ndarray(x.shape, x.dtype, whole, start, x.strides).copy()


@liar("", "backend.memory", dtypes=("float32",), where="handed", form="broadcast")
def walks_past_a_repeated_item(problem, arrays):
    """A stride of zero is taken for that of a whole item: what follows the first is not there."""

    def only_first(x):
        x = x.copy()
        x[1:] = 0
        return x

    if problem.unbatched:
        return honest(problem, arrays)
    return raw(problem, arrays, only_first)


@liar("", "backend.input", Kind.INPUT, dtypes=("float32",), where="handed", form="guarded")
def writes_one_element_past_the_end(problem, arrays):
    """A loop that clears a scratch place runs once too often."""
    answer = honest(problem, arrays)
    x = arrays["x"]
    if x.size:
        beyond = np.lib.stride_tricks.as_strided(x, (*x.shape[:-1], x.shape[-1] + 1), x.strides)
        beyond[(-1,) * x.ndim] = 0
    return answer
