"""The problems that `check-adapter` asks: one small one for each op and attribute."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Each is tried where the one before is unsupported.
BASES = (
    "conv x=1x1x2x2 w=1x1x1x1 float32",
    "conv x=1x1x2 w=1x1x1 float32",
    "conv1x1 x=1x1x2x2 w=1x1 float32",
    "max_pool x=1x1x2x2 kernel=1x1 float32",
    "max_pool x=1x1x2 kernel=1 float32",
    "avg_pool x=1x1x2x2 kernel=1x1 float32",
    "avg_pool x=1x1x2 kernel=1 float32",
    "conv x=1x1x2x2 w=1x1x1x1 float64",
    "conv x=1x1x2x2 w=1x1x1x1 float16",
    "conv x=1x1x2x2 w=1x1x1x1 bfloat16",
    "conv x=1x1x2x2 w=1x1x1x1 int8",
    "conv_transpose x=1x1x2x2 w=1x1x1x1 float32",
    "depthwise_conv x=1x1x2x2 w=1x1x1x1 float32",
)
OPS_LINES: Mapping[str, str] = {
    "conv": "conv x=2x2x7x5 w=3x2x3x2 float32",
    "conv1x1": "conv1x1 x=2x2x3x4 w=3x2 float32",
    "max_pool": "max_pool x=2x2x7x5 kernel=3x2 float32",
    "avg_pool": "avg_pool x=2x2x7x5 kernel=3x2 float32",
    "lp_pool": "lp_pool x=2x2x7x5 kernel=3x2 p=2 float32",
    "distance_pool": "distance_pool x=2x2x7x5 kernel=3x2 float32",
    "conv_transpose": "conv_transpose x=2x2x3x4 w=2x3x3x2 float32",
    "depthwise_conv": "depthwise_conv x=2x2x7x5 w=2x2x3x2 float32",
    "separable_conv": "separable_conv x=2x2x7x5 w=2x2x3x2 pointwise=3x4 float32",
    "max_unpool": "max_unpool x=1x2x2x3 kernel=2x2 stride=2x2 float32",
    "adaptive_max_pool": "adaptive_max_pool x=2x2x7x5 output=3x2 float32",
    "adaptive_avg_pool": "adaptive_avg_pool x=2x2x7x5 output=3x2 float32",
    "global_max_pool": "global_max_pool x=2x2x7x5 float32",
    "global_avg_pool": "global_avg_pool x=2x2x7x5 float32",
    "unfold": "unfold x=2x2x7x5 kernel=3x2 float32",
    "fold": "fold x=1x12x20 kernel=3x2 output=7x5 float32",
}
INVALID: Mapping[str, str] = {
    "conv": "conv x=1x3x4x4 w=2x2x1x1 float32",
    "conv1x1": "conv1x1 x=1x3x4x4 w=2x2 float32",
    "max_pool": "max_pool x=1x1x4x4 kernel=2x2 stride=0x1 float32",
    "avg_pool": "avg_pool x=1x1x4x4 kernel=2x2 stride=0x1 float32",
    "conv_transpose": "conv_transpose x=1x3x4x4 w=2x2x1x1 float32",
    "depthwise_conv": "depthwise_conv x=1x3x4x4 w=2x1x1x1 float32",
}
_CONV = "conv x=2x4x6x5 w=4x4x3x2"
_CONVS: Mapping[str, str] = {
    "bias": f"{_CONV} bias",
    "stride": f"{_CONV} stride=2x1",
    "dilation": f"{_CONV} dilation=1x2",
    "padding in numbers": f"{_CONV} padding=1x2",
    "uneven padding": f"{_CONV} padding=1+0x0+2",
    "same padding": f"{_CONV} padding=same",
    "causal padding": "conv x=2x4x6 w=4x4x3 padding=causal",
    "groups": "conv x=2x4x6x5 w=4x2x3x2 groups=2",
    "one axis": "conv x=2x4x6 w=4x4x3",
    "three axes": "conv x=1x2x4x3x3 w=2x2x2x3x2",
    "padding_mode": f"{_CONV} padding=1x1 padding_mode=reflect",
    "input_dilation": f"{_CONV} input_dilation=2x1",
    "batch_groups": f"{_CONV} batch_groups=2",
    "flip": f"{_CONV} flip",
    "output_dtype": f"{_CONV} output_dtype=float64",
    "gradient by x": f"{_CONV} grad=x",
    "gradient by w": f"{_CONV} grad=w",
    "unbatched": "conv x=1x4x6x5 w=4x4x3x2 unbatched",
    "channels last": f"{_CONV} layout=channels_last",
}
_POOLS: Mapping[str, str] = {
    "stride": "stride=2x1",
    "dilation": "dilation=1x2",
    "padding in numbers": "padding=1x1",
    "uneven padding": "padding=1+0x0+1",
    "same padding": "padding=same",
    "ceil_mode": "stride=2x3 ceil_mode",
    "gradient by x": "grad=x",
    "channels last": "layout=channels_last",
}


def aspects(op: str) -> dict[str, str]:
    """Return the lines that ask an op's attributes, by what they ask."""
    if op == "conv":
        return {label: f"{line} float32" for label, line in _CONVS.items()}
    if op not in ("max_pool", "avg_pool"):
        return {}
    pool = f"{op} x=2x2x6x5 kernel=3x2"
    lines = {label: f"{pool} {rest} float32" for label, rest in _POOLS.items()}
    if op == "max_pool":
        return lines | {"indices": f"{pool} indices float32"}
    return lines | {"count_include_pad": f"{pool} padding=1x1 count_include_pad float32"}


def on_one_axis(line: str) -> str:
    """Return the line of two spatial axes with the last of them left out."""
    names = "x|w|kernel|stride|dilation|input_dilation|padding|output_padding|output"
    if line.startswith("fold"):
        return "fold x=1x6x5 kernel=3 output=7 float32"
    if line.startswith("conv1x1"):
        names = "x"
    axes = re.search(r"\bx=(\d+(?:x\d+)*)", line)
    if not axes or axes[1].count("x") != 3:
        return line
    return re.sub(rf"\b({names})=(\S*)x[^x\s]+(?=\s)", r"\1=\2", line)
