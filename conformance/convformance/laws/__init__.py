"""The laws: what must hold between the answers of a backend, without any oracle.

They need no expectation, so they also hold at the sizes of real networks. In whole numbers whose
sums fit the significand a law is exact, and breaking it is a discrepancy; on real numbers, to the
last bit, it is a fact about the backend.
"""

from __future__ import annotations

from convformance.laws import bits, fits
from convformance.laws.adjoint import adjoint, transposable
from convformance.laws.batches import order, pool_channels
from convformance.laws.law import Law
from convformance.laws.linear import channels, homogeneous, linear_input, linear_weight
from convformance.laws.products import (
    by_channel,
    one_tap,
    pointwise,
    pool_as_conv,
    power_windows,
    separable,
)
from convformance.laws.reading import jacobian, sparse
from convformance.laws.shifting import sharing, translation
from convformance.laws.stacks import stack, stackable

POOLS = ("max_pool", "avg_pool", "lp_pool", "distance_pool")
SLIDING = ("conv", "depthwise_conv", *POOLS)
LINEAR = ("conv", "conv1x1", "conv_transpose", "depthwise_conv", "separable_conv")
DEEP = ("conv", "conv1x1", "conv_transpose", "separable_conv")
BITWISE = (*LINEAR, "avg_pool", "lp_pool")

_ALL = (
    Law("law.translation", SLIDING, translation, fits.roomy),
    Law("law.linear_input", LINEAR, linear_input, fits.linear),
    Law("law.linear_weight", LINEAR, linear_weight, fits.linear),
    Law("law.channels", DEEP, channels, fits.deep),
    Law("law.homogeneous", (*LINEAR, *POOLS), homogeneous, fits.linear),
    Law("law.sparse", (*SLIDING, "conv1x1"), sparse, fits.windowed),
    Law("law.jacobian", ("conv", "avg_pool"), jacobian, fits.windowed),
    Law("law.sharing", SLIDING, sharing, fits.roomy),
    Law("law.order", (*LINEAR, *POOLS), order, fits.several_whole),
    Law("law.adjoint", ("conv",), adjoint, transposable),
    Law("law.pointwise", ("conv1x1", "conv"), pointwise, one_tap),
    Law("law.pool_channels", POOLS, pool_channels, fits.handed_plainly),
    Law("law.separable", ("conv", "depthwise_conv", "separable_conv"), separable, by_channel),
    Law("law.pool_as_conv", ("avg_pool",), pool_as_conv, power_windows),
    Law("law.stack", ("conv", "max_pool", "avg_pool"), stack, stackable),
    Law("law.batch", BITWISE, bits.batch, fits.several_whole, exact=False, fill="real"),
    Law("law.repeat", BITWISE, bits.repeat, fits.handed_plainly, exact=False, fill="real"),
    Law("law.threads", BITWISE, bits.threads, fits.handed_plainly, exact=False, fill="real"),
    Law("law.layout", BITWISE, bits.layout, bits.handed_otherwise, exact=False, fill="real"),
)  # fmt: skip

LAWS: dict[str, Law] = {law.label: law for law in _ALL}
