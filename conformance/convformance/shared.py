"""Discrepancies that other shards of a campaign have found: counted here, and not shrunk again.

A folder has one small file for each signature, with the shard that found it. A run looks for a
signature when it first meets it and keeps to that answer, so that what it tries hangs on the
signatures that it took from others and on nothing else. These stand in its run file; given that
file in place of the folder, the run is the same again.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from convformance.runfile import Finding, RunFileError, load, to_line


@dataclass
class Shared:
    """What others have found. `shard` is who asks: what it has found itself is news to it.

    `folder` may get more files at any time; `taken` are signatures that are there from the start.
    """

    shard: str = ""
    folder: Path | None = None
    taken: frozenset[str] = frozenset()
    answers: dict[str, bool] = field(default_factory=dict)  # signature -> whether it was there

    def knows(self, signature: str) -> bool:
        """Whether another shard had found it when this one first met it."""
        if signature not in self.answers:
            self.answers[signature] = signature in self.taken or self._is_there(signature)
        return self.answers[signature]

    def _is_there(self, signature: str) -> bool:
        if self.folder is None:
            return False
        try:
            told = json.loads((self.folder / file_of(signature)).read_bytes())
        except (OSError, ValueError):  # not yet there
            return False
        return isinstance(told, dict) and told.get("shard") != self.shard

    def tell(self, finding: Finding) -> None:
        """Put a finding into the folder, for others; whoever was first stays."""
        if self.folder is not None:
            told = {"shard": self.shard, "finding": json.loads(to_line(finding))}
            put(self.folder, finding.signature, told)


def file_of(signature: str) -> str:
    """Return the name of a signature's file."""
    return hashlib.sha256(signature.encode(errors="backslashreplace")).hexdigest()[:32] + ".json"


def put(folder: Path, signature: str, told: dict[str, object]) -> None:
    """Write the file of a signature at once, unless it is there; a disk that is full has none."""
    path = folder / file_of(signature)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with suppress(OSError):
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps({"signature": signature, **told}), encoding="utf-8")
            os.replace(partial, path)


def shared_by(place: Path, shard: str = "") -> Shared:
    """Return what a folder holds, or what the run of a run file took; raise `RunFileError`."""
    if place.is_dir():
        return Shared(shard, place)
    try:
        return Shared(shard, None, frozenset(one.signature for one in load(place).taken))
    except RunFileError as error:
        raise RunFileError(f"{error}; or give a folder of known signatures") from None
