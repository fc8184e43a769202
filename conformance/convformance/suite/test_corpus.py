"""The fixed corpus: figures of the literature and the layers of seven networks, at full size."""

from itertools import groupby

import pytest

from convformance.bench import Bench
from convformance.corpus import Entry, load
from convformance.news import check_all

FILES = {file: list(entries) for file, entries in groupby(load(), key=lambda entry: entry.file)}


@pytest.mark.parametrize("file", FILES)
def test_published_geometries(bench: Bench, file: str) -> None:
    entries: list[Entry] = FILES[file]
    check_all(bench, (entry.case for entry in entries), "corpus")
