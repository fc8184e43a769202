"""What a default run explores: one table, so that tests, suite and documents agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from convformance.bounds import EXACT_OPS
from convformance.drawing import COMPLEX, FLOAT_OPS, FLOATS, INTEGERS
from convformance.drawn_data import data_cases, data_dtypes, data_list
from convformance.drawn_forms import (
    WITH_GRADIENT,
    form_cases,
    gradient_cases,
    handed_cases,
    widening_cases,
)
from convformance.drawn_odd import cropped_cases, empty_cases, high_rank_cases
from convformance.problem import COMPLEX_OPS, OPS, Case
from convformance.strategies import ALL_OPS, cases, invalid_cases

FIRST_OPS = ("conv", "conv1x1", "max_pool", "avg_pool", "lp_pool", "distance_pool")
LATER_OPS = tuple(op for op in ALL_OPS if op not in FIRST_OPS)
# The gradient of a norm takes so many roundings that in 16 bits no wrong one stands out.
NARROWLESS = ("lp_pool",)
SEARCHED = 13  # examples of a search by the margin, where frameworks have few kernels
WIDER = (("int8", "int32"), ("uint8", "int32"), ("float16", "float32"), ("bfloat16", "float32"))

FORM_DTYPES = (
    ("float32", 360), ("float64", 50), ("bfloat16", 50), ("float16", 30), ("int32", 30),
    ("complex64", 30),
)  # fmt: skip
# Ops that can be padded by negative numbers, beside conv, whose forms have them.
CROPPED = tuple(op for op in ALL_OPS if "padding" in OPS[op] and op != "conv")


@dataclass(frozen=True)
class Exploration:
    """A strategy and how many of its cases a default run tries; its name seeds what is drawn."""

    area: str
    name: str
    op: str
    strategy: SearchStrategy[Case]
    examples: int
    dtypes: tuple[str, ...]


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
            (dtype,),
        )
        for dtype in dtypes_of(op)
    ]


def _one(area: str, op: str, dtype: str, number: int) -> Exploration:
    return Exploration(area, f"{op} {dtype}", op, cases(op, (dtype,)), number, (dtype,))


def _gradients(op: str, plain: int, others: int) -> list[Exploration]:
    return [
        Exploration(
            "gradients",
            f"gradient {op} {dtype}",
            op,
            gradient_cases(op, (dtype,)),
            plain if dtype == "float32" else others,
            (dtype,),
        )
        for dtype in gradient_dtypes(op)
    ]


def gradient_dtypes(op: str) -> Sequence[str]:
    """Return the dtypes in which gradients of the op are explored."""
    return FLOATS[:2] if op in NARROWLESS else FLOATS


def _forms() -> list[Exploration]:
    """Convolutions that ask for more, and arrays that are handed over otherwise."""
    return [
        *(
            Exploration("forms", f"forms {dtype}", "conv", form_cases((dtype,)), number, (dtype,))
            for dtype, number in FORM_DTYPES
        ),
        *(
            Exploration(
                "forms",
                f"gradient forms {dtype}",
                "conv",
                form_cases((dtype,), gradient=True),
                number,
                (dtype,),
            )
            for dtype, number in (("float32", 160), ("float64", 40), ("bfloat16", 40))
        ),
        *(
            Exploration("forms", f"cropped {op}", op, cropped_cases(op), 30, ("float32",))
            for op in CROPPED
        ),
        *(
            Exploration("forms", f"four axes {op}", op, high_rank_cases(op), 20, ("float32",))
            for op in ALL_OPS
        ),
        *(
            Exploration("forms", f"empty {op}", op, empty_cases(op), 16, ("float32",))
            for op in ALL_OPS
        ),
        *(
            Exploration(
                "forms", f"widening {dtype}", "conv", widening_cases(dtype, wider), 30, (dtype,)
            )
            for dtype, wider in WIDER
        ),
        *(
            Exploration("forms", f"handed {op}", "", handed_cases(op, dtypes), 50, dtypes)
            for op in ALL_OPS
            for dtypes in [("float32", *dtypes_of(op))]
        ),
    ]


def _accurate(op: str) -> int:
    """A search by the margin makes for large problems; an exact op has no margin to drive up."""
    if op in EXACT_OPS:
        return 10
    return 24 if op in FIRST_OPS else SEARCHED


def _accuracy() -> list[Exploration]:
    found = [
        Exploration(
            "accuracy", f"accuracy {op} {dtype}", op, cases(op, (dtype,), ("real",)),
            _accurate(op), (dtype,),
        )
        for op in ALL_OPS
        for dtype in FLOATS
    ]  # fmt: skip
    found += [
        Exploration(
            "accuracy",
            f"accuracy {op} {dtype}",
            op,
            cases(op, (dtype,), ("real",)),
            SEARCHED,
            (dtype,),
        )
        for op in COMPLEX_OPS
        for dtype in COMPLEX
    ]
    return found + [
        Exploration(
            "accuracy", f"accuracy gradient {op} {dtype}", op,
            gradient_cases(op, (dtype,), ("real",)), SEARCHED, (dtype,),
        )
        for op in WITH_GRADIENT
        for dtype in gradient_dtypes(op)
    ]  # fmt: skip


def _data() -> list[Exploration]:
    """Every case of the named fills: what there is to draw is as much as is tried."""
    return [
        Exploration(
            "data", f"data {op} {dtype}", op, data_cases(op, dtype), len(data_list(op, dtype)),
            (dtype,),
        )
        for op in ALL_OPS
        for dtype in data_dtypes(op)
    ]  # fmt: skip


EXPLORATIONS: tuple[Exploration, ...] = (
    *_meaning("convolution", "conv", 220, 60),
    *_meaning("convolution", "conv1x1", 40, 30),
    *(_one("convolution", op, dtype, 30) for op in COMPLEX_OPS[:2] for dtype in COMPLEX),
    _one("convolution", "conv", "uint8", 30),
    *_meaning("convolution", "conv_transpose", 170, 40),
    *(_one("convolution", "conv_transpose", dtype, 25) for dtype in COMPLEX),
    *_meaning("convolution", "depthwise_conv", 80, 20),
    *_meaning("convolution", "separable_conv", 80, 20),
    *(one for op in FIRST_OPS if op.endswith("_pool") for one in _meaning("pooling", op, 130, 40)),
    *(_one("pooling", op, "uint8", 40) for op in ("max_pool", "avg_pool")),
    *(
        one
        for op in LATER_OPS
        if op.endswith("pool")
        for one in (*_meaning("pooling", op, 70, 20), _one("pooling", op, "uint8", 20))
    ),
    *(one for op in ("unfold", "fold") for one in _meaning("forms", op, 60, 15)),
    *_forms(),
    *_gradients("conv", 130, 35),
    *_gradients("conv_transpose", 90, 25),
    *_gradients("max_pool", 90, 25),
    *_gradients("avg_pool", 90, 25),
    *_gradients("lp_pool", 60, 25),
    *(
        Exploration(
            "invalid", f"invalid {op}", op, invalid_cases(op), 60 if op in FIRST_OPS else 25, ()
        )
        for op in ALL_OPS
        if not op.startswith("global")
    ),
    *_accuracy(),
    *_data(),
)


def in_area(area: str) -> tuple[Exploration, ...]:
    """Return the explorations of an area."""
    return tuple(one for one in EXPLORATIONS if one.area == area)
