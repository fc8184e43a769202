"""Every clause of the specification can be linked to: spec.html#window.count.

A heading `[window.count]` has the label as its id, and the label in brackets leads there from any
page.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util.nodes import make_refnode

from convoracle import CLAUSES

SPEC = "spec"
LABEL = re.compile(r"\[([a-z0-9]+(?:[._][a-z0-9_]+)+)\]")


class Headings(SphinxTransform):
    """Give the sections of the specification their labels as ids."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        """Look at each section's title."""
        if self.env.docname != SPEC:
            return
        for section in self.document.findall(nodes.section):
            found = LABEL.fullmatch(section[0].astext())
            if found and found[1] in CLAUSES:
                section["ids"].insert(0, found[1])


def link_labels(app: Any, document: nodes.document, page: str) -> None:
    """Make a link of each label in brackets, but in headings, code and links."""
    for text in list(document.findall(nodes.Text)):
        parent = text.parent
        if isinstance(parent, (nodes.title, nodes.literal, nodes.literal_block, nodes.reference)):
            continue
        parts = _parts(app, page, str(text))
        if len(parts) > 1:
            parent.replace(text, parts)


def _parts(app: Any, page: str, text: str) -> list[nodes.Node]:
    parts: list[nodes.Node] = []
    end = 0
    for found in LABEL.finditer(text):
        if found[1] not in CLAUSES:
            continue
        shown = nodes.Text(found[0])
        parts += [
            nodes.Text(text[end : found.start()]),
            make_refnode(app.builder, page, SPEC, found[1], shown, CLAUSES[found[1]].sentence),
        ]
        end = found.end()
    return [*parts, nodes.Text(text[end:])]


def setup(app: Any) -> dict[str, bool]:
    """Register both."""
    app.add_transform(Headings)
    app.connect("doctree-resolved", link_labels)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
