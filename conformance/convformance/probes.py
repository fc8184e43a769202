"""Probes: cases on which the choices at a variant point give different answers."""

from __future__ import annotations

from convformance.bench import Bench, Examined
from convformance.problem import Case
from convformance.runfile import Choice
from convformance.verdict import Kind
from convoracle import VARIANTS

_LINES: dict[str, tuple[str, ...]] = {
    "window.none": (
        "conv x=1x1x2 w=1x1x3 float32 fill=integers#0",
        "conv x=1x1x2x5 w=1x1x3x3 float32 fill=integers#0",
        "max_pool x=1x1x2x5 kernel=3x3 float32 fill=integers#0",
        "avg_pool x=1x1x2x5 kernel=3x3 float32 fill=integers#0",
        "lp_pool x=1x1x2x5 kernel=3x3 p=2 float32 fill=integers#0",
    ),
    "padding.same_side": (
        "conv x=1x1x4 w=1x1x2 padding=same float32 fill=integers#0",
        "conv x=1x1x5x5 w=1x1x2x4 padding=same float32 fill=integers#0",
        "conv x=1x1x6x6 w=1x1x3x3 stride=2x2 padding=same float32 fill=integers#0",
        "max_pool x=1x1x4x4 kernel=2x2 padding=same float32 fill=integers#1",
        "avg_pool x=1x1x4x4 kernel=2x2 padding=same float32 fill=integers#0",
    ),
    "padding.limit": (
        "max_pool x=1x1x5x5 kernel=3x3 padding=2x2 float32 fill=integers#0",
        "max_pool x=1x1x5x5 kernel=3x3 padding=3x3 float32 fill=integers#0",
        "avg_pool x=1x1x5x5 kernel=3x3 padding=2x2 count_include_pad float32 fill=integers#0",
    ),
    "padding.product": (
        "conv x=1x1x3 w=1x1x3 padding=1 float32 fill=special#14",
        "conv x=1x2x4x4 w=2x2x3x3 padding=1x1 float32 fill=special#4",
    ),
    "padding.negative": (
        "conv x=1x1x6 w=1x1x2 padding=-1+0 float32 fill=integers#0",
        "conv x=1x1x6x6 w=1x1x3x3 padding=-1x-2 float32 fill=integers#0",
        "max_pool x=1x1x6x6 kernel=2x2 padding=-1x0 float32 fill=integers#0",
        "avg_pool x=1x1x6x6 kernel=2x2 padding=-1x0 float32 fill=integers#0",
    ),
    "padding.mode_limit": (
        "conv x=1x1x3 w=1x1x3 padding=3 padding_mode=reflect float32 fill=integers#0",
        "conv x=1x1x3 w=1x1x3 padding=4 padding_mode=symmetric float32 fill=integers#0",
        "conv x=1x1x3 w=1x1x3 padding=4 padding_mode=circular float32 fill=integers#0",
    ),
    "transpose.valid": (
        "conv_transpose x=1x1x3 w=1x1x1 stride=2 float32 fill=integers#0",
        "conv_transpose x=1x1x3x3 w=1x1x2x2 stride=3x3 float32 fill=integers#0",
    ),
    "transpose.same_odd": (
        "conv_transpose x=1x1x3 w=1x1x1 stride=2 padding=same output_padding=1"
        " float32 fill=integers#0",
        "conv_transpose x=1x1x3x3 w=1x1x3x3 stride=2x2 padding=same output_padding=0x1"
        " float32 fill=integers#0",
    ),
    "transpose.output_padding": (
        "conv_transpose x=1x1x4 w=1x1x3 dilation=2 output_padding=1 float32 fill=integers#0",
        "conv_transpose x=1x1x4x4 w=1x1x3x3 stride=2x2 dilation=3x3 output_padding=2x2"
        " float32 fill=integers#0",
    ),
    "unpool.overlap": (
        "max_unpool x=1x1x4x4 kernel=3x3 output=6x6 float32 fill=integers#0",
        "max_unpool x=1x1x4 kernel=3 output=6 float32 fill=integers#0",
    ),
    "grad.tie": (
        "max_pool x=1x1x5x5 kernel=3x3 grad=x float32 fill=integers#4",
        "max_pool x=1x1x8 kernel=3 stride=2 grad=x float32 fill=integers#8",
    ),
    "grad.lp_zero": (
        "lp_pool x=1x1x6 kernel=1 p=2 grad=x float32 fill=integers#0",
        "lp_pool x=1x1x6x6 kernel=1x2 p=2 grad=x float32 fill=integers#1",
    ),
    "grad.absolute": (
        "lp_pool x=1x1x6 kernel=1 p=1 grad=x float32 fill=integers#0",
        "lp_pool x=1x1x6x6 kernel=1x2 p=1 grad=x float32 fill=integers#1",
    ),
    "size.batch": (
        "conv x=0x2x4x4 w=3x2x3x3 float32 fill=integers#0",
        "conv_transpose x=0x2x4x4 w=2x3x3x3 float32 fill=integers#0",
        "max_pool x=0x2x4x4 kernel=2x2 float32 fill=integers#0",
        "avg_pool x=0x2x4x4 kernel=2x2 float32 fill=integers#0",
        "lp_pool x=0x2x4x4 kernel=2x2 p=2 float32 fill=integers#0",
    ),
    "size.channels": (
        "conv x=1x0x4x4 w=3x0x3x3 float32 fill=integers#0",
        "conv x=1x2x4x4 w=0x2x3x3 float32 fill=integers#0",
        "max_pool x=1x0x4x4 kernel=2x2 float32 fill=integers#0",
        "avg_pool x=1x0x4x4 kernel=2x2 float32 fill=integers#0",
    ),
    "size.spatial": (
        "conv x=1x1x0x4 w=1x1x1x3 float32 fill=integers#0",
        "max_pool x=1x1x0x4 kernel=1x2 float32 fill=integers#0",
        "avg_pool x=1x1x0x4 kernel=1x2 float32 fill=integers#0",
    ),
    "max.empty": (
        "max_pool x=1x1x2x2 kernel=1x1 padding=1x1 float32 fill=integers#0",
        "max_pool x=1x1x1x1 kernel=2x2 padding=1x1 dilation=2x2 float32 fill=integers#0",
    ),
    "max.tie": (
        "max_pool x=1x1x5x5 kernel=3x3 indices float32 fill=integers#4",
        "max_pool x=1x1x4 kernel=3 indices float32 fill=integers#7",
    ),
    "max.nan_index": (
        "max_pool x=1x1x6x6 kernel=4x4 indices float32 fill=special#11",
        "max_pool x=1x1x16 kernel=12 indices float32 fill=special#11",
    ),
    "avg.empty": (
        "avg_pool x=1x1x2x2 kernel=1x1 padding=1x1 float32 fill=integers#0",
        "avg_pool x=1x1x1x1 kernel=2x2 padding=1x1 dilation=2x2 float32 fill=integers#0",
    ),
    "avg.integer": (
        "avg_pool x=1x1x4x4 kernel=2x2 int32 fill=integers#0",
        "avg_pool x=1x1x4x4 kernel=2x2 int64 fill=integers#0",
    ),
    "value.subnormal": (
        "conv x=1x1x3x3 w=2x1x2x2 float32 fill=special#5",
        "conv1x1 x=1x2x3x3 w=2x2 float32 fill=special#1",
        "max_pool x=1x1x4x4 kernel=2x2 float32 fill=special#1",
        "avg_pool x=1x1x4x4 kernel=2x2 float32 fill=special#1",
    ),
}


def probes() -> list[tuple[str, Case]]:
    """Return (variant point, case) for every probe."""
    return [(point, Case.parse(line)) for point, lines in _LINES.items() for line in lines]


def measure(bench: Bench, point: str, case: Case) -> tuple[Choice, Examined]:
    """Return the choice that the backend follows on the probe, and how it was examined."""
    examined = bench.examine(case)
    verdict = examined.verdict
    choice = "none of them"
    if verdict.kind is Kind.UNSUPPORTED:
        choice = "unsupported"
    elif verdict.kind is Kind.AGREES:
        choice = VARIANTS[point].standard
    elif point in verdict.choices:
        choice = verdict.choices[point]
    return Choice(point, case.problem.op, choice, case.line), examined
