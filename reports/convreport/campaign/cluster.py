"""Where the shards run: a cluster of processes here, or any Dask cluster by its address."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from convreport.usage import UsageError

WAIT = 60  # seconds for the scheduler to answer, and for its first worker
NEEDED = "a campaign needs Dask: pip install 'convformance[campaign]'"


@contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[Any]:
    """Yield a client of the cluster at the address, or of one with that many processes here.

    Raise `UsageError` where there is no Dask, no scheduler or no worker.
    """
    if find_spec("distributed") is None:
        raise UsageError(NEEDED)
    _quiet()
    if address:
        with _client(address) as client:
            yield client
        return
    number = workers or os.cpu_count() or 1
    with _local(number) as local, _client(local.scheduler_address) as client:
        yield client


def _local(workers: int) -> Any:
    """Return a cluster of processes here; a worker's memory is its run's, which has a limit."""
    import distributed

    try:
        return distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, memory_limit=0,
            dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
        )  # fmt: skip
    except (OSError, RuntimeError) as error:
        raise UsageError(f"the cluster of processes does not start: {error}") from None


def _quiet() -> None:
    """Keep Dask's own log out of the terminal: what it comes to is told in one line."""
    import distributed

    for name in [distributed.__name__, *logging.root.manager.loggerDict]:
        if name.partition(".")[0] == distributed.__name__:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    import distributed

    try:
        client = distributed.Client(address, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {address}: {error}") from None
    try:
        client.wait_for_workers(1, timeout=WAIT)
        yield client
    except TimeoutError:
        raise UsageError(f"the scheduler at {address} has no worker after {WAIT} seconds") from None
    finally:
        with suppress(Exception):  # it may be gone
            client.close(timeout=5)


def dashboard(client: Any) -> str:
    """Return the address of Dask's dashboard, or what it lacks."""
    if find_spec("bokeh") is None:
        return "none: it needs bokeh"
    return str(client.dashboard_link)
