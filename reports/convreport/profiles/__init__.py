"""What each framework was measured to do, as data: no framework is needed to read it.

`NAME.json` holds the choices that it follows at the variant points, the limits at which it
refuses a problem or strays from it, and the dtypes that it does not take, each with the line that
measured it. `benchmarks/profiles.py` writes them; that of ONNX, which is a specification, is
written by hand from its operator documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "onnx")
MEASURED = "measured"
SPECIFIED = "by its specification, not measured"
# What a framework does at a limit.
REFUSES, CRASHES, STRAYS, OPEN = "refuses", "crashes", "strays", "leaves it open"
FATES = (REFUSES, CRASHES, STRAYS, OPEN)


@dataclass(frozen=True)
class Followed:
    """The choice that an op follows at a variant point, and the case that showed it."""

    point: str
    op: str
    choice: str
    line: str


@dataclass(frozen=True)
class Limit:
    """What an op of a rank does where a limit of `convreport.limits` is passed, in its words."""

    op: str
    rank: int
    limit: str
    does: str
    message: str
    line: str


@dataclass(frozen=True)
class Untaken:
    """A dtype that an op of a rank does not take."""

    op: str
    rank: int
    dtype: str
    message: str


@dataclass(frozen=True)
class Profile:
    """One framework in one version."""

    framework: str
    version: str
    how: str
    choices: Sequence[Followed]
    limits: Sequence[Limit] = ()
    dtypes: Sequence[Untaken] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and version, and a word where nothing was measured."""
        return f"{self.framework} {self.version}"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Profile:
        """Return the profile that `benchmarks/profiles.py` wrote."""
        parts = {"choices": Followed, "limits": Limit, "dtypes": Untaken}
        rows = {name: tuple(kind(**row) for row in data[name]) for name, kind in parts.items()}
        return cls(**(data | rows))


@lru_cache(maxsize=1)
def load_profiles() -> dict[str, Profile]:
    """Return the shipped profiles by framework, in the order of `FRAMEWORKS`."""
    folder = files("convreport.profiles")
    texts = {name: folder.joinpath(f"{name}.json").read_text("utf-8") for name in FRAMEWORKS}
    return {name: Profile.from_json(json.loads(text)) for name, text in texts.items()}
