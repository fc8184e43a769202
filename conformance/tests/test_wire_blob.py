"""Blobs: the same as the safetensors package's, and read without trust."""

import json
import struct

import ml_dtypes
import numpy as np
import pytest
import safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from convformance.wire.blob import DTYPES, Blob, WireError, read_blob, write_blob

UNHURRIED = settings(deadline=None)  # a busy machine is no failure
ARRAYS = st.sampled_from(list(DTYPES.values())).flatmap(
    lambda dtype: hnp.array_shapes(min_dims=0, min_side=0, max_side=4).map(
        lambda shape: np.arange(1, np.prod(shape, dtype=int) + 1).reshape(shape).astype(dtype)
    )
)
BLOBS = st.dictionaries(st.sampled_from(("x", "w", "bias", "indices", "dy")), ARRAYS, max_size=5)
TEXTS = st.dictionaries(st.text(max_size=5), st.text(st.characters(codec="utf-8"), max_size=9))
WORDS = {"convformance": '{"kind": "result", "id": 1}'}
GOOD = write_blob(Blob(WORDS, {"y": np.arange(6, dtype=np.float32).reshape(2, 3)}))


def same(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and np.array_equal(one, other)


@UNHURRIED
@given(BLOBS, TEXTS)
def test_what_is_written_is_read_by_the_package_and_by_us(arrays, texts):
    data = write_blob(Blob(texts, arrays))
    theirs = {
        name: np.frombuffer(entry["data"], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in safetensors.deserialize(data)
    }
    ours = read_blob(data)
    assert ours.metadata == texts
    for found in (theirs, ours.arrays):
        assert set(found) == set(arrays)
        assert all(same(found[name], array) for name, array in arrays.items())


@UNHURRIED
@given(BLOBS, TEXTS)
def test_what_the_package_writes_is_read(arrays, texts):
    # safetensors 0.8.0 writes a header that is no JSON where there is nothing to write.
    found = read_blob(save(arrays, texts if arrays or texts else None))
    assert found.metadata == texts
    assert set(found.arrays) == set(arrays)
    assert all(same(found.arrays[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("dtype", [np.int8, ml_dtypes.bfloat16, np.float64])
def test_every_array_is_aligned_behind_the_header(dtype):
    arrays = {"a": np.ones(3, np.int8), "b": np.ones(3, dtype), "c": np.ones(3, np.float32)}
    data = write_blob(Blob({}, arrays))
    size = struct.unpack("<Q", data[:8])[0]
    assert size % 8 == 0
    header = json.loads(data[8 : 8 + size])
    for name, array in arrays.items():
        assert header[name]["data_offsets"][0] % array.itemsize == 0


def test_another_byte_order_is_written_as_the_format_has_it():
    x = np.arange(5, dtype=">i4")
    assert same(read_blob(write_blob(Blob({}, {"x": x}))).arrays["x"], x.astype("=i4"))


def test_an_array_that_was_read_is_ones_own():
    data = bytearray(GOOD)
    y = read_blob(data).arrays["y"]
    data[-24:] = bytes(24)
    y[0, 0] = 7
    assert y.tolist() == [[7, 1, 2], [3, 4, 5]]


def read_or_error(data):
    """Read bytes; any other error than `WireError` fails the test that asks."""
    try:
        read_blob(data)
    except WireError as error:
        return str(error)
    return ""


@UNHURRIED
@given(st.binary(max_size=200))
@example(b"")
@example(bytes(8))
@example(struct.pack("<Q", 2) + b"{}")
@example(struct.pack("<Q", 2**64 - 1) + b"{}")
def test_any_bytes_are_read_or_are_one_class_of_error(data):
    read_or_error(data)


@UNHURRIED
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=4))
def test_changed_bytes_are_read_or_are_one_class_of_error(changes):
    data = bytearray(GOOD)
    for place, byte in changes:
        data[place] = byte
    read_or_error(data)


@UNHURRIED
@given(st.integers(0, len(GOOD) - 1))
def test_a_blob_that_is_cut_short_is_an_error(length):
    assert read_or_error(GOOD[:length])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "I8", "F8_E4M3", ""]) | JSON,
        "shape": st.lists(st.integers(-1, 3) | st.integers(), max_size=4) | JSON,
        "data_offsets": st.tuples(st.integers(0, 30), st.integers(0, 30)).map(list) | JSON,
    }
)


@UNHURRIED
@given(st.dictionaries(st.sampled_from(("y", "z", "__metadata__", "..")), ENTRY | JSON), JSON)
def test_any_header_is_read_or_is_one_class_of_error(header, more):
    text = json.dumps(header).encode()
    read_or_error(struct.pack("<Q", len(text)) + text + bytes(24))


@UNHURRIED
@given(st.lists(st.integers(0, 2**41), min_size=1, max_size=4))
def test_a_shape_allocates_no_more_than_its_bytes(shape):
    entry = {"dtype": "F64", "shape": shape, "data_offsets": [0, 0]}
    text = json.dumps({"y": entry}).encode()
    told = read_or_error(struct.pack("<Q", len(text)) + text)
    assert (not told) <= (0 in shape)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({"y": ("F32", [1], [4, 8])}, "array y begins at byte 4, where 0 is due"),
        ({"y": ("F32", [1], [0, 4]), "z": ("F32", [2], [0, 8])}, "array z begins at byte 0"),
        ({"y": ("F32", [1], [0, 4])}, "the arrays end at byte 4 of 8"),
        ({"y": ("F32", [4], [0, 16])}, "the arrays end at byte 16 of 8"),
        ({"y": ("F32", [2, True], [0, 8])}, r"\[2, True\] is no shape"),
        ({"y": ("F32", [3], [0, 8])}, "F32 of shape 3 takes 12 bytes, and its data_offsets hold 8"),
        ({"a" * 33: ("F32", [2], [0, 8])}, "is no name of an array"),
        ({f"y{i}": ("F32", [0], [0, 0]) for i in range(65)}, "65 arrays in one message"),
        ({"y": ("F32", [1] * 33, [0, 8])}, "is no shape"),
    ],
)
def test_arrays_that_lie_are_told(entries, told):
    keys = ("dtype", "shape", "data_offsets")
    header = {name: dict(zip(keys, entry, strict=True)) for name, entry in entries.items()}
    text = json.dumps(header).encode()
    with pytest.raises(WireError, match=told):
        read_blob(struct.pack("<Q", len(text)) + text + bytes(8))
