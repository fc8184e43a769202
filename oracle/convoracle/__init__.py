"""The meaning of convolution and pooling, in plain loops over Python numbers.

>>> from convoracle import Tensor, conv
>>> x, w = Tensor.of([[[1, 2, 3, 4]]]), Tensor.of([[[1, 0, -1]]])
>>> conv(x, w, stride=(1,), padding="same_upper", dilation=(1,)).result().nested()
[[[-2.0, -2.0, -2.0, 3.0]]]
"""

from convoracle.axis import Axis, same_padding, slide
from convoracle.clauses import CLAUSES, VARIANTS, Clause
from convoracle.conv import conv, conv1x1
from convoracle.errors import InvalidProblem
from convoracle.operation import Choices, Operation
from convoracle.pool import avg_pool, distance_pool, lp_pool, max_pool
from convoracle.tensor import Tensor

__all__ = [
    "CLAUSES",
    "VARIANTS",
    "Axis",
    "Choices",
    "Clause",
    "InvalidProblem",
    "Operation",
    "Tensor",
    "avg_pool",
    "conv",
    "conv1x1",
    "distance_pool",
    "lp_pool",
    "max_pool",
    "same_padding",
    "slide",
]
