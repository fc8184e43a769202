"""Backends are found by entry point or as module:attribute; what is in the way is told."""

import subprocess
import sys

import pytest

from convformance.backend import Backend
from convformance.registry import (
    BackendError,
    adapter_path,
    make_backend,
    names,
    parted,
    variants_of,
)
from convformance.worker import Isolated


def test_the_four_backends_are_registered():
    assert {"numpy", "torch", "tensorflow", "jax"} <= set(names())


def test_a_registered_name_makes_its_backend():
    backend = make_backend("numpy")
    assert isinstance(backend, Backend)
    assert backend.name == "numpy"
    assert adapter_path("numpy") == "convformance.backends.numpy_backend:NumpyBackend"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("torch", ("torch", "")),
        ("torch[channels_last]", ("torch", "channels_last")),
        ("a.b:C[opset11]", ("a.b:C", "opset11")),
        ("./a.py:C[x]", ("./a.py:C", "x")),
        ("torch[]", ("torch", "")),
        ("cmd:./adapter a[1]", ("cmd:./adapter a[1]", "")),
    ],
)
def test_a_variant_stands_in_brackets_behind_a_name(name, parts):
    assert parted(name) == parts


def test_a_variant_calls_the_class_with_its_arguments():
    backend = make_backend("wild_backends:TwoWays[slow]")
    assert (backend.name, backend.way) == ("two ways[slow]", "slow")
    plain = make_backend("wild_backends:TwoWays")
    assert (plain.name, plain.way) == ("two ways", "plain")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("wild_backends:TwoWays[fats]", "fast, slow"),
        ("wild_backends:TwoWays[]", "fast, slow"),
        ("wild_backends:Tame[fast]", "none"),
        ("numpy[fast]", "none"),
    ],
)
def test_a_variant_that_is_not_there_is_told_with_those_that_are(name, known):
    base, variant = parted(name)
    with pytest.raises(BackendError) as caught:
        make_backend(name)
    assert str(caught.value) == f"backend {base!r} has no variant {variant!r}; variants: {known}"


def test_variants_without_arguments_are_told():
    with pytest.raises(BackendError, match=r"its variants must be \{name: keyword arguments\}"):
        make_backend("wild_backends:Listed[fast]")


def test_the_variants_of_a_registered_backend_are_listed():
    assert variants_of("numpy") == ()
    assert "torch[channels_last]" in variants_of("torch")


def test_module_and_attribute_make_a_backend():
    assert make_backend("wild_backends:Tame").name == "tame"


def test_a_file_in_the_working_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "beside_you.py").write_text(
        "class Mine:\n    name, version = 'mine', '1'\n    def run(self, problem, arrays): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert make_backend("beside_you:Mine").name == "mine"


MINE = """
from dataclasses import dataclass

import beside_mine

@dataclass
class Mine:
    name: str = beside_mine.NAME
    version: str = "1"

    def run(self, problem, arrays): ...
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The folder of my_adapter.py, which imports what lies beside it."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "my_adapter.py").write_text(MINE)
    (folder / "beside_mine.py").write_text("NAME = 'mine'\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield folder
    for name in ("beside_mine", "convformance_file_my_adapter"):
        sys.modules.pop(name, None)


def test_a_file_makes_a_backend_from_any_folder(mine, monkeypatch, tmp_path):
    assert make_backend("./my_adapter.py:Mine").name == "mine"
    assert make_backend("my_adapter.py:Mine").name == "mine"
    monkeypatch.chdir(tmp_path)
    assert make_backend("a folder/my_adapter.py:Mine").name == "mine"
    assert make_backend(f"{mine}/my_adapter.py:Mine").name == "mine"


def test_a_second_file_of_the_same_name_is_another(mine, tmp_path):
    first = make_backend("./my_adapter.py:Mine")
    (tmp_path / "my_adapter.py").write_text(MINE.replace("beside_mine.NAME", "'other'"))
    assert [first.name, make_backend("../my_adapter.py:Mine").name] == ["mine", "other"]


def test_a_file_runs_in_a_process_of_its_own(mine):
    backend = Isolated("./my_adapter.py:Mine")
    backend.close()
    assert backend.name == "mine"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("./absent.py:Mine", r"there is no file \./absent\.py"),
        ("./my_adapter.py:Other", "has no 'Other'"),
        ("./my_adapter.txt:Mine", "my_adapter.txt is no Python file"),
        ("./broken.py:Mine", "broken.py raised ZeroDivisionError: division by zero"),
        ("./a folder:Mine", "there is no file"),
        ("./my_adapter.py", "no backend './my_adapter.py'; registered: .*; or give module:attr"),
    ],
)
def test_what_is_in_the_way_of_a_file_is_told(mine, name, told):
    (mine / "my_adapter.txt").write_text("")
    (mine / "broken.py").write_text("1 / 0\n")
    with pytest.raises(BackendError, match=told):
        make_backend(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nothing", "no backend 'nothing'; registered: .*numpy.*; or give module:attribute"),
        ("no_such_module:Thing", "No module named 'no_such_module'; is it installed?"),
        ("wild_backends:Absent", "wild_backends has no 'Absent'"),
        ("wild_backends:Nameless", "its name must be a string"),
        ("wild_backends:Idle", r"has no run\(problem, arrays\)"),
        ("wild_backends:Unmakeable", "cannot be made: OSError: no such device"),
        ("wild_backends:Missing", "No module named 'no_such_framework'"),
    ],
)
def test_what_is_in_the_way_is_told(name, told):
    with pytest.raises(BackendError, match=told):
        make_backend(name)


def test_no_framework_is_imported_before_its_backend_is_made():
    code = (
        "import sys, convformance.registry, convformance.backends.torch_backend,"
        " convformance.backends.tensorflow_backend, convformance.backends.jax_backend,"
        " convreport.cli\n"
        "print(sorted({'torch', 'tensorflow', 'jax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
