"""What each framework calls the steps around a call: modes of padding, gathers, holes, casts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convformance.backend import Unsupported
from convformance.backends import onnx_graph
from convformance.problem import Problem

Pairs = Sequence[tuple[int, int]]
# What a pad calls our modes; what is missing is gathered instead.
MODES = {
    "torch": {"reflect": "reflect", "replicate": "replicate", "circular": "circular"},
    "tensorflow": {"reflect": "REFLECT", "symmetric": "SYMMETRIC"},
    "keras": {"reflect": "reflect", "symmetric": "symmetric"},
    "jax": {
        "reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap",
    },
    "onnx": {"reflect": "reflect", "replicate": "edge", "circular": "wrap"},
}  # fmt: skip
NUMPY_MODES = {
    "reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap",
}  # fmt: skip
PADS = {"tensorflow": "tf.pad", "keras": "keras.ops.pad", "jax": "jnp.pad"}


def whole_pads(pairs: Pairs, last: bool) -> list[tuple[int, int]]:
    """Return the pads of every axis, batch and channels among them."""
    each = [tuple(pair) for pair in pairs]
    return [(0, 0), *each, (0, 0)] if last else [(0, 0), (0, 0), *each]  # type: ignore[list-item]  # a pair has two


def padded_by(framework: str, pairs: Pairs, mode: str, last: bool) -> list[str]:
    """Write a pad of x by a mode; raise `Unsupported` where the framework has no word for it."""
    word = MODES[framework].get(mode)
    if not word:
        raise Unsupported(f"{framework} has no pad of the mode {mode}")
    if framework == "torch":
        flat = tuple(side for pair in reversed(pairs) for side in pair)  # the last axis first
        return [f"x = F.pad(x, {flat}, mode={word!r})"]
    if framework == "onnx":
        return onnx_padded("x", pairs, mode=repr(word))
    return [f"x = {PADS[framework]}(x, {whole_pads(pairs, last)}, mode={word!r})"]


def onnx_padded(name: str, pairs: Pairs, value: str = "", **options: str) -> list[str]:
    """Write the node Pad, with its numbers, and its value if it is not 0, as constants before."""
    sides = whole_pads(pairs, last=False)
    numbers = [*(before for before, _ in sides), *(after for _, after in sides)]
    given = [name, "pads", *["value"] * bool(value)]
    return [
        onnx_graph.whole("pads", numbers),
        *[onnx_graph.array("value", value)] * bool(value),
        onnx_graph.node("Pad", given, [name], **options),
    ]


def gathered(
    framework: str, sizes: Sequence[int], pairs: Pairs, mode: str, last: bool
) -> list[str]:
    """Write a pad by a mode as one gather for each axis that it widens."""
    lines = []
    for axis, (size, pair) in enumerate(zip(sizes, pairs, strict=True), start=1 if last else 2):
        if not any(pair):
            continue
        places = f"np.pad(np.arange({size}), {tuple(pair)}, mode={NUMPY_MODES[mode]!r})"
        lines += _taken(framework, places, axis)
    return lines


def _taken(framework: str, places: str, axis: int) -> list[str]:
    if framework == "onnx":
        taken = onnx_graph.node("Gather", ["x", "places"], ["x"], axis=str(axis))
        return [onnx_graph.array("places", places), taken]
    return [
        {
            "torch": f"x = x.index_select({axis}, torch.from_numpy({places}))",
            "tensorflow": f"x = tf.gather(x, {places}, axis={axis})",
            "keras": f"x = keras.ops.take(x, {places}, axis={axis})",
            "jax": f"x = jnp.take(x, {places}, axis={axis})",
        }[framework]
    ]


def turned(framework: str, rank: int, last: bool) -> str:
    """Write the weight turned around on its spatial axes."""
    axes = tuple(range(rank)) if last else tuple(range(2, 2 + rank))
    return {
        "torch": f"w = w.flip({axes})",
        "tensorflow": f"w = tf.reverse(w, {list(axes)})",
        "keras": f"w = keras.ops.flip(w, {axes})",
        "jax": f"w = jnp.flip(w, {axes})",
    }.get(framework, f"w = np.flip(w, {axes})")


def magnitude(framework: str) -> str:
    """Write the magnitudes of x."""
    if framework == "onnx":
        return onnx_graph.node("Abs", ["x"], ["x"])
    module = {"torch": "torch", "tensorflow": "tf", "keras": "keras.ops"}.get(framework, "jnp")
    return f"x = {module}.abs(x)"


def cropped(name: str, pairs: Pairs, last: bool) -> list[str]:
    """Write the slice that a negative pad is; none where nothing is cropped."""
    if all(side >= 0 for pair in pairs for side in pair):
        return []
    ends = ", ".join(f"{max(0, -before) or ''}:{min(0, after) or ''}" for before, after in pairs)
    return [f"{name} = {name}[:, {ends}]" if last else f"{name} = {name}[:, :, {ends}]"]


def cast(framework: str, name: str, dtype: str) -> str:
    """Write an array in another dtype."""
    if framework == "torch":
        return f"{name} = {name}.to(torch.{dtype})"
    if framework == "tensorflow":
        return f"{name} = tf.cast({name}, {dtype!r})"
    if framework == "keras":
        return f"{name} = keras.ops.cast({name}, {dtype!r})"
    if framework == "jax":
        return f"{name} = {name}.astype({dtype!r})"
    if name == "x":
        return onnx_graph.node("Cast", ["x"], ["x"], to=_element(dtype))
    return f"{name} = {name}.astype({dtype!r})"


def _element(dtype: str) -> str:
    names = {"float32": "FLOAT", "float64": "DOUBLE"}
    return f"TensorProto.{names.get(dtype, dtype.upper())}"


def spread(framework: str, problem: Problem, last: bool) -> list[str]:
    """Write x with zeros between its samples."""
    steps, sizes = problem.input_dilation, problem.x[2:]
    if framework == "onnx":  # one tap of 1 for each channel
        C, ones = problem.x[1], (1,) * problem.rank
        weight = f"np.ones({(C, 1, *ones)}, {problem.dtype!r})"
        options = {"strides": str(list(steps)), "group": str(C)}
        spreading = onnx_graph.node("ConvTranspose", ["x", "ones"], ["x"], **options)
        return [onnx_graph.array("ones", weight), spreading]
    if framework == "jax":
        none = (0, 0, 0)
        each = tuple((0, 0, step - 1) for step in steps)
        config = (none, *each, none) if last else (none, none, *each)
        return [f"x = lax.pad(x, np.zeros((), x.dtype), {config})"]
    return _spread_by_reshape(framework, problem, last, list(zip(sizes, steps, strict=True)))


def _spread_by_reshape(
    framework: str, problem: Problem, last: bool, each: Sequence[tuple[int, int]]
) -> list[str]:
    """Zeros on an axis of their own behind each sample, which then joins the axis before it."""
    seen = ", ".join([":, None"] * problem.rank)
    pads = [pair for _, step in each for pair in ((0, 0), (0, step - 1))]
    wide = [size * step for size, step in each]
    cut = ", ".join(f":{size * step - step + 1}" for size, step in each)
    if last:
        shape = (-1, *wide, problem.x[1])
        view, ends, kept = f"x[:, {seen}]", [(0, 0), *pads, (0, 0)], f"[:, {cut}]"
    else:
        shape = (-1, problem.x[1], *wide)
        view, ends, kept = f"x[:, :, {seen}]", [(0, 0), (0, 0), *pads], f"[:, :, {cut}]"
    if framework == "torch":
        flat = tuple(side for pair in reversed(pads) for side in pair)
        return [f"x = F.pad({view}, {flat}).reshape({shape}){kept}"]
    module = "tf" if framework == "tensorflow" else "keras.ops"
    return [f"x = {module}.reshape({module}.pad({view}, {ends}), {shape}){kept}"]


def one_hot(framework: str, problem: Problem, taps: int, C: int, last: bool) -> str:
    """Write the weight that lays each sample under a tap in a channel of its own."""
    size, kernel = taps * C, problem.kernel
    shape = (*kernel, C, size) if last else (size, C, *kernel)
    if framework == "torch":
        return f"w = torch.eye({size}, dtype=x.dtype).reshape({shape})"
    return f"w = np.eye({size}, dtype={problem.dtype!r}).reshape({shape})"


def argmaxed(framework: str, parts: str) -> tuple[str, str, str]:
    """Write equal arrays stacked, and the largest and its first place among them."""
    return {
        "torch": (f"torch.stack({parts})", "parts.amax(0)", "parts.argmax(0)"),
        "tensorflow": (
            f"tf.stack({parts})", "tf.reduce_max(parts, axis=0)", "tf.argmax(parts, axis=0)",
        ),
        "keras": (
            f"keras.ops.stack({parts})",
            "keras.ops.max(parts, axis=0)",
            "keras.ops.argmax(parts, axis=0)",
        ),
    }.get(framework, (f"jnp.stack({parts})", "parts.max(0)", "parts.argmax(0)"))  # fmt: skip


def reduced_windows(
    framework: str, bounds: Sequence[tuple[int, int]], axis: int, is_max: bool
) -> list[str]:
    """Write the largest or the sum of each window of x along one axis, joined along it."""
    if framework == "onnx":
        return list(_reduced_nodes(bounds, axis, is_max))
    colons = ":, " * axis
    if framework == "jax":
        return [
            f"x = jnp.stack([x[{colons}a:b].{'max' if is_max else 'sum'}({axis}) "
            f"for a, b in {list(bounds)}], {axis})"
        ]
    module, verbs = {
        "tensorflow": ("tf", ("reduce_max", "reduce_sum")),
        "keras": ("keras.ops", ("max", "sum")),
    }[framework]
    part = f"{module}.{verbs[not is_max]}(x[{colons}a:b], axis={axis})"
    return [f"x = {module}.stack([{part} for a, b in {list(bounds)}], axis={axis})"]


def _reduced_nodes(bounds: Sequence[tuple[int, int]], axis: int, is_max: bool) -> Iterator[str]:
    names = [f"part{o}" for o in range(len(bounds))]
    yield onnx_graph.whole("axis", [axis])
    for name, (start, stop) in zip(names, bounds, strict=True):
        yield onnx_graph.whole("start", [start])
        yield onnx_graph.whole("stop", [stop])
        yield onnx_graph.node("Slice", ["x", "start", "stop", "axis"], [name])
        yield onnx_graph.node("ReduceMax" if is_max else "ReduceSum", [name, "axis"], [name])
    yield onnx_graph.node("Concat", names, ["x"], axis=str(axis))


def renamed(framework: str, old: str, new: str) -> str:
    """Write an array under another name."""
    if framework == "onnx":
        return onnx_graph.node("Identity", [old], [new])
    return f"{new} = {old}"
