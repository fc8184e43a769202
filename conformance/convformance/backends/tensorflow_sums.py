"""In which dtype TensorFlow keeps its sums; every line that is narrow is proven by a test.

A half type goes through oneDNN where that knows it on this processor, else through Eigen, which
adds it up in itself more often.
"""

from __future__ import annotations

from collections.abc import Collection

WHOLE = {
    "float32": "float32",
    "float64": "float64",
    "int8": "int8",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
}
# In both cases; what is not named is summed in float32.
NARROW = {
    "float16": ("avg_pool", "max_pool grad=x", "adaptive_avg_pool"),
    "bfloat16": (
        "adaptive_avg_pool rank 2",  # each axis is rounded before the next
        "adaptive_avg_pool rank 3",
        "max_pool grad=x",
        "avg_pool grad=x",  # with one channel float32
        "conv grad=bias",  # the gradient of bias_add
        "conv_transpose grad=bias",
    ),
}
# oneDNN takes no explicit padding here
ONEDNN = (
    "conv grad=x rank 2",
    "conv grad=w rank 2",
    "conv_transpose rank 2",
    "conv_transpose grad=w rank 2",
)
EIGEN = (  # conv1d and conv2d are summed in float32
    "conv rank 3",
    "conv1x1 rank 3",
    "conv grad=x",
    "conv grad=w",
    "conv_transpose",
    "conv_transpose grad=w",
    "conv_transpose grad=x rank 3",
    "depthwise_conv",
    "separable_conv",
    "avg_pool",
    "adaptive_avg_pool",
)
DEFAULT_ONEDNN = frozenset(
    ("avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16")
)
WIDE = ("conv_transpose grad=x", "conv_transpose grad=bias")  # where the op's own line is narrow


def accumulators(by_onednn: Collection[str]) -> dict[str, str]:
    """Return the dtype of the sums of each kind of problem; the half types of oneDNN are given."""
    found = dict(WHOLE)
    for dtype, narrow in NARROW.items():
        found[dtype] = "float32"
        found |= {_key(what, dtype): "float32" for what in WIDE}
        path = ONEDNN if dtype in by_onednn else EIGEN
        found |= {_key(what, dtype): dtype for what in (*narrow, *path)}
    return found


def _key(what: str, dtype: str) -> str:
    """Put the dtype before the rank."""
    kind, rank, number = what.partition(" rank ")
    return f"{kind} {dtype}{rank}{number}"


def uses_onednn(said: str | None, features: Collection[str]) -> bool:
    """Return whether TensorFlow uses oneDNN.

    What TF_ENABLE_ONEDNN_OPTS says comes first; where it is not set, the features of the processor
    decide (on Linux). Source: IsMKLEnabled in TensorFlow's core/util/util.h.
    """
    if said is not None:
        return said.lower() not in ("0", "false")
    return not DEFAULT_ONEDNN.isdisjoint(features)


def halves_of_onednn(features: Collection[str]) -> tuple[str, ...]:
    """Return the half types that oneDNN computes on a processor with these features.

    Source: IsDataTypeSupportedByOneDNNOnThisCPU in TensorFlow's core/util/util.cc.
    """
    converts = "avx_ne_convert" in features
    multiplies = "avx512bw" in features and not {"avx512_fp16", "amx_fp16"}.isdisjoint(features)
    found = {"bfloat16": converts or "avx512f" in features, "float16": converts or multiplies}
    return tuple(dtype for dtype, is_so in found.items() if is_so)
