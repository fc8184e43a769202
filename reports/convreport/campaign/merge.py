"""The finished shards of a campaign, merged: read one by one, and kept as counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from convformance.collector import preference
from convformance.identity import finding_id
from convformance.runfile import Finding, RunFileError
from convformance.shards import Shard, parse
from convreport.campaign.plan import Plan
from convreport.campaign.store import Store
from convreport.campaign.tally import Signed, Tally, findings_of
from convreport.usage import UsageError

Key = tuple[str, str]  # backend and version
UNKNOWN = "not finished"


@dataclass
class Merged:
    """What all finished shards told, by backend and version."""

    planned: int
    convformance: str
    tallies: dict[Key, Tally] = field(default_factory=dict)
    findings: dict[Key, list[Finding]] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)  # shard -> why it is not finished

    @property
    def is_red(self) -> bool:
        """Whether something is new, or a test failed by itself."""
        new = any(one.status == "new" for some in self.findings.values() for one in some)
        return new or any(one.failures for one in self.tallies.values())


def merge(plan: Plan, store: Store, troubles: Mapping[str, str] | None = None) -> Merged:
    """Return what the finished shards of the plan told, and the shards that are missing.

    Raise `UsageError` if none is finished, or a run file is not whole.
    """
    merged = Merged(len(plan), plan.convformance)
    for shard in plan.shards():
        if not store.is_done(shard):
            merged.missed[shard.id] = (troubles or {}).get(shard.id, UNKNOWN)
            continue
        found = store.tally(shard)
        merged.tallies.setdefault((found.backend, found.version), Tally()).add(found)
    if not merged.tallies:
        why = next(iter(merged.missed.values()), UNKNOWN)
        raise UsageError(f"no shard was finished; the first: {why}")
    for key, tally in merged.tallies.items():
        merged.findings[key] = sorted(_findings(tally, store), key=lambda one: (one.id, one.line))
    return merged


def _findings(tally: Tally, store: Store) -> list[Finding]:
    """Return the smallest finding of each signature, from the run file where it stands.

    What was told by a shard that never finished, and counted by others, is of what it told.
    """
    wanted: dict[str, set[str]] = {}
    for signature, one in tally.signed.items():
        if one.shard:
            wanted.setdefault(one.shard, set()).add(signature)
    found = {
        one.signature: one
        for shard, signatures in wanted.items()
        for one in _read(store, parse(shard))
        if one.signature in signatures
    }
    orphans = {name for name, one in tally.signed.items() if not one.shard}
    for shard, told in store.told() if orphans else ():
        if told.signature in orphans:
            found[told.signature] = told
            kept = Signed(best=list(preference(told)), shard=shard, status=told.status)
            tally.signed[told.signature].add(kept)
    for signature in sorted(set(tally.signed) - set(found)):
        found[signature] = _stand_in(signature, tally.signed[signature])
    return list(found.values())


def _stand_in(signature: str, signed: Signed) -> Finding:
    """Return what can be told of a discrepancy whose finder left nothing: its smallest case."""
    line = signed.lines[0] if signed.lines else ""
    message = "the shard that found it did not finish; its case shows it again"
    op = line.partition(" ")[0]
    return Finding(finding_id(signature), signature, "new", line, op, "differs", "", message)


def _read(store: Store, shard: Shard) -> list[Finding]:
    try:
        return list(findings_of(store.path(shard)))
    except RunFileError as error:
        raise UsageError(str(error)) from None
