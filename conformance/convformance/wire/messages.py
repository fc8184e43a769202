"""The messages: a blob whose metadata holds one JSON object, read without trust.

The words and their forms are those of protocol.schema.json; a test holds the two together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from convformance import __version__
from convformance.backend import Array, Arrays
from convformance.problem import DTYPES, EXTRAS, OPS, Problem
from convformance.wire import PROTOCOL
from convformance.wire.blob import Blob, WireError, read_blob, read_object, write_blob

KEY = "convformance"  # of the metadata: the JSON text of a message
LONGEST_TEXT = 2000  # characters that are kept of a message
MOST_WORDS = 200  # entries of a capability
NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._+\[\]()-]{0,59}\Z"  # of a backend: a file is named after it
FOLDERS = r"""(?<![\w.~/])(?:~|(?=/))(?:/[^\s/:;,'"()]+)*/(?=[^\s/])"""  # of a path from the root
PARTS: dict[str, np.dtype[Any]] = {
    "complex64": np.dtype(np.float32),
    "complex128": np.dtype(np.float64),
}
WHOLE = {part: np.dtype(name) for name, part in PARTS.items()}


@dataclass(frozen=True)
class Message:
    """A message: its kind, its other words and its arrays, complex ones among them."""

    kind: str
    words: Mapping[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)


def hello() -> Message:
    """Return the front's first message."""
    return Message("hello", {"protocol": PROTOCOL, "version": __version__})


def question(number: int, problem: Problem, arrays: Arrays) -> Message:
    """Return the message that asks a problem; every attribute that its op takes stands there."""
    told: dict[str, Any] = {"op": problem.op, "dtype": problem.dtype}
    for name in OPS[problem.op]:
        if name != "memory":  # a byte stream has one form
            value = getattr(problem, name)
            told[name] = "inf" if value == float("inf") else _as_lists(value)
    told["kernel_size"] = _as_lists(problem.kernel_size)
    words = {
        "id": number,
        "line": problem.line,
        "problem": told,
        "answers": list(problem.answers),
    }
    return Message("problem", words, arrays)


def _as_lists(value: Any) -> Any:
    return [_as_lists(part) for part in value] if isinstance(value, tuple) else value


def write_message(message: Message) -> bytes:
    """Return the blob of a message; a complex array travels as pairs of real numbers."""
    pairs = sorted(name for name, array in message.arrays.items() if array.dtype.kind == "c")
    words = {"kind": message.kind, **message.words} | ({"complex": pairs} if pairs else {})
    arrays = {
        name: _as_pairs(array) if name in pairs else array for name, array in message.arrays.items()
    }
    return write_blob(Blob({KEY: json.dumps(words, allow_nan=False)}, arrays))


BYE = write_message(Message("bye"))


def read_message(data: bytes | bytearray) -> Message:
    """Return the message of a child; raise `WireError`."""
    blob = read_blob(data)
    if KEY not in blob.metadata:
        raise WireError(f"the metadata has no {KEY!r}")
    words = read_object(blob.metadata[KEY], "the message")
    kind = words.pop("kind", None)
    if not isinstance(kind, str) or kind not in FORMS:
        raise WireError(f"kind {kind!r:.40} is none of {', '.join(FORMS)}")
    if kind == "hello":
        _check_protocol(words)
    check_words(kind, words)
    message = Message(kind, words, blob.arrays)
    if kind == "result":
        return replace(message, arrays=_whole(blob.arrays, words.get("complex", ())))
    if blob.arrays:
        raise WireError(f"the message {kind} has no arrays; it came with {', '.join(blob.arrays)}")
    return message


def _check_protocol(words: Mapping[str, Any]) -> None:
    """Raise for another version ahead of all else: its words may be others too."""
    found = words.get("protocol")
    if type(found) is int and found != PROTOCOL:
        raise WireError(f"it speaks version {found} of the protocol; this is version {PROTOCOL}")


def check_words(kind: str, words: Mapping[str, Any]) -> None:
    """Raise `WireError` for a word that is missing, not known or of another form."""
    forms = FORMS[kind]
    for name in words:
        if name not in forms:
            raise WireError(
                f"the message {kind} has no {name[:40]!r}; it has kind, {', '.join(forms)}"
            )
    for name, form in forms.items():
        if name in words and not form.holds(words[name]):
            raise WireError(f"{kind}: {name} must be {form.told}, not {words[name]!r:.60}")
        if form.needed and name not in words:
            raise WireError(f"the message {kind} needs {name}, {form.told}")


def plain(text: str) -> str:
    """Return text of a child that any terminal, file or page can hold, without folders.

    Where a thing lies on someone's disk is nobody's business who reads a report.
    """
    text = re.sub(FOLDERS, "", text)
    kept = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
    return kept[:LONGEST_TEXT]


def _as_pairs(array: Array) -> Array:
    native = np.dtype(array.dtype.name)  # whatever the byte order was
    flat: Array = array.astype(native, order="C").reshape(-1)
    return flat.view(PARTS[native.name]).reshape(*array.shape, 2)


def _whole(arrays: Arrays, pairs: list[str] | tuple[()]) -> dict[str, Array]:
    """Return the arrays with the named ones made of their pairs of real numbers."""
    found = dict(arrays)
    for name in pairs:
        array = found.get(name)
        if array is None or array.dtype not in WHOLE or array.shape[-1:] != (2,):
            raise WireError(f"complex names {name!r:.40}, which is no F32 or F64 of a last axis 2")
        flat = array.reshape(-1).view(WHOLE[array.dtype])
        found[name] = flat.reshape(array.shape[:-1])
    return found


@dataclass(frozen=True)
class Form:
    """What a word must be: a test and its words."""

    holds: Callable[[Any], bool]
    told: str
    needed: bool = True


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_WORDS


def _is_texts(value: Any) -> bool:
    return _is_list(value) and all(isinstance(one, str) for one in value)


def _is_texts_by_text(value: Any) -> bool:
    return isinstance(value, dict) and _is_texts(list(value.values()))


def _is_capabilities(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in CAPABILITIES and CAPABILITIES[name](one) for name, one in value.items()
    )


def _among(words: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: _is_texts(value) and set(value) <= set(words)


REAL = tuple(dtype for dtype in DTYPES if not dtype.startswith("complex"))
CAPABILITIES: dict[str, Callable[[Any], bool]] = {
    "knows": _among((*EXTRAS, "padding")),
    "accumulators": lambda value: _is_texts_by_text(value) and set(value.values()) <= set(REAL),
    "libraries": _is_texts_by_text,
    "ops": _among(tuple(OPS)),
    "dtypes": _among(DTYPES),
}
NUMBER = Form(lambda value: type(value) is int and value >= 0, "a whole number from 0 on")
TEXT = Form(lambda value: isinstance(value, str), "text")
FORMS: dict[str, dict[str, Form]] = {
    "hello": {
        "protocol": Form(lambda value: type(value) is int and value == PROTOCOL, str(PROTOCOL)),
        "name": Form(
            lambda value: isinstance(value, str) and re.match(NAME, value) is not None,
            "1 to 60 letters, digits and ' ._+-[]()', a letter or digit first",
        ),
        "version": Form(lambda value: isinstance(value, str) and 0 < len(value) <= 100, "text"),
        "capabilities": Form(
            _is_capabilities,
            "an object of knows, ops, dtypes (lists of names of the project), accumulators (dtypes "
            "by text) and libraries (texts by text)",
            needed=False,
        ),
    },
    "result": {
        "id": NUMBER,
        "how": replace(TEXT, needed=False),
        "recipe": Form(lambda value: isinstance(value, bool), "true or false", needed=False),
        "layout": replace(TEXT, needed=False),
        "complex": Form(_is_texts, "a list of names of arrays", needed=False),
    },
    "refusal": {"id": NUMBER, "message": TEXT},
    "unsupported": {"id": NUMBER, "reason": TEXT},
    "bye": {"message": replace(TEXT, needed=False)},
}
