"""Findings as the page shows them: new ones first, then by clause, in the specification's order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convformance.identity import further_ids
from convformance.runfile import Finding
from convformance.verdict import Kind
from convoracle import CLAUSES
from convreport.anchors import digest, safe, unique
from convreport.arrays import Grid, grid
from convreport.columns import Column
from convreport.history import History, told
from convreport.light import MOST_WHOLE, lightened
from convreport.player import Player, player_of
from convreport.text import LONGEST_SCRIPT, Long, clip, command, count, law_command, one_line
from convreport.wires import TapMapView, tap_map_of

MOST_LINES = 6
MOST_PLACES = 10
LONGEST_WHY = 1_000
MOST_BRIEF = 300  # characters of what such a finding says
# What a reader needs of a ledger entry; the rest is how the entry is matched.
ENTRY_FACTS = ("kind", "reason", "link", "versions", "processor", "flaky", "id")
STALE_FACTS = (*ENTRY_FACTS, "op", "clause", "verdict", "case")
UNKNOWN_CLAUSE = "This release's specification has no clause of that name."


@dataclass(frozen=True)
class Fact:
    """One named line of a ledger entry; `link` is set if it is an address."""

    name: str
    text: str
    link: str = ""


@dataclass(frozen=True)
class Output:
    """An output array, expected and got side by side."""

    expected: Grid | None
    got: Grid | None


@dataclass(frozen=True)
class CaseLine:
    """A line and its anchor; the smallest case has its own above."""

    line: str
    anchor: str


@dataclass(frozen=True)
class FindingView:
    """A finding and all that its reader needs to believe it."""

    id: str
    anchor: str
    further: tuple[str, ...]  # ids by which it may have been cited
    further_anchors: tuple[str, ...]
    case_anchor: str
    status: str  # new or known
    kind: str  # of the ledger's entry, if it is known
    label: str
    backend: str
    op: str
    clause: str
    sentence: str
    verdict: str
    cases: int
    line: str
    command: str
    message: Long
    diagnosis: tuple[str, ...]
    sizes: tuple[str, ...]
    inputs: tuple[Grid, ...]
    outputs: tuple[Output, ...]
    marked: str
    wiring: TapMapView | None
    player: Player | None
    terms: Long
    script: Long
    entry: tuple[Fact, ...]
    lines: tuple[CaseLine, ...]
    unlisted: str
    versions: str
    seen: str  # in which versions, by the history file if there is one
    is_brief: bool  # nothing is drawn of it: `convformance cite` prints it whole

    @property
    def told(self) -> str:
        """What a page says of it in brief: the diagnosis, the ledger's reason, or the message."""
        reasons = [fact.text for fact in self.entry if fact.name == "reason"]
        said = [*self.diagnosis, *reasons, self.message.text]
        return one_line(next(filter(None, said), ""), MOST_BRIEF)


@dataclass(frozen=True)
class Stale:
    """A ledger entry that a run did not meet again."""

    label: str
    facts: tuple[Fact, ...]


def finding_views(
    columns: Sequence[Column], history: History | None = None, *, light: bool = False
) -> tuple[FindingView, ...]:
    """Return the findings of all runs; each has an anchor of its own.

    For a page that is to be `light`, known ones and all after the first `MOST_WHOLE` lack what
    `convformance cite` prints.
    """
    pairs = [(column, finding) for column in columns for finding in column.run.findings]
    order = {label: i for i, label in enumerate(CLAUSES)}
    rank = {column.label: i for i, column in enumerate(columns)}
    pairs.sort(
        key=lambda pair: (
            pair[1].status != "new",
            pair[1].status == "new" and is_explained(pair[1]),
            order.get(pair[1].clause, len(order)),
            pair[1].clause,
            rank[pair[0].label],
            pair[1].op,
            pair[1].verdict,
            pair[1].id,
        )
    )
    taken: dict[str, int] = {}
    views = []
    for i, (column, finding) in enumerate(pairs):
        is_brief = light and i >= MOST_WHOLE
        kept = lightened(finding, is_brief=is_brief) if light else finding
        view = _view(column, kept, taken, history)
        views.append((column, replace(view, is_brief=is_brief)))
    return tuple(_with_further(views, taken))


def is_explained(finding: Finding) -> bool:
    """Whether a diagnosis names what the backend does."""
    return bool(finding.diagnosis) and not finding.diagnosis[0].startswith("unexplained")


def stale_entries(columns: Sequence[Column]) -> tuple[Stale, ...]:
    """Return the ledger entries that no longer occur."""
    return tuple(
        Stale(column.label, facts(entry, STALE_FACTS))
        for column in columns
        for entry in column.run.footer.stale
    )


def facts(entry: Mapping[str, Any], names: Sequence[str] = ENTRY_FACTS) -> tuple[Fact, ...]:
    """Return the filled fields of a ledger entry, in the order of `names`."""
    filled = [(name, entry[name]) for name in names if entry.get(name)]
    return tuple(Fact(name, clip(_words(value)).text, _link(value)) for name, value in filled)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def sentence(clause: str) -> str:
    """Return the sentence of a clause."""
    return CLAUSES[clause].sentence if clause in CLAUSES else UNKNOWN_CLAUSE


def _link(value: object) -> str:
    """Return the value if it is a web address: no other scheme may stand behind a link."""
    return value if isinstance(value, str) and re.fullmatch(r"https?://[!-~]+", value) else ""


def _anchor(column: Column, id_: str, taken: dict[str, int]) -> str:
    """Return a finding's id; a further run of its backend stands behind it."""
    return unique(_name(column, id_), taken)


def _name(column: Column, id_: str) -> str:
    name = safe(id_) or "d-"
    return f"{name}-{column.mark}" if column.is_further else name


def _with_further(
    pairs: Sequence[tuple[Column, FindingView]], taken: dict[str, int]
) -> Iterator[FindingView]:
    """Yield the views with the anchors of their further ids, where no finding has that id now."""
    for column, view in pairs:
        names = [name for id_ in view.further if (name := _name(column, id_)) not in taken]
        yield replace(view, further_anchors=tuple(unique(name, taken) for name in names))


def _case_anchor(column: Column, finding: Finding, line: str, taken: dict[str, int]) -> str:
    """Return the id of the case and the run; a law speaks of a case in its own way."""
    law = f"{safe(finding.clause)}-" if finding.verdict == Kind.LAW else ""
    return unique(f"c-{law}{digest(line)}-{column.mark}", taken)


def _view(
    column: Column, finding: Finding, taken: dict[str, int], history: History | None
) -> FindingView:
    signed = column.signed.get(finding.signature, [])
    lines = sorted(set(signed), key=lambda line: (len(line), line))
    case_anchor = _case_anchor(column, finding, finding.line, taken)
    return FindingView(
        id=finding.id,
        anchor=_anchor(column, finding.id, taken),
        further=further_ids(column.backend, finding),
        further_anchors=(),
        case_anchor=case_anchor,
        status="new" if finding.status == "new" else "known",
        kind=str((finding.entry or {}).get("kind", "")),
        label=column.label,
        backend=column.backend,
        op=finding.op,
        clause=finding.clause,
        sentence=sentence(finding.clause),
        verdict=finding.verdict,
        cases=len(signed),
        line=finding.line,
        command=finding_command(finding, column.run.header.given or column.backend),
        message=clip(finding.message),
        diagnosis=tuple(one_line(why, LONGEST_WHY) for why in finding.diagnosis),
        sizes=tuple(finding.sizes),
        inputs=tuple(grid(name, text, finding.op) for name, text in finding.inputs.items()),
        outputs=tuple(_outputs(finding)),
        marked=_marked(finding),
        wiring=tap_map_of(finding),
        player=player_of(finding),
        terms=clip(finding.terms),
        script=clip(finding.script, LONGEST_SCRIPT),
        entry=facts(finding.entry or {}),
        lines=tuple(
            CaseLine(
                line, "" if line == finding.line else _case_anchor(column, finding, line, taken)
            )
            for line in lines[:MOST_LINES]
        ),
        unlisted=_unlisted(len(lines)),
        versions=versions(column),
        seen=_seen(column, finding, history) if history is not None else "",
        is_brief=False,
    )


def _seen(column: Column, finding: Finding, history: History) -> str:
    known = history.of(column.backend, finding)
    return told(known) if known else "not in the history file"


def finding_command(finding: Finding, backend: str) -> str:
    """Return the command that shows the finding again."""
    if finding.verdict == Kind.LAW:
        return law_command(finding.clause, finding.line, backend)
    return command(finding.line, backend)


def _unlisted(cases: int) -> str:
    rest = cases - MOST_LINES
    return f"and {count(rest, 'further case')}; the run file holds them all" if rest > 0 else ""


def _outputs(finding: Finding) -> Iterator[Output]:
    for name in dict.fromkeys((*finding.expected, *finding.got)):
        wrong = [tuple(position) for output, position in finding.wrong if output == name]
        expected, got = (
            grid(name, arrays[name], finding.op, wrong) if name in arrays else None
            for arrays in (finding.expected, finding.got)
        )
        yield Output(expected, got)


def _marked(finding: Finding) -> str:
    """Say how many elements are marked, and where they are if the arrays are too large to show."""
    if not finding.wrong:
        return ""
    hidden = any(
        array.values is None for array in (*finding.expected.values(), *finding.got.values())
    )
    if not hidden:
        return f"{count(len(finding.wrong), 'differing element')} marked ≠"
    places = [f"{name}{list(position)}" for name, position in finding.wrong[:MOST_PLACES]]
    dots = ", …" if len(finding.wrong) > MOST_PLACES else ""
    return f"differs at {', '.join(places)}{dots}"


def versions(column: Column) -> str:
    """Return the versions of the framework, its libraries, Python and the system."""
    header = column.run.header
    libraries = [f"{name} {version}" for name, version in sorted(header.libraries.items())]
    named = [
        column.label,
        *libraries,
        f"python {header.python}",
        header.system,
        f"convformance {header.convformance}",
    ]
    return ", ".join(dict.fromkeys(named))
