"""The history file: in which versions each discrepancy was seen, over many runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from convformance.identity import finding_id, former_id
from convformance.runfile import Finding, Run
from convreport.columns import natural
from convreport.files import write_whole

FORMAT = 1


class HistoryError(ValueError):
    """Raised for a file that is no history; the message names it."""


@dataclass(frozen=True)
class Seen:
    """A version and the day of a run of it, in UTC."""

    version: str
    date: str


@dataclass(frozen=True)
class Discrepancy:
    """A discrepancy of one backend: by version, the first and the last start of a run with it."""

    signature: str
    op: str
    verdict: str
    clause: str
    line: str
    seen: Mapping[str, tuple[str, str]]

    @property
    def first(self) -> Seen:
        """The lowest version that was seen with it, and when first."""
        version = min(self.seen, key=_rank)
        return Seen(version, self.seen[version][0])

    @property
    def last(self) -> Seen:
        """The highest version that was seen with it, and when last."""
        version = max(self.seen, key=_rank)
        return Seen(version, self.seen[version][1])


@dataclass(frozen=True)
class Asked:
    """A run that the history holds."""

    backend: str
    version: str
    started: str
    convformance: str
    system: str
    selection: str
    findings: int


@dataclass(frozen=True)
class History:
    """The runs by a hash of what they are, and the discrepancies by backend and id."""

    runs: Mapping[str, Asked] = field(default_factory=dict)
    backends: Mapping[str, Mapping[str, Discrepancy]] = field(default_factory=dict)

    def of(self, backend: str, finding: Finding) -> Discrepancy | None:
        """Return what is known of a finding: by its id, its former id or its signature."""
        held = self.backends.get(backend, {})
        same = (one for one in held.values() if one.signature == finding.signature)
        return held.get(finding.id) or held.get(former_id(finding)) or next(same, None)


def read_history(path: Path, *, missing_is_empty: bool = False) -> History:
    """Read a history; raise `HistoryError` for anything else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if missing_is_empty:
            return History()
        raise HistoryError(f"{path}: no such file; `convformance history` makes it") from None
    except OSError as error:
        raise HistoryError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise HistoryError(f"{path}: this is no history file: {error}") from None
    try:
        return _from_json(data)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise HistoryError(f"{path}: this is no history file: {error!r}") from None


def write_history(path: Path, history: History) -> None:
    """Put the history at `path` at once; on an error the older one stays."""
    write_whole(path, json.dumps(_to_json(history), indent=1, sort_keys=True) + "\n")


def add_runs(history: History, runs: Iterable[Run]) -> History:
    """Return the history with the runs; one that it holds already changes nothing."""
    asked, backends = dict(history.runs), {k: dict(v) for k, v in history.backends.items()}
    for run in runs:
        key = run_key(run)
        if key in asked:
            continue
        header = run.header
        asked[key] = Asked(
            header.backend,
            header.version,
            utc(header.started),
            header.convformance,
            header.system,
            header.selection,
            len(run.findings),
        )
        found = backends.setdefault(header.backend, {})
        held = {known.signature: id_ for id_, known in found.items()}
        for one in run.findings:
            is_former = one.id == finding_id(one.signature)  # and a later release has another
            id_ = held.get(one.signature, one.id) if is_former else one.id
            former = found.pop(former_id(one), None)
            found[id_] = _sighted(_joined(found.get(id_), former), one, run)
    return History(asked, backends)


def run_key(run: Run) -> str:
    """Return a hash of what a run is: it is the same run wherever its file lies."""
    words = [run.header, run.footer, [(one.id, one.status, one.line) for one in run.findings]]
    text = json.dumps(words, default=vars, sort_keys=True)
    return "r-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def utc(started: str) -> str:
    """Return the start of a run in UTC; as it stands if it is no time."""
    try:
        time = datetime.fromisoformat(started)
    except ValueError:
        return started
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def told(discrepancy: Discrepancy) -> str:
    """Return "first seen in 2.12.0 (2026-01-05), last in 2.13.0 (2026-02-05)"."""
    first, last = discrepancy.first, discrepancy.last
    return (
        f"first seen in {first.version} ({first.date[:10]}), "
        f"last in {last.version} ({last.date[:10]})"
    )


def _sighted(known: Discrepancy | None, finding: Finding, run: Run) -> Discrepancy:
    """Return the discrepancy with one more sighting; its newest words stand."""
    started, version = utc(run.header.started), run.header.version
    seen = dict(known.seen) if known else {}
    first, last = seen.get(version, (started, started))
    seen[version] = (min(first, started), max(last, started))
    sighted = Discrepancy(
        finding.signature, finding.op, finding.verdict, finding.clause, finding.line, seen
    )
    if known is None or (sighted.last.version, seen[version][1]) == (version, started):
        return sighted
    return Discrepancy(**{**vars(known), "seen": seen})


def _joined(one: Discrepancy | None, other: Discrepancy | None) -> Discrepancy | None:
    """Return what two ids were seen of; the words of the newer stand."""
    if one is None or other is None:
        return one or other
    newer = max(one, other, key=lambda each: (_rank(each.last.version), each.last.date))
    seen = dict(one.seen)
    for version, (first, last) in other.seen.items():
        times = (first, last, *seen.get(version, ()))
        seen[version] = (min(times), max(times))
    return replace(newer, seen=seen)


def _rank(version: str) -> tuple[object, ...]:
    try:
        return (1, Version(version))
    except InvalidVersion:
        return (0, natural(version))


def _to_json(history: History) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "runs": {key: vars(asked) for key, asked in history.runs.items()},
        "backends": {
            backend: {id_: _discrepancy_json(one) for id_, one in found.items()}
            for backend, found in history.backends.items()
        },
    }


def _discrepancy_json(one: Discrepancy) -> dict[str, Any]:
    return {**vars(one), "first": vars(one.first), "last": vars(one.last)}


def _from_json(data: Any) -> History:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}; this release reads format {FORMAT}")
    runs = {key: Asked(**values) for key, values in data["runs"].items()}
    backends = {
        backend: {id_: _discrepancy(values) for id_, values in found.items()}
        for backend, found in data["backends"].items()
    }
    return History(runs, backends)


def _discrepancy(values: Mapping[str, Any]) -> Discrepancy:
    """Return a discrepancy; `first` and `last` follow from what was seen."""
    kept = {one.name: values[one.name] for one in fields(Discrepancy)}
    seen = {version: (str(first), str(last)) for version, (first, last) in kept["seen"].items()}
    if not seen:
        raise ValueError(f"{kept['signature']} was never seen")
    return Discrepancy(**{**kept, "seen": seen})
