"""Runs as one JSON document, whose schema is shipped beside this module."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from convformance import __version__
from convformance.runfile import Finding, LawRecord, Run
from convreport.columns import Column, columns, law_status
from convreport.findings import finding_command, sentence

FORMAT = 1
MOST_LINES = 10
_HEADER = (
    "backend", "version", "adapter", "convformance", "seed", "started", "python", "system",
    "libraries", "accumulators", "profile", "selection", "max_examples", "minutes",
    "arguments", "use_ledger", "any_release", "lines", "limits", "shard", "resumed",
)  # fmt: skip
_FINDING = (
    "id", "signature", "status", "op", "verdict", "clause", "line", "message", "sizes", "inputs",
    "expected", "got", "wrong", "terms", "script", "entry", "diagnosis",
    "connections",
)  # fmt: skip
_COUNTS = ("agrees", "variant", "known", "new", "unsupported")
_LAW_COUNTS = ("held", "apart", "known", "new", "inapplicable")


def json_text(runs: Sequence[Run]) -> str:
    """Return the runs as JSON: everything but the single cases, which the run file holds."""
    document = {
        "format": FORMAT,
        "exported_by": __version__,
        "runs": [_run(column) for column in columns(runs)],
    }
    return dumps(document)


def schema_text() -> str:
    """Return the JSON Schema of the document."""
    file = resources.files("convreport").joinpath("schemas", "export.schema.json")
    return file.read_text(encoding="utf-8")


def dumps(document: Any) -> str:
    """Return JSON that every reader takes: no NaN, and no half of a character."""
    plain = json.loads(json.dumps(document, default=vars, allow_nan=False))
    return json.dumps(_whole(plain), indent=1) + "\n"


def _whole(value: Any) -> Any:
    """Write each surrogate without a partner as an escape: many readers refuse it."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return value


def _run(column: Column) -> dict[str, Any]:
    run = column.run
    return {
        **{name: getattr(run.header, name) for name in _HEADER},
        "is_red": run.is_red,
        "seconds": run.footer.seconds,
        "problems": run.footer.problems,
        "cases": len(run.cases),
        "counts": {name: column.statuses[name] for name in _COUNTS},
        "worst_margin": column.worst_margin,
        "findings": [_finding(column, one) for one in run.findings],
        "choices": [vars(one) for one in run.choices],
        "laws": _laws(column),
        "arithmetic": [vars(one) for one in run.arithmetic],
        "geometries": [vars(one) for one in run.geometries],
        "taken": [one.signature for one in run.taken],
        "stale": run.footer.stale,
        "failed": run.footer.failed,
        "deaths": run.footer.deaths,
    }


def _finding(column: Column, finding: Finding) -> dict[str, Any]:
    lines = column.signed.get(finding.signature, [])
    return {
        **{name: getattr(finding, name) for name in _FINDING},
        "sentence": sentence(finding.clause),
        "cases": len(lines),
        "lines": sorted(set(lines), key=lambda line: (len(line), line))[:MOST_LINES],
        "command": finding_command(finding, column.run.header.given or column.backend),
    }


def _laws(column: Column) -> list[dict[str, Any]]:
    records: Mapping[tuple[str, str], list[LawRecord]] = defaultdict(list)
    for one in column.laws:
        records[one.law, one.op].append(one)
    return [_law(column, *key, some) for key, some in sorted(records.items())]


def _law(column: Column, law: str, op: str, records: Sequence[LawRecord]) -> dict[str, Any]:
    counts = Counter(law_status(one, column.known) for one in records)
    return {
        "law": law,
        "op": op,
        "exact": all(one.exact for one in records),
        "counts": {name: counts[name] for name in _LAW_COUNTS},
        "by_how_much": max((one.by_how_much or 0.0 for one in records), default=0.0),
    }
