"""A finding as Markdown, ready for an upstream issue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convreport.arrays import Block, Grid
from convreport.findings import Fact, FindingView
from convreport.markdown import fence, prose, span
from convreport.text import Long, clip

LONGEST_ARRAY = 3_000


def citation(finding: FindingView) -> str:
    """Return the Markdown of a finding; all that a backend said stands as code."""
    return "\n\n".join(_blocks(finding)) + "\n"


def _blocks(finding: FindingView) -> Iterator[str]:
    title = prose(f"{finding.label}: {finding.op} {finding.verdict}")
    yield f"### {title} {span(f'[{finding.clause}]')}"
    yield f"Case: {span(finding.line)}"
    yield f"Versions: {span(finding.versions)}"
    yield f"Clause {span(f'[{finding.clause}]')} of the specification:\n\n> {finding.sentence}"
    if finding.message.text:
        yield _block("Message", finding.message)
    if finding.sizes:
        yield f"Size of the output:\n\n{fence(chr(10).join(finding.sizes))}"
    if not finding.script.text:  # a script holds its inputs
        yield from _arrays("Inputs", finding.inputs)
    yield from _arrays("Expected", [one.expected for one in finding.outputs if one.expected])
    yield from _arrays("Got", [one.got for one in finding.outputs if one.got])
    if finding.terms.text:
        yield _block("Terms of the first differing element", finding.terms)
    if finding.diagnosis:
        yield "Why:\n\n" + "\n".join(f"- {prose(sentence)}" for sentence in finding.diagnosis)
    if finding.entry:
        yield "Known:\n\n" + "\n".join(map(_fact, finding.entry))
    if finding.script.text:
        yield _block("To reproduce it with the framework alone", finding.script, "python")
    yield _block(f"With Convformance (finding {span(finding.id)})", clip(finding.command), "sh")


def _fact(fact: Fact) -> str:
    plain = fact.link and not set("<>") & set(fact.link)
    return f"- {fact.name}: {f'<{fact.link}>' if plain else span(fact.text)}"


def _block(title: str, text: Long, language: str = "") -> str:
    note = f" ({text.note})" if text.note else ""
    return f"{title}{note}:\n\n{fence(text.text, language)}"


def _arrays(title: str, grids: Sequence[Grid]) -> Iterator[str]:
    if grids:
        yield _block(title, clip("\n".join(map(_array, grids)), LONGEST_ARRAY))


def _array(grid: Grid) -> str:
    head = f"{grid.name} {grid.shape} {grid.dtype}" + (f": {grid.note}" if grid.note else "")
    return "\n".join([head, *(line for block in grid.blocks for line in _rows(block))])


def _rows(block: Block) -> Iterator[str]:
    """Yield the rows in columns of one width; a differing element stands between asterisks."""
    words = [[f"*{one.text}*" if one.differs else one.text for one in row] for row in block.rows]
    width = max((len(word) for row in words for word in row), default=0)
    if block.label:
        yield f"  {block.label}"
    for row in words:
        yield "  " + "  ".join(word.rjust(width) for word in row)
