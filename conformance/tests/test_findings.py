"""docs/findings.md: each script still prints what stands below it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from convformance.problem import Case

PAGE = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
FINDINGS = {text.partition("\n")[0]: text for text in re.split(r"^## ", PAGE, flags=re.M)[1:]}


def block(text: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)
    return str(found)


@pytest.mark.parametrize("title", FINDINGS)
def test_a_script_prints_what_stands_below_it(title: str) -> None:
    script = block(FINDINGS[title], "python")
    imported = set(re.findall(r"^(?:import|from) (\w+)", script, flags=re.M))
    missing = sorted(name for name in imported if find_spec(name) is None)
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    if "tinygrad" in imported and shutil.which(os.environ.get("CC", "clang")) is None:
        pytest.skip("tinygrad compiles with clang, and there is none: name one in CC")
    if "torch.compile(" in script and shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("torch.compile needs a C++ compiler, and there is none: name one in CXX")
    assert imported <= {
        "ai_edge_litert", "cv2", "flatbuffers", "keras", "ml_dtypes", "mlx", "ncnn", "numpy",
        "onnx", "onnxruntime", "openvino", "os", "scipy", "tempfile", "tensorflow", "tinygrad",
        "torch", "tract",
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.stdout == block(FINDINGS[title], "text")


def test_the_list_above_names_every_finding_in_its_order() -> None:
    above = PAGE.partition("\n## ")[0]
    listed, engine = [], ""
    for line in above.splitlines():
        if named := re.fullmatch(r"- \*\*(\w+)\*\*", line):
            engine = named[1]
        if named := re.fullmatch(r"  - \[(.*)\]\(#(.*)\)", line):
            listed.append(f"{engine}: {named[1]}")
    assert listed == list(FINDINGS)


@pytest.mark.parametrize("title", FINDINGS)
def test_a_finding_has_the_line_of_a_case(title: str) -> None:
    command = r"^    convformance case '(.+)' --backend '?(\w+)(?:\[\w+\]')?$"
    ((line, backend),) = re.findall(command, FINDINGS[title], flags=re.M)
    assert Case.parse(line).line == line
    assert title.startswith(f"{backend}: ")
