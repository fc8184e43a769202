"""A badge of a run as SVG: the backend, and whether anything is new."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from convreport.columns import Column
from convreport.text import count, one_line

HEIGHT, SIDE, LETTER = 20, 6, 6.6  # pixels; a letter of the font is about so wide
LONGEST = 60
FINE, KNOWN, RED = "#1f6b3a", "#5b6b1f", "#b3261e"  # each has contrast 4.5 with white and more


def badge(column: Column) -> str:
    """Return the badge; a run that was narrowed says so."""
    name, (word, colour) = one_line(column.label, LONGEST), _result(column)
    left, right = _width(name), _width(word)
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": str(left + right),
            "height": str(HEIGHT),
            "role": "img",
            "aria-label": f"convformance {name}: {word}",
        },
    )
    ET.SubElement(root, "title").text = f"convformance {name}: {word}"
    for start, width, fill, text in ((0, left, "#444", name), (left, right, colour, word)):
        place = {"x": str(start), "width": str(width), "height": str(HEIGHT), "fill": fill}
        ET.SubElement(root, "rect", place)
        letters = {
            "x": str(start + SIDE), "y": "14", "fill": "#fff", "font-size": "11",
            "font-family": "Verdana,DejaVu Sans,sans-serif",
            "textLength": str(width - 2 * SIDE), "lengthAdjust": "spacingAndGlyphs",
        }  # fmt: skip
        ET.SubElement(root, "text", letters).text = text
    return ET.tostring(root, "unicode") + "\n"


def _result(column: Column) -> tuple[str, str]:
    run = column.run
    new = sum(one.status == "new" for one in run.findings)
    partly = ", in part" if run.header.selection else ""
    if new:
        return f"{new:,} new{partly}", RED
    if run.is_red:
        stale = count(len(run.footer.stale), "stale entry", "stale entries")
        return ("not finished" if run.footer.failed else stale) + partly, RED
    known = len(run.findings)
    return (f"{known:,} known" if known else "conforms") + partly, KNOWN if known else FINE


def _width(text: str) -> int:
    return round(len(text) * LETTER) + 2 * SIDE
