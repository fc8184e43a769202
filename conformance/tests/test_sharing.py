"""Each test has one process, the same one whenever, and a turn of two gives none the heavy ones."""

import pytest

from convformance.sharing import share


def test_a_place_says_which_process_has_it():
    assert [share(place, 2) for place in range(8)] == [0, 1, 1, 0, 1, 0, 0, 1]
    assert [share(place, 3) for place in range(9)] == [0, 1, 2, 1, 2, 0, 2, 0, 1]
    assert {share(place, 1) for place in range(9)} == {0}


@pytest.mark.parametrize("turn", [2, 4, 8])
def test_what_comes_in_turns_of_two_is_spread_over_two(turn):
    places = range(0, 600, turn)
    first = [share(place, 2) for place in places].count(0)
    assert 0.4 <= first / len(places) <= 0.6
    # A liar: every second test falls in with such a turn.
    assert all(place % 2 == 0 for place in places)
