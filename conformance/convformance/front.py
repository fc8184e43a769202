"""The thin front on pytest: what `convformance run` starts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest

from convformance.backend import Backend
from convformance.isolation import Limits
from convformance.options import DEFAULT_SEED, PROFILES
from convformance.plugin import COLLECTOR, Started
from convformance.runfile import RunFileError
from convformance.shards import Shard
from convformance.sharing import PROCESSES

GIVEN_LINES = "lines that were given"  # what such a run is told to be narrowed by


def run_suite(
    given: str,
    run_file: Path,
    *,
    backend: Backend | None = None,
    seed: int = DEFAULT_SEED,
    max_examples: int | None = None,
    minutes: float | None = None,
    profile: str = PROFILES[0],
    use_ledger: bool = True,
    any_release: bool = False,
    lines: Sequence[str] = (),
    pytest_arguments: Sequence[str] = (),
    plugins: Sequence[object] = (),
    verbose: bool = False,
    resume: bool = False,
    limits: Limits | None = None,
    shard: Shard | None = None,
    known: Path | None = None,
    databases: Sequence[str] = (),
) -> int:
    """Run the suite against a backend and write its run file; return pytest's exit status.

    With `minutes` a whole run goes on exploring until so many are over. With `lines` these are
    asked, and nothing else. With `any_release` what the ledger has of another release is known.
    `given` is the backend's name or module:attribute, `backend` the same, already started.
    With `resume` it goes on with what `run_file` was to become, given the same options.
    pytest's own options (-k, -x, -n, --junitxml ...) go through `pytest_arguments`.
    With `shard`, of which seed and examples are given too, its tests alone are asked; `known` is
    a folder of what other shards have found. Discrepancies are kept in `databases` (see examples).
    Raises `RunFileError` where the disk is full, or takes no file, or the backend is given up.
    """
    suite = Path(str(files("convformance.suite")))
    if shard is not None:
        pytest_arguments = [*shard.part.arguments, *pytest_arguments]
    arguments = [
        str(suite / shard.part.file if shard else suite),
        "-c", str(suite / "pytest.ini"), "--rootdir", str(suite),
        "-p", "convformance.plugin", "-p", "convformance.sharing",
        "--backend", given,
        "--run-file", str(run_file.resolve()),
        "--convformance-seed", str(seed),
        "--profile", profile,
        f"--selection={_selection(shard, lines, pytest_arguments)}",
        *(() if lines else shared_out(pytest_arguments)),
        *pytest_arguments,
    ]  # fmt: skip
    for name, value in vars(limits).items() if limits else ():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    if max_examples is not None:
        arguments += ["--max-examples", str(max_examples)]
    if minutes is not None:
        arguments += ["--minutes", str(minutes)]
    arguments += [f"--pytest-argument={one}" for one in pytest_arguments]
    arguments += [f"--line={one}" for one in lines]
    arguments += [f"--database={one}" for one in databases]
    if shard is not None:
        arguments += [f"--shard={shard.id}"]
    if known is not None:
        arguments += [f"--known={known}"]
    if resume:
        arguments += ["--resume", str(run_file.resolve())]
    if not use_ledger:
        arguments.append("--no-ledger")
    if any_release:
        arguments.append("--any-release")
    if not verbose:
        arguments += ["-p", "no:terminal"]
    started = [Started(backend)] if backend is not None else []
    trouble = Trouble()
    status = int(pytest.main(arguments, plugins=[*started, *plugins, trouble]))
    if trouble.words:
        raise RunFileError(trouble.words)
    return status


def _selection(shard: Shard | None, lines: Sequence[str], arguments: Sequence[str]) -> str:
    """Return what the run is narrowed by."""
    if shard is not None:
        return f"shard {shard.id}"
    return GIVEN_LINES if lines else narrowed_by(arguments)


class Trouble:
    """A pytest plug-in that learns why the run was broken off, if it was."""

    words = ""

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Ask the one that wrote, if there was one."""
        collector = config.stash.get(COLLECTOR, None)
        self.words = collector.trouble if collector is not None else ""


def shared_out(arguments: Sequence[str]) -> list[str]:
    """Return the options that share a whole run out to processes, unless the caller chose."""
    alone = ("-n", "--numprocesses", "--in-process", "--pdb", "-s", "--capture")
    chosen = any(one.startswith(alone) for one in arguments)
    return [] if chosen or narrowed_by(arguments) else ["-n", str(PROCESSES)]


def narrowed_by(arguments: Sequence[str]) -> str:
    """Return the pytest arguments if one of them leaves tests out, else nothing."""
    narrowing = ("-k", "-m", "-x", "--deselect", "--maxfail", "--exitfirst", "--lf", "--sw")
    return " ".join(arguments) if any(one.startswith(narrowing) for one in arguments) else ""
