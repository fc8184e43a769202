"""Convolution and pooling of NCHW arrays, vectorised with NumPy, for any spatial rank.

It shares no geometry with the oracle: a kernel that shares the oracle's geometry shares
its bugs. Every stride is 1 unless given, also that of a pool.
"""

from convformance.kernel.convolution import conv, conv1x1
from convformance.kernel.geometry import ArgumentError
from convformance.kernel.maximum import max_pool
from convformance.kernel.pool import avg_pool, distance_pool, lp_pool

__all__ = [
    "ArgumentError",
    "avg_pool",
    "conv",
    "conv1x1",
    "distance_pool",
    "lp_pool",
    "max_pool",
]
