"""The corpus is checked against the papers' counts and a size formula of this file's own."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from convformance.corpus import Entry, load, read
from convformance.problem import Case, Problem

ENTRIES = load()
LAYERS = {layer: entry for entry in ENTRIES for layer in entry.layers}

# Network: convolutions, pools; each number counted in the table or figure that the file names.
COUNTS = {
    "alexnet": (5, 3),
    "googlenet": (57 + 2, 4 + 9 + 1 + 2),  # the two last of each serve the auxiliary classifiers
    "lenet5": (3, 2),
    "mobilenet_v1": (1 + 13 + 13, 1),
    "resnet50": (1 + 3 * (3 + 4 + 6 + 3) + 4, 2),
    "vgg16": (13, 5),
    "zfnet": (5, 3),
}

# Frameworks and ops with conventions of their own, and what each file must hold of them.
CONVENTIONS = {
    "adaptive": lambda one: one.op.startswith("adaptive") and one.x[2:] != one.output,
    "caffe": lambda one: one.ceil_mode and one.padding != "valid",
    "keras": lambda one: one.padding == "causal" and one.dilation != (1,),
    "onnx": lambda one: str(one.padding).startswith("same") and min(one.stride) > max(one.w[2:]),
    "pytorch": lambda one: any(one.output_padding),
    "tensorflow": lambda one: one.padding == "same_upper" and min(one.dilation) > 1,
}

RESNET_BLOCKS = [f"conv{stage}_{i}" for stage, n in ((2, 3), (3, 4), (4, 6), (5, 3))
                 for i in range(1, n + 1)]  # fmt: skip
CHAINS = {
    "alexnet": "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5",
    "lenet5": "c1 s2 c3 s4 c5",
    "mobilenet_v1": " ".join(["conv0", *(f"dw{i} pw{i}" for i in range(1, 14)), "pool"]),
    "googlenet": "conv1 pool1 conv2_reduce conv2 pool2",  # from there on it branches
    "resnet50": " ".join(["conv1 pool1", *(f"{b}a {b}b {b}c" for b in RESNET_BLOCKS), "pool5"]),
    "vgg16": "conv1_1 conv1_2 pool1 conv2_1 conv2_2 pool2 conv3_1 conv3_2 conv3_3 pool3 "
    "conv4_1 conv4_2 conv4_3 pool4 conv5_1 conv5_2 conv5_3 pool5",
    "zfnet": "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5",
}
INCEPTIONS = {  # and what lies below each
    "3a": "googlenet.pool2", "3b": "3a", "4a": "googlenet.pool3", "4b": "4a", "4c": "4b",
    "4d": "4c", "4e": "4d", "5a": "googlenet.pool4", "5b": "5a",
}  # fmt: skip


def inputs(entry: Entry) -> tuple[int, ...]:
    """Return (C, *spatial) of the input."""
    return entry.case.problem.x[1:]


def outputs(entry: Entry) -> tuple[int, ...]:
    """Return (M, *spatial) of the published output; a pool keeps the channels."""
    problem = entry.case.problem
    return (problem.w[0] if problem.op.startswith("conv") else problem.x[1], *entry.output)


def counted_windows(problem: Problem, axis: int) -> int:
    """Put the windows down one after another, instead of dividing."""
    size, step = problem.x[2 + axis], problem.stride[axis]
    if problem.padding in ("same_upper", "same_lower"):
        return len(range(0, size, step))
    before, after = (0, 0) if isinstance(problem.padding, str) else problem.padding[axis]
    last_tap = problem.dilation[axis] * (problem.kernel_size[axis] - 1)
    if problem.padding == "causal":
        before = last_tap
    start, fitting = -before, 0
    while start + last_tap < size + after:
        start, fitting = start + step, fitting + 1
    partial = start - step + last_tap != size + after - 1 and start < size
    return fitting + (problem.ceil_mode and partial)


def touched_positions(problem: Problem, axis: int) -> int:
    """Collect the positions that a transposed convolution touches, and crop them."""
    size, step = problem.x[2 + axis], problem.stride[axis]
    if str(problem.padding).startswith("same"):
        return size * step + problem.output_padding[axis]
    before, after = (0, 0) if isinstance(problem.padding, str) else problem.padding[axis]
    taps = range(0, problem.dilation[axis] * problem.kernel_size[axis], problem.dilation[axis])
    last = max(start + tap for start in range(0, size * step, step) for tap in taps)
    return len(range(before, last + 1 - after)) + problem.output_padding[axis]


def expected_size(problem: Problem, axis: int) -> int:
    if problem.op == "conv_transpose":
        return touched_positions(problem, axis)
    if problem.output:
        return problem.output[axis]  # it is asked for
    if problem.op == "max_unpool":  # the least size whose windows are as many
        whole = Problem("max_pool", (1, 1, 1), kernel=problem.kernel[axis : axis + 1],
                        stride=problem.stride[axis : axis + 1])  # fmt: skip
        sizes = (replace(whole, x=(1, 1, size)) for size in count(1))
        return next(one.x[2] for one in sizes if counted_windows(one, 0) == problem.x[2 + axis])
    return counted_windows(problem, axis)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_published_size_is_the_number_of_windows_that_fit(entry: Entry) -> None:
    problem = entry.case.problem
    assert entry.output == tuple(expected_size(problem, axis) for axis in range(problem.rank))


def test_every_network_every_convention_and_the_guide_is_there() -> None:
    named = {entry.name.partition(".")[0] for entry in ENTRIES}
    assert {*COUNTS, *CONVENTIONS, "dumoulin"} == named


@pytest.mark.parametrize("framework", CONVENTIONS)
def test_a_framework_is_there_with_the_convention_that_it_is_known_for(framework: str) -> None:
    found = [entry for entry in ENTRIES if entry.file == f"{framework}.txt"]
    assert any(CONVENTIONS[framework](entry.case.problem) for entry in found)
    assert 8 <= len(found) <= 24


def test_an_unpooling_to_a_given_size_pools_back_to_its_input() -> None:
    found = [e.case.problem for e in ENTRIES if e.case.problem.op == "max_unpool"]
    given = [one for one in found if one.output]
    assert given
    for one in given:
        pooled = Problem("max_pool", (*one.x[:2], *one.output), kernel=one.kernel,
                         stride=one.stride)  # fmt: skip
        assert one.x[2:] == tuple(counted_windows(pooled, a) for a in range(one.rank))


def test_an_entry_is_named_after_its_file() -> None:
    assert all(entry.name.startswith(entry.file.removesuffix(".txt") + ".") for entry in ENTRIES)


def test_names_and_layers_are_unique() -> None:
    assert len(ENTRIES) == len({entry.name for entry in ENTRIES})
    assert len(LAYERS) == sum(len(entry.layers) for entry in ENTRIES)


def test_no_geometry_stands_twice_in_a_file() -> None:
    assert len(ENTRIES) == len({(entry.file, entry.case.line) for entry in ENTRIES})


def test_every_case_is_float32_with_integers() -> None:
    found = {(entry.case.problem.dtype, entry.case.fill, entry.case.seed) for entry in ENTRIES}
    assert found == {("float32", "integers", 0)}


@pytest.mark.parametrize("network", COUNTS)
def test_a_network_has_as_many_layers_as_published(network: str) -> None:
    ops = [entry.case.problem.op for layer, entry in LAYERS.items()
           if layer.startswith(network + ".")]  # fmt: skip
    convolutions = sum(op.startswith("conv") for op in ops)
    assert COUNTS[network] == (convolutions, len(ops) - convolutions)


@pytest.mark.parametrize("network", CHAINS)
def test_a_layer_reads_what_the_layer_before_it_gives(network: str) -> None:
    chain = [LAYERS[f"{network}.{layer}"] for layer in CHAINS[network].split()]
    assert [outputs(one) for one in chain[:-1]] == [inputs(one) for one in chain[1:]]


@pytest.mark.parametrize("network", sorted(CHAINS.keys() - {"resnet50", "googlenet"}))
def test_a_sequential_network_has_no_layer_outside_its_chain(network: str) -> None:
    named = [f"{network}.{layer}" for layer in CHAINS[network].split()]
    assert set(named) == {layer for layer in LAYERS if layer.startswith(network + ".")}


@pytest.mark.parametrize("stage", [2, 3, 4, 5])
def test_a_projection_takes_the_block_input_to_the_block_output(stage: int) -> None:
    first, last, shortcut = (LAYERS[f"resnet50.conv{stage}_1{part}"] for part in "acp")
    assert inputs(first) == inputs(shortcut)
    assert outputs(last) == outputs(shortcut)


def inception(key: str) -> dict[str, Entry]:
    parts = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool", "pool_proj")
    return {part: LAYERS[f"googlenet.{key}_{part}"] for part in parts}


def concatenated(module: dict[str, Entry]) -> tuple[int, ...]:
    """Return (C, *spatial) of the four branches side by side."""
    ends = [outputs(module[part]) for part in ("1x1", "3x3", "5x5", "pool_proj")]
    (spatial,) = {end[1:] for end in ends}
    return (sum(end[0] for end in ends), *spatial)


@pytest.mark.parametrize("key", INCEPTIONS)
def test_the_second_layer_of_an_inception_branch_reads_the_first(key: str) -> None:
    module = inception(key)
    for first, second in (("3x3_reduce", "3x3"), ("5x5_reduce", "5x5"), ("pool", "pool_proj")):
        assert outputs(module[first]) == inputs(module[second])


@pytest.mark.parametrize("key", INCEPTIONS)
def test_all_branches_of_an_inception_module_read_what_lies_below(key: str) -> None:
    module, below = inception(key), INCEPTIONS[key]
    flow = outputs(LAYERS[below]) if below in LAYERS else concatenated(inception(below))
    for part in ("1x1", "3x3_reduce", "5x5_reduce", "pool"):
        assert flow == inputs(module[part])


@pytest.mark.parametrize(
    ("key", "pool"), [("3b", "pool3"), ("4e", "pool4"), ("5b", "pool5"),
                      ("4a", "aux4a_pool"), ("4d", "aux4d_pool")]
)  # fmt: skip
def test_a_pool_on_an_inception_module_reads_its_concatenation(key: str, pool: str) -> None:
    assert concatenated(inception(key)) == inputs(LAYERS[f"googlenet.{pool}"])


@pytest.mark.parametrize("key", ["4a", "4d"])
def test_an_auxiliary_convolution_reads_its_pool(key: str) -> None:
    pool, conv = (LAYERS[f"googlenet.aux{key}_{part}"] for part in ("pool", "conv"))
    assert outputs(pool) == inputs(conv)


def test_all_relationships_that_are_not_of_transposed_convolutions_are_covered() -> None:
    guide = {layer.partition(".")[2] for layer in LAYERS if layer.startswith("dumoulin.")}
    assert {name.partition("_")[0] for name in guide} == {
        *(f"rel{number}" for number in range(1, 8)),
        "rel15",
    }
    for number in (*range(1, 8), 15):
        assert {f"rel{number}_1d", f"rel{number}_3d"} <= guide


GOOD = "net.a+b | max_pool x=1x1x4x4 kernel=2x2 float32 fill=integers#0 | 3x3 | by hand"


def test_comments_and_blank_lines_are_no_entries() -> None:
    (entry,) = read({"net.txt": f"# a comment\n\n   \n{GOOD}\n"})
    case = Case(Problem("max_pool", x=(1, 1, 4, 4), kernel=(2, 2)))
    assert entry == Entry("net.a+b", case, (3, 3), "by hand", "net.txt")
    assert entry.layers == ("net.a", "net.b")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD.removesuffix(" | by hand"), "an entry looks like"),
        (GOOD.replace("by hand", ""), "an entry looks like"),
        (GOOD.replace("net.a+b", "a b"), "'a b' does not look like network.layer"),
        (GOOD.replace("kernel=2x2", "kernel=2"), "not canonical; write max_pool x=1x1x4x4"),
        (GOOD.replace("kernel", "kernal"), "'kernal' is no attribute"),
        (GOOD.replace("3x3", "3,3"), "'3,3' do not look like"),
        (GOOD.replace("| 3x3", "| 3"), "3 has 1 sizes, the case 2 axes"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^net\.txt:2: ") as caught:
        read({"net.txt": f"# first\n{line}\n"})
    assert message in str(caught.value)


def test_a_layer_that_stands_twice_is_named_with_both_places() -> None:
    again = GOOD.replace("net.a+b", "net.c+b")
    with pytest.raises(ValueError, match=r"^other\.txt:1: net\.b already stands at net\.txt:1$"):
        read({"net.txt": GOOD, "other.txt": again})
