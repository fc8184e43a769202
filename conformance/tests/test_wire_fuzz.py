"""A child whose bytes were edited: verdicts or one class of error, and the run goes on."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convformance.bench import Bench
from convformance.expect import expectation
from convformance.fills import make_arrays
from convformance.isolation import Limits
from convformance.problem import Case
from convformance.registry import BackendError
from convformance.verdict import Kind
from convformance.wire.backend import WireBackend
from convformance.wire.blob import written_length
from convformance.wire.messages import Message, write_message
from convformance.worker import Isolated

REPLAY = Path(__file__).parent / "wire_replay.py"
PLAIN = Case.parse("conv x=1x2x5 w=2x2x2 float32")
GROUPED = Case.parse("conv x=1x2x5 w=2x1x2 groups=2 float32")
HELLO = {"protocol": 1, "name": "replay", "version": "1", "capabilities": {"ops": ["conv"]}}
# At a place, drop some bytes and put others: garbage, lengths that lie, what is cut or grown.
PLACES, BYTES = st.integers(0, 260), st.binary(max_size=8)
REPLACED = st.tuples(PLACES, BYTES).map(lambda one: (one[0], len(one[1]), one[1]))
EDITS = st.lists(REPLACED | st.tuples(PLACES, st.integers(0, 40), BYTES), min_size=1, max_size=2)


def frame(message):
    data = write_message(message)
    return written_length(len(data)) + data


def right(case):
    """Return the right answer to the first question of a process."""
    expected = expectation(case.problem, make_arrays(case))
    y = expected.y.reshape(expected.shape).astype("float32")
    return frame(Message("result", {"id": 1}, {"y": y}))


def edited(data, edits):
    data = bytearray(data)
    for place, dropped, put in edits:
        at = place % (len(data) + 1)
        data[at : at + dropped] = put
    return bytes(data)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "hello").write_bytes(frame(Message("hello", HELLO)))
    (tmp_path / "plain").write_bytes(right(PLAIN))
    (tmp_path / "answer").write_bytes(right(GROUPED))
    return tmp_path


def command(folder):
    return f"cmd:{sys.executable} -I -S {REPLAY} {folder}"


def test_edited_answers_are_verdicts_and_the_run_goes_on(folder):
    backend = Isolated(command(folder))
    bench = Bench(backend)
    assert bench.examine(GROUPED).verdict.kind is Kind.AGREES
    seen = set()

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(EDITS)
    def check(edits):
        (folder / "answer").write_bytes(edited(right(GROUPED), edits))
        backend.close()  # what an edit leaves over would be read at the next call
        backend.limits = Limits(first_call_seconds=0.3)
        seen.add(bench.examine(GROUPED).verdict.kind)
        backend.close()
        backend.limits = Limits(first_call_seconds=20.0)
        assert bench.examine(PLAIN).verdict.kind is Kind.AGREES

    check()
    backend.close()
    assert {Kind.ANSWER, Kind.LATE, Kind.VALUE} <= seen


def test_an_edited_hello_is_one_or_one_class_of_error(folder):
    told = set()
    good = (folder / "hello").read_bytes()

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(EDITS)
    def check(edits):
        (folder / "hello").write_bytes(edited(good, edits))
        try:
            WireBackend(command(folder), hello_seconds=0.3).close()
        except BackendError as error:
            told.add(str(error).split("no hello: ")[1][:30])

    check()
    assert len(told) > 5
