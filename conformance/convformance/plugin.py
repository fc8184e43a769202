"""The pytest plug-in: --backend, the bench of a session, and the run file.

Each test hands its records to pytest as user properties of its report, so that the run file
is written by one process whether xdist is in use or not.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis.database import ExampleDatabase

from convformance import __version__, ledger
from convformance.backend import Backend
from convformance.bench import Bench
from convformance.collector import (
    DEATHS,
    GIVEN_UP,
    NEWS,
    PASSES,
    PROCESS,
    PROPERTY,
    Collector,
)  # fmt: skip
from convformance.examples import DatabaseError, example_database
from convformance.explore import keep
from convformance.isolation import GivenUp, Limits
from convformance.journal import Begun, begun
from convformance.more import Share
from convformance.news import NewDiscrepancies
from convformance.options import add_options
from convformance.registry import BackendError, adapter_path, make_backend, shown_name
from convformance.runfile import (
    Finding,
    Header,
    RunFileError,
    to_line,
)  # fmt: skip
from convformance.shared import Shared, shared_by
from convformance.verdict import Kind
from convformance.worker import Isolated

DIAGNOSING = 60.0  # seconds of a process for the diagnosis of what is new
MORE = "test_z_more.py"  # the last file of the suite
GIVEN = "test_given.py"  # the only one, where lines are given
BENCH = pytest.StashKey[Bench]()
COLLECTOR = pytest.StashKey[Collector]()
STARTED = pytest.StashKey[float]()
BEGUN = pytest.StashKey[Begun]()
DATABASE = pytest.StashKey[ExampleDatabase]()


@dataclass(frozen=True)
class Started:
    """A pytest plug-in that carries a backend which its caller has started."""

    backend: Backend


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Make the backend's bench, and the collector of records in the writing process."""
    name = config.getoption("backend")
    if not name:
        return
    backend = _backend(config, name)
    entries, all_releases = _ledger(config, backend)
    known = all_releases if config.getoption("any_release") else entries
    seed = config.getoption("convformance_seed")
    config.stash[BENCH] = Bench(
        backend, known, seed, seconds=DIAGNOSING, all_releases=all_releases, shared=_shared(config)
    )
    config.stash[DATABASE] = _database(config)
    config.stash[STARTED] = time.monotonic()
    resumed = begun(Path(config.getoption("resume"))) if config.getoption("resume") else None
    if resumed is not None:
        config.stash[BEGUN] = resumed
        config.stash[BENCH].seen.update(resumed.seen.get(_process(config), {}))
    if not hasattr(config, "workerinput"):  # the controller, or the only process
        collector = Collector(_header(config, name), _run_file(config), entries, resumed)
        config.stash[COLLECTOR] = collector
        config.pluginmanager.register(config.stash[COLLECTOR], "convformance-collector")


def _process(config: pytest.Config) -> int:
    """Return the number of this process among those that share the run."""
    name = str(getattr(config, "workerinput", {}).get("workerid", "gw0"))
    return int(name.removeprefix("gw"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Pass over the tests that were done before the run was cut off."""
    resumed = item.config.stash.get(BEGUN, None)
    if resumed is None or item.nodeid not in resumed.tests:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _ledger(config: pytest.Config, backend: Backend) -> tuple[Sequence[ledger.Entry], ...]:
    """Return the entries that speak of this release, and those of the backend's any release."""
    if config.getoption("no_ledger"):
        return (), ()
    return ledger.load(backend.name, backend.version), ledger.load_of(backend.name)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests that fill a time where none is given, and all where lines are given."""
    if not collection_path.name.startswith("test_"):
        return None
    if bool(config.getoption("line")) != (collection_path.name == GIVEN):
        return True
    return True if collection_path.name == MORE and not config.getoption("minutes") else None


def _backend(config: pytest.Config, name: str) -> Backend:
    if config.getoption("in_process"):
        return make_backend(name)
    started = [one for one in config.pluginmanager.get_plugins() if isinstance(one, Started)]
    try:
        return started[0].backend if started else Isolated(name, _limits(config))
    except BackendError as error:
        raise pytest.UsageError(str(error)) from None


def _limits(config: pytest.Config) -> Limits:
    return Limits(**{one.name: config.getoption(one.name) for one in fields(Limits)})


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the backend's process."""
    found = config.stash.get(BENCH, None)
    close = getattr(found.backend, "close", None) if found is not None else None
    if close is not None:
        close()


def _shared(config: pytest.Config) -> Shared:
    shard, place = config.getoption("shard"), config.getoption("known")
    try:
        return shared_by(Path(place), shard) if place else Shared(shard)
    except RunFileError as error:
        raise pytest.UsageError(str(error)) from None


def _database(config: pytest.Config) -> ExampleDatabase:
    try:
        return example_database(config.getoption("database"))
    except DatabaseError as error:
        raise pytest.UsageError(str(error)) from None


def _run_file(config: pytest.Config) -> Path | None:
    path = config.getoption("run_file")
    return Path(path) if path else None


def _header(config: pytest.Config, name: str) -> Header:
    bench = config.stash[BENCH]
    return Header(
        backend=bench.backend.name,
        version=bench.backend.version,
        adapter=shown_name(adapter_path(name)),
        given=shown_name(name),
        convformance=__version__,
        seed=bench.seed,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        libraries=dict(getattr(bench.backend, "libraries", {})),
        accumulators=dict(getattr(bench.backend, "accumulators", {})),
        max_examples=config.getoption("max_examples"),
        selection=config.getoption("selection"),
        minutes=config.getoption("minutes"),
        profile=config.getoption("profile"),
        arguments=tuple(config.getoption("pytest_argument")),
        use_ledger=not config.getoption("no_ledger"),
        any_release=config.getoption("any_release"),
        lines=tuple(config.getoption("line")),
        limits=vars(_limits(config)),
        shard=config.getoption("shard"),
    )


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Bench:
    """The backend under test; a run without --backend is a usage error."""
    found = request.config.stash.get(BENCH, None)
    if found is None:
        raise pytest.UsageError("the suite needs --backend NAME")
    return found


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> ExampleDatabase:
    """Where discrepancies of earlier runs are kept."""
    return request.config.stash[DATABASE]


@pytest.fixture
def profile(request: pytest.FixtureRequest) -> str:
    """How much of the small problems is asked: default or exhaustive."""
    return str(request.config.getoption("profile"))


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> Sequence[str]:
    """The lines that are asked in place of the suite."""
    found: Sequence[str] = request.config.getoption("line")
    return found


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> Any:
    """How many examples an exploring test tries: its own number, or --max-examples."""
    most = request.config.getoption("max_examples")
    return lambda number: number if most is None else most


@pytest.fixture
def share(request: pytest.FixtureRequest) -> Share:
    """The part of the further explorations that this process makes, and until when."""
    workers = getattr(request.config, "workerinput", {}).get("workercount", 1)
    until = request.config.stash[STARTED] + 60 * (request.config.getoption("minutes") or 0)
    return Share(int(workers), until)


@pytest.fixture
def count_passes(request: pytest.FixtureRequest) -> Any:
    """Count further passes of explorations, for the run file's footer."""
    return lambda number: request.node.user_properties.append((PASSES, number))


@pytest.fixture(autouse=True)
def _hand_over(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hand the records of a test to its report; keep what is new for the next run."""
    yield
    found = request.config.stash.get(BENCH, None)
    if found is None:
        return
    records, found.records = found.records, []
    request.node.user_properties.append((PROPERTY, [to_line(record) for record in records]))
    request.node.user_properties.append((PROCESS, _process(request.config)))
    if isinstance(found.backend, Isolated) and found.backend.deaths:
        request.node.user_properties.append((DEATHS, found.backend.deaths))
        found.backend.deaths = 0
    store = request.config.stash[DATABASE]
    for record in records:
        if not isinstance(record, Finding) or record.verdict == Kind.LAW:
            continue  # a broken law is met again by its own test, and by nothing else
        if record.status == "new":
            keep(store, found.backend.name, record.line)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Mark a test that failed by new discrepancies, or because the backend was given up."""
    if call.excinfo is not None and call.excinfo.errisinstance(NewDiscrepancies):
        item.user_properties.append((NEWS, True))
    if call.excinfo is not None and call.excinfo.errisinstance(GivenUp):
        item.user_properties.append((GIVEN_UP, str(call.excinfo.value)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the run file is."""
    collector = terminalreporter.config.stash.get(COLLECTOR, None)
    if collector is not None and collector.path is not None:
        terminalreporter.write_line(collector.closing_words())
