"""Messages: the words of the schema that is shipped, and no others."""

import contextlib
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from convformance.corpus import load
from convformance.fills import make_arrays
from convformance.problem import DTYPES, EXTRAS, OPS, Case
from convformance.wire.blob import Blob, WireError, read_blob, write_blob
from convformance.wire.messages import (
    KEY,
    REAL,
    Message,
    check_words,
    hello,
    plain,
    question,
    read_message,
    write_message,
)  # fmt: skip

UNHURRIED = settings(deadline=None)  # a busy machine is no failure
SCHEMA = json.loads((files("convformance.wire") / "protocol.schema.json").read_text())
CHILD = Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": "#/$defs/child"}]})
FRONT = Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": "#/$defs/front"}]})


def words_of(data):
    return json.loads(read_blob(data).metadata[KEY])


def test_the_schema_is_one_and_names_what_the_project_has():
    Draft202012Validator.check_schema(SCHEMA)
    named = SCHEMA["$defs"]
    assert named["dtype"]["enum"] == list(DTYPES)
    assert named["op"]["enum"] == list(OPS)
    can = named["hello"]["properties"]["capabilities"]["properties"]
    assert set(can["knows"]["items"]["enum"]) == {*EXTRAS, "padding"}
    assert set(can["accumulators"]["additionalProperties"]["enum"]) == set(REAL)


def test_every_message_of_the_front_fits_the_schema():
    cases = {entry.case.problem.op: entry.case for entry in load()}
    lines = (
        "conv x=1x2x5x5 w=2x1x2x2 stride=0x1 groups=2 padding=1+2x-1+0 bias float32",
        "conv x=1x2x5 w=2x2x2 padding=causal padding_mode=reflect flip float16",
        "conv x=1x2x5 w=2x2x2 bias grad=bias layout=channels_last unbatched bfloat16",
        "conv x=1x2x5 w=2x2x2 complex128",
        "lp_pool x=1x2x5 kernel=2 p=inf float64",
        "max_unpool x=1x1x2 kernel=2 stride=2 float32",
        "fold x=1x4x3 kernel=2x2 output=2x4 float32",
        *(f"{op} x=1x2x4 {rest} float32" for op, rest in SMALL.items() if op not in cases),
    )
    asked = [*cases.values(), *map(Case.parse, lines)]
    assert {case.problem.op for case in asked} == set(OPS)
    for case in asked:
        arrays = {} if 0 in case.problem.stride else make_arrays(case)
        FRONT.validate(words_of(write_message(question(3, case.problem, arrays))))
    for message in (hello(), Message("bye")):
        FRONT.validate(words_of(write_message(message)))


def test_what_the_page_shows_is_what_is_said():
    page = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")
    shown = re.findall(r'^\| (front|child) \| `(\{"kind": .*?\})` \|', page, re.M)
    assert len(shown) == 8
    for whose, text in shown:
        words = json.loads(text.replace("{...}", "{}"))
        if words["kind"] == "problem":
            continue  # its attributes are the next example
        (FRONT if whose == "front" else CHILD).validate(words)
    attributes = json.loads(re.search(r'\{"op": "conv".*?\}', page, re.S)[0])
    problem = Case.parse("conv x=1x2x5 w=2x1x2 groups=2 float32").problem
    assert words_of(write_message(question(1, problem, {})))["problem"] == attributes


SMALL = {
    "conv1x1": "w=2x2",
    "max_pool": "kernel=2",
    "avg_pool": "kernel=2",
    "distance_pool": "kernel=2",
    "conv_transpose": "w=2x2x2",
    "depthwise_conv": "w=2x1x2",
    "separable_conv": "w=2x1x2 pointwise=1x2",
    "adaptive_max_pool": "output=2",
    "adaptive_avg_pool": "output=2",
    "global_max_pool": "",
    "global_avg_pool": "",
    "unfold": "kernel=2",
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=4)
# Whole numbers as floats are left out: they are integers to JSON Schema, and none to us.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.just(0.5) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
TABLE = st.dictionaries(TEXT, st.sampled_from(DTYPES) | TEXT | ANYTHING, max_size=2)
CAPABILITIES = st.dictionaries(
    st.sampled_from(("knows", "ops", "dtypes", "accumulators", "libraries", "more")),
    st.lists(st.sampled_from((*EXTRAS, "padding", *OPS, *DTYPES)), max_size=2) | TABLE | ANYTHING,
    max_size=3,
)
MESSAGES = st.fixed_dictionaries(
    {"kind": st.sampled_from(("hello", "result", "refusal", "unsupported", "bye", "problem"))},
    optional={
        "protocol": st.just(1) | ANYTHING,
        "id": st.integers(0, 3) | ANYTHING,
        "name": st.sampled_from(("a", "torch[eager] 2", "../x", "", "x" * 61, "a\n")) | ANYTHING,
        "version": st.just("1.0") | ANYTHING,
        "capabilities": CAPABILITIES | ANYTHING,
        "reason": TEXT | ANYTHING,
        "message": TEXT | ANYTHING,
        "how": TEXT | ANYTHING,
        "layout": TEXT | ANYTHING,
        "recipe": st.booleans() | ANYTHING,
        "complex": st.just([]) | ANYTHING,
        "more": ANYTHING,
    },
)
FEW = {
    "hello": ("protocol", "name", "version", "capabilities"),
    "result": ("id", "how", "layout", "recipe", "complex"),
    "refusal": ("id", "message"),
    "unsupported": ("id", "reason"),
    "bye": ("message",),
    "problem": (),
}


def is_right(kind, rest):
    try:
        check_words(kind, rest)
    except WireError:
        return False
    return True


@UNHURRIED
@given(MESSAGES, st.booleans())
def test_a_message_is_taken_exactly_where_the_schema_holds(words, is_narrowed):
    if is_narrowed:  # else hardly one is right
        words = {name: words[name] for name in ("kind", *FEW[words["kind"]]) if name in words}
    rest = {name: value for name, value in words.items() if name != "kind"}
    is_taken = words["kind"] != "problem" and is_right(words["kind"], rest)
    assert is_taken == CHILD.is_valid(words)


def sent(words, arrays=None):
    return read_message(write_blob(Blob({KEY: json.dumps(words)}, arrays or {})))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 2), (2, 1, 3)])
def test_an_array_of_every_dtype_goes_there_and_back(dtype, shape):
    size = int(np.prod(shape))
    array = (np.arange(size) + 1).reshape(shape).astype(np.dtype(dtype))
    if dtype.startswith("complex"):
        array = (array + 2j).astype(dtype)
    message = read_message(write_message(Message("result", {"id": 1}, {"y": array})))
    assert message.arrays["y"].dtype == array.dtype
    assert np.array_equal(message.arrays["y"], array)
    assert message.arrays["y"].shape == shape


def test_another_version_is_told_ahead_of_its_other_words():
    with pytest.raises(WireError, match="speaks version 2 of the protocol; this is version 1"):
        sent({"kind": "hello", "protocol": 2, "greeting": "hi"})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"kind": "unsupported", "id": 1}, "unsupported needs reason, text"),
        ({"kind": "refusal", "id": True, "message": ""}, "id must be a whole number from 0 on"),
        ({"kind": "result", "id": 1, "hw": ""}, "has no 'hw'; it has kind, id, how"),
        ({"kind": "resutl"}, "kind 'resutl' is none of hello, result"),
        ({"kind": "result", "id": 1, "complex": ["y"]}, "complex names 'y'"),
    ],
)
def test_what_is_wrong_with_the_words_is_told(words, told):
    with pytest.raises(WireError, match=told):
        sent(words)


@UNHURRIED
@given(st.text(max_size=300) | st.binary(max_size=60))
def test_any_text_in_the_metadata_is_a_message_or_one_class_of_error(text):
    text = text if isinstance(text, str) else text.decode("latin-1")
    data = write_blob(Blob({KEY: text.encode("utf-8", "replace").decode()}))
    with contextlib.suppress(WireError):
        read_message(data)


def test_text_of_a_child_is_made_plain():
    assert plain("a\x1b[31m\tb\ud800\nc") == "a?[31m?b?\nc"
    assert plain("in /home/someone/engine/core.py, line 3") == "in core.py, line 3"
    assert plain("~/.config/engine is missing; 3/4 and a/b stay") == (
        "engine is missing; 3/4 and a/b stay"
    )
    assert len(plain("x" * 5000)) == 2000
