"""Named, seeded ways of making a problem's input arrays.

`integers`: whole numbers whose products' magnitudes add up, for every output, to no more than
the significand of the output dtype holds, so that any order of summation gives the same bits.
`special`: NaN, infinities, signed zeros, subnormals and the largest numbers, placed so that the
answer still does not depend on the order. `real`: normal, positive, cancelling, wide-exponent
and spiky numbers, for accuracy.

A fill that names several ("integers+special") deals them out over the batch. The other fills,
each of one theme, are in `named`; their arrays are made of the whole numbers of the same seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isqrt, prod
from typing import Any

import numpy as np

from convformance.backend import Array
from convformance.expect import numpy_dtype, terms_each
from convformance.handing import repeated
from convformance.meaning import input_shapes
from convformance.named import NAMED
from convformance.named_arrays import named_arrays
from convformance.problem import Case, Problem
from convoracle import InvalidProblem, Tensor, max_pool
from convoracle.exact import BITS, FORMATS, PARTS, UNSIGNED
from convoracle.unpool import unpooled_size

Random = np.random.Generator
LARGEST_INTEGER = (
    99  # exact in bfloat16 and TF32: a cut of the inputs is not a difference of meaning
)
AVERAGING = ("avg_pool", "distance_pool", "adaptive_avg_pool", "global_avg_pool")
DIVIDING = (*AVERAGING, "lp_pool")
MAXIMUM = ("max_pool", "adaptive_max_pool", "global_max_pool")
CONVOLVING = ("conv", "conv1x1", "conv_transpose", "depthwise_conv")

# The largest sum of magnitudes of one output. A sum: what the significand holds. An average or
# a root is judged by a bound of about three roundings; these limits keep a sum that is off by
# one at least a hundred such bounds away in float32 and float64, and more than one bound away
# in the 16-bit formats, whose significand cannot hold more.
SUM_LIMIT = {
    "float16": 2**11, "bfloat16": 2**8, "float32": 2**24, "float64": 2**53,
    "int8": 2**7 - 1, "int32": 2**24, "int64": 2**53, "uint8": 2**8 - 1,
}  # fmt: skip
AVERAGE_LIMIT = {"float16": 2**7, "bfloat16": 2**4, "float32": 2**15, "float64": 2**40}
# A gradient of an average or a norm rounds every term: its bound grows with their number too, and
# where padding does not count, the least term is some times smaller than the others.
GRADIENT_LIMIT = {"float16": 2**4, "bfloat16": 2**2, "float32": 2**11, "float64": 2**40}
ROOT_LIMIT = {"float16": 28, "bfloat16": 9, "float32": 2**12, "float64": 2**36}


def make_arrays(case: Case) -> dict[str, Array]:
    """Return the input arrays of the case: the same on every machine.

    Raises `ValueError` if the problem's sizes cannot be those of an array.
    """
    problem = case.problem
    dtype = numpy_dtype(problem.dtype)
    if case.fill in NAMED:
        arrays = named_arrays(case, _drawn(replace(case, fill="integers")))
    else:
        arrays = _drawn(case)
    if problem.memory == "broadcast":
        arrays = repeated(arrays)
    return {
        name: np.ascontiguousarray(array.astype(np.int64 if name == "indices" else dtype))
        for name, array in arrays.items()
    }


def _drawn(case: Case) -> dict[str, Array]:
    """Return the arrays of a drawn fill, in the order of the problem's inputs."""
    problem = case.problem
    names = case.fill.split("+")
    shapes = input_shapes(problem)
    arrays: dict[str, Any] = {}
    for which, name in enumerate(("w", "bias", "x", "dy", "pointwise", "indices")):
        if name in shapes:
            arrays[name] = _filled(problem, name, shapes[name], names, _random(case, which))
    return {name: arrays[name] for name in shapes}


def _random(case: Case, which: int) -> Random:
    """Return a generator for one array: a case without its bias keeps its samples."""
    return np.random.Generator(np.random.PCG64([case.seed, which]))


def _filled(
    problem: Problem, name: str, shape: tuple[int, ...], names: list[str], random: Random
) -> Array:
    """Return one array; of complex numbers the parts are drawn one after the other."""
    if problem.is_complex:
        real, imaginary = (_part(problem, name, shape, names, random) for _ in range(2))
        return real + 1j * imaginary
    x = _part(problem, name, shape, names, random)
    return np.abs(x) if problem.dtype in UNSIGNED and "special" not in names else x


def _part(
    problem: Problem, name: str, shape: tuple[int, ...], names: list[str], random: Random
) -> Array:
    if name == "w":
        return _weights(problem, shape, names, random)
    if name == "bias":
        return _bias(shape, names, random)
    if name == "pointwise":
        return _pointwise(problem, shape, names, random)
    if name == "indices":
        return _switches(problem, random)
    if problem.grad and name == "x":
        return _given_samples(problem, shape, names, random)
    return _dealt(problem, shape, names, random)


def _dealt(problem: Problem, shape: tuple[int, ...], names: list[str], random: Random) -> Array:
    """Return x, or dy of a gradient, with the fills dealt out over the batch."""
    if problem.grad in ("w", "bias"):  # what is special in two samples would meet in one sum
        return _sample(problem, shape, names[0], random)
    samples = [_sample(problem, shape[1:], names[n % len(names)], random) for n in range(shape[0])]
    return np.stack(samples) if samples else np.zeros(shape)


def limit(problem: Problem) -> int:
    """Return the largest sum of magnitudes that an output of the fill `integers` may have."""
    dtype = PARTS.get(problem.answer_dtype, problem.answer_dtype)
    table = SUM_LIMIT
    if problem.grad and problem.op in DIVIDING:
        table = GRADIENT_LIMIT
    elif problem.op in AVERAGING:
        table = AVERAGE_LIMIT
    elif problem.op == "lp_pool":
        table = ROOT_LIMIT
    return table.get(dtype, SUM_LIMIT[dtype])


def _format(problem: Problem) -> str:
    """Return the dtype of the elements, of complex ones that of their parts."""
    return PARTS.get(problem.dtype, problem.dtype)


def _sample(problem: Problem, shape: tuple[int, ...], name: str, random: Random) -> Array:
    """Return one item of the batch."""
    if name == "real":
        return _real(problem, shape, random)
    if name == "integers":
        return _integers(problem, shape, random)
    return _special(problem, shape, random)


def _given_samples(
    problem: Problem, shape: tuple[int, ...], names: list[str], random: Random
) -> Array:
    """Return the input at which a gradient is taken; what is special stands in dy."""
    if problem.op == "max_pool":
        a = (2, LARGEST_INTEGER)[int(random.integers(2))]  # 2 makes many ties
        if names == ["real"]:
            return random.permutation(prod(shape)).reshape(shape)  # no ties: any rule will do
        return random.integers(-a, a + 1, shape)
    if names == ["real"]:
        return _real(problem, shape, random)
    if problem.op == "lp_pool":
        return random.integers(-2, 3, shape)  # zeros too: what is the gradient of |0|?
    if names == ["integers"]:
        return _nonzero(random, shape, _amplitude(problem))
    return random.integers(-2, 3, shape)


def _weights(problem: Problem, shape: tuple[int, ...], names: list[str], random: Random) -> Array:
    if problem.op == "distance_pool":
        return random.integers(1, 3 if problem.dtype == "bfloat16" else 5, shape)
    if names == ["real"]:
        return _real(problem, shape, random)
    if names == ["integers"]:
        return _sparse(problem, random, shape, *_weight_budget(problem))
    if not problem.is_float:
        return _whole_range(problem.dtype, shape, random)
    # Weights and samples up to 2 fit beside the samples of the fill `integers` too; some are 0.
    w = _sparse(problem, random, shape, 2, (limit(problem) - 3) // 4)
    w = (w * (random.random(shape) < 0.8)).astype(float)
    # Elsewhere an infinite weight meets the zeros between spread samples: nothing says how.
    plain = problem.op in ("conv", "conv1x1") and not problem.grad
    if names == ["special"] and random.integers(4) == 0 and plain:
        _scatter(w, [np.nan, np.inf, -np.inf][: 1 + int(random.integers(3))], random)
    return w


def _sparse(problem: Problem, random: Random, shape: tuple[int, ...], a: int, most: int) -> Array:
    """Return weights of which at most `most` that meet in one element of the answer are not zero.

    Those that meet share an output channel; for a gradient by x they share an input channel.
    """
    turned = (problem.op == "conv_transpose") != (problem.grad == "x")
    if not turned or len(shape) < 2:
        return _sparse_rows(random, shape, a, most)
    rows = _sparse_rows(random, (shape[1], shape[0], *shape[2:]), a, most)
    return np.swapaxes(rows, 0, 1)


def _bias(shape: tuple[int, ...], names: list[str], random: Random) -> Array:
    if names == ["real"]:
        return random.standard_normal(shape)
    return random.integers(-3, 4, shape)


def _pointwise(problem: Problem, shape: tuple[int, ...], names: list[str], random: Random) -> Array:
    """Return the weights of a separable convolution's second step."""
    if names == ["real"]:
        return _real(problem, shape, random)
    if not problem.is_float and names == ["special"]:
        return _whole_range(problem.dtype, shape, random)
    a = _amplitude(problem) if names == ["integers"] else 1
    largest = a if names == ["integers"] else 2
    met = (limit(problem) - 3) // (largest * largest * a * max(1, prod(problem.kernel_size)))
    return _sparse_rows(random, shape, a, max(1, met))


def _switches(problem: Problem, random: Random) -> Array:
    """Return the indices of the maxima of a tensor that pools to the problem's input."""
    window: dict[str, Any] = {"stride": problem.stride, "padding": problem.padding}
    try:
        size = unpooled_size(problem.x, problem.kernel, output=problem.output, **window)
    except InvalidProblem:
        return np.zeros(problem.x)
    shape = (*problem.x[:2], *size)
    pooled = Tensor(shape, random.integers(-9, 10, prod(shape)).tolist())
    ones = (1,) * problem.rank
    indices = max_pool(pooled, problem.kernel, dilation=ones, **window).indices()
    return np.array(indices.values, np.int64).reshape(indices.shape)


def _weight_budget(problem: Problem) -> tuple[int, int]:
    """Return (largest weight, non-zero weights of one output channel) that fit the limit.

    With samples up to a, weights up to a and s of them, a * a * s + 3 for the bias fits.
    """
    room = limit(problem) - 3
    terms = terms_each(problem)
    a = _amplitude(problem)
    parts = 4 if problem.is_complex else 1
    return a, max(1, min(terms, room // (a * a * parts)))


def _amplitude(problem: Problem) -> int:
    """Return the largest sample of an integer convolution."""
    room = (limit(problem) - 3) // terms_each(problem)
    a = _root(room, 3) if problem.op == "separable_conv" else isqrt(room)
    return max(1, min(LARGEST_INTEGER, a))


def _sparse_rows(random: Random, shape: tuple[int, ...], a: int, most: int) -> Array:
    """Return whole numbers in [-a, a] with at most `most` of them not zero in each row."""
    w = _nonzero(random, shape, a)
    row = prod(shape[1:])
    if row > most:
        order = random.permuted(np.broadcast_to(np.arange(row), (shape[0], row)), axis=1)
        w = np.where(order.reshape(shape) < most, w, 0)
    return w


def _nonzero(random: Random, shape: tuple[int, ...], a: int) -> Array:
    """Return whole numbers in [-a, a] without 0: a lost tap always shows."""
    x: Array = random.integers(1, a + 1, shape) * random.choice((-1, 1), shape)
    return x


def _integers(problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    if problem.op in (*CONVOLVING, "separable_conv"):
        if problem.grad in ("w", "bias"):
            # What adds up does so over the whole batch and all places: the rows of a channel.
            turned = (shape[1], shape[0], *shape[2:])
            rows = _sparse_rows(random, turned, _amplitude(problem), _weight_budget(problem)[1])
            return np.swapaxes(rows, 0, 1)
        return _nonzero(random, shape, _amplitude(problem))
    exact = problem.op in (*MAXIMUM, "unfold") and not problem.grad
    if exact or not problem.is_float:
        a = (2, LARGEST_INTEGER)[int(random.integers(2))]  # 2 makes many ties
        return random.integers(-a, a + 1, shape)
    heaviest = (2 if problem.dtype == "bfloat16" else 4) if problem.op == "distance_pool" else 1
    power = int(problem.p) if problem.op == "lp_pool" and problem.p != np.inf else 1
    room = limit(problem) // heaviest
    a = min(LARGEST_INTEGER, _root(room // max(1, terms_each(problem)), power))
    if a >= 1:
        return _nonzero(random, shape, a)
    return _sparse_planes(random, shape, room)


def _root(number: int, power: int) -> int:
    """Return the largest whole number whose power is at most `number`."""
    a = 0
    while (a + 1) ** power <= number and a < LARGEST_INTEGER:
        a += 1
    return a


def _sparse_planes(random: Random, shape: tuple[int, ...], most: int) -> Array:
    """Return ones and minus ones among zeros, at most `most` of them in each plane."""
    x = np.zeros((shape[0], prod(shape[1:])))
    count = min(most, x.shape[1])
    for plane in x:
        places = random.choice(plane.size, count, replace=False)
        plane[places] = random.choice((-1, 1), count)
    return x.reshape(shape)


def _special(problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    """Return a sample of one theme, drawn by the seed."""
    if not problem.is_float:
        return _whole_range(problem.dtype, shape, random)
    themes: list[Callable[[Problem, tuple[int, ...], Random], Array]] = [_nan, _infinite, _zeros]
    if problem.op != "lp_pool":  # a power of these leaves the range: no meaning is at stake
        themes.append(_subnormal)
        # A separable convolution's first step alone would overflow; a padding mode would repeat it.
        if problem.op != "separable_conv" and problem.padding_mode == "zeros":
            themes.append(_largest)
    if problem.op in MAXIMUM and not problem.grad:
        themes.append(_lowest)
    return themes[int(random.integers(len(themes)))](problem, shape, random)


def _small(problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    if problem.op in DIVIDING:
        return _integers(problem, shape, random).astype(float)
    return random.integers(-2, 3, shape).astype(float)


def _nan(problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    return _scatter(_small(problem, shape, random), [np.nan], random)


def _infinite(problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    which = ([np.inf], [-np.inf], [np.inf, -np.inf])[int(random.integers(3))]
    return _scatter(_small(problem, shape, random), which, random)


def _zeros(_problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    return random.choice((0.0, -0.0, 0.0, -0.0, 1.0, -1.0), shape)


def _subnormal(problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    tiny = float(FORMATS[_format(problem)].subnormal)
    return random.integers(-3, 4, shape) * tiny


def _largest(problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    """Return zeros and a single largest number: beside others the order of the sum would count."""
    x = np.zeros(shape)
    if x.size:
        largest = float(FORMATS[_format(problem)].largest)
        x.flat[random.integers(x.size)] = random.choice((largest, -largest))
    return x


def _lowest(_problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    """Return minus infinities with few numbers between: windows where nothing is larger."""
    return np.where(random.random(shape) < 0.125, random.integers(-2, 3, shape), -np.inf)


def _scatter(x: Array, values: list[float], random: Random) -> Array:
    """Put the values at about an eighth of the places, at least one; change and return x."""
    if x.size:
        places = random.choice(x.size, max(1, x.size // 8), replace=False)
        x.flat[places] = random.choice(values, places.size)
    return x


def _whole_range(dtype: str, shape: tuple[int, ...], random: Random) -> Array:
    """Return integers over the whole range of the dtype, its ends among them."""
    if dtype in UNSIGNED:
        top = 2 ** UNSIGNED[dtype]
        return _scatter(random.integers(0, top, shape), [0, top - 1], random)
    half = 2 ** (BITS[dtype] - 1)
    x = random.integers(-half, half, shape, dtype=np.int64, endpoint=False)
    return _scatter(x, [-half, half - 1], random)


def _real(problem: Problem, shape: tuple[int, ...], random: Random) -> Array:
    theme = int(random.integers(5))
    x = random.standard_normal(shape)
    width = {"float16": 3, "bfloat16": 12, "float32": 12, "float64": 40}[_format(problem)]
    if theme == 1:
        x = np.abs(x)
    elif theme == 2 and x.size:  # cancelling: neighbours of nearly equal size and opposite sign
        x = (1 + 1e-3 * x) * np.where(np.arange(x.size).reshape(shape) % 2, 1, -1)
    elif theme == 3:
        x = x * 2.0 ** random.integers(-width, width + 1, shape)
    elif theme == 4 and x.size:
        x = x * 1e-2
        x.flat[random.integers(x.size)] = 2.0**width
    return x
