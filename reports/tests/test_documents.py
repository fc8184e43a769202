"""Every command that the documents print is run: here, or where ELSEWHERE says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from test_docs import DOCS, LINES, PAGES

from convformance.runfile import load

ROOT = DOCS.parent
TESTS = ROOT / "reports" / "tests", ROOT / "conformance" / "tests"
ELSEWHERE = {  # what is not run here, the tests that run it, and words that they have for it
    r"^first-run\.md": ("test_docs.py", ["first-run.md"]),
    # Of releases that the tests make.
    r"convformance (versions|bisect) ": ("test_versions.py", ['"versions"', '"bisect"']),
    r"convformance campaign |run --shard |--database ": (
        "test_campaign_command.py",
        ['"campaign"', '"--shard', '"--database'],
    ),
    r"--backend mine|check-adapter mine|list backends": ("test_new_backend.py", ["new-backend"]),
}
# A run of the documents asks all; here a part of it. pytest takes these words before the others.
PART = "-n 0 -k 'convolution and conv1x1-float32'"
FRAMEWORK = '''
"""A framework of one function."""
import numpy as np
from convformance.kernel import conv

__version__ = "1.0"


def conv2d(x, w, bias, stride, padding, dilation, groups):
    return conv(x, w, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
'''
ADAPTER = '''
"""An adapter that pads on the other side."""
from wild_backends import FlipsPads as Adapter
'''
MODULES = {
    "opencv": "cv2",
    "litert": "ai_edge_litert",
    "my_backend": "numpy",
    "cmd": "numpy",
    "wrong": "numpy",
}
PLAIN = "conv x=1x1x5 w=1x1x3 padding=1 float32"
MEANT = {  # what stands for the reader's own, and what would take too long here
    "'LINE'": f"'{PLAIN}'",
    "--resume FILE": "--resume reports/runs/torch.jsonl",
    "--cases FILE": "--cases cases.txt",
    "history FILE RUN...": "history history.json reports/runs",
    "report RUN... -o DIR": "report reports/runs -o out",
    "diff OLD NEW": "diff old/torch.jsonl new/torch.jsonl",
    "export FORMAT RUN... -o FILE": "export json reports/runs -o runs.json",
    "new-backend NAME": "new-backend other",
    "check-adapter ADAPTER": "check-adapter ./adapter.py:Adapter",
    "--minutes 30": "--minutes 0.02",
    "-k conv -x": "-k conv1x1-int8 -x",
}


def here(page: Path) -> list[str]:
    """Return the command lines of a page that are run here."""
    lines = [line for name, line in LINES if name == page.name]
    return [
        line
        for line in lines
        if not any(re.search(one, f"{page.name} {line}") for one in ELSEWHERE)
    ]


def is_there(engine: str) -> bool:
    """Whether an engine is installed, with what it needs."""
    if engine == "tinygrad" and not shutil.which(os.environ.get("CC", "clang")):
        return False
    return find_spec(MODULES.get(engine, engine)) is not None


def ran(folder: Path, line: str, more: str = PART) -> subprocess.CompletedProcess[str]:
    """Run a line as a shell does, with `convformance` and what stands in the folder at hand."""
    command = f'convformance() {{ "{sys.executable}" -m convreport.cli "$@"; }}\n{line}\n'
    paths = (str(folder), str(TESTS[1]), os.environ.get("PYTHONPATH", ""))
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTEST_ADDOPTS": more,
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the documents take for there: adapters, a run cut off, lines."""
    folder = tmp_path_factory.mktemp("desk")
    readme = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"```python\n((?:(?!```).)*class MyBackend.*?)```", readme, re.DOTALL)
    said = (DOCS / "diagnosis.md").read_text()
    (wrong,) = re.findall(r"```python\n((?:(?!```).)*class Wrong.*?)```", said, re.DOTALL)
    child = TESTS[1] / "wire_child.py"
    files = {
        "my_framework.py": FRAMEWORK,
        "my_backend.py": code,
        "wrong.py": wrong,
        "adapter.py": ADAPTER,
        "cases.txt": "# of one axis\nconv x=1x1x5 w=1x1x3 padding=0+1 float32\n",
        "adapter": f'#!/bin/sh\nexec {sys.executable} {child} "$@"\n',
        "gh": "#!/bin/sh\ncat > issue.md\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    for name in ("adapter", "gh"):
        (folder / name).chmod(0o755)
    line = "convformance run --backend ./adapter.py:Adapter --cases cases.txt -o torch.jsonl"
    made = ran(folder, line, "-n 0")
    assert made.returncode == 1, made.stdout + made.stderr
    for name in ("old", "new", "reports/runs"):
        (folder / name).mkdir(parents=True)
        shutil.copy(folder / "torch.jsonl", folder / name)
    whole = (folder / "torch.jsonl").read_text().splitlines(keepends=True)
    (folder / "reports" / "runs" / "torch.jsonl.partial").write_text("".join(whole[:-1]))
    return folder


@pytest.mark.parametrize("page", [one for one in PAGES if here(one)], ids=lambda one: one.name)
def test_the_commands_of_a_page_do_what_they_say(
    furnished: Path, tmp_path: Path, page: Path
) -> None:
    desk = tmp_path / "desk"
    shutil.copytree(furnished, desk)
    (finding, *_) = load(desk / "torch.jsonl").findings
    text, missing = page.read_text(), set[str]()
    for line in here(page):
        needs = re.findall(r"--(?:backend|from|to) '?(\w+)(?!\w*[:.])", line)
        if lacking := {one for one in needs if not is_there(one)}:
            missing |= lacking
            continue
        said = line.replace("d-7c1e0a93", finding.id).replace("cite ID", f"cite {finding.id} new")
        for word, meant in MEANT.items():
            said = said.replace(word, meant)
        if "--resume" in line:
            shutil.copytree(furnished / "reports", desk / "reports", dirs_exist_ok=True)
            (desk / "reports" / "runs" / "torch.jsonl").unlink()
        is_narrow = "--resume" in line or "--cases" in line
        done = ran(desk, said, "-n 0" if is_narrow else PART)
        assert "Traceback" not in done.stdout + done.stderr, line
        told = f"{line}\n{done.stdout}{done.stderr}"
        refuses = re.search(rf"^    \$ {re.escape(line)}\n    convformance: error", text, re.M)
        assert done.returncode in ((2,) if refuses else (0, 1)), told
        if line.split()[1] in ("explain", "port", "case"):
            assert lost(text, line, done.stdout + done.stderr) == [], told
    if missing:
        pytest.skip(f"all lines were run but those of {', '.join(sorted(missing))}: not installed")


def lost(text: str, line: str, said: str) -> list[str]:
    """Return what the page shows under a line and the command does not say."""
    shown = re.search(
        rf"^    \$ {re.escape(line)}\n((?:    [^$\n].*\n|\n(?=    [^$]))*)", text, re.M
    )
    lines = [one.strip() for one in shown[1].splitlines()] if shown else []
    return [one for one in lines if one and one != "..." and one not in said]


def test_what_is_run_elsewhere_is_run_there() -> None:
    for pattern, (name, words) in ELSEWHERE.items():
        assert any(re.search(pattern, f"{page} {line}") for page, line in LINES), pattern
        text = (TESTS[0] / name).read_text()
        assert [word for word in words if word not in text] == []


def test_every_environment_and_script_of_the_documents_is_there() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    ini = (ROOT / "tox.ini").read_text()
    for name in re.findall(r"tox -e ([a-z-]+)", text):
        section = rf"^\[testenv:(\S*\b)?{name}\b|^env_list = .*\b{name}\b"
        assert re.search(section, ini, re.M), name
    for script in re.findall(r"python (benchmarks/\w+\.py)", text):
        assert (ROOT / script).exists()
