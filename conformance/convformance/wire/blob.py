"""One safetensors blob: its metadata and its arrays, written, and read without trust.

The safetensors package reads no metadata from bytes and no bfloat16 into NumPy, so that little
would be left for it to do here; the tests hold both directions against it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays

DTYPES: dict[str, np.dtype[Any]] = {
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
    "I8": np.dtype(np.int8),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "U8": np.dtype(np.uint8),
}
NAMES = {dtype.name: name for name, dtype in DTYPES.items()}
METADATA = "__metadata__"
PREFIX_SIZE = 8  # bytes of a length: unsigned, the lowest first
ALIGNMENT = 8  # of the arrays behind the header
LONGEST_HEADER = 2**20  # bytes
MOST_ARRAYS = 64
MOST_AXES = 32
LONGEST_NAME = 32  # characters
LARGEST_SIZE = 2**40  # of one axis


class WireError(ValueError):
    """Raised for bytes that are no message of the protocol; the text says what is wrong."""


@dataclass(frozen=True)
class Blob:
    """The text metadata of a safetensors blob and its arrays."""

    metadata: Mapping[str, str]
    arrays: Arrays = field(default_factory=dict)


def write_blob(blob: Blob) -> bytes:
    """Return the bytes of a blob; its arrays are of the dtypes in `DTYPES`.

    Wider elements come first and the header is padded, so that every array is aligned.
    """
    header: dict[str, Any] = {METADATA: dict(blob.metadata)}
    parts, begin = [], 0
    for name, array in sorted(blob.arrays.items(), key=lambda one: (-one[1].itemsize, one[0])):
        code = NAMES[array.dtype.name]
        part = array.astype(DTYPES[code].newbyteorder("<"), order="C", copy=False).tobytes()
        end = begin + len(part)
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [begin, end]}
        parts.append(part)
        begin = end
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join([written_length(len(text)), text, *parts])


def read_blob(data: bytes | bytearray) -> Blob:
    """Return what the bytes hold, in arrays of their own; raise `WireError`."""
    size = header_size(data)
    if size is None or PREFIX_SIZE + size > len(data):
        raise WireError(f"the safetensors header is longer than its {len(data)} bytes of message")
    header = read_object(data[PREFIX_SIZE : PREFIX_SIZE + size], "the safetensors header")
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise WireError(f"{METADATA} must map text to text")
    if len(header) > MOST_ARRAYS:
        raise WireError(f"{len(header)} arrays in one message; at most {MOST_ARRAYS}")
    room = memoryview(data)[PREFIX_SIZE + size :]
    entries = [_Entry.of(name, value) for name, value in header.items()]
    _check_tiling(entries, len(room))
    return Blob(metadata, {entry.name: entry.array(room) for entry in entries})


def header_size(data: bytes | bytearray) -> int | None:
    """Return the length of a blob's header, None while its bytes are too few; raise `WireError`.

    Looks no further than the first byte of the header, so that it can be asked while bytes arrive.
    """
    if len(data) < PREFIX_SIZE:
        return None
    size = read_length(data)
    if size > LONGEST_HEADER:
        raise WireError(f"its safetensors header claims {size:,} bytes; at most {LONGEST_HEADER:,}")
    if data[PREFIX_SIZE : PREFIX_SIZE + 1] not in (b"", b"{"):
        raise WireError("its safetensors header does not start with '{'")
    return size


def written_length(number: int) -> bytes:
    """Return the eight bytes of a length."""
    return number.to_bytes(PREFIX_SIZE, "little")


def read_length(data: bytes | bytearray) -> int:
    """Return the length in the first eight bytes."""
    return int.from_bytes(data[:PREFIX_SIZE], "little")


def read_object(data: bytes | bytearray | str, what: str) -> dict[str, Any]:
    """Return a JSON object without NaN, infinity or a name that stands twice; raise `WireError`."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unequal)
    except WireError as error:
        raise WireError(f"{what}: {error}") from None
    except RecursionError:
        raise WireError(f"{what} is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise WireError(f"{what} is not UTF-8: byte {error.start} of {len(data)}") from None
    except ValueError as error:
        raise WireError(f"{what} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise WireError(f"{what} is no JSON object")
    return value


def _no_number(name: str) -> Any:
    raise WireError(f"{name} is no number of JSON")


def _unequal(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise WireError("a name stands there twice")
    return found


@dataclass(frozen=True)
class _Entry:
    """One array as the header tells it, checked."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int

    @classmethod
    def of(cls, name: str, value: Any) -> _Entry:
        if not name.isidentifier() or not name.isascii() or len(name) > LONGEST_NAME:
            raise WireError(f"{name[:40]!r} is no name of an array")
        if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
            raise WireError(f"array {name}: needs dtype, shape and data_offsets, and no more")
        dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise WireError(f"array {name}: dtype {dtype!r:.40} is none of {', '.join(DTYPES)}")
        if not _is_sizes(shape) or len(shape) > MOST_AXES or max(shape, default=0) > LARGEST_SIZE:
            raise WireError(f"array {name}: {shape!r:.60} is no shape")
        if not _is_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
            raise WireError(f"array {name}: data_offsets {offsets!r:.60} are no begin and end")
        entry = cls(name, DTYPES[dtype], tuple(shape), *offsets)
        wanted = math.prod(shape) * entry.dtype.itemsize
        if entry.end - entry.begin != wanted:
            sizes = "x".join(map(str, shape)) or "()"
            raise WireError(
                f"array {name}: {dtype} of shape {sizes} takes {wanted:,} bytes, and its "
                f"data_offsets hold {entry.end - entry.begin:,}"
            )
        return entry

    def array(self, room: memoryview) -> Array:
        """Return a copy, aligned and in the machine's own byte order."""
        flat = np.frombuffer(room[self.begin : self.end], self.dtype.newbyteorder("<"))
        try:
            return flat.astype(self.dtype).reshape(self.shape)
        except (ValueError, OverflowError):  # sizes past what NumPy counts, beside one of 0
            raise WireError(f"array {self.name}: no array has shape {self.shape}") from None


def _is_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)


def _check_tiling(entries: Iterable[_Entry], room: int) -> None:
    """Raise `WireError` unless the arrays fill the room without holes or overlaps."""
    reached = 0
    for entry in sorted(entries, key=lambda one: (one.begin, one.end)):
        if entry.begin != reached:
            raise WireError(
                f"array {entry.name} begins at byte {entry.begin:,}, where {reached:,} is due: "
                "the arrays must follow each other"
            )
        reached = entry.end
    if reached != room:
        raise WireError(f"the arrays end at byte {reached:,} of {room:,}")
