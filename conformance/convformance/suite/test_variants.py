"""The variant points: which of the named choices does the backend follow?"""

import pytest

from convformance.bench import Bench
from convformance.news import report_news
from convformance.probes import measure, probes

POINTS = sorted({point for point, _ in probes()})


@pytest.mark.parametrize("point", POINTS)
def test_backend_follows_a_named_choice(bench: Bench, point: str) -> None:
    news = []
    for case in (case for one, case in probes() if one == point):
        choice, examined = measure(bench, point, case)
        bench.records.append(choice)
        if bench.is_news(examined):
            news.append(examined)
        bench.record(examined, "probe")
    report_news(bench, news)
