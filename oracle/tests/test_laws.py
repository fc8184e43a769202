"""Laws that hold whatever the numbers are. Whole numbers, so that every sum is exact."""

from fractions import Fraction
from itertools import product
from math import inf, prod

from hypothesis import given, settings
from hypothesis import strategies as st

from convoracle import Tensor, avg_pool, conv, conv1x1, distance_pool, lp_pool, max_pool, slide
from convoracle.tensor import flat_index, positions

settings.register_profile("laws", max_examples=60, deadline=None, derandomize=True)
LAW = settings.get_profile("laws")
SPATIAL = {1: 7, 2: 4}  # the largest size of an axis, by rank


@st.composite
def tensors(draw, shape, least=-9, most=9):
    """Return whole numbers, as floats: their sums are exact in any dtype here."""
    numbers = st.integers(least, most).map(float)
    return Tensor(tuple(shape), draw(st.lists(numbers, min_size=prod(shape), max_size=prod(shape))))


@st.composite
def windows(draw, rank=None):
    """Return the spatial sizes, the kernel sizes and the attributes of a sliding window."""
    rank = rank or draw(st.integers(1, 2))

    def per_axis(strategy):
        return tuple(draw(strategy) for _ in range(rank))

    sides = st.tuples(st.integers(0, 2), st.integers(0, 2))
    words = st.sampled_from(["valid", "same", "same_upper", "same_lower"])
    attributes = {
        "stride": per_axis(st.integers(1, 3)),
        "padding": draw(st.one_of(words, st.just(per_axis(sides)))),
        "dilation": per_axis(st.integers(1, 2)),
    }
    return per_axis(st.integers(1, SPATIAL[rank])), per_axis(st.integers(1, 3)), attributes


@st.composite
def convolutions(draw, rank=None, groups=1):
    """Return x, w and the attributes of a convolution."""
    spatial, kernel, attributes = draw(windows(rank))
    depth, width = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    x = draw(tensors((draw(st.integers(1, 2)), depth * groups, *spatial)))
    return x, draw(tensors((width * groups, depth, *kernel))), attributes


@st.composite
def pools(draw, rank=None, least=-9):
    """Return x, the kernel sizes and the attributes of a pool."""
    spatial, kernel, attributes = draw(windows(rank))
    x = draw(tensors((1, draw(st.integers(1, 2)), *spatial), least))
    return x, kernel, {**attributes, "ceil_mode": draw(st.booleans())}


def values(op):
    return list(op.result().values)


def mapped(function, *many):
    """Apply a function to the elements at the same place."""
    columns = zip(*(tensor.values for tensor in many), strict=True)
    return Tensor(many[0].shape, [function(*each) for each in columns])


def built(shape, element):
    """Return the tensor whose element at each position is element(position)."""
    return Tensor(tuple(shape), [element(position) for position in positions(shape)])


def at(tensor, position):
    return tensor.values[flat_index(position, tensor.shape)]


def channels(tensor, axis, start, stop):
    """Return the part start:stop of axis 0 or 1."""
    shape = list(tensor.shape)
    shape[axis] = stop - start

    def element(position):
        place = list(position)
        place[axis] += start
        return at(tensor, place)

    return built(shape, element)


def sides_of(attributes, spatial, kernel):
    """Return explicit pairs that stand for the padding."""
    rest = {name: attributes[name] for name in ("stride", "padding", "dilation")}
    return [(axis.before, axis.after) for axis in slide(spatial, kernel, **rest)]


def padded(x, sides, fill=0.0):
    """Return a copy with the padding written into it."""
    inner = x.shape[2:]
    outer = [size + before + after for size, (before, after) in zip(inner, sides, strict=True)]

    def element(position):
        place = [i - before for i, (before, _) in zip(position[2:], sides, strict=True)]
        inside = all(0 <= i < size for i, size in zip(place, inner, strict=True))
        return at(x, (*position[:2], *place)) if inside else fill

    return built((*x.shape[:2], *outer), element)


def reversed_spatially(tensor):
    def element(position):
        flipped = [size - 1 - i for i, size in zip(position[2:], tensor.shape[2:], strict=True)]
        return at(tensor, (*position[:2], *flipped))

    return built(tensor.shape, element)


@LAW
@given(convolutions(), st.data(), st.integers(-3, 3))
def test_a_convolution_is_linear_in_its_input(problem, data, factor):
    x, w, attributes = problem
    other = data.draw(tensors(x.shape))
    mixed = mapped(lambda a, b: a + factor * b, x, other)
    one, two = (conv(each, w, **attributes).result() for each in (x, other))
    assert conv(mixed, w, **attributes).result() == mapped(lambda a, b: a + factor * b, one, two)


@LAW
@given(convolutions(), st.data(), st.integers(-3, 3))
def test_a_convolution_is_linear_in_its_weight(problem, data, factor):
    x, w, attributes = problem
    other = data.draw(tensors(w.shape))
    mixed = mapped(lambda a, b: a + factor * b, w, other)
    one, two = (conv(x, each, **attributes).result() for each in (w, other))
    assert conv(x, mixed, **attributes).result() == mapped(lambda a, b: a + factor * b, one, two)


@LAW
@given(convolutions(), st.data())
def test_conv_bias_is_added_to_every_element_of_its_channel(problem, data):
    x, w, attributes = problem
    bias = data.draw(tensors((w.shape[0],)))
    plain = conv(x, w, **attributes).result()
    assert conv(x, w, bias, **attributes).result() == built(
        plain.shape, lambda position: at(plain, position) + bias.values[position[1]]
    )


@LAW
@given(convolutions(rank=1), st.integers(1, 3))
def test_a_shift_of_the_input_by_strides_is_a_shift_of_the_output(problem, steps):
    """Zeros ahead of the input: the windows behind them see what the first ones saw."""
    x, w, attributes = problem
    before, after = sides_of(attributes, x.shape[2:], w.shape[2:])[0]
    attributes = {**attributes, "padding": [(before, after)]}
    moved = padded(x, [(steps * attributes["stride"][0], 0)])
    plain, shifted = (conv(each, w, **attributes).result() for each in (x, moved))
    if plain.shape[2]:
        assert shifted.shape[2] == plain.shape[2] + steps
        tail = shifted.nested()
        assert [[m[steps:] for m in n] for n in tail] == plain.nested()


@LAW
@given(st.data(), st.integers(1, 2))
def test_the_kernel_with_one_1_in_its_middle_is_the_identity(data, rank):
    spatial = [data.draw(st.integers(1, 5)) for _ in range(rank)]
    x = data.draw(tensors((1, 1, *spatial)))
    w = built((1, 1, *[3] * rank), lambda position: float(all(k == 1 for k in position[2:])))
    ones = (1,) * rank
    for padding in ("same", [(1, 1)] * rank):
        assert conv(x, w, stride=ones, padding=padding, dilation=ones).result() == x


@LAW
@given(st.data(), st.integers(1, 3), st.booleans())
def test_conv1x1_product_is_a_convolution_with_a_kernel_of_ones_in_every_axis(data, rank, biased):
    N, C, M = (data.draw(st.integers(0, 3)) for _ in range(3))
    spatial = [data.draw(st.integers(0, 3)) for _ in range(rank)]
    x, w = data.draw(tensors((N, C, *spatial))), data.draw(tensors((M, C)))
    bias = data.draw(tensors((M,))) if biased else None
    ones = (1,) * rank
    wide = Tensor((M, C, *ones), w.values)
    assert conv1x1(x, w, bias).result() == conv(x, wide, bias, stride=ones, dilation=ones).result()


@LAW
@given(st.data(), st.integers(1, 3))
def test_conv_groups_are_separate_convolutions_side_by_side(data, groups):
    x, w, attributes = data.draw(convolutions(groups=groups))
    depth, width = w.shape[1], w.shape[0] // groups
    whole = conv(x, w, groups=groups, **attributes).result()
    for group in range(groups):
        part = conv(
            channels(x, 1, group * depth, (group + 1) * depth),
            channels(w, 0, group * width, (group + 1) * width),
            **attributes,
        )
        assert part.result() == channels(whole, 1, group * width, (group + 1) * width)


@LAW
@given(st.data(), st.integers(1, 3))
def test_a_grouped_convolution_is_one_with_zero_weights_between_the_groups(data, groups):
    x, w, attributes = data.draw(convolutions(groups=groups))
    depth, width = w.shape[1], w.shape[0] // groups

    def element(position):
        m, c, *k = position
        return at(w, (m, c % depth, *k)) if c // depth == m // width else 0.0

    full = built((w.shape[0], x.shape[1], *w.shape[2:]), element)
    assert conv(x, w, groups=groups, **attributes).result() == conv(x, full, **attributes).result()


@LAW
@given(st.data(), st.integers(1, 3), st.integers(1, 2))
def test_a_depthwise_convolution_is_a_convolution_of_each_channel_alone(data, C, multiplier):
    spatial, kernel, attributes = data.draw(windows())
    x = data.draw(tensors((1, C, *spatial)))
    w = data.draw(tensors((C * multiplier, 1, *kernel)))
    whole = conv(x, w, groups=C, **attributes).result()
    for m in range(C * multiplier):
        c = m // multiplier
        alone = conv(channels(x, 1, c, c + 1), channels(w, 0, m, m + 1), **attributes)
        assert alone.result() == channels(whole, 1, m, m + 1)


@LAW
@given(convolutions())
def test_padding_zero_is_the_convolution_of_a_padded_copy(problem):
    x, w, attributes = problem
    copy = padded(x, sides_of(attributes, x.shape[2:], w.shape[2:]))
    valid = {**attributes, "padding": "valid"}
    assert conv(x, w, **attributes).result() == conv(copy, w, **valid).result()


@LAW
@given(convolutions())
def test_window_dilation_is_a_kernel_with_zeros_between_its_taps(problem):
    x, w, attributes = problem
    dilation = attributes["dilation"]
    extents = [d * (size - 1) + 1 for d, size in zip(dilation, w.shape[2:], strict=True)]

    def element(position):
        m, c, *k = position
        on_tap = all(place % d == 0 for place, d in zip(k, dilation, strict=True))
        return at(w, (m, c, *[p // d for p, d in zip(k, dilation, strict=True)])) if on_tap else 0.0

    wide = built((*w.shape[:2], *extents), element)
    plain = {**attributes, "dilation": (1,) * len(dilation)}
    assert conv(x, w, **attributes).result() == conv(x, wide, **plain).result()


@LAW
@given(convolutions())
def test_window_stride_takes_every_nth_element_of_stride_1(problem):
    x, w, attributes = problem
    sides = sides_of(attributes, x.shape[2:], w.shape[2:])
    every = {**attributes, "padding": sides, "stride": (1,) * len(sides)}
    dense, sparse = conv(x, w, **every).result(), conv(x, w, **attributes).result()
    stride = attributes["stride"]

    def element(position):
        n, m, *o = position
        return at(dense, (n, m, *[each * s for each, s in zip(o, stride, strict=True)]))

    assert sparse == built(sparse.shape, element)
    counts = [len(range(0, size, s)) for size, s in zip(dense.shape[2:], stride, strict=True)]
    assert list(sparse.shape[2:]) == counts


@LAW
@given(pools())
def test_max_value_of_the_negated_input_is_the_negated_least_sample(problem):
    x, kernel, attributes = problem
    attributes = {**attributes, "padding": "valid"}
    negated = max_pool(mapped(lambda sample: -sample, x), kernel, **attributes)
    lowest = max_pool(x, kernel, **attributes)
    least = [-min(lowest.terms(position)) for position in positions(lowest.shape)]
    assert values(negated) == least


@LAW
@given(pools())
def test_max_padding_is_the_maximum_of_a_copy_padded_with_minus_infinity(problem):
    x, kernel, attributes = problem
    attributes["ceil_mode"] = False
    copy = padded(x, sides_of(attributes, x.shape[2:], kernel), fill=-inf)
    valid = {**attributes, "padding": "valid"}
    assert max_pool(x, kernel, **attributes).result() == max_pool(copy, kernel, **valid).result()


@LAW
@given(pools())
def test_max_index_names_a_sample_that_is_the_maximum(problem):
    x, kernel, attributes = problem
    op = max_pool(x, kernel, **attributes)
    for position in positions(op.shape):
        index = op.index(position)
        if index < 0:
            assert op.value(position) == -inf
        else:
            assert x.block(*position[:2])[index] == op.value(position)


@LAW
@given(pools(least=0))
def test_avg_value_is_the_l1_norm_over_the_divisor_where_no_sample_is_negative(problem):
    x, kernel, attributes = problem
    mean, norm = avg_pool(x, kernel, **attributes), lp_pool(x, kernel, p=1, **attributes)
    for position in positions(mean.shape):
        divisor = len(mean.terms(position))
        if divisor:
            assert mean.exact(position) == Fraction(norm.exact(position)) / divisor


@LAW
@given(pools())
def test_avg_divisor_with_padding_is_a_depthwise_convolution_with_a_uniform_kernel(problem):
    x, kernel, attributes = problem
    del attributes["ceil_mode"]
    mean = avg_pool(x, kernel, count_include_pad=True, **attributes)
    ones = Tensor((x.shape[1], 1, *kernel), [1.0] * (x.shape[1] * prod(kernel)))
    total = conv(x, ones, groups=x.shape[1], **attributes)
    assert mean.shape == total.shape
    for position in positions(mean.shape):
        assert mean.exact(position) == Fraction(total.exact(position)) / prod(kernel)


@LAW
@given(pools())
def test_avg_divisor_without_padding_is_the_convolution_of_the_samples_by_that_of_ones(problem):
    x, kernel, attributes = problem
    del attributes["ceil_mode"]
    mean, C = avg_pool(x, kernel, **attributes), x.shape[1]
    ones = Tensor((C, 1, *kernel), [1.0] * (C * prod(kernel)))
    total = conv(x, ones, groups=C, **attributes)
    taps = conv(mapped(lambda _: 1.0, x), ones, groups=C, **attributes)
    for position in positions(mean.shape):
        divisor = Fraction(taps.exact(position))
        if divisor:
            assert mean.exact(position) == Fraction(total.exact(position)) / divisor


@LAW
@given(pools())
def test_lp_value_with_p_inf_is_the_maximum_of_magnitudes(problem):
    x, kernel, attributes = problem
    norm = lp_pool(x, kernel, p=inf, **attributes)
    most = max_pool(mapped(abs, x), kernel, **attributes)
    assert values(norm) == [max(0.0, value) for value in values(most)]


@LAW
@given(pools(), st.integers(1, 4))
def test_lp_value_falls_with_p_and_is_never_less_than_the_largest_magnitude(problem, p):
    x, kernel, attributes = problem
    norms = [values(lp_pool(x, kernel, p=each, **attributes)) for each in (p, p + 1, inf)]
    assert all(a >= b >= c for a, b, c in zip(*norms, strict=True))


@LAW
@given(pools(), st.integers(1, 5), st.booleans())
def test_distance_weight_equal_for_every_tap_gives_the_average(problem, weight, counted):
    x, kernel, attributes = problem
    w = Tensor(tuple(kernel), [float(weight)] * prod(kernel))
    weighted = distance_pool(x, w, count_include_pad=counted, **attributes)
    mean = avg_pool(x, kernel, count_include_pad=counted, **attributes)
    assert list(map(str, values(weighted))) == list(map(str, values(mean)))


@LAW
@given(pools(), st.data(), st.booleans())
def test_distance_value_is_a_quotient_of_two_convolutions(problem, data, counted):
    x, kernel, attributes = problem
    del attributes["ceil_mode"]
    w, C = data.draw(tensors(kernel, least=1)), x.shape[1]
    deep = Tensor((C, 1, *kernel), list(w.values) * C)
    op = distance_pool(x, w, count_include_pad=counted, **attributes)
    total = conv(x, deep, groups=C, **attributes)
    weights = conv(mapped(lambda _: 1.0, x), deep, groups=C, **attributes)
    for position in positions(op.shape):
        divisor = Fraction(sum(w.values) if counted else weights.exact(position))
        if divisor:
            assert op.exact(position) == Fraction(total.exact(position)) / divisor


@LAW
@given(convolutions())
def test_padding_same_side_lower_is_the_mirror_of_upper_where_no_sample_is_left_over(problem):
    """The mirror of the input, of the kernel and of the output."""
    x, w, attributes = problem
    upper, lower = ({**attributes, "padding": side} for side in ("same_upper", "same_lower"))
    sides = sides_of(upper, x.shape[2:], w.shape[2:])
    exact = [
        before + size + after - dilation * (taps - 1) - 1 == (count - 1) * stride
        for (before, after), size, taps, stride, dilation, count in zip(
            sides, x.shape[2:], w.shape[2:], attributes["stride"], attributes["dilation"],
            conv(x, w, **upper).shape[2:], strict=True,
        )
    ]  # fmt: skip
    if all(exact):  # else samples are left over behind the last window, none ahead of window 0
        mirrored = conv(reversed_spatially(x), reversed_spatially(w), **lower).result()
        assert reversed_spatially(mirrored) == conv(x, w, **upper).result()


@LAW
@given(convolutions(rank=1), st.integers(0, 1))
def test_an_axis_of_size_1_under_a_kernel_of_size_1_changes_nothing(problem, place):
    x, w, attributes = problem

    def widened(shape):
        shape = list(shape)
        shape.insert(2 + place, 1)
        return tuple(shape)

    wide = {
        name: widened((0, 0, *value))[2:] if name != "padding" else value
        for name, value in attributes.items()
    }
    if not isinstance(attributes["padding"], str):
        sides = list(attributes["padding"])
        sides.insert(place, (0, 0))
        wide["padding"] = sides
    flat = conv(x, w, **attributes).result()
    op = conv(Tensor(widened(x.shape), x.values), Tensor(widened(w.shape), w.values), **wide)
    assert op.result() == Tensor(widened(flat.shape), flat.values)


@LAW
@given(pools(rank=1))
def test_a_pool_over_an_axis_of_size_1_is_the_pool_of_rank_1(problem):
    x, kernel, attributes = problem
    wide = {**attributes, "stride": (1, *attributes["stride"])}
    wide["dilation"] = (1, *attributes["dilation"])
    if not isinstance(attributes["padding"], str):
        wide["padding"] = ((0, 0), *attributes["padding"])
    deep = Tensor((*x.shape[:2], 1, *x.shape[2:]), x.values)
    for pool in (max_pool, avg_pool, lp_pool):
        flat = pool(x, kernel, **attributes)
        op = pool(deep, (1, *kernel), **wide)
        assert op.shape == (*flat.shape[:2], 1, *flat.shape[2:])
        assert list(map(str, values(op))) == list(map(str, values(flat)))


@LAW
@given(convolutions())
def test_the_batch_is_computed_one_sample_at_a_time(problem):
    x, w, attributes = problem
    whole = conv(x, w, **attributes).result()
    for n in range(x.shape[0]):
        alone = conv(channels(x, 0, n, n + 1), w, **attributes).result()
        assert alone == channels(whole, 0, n, n + 1)


@LAW
@given(convolutions(), st.sampled_from(["float32", "float64"]))
def test_integers_and_floats_agree_on_whole_numbers(problem, dtype):
    x, w, attributes = problem
    whole = [mapped(int, each) for each in (x, w)]
    wide = conv(*whole, dtype="int64", **attributes)
    assert values(wide) == values(conv(x, w, dtype=dtype, **attributes))


def test_every_element_has_exactly_one_term_for_each_tap_and_channel():
    x, w = Tensor((1, 2, 3, 3), [1.0] * 18), Tensor((1, 2, 2, 2), [1.0] * 8)
    op = conv(x, w, stride=(1, 1), padding="same", dilation=(1, 1))
    counts = {len(op.terms((0, 0, *o))) for o in product(range(3), range(3))}
    assert counts == {8}
