"""The command `export`: runs in the formats of others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from convformance.runfile import Run, load
from convreport.badge import badge
from convreport.columns import columns
from convreport.export_json import json_text, schema_text
from convreport.export_junit import junit_text
from convreport.export_markdown import markdown_text
from convreport.export_sarif import sarif_text
from convreport.files import write_whole
from convreport.usage import FINE, UsageError, run_files, writing

Files = Sequence[tuple[Path, Run]]
TEXTS: Mapping[str, Callable[[Files], str]] = {
    "json": lambda files: json_text([run for _, run in files]),
    "junit": lambda files: junit_text([run for _, run in files]),
    "markdown": lambda files: markdown_text([run for _, run in files]),
    "sarif": sarif_text,
}
BADGE, SCHEMA = "badge", "schema"


def add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    export = commands.add_parser(
        "export",
        help="write runs as JSON, JUnit, Markdown, SARIF or badges",
        description="Write runs in a format that others read: json (schema writes its JSON "
        "Schema), junit, markdown (for a step summary), sarif, badge (an SVG for each run).",
    )
    export.add_argument("format", choices=(*TEXTS, BADGE, SCHEMA), metavar="FORMAT",
                        help=f"one of {', '.join((*TEXTS, BADGE, SCHEMA))}")  # fmt: skip
    export.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN", help="run files, or folders of them"
    )
    export.add_argument(
        "-o", "--output", required=True, metavar="FILE",
        help="file, or - for the console; for badges a file.svg, or a folder",
    )  # fmt: skip
    export.set_defaults(work=_export)


def _export(options: argparse.Namespace) -> int:
    if options.format == SCHEMA:
        _write(options.output, schema_text())
        return FINE
    if not options.runs:
        raise UsageError("name at least one run file")
    files = [(path, load(path)) for given in options.runs for path in run_files(given)]
    if options.format == BADGE:
        _badges(options.output, [run for _, run in files])
    else:
        _write(options.output, TEXTS[options.format](files))
    return FINE


def _badges(output: str, runs: Sequence[Run]) -> None:
    shown = columns(runs)
    if output == "-" or output.endswith(".svg"):
        if len(shown) > 1:
            raise UsageError(f"{output}: {len(shown)} runs have as many badges; give a folder")
        _write(output, badge(shown[0]))
        return
    for column in shown:
        _write(str(Path(output) / f"{column.mark}.svg"), badge(column))


def _write(output: str, text: str) -> None:
    if output == "-":
        sys.stdout.write(text)
        return
    path = Path(output)
    if path.is_dir():
        raise UsageError(f"{path}: a folder; give a file")
    with writing(path):
        write_whole(path, text)
