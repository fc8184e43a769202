"""The meaning of convolution and pooling, in plain loops over Python numbers.

>>> from convoracle import Tensor, conv
>>> x, w = Tensor.of([[[1, 2, 3, 4]]]), Tensor.of([[[1, 0, -1]]])
>>> conv(x, w, stride=(1,), padding="same_upper", dilation=(1,)).result().nested()
[[[-2.0, -2.0, -2.0, 3.0]]]
"""

from convoracle.adaptive import (
    adaptive_avg_pool,
    adaptive_max_pool,
    global_avg_pool,
    global_max_pool,
)
from convoracle.axis import Axis, same_padding, slide
from convoracle.clauses import CLAUSES, VARIANTS, Clause
from convoracle.conv import conv, conv1x1
from convoracle.depthwise import depthwise_conv, separable_conv
from convoracle.errors import InvalidProblem
from convoracle.gradient import conv_gradient, conv_transpose_gradient
from convoracle.operation import Choices, Operation
from convoracle.parts import in_parts
from convoracle.patches import fold, unfold
from convoracle.pool import avg_pool, distance_pool, lp_pool, max_pool
from convoracle.pool_gradient import avg_pool_gradient, lp_pool_gradient, max_pool_gradient
from convoracle.tensor import Tensor
from convoracle.transpose import conv_transpose
from convoracle.unpool import max_unpool

__all__ = [
    "CLAUSES",
    "VARIANTS",
    "Axis",
    "Choices",
    "Clause",
    "InvalidProblem",
    "Operation",
    "Tensor",
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
    "in_parts",
    "lp_pool",
    "lp_pool_gradient",
    "max_pool",
    "max_pool_gradient",
    "max_unpool",
    "same_padding",
    "separable_conv",
    "slide",
    "unfold",
]
