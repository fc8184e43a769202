"""Convolution and pooling of NCHW arrays, vectorised with NumPy, for any spatial rank.

It shares no geometry with the oracle: a kernel that shares the oracle's geometry shares
its bugs. Every stride is 1 unless given, also that of a pool.
"""

from convformance.kernel.adaptive import (
    adaptive_avg_pool,
    adaptive_max_pool,
    global_avg_pool,
    global_max_pool,
)
from convformance.kernel.convolution import conv, conv1x1
from convformance.kernel.depthwise import depthwise_conv, separable_conv
from convformance.kernel.geometry import ArgumentError
from convformance.kernel.gradient import conv_gradient, conv_transpose_gradient
from convformance.kernel.maximum import max_pool
from convformance.kernel.patches import fold, unfold
from convformance.kernel.pool import avg_pool, distance_pool, lp_pool
from convformance.kernel.pool_gradient import (
    avg_pool_gradient,
    lp_pool_gradient,
    max_pool_gradient,
)
from convformance.kernel.transposed import conv_transpose
from convformance.kernel.unpool import max_unpool

__all__ = [
    "ArgumentError",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "avg_pool",
    "avg_pool_gradient",
    "conv",
    "conv1x1",
    "conv_gradient",
    "conv_transpose",
    "conv_transpose_gradient",
    "depthwise_conv",
    "distance_pool",
    "fold",
    "global_avg_pool",
    "global_max_pool",
    "lp_pool",
    "lp_pool_gradient",
    "max_pool",
    "max_pool_gradient",
    "max_unpool",
    "separable_conv",
    "unfold",
]
