"""Runs as SARIF 2.1.0: a clause is a rule, a discrepancy a result.

Its logical location is the op of the backend. Its physical location is the evidence: the line of
the run file that holds the finding, for the framework's own source is not there to point at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from convformance import __version__
from convformance.runfile import Finding, Run
from convreport.columns import Column, columns
from convreport.export_json import dumps
from convreport.findings import finding_command, sentence
from convreport.text import clip, one_line, visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_text(files: Sequence[tuple[Path, Run]]) -> str:
    """Return one SARIF run for each run file."""
    shown = columns([run for _, run in files])
    paths = {id(run): path for path, run in files}
    runs = [_run(column, paths[id(column.run)]) for column in shown]
    return dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})


def _run(column: Column, path: Path) -> dict[str, Any]:
    findings = column.run.findings
    clauses = sorted({one.clause for one in findings})
    places = _places(path)
    return {
        "tool": {
            "driver": {
                "name": "Convformance",
                "version": one_line(column.run.header.convformance) or __version__,
                "rules": [_rule(clause) for clause in clauses],
            }
        },
        "automationDetails": {"id": f"convformance/{column.mark}/"},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(column, one, clauses.index(one.clause), _place(path, places.get(one.id)))
            for one in findings
        ],
    }


def _rule(clause: str) -> dict[str, Any]:
    return {"id": one_line(clause) or "none", "shortDescription": {"text": sentence(clause)}}


def _result(
    column: Column, finding: Finding, rule: int, place: Mapping[str, Any]
) -> dict[str, Any]:
    new = finding.status == "new"
    entry = finding.entry or {}
    reason = (
        {"justification": _plain(clip(str(entry["reason"])).text)} if entry.get("reason") else {}
    )
    name = f"{column.label}/{finding.op}"
    logical = {"fullyQualifiedName": one_line(name), "kind": "function"}
    return {
        "ruleId": one_line(finding.clause) or "none",
        "ruleIndex": rule,
        "level": "error" if new else "note",
        "message": {"text": _message(column, finding)},
        "locations": [{"physicalLocation": place, "logicalLocations": [logical]}],
        "partialFingerprints": {"convformance/v1": one_line(finding.id)},
        "suppressions": [] if new else [{"kind": "external", "status": "accepted", **reason}],
    }


def _message(column: Column, finding: Finding) -> str:
    """Return plain text: SARIF would make a link of a bracket that meets a parenthesis."""
    command = finding_command(finding, column.run.header.given or column.backend)
    words = [
        one_line(f"{column.label}: {finding.op} {finding.verdict}."),
        clip(finding.message).text,
        *(one_line(why, 1_000) for why in finding.diagnosis),
        clip(command).text,
    ]
    return _plain("\n".join(filter(None, words)))


def _plain(text: str) -> str:
    return visible(text).replace("](", "] (")


def _place(path: Path, line: int | None) -> dict[str, Any]:
    uri = path.resolve().as_uri() if path.is_absolute() else quote(path.as_posix())
    region = {"region": {"startLine": line}} if line else {}
    return {"artifactLocation": {"uri": uri}, **region}


def _places(path: Path) -> dict[str, int]:
    """Return the line of the run file at which each finding stands, by id."""
    found = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if '"finding"' in line[:100]:
                data = json.loads(line)
                if data.get("type") == "finding":
                    found[str(data.get("id"))] = number
    return found
