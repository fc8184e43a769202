"""With --minutes: the explorations again, with fresh seeds, until the time is over.

The last tests of the suite, one for each process that shares it.
"""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.more import Share, explore_more
from convformance.news import report_news
from convformance.sharing import PROCESSES


@pytest.mark.parametrize("part", range(PROCESSES))
def test_more_of_every_exploration(
    bench: Bench,
    examples: Callable[[int], int],
    share: Share,
    count_passes: Callable[[int], None],
    part: int,
) -> None:
    passes, news = explore_more(bench, share.of(part), share.until, examples)
    count_passes(passes)
    report_news(bench, news)
