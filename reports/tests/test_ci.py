"""The action for GitHub and the template for GitLab: they are valid, and their steps run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from convreport.usage import FAIL_ON, status_of

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "conformance" / "action.yml"
TEMPLATE = ROOT / ".gitlab" / "conformance.yml"
FEW = "-- -k global_max_pool-int8 -n 0"
WRONG = '''
from convformance.backends.numpy_backend import NumpyBackend


class Wrong(NumpyBackend):
    """Answers one more than it should."""

    name = "wrong"

    def run(self, problem, arrays):
        return {name: array + 1 for name, array in super().run(problem, arrays).items()}
'''


def loaded(path):
    return YAML(typ="safe").load(path.read_text())


def checked(path, schema, *more):
    words = ["--builtin-schema", schema, *more, str(path)]
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words],
        check=False,
        capture_output=True,
        text=True,
    )


KINDS = {
    "action": (ACTION, "vendor.github-actions", ()),
    "template": (TEMPLATE, "vendor.gitlab-ci", ("--data-transform", "gitlab-ci")),
}


def visible(text):
    """Return the template with its job not hidden; a hidden one may be anything to the schema."""
    return text.replace("\n.convformance:", "\nconvformance:")


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_obeys_the_schema_of_its_service(kind, tmp_path):
    path, schema, more = KINDS[kind]
    copy = tmp_path / path.name
    copy.write_text(visible(path.read_text()))
    found = checked(copy, schema, *more)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("action", "using: composite", "using: composed"),
        ("action", "shell: bash\n      env:\n        SOURCE", "env:\n        SOURCE"),
        ("template", "when: always", "when: ever"),
    ],
)
def test_the_check_of_the_schema_can_fail(kind, right, wrong, tmp_path):
    path, schema, more = KINDS[kind]
    text = visible(path.read_text())
    assert right in text
    broken = tmp_path / path.name
    broken.write_text(text.replace(right, wrong))
    assert checked(broken, schema, *more).returncode == 1


@pytest.mark.parametrize(
    ("given", "new", "any_", "none"),
    [
        ({"findings": ()}, 0, 0, 0),
        ({}, 0, 1, 0),  # one that the ledger knows
        ({"with_new": True}, 1, 1, 0),
        ({"stale": ({"reason": "mended"},)}, 1, 1, 0),
        ({"failed": ("a test",)}, 1, 1, 1),
    ],
    ids=["right", "known", "new", "stale", "failed"],
)
def test_what_fails_is_what_is_asked(make_run, given, new, any_, none):
    run = make_run(**given)
    assert [status_of([run], word) for word in FAIL_ON] == [new, any_, none]
    right = make_run(findings=())
    assert [status_of([right, run], word) for word in FAIL_ON] == [new, any_, none]


def environment(folder, **given):
    tools = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        **given,
    }


def bash(script, folder, **given):
    """Run a step as GitHub runs `shell: bash`; GitLab's are as strict."""
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        words,
        check=False,
        cwd=folder,
        env=environment(folder, **given),
        capture_output=True,
        text=True,
    )


def step(name):
    return next(one["run"] for one in loaded(ACTION)["runs"]["steps"] if one["name"] == name)


def test_the_action_installs_the_revision_that_it_is_of(tmp_path):
    action = loaded(ACTION)
    source = next(one for one in action["runs"]["steps"] if one["name"] == "Install")["env"][
        "SOURCE"
    ]
    above = source.partition("'{0}/")[2].partition("'")[0]
    assert (ACTION.parent / above).resolve() == ROOT
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    tools = f"{tmp_path / 'fresh' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    given = {"PATH": tools, "SOURCE": str(ROOT), "REQUIREMENTS": "packaging six"}
    found = bash(
        f"{step('Install')}\nconvformance --version\npython -c 'import six'", tmp_path, **given
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1].startswith("convformance ")


@pytest.mark.parametrize(
    ("backend", "fail_on", "status"),
    [
        ("numpy", "new", 0),
        ("numpy", "any", 0),
        ("./wrong.py:Wrong", "new", 1),
        ("./wrong.py:Wrong", "any", 1),
        ("./wrong.py:Wrong", "none", 0),
        ("nobody", "none", 2),
    ],
)
def test_the_steps_of_the_action_tell_what_was_found(backend, fail_on, status, tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    output, summary = tmp_path / "output", tmp_path / "summary"
    given = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    checked = bash(
        step("Check"), tmp_path, BACKEND=backend, FAIL_ON=fail_on, ARGUMENTS=FEW, **given
    )
    assert checked.returncode == 0, checked.stderr
    assert output.read_text() == f"status={status}\n", checked.stdout + checked.stderr
    told = bash(step("Tell"), tmp_path, **given)
    assert told.returncode == 0, told.stderr
    if status < 2:
        assert ("new" if backend != "numpy" else "nothing new") in summary.read_text()
        assert {one.name for one in (tmp_path / "conformance").iterdir()} == {
            "runs", "report", "badge.svg", "conformance.sarif",
        }  # fmt: skip
    else:
        assert not summary.exists()
        assert "nobody" in checked.stderr
    assert bash(step("Judge"), tmp_path, STATUS=str(status)).returncode == status


def test_the_script_of_the_template_runs(tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    job = loaded(TEMPLATE)[".convformance"]
    given = {**job["variables"], "CONVFORMANCE_BACKEND": "./wrong.py:Wrong"}
    given["CONVFORMANCE_ARGUMENTS"] = FEW
    install, run = job["script"]
    alike = install.replace("$CONVFORMANCE_REQUIREMENTS", "$REQUIREMENTS")
    assert alike.replace("$CONVFORMANCE", "$SOURCE") == step("Install")
    assert bash(run, tmp_path, **given).returncode == 1
    for line in job["after_script"]:
        assert bash(line, tmp_path, **given).returncode == 0
    kept = tmp_path / job["artifacts"]["reports"]["junit"]
    assert "<failure" in kept.read_text()
    assert job["artifacts"]["paths"] == ["conformance/"]
