"""The site of docs/ is whole, a broken one does not pass; the tutorial does what it says."""

from __future__ import annotations

import argparse
import html
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convoracle import CLAUSES
from convreport.cli import parser

DOCS = Path(__file__).parents[2] / "docs"
# Words that stand for what a reader puts there.
MEANT = {"LINE": "conv x=1x1x2 w=1x1x1", "ID": "d-1", "RUN": "torch.jsonl", "FORMAT": "json"}


def site(docs: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as `tox -e docs` does."""
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    return subprocess.run([*command, docs, folder], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = site(DOCS, folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_every_clause_can_be_linked_to(built: Path) -> None:
    ids = set(re.findall(r' id="([^"]+)"', (built / "spec.html").read_text()))
    assert set(CLAUSES) <= ids


def test_labels_lead_to_their_clauses(built: Path) -> None:
    text = (built / "first-run.html").read_text()
    assert 'href="spec.html#window.dilation"' in text


def test_every_command_stands_in_the_reference(built: Path) -> None:
    text = (built / "commands.html").read_text()
    ids = set(re.findall(r' id="([^"]+)"', text))
    assert [name for name in commands() if f"convformance-{name}" not in ids] == []


HISTORIES = sorted(one.name for one in (DOCS / "history").iterdir() if one.is_dir())


def test_at_least_three_engines_have_a_history_of_five_releases() -> None:
    asked = {name: releases_asked(name) for name in HISTORIES}
    assert len(asked) >= 3
    assert {name: some for name, some in asked.items() if len(some) < 5} == {}


def releases_asked(name: str) -> list[str]:
    """Return the releases of a page that have a report."""
    text = (DOCS / "history" / name / "index.html").read_text()
    return re.findall(r'<tr><th scope="row"><a href="([^"/]+)/index\.html">\1</a>', text)


@pytest.mark.parametrize("name", HISTORIES)
def test_the_cells_of_a_history_lead_into_its_reports(built: Path, name: str) -> None:
    folder = built / "history" / name
    links = set(re.findall(r'href="([^"#:]+/index\.html)(?:#([^"]+))?"', read(folder)))
    assert {path.removesuffix("/index.html") for path, _ in links} == set(releases_asked(name))
    assert any(anchor for _, anchor in links)
    for path, anchor in links:
        assert not anchor or f'id="{anchor}"' in (folder / path).read_text(), (path, anchor)


@pytest.mark.parametrize("name", HISTORIES)
def test_what_is_told_of_a_history_stands_on_its_page(built: Path, name: str) -> None:
    """A row of the tables in history/index.md is a row of the page: its case and what changed."""
    told = (DOCS / "history" / "index.md").read_text()
    assert f'href="{name}/index.html"' in told
    section = told.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .*?\| `([^`]+)` \| ([^|]+) \|$", section, re.MULTILINE)
    assert rows
    page = html.unescape(read(built / "history" / name))
    shown = re.findall(r'<tr id="d-\w+">.*?</tr>', page, re.DOTALL)
    for line, story in rows:
        assert any(line in row and f">{story}<" in row for row in shown), (line, story)


def read(folder: Path) -> str:
    return (folder / "index.html").read_text()


FAULTS = {
    "explain.md": ("\n[lost](no-such-page.md)\n", "no-such-page.md"),
    "port.md": ("\n[lost](#no-such-heading)\n", "no-such-heading"),
    "unlisted.md": ("# A page that no list names\n", "isn't included in any toctree"),
}


def test_a_broken_page_does_not_pass(tmp_path: Path) -> None:
    """One build, which goes on after a warning, tells all of them."""
    docs = tmp_path / "docs"
    shutil.copytree(DOCS, docs)
    for page, (fault, _) in FAULTS.items():
        with (docs / page).open("a") as file:
            file.write(fault)
    done = site(docs, tmp_path / "site")
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert all(any(page.split(".")[0] in line for page in FAULTS) for line in told), done.stderr
    for page, (_, warning) in FAULTS.items():
        assert any(page in line and warning in line for line in told), (page, done.stderr)


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands, by name."""
    found = next(one for one in parser()._actions if isinstance(one.choices, dict))
    return dict(found.choices or {})


def printed(path: Path) -> list[str]:
    """Return the command lines of `convformance` in a page's blocks of code."""
    text = path.read_text()
    found = re.findall(r"^    (?:\$ )?(convformance .*)$", text, re.MULTILINE)
    found += re.findall(r"^\| `(convformance [^`]*)`", text, re.MULTILINE)
    return [one for one in found if not re.match(r"convformance \d", one)]  # that is output


PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
LINES = [(path.name, line) for path in PAGES for line in printed(path)]


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_command_line_of_the_documents_is_one(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((i for i, one in enumerate(words) if one in ("|", ">>", "...")), None)]
    words = [MEANT.get(one, one) for one in words if one != "RUN..."]
    if words[0] in ("report", "export", "diff") and not any("." in one for one in words[1:]):
        words[1:1] = ["torch.jsonl"] if words[0] == "report" else []
    try:
        parser().parse_args(words)
    except SystemExit as end:
        pytest.fail(f"{page}: {line} ends with {end.code}")


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    text = (DOCS / "first-run.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "hasty.py").write_text(code)
    said = ""
    lines = printed(DOCS / "first-run.md")
    for line in lines:
        words = shlex.split(line)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "convreport.cli", *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        lies = "./hasty.py:Hasty" in words or words[0] == "report"
        expected = 2 if words[0] == "explain" else 1 if lies else 0
        assert done.returncode == expected, line + done.stdout + done.stderr
        said += done.stdout + done.stderr
    assert len(lines) == 6
    for told in (
        "verdict   agrees",
        "error [conv.groups]",
        "verdict   differs in shape [window.dilation]",
        "the dilation is taken for 1",
    ):
        assert told in said
    assert (tmp_path / "out" / "index.html").exists()
