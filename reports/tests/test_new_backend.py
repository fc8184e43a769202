"""The command `new-backend`: its package is built, installed and run; mistakes leave nothing."""

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from convformance import __version__
from convformance.registry import GROUP
from convformance.runfile import load
from convreport import new_backend
from convreport.cli import main
from convreport.new_backend import Source, source
from convreport.usage import UsageError

ROOT = Path(__file__).parents[2]
ONE_OP = ("-n", "0", "-k", "conv1x1-float32")  # a part of a run, for pytest
SOME_OPS = ("-n", "0", "-k", "float32 and (convolution or pooling)", "--max-examples", "3")
EMPTY = "CALLS: dict[str, Callable[[Problem, Arrays], np.ndarray]] = {}\n"


def skeleton(folder, name):
    """Write the package of a backend; return its folder."""
    target = folder / f"convformance-{name}"
    assert main(["new-backend", name, "--into", str(target)]) == 0
    return target


def changed(file, old, new):
    """Put `new` where `old` stands once in a file."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def taught(folder):
    """Write the package as the tutorial of docs/backends.md ends it."""
    package = skeleton(folder, "taught")
    text = (ROOT / "docs" / "backends.md").read_text()
    blocks = re.findall(r"```python\n(def conv1x1.*?)```", text, re.S)
    changed(package / "src/convformance_taught/adapter.py", EMPTY, blocks[-1])
    return package


def lying(folder):
    """Write a package whose adapter gives zeros of the right shape for a 1x1 convolution."""
    package = skeleton(folder, "liar")
    lie = "np.zeros((problem.x[0], problem.w[0], *problem.x[2:]), problem.dtype)"
    calls = EMPTY.replace("{}", '{"conv1x1": lambda problem, arrays: ' + lie + "}")
    changed(package / "src/convformance_liar/adapter.py", EMPTY, calls)
    return package


def lost(folder):
    """Write a package whose entry point names a module that is not there."""
    package = skeleton(folder, "lost")
    changed(package / "pyproject.toml", "convformance_lost.adapter:", "convformance_lost.adaptor:")
    return package


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with the wheels of this project and of four new backends in it.

    It borrows NumPy and the like from the environment of the tests, by a path file of its own.
    """
    pytest.importorskip("hatchling", reason="hatchling builds the wheels, and is not installed")
    folder = tmp_path_factory.mktemp("new backend")
    packages = [skeleton(folder, "mine"), lying(folder), lost(folder), taught(folder)]
    wheels = folder / "wheels"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    said(*pip, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", wheels,
         ROOT, *packages)  # fmt: skip
    home = folder / "venv"
    venv.create(home, with_pip=True)
    lent = [path for path in sys.path if path.endswith("site-packages")]
    (packages_of(home) / "borrowed.pth").write_text("\n".join(lent))
    pip = (home / "bin" / "python", *pip[1:], "install", "--no-index", "--find-links", wheels)
    said(*pip, "--no-deps", "--ignore-installed", "convformance")
    said(*pip, *(f"convformance-{name}" for name in ("mine", "liar", "lost", "taught")))
    return home


def packages_of(home):
    (found,) = home.glob("lib/python*/site-packages")
    return found


def said(*command):
    """Run a command that must succeed; return what it printed."""
    done = run(Path.cwd(), *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run(folder, *command):
    """Run a command that sees no sources, only what is installed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in command], check=False, cwd=folder, env={**kept, "COLUMNS": "120"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def convformance(home, folder, *arguments):
    done = run(folder, home / "bin" / "convformance", *arguments)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def of_tox(home, name, part):
    """Run the commands of a package's tox.ini, one narrowed; return its folder and their ends."""
    package = home.parent / f"convformance-{name}"
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(package / "tox.ini")
    lines = parser["testenv:conformance"]["commands"].strip().splitlines()
    ways = {"pytest": ("python", "-m", "pytest"), "convformance": ("convformance",)}
    ended = []
    for line in lines:
        command, *words = shlex.split(line.replace("{posargs}", shlex.join(part)))
        program, *before = ways[command]  # what is borrowed has no script of its own
        ended.append(run(package, home / "bin" / program, *before, *words))
    return package, *ended


def test_an_empty_package_passes_its_own_tox_and_calls_everything_unsupported(installed):
    package, tests, whole = of_tox(installed, "mine", SOME_OPS)
    assert "4 passed" in tests.stdout
    assert (tests.returncode, whole.returncode, whole.stderr) == (0, 0, "")
    assert "nothing new, 0 known deviations" in whole.stdout
    ran = load(package / "reports" / "runs" / "mine.jsonl")
    assert ran.header.adapter == "convformance_mine.adapter:Adapter"
    assert {"conv", "conv1x1", "max_pool", "avg_pool"} <= {
        case.line.split()[0] for case in ran.cases
    }
    assert {case.verdict for case in ran.cases} == {"unsupported"}
    assert (package / "reports" / "latest" / "index.html").exists()


def test_installed_packages_are_listed_beside_the_built_in_ones(installed, tmp_path):
    listed = convformance(installed, tmp_path, "list", "backends").stdout
    assert "mine           convformance_mine.adapter:Adapter\n" in listed
    assert "numpy          convformance.backends.numpy_backend:NumpyBackend\n" in listed


def test_an_installed_convformance_has_the_templates_with_it(installed, tmp_path):
    done = convformance(installed, tmp_path, "new-backend", "other")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("next      cd convformance-other\n          python -m tox\n")
    assert (tmp_path / "convformance-other" / ".github/workflows/conformance.yml").is_file()


def test_the_package_of_the_tutorial_is_right_where_it_answers(installed):
    package, tests, whole = of_tox(installed, "taught", ONE_OP)
    assert (tests.returncode, whole.returncode, whole.stderr) == (0, 0, "")
    ran = load(package / "reports" / "runs" / "taught.jsonl")
    assert sum(case.verdict == "agrees" for case in ran.cases) > 20
    assert {case.verdict for case in ran.cases} == {"agrees", "unsupported"}


def test_an_adapter_that_gives_zeros_fails_its_own_tox(installed):
    _, tests, whole = of_tox(installed, "liar", ONE_OP)
    assert (tests.returncode, whole.returncode) == (1, 1)
    assert "1 failed, 3 passed" in tests.stdout
    assert "NEW  liar 0 · conv1x1" in whole.stdout


def test_an_entry_point_without_its_module_is_a_clear_error(installed):
    _, tests, whole = of_tox(installed, "lost", ONE_OP)
    assert (tests.returncode, whole.returncode, whole.stdout) == (1, 2, "")
    assert whole.stderr == (
        "convformance: error: backend 'lost': No module named 'convformance_lost.adaptor'; "
        "is it installed?\n"
    )


@pytest.mark.parametrize("name", ["mine", "My.Lib_2", "3d", "x" * new_backend.LONGEST])
def test_no_placeholder_is_left_and_the_files_pass_ruff(tmp_path, name):
    pytest.importorskip("ruff", reason="ruff is not installed")
    folder = tmp_path / "new"
    assert main(["new-backend", name, "--into", str(folder)]) == 0
    texts = {file: file.read_text() for file in folder.rglob("*") if file.is_file()}
    assert len(texts) == len(new_backend.PLACES)
    for text in texts.values():
        assert not re.search(r"\{\{|\}\}|\{%|%\}|\bTODO\b", text)
        assert text.endswith("\n")
    for words in (("check",), ("format", "--check", "--diff")):
        said(sys.executable, "-m", "ruff", *words, "--no-cache", folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    ((key, target),) = project["entry-points"][GROUP].items()
    file = folder / "src" / (target.partition(":")[0].replace(".", "/") + ".py")
    assert key == name
    assert f'name = "{name}"' in file.read_text()


def test_the_folder_is_named_after_the_backend_and_may_be_there_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "convformance-my-lib"
    folder.mkdir()
    assert main(["new-backend", "My.Lib"]) == 0
    assert (folder / "src" / "convformance_my_lib" / "adapter.py").is_file()
    assert list(tmp_path.iterdir()) == [folder]
    assert folder.stat().st_mode & 0o777 == (folder / "src").stat().st_mode & 0o777


def test_what_it_prints_are_the_files_and_the_next_two_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("convreport.new_command._source", lambda: Source(here="/a clone"))
    main(["new-backend", "mine"])
    *written, empty, change, test = capsys.readouterr().out.splitlines()
    assert sorted(written) == written
    assert all((tmp_path / path).is_file() for path in written)
    assert [empty, change, test] == [
        "",
        "next      cd convformance-mine",
        "          CONVFORMANCE='/a clone' python -m tox",
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "'' cannot name a backend: a name has at most 50 characters, ASCII letters and"),
        ("my backend", "'my backend' cannot name a backend"),
        ("mine-", "'mine-' cannot name a backend"),
        ("mine\n", "'mine\\n' cannot name a backend"),
        ("../mine", "'../mine' cannot name a backend"),
        ("größer", "'größer' cannot name a backend"),
        ("x" * 51, "cannot name a backend: a name has at most 50 characters"),
        ("torch", "'torch' is the name of the built-in backend torch; give it another"),
        ("NumPy", "'NumPy' is the name of the built-in backend numpy; give it another"),
        ("convformance-mine", "'convformance-mine': give 'mine' alone, the package will be"),
    ],
)
def test_a_name_that_cannot_be_is_told_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, name, told
):
    monkeypatch.chdir(tmp_path)
    assert main(["new-backend", name]) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith("convformance: error: "), told in err) == ("", True, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("into", "told"),
    [
        ("full", "full is there already, and is no empty folder"),
        ("file", "file is there already, and is no empty folder"),
        ("missing/new", "missing/new: there is no folder missing"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_folder_that_cannot_be_is_told_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, into, told
):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("mine")
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    assert main(["new-backend", "mine", "--into", into]) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith("convformance: error: "), told in err) == ("", True, True)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_folder_that_one_is_in_is_not_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new-backend", "mine", "--into", "."]) == 2
    assert ". is the folder you are in; give a new one" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_middle_of_writing_leaves_nothing(tmp_path, capsys):
    texts = {"a": "whole", "b/c": "whole", "b": "a folder is there"}
    with pytest.raises(UsageError, match="Is a directory"):
        new_backend.write_folder(tmp_path / "new", texts)
    assert list(tmp_path.iterdir()) == []


def test_what_is_asked_for_stands_in_tox_and_in_the_workflow():
    asked = "convformance @ git+https://host.example/c.git@a1b2"
    texts = new_backend.files("mine", asked)
    assert f"\ndeps = {{env:CONVFORMANCE:{asked}}}\n" in texts["tox.ini"]
    assert f'\n      CONVFORMANCE: "{asked}"\n' in texts[".github/workflows/conformance.yml"]


def test_a_package_asks_for_what_any_machine_can_reach():
    index = f"convformance>={__version__}"
    local = {"url": "file:///a/clone", "vcs_info": {"vcs": "git", "commit_id": "a1b2"}}
    git = {"url": "https://host.example/c.git", "vcs_info": {"vcs": "git", "commit_id": "a1b2"}}
    asked = {
        None: Source(index, ""),
        '{"url": "file:///a%20clone", "dir_info": {"editable": true}}': Source(index, "/a clone"),
        json.dumps(local): Source(index, "convformance @ git+file:///a/clone@a1b2"),
        json.dumps(git): Source("convformance @ git+https://host.example/c.git@a1b2", ""),
        '{"url": "https://host.example/c.whl", "archive_info": {}}': Source(
            "convformance @ https://host.example/c.whl", ""
        ),
    }
    assert {told: source(told) for told in asked} == asked
