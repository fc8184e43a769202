"""A command as a backend: whatever it says or does becomes a verdict, and the run goes on."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convformance.backend import Unsupported
from convformance.bench import Bench
from convformance.fills import make_arrays
from convformance.isolation import Limits
from convformance.problem import DTYPES, Case
from convformance.registry import BackendError, make_backend, shown_name
from convformance.verdict import Kind
from convformance.worker import Isolated

CHILD = Path(__file__).parent / "wire_child.py"
PLAIN = Case.parse("conv x=1x2x5 w=2x2x2 float32")
GROUPED = Case.parse("conv x=1x2x5 w=2x1x2 groups=2 float32")
LINES = (
    "conv x=1x2x5x5 w=2x1x2x2 stride=2x1 groups=2 padding=1+2x0+1 bias float32",
    "conv x=1x2x5 w=2x2x2 bias grad=bias float32",
    "conv x=1x2x5 w=2x2x2 layout=channels_last unbatched bfloat16",
    "conv x=0x2x5 w=2x2x2 float32",
    "conv x=1x3x5 w=2x1x2 groups=2 float32",
    "max_pool x=1x1x4x4 kernel=2x2 stride=2x2 indices int8",
    "lp_pool x=1x2x5 kernel=2 p=inf float64",
    "fold x=1x4x3 kernel=2x2 output=2x4 float32",
    "conv_transpose x=1x2x4 w=2x1x3 stride=2 output_padding=1 float16",
)
MODES = {  # mode of the child: the verdict on the grouped problem, and its words
    "garbage": (Kind.ANSWER, "protocol: a message claims 506,097,522,914,230,528 bytes"),
    "text": (Kind.ANSWER, "it wrote text to standard output, 'computing the answer ...', which"),
    "short text": (Kind.ANSWER, "it wrote text to standard output, 'ok', which belongs to"),
    "huge length": (Kind.ANSWER, "a message claims 4,611,686,018,427,387,904 bytes; at most"),
    "huge header": (Kind.ANSWER, "header claims 4,611,686,018,427,387,904 bytes; at most"),
    "short header": (Kind.ANSWER, "the safetensors header is no JSON"),
    "long header": (Kind.ANSWER, "a message of 192 bytes claims a header of 200"),
    "no length": (Kind.ANSWER, "a message of 0 bytes holds no safetensors header"),
    "shorter": (Kind.ANSWER, "the arrays end at byte 32 of 28"),
    "nan": (Kind.ANSWER, "NaN is no number of JSON"),
    "infinity": (Kind.ANSWER, "id must be a whole number from 0 on, not inf"),
    "no json": (Kind.ANSWER, "the message is no JSON"),
    "deep": (Kind.ANSWER, "the message is nested too deeply"),
    "twice": (Kind.ANSWER, "the message: a name stands there twice"),
    "no object": (Kind.ANSWER, "the message is no JSON object"),
    "no kind": (Kind.ANSWER, "kind None is none of hello, result, refusal, unsupported, bye"),
    "other kind": (Kind.ANSWER, "kind 'problem' is none of"),
    "other id": (Kind.ANSWER, "it answers problem 3 where 2 was asked"),
    "misspelt": (Kind.ANSWER, "the message unsupported has no 'reasn'; it has kind, id, reason"),
    "no words": (Kind.ANSWER, "the metadata has no 'convformance'"),
    "no utf-8": (Kind.ANSWER, "the safetensors header is not UTF-8: byte 2 of 7"),
    "odd metadata": (Kind.ANSWER, "__metadata__ must map text to text"),
    "hello again": (Kind.ANSWER, "it said hello again where an answer was due"),
    "wrong dtype": (Kind.ANSWER, "array y: dtype 'F8_E4M3' is none of F16, BF16, F32"),
    "no dtype": (Kind.ANSWER, r"array y: dtype ['F32'] is none of"),
    "wrong shape": (Kind.ANSWER, "F32 of shape 2 takes 8 bytes, and its data_offsets hold 4"),
    "negative shape": (Kind.ANSWER, "array y: [-1] is no shape"),
    "huge shape": (Kind.ANSWER, "takes 5,316,911,983,139,663,491,615,228,241,121,378,304 bytes"),
    "huge empty shape": (Kind.ANSWER, "the arrays end at byte 0 of 4"),
    "outside": (Kind.ANSWER, "the arrays end at byte 8 of 4"),
    "backwards": (Kind.ANSWER, "data_offsets [4, 0] are no begin and end"),
    "a hole": (Kind.ANSWER, "F32 of shape () takes 4 bytes, and its data_offsets hold 0"),
    "odd name": (Kind.ANSWER, "'../y' is no name of an array"),
    "an array too many": (Kind.ANSWER, "the message refusal has no arrays; it came with y"),
    "no pairs": (Kind.ANSWER, "complex names 'y', which is no F32 or F64 of a last axis 2"),
    "other names": (Kind.ANSWER, "expected the arrays y, got z"),
    "other type": (Kind.DTYPE, "y: expected float32, got float64"),
    "other size": (Kind.SHAPE, "y: expected shape 1x2x4, got 1x2x5"),
    "exit": (Kind.CRASHED, "exit status 3: no memory left in core.py"),
    "abort": (Kind.CRASHED, "Aborted (signal 6)"),
    "half": (Kind.CRASHED, "exit status 4: no memory left in core.py (after 20 bytes of"),
    "grow": (Kind.CRASHED, "MiB of memory where 300 are allowed"),
    "swell": (Kind.CRASHED, "MiB of memory where 300 are allowed"),
    "hang": (Kind.LATE, "no answer within 1 seconds"),
    "deaf": (Kind.CRASHED, "it closed its standard output and went on"),
    "left behind": (Kind.CRASHED, "exit status 6"),
    "bye": (Kind.CRASHED, "it said bye: out of paper"),
    "flood": (Kind.AGREES, ""),
}


def command(mode=""):
    return f"cmd:{sys.executable} '{CHILD}' '{mode}'"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start the child in a mode; end it after the test."""
    monkeypatch.setenv("LOCK", str(tmp_path / "lock"))
    started = []

    def make(mode="", **options):
        started.append(Isolated(command(mode), **options))
        return started[-1]

    yield make
    for one in started:
        one.close()


def test_problems_of_every_kind_and_dtype_are_answered(start):
    backend = start()
    bench = Bench(backend)
    assert (backend.name, backend.version) == ("wired", "1.0")
    assert backend.accumulators["float16"] == "float32"
    assert set(backend.libraries) == {"numpy"}
    lines = (*LINES, *(f"conv x=1x2x5 w=2x2x2 bias {dtype}" for dtype in DTYPES))
    for line in lines:
        verdict = bench.examine(Case.parse(line)).verdict
        assert verdict.kind is Kind.AGREES, (line, verdict)


def test_a_large_problem_goes_through_pipes_that_hold_less(start):
    line = "conv1x1 x=1x4x300x300 w=4x4 float32"
    assert Bench(start()).examine(Case.parse(line)).verdict.kind is Kind.AGREES


@pytest.mark.parametrize("mode", MODES)
def test_what_a_child_does_is_a_verdict_and_the_run_goes_on(start, mode):
    kind, words = MODES[mode]
    seconds = 1.0 if mode == "hang" else 20.0
    backend = start(mode, limits=Limits(first_call_seconds=seconds, memory=300))
    bench = Bench(backend)
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES
    verdict = bench.examine(GROUPED).verdict
    assert verdict.kind is kind
    assert words in verdict.message
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES


def test_every_mode_of_the_child_is_tried():
    import wire_child

    tried = {*MODES, "speak late"}
    assert {*wire_child.ANSWERS, *wire_child.DEEDS} == tried


def test_what_is_said_after_an_answer_is_told_at_the_next_call(start):
    bench = Bench(start("speak late"))
    assert bench.examine(GROUPED).verdict.kind is Kind.AGREES
    verdict = bench.examine(PLAIN).verdict
    assert (verdict.kind, "'done'" in verdict.message) == (Kind.ANSWER, True)
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES


def test_text_on_standard_error_disturbs_nothing(start, capfd):
    assert Bench(start("flood")).examine(GROUPED).verdict.kind is Kind.AGREES
    assert capfd.readouterr() == ("", "")


def test_a_death_between_two_calls_is_counted_and_blamed_on_none(start):
    backend = start()
    bench = Bench(backend)
    bench.examine(PLAIN)
    backend._child._backend._line._process.kill()
    backend._child._backend._line._process.wait()
    assert bench.examine(PLAIN).verdict.kind is Kind.AGREES
    assert backend.deaths == 1


def test_closing_lets_the_process_leave_by_itself(start):
    backend = start()
    process = backend._child._backend._line._process
    backend.close()
    assert process.returncode == 0


def test_what_a_child_started_ends_with_it(start):
    Bench(start("left behind")).examine(GROUPED)
    until = time.monotonic() + 20
    with open(os.environ["LOCK"]) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                assert time.monotonic() < until
                time.sleep(0.05)


FRONT = """
import sys, time
from convformance.wire.line import Line
line = Line(sys.argv[1:])
print(line._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_busy_child_ends_with_a_front_that_was_killed():
    words = [sys.executable, "-c", FRONT, "sleep", "60"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as front:
        child = Path("/proc") / front.stdout.readline().strip()
        front.kill()
    until = time.monotonic() + 20
    while child.exists() and "(zombie)" not in (child / "status").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("hello of text", "no hello: it wrote text to standard output, 'Welcome to the engine!'"),
        ("hello of another version", "it speaks version 2 of the protocol; this is version 1"),
        ("hello of a path", r"name must be 1 to 60 letters.*not '\.\./\.\./mine'"),
        ("hello of no name", "the message hello needs name, 1 to 60 letters"),
        ("hello of an odd capability", "capabilities must be an object of knows, ops"),
        ("hello of bye", "its first message is bye, not hello"),
        ("hello of none", r"no hello: exit status 7: no memory left in core\.py"),
    ],
)
def test_a_child_that_greets_otherwise_cannot_be_had(start, mode, told):
    with pytest.raises(BackendError, match=told):
        start(mode)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cmd:", "cmd: is followed by no command"),
        ("cmd:'", "No closing quotation"),
        ("cmd:./no_such_adapter", "cannot start ./no_such_adapter: No such file or directory"),
        (f"cmd:{__file__}", "cannot start test_wire_backend.py: Permission denied; may it be ex"),
        ("cmd:true", "cmd:true: no hello: exit status 0"),
    ],
)
def test_a_command_that_cannot_start_is_an_error_with_its_reason(name, told):
    with pytest.raises(BackendError, match=told):
        Isolated(name)


def test_what_a_hello_does_not_name_is_not_asked(start):
    backend = start("hello of few")
    for line, told in {
        "max_pool x=1x1x4 kernel=2 float32": "the adapter's hello does not name this op",
        "conv x=1x2x5 w=2x2x2 float64": "the adapter's hello does not name this dtype",
        "conv x=1x2x5 w=2x2x2 unbatched float32": "the adapter does not know unbatched",
        "conv x=1x2x5 w=2x2x2 memory=strided float32": "over the wire arrays have one form",
    }.items():
        case = Case.parse(line)
        outcome = backend.perform(case.problem, make_arrays(case))
        assert outcome.kind == "unsupported"
        assert told in outcome.message


def test_a_command_serves_in_process_too():
    backend = make_backend(command("exit"))
    try:
        assert Bench(backend).examine(PLAIN).verdict.kind is Kind.AGREES
        assert Bench(backend).examine(GROUPED).verdict.kind is Kind.CRASHED
        assert set(backend.run(PLAIN.problem, make_arrays(PLAIN)).arrays) == {"y"}
        with pytest.raises(RuntimeError, match="died: exit status 3"):
            backend.run(GROUPED.problem, make_arrays(GROUPED))
    finally:
        backend.close()


def test_unsupported_is_raised_by_run():
    backend = make_backend(command("hello of few"))
    case = Case.parse("max_pool x=1x1x4 kernel=2 float32")
    try:
        assert backend.perform(case.problem, make_arrays(case)).kind == "unsupported"
        backend._answer = lambda *_: backend.ask(case.problem, make_arrays(case))
        with pytest.raises(Unsupported, match="does not name this op"):
            backend.run(case.problem, make_arrays(case))
    finally:
        backend.close()


def test_a_command_that_starts_no_more_is_a_crash_of_the_case(tmp_path):
    program = tmp_path / "adapter"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {CHILD} exit\n")
    program.chmod(0o755)
    bench = Bench(Isolated(f"cmd:{program}"))
    program.unlink()
    for case in (GROUPED, PLAIN):
        verdict = bench.examine(case).verdict
        assert verdict.kind is Kind.CRASHED
        assert str(tmp_path) not in verdict.message
    assert "cannot start adapter: No such file" in verdict.message


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("torch", "torch"),
        ("cmd:./adapter --fast", "cmd:./adapter --fast"),
        ("cmd:/home/someone/bin/adapter", "cmd:adapter"),
        ("cmd:/usr/bin/node '/home/some one/a.js' --model=/data/m", "cmd:node a.js --model=m"),
        ("/home/someone/my_adapter.py:Mine", "my_adapter.py:Mine"),
        ("./my_adapter.py:Mine", "./my_adapter.py:Mine"),
        ("my.module:Mine", "my.module:Mine"),
    ],
)
def test_a_report_does_not_say_where_a_backend_lies(name, shown):
    assert shown_name(name) == shown
