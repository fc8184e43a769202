"""Campaigns: the plan, the tallies and the page of them."""

from __future__ import annotations

import json
import random
import shutil
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, replace
from itertools import permutations
from pathlib import Path

import pytest
import toy_shard

from convformance.journal import write_run
from convformance.runfile import CaseRecord, Footer, Taken, to_line
from convformance.shards import AREAS, Shard, parse
from convreport.campaign import tally as tallies
from convreport.campaign.merge import merge
from convreport.campaign.page import campaign_page
from convreport.campaign.plan import Plan, planned, read_plan, write_plan
from convreport.campaign.store import Store
from convreport.campaign.tally import Signed, Tally, tally_of
from convreport.usage import UsageError
from convreport.write import write_campaign

PLAN = Plan(("toy", "other"), ("invalid", "pooling"), 2, 1)


def write_shard(path: Path, shard: str, *more: CaseRecord | Taken) -> None:
    """Write the toy's run file of a shard, with more records in it."""
    every = [*toy_shard.records(shard), *more]
    found = toy_shard.finding(next(one for one in every if getattr(one, "signature", "")))
    cases = sum(isinstance(one, CaseRecord) for one in every)
    write_run(path, toy_shard.header(shard), [*every, found], Footer(cases, cases, 1, 1.0))


def store_of(folder: Path, shards: list[Shard]) -> Store:
    """Return a folder that took the shards in that order."""
    store = Store(folder)
    for shard in shards:
        path = folder / "one.jsonl"
        write_shard(path, shard.id)
        store.take(shard, zlib.compress(path.read_bytes()), tally_of(path).to_json())
        path.unlink()
    return store


def page_of(store: Store, plan: Plan = PLAN) -> bytes:
    return write_campaign(campaign_page(merge(plan, store), "a command"), store.folder).read_bytes()


def test_a_plan_has_the_fewest_seeds_and_each_shard_once() -> None:
    plan = planned(["toy", "other", "toy"], 1e5)
    ids = [one.id for one in plan.shards()]
    assert len(plan) == len(ids) == len(set(ids)) == len({one.file for one in plan.shards()})
    assert {one.area for one in plan.shards()} == set(AREAS)
    fewer = replace(plan, seeds=plan.seeds - 1)
    assert fewer.cases < 1e5 <= plan.cases
    assert planned(["toy"], 10, ["corpus"]).seeds == 1
    assert [one.id for one in planned(["toy"], 1, ["data", "invalid"], 2).shards()] == [
        "toy/data/1x2", "toy/invalid/1x2",
    ]  # fmt: skip


def test_a_plan_is_read_as_it_was_written_and_nothing_else_is_one(tmp_path: Path) -> None:
    write_plan(tmp_path, PLAN)
    assert list(read_plan(tmp_path).shards()) == list(PLAN.shards())
    path = tmp_path / "campaign.json"
    whole = json.loads(path.read_text())
    for wrong, words in (
        ("{}", "this is no plan"),
        ("[", "this is no plan"),
        (json.dumps({**whole, "areas": ["none"]}), "this is no plan"),
        (json.dumps({**whole, "convformance": "0.0.1"}), "was begun by convformance 0.0.1"),
    ):
        path.write_text(wrong)
        with pytest.raises(UsageError, match=words):
            read_plan(tmp_path)


def orders() -> Iterator[list[Shard]]:
    every = list(PLAN.shards())
    yield every
    for seed in range(3):
        yield random.Random(seed).sample(every, len(every))


def test_the_page_is_the_same_bytes_whatever_order_shards_came_in(tmp_path: Path) -> None:
    pages = {page_of(store_of(tmp_path / str(i), one)) for i, one in enumerate(orders())}
    assert len(pages) == 1
    text = pages.pop().decode()
    assert f"8 new discrepancies, 0 known deviations, {8 * toy_shard.CASES} cases" in text


def test_tallies_are_added_in_any_order_and_grouping(tmp_path: Path) -> None:
    """Whichever shard is first: smallest cases, first header and sums come out alike."""
    added = set()
    for order in permutations(three_of_one(tmp_path)):
        whole = Tally()
        for one in order:
            whole.add(Tally.from_json(one.to_json()))
        added.add(whole.to_json())
    assert len(added) == 1


def test_a_merge_that_hangs_on_the_order_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_come(self: Signed, other: Signed) -> None:
        if not self.best:
            self.best, self.shard, self.lines = other.best, other.shard, other.lines

    monkeypatch.setattr(Signed, "add", first_come)
    with pytest.raises(AssertionError):
        test_tallies_are_added_in_any_order_and_grouping(tmp_path)


def three_of_one(folder: Path) -> list[Tally]:
    """Return tallies of three shards with one discrepancy, of which each has another case."""
    found = []
    for seed in (1, 2, 3):
        path, shard = folder / f"{seed}.jsonl", f"toy/invalid/{seed}"
        write_shard(path, shard)
        same = path.read_text().replace(f"[conv.sum] invalid {seed}", "[conv.sum] invalid")
        path.write_text(same.replace("x=1x1x6", f"x=1x1x{10 - seed}"))
        found.append(tally_of(path))
    return found


class Careless(Plan):
    """Names a shard twice, or leaves one out."""

    wrong = 0

    def shards(self) -> Iterator[Shard]:
        every = list(super().shards())
        return iter([*every, every[0]] if self.wrong > 0 else every[1:])


@pytest.mark.parametrize("wrong", [1, -1], ids=["twice", "lost"])
def test_a_shard_that_is_counted_twice_or_lost_changes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: int
) -> None:
    """So that an equal page, after whatever happened to a campaign, says that neither did."""
    store = store_of(tmp_path, list(PLAN.shards()))
    page = page_of(store)
    monkeypatch.setattr(Careless, "wrong", wrong)
    assert page_of(store, Careless(*astuple(PLAN))) != page


def many(path: Path, number: int) -> None:
    lines = toy_shard.records("toy/invalid/1")
    write_shard(path, "toy/invalid/1", *(lines[2:] * (number // len(lines))))


def peak(path: Path) -> int:
    """Return the bytes that were in use at once while the run file was read."""
    tally_of(path)
    tracemalloc.start()
    tally_of(path)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return used


def test_a_tally_takes_no_more_memory_for_more_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """benchmarks/campaign_memory.py does it with ten million."""
    for number in (500, 5_000):
        many(tmp_path / f"{number}.jsonl", number)
    few, more = (tmp_path / f"{number}.jsonl" for number in (500, 5_000))
    most = 1.2
    assert peak(more) < most * peak(few)
    kept: list[CaseRecord] = []
    own = tallies._count

    def hoard(tally: Tally, record: CaseRecord, pending: Counter[tallies.Pending]) -> None:
        kept.append(record)
        own(tally, record, pending)

    monkeypatch.setattr(tallies, "_count", hoard)
    assert peak(more) > most * peak(few)


def test_a_tally_that_is_missing_or_broken_is_made_again(tmp_path: Path) -> None:
    store = store_of(tmp_path, list(PLAN.shards()))
    page = page_of(store)
    first, second, *_ = sorted((tmp_path / "tallies").iterdir())
    first.unlink()
    second.write_text("{")
    assert page_of(store) == page


def test_a_run_file_that_is_not_whole_is_never_counted(tmp_path: Path) -> None:
    store = store_of(tmp_path, list(PLAN.shards()))
    shutil.rmtree(tmp_path / "tallies")
    path = store.path(parse("toy/invalid/1x1"))
    whole = path.read_text().splitlines(keepends=True)
    for lines, words in (
        (whole[:-1], "lines are missing"),
        (whole[:3] + whole[4:], "lines are missing"),
        (whole[1:], "no run file of a shard"),
        ([*whole[:3], whole[3][:20]], "line 4"),
    ):
        path.write_text("".join(lines))
        with pytest.raises(UsageError, match=words):
            page_of(store)
    shutil.copy(store.path(parse("toy/invalid/2x1")), path)
    with pytest.raises(UsageError, match="the run file of toy/invalid/2x1: delete it"):
        page_of(store)


def test_what_only_a_lost_shard_had_found_is_told_by_what_it_said_before(tmp_path: Path) -> None:
    """Others took it, counted it, and made no finding of their own."""
    store = Store(tmp_path)
    found = toy_shard.finding(
        next(one for one in toy_shard.records("toy/invalid/1x1") if one.signature)
    )
    taker = parse("toy/invalid/2x1")
    path = tmp_path / "one.jsonl"
    met = CaseRecord(
        found.line, "c-9", "explored", found.verdict, clause=found.clause, signature=found.signature
    )
    write_shard(path, taker.id, Taken(found.signature), met)
    store.take(taker, zlib.compress(path.read_bytes()), tally_of(path).to_json())
    lost = page_of(store).decode()
    assert "the shard that found it did not finish; its case shows it again" in lost
    told = json.loads(to_line(found))
    store.tell({"signature": found.signature, "shard": "toy/invalid/1x1", "finding": told})
    text = page_of(store).decode()
    assert f'id="{found.id}"' in text
    assert "its case shows it again" not in text
    assert "toy/invalid/1x1</code>: not finished" in text
