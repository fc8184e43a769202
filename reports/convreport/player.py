"""The window player: the data that the page's script steps through, and its first picture."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from convformance.problem import Problem
from convformance.runfile import Finding
from convreport.scene import Scene, scene_of, scene_of_problem
from convreport.still import Still, still


@dataclass(frozen=True)
class Player:
    """A player: JSON for the script, and what is drawn before it runs."""

    data: Markup
    still: Still


def player_of(finding: Finding) -> Player | None:
    """Return the player of a finding; None where none fits, so that none is ever wrong."""
    return _player(scene_of(finding))


def player_of_problem(problem: Problem) -> Player | None:
    """Return the player of a problem on whole numbers; None where none fits."""
    return _player(scene_of_problem(problem))


def _player(scene: Scene | None) -> Player | None:
    if scene is None:
        return None
    return Player(Markup(scene.data), still(scene))  # JSON with every "<" escaped
