"""A child of the wire protocol: the NumPy kernel, read and written with the safetensors package.

It shares no line with our own reader. `python wire_child.py MODE` misbehaves as the mode says.
"""

import fcntl
import json
import os
import struct
import sys
import time

import ml_dtypes
import numpy as np
import safetensors
from safetensors.numpy import save

from convformance import Problem
from convformance.backend import Unsupported
from convformance.backends.numpy_backend import NumpyBackend
from convformance.kernel import ArgumentError
from convformance.problem import EXTRAS

DTYPES = {
    "F16": np.float16, "BF16": ml_dtypes.bfloat16, "F32": np.float32, "F64": np.float64,
    "I8": np.int8, "I32": np.int32, "I64": np.int64, "U8": np.uint8,
}  # fmt: skip
NOISE = bytes(range(256)) * 4
HELLO = {
    "kind": "hello",
    "protocol": 1,
    "name": "wired",
    "version": "1.0",
    "capabilities": {
        "knows": [*EXTRAS, "padding"],
        "accumulators": dict(NumpyBackend.accumulators),
        "libraries": {"numpy": np.__version__},
    },
}


def receive():
    size = sys.stdin.buffer.read(8)
    if len(size) < 8:
        sys.exit()
    blob = sys.stdin.buffer.read(struct.unpack("<Q", size)[0])
    header = json.loads(blob[8 : 8 + struct.unpack("<Q", blob[:8])[0]])
    words = json.loads(header["__metadata__"]["convformance"])
    arrays = {}
    for name, entry in safetensors.deserialize(blob):
        flat = np.frombuffer(entry["data"], DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    for name in words.get("complex", ()):
        real, imaginary = np.moveaxis(arrays[name], -1, 0)
        arrays[name] = (real + 1j * imaginary).astype(np.result_type(real, np.complex64))
    return words, arrays


def framed(words, arrays=None):
    arrays = dict(arrays or {})
    pairs = [name for name, array in arrays.items() if np.iscomplexobj(array)]
    for name in pairs:
        arrays[name] = np.stack([arrays[name].real, arrays[name].imag], -1)
    words = {**words, **({"complex": pairs} if pairs else {})}
    dense = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    blob = save(dense, {"convformance": json.dumps(words)})
    return struct.pack("<Q", len(blob)) + blob


def say(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def tuples(value):
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def answer(words, arrays):
    told = {name: tuples(value) for name, value in words["problem"].items()}
    told.pop("kernel_size")
    told["p"] = float(told.get("p", 2))
    problem = Problem(**told)
    assert problem.line == words["line"]
    try:
        result = NumpyBackend().run(problem, arrays)
    except Unsupported as reason:
        return framed({"kind": "unsupported", "id": words["id"], "reason": str(reason)})
    except (ArgumentError, ValueError) as error:
        return framed({"kind": "refusal", "id": words["id"], "message": str(error)})
    return framed({"kind": "result", "id": words["id"], "how": "wired"}, result.arrays)


def with_header(header):
    blob = struct.pack("<Q", len(header)) + header
    return struct.pack("<Q", len(blob)) + blob


def array_of(n, name="y", **entry):
    """A result whose one array is told as `entry` says, with four bytes behind it."""
    words = json.dumps({"kind": "result", "id": n})
    told = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **entry}
    header = json.dumps({"__metadata__": {"convformance": words}, name: told}).encode()
    blob = struct.pack("<Q", len(header)) + header + b"\0\0\0\0"
    return struct.pack("<Q", len(blob)) + blob


def words_of(text):
    return with_header(json.dumps({"__metadata__": {"convformance": text}}).encode())


ANSWERS = {  # mode: what is said where an answer is due
    "garbage": lambda n, good: NOISE,
    "text": lambda n, good: b"computing the answer ...\n" + good,
    "short text": lambda n, good: b"ok\n" + good,
    "huge length": lambda n, good: struct.pack("<Q", 2**62) + good[8:],
    "huge header": lambda n, good: good[:8] + struct.pack("<Q", 2**62) + good[16:],
    "short header": lambda n, good: good[:8] + struct.pack("<Q", 5) + good[16:],
    "long header": lambda n, good: good[:8] + struct.pack("<Q", len(good)) + good[16:],
    "no length": lambda n, good: struct.pack("<Q", 0) + good[8:],
    "shorter": lambda n, good: struct.pack("<Q", len(good) - 12) + good[8:],
    "nan": lambda n, good: words_of('{"kind": "result", "id": NaN}'),
    "infinity": lambda n, good: words_of('{"kind": "result", "id": 1e999}'),
    "no json": lambda n, good: words_of('{"kind": "result", "id": '),
    "deep": lambda n, good: words_of("[" * 100_000),
    "twice": lambda n, good: words_of('{"kind": "result", "kind": "bye"}'),
    "no object": lambda n, good: words_of("[]"),
    "no kind": lambda n, good: framed({"id": n}),
    "other kind": lambda n, good: framed({"kind": "problem", "id": n}),
    "other id": lambda n, good: framed({"kind": "unsupported", "id": n + 1, "reason": ""}),
    "misspelt": lambda n, good: framed({"kind": "unsupported", "id": n, "reasn": "x"}),
    "no words": lambda n, good: with_header(b'{"__metadata__":{}}'),
    "no utf-8": lambda n, good: with_header(b'{"\xff":1}'),
    "odd metadata": lambda n, good: with_header(b'{"__metadata__":{"convformance":1}}'),
    "hello again": lambda n, good: framed(HELLO),
    "wrong dtype": lambda n, good: array_of(n, dtype="F8_E4M3"),
    "no dtype": lambda n, good: array_of(n, dtype=["F32"]),
    "wrong shape": lambda n, good: array_of(n, shape=[2]),
    "negative shape": lambda n, good: array_of(n, shape=[-1]),
    "huge shape": lambda n, good: array_of(n, shape=[2**40, 2**40, 2**40]),
    "huge empty shape": lambda n, good: array_of(n, shape=[0, 2**40, 2**40], data_offsets=[0, 0]),
    "outside": lambda n, good: array_of(n, shape=[2], data_offsets=[0, 8]),
    "backwards": lambda n, good: array_of(n, data_offsets=[4, 0]),
    "a hole": lambda n, good: array_of(n, shape=[], data_offsets=[0, 0], dtype="F32"),
    "odd name": lambda n, good: array_of(n, name="../y"),
    "an array too many": lambda n, good: framed(
        {"kind": "refusal", "id": n, "message": ""}, {"y": np.zeros(1)}
    ),
    "no pairs": lambda n, good: framed(
        {"kind": "result", "id": n, "complex": ["y"]}, {"y": np.zeros(3, np.float32)}
    ),
    "other names": lambda n, good: framed({"kind": "result", "id": n}, {"z": np.zeros(1)}),
    "other type": lambda n, good: framed({"kind": "result", "id": n}, {"y": np.zeros((1, 2, 4))}),
    "other size": lambda n, good: framed(
        {"kind": "result", "id": n}, {"y": np.zeros((1, 2, 5), np.float32)}
    ),
}


def exits(status):
    print("warming up", "no memory left in /opt/engine/core.py", sep="\n", file=sys.stderr)
    sys.stderr.flush()
    os._exit(status)


def half(good):
    say(good[:20])
    exits(4)


def deaf(good):
    os.close(1)
    time.sleep(60)


def left_behind(good):
    with open(os.environ["LOCK"], "w") as lock:  # which a child of this one keeps locked
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fork() == 0:
            time.sleep(60)
        exits(6)


def flood(good):
    print("x" * 3_000_000, file=sys.stderr)
    say(good)


def grow(good):
    kept = np.ones(400 * 2**20, np.uint8)
    time.sleep(60)
    del kept


def swell(good):
    np.ones(400 * 2**20, np.uint8).sum()
    say(good)


DEEDS = {  # mode: what is done instead
    "exit": lambda good: exits(3),
    "abort": lambda good: os.abort(),
    "half": half,
    "hang": lambda good: time.sleep(60),
    "deaf": deaf,
    "left behind": left_behind,
    "flood": flood,
    "grow": grow,
    "swell": swell,
    "speak late": lambda good: say(good + b"done\n"),
    "bye": lambda good: say(framed({"kind": "bye", "message": "out of paper"})),
}
HELLOS = {  # mode: the first message
    "hello of text": b"Welcome to the engine!\n",
    "hello of another version": framed({**HELLO, "protocol": 2, "more": 1}),
    "hello of a path": framed({**HELLO, "name": "../../mine"}),
    "hello of no name": framed({"kind": "hello", "protocol": 1, "version": "1"}),
    "hello of an odd capability": framed({**HELLO, "capabilities": {"knows": ["everything"]}}),
    "hello of bye": framed({"kind": "bye"}),
    "hello of few": framed(
        {**HELLO, "capabilities": {"ops": ["conv"], "dtypes": ["float32"], "knows": ["grad"]}}
    ),
}


def main(mode=""):
    words, _ = receive()
    assert (words["kind"], words["protocol"]) == ("hello", 1)
    if mode == "hello of none":
        exits(7)
    say(HELLOS.get(mode, framed(HELLO)))
    while True:
        words, arrays = receive()
        if words["kind"] == "bye":
            return
        good = answer(words, arrays)
        if mode == "late chatter":
            good += b"so far so good\n" * (words["id"] > 1)
        # What is mischief is done to grouped problems alone: all others have to go on.
        if words["problem"].get("groups") != 2:
            say(good + b"next!\n" * (mode == "chatter"))
        elif mode in DEEDS:
            DEEDS[mode](good)
        else:
            say(ANSWERS.get(mode, lambda n, good: good)(words["id"], good))


if __name__ == "__main__":
    main(*sys.argv[1:])
