"""Shards: every test of the suite stands in one area, and an id is enough to make one again."""

import re
import subprocess
import sys

import pytest

from convformance.shards import AREAS, Area, Shard, ShardError, cases_of, parse

ELSEWHERE = ("test_given.py", "test_z_more.py")  # lines that are given, and a time that is filled


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The file and the function of every test that a whole run has."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "convformance.suite", "--collect-only"]
    options = ["-q", "-p", "convformance.plugin", "-p", "no:cacheprovider"]
    folder = tmp_path_factory.mktemp("suite")
    done = subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, check=False
    )
    found = re.findall(r"(test_\w+\.py)::(test_\w+)", done.stdout)
    assert len(found) > 500, done.stdout + done.stderr
    return {one for one in found if one[0] not in ELSEWHERE}


def shared_out(suite, areas):
    """Return the tests that stand in no area, or in more than one."""
    counts = {
        (file, function): sum(
            one.file == file and (one.function or file.removesuffix(".py")) in (file + function)
            for one in areas
        )
        for file, function in suite
    }
    return {test for test, count in counts.items() if count != 1}


def test_every_test_of_the_suite_stands_in_one_area(suite):
    assert shared_out(suite, AREAS.values()) == set()
    named = {(one.file, one.function) for one in AREAS.values()}
    assert len(named) == len(AREAS)


@pytest.mark.parametrize("area", AREAS)
def test_an_area_that_is_left_out_or_there_twice_is_noticed(suite, area):
    others = [one for name, one in AREAS.items() if name != area]
    assert shared_out(suite, others)
    assert shared_out(suite, [*AREAS.values(), Area(AREAS[area].file, AREAS[area].function)])


@pytest.mark.parametrize(
    ("text", "shard", "file"),
    [
        ("torch/pooling/17", Shard("torch", "pooling", 17), "torch.pooling.17.jsonl"),
        ("torch[nhwc]/data/1", Shard("torch[nhwc]", "data", 1), "torch[nhwc].data.1.jsonl"),
        ("a/b.py:C/forms/3x5", Shard("a/b.py:C", "forms", 3, 5), "a%2Fb.py%3AC.forms.3x5.jsonl"),
        ("cmd:./a /laws/1", Shard("cmd:./a ", "laws", 1), "cmd%3A.%2Fa%20.laws.1.jsonl"),
    ],
)
def test_an_id_says_all_of_a_shard_and_its_file_has_no_other(text, shard, file):
    assert parse(text) == shard
    assert (shard.id, shard.file) == (text, file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("torch", "'torch' is no shard: one looks like torch/pooling/17"),
        ("torch/pooling/x", "is no shard"),
        ("torch/pooling/-1", "is no shard"),
        ("/pooling/1", "is no shard"),
        ("torch/pools/1", "area 'pools' is none of known, variants"),
        ("torch/pooling/1x0", "no example is tried"),
    ],
)
def test_what_is_no_shard_is_told(text, words):
    with pytest.raises(ShardError, match=re.escape(words)):
        parse(text)


def test_a_drawn_area_has_cases_and_a_seed_that_matters():
    assert all(bool(cases_of(name)) for name, one in AREAS.items() if one.drawn)
    assert cases_of("invalid", 2) == 2 * cases_of("invalid", 1)
