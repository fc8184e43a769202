"""Make the mutants of a module: each is its source with one small change, made by cosmic-ray."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, zip_longest
from types import CodeType

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.tree import NodeOrLeaf

# Operators that make no mutant here, with the reason.
LEFT_OUT = {
    "NoOp": "changes nothing; it is there to try cosmic-ray out",
    "VariableInserter": "cosmic-ray calls it experimental; it asks for names of variables",
    "VariableReplacer": "cosmic-ray calls it experimental; it asks for names of variables",
    **dict.fromkeys(
        (
            f"ReplaceComparisonOperator_{one}"
            for one in ("Eq_Is", "Is_Eq", "NotEq_IsNot", "IsNot_NotEq")
        ),
        "`==` and `is` differ by identity only: for small numbers, names and enum members that is "
        "what Python happens to store once, not what the code means",
    ),
}
PLACES_LEFT_OUT = {
    "in an annotation": "annotations are text that nobody evaluates",
    "at the `*` of a parameter list": "it is no operator, cosmic-ray takes it for one",
    "in a decorator that caches": "a cache and its size change the cost, not the meaning",
    "that is no program": "the mutated source does not compile",
}

CACHES = ("cache(", "lru_cache(")  # not cached_property: without it there is no property


@dataclass(frozen=True)
class Mutant:
    """One change of one line; `nth` tells equal changes of equal lines of a module apart."""

    module: str
    was: str
    becomes: str
    nth: int
    code: CodeType

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What names the mutant, wherever its line moves to."""
        return self.module, self.was, self.becomes, self.nth


def mutants(module: str, source: str) -> tuple[list[Mutant], Counter[str]]:
    """Return the mutants of a source, and how many were left out for each reason."""
    found: list[Mutant] = []
    left_out: Counter[str] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    places = _Places(source)
    for operator, nth, node, start in _changes(source):
        where = places.left_out(node, start)
        code = None if where else compiled(mutated := mutate_code(source, operator, nth))
        if code is None:
            left_out[where or "that is no program"] += 1
            continue
        was, becomes = _changed_line(source, mutated)
        seen[was, becomes] += 1
        found.append(Mutant(module, was, becomes, seen[was, becomes], code))
    return found, left_out


def _changes(source: str) -> Iterator[tuple[Operator, int, NodeOrLeaf, tuple[int, int]]]:
    """Yield (operator, occurrence, node, start) of every change, as cosmic-ray counts them."""
    nodes = list(ast_nodes(get_ast(source)))
    for operator in _operators():
        occurrence = count()
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                yield operator, next(occurrence), node, start


def _operators() -> Iterator[Operator]:
    for full_name in operator_names():
        if full_name.partition("/")[2] not in LEFT_OUT:
            yield get_operator(full_name)()


class _Places:
    """The places of a source where a change would be none."""

    def __init__(self, source: str) -> None:
        nodes = list(ast.walk(ast.parse(source)))
        found = [getattr(node, name, None) for node in nodes for name in ("annotation", "returns")]
        self.annotations = [_span(one) for one in found if isinstance(one, ast.expr)]
        decorators = [one for node in nodes for one in getattr(node, "decorator_list", [])]
        self.caches = [
            _span(one) for one in decorators if f"{ast.unparse(one)}(".startswith(CACHES)
        ]

    def left_out(self, node: NodeOrLeaf, start: tuple[int, int]) -> str:
        """Return where the change is, if it is to be left out."""
        if _within(start, self.annotations):
            return "in an annotation"
        behind = (start[0], start[1] + 1)  # the decorator's @
        if _within(start, self.caches) or _within(behind, self.caches):
            return "in a decorator that caches"
        if node.type == "operator" and node.parent.type == "parameters":
            return "at the `*` of a parameter list"
        return ""


def _span(node: ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (start, end) as (line, column)."""
    return (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)


def _within(
    start: tuple[int, int], spans: Iterable[tuple[tuple[int, int], tuple[int, int]]]
) -> bool:
    return any(first <= start < last for first, last in spans)


def compiled(source: str) -> CodeType | None:
    """Return the code of a source, or None if it is no program.

    Python's warnings (of `is not` beside a number) are not heard: they would fail every test.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(source, "<mutant>", "exec", dont_inherit=True)
        except SyntaxError:
            return None


def _changed_line(source: str, mutated: str) -> tuple[str, str]:
    """Return the first differing line, before and after."""
    pairs = zip_longest(source.splitlines(), mutated.splitlines(), fillvalue="")
    was, becomes = next(pair for pair in pairs if pair[0] != pair[1])
    return " ".join(was.split()), " ".join(becomes.split())
