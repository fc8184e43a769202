"""What other shards have found is counted and not shrunk; examples are kept where one says."""

import json
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
from all_liars import LIARS

from convformance.bench import Bench
from convformance.examples import DatabaseError, example_database
from convformance.explore import explore, keep, kept
from convformance.journal import write_run
from convformance.laws import LAWS
from convformance.laws.hearing import hear
from convformance.laws.recording import is_news, record
from convformance.problem import Case
from convformance.runfile import (
    CaseRecord,
    Finding,
    Footer,
    Header,
    LawRecord,
    RunFileError,
    Taken,
    load,
)  # fmt: skip
from convformance.shared import Shared, put, shared_by
from convformance.strategies import cases

LIAR = {one.name: one for one in LIARS}
STRATEGY = cases("conv", ("float32",), ("integers",))
NAME = "conv kernel-flipped"
FEW = 15


class Counting:
    """A liar that counts its calls."""

    def __init__(self, name):
        self.liar, self.calls = LIAR[name], 0
        self.name, self.version = name, "1"

    def run(self, problem, arrays):
        self.calls += 1
        return self.liar.run(problem, arrays)


def explored(shared, seed=1):
    bench = Bench(Counting(NAME), seed=seed, shared=shared)
    explore(bench, STRATEGY, FEW, "a name")
    return bench


def of(bench, kind):
    return [one for one in bench.records if isinstance(one, kind)]


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The folder where shards tell each other what they have found."""
    return tmp_path_factory.mktemp("known")


@pytest.fixture(scope="module")
def first(known):
    return explored(Shared("one", known))


@pytest.fixture(scope="module")
def second(known, first):
    """A shard that runs after the first one."""
    return explored(Shared("two", known), seed=2)


@pytest.fixture(scope="module")
def alone():
    """The second shard, if there were no other."""
    return explored(Shared("two"), seed=2)


def test_what_another_shard_has_found_is_counted_and_not_shrunk(first, second, alone):
    found = {one.signature for one in of(first, Finding)}
    taken = {one.signature for one in of(second, Taken)}
    assert taken
    assert taken <= found
    assert not taken & {one.signature for one in of(second, Finding)}
    assert taken & {one.signature for one in of(alone, Finding)}  # it would have found them itself
    assert second.backend.calls < alone.backend.calls / 2
    assert len(of(second, CaseRecord)) >= FEW
    assert any(one.signature in taken for one in of(second, CaseRecord))


def test_a_shard_that_is_asked_again_finds_again_what_it_had_told(known, first):
    """Else nobody would have the finding of a shard that died after it told of it."""
    again = explored(Shared("one", known))
    assert again.records == first.records
    assert of(again, Finding)
    assert not of(again, Taken)


def test_a_run_that_takes_what_another_took_is_the_same(tmp_path, second, alone):
    path = tmp_path / "two.jsonl"
    header = Header(NAME, "1", "liars:Liar", "0.1.0", 2, "", "3", "any", shard="two")
    footer = Footer(len(of(second, CaseRecord)), 0, len(of(second, Finding)), 1)
    write_run(path, header, second.records, footer)
    assert load(path).taken == of(second, Taken)
    again = explored(shared_by(path, "two"), seed=2)
    assert again.records == second.records
    assert alone.records != second.records  # so what it took does matter


def test_a_shard_keeps_to_its_first_answer(tmp_path):
    shared = Shared("one", tmp_path)
    assert not shared.knows("a signature")
    put(tmp_path, "a signature", {"shard": "two"})
    assert not shared.knows("a signature")
    assert Shared("one", tmp_path).knows("a signature")
    assert not Shared("two", tmp_path).knows("a signature")


def test_who_was_first_stays_and_half_a_file_is_none(tmp_path):
    put(tmp_path, "s", {"shard": "one"})
    put(tmp_path, "s", {"shard": "two"})
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text())["shard"] == "one"
    path.write_text(path.read_text()[:5])
    assert not Shared("three", tmp_path).knows("s")


def test_a_law_that_another_shard_found_broken_is_no_news(tmp_path):
    law = LAWS["law.adjoint"]
    problem = Case.parse("conv x=2x2x6 w=2x2x3 padding=1 float32 fill=integers#0").problem
    heard = hear(law, LIAR[NAME], law.case(problem, 1))
    first, second = (Bench(LIAR[NAME], shared=Shared(name, tmp_path)) for name in "ab")
    assert (is_news(first, heard), record(first, heard)) == (True, True)
    assert (is_news(second, heard), record(second, heard)) == (False, False)
    assert [len(of(second, kind)) for kind in (LawRecord, Taken, Finding)] == [1, 1, 0]


def test_a_place_that_holds_nothing_known_is_told(tmp_path):
    with pytest.raises(RunFileError, match="or give a folder of known signatures"):
        shared_by(tmp_path / "none")


LINE = "conv x=1x1x5 w=1x1x2 float32 fill=integers#0"


def replayed(database):
    keep(database, "toy", LINE)
    return kept(database, "toy"), kept(database, "other")


def test_examples_are_kept_in_a_folder_or_in_several(tmp_path):
    places = [str(tmp_path / "one"), str(tmp_path / "two")]
    assert replayed(example_database(places)) == ([Case.parse(LINE)], [])
    for place in places:
        assert kept(example_database([place]), "toy") == [Case.parse(LINE)]


class Redis(StreamRequestHandler):
    """As much of a Redis as sets need, over its own protocol."""

    sets: dict = {}  # noqa: RUF012  one for all connections

    def handle(self):
        waiting = None  # the commands of a transaction
        while head := self.rfile.readline():
            words = []
            for _ in range(int(head[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            if words[0] == b"MULTI":
                waiting, said = [], b"+OK\r\n"
            elif words[0] == b"EXEC":
                said = b"*%d\r\n" % len(waiting) + b"".join(self.answer(*one) for one in waiting)
                waiting = None
            elif waiting is not None:
                waiting.append(words)
                said = b"+QUEUED\r\n"
            else:
                said = self.answer(*words)
            self.wfile.write(said)

    def answer(self, name, *words):
        """Return what a command answers, in the protocol's words."""
        one, members = self.sets.setdefault(words[0] if words else b"", set()), words[1:]
        if name == b"SADD":
            one.update(members)
        if name == b"SREM":
            one.difference_update(members)
        if name == b"SMEMBERS":
            listed = b"".join(b"$%d\r\n%s\r\n" % (len(each), each) for each in one)
            return b"*%d\r\n%s" % (len(one), listed)
        return b"+OK\r\n" if name in (b"PING", b"CLIENT", b"SELECT") else b":1\r\n"


@pytest.fixture(params=["stand-in", "real"])
def redis(request, tmp_path):
    """The URL of a server."""
    pytest.importorskip("redis", reason="redis is not installed")
    if request.param == "real":
        with real_redis(tmp_path) as address:
            yield address
        return
    ThreadingTCPServer.daemon_threads = True
    with ThreadingTCPServer(("127.0.0.1", 0), Redis) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0?protocol=2"
        server.shutdown()


@contextmanager
def real_redis(folder):
    """The server itself, where it is installed, behind a socket in a folder."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    path = folder / "redis.sock"
    words = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 30
            while not path.exists():
                assert time.monotonic() < until
                time.sleep(0.05)
            yield f"unix://{path}"
        finally:
            process.terminate()


def test_examples_are_kept_in_a_redis(redis, tmp_path):
    database = example_database([redis])
    assert replayed(database) == ([Case.parse(LINE)], [])
    assert kept(example_database([str(tmp_path), redis]), "toy") == [Case.parse(LINE)]
    assert kept(example_database([str(tmp_path)]), "toy") == []


def test_a_place_that_is_no_database_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for place, words in (
        (str(tmp_path / "file"), "is no folder"),
        ("http://127.0.0.1", "is neither a folder nor the URL of a Redis"),
    ):
        with pytest.raises(DatabaseError, match=words):
            example_database([place])
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(DatabaseError, match="redis is not installed"):
        example_database(["redis://127.0.0.1:1"])


def test_a_redis_that_does_not_answer_is_told():
    pytest.importorskip("redis", reason="redis is not installed")
    with pytest.raises(DatabaseError, match=r"database 'redis://127.0.0.1:1'"):
        example_database(["redis://127.0.0.1:1"])
