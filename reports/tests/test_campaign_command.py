"""The command `campaign`: wrong usage, and a campaign of real runs on a cluster of processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from convformance.runfile import load
from convformance.shards import parse
from convreport.campaign import cluster as clusters
from convreport.campaign.plan import Plan, write_plan
from convreport.campaign.tally import GAP, tally_of
from convreport.cli import main
from convreport.columns import columns

WILD = Path(__file__).parents[2] / "conformance" / "tests"
PLAN = Plan(("toy", "other"), ("invalid", "pooling"), 2, 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--backend", "toy"], "give --backend NAME, --cases N and --out DIR, or --resume DIR"),
        (["--resume", "none"], "no campaign was begun here"),
        (["--resume", "there", "--cases", "1"], "leave out --cases"),
        (["--backend", "toy", "--cases", "1", "--out", "there"], "has a campaign already"),
        (
            [
                "--backend",
                "toy",
                "--cases",
                "1",
                "--out",
                "new",
                "--scheduler",
                "tcp://x.invalid:1",
            ],
            "no Dask scheduler answers at tcp://x.invalid:1",
        ),
        (["--backend", "toy", "--cases", "1", "--out", "new", "--scheduler", "x://1"], "x://1"),
    ],
)
def test_wrong_usage_is_told_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clusters, "WAIT", 1)
    write_plan(tmp_path / "there", PLAN)
    assert main(["campaign", *words]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("cases", ["0", "-1", "nan", "inf", "many", "1e30"])
def test_what_is_no_number_of_cases_is_told(capsys: pytest.CaptureFixture[str], cases: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["campaign", "--backend", "toy", f"--cases={cases}", "--out", "x"])
    assert left.value.code == 2
    assert f"{cases!r} is no number of cases" in capsys.readouterr().err


def test_without_dask_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clusters, "find_spec", lambda _: None)
    words = ["--backend", "toy", "--cases", "1", "--out", str(tmp_path / "x")]
    assert main(["campaign", *words]) == 2
    assert "pip install 'convformance[campaign]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--shard", "toy"], "'toy' is no shard"),
        (["--shard", "numpy/invalid/1", "--seed", "2"], "--shard has its own --seed"),
        (["--shard", "numpy/invalid/1", "--", "-k", "conv"], "--shard has its own --"),
        (["--backend", "numpy", "--known", "none"], "none: cannot be read"),
        (["--backend", "numpy", "--database", "http://x"], "neither a folder nor the URL"),
    ],
)
def test_a_shard_has_its_own_options(
    capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["run", *words]) == 2
    assert told in capsys.readouterr().err


def convformance(folder: Path, *arguments: str) -> tuple[int, str]:
    path = os.pathsep.join([str(WILD), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "convreport.cli", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": path, "COLUMNS": "120"},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a campaign of real runs of a wrong backend, and what the command said."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    folder = tmp_path_factory.mktemp("real")
    words = ("--area", "variants", "--area", "known", "--max-examples", "1", "--workers", "1")
    status, out = convformance(
        folder, "campaign", "--backend", "wild_backends:FlipsPads", "--cases", "1", "--out", "camp",
        *words,
    )  # fmt: skip
    assert status == 1
    return folder, out


def test_a_campaign_runs_shards_and_tells_what_is_new_while_they_run(
    real: tuple[Path, str],
) -> None:
    folder, out = real
    told, done = (out.index(text) for text in ("NEW  conv · [padding.negative]", "62 cases in"))
    assert told < done
    assert "1 new discrepancy, 0 known deviations, 62 cases" in out
    text = (folder / "camp" / "index.html").read_text()
    assert "conv x=1x1x6 w=1x1x2 padding=-1+0 float32 fill=integers#0" in text
    assert text.count('<article class="finding new"') == 1
    assert list((folder / "camp" / "examples").iterdir())


def test_a_shard_is_made_again_by_its_id_alone(real: tuple[Path, str]) -> None:
    folder, _ = real
    shard = parse("wild_backends:FlipsPads/variants/1x1")
    status, _ = convformance(folder, "run", "--shard", shard.id, "-o", "again.jsonl")
    again, first = load(folder / "again.jsonl"), load(folder / "camp" / "shards" / shard.file)
    assert (status, again.header.shard) == (1, shard.id)
    assert (again.cases, again.findings) == (first.cases, first.findings)
    assert first.header.limits == again.header.limits


def test_a_tally_counts_what_the_report_counts(real: tuple[Path, str]) -> None:
    folder, _ = real
    path = folder / "camp" / "shards" / parse("wild_backends:FlipsPads/variants/1x1").file
    (column,), tally = columns([load(path)]), tally_of(path)
    counted = Counter[str]()
    for key, cases in tally.counts.items():
        counted[key.split(GAP)[2]] += cases
    assert counted == column.statuses
    assert {name: one.cases for name, one in tally.signed.items()} == {
        name: len(lines) for name, lines in column.signed.items()
    }


def test_a_shard_that_was_cut_off_is_gone_on_with_as_a_shard(real: tuple[Path, str]) -> None:
    """By its file alone, which says what shard it is; what it had done is not asked again."""
    folder, _ = real
    shard = parse("wild_backends:FlipsPads/variants/1x1")
    whole = folder / "camp" / "shards" / shard.file
    header, *rest = whole.read_text().splitlines()
    chosen = [i for i, line in enumerate(rest) if '"point": "window.none"' in line]
    told = [line for i in chosen for line in rest[i : i + 2]]  # the choice and its case
    name = "test_backend_follows_a_named_choice[window.none]"
    done = {"type": "done", "test": f"test_variants.py::{name}"}
    lines = [header, *told, json.dumps(done), ""]
    (folder / "cut.jsonl.partial").write_text("\n".join(lines))
    status, _ = convformance(folder, "run", "--resume", "cut.jsonl")
    again, first = load(folder / "cut.jsonl"), load(whole)
    assert (status, again.header.shard) == (1, shard.id)
    assert sorted(one.line for one in again.cases) == sorted(one.line for one in first.cases)
