"""Print how much memory the front of a campaign takes for ten million records.

    python benchmarks/campaign_memory.py
    python benchmarks/campaign_memory.py --cases 1e7 --shard 1600 --most 2048

The shards are canned (campaign_canned.py), and there are as many as give `--cases` records; they
go through a real cluster, onto the disk (about 5 GB) and into the page. The exit status is 1 if the
front ever held more than `--most` MiB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from math import ceil
from pathlib import Path

from campaign_canned import campaign


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=float, default=1e7)
    parser.add_argument("--shard", type=int, default=1_600, help="cases of a shard")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--most", type=float, default=2048, help="MiB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shards = ceil(options.cases / options.shard)
        costs = campaign(Path(folder), shards, options.shard, options.workers)
    records = costs.shards * costs.cases
    print(f"{records:,} records in {costs.shards:,} shards")
    print(f"the front held at most {costs.peak:,.0f} MiB")
    print(f"{costs.asked:.0f} s until all were taken, {costs.front:.0f} s of the front's processor")
    print(f"{costs.merged:.1f} s for merge and page")
    print(f"a run file has {costs.bytes / 1e3:.0f} kB, packed {costs.packed / 1e3:.0f}")
    return int(costs.peak > options.most)


if __name__ == "__main__":
    sys.exit(main())
