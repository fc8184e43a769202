"""A made-up framework of several releases, as wheels that pip installs without an index."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What each release computes of w @ x; 1.3.0 was never published.
RELEASES = {"1.0.0": "", "1.1.0": "+ 1", "1.1.1": "+ 1", "1.2.0": "", "1.4.0": "+ 1"}
FRAMEWORK = """import numpy as np

def mix(x, w):
    y = np.einsum("nc...,mc->nm...", x, w)
    return (y {fault}).astype(x.dtype)
"""
ADAPTER = """from importlib.metadata import version

import toyframe
from convformance.backend import Unsupported


class Toy:
    name = "toy"
    distribution = "toyframe"
    version = version("toyframe")
    libraries = {"toyframe": version}

    def run(self, problem, arrays):
        if problem.op != "conv1x1" or "bias" in arrays or problem.grad:
            raise Unsupported("toyframe only mixes channels")
        return toyframe.mix(arrays["x"], arrays["w"])
"""
POINTS = "[convformance.backends]\ntoy = convformance_toy:Toy\n"


def wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    """Write a wheel of pure Python that holds the files."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    told = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    texts = {path.replace("INFO", info): text for path, text in files.items()} | told
    record = [f"{path},sha256={_hash(text)},{len(text)}" for path, text in texts.items()]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def wheels(folder: Path) -> Path:
    """Write the framework's releases, its adapter and what borrows; return our own wheel.

    An environment with `borrowed` in it has NumPy and the like from that of the tests.
    """
    for version, fault in RELEASES.items():
        wheel(folder, "toyframe", version, {"toyframe.py": FRAMEWORK.format(fault=fault)})
    points = {"INFO/entry_points.txt": POINTS}
    wheel(folder, "convformance-toy", "1.0", {"convformance_toy.py": ADAPTER, **points})
    here = sysconfig.get_paths()["purelib"]
    wheel(folder, "borrowed", "1.0", {"borrowed.pth": f"{here}\n"})
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    options = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(folder))
    subprocess.run([*pip, "wheel", *options, str(ROOT)], check=True)
    return next(folder.glob("convformance-0*.whl"))
