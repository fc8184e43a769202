"""How arrays are handed over and taken back: batch axis, layout, memory, and what may be asked."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.fills import make_arrays
from convformance.handing import (
    BETWEEN,
    POISONED,
    changed,
    handed,
    in_memory,
    poison,
    taken_back,
)
from convformance.perform import perform
from convformance.problem import EXTRAS, LAYOUTS, MEMORIES, Case, Problem
from convformance.verdict import Kind

LINE = "conv x=2x3x4x5 w=2x3x2x2 bias float32 fill=integers#1"
ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def problem(words="", batch=2):
    return Problem.parse(f"conv x={batch}x3x4x5 w=2x3x2x2 bias {words} float32")


class Recording:
    """The NumPy kernel, which knows everything unless it is told what, and keeps what it got."""

    name, version = "recording", "1"

    def __init__(self, knows=EXTRAS, spoil=None):
        self.knows = frozenset(knows)
        self.spoil = spoil
        self.asked = []

    def run(self, problem, arrays):
        self.asked.append(problem)
        answer = NumpyBackend().run(problem, {name: one.copy() for name, one in arrays.items()})
        if self.spoil:
            arrays[self.spoil].flat[0] += 1
        return answer


def verdict(backend, line):
    return Bench(backend).examine(Case.parse(line)).verdict


UNREPEATED = tuple(one for one in MEMORIES if one != "broadcast")  # which takes equal items


@pytest.mark.parametrize("memory", UNREPEATED)
@pytest.mark.parametrize("dtype", ["float32", "int8", "complex64", "bfloat16"])
def test_memory_changes_no_element(memory, dtype):
    wanted = ARRAY.astype(getattr(ml_dtypes, dtype, dtype))
    got = in_memory(wanted, memory)
    assert got.shape == wanted.shape
    assert np.array_equal(got.astype(wanted.dtype), wanted)
    assert not np.shares_memory(got, wanted)


def test_each_form_of_memory_is_what_it_is_called():
    forms = {memory: in_memory(ARRAY, memory) for memory in MEMORIES}
    assert forms["contiguous"].flags.c_contiguous
    assert forms["transposed"].flags.f_contiguous
    assert forms["strided"].strides == (96, 32, 8)
    assert forms["reversed"].strides == (-48, -16, -4)
    assert forms["byteswapped"].dtype == np.dtype(">f4")
    assert forms["guarded"].strides == (7 * 8 * 4, 8 * 4, 4)
    assert forms["enclosed"].flags.c_contiguous
    assert forms["broadcast"].strides == (0, 16, 4)
    assert not forms["unaligned"].flags.aligned
    unwriteable = [name for name, one in forms.items() if not one.flags.writeable]
    assert unwriteable == ["readonly", "broadcast"]
    assert [name for name, one in forms.items() if one.dtype != ARRAY.dtype] == ["byteswapped"]


def test_between_the_elements_of_a_strided_array_stands_what_would_be_seen():
    strided = in_memory(ARRAY, "strided")
    assert set(strided.base[..., 1].flat) == {BETWEEN}
    assert BETWEEN not in ARRAY


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("shape", [(0, 3), (), (1,)])
def test_empty_and_tiny_arrays_have_every_form(memory, shape):
    assert in_memory(np.zeros(shape, np.float64), memory).shape == shape


def test_channels_last_moves_the_channels_of_inputs_and_of_no_weight():
    given = {"x": np.zeros((2, 3, 4, 5)), "w": np.zeros((2, 3, 2, 2)), "bias": np.zeros(2)}
    got = handed(problem("layout=channels_last"), given)
    assert {name: one.shape for name, one in got.items()} == {
        "x": (2, 4, 5, 3),
        "w": (2, 3, 2, 2),
        "bias": (2,),
    }
    assert got["x"].flags.c_contiguous  # the layout is one of axes, not of strides


def test_unbatched_takes_the_batch_axis_of_inputs_and_of_no_weight():
    got = handed(
        problem("unbatched", batch=1), {"x": np.zeros((1, 3, 4, 5)), "w": np.zeros((2, 3, 2, 2))}
    )
    assert got["x"].shape == (3, 4, 5)
    assert got["w"].shape == (2, 3, 2, 2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("unbatched", [False, True])
@pytest.mark.parametrize("name", ["x", "dy", "indices", "y", "dx"])
def test_what_was_handed_over_is_taken_back_as_it_was(layout, unbatched, name):
    one = replace(problem(batch=1), layout=layout, unbatched=unbatched)
    array = np.arange(24).reshape(1, 2, 3, 4) if unbatched else np.arange(48).reshape(2, 2, 3, 4)
    back = taken_back(one, handed(one, {name: array}))
    assert np.array_equal(back[name], array)


@pytest.mark.parametrize("words", ["layout=channels_last", "unbatched layout=channels_last"])
def test_gradients_by_parameters_are_left_as_they_are(words):
    one = problem(words, batch=1)
    answers = {"dw": np.arange(24).reshape(2, 3, 2, 2), "dbias": np.arange(2)}
    assert all(back is answers[name] for name, back in taken_back(one, answers).items())


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_backend_that_reads_by_numpy_agrees_in_every_memory(memory):
    line = LINE.replace("float32", f"memory={memory} float32")
    assert verdict(Recording(), line).kind is Kind.AGREES


@pytest.mark.parametrize("memory", [one for one in UNREPEATED if one != "readonly"])
@pytest.mark.parametrize("name", ["x", "w", "bias"])
def test_a_write_to_an_input_is_found_in_every_memory(memory, name):
    told = verdict(Recording(spoil=name), LINE.replace("float32", f"memory={memory} float32"))
    assert (told.kind, told.clause) == (Kind.INPUT, "backend.input")
    assert told.message == f"wrote to {name}"


@pytest.mark.parametrize("memory", ["readonly", "broadcast"])
def test_a_write_to_a_readonly_input_fails_by_itself(memory):
    told = verdict(Recording(spoil="x"), LINE.replace("float32", f"memory={memory} float32"))
    assert told.kind is Kind.REFUSES
    assert "read-only" in told.message


@pytest.mark.parametrize("memory", POISONED)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "uint8", "complex64"])
def test_a_poisoned_array_has_poison_on_every_side_of_it(memory, dtype):
    array = ARRAY.astype(getattr(ml_dtypes, dtype, dtype))
    inside = in_memory(array, memory)
    around = inside.base.copy()
    assert around.size > array.size
    inside[...] = poison(array)
    worst = np.array(poison(array), array.dtype)
    assert inside.base.tobytes() == np.full_like(around, worst).tobytes()
    assert inside.base.tobytes() != around.tobytes()


class WritesBeside(Recording):
    """Writes one element past the end of an input, as a loop that runs once too often does."""

    def run(self, problem, arrays):
        answer = super().run(problem, arrays)
        x = arrays["x"]
        beyond = np.lib.stride_tricks.as_strided(x, (*x.shape[:-1], x.shape[-1] + 1), x.strides)
        beyond[..., -1] = 0
        return answer


@pytest.mark.parametrize("memory", POISONED)
@pytest.mark.parametrize("words", ["", "unbatched", "layout=channels_last"])
def test_a_write_past_the_end_is_one_to_the_poison(memory, words):
    line = f"max_pool x=1x2x4x4 kernel=2x2 {words} memory={memory} float32 fill=integers#1"
    told = verdict(WritesBeside(), line)
    if memory == "enclosed":  # past the end of a row stands the next row
        assert told.kind is Kind.INPUT
        assert "the poison around x" in told.message
    else:
        assert (told.kind, told.message) == (Kind.INPUT, "wrote to the poison around x")
    assert verdict(Recording(), line).kind is Kind.AGREES


def test_what_is_broadcast_is_one_item_that_stands_for_the_batch():
    line = "conv x=3x2x5 w=2x2x2 bias memory=broadcast float32 fill=integers#1"
    case = Case.parse(line)
    got = handed(case.problem, make_arrays(case))
    assert {name: one.strides[0] for name, one in got.items()} == {"x": 0, "w": 16, "bias": 4}
    assert np.unique(got["x"], axis=0).shape[0] == 1
    alone = make_arrays(replace(case, problem=replace(case.problem, memory="contiguous")))
    assert np.array_equal(alone["x"][0], got["x"][2])


def test_a_gradient_that_adds_up_the_batch_takes_no_repeated_one():
    with pytest.raises(ValueError, match="adds up the batch"):
        Problem.parse("conv x=3x2x5 w=2x2x2 memory=broadcast grad=w float32")


@pytest.mark.parametrize("words", ["layout=channels_last", "unbatched", "memory=byteswapped"])
def test_a_write_is_found_behind_another_form(words):
    line = f"max_pool x=1x2x4x4 kernel=2x2 {words} float32 fill=integers#1"
    assert verdict(Recording(spoil="x"), line).kind is Kind.INPUT


def test_a_change_of_a_bit_is_a_change_where_the_numbers_are_equal():
    before = {"x": np.array([[[0.0, np.nan]]], np.float32)}
    one = Problem.parse("max_pool x=1x1x2 kernel=1 float32")
    assert changed(one, before, {"x": before["x"].copy()}) == ()
    assert changed(one, before, {"x": -before["x"]}) == ("x",)  # -0 equals 0, and NaN nothing


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("padding_mode", "padding=1 padding_mode=reflect"),
        ("padding", "padding=full"),
        ("input_dilation", "input_dilation=2"),
        ("batch_groups", "batch_groups=2"),
        ("flip", "flip"),
        ("output_dtype", "output_dtype=float64"),
        ("grad", "grad=x"),
        ("unbatched", "unbatched"),
        ("layout", "layout=channels_last"),
    ],
)
def test_an_adapter_is_never_asked_what_it_does_not_know(extra, words):
    x = "2x1x5" if extra == "batch_groups" else "1x1x5"
    case = Case.parse(f"conv x={x} w=2x1x2 {words} float32 fill=integers#1")
    arrays = make_arrays(case)
    others = {*EXTRAS, "padding"} - {extra}
    ignorant, knowing = Recording(others), Recording({extra})
    outcome = perform(ignorant, case.problem, arrays)
    assert outcome.kind == "unsupported"
    assert outcome.message == f"the adapter does not know {extra}"
    assert ignorant.asked == []
    assert perform(knowing, case.problem, arrays).kind == "arrays"
    assert knowing.asked == [case.problem]


def test_an_adapter_without_a_list_is_asked_plain_problems_alone():
    class Old:
        name, version = "old", "1"

        def run(self, problem, arrays):
            return NumpyBackend().run(problem, arrays)

    assert verdict(Old(), LINE).kind is Kind.AGREES
    told = verdict(Old(), "conv x=1x1x5 w=1x1x2 flip grad=w float32 fill=integers#1")
    assert told.kind is Kind.UNSUPPORTED
    assert told.message == "the adapter does not know flip, grad"
