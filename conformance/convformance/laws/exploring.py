"""What a default run checks of each law: the sizes of real networks, then drawn problems."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import FlakyFailure
from hypothesis.strategies import SearchStrategy, integers, one_of, tuples

from convformance.bench import Bench
from convformance.drawn_forms import continued_problems
from convformance.explore import drawn_by_the_seed_alone
from convformance.laws import LAWS
from convformance.laws.hearing import Hearing, hear
from convformance.laws.law import Law, is_solid
from convformance.laws.recording import is_news, record
from convformance.news import NewDiscrepancies
from convformance.problem import Case, Problem
from convformance.strategies import problems

DRAWN = 5  # problems for each law and op
DTYPES = ("float32", "float32", "float64")

# Layers of ResNet, VGG and MobileNet, and the pools between them.
REAL: dict[str, tuple[str, ...]] = {
    "conv": (
        "conv x=1x3x224x224 w=64x3x7x7 stride=2x2 padding=3x3 float32",
        "conv x=1x64x56x56 w=64x64x3x3 padding=1x1 float32",
        "conv x=1x32x112x112 w=32x1x3x3 padding=1x1 groups=32 float32",
    ),
    "conv1x1": ("conv1x1 x=1x256x28x28 w=64x256 float32",),
    "conv_transpose": ("conv_transpose x=1x32x28x28 w=32x16x4x4 stride=2x2 padding=1x1 float32",),
    "depthwise_conv": ("depthwise_conv x=1x32x56x56 w=32x1x3x3 padding=same_upper float32",),
    "separable_conv": (
        "separable_conv x=1x32x28x28 w=32x1x3x3 pointwise=64x32 padding=same_upper float32",
    ),
    "max_pool": ("max_pool x=1x64x112x112 kernel=3x3 stride=2x2 padding=1x1 float32",),
    "avg_pool": ("avg_pool x=1x128x28x28 kernel=2x2 stride=2x2 float32",),
}


@dataclass(frozen=True)
class Session:
    """One law and one op: a test of the suite."""

    law: Law
    op: str

    @property
    def name(self) -> str:
        """The name that seeds what is drawn."""
        return f"{self.law.label} {self.op}"


SESSIONS = tuple(Session(law, op) for law in LAWS.values() for op in law.ops)


def real_cases(session: Session) -> Iterator[Case]:
    """Yield the law's cases at the sizes of real networks."""
    for line in REAL.get(session.op, ()):
        for problem in _handed(session.law, Problem.parse(line)):
            yield session.law.case(problem, 1)


def _handed(law: Law, problem: Problem) -> tuple[Problem, ...]:
    """Return the problem, for the law of the layout in each that is compared."""
    if law.label != "law.layout":
        return (problem,)
    return replace(problem, layout="channels_last"), replace(problem, memory="transposed")


def drawn_cases(session: Session) -> SearchStrategy[Case]:
    """Return a strategy of small cases that the law speaks of."""
    law = session.law
    drawn = problems(session.op, DTYPES)
    if session.op == "conv":
        drawn = one_of(drawn, continued_problems(DTYPES))
    fitted = drawn.filter(is_solid).map(law.fit).filter(law.speaks_of)
    return tuples(fitted, integers(0, 99)).map(lambda both: Case(both[0], law.fill, both[1]))


def hear_all(bench: Bench, session: Session, examples: int) -> list[Hearing]:
    """Check the law on the ledger's cases, at real sizes and on drawn problems; return the news."""
    law = session.law
    known = [Case.parse(one.case) for one in bench.ledger if one.clause == law.label]
    known = [case for case in known if case.problem.op == session.op]
    fixed = [case for case in known if law.speaks_of(case.problem)]
    news = []
    heard_of_known = (hear(session.law, bench.backend, case) for case in fixed)
    heard_of_real = (_asked(bench, session.law, case) for case in real_cases(session))
    for heard in (*heard_of_known, *heard_of_real):
        if record(bench, heard):
            news.append(heard)
    found = _Search(bench, session, examples).go()
    if found is not None and record(bench, found):
        news.append(found)
    return news


def hear_given(bench: Bench, given: Iterable[tuple[Law, Case]]) -> list[Hearing]:
    """Check laws on the cases that were given; return the news."""
    heard = (hear(law, bench.backend, case) for law, case in given)
    return [one for one in heard if record(bench, one)]


def _asked(bench: Bench, law: Law, case: Case) -> Hearing:
    """Check the law on a planned case; of one outside the backend's share nothing is heard."""
    if bench.asks(case.problem):
        return hear(law, bench.backend, case)
    return Hearing(law, case, None, bench.not_asked)


class _Broken(Exception):  # noqa: N818  tells Hypothesis to shrink; it is no error
    """A law that does not hold, in a way that nobody has seen."""


class _Search:
    """One pass of Hypothesis: it ends with the smallest case that breaks the law, or with none."""

    def __init__(self, bench: Bench, session: Session, examples: int) -> None:
        self.bench, self.session, self.examples = bench, session, examples
        self.tried: set[Case] = set()
        self.answered = 0
        self.smallest: Hearing | None = None

    def go(self) -> Hearing | None:
        """Return the smallest news."""
        name = f"{self.session.name} {self.bench.seed}"

        @seeded(zlib.crc32(name.encode()))
        @settings(
            max_examples=2 * self.examples,  # some are drawn twice, some are not answered
            phases=(Phase.generate, Phase.shrink),
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(drawn_cases(self.session))
        def law_holds(case: Case) -> None:
            self._try(case)

        try:
            with drawn_by_the_seed_alone():
                law_holds()
        except _Broken:
            return self.smallest
        except FlakyFailure as unlike:  # what was answered once is not always answered again
            if not all(isinstance(one, _Broken) for one in unlike.exceptions):
                raise
            return self.smallest
        return None

    def _try(self, case: Case) -> None:
        if self.smallest is None:
            if case in self.tried or self.answered == self.examples:
                return
            self.tried.add(case)
            heard = _asked(self.bench, self.session.law, case)
        else:
            heard = hear(self.session.law, self.bench.backend, case)
        if is_news(self.bench, heard):
            self.smallest = heard
            raise _Broken
        if self.smallest is None:
            self.answered += heard.held is not None
            record(self.bench, heard)


def report_broken(bench: Bench, news: list[Hearing]) -> None:
    """Raise `NewDiscrepancies` if there are any."""
    if news:
        raise NewDiscrepancies("\n\n".join(_tell(bench, one) for one in news))


def _tell(bench: Bench, heard: Hearing) -> str:
    name, line = bench.backend.name, heard.case.line
    return (
        f"NEW {name} [{heard.law.label}] {heard.verdict.kind}\n"
        f"  {line}\n"
        f"  {heard.message}\n"
        f"  convformance law {heard.law.name} '{line}' --backend {name}"
    )
