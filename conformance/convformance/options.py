"""The options of a run of the suite, as pytest takes them."""

from __future__ import annotations

import pytest

from convformance.isolation import Limits
from convformance.registry import WAYS

DEFAULT_SEED = 1
PROFILES = ("default", "exhaustive")


def add_options(parser: pytest.Parser) -> None:
    """Add them to pytest's own."""
    group = parser.getgroup("convformance")
    group.addoption("--backend", help=f"backend under test: a registered name; or {WAYS}")
    group.addoption("--run-file", help="where to write the run file (JSON lines)")
    group.addoption("--convformance-seed", type=int, default=DEFAULT_SEED, help="what is drawn")
    group.addoption("--max-examples", type=int, help="examples of each exploring test")
    group.addoption("--minutes", type=float, help="go on exploring until so many are over")
    group.addoption(
        "--profile", choices=PROFILES, default=PROFILES[0], help="how much of the small problems"
    )
    group.addoption("--selection", default="", help="what the run was narrowed by, for its header")
    group.addoption(
        "--in-process", action="store_true", help="run the backend in pytest's own process"
    )
    group.addoption("--no-ledger", action="store_true", help="take no discrepancy as known")
    group.addoption(
        "--any-release", action="store_true", help="take as known what is of another release too"
    )
    group.addoption("--shard", default="", help="the part of a campaign that this run is")
    group.addoption("--known", help="what other shards have found: a folder, or a run file")
    group.addoption(
        "--database",
        action="append",
        default=[],
        help="where discrepancies are kept for later runs",
    )
    group.addoption("--line", action="append", default=[], help="a case that is asked alone")
    limits = Limits()
    for option, kind, told in (
        ("--case-seconds", float, "seconds that the backend has for a call"),
        ("--first-call-seconds", float, "seconds for the first call of a problem in a process"),
        ("--memory", int, "MiB that the backend's process may hold"),
        ("--restarts", int, "restarts of its process before the backend is given up"),
    ):
        value = vars(limits)[option.removeprefix("--").replace("-", "_")]
        group.addoption(option, type=kind, default=value, help=told)
    group.addoption("--resume", help="the run file that a cut-off run was to become")
    group.addoption(
        "--pytest-argument", action="append", default=[], help="what the header is to tell"
    )
