"""What a default run explores: one table, so that tests, suite and documents agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from convformance.problem import Case
from convformance.strategies import ALL_OPS, FLOAT_OPS, FLOATS, INTEGERS, cases, invalid_cases


@dataclass(frozen=True)
class Exploration:
    """A strategy and how many of its cases a default run tries; its name seeds what is drawn."""

    area: str
    name: str
    op: str
    strategy: SearchStrategy[Case]
    examples: int


def dtypes_of(op: str) -> Sequence[str]:
    """Return the dtypes in which the op has a meaning: [problem.float]."""
    return FLOATS if op in FLOAT_OPS else (*FLOATS, *INTEGERS)


def _meaning(area: str, op: str, plain: int, others: int) -> list[Exploration]:
    """float32, which every framework has, gets more examples than the other dtypes."""
    return [
        Exploration(
            area,
            f"{op} {dtype}",
            op,
            cases(op, (dtype,)),
            plain if dtype == "float32" else others,
        )
        for dtype in dtypes_of(op)
    ]


EXPLORATIONS: tuple[Exploration, ...] = (
    *_meaning("convolution", "conv", 320, 160),
    *_meaning("convolution", "conv1x1", 40, 40),
    *(one for op in ALL_OPS if op.endswith("_pool") for one in _meaning("pooling", op, 200, 90)),
    *(Exploration("invalid", f"invalid {op}", op, invalid_cases(op), 160) for op in ALL_OPS),
    *(
        Exploration("accuracy", f"accuracy {op} {dtype}", op, cases(op, (dtype,), ("real",)), 60)
        for op in ALL_OPS
        for dtype in FLOATS
    ),
)


def in_area(area: str) -> tuple[Exploration, ...]:
    """Return the explorations of an area."""
    return tuple(one for one in EXPLORATIONS if one.area == area)
