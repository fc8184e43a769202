"""A problem from the words that people write in their code: `conv2d --input 1x3x224x224 ...`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

from convformance.problem import (
    DEFAULT_DTYPE,
    DTYPES,
    LAYOUTS,
    OPS,
    PADDING_MODES,
    PADDINGS,
    Problem,
)

# Frameworks' names of the ops, without their rank, underscores and capitals.
NAMES = {
    "conv": "conv",
    "convolution": "conv",
    "conv1x1": "conv1x1",
    "convtranspose": "conv_transpose",
    "deconv": "conv_transpose",
    "maxpool": "max_pool",
    "maxpooling": "max_pool",
    "avgpool": "avg_pool",
    "averagepool": "avg_pool",
    "averagepooling": "avg_pool",
    "lppool": "lp_pool",
    "distancepool": "distance_pool",
    "depthwiseconv": "depthwise_conv",
    "separableconv": "separable_conv",
    "maxunpool": "max_unpool",
    "adaptivemaxpool": "adaptive_max_pool",
    "adaptivemaxpooling": "adaptive_max_pool",
    "adaptiveavgpool": "adaptive_avg_pool",
    "adaptiveaveragepooling": "adaptive_avg_pool",
    "globalmaxpool": "global_max_pool",
    "globalmaxpooling": "global_max_pool",
    "globalavgpool": "global_avg_pool",
    "globalaveragepool": "global_avg_pool",
    "globalaveragepooling": "global_avg_pool",
    "unfold": "unfold",
    "fold": "fold",
}
POOLS = ("max_pool", "avg_pool", "lp_pool", "distance_pool", "max_unpool")
EACH_AXIS = {  # attributes with an entry for each axis, and their flags
    "stride": "stride",
    "dilation": "dilation",
    "output_padding": "output_padding",
    "output": "output_size",
}
CAPITALS = {"NOTSET": "valid", "VALID": "valid", "SAME": "same"}
LAST = ("channels_last", "NHWC", "NWC", "NDHWC")
FIRST = ("channels_first", "NCHW", "NCW", "NCDHW")


class FlagError(ValueError):
    """Raised for flags that make no problem."""


def op_of(text: str) -> tuple[str, int] | None:
    """Return the op and the rank of a framework's name, 0 where it has none; None for no name."""
    bare = text.strip().lower().replace("_", "").replace(".", "")
    for prefix in ("torchnnfunctional", "torchnn", "tfnn", "kerasLayers".lower(), "nn"):
        bare = bare.removeprefix(prefix)
    if bare in NAMES:
        return NAMES[bare], 0
    match = re.fullmatch(r"([a-z]+)([123])d(transpose)?", bare)
    if match and f"{match[1]}{match[3] or ''}" in NAMES:
        return NAMES[f"{match[1]}{match[3] or ''}"], int(match[2])
    return None


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a layer."""
    layer = parser.add_argument_group("a layer in flags, as conv2d --input 1x3x224x224 ...")
    layer.add_argument("--input", metavar="NxCxHxW", help="shape of the input")
    layer.add_argument("--out-channels", "--filters", type=int, metavar="M")
    layer.add_argument("--kernel", "--kernel-size", "--pool-size", metavar="K", help="7 or 3x5")
    layer.add_argument("--stride", "--strides", metavar="S", help="of a pool: its kernel")
    layer.add_argument("--padding", "--pads", metavar="P", help="same, valid, 3, 2+3, (2, 3) ...")
    layer.add_argument("--dilation", "--dilation-rate", metavar="D")
    layer.add_argument("--groups", type=int, metavar="G")
    layer.add_argument("--bias", action="store_true")
    layer.add_argument("--ceil-mode", action="store_true")
    layer.add_argument("--count-include-pad", action="store_true")
    layer.add_argument("--indices", "--return-indices", action="store_true")
    layer.add_argument("--output-padding", metavar="A")
    layer.add_argument("--output-size", metavar="O", help="of an adaptive pool, fold, max_unpool")
    layer.add_argument("--padding-mode", choices=PADDING_MODES)
    layer.add_argument("--multiplier", "--depth-multiplier", type=int, metavar="Q")
    layer.add_argument("--norm-type", "--p", dest="p", metavar="P", help="of lp_pool: 2, inf ...")
    layer.add_argument("--layout", "--data-format", choices=(*FIRST, *LAST), metavar="LAYOUT",
                       help=f"of --input: {', '.join((*LAYOUTS, 'NCHW', 'NHWC'))}")  # fmt: skip
    layer.add_argument("--dtype", choices=DTYPES, metavar="DTYPE")


FLAGS = (
    "input", "out_channels", "kernel", "stride", "padding", "dilation", "groups", "bias",
    "ceil_mode", "count_include_pad", "indices", "output_padding", "output_size", "padding_mode",
    "multiplier", "p", "layout", "dtype",
)  # fmt: skip


def given_flags(options: argparse.Namespace) -> list[str]:
    """Return the flags that were given, as they are written."""
    found = [name for name in FLAGS if getattr(options, name) not in (None, False)]
    return ["--" + name.replace("_", "-") for name in found]


def problem_of(op: str, rank: int, options: argparse.Namespace) -> tuple[Problem, list[str]]:
    """Return the problem that the flags say, and notes on what they left open."""
    x = _input(op, rank, options)
    values: dict[str, Any] = {"x": x, "dtype": options.dtype or DEFAULT_DTYPE}
    values |= dict(_weights(op, len(x) - 2, x, options))
    values |= dict(_attributes(len(x) - 2, options))
    if op in ("depthwise_conv", "separable_conv"):
        values.pop("groups", None)  # as many as channels, however they are written
    notes = []
    if op in POOLS and "stride" not in values:
        values["stride"] = values["kernel"]
        notes.append(
            "no --stride: a pool's is its kernel in PyTorch and Keras; ONNX has 1, tf.nn and JAX "
            "no default"
        )
    padded = values.get("padding", "valid") != "valid"
    if op == "avg_pool" and padded and not options.count_include_pad:
        notes.append("padding is not counted here; PyTorch's default is --count-include-pad")
    _check_taken(op, values, options)
    try:
        return Problem(op, **values), notes
    except ValueError as error:
        raise FlagError(str(error)) from None


def _input(op: str, rank: int, options: argparse.Namespace) -> tuple[int, ...]:
    """Return the shape of the input, channels second."""
    if not options.input:
        raise FlagError(f"{op} needs --input, such as --input 1x3x224x224")
    shape = _sizes("--input", options.input)
    if rank and len(shape) != rank + 2:
        axes = "N, C and " + ", ".join("DHW"[-rank:])
        text = f"--input {options.input} has {len(shape)} axes; {op} in {rank}-D has {axes}"
        raise FlagError(text)
    if options.layout in LAST and len(shape) > 2:
        return (shape[0], shape[-1], *shape[1:-1])
    return shape


def _attributes(rank: int, options: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that were given, under the names of a line."""
    if options.layout in LAST:
        yield "layout", "channels_last"
    for name, flag in EACH_AXIS.items():
        text = getattr(options, flag)
        if text is not None:
            yield name, _each(f"--{flag.replace('_', '-')}", text, rank)
    if options.padding is not None:
        yield "padding", padding_of(options.padding, rank)
    for name in ("groups", "padding_mode", "bias", "ceil_mode", "count_include_pad", "indices"):
        value = getattr(options, name)
        if value not in (None, False):
            yield name, value
    if options.p is not None:
        yield "p", float("inf") if options.p == "inf" else _number("--norm-type", options.p)


def _check_taken(op: str, values: dict[str, Any], options: argparse.Namespace) -> None:
    """Raise `FlagError` for what the op has no use for."""
    untaken = [name for name in values if name not in (*OPS[op], "dtype")]
    takes_weights = "w" in OPS[op]
    if options.out_channels is not None and (not takes_weights or op == "depthwise_conv"):
        untaken.append("out_channels")
    if options.kernel and not takes_weights and "kernel" not in OPS[op]:
        untaken.append("kernel")
    if options.multiplier is not None and op not in ("depthwise_conv", "separable_conv"):
        untaken.append("multiplier")
    if untaken:
        raise FlagError(f"{op} takes no {', '.join(untaken)}; it takes {', '.join(OPS[op])}")


def _weights(
    op: str, rank: int, x: tuple[int, ...], options: argparse.Namespace
) -> Iterator[tuple[str, Any]]:
    """Yield kernel or weight, from --kernel and --out-channels."""
    takes = OPS[op]
    if "kernel" in takes:
        if not options.kernel:
            raise FlagError(f"{op} needs --kernel, such as --kernel 3")
        yield "kernel", _each("--kernel", options.kernel, rank)
    if op == "fold" and not options.output_size:
        raise FlagError("fold needs --output-size, such as --output-size 8x8")
    if op.startswith("adaptive") and not options.output_size:
        raise FlagError(f"{op} needs --output-size, such as --output-size 7")
    if "w" not in takes:
        return
    C, groups = x[1], options.groups or 1
    M = options.out_channels
    if M is None:
        M = C  # no size depends on it
    if op == "conv1x1":
        yield "w", (M, C)
        return
    if not options.kernel:
        raise FlagError(f"{op} needs --kernel, such as --kernel 3")
    kernel = _each("--kernel", options.kernel, rank)
    if op in ("depthwise_conv", "separable_conv"):
        multiplier = options.multiplier or 1
        yield "w", (C, multiplier, *kernel)
        if op == "separable_conv":
            yield "pointwise", (M, C * multiplier)
    elif op == "conv_transpose":
        yield "w", (C, M // max(1, groups), *kernel)
    else:
        yield "w", (M, C // max(1, groups), *kernel)


def padding_of(text: str, rank: int) -> Any:
    """Read padding: a word, 3, 2x3 or (2, 3) for each axis, 2+3 for before and after."""
    word = CAPITALS.get(text, text.lower())
    if word in PADDINGS:
        return word
    bare = re.sub(r"[\s()\[\]]", "", text)
    if not re.fullmatch(r"-?[0-9]+(\+-?[0-9]+)?([x,]-?[0-9]+(\+-?[0-9]+)?)*", bare):
        raise FlagError(
            f"--padding {text!r} is none of {', '.join(PADDINGS)} and no 3, 2x3 or 2+3x0+1"
        )
    sides = [axis.split("+") for axis in re.split("[x,]", bare)]
    pairs = tuple((int(pair[0]), int(pair[-1])) for pair in sides)
    return pairs * rank if len(pairs) == 1 else pairs


def _sizes(flag: str, text: str) -> tuple[int, ...]:
    bare = re.sub(r"[\s()\[\]]", "", text).strip(",")
    if not re.fullmatch(r"-?[0-9]+([x,]-?[0-9]+)*", bare):
        raise FlagError(f"{flag} {text!r} is no list of sizes such as 1x3x224x224")
    return tuple(map(int, re.split("[x,]", bare)))


def shape_of(flag: str, text: str) -> tuple[int, ...]:
    """Read a whole shape: 1x64x112x112 or (1, 64, 112, 112)."""
    return _sizes(flag, text)


def _each(flag: str, text: str, rank: int) -> tuple[int, ...]:
    values = _sizes(flag, text)
    return values * rank if len(values) == 1 else values


def _number(flag: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise FlagError(f"{flag} {text!r} is no whole number, nor inf") from None
