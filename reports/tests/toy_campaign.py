"""The command `campaign` with the shards of the toy in place of runs.

A test starts it in a process of its own, which it may kill.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

TOY = Path(__file__).with_name("toy_shard.py")

if __name__ == "__main__":  # the workers of a cluster import this file too
    from convreport import cli
    from convreport.campaign import command

    own = command.run_campaign
    with mock.patch.object(command, "run_campaign", lambda options: own(options, [str(TOY)])):
        sys.exit(cli.main())
