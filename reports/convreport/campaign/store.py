"""The folder of a campaign: its plan, a run file and a tally for each finished shard, what is new.

DIR/campaign.json   the plan
DIR/shards/*.jsonl  run files, each put there at once and whole
DIR/tallies/*.json  what the page counts of each; one that is missing is made again
DIR/cut/*.jsonl.partial  what shards left that were ended, to go on with
DIR/known/*.json    discrepancies, as they were told while their shards ran
DIR/index.html      the page
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convformance.runfile import PARTIAL, Finding, RunFileError, from_json
from convformance.shards import Shard
from convformance.shared import put
from convreport.campaign.plan import Plan
from convreport.campaign.tally import Tally, tally_of
from convreport.usage import UsageError

Told = tuple[str, Finding]  # the shard that found it, and what


@dataclass(frozen=True)
class Store:
    """The folder and who may write to it."""

    folder: Path

    @property
    def known(self) -> Path:
        """The folder of what was told."""
        return self.folder / "known"

    def path(self, shard: Shard) -> Path:
        """Return where the run file of a shard is, once it is whole."""
        return self.folder / "shards" / shard.file

    def is_done(self, shard: Shard) -> bool:
        """Whether the shard is finished: its run file is only ever put there whole."""
        return self.path(shard).exists()

    def left(self, plan: Plan) -> Iterator[Shard]:
        """Yield the shards of the plan that are not finished."""
        return (one for one in plan.shards() if not self.is_done(one))

    def take(self, shard: Shard, run: bytes, tally: str) -> None:
        """Put the packed run file of a shard and its tally there, each at once.

        Raises `OSError`; the shard is then not finished.
        """
        _write(self._tally(shard), tally.encode())
        _write(self.path(shard), zlib.decompress(run))
        self._begun(shard).unlink(missing_ok=True)

    def keep(self, shard: Shard, begun: bytes) -> None:
        """Keep what a shard left that was ended, packed; nothing is kept of what left nothing.

        Raises `OSError`.
        """
        if begun:
            _write(self._begun(shard), zlib.decompress(begun))
        else:
            self._begun(shard).unlink(missing_ok=True)

    def begun(self, shard: Shard) -> bytes:
        """Return what a shard left, packed, or nothing."""
        with suppress(OSError):
            return zlib.compress(self._begun(shard).read_bytes(), 6)
        return b""

    def tally(self, shard: Shard) -> Tally:
        """Return the tally of a finished shard, of its run file where it is not at hand.

        Raise `UsageError` for a run file that is not whole, or of another shard.
        """
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            found = Tally.from_json(self._tally(shard).read_text(encoding="utf-8"))
            if found.shard == shard.id:
                return found
        try:
            found = tally_of(self.path(shard))
        except RunFileError as error:
            raise UsageError(f"{error}; delete it, and the campaign asks the shard again") from None
        if found.shard != shard.id:
            raise UsageError(
                f"{self.path(shard)}: this is the run file of {found.shard}: delete it"
            )
        return found

    def told(self) -> Iterator[Told]:
        """Yield what shards told while they ran, in an order of its own."""
        for path in sorted(self.known.glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError, RunFileError):
                data = json.loads(path.read_bytes())
                found = from_json(data["finding"])
                if isinstance(found, Finding):
                    yield str(data["shard"]), found

    def tell(self, data: dict[str, Any]) -> None:
        """Keep what a shard told; whoever was first stays."""
        signature = str(data["signature"])
        put(self.known, signature, {"shard": data["shard"], "finding": data["finding"]})

    def _tally(self, shard: Shard) -> Path:
        return self.folder / "tallies" / shard.file.replace(".jsonl", ".json")

    def _begun(self, shard: Shard) -> Path:
        return self.folder / "cut" / (shard.file + PARTIAL)


def _write(path: Path, data: bytes) -> None:
    """Put the bytes there at once: nobody ever reads half of them, even after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
