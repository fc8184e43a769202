"""Shards: the parts of a campaign, each named by a text from which its run is made again.

`torch/pooling/17` is the area "pooling" of the suite with the seed 17 on torch. The areas share
the suite out: each of its tests stands in one. What is drawn is another with every seed; what
hangs on no seed is asked once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote


class ShardError(ValueError):
    """Raised for a text that names no shard; the message says what one looks like."""


@dataclass(frozen=True)
class Area:
    """Some tests of the suite: those of a file, or the ones of it with `function` in their name."""

    file: str
    function: str = ""
    drawn: bool = False  # whether a seed decides what is asked

    @property
    def arguments(self) -> tuple[str, str]:
        """The options of pytest that leave out all other tests of the file."""
        return "-k", self.function or self.file.removesuffix(".py")


AREAS: Mapping[str, Area] = {
    "known": Area("test_a_known.py"),
    "variants": Area("test_variants.py"),
    "arithmetic": Area("test_arithmetic.py"),
    "corpus": Area("test_corpus.py"),
    "covering": Area("test_covering.py"),
    "sizes": Area("test_changeover.py"),
    "small": Area("test_exhaustive.py"),
    "refusals": Area("test_refusals.py"),
    "data": Area("test_data.py"),
    "large": Area("test_large.py"),
    "laws": Area("test_laws.py"),  # most of their time goes to layers that no seed draws
    "convolution": Area("test_meaning.py", "convolution_is_the_sum", drawn=True),
    "pooling": Area("test_meaning.py", "pooling_is_what", drawn=True),
    "gradients": Area("test_forms.py", "a_gradient_is_the_sum", drawn=True),
    "forms": Area("test_forms.py", "the_form_of_a_problem", drawn=True),
    "invalid": Area("test_invalid.py", drawn=True),
    "accuracy": Area("test_accuracy.py", drawn=True),
}
WRITTEN = re.compile(
    r"(?P<backend>.+)/(?P<area>[a-z]+)/(?P<seed>[0-9]{1,18})(?:x(?P<examples>[0-9]{1,9}))?"
)


@dataclass(frozen=True)
class Shard:
    """One run of a campaign; `examples` is what each exploring test tries, None its own number."""

    backend: str  # as --backend takes it
    area: str
    seed: int
    examples: int | None = None

    @property
    def id(self) -> str:
        """The text that names it, such as torch/pooling/17, or torch/pooling/17x5."""
        tried = f"x{self.examples}" if self.examples else ""
        return f"{self.backend}/{self.area}/{self.seed}{tried}"

    @property
    def file(self) -> str:
        """The name of its run file: another one for every other shard, and without a slash."""
        backend, *rest = self.id.rsplit("/", 2)
        return ".".join([quote(backend, safe="[]"), *rest, "jsonl"])

    @property
    def part(self) -> Area:
        """The tests that it asks."""
        return AREAS[self.area]


def parse(text: str) -> Shard:
    """Return the shard of a text; raise `ShardError`."""
    found = WRITTEN.fullmatch(text)
    if not found:
        raise ShardError(f"{text!r} is no shard: one looks like torch/pooling/17")
    area, examples = found["area"], found["examples"]
    if area not in AREAS:
        raise ShardError(f"{text!r}: area {area!r} is none of {', '.join(AREAS)}")
    if examples is not None and not int(examples):
        raise ShardError(f"{text!r}: no example is tried")
    return Shard(found["backend"], area, int(found["seed"]), int(examples) if examples else None)


def cases_of(area: str, examples: int | None = None) -> int:
    """Return how many cases a shard of a drawn area is to try; what is unsupported comes on top."""
    from convformance.plan import in_area  # a worker needs no plan, and making it takes time

    return sum(examples or one.examples for one in in_area(area))
