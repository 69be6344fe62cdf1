"""Who may see what: every viewer, every part, every combination of flags, against the table that the docs have."""

from itertools import product

import pytest

from myi_pipelines.serving.access.permissions import ALL, PRIVATE, Part, Sharing, parts_of
from myi_pipelines.serving.access.viewers import (
    OPERATOR,
    STRANGER,
    Kind,
    NoSuchRight,
    Right,
    Viewer,
    listener_viewer,
    rights_of,
    token_viewer,
)

ANNA, BOB = 1, 2
EVERY_SHARING = [Sharing(*flags) for flags in product((False, True), repeat=len(Sharing._fields))]
STATS = {Part.PROFILE, Part.TOP_TRACKS, Part.TOP_ARTISTS, Part.LISTENING_TIME, Part.STATS, Part.EMBED}
OF_RIGHT = {
    Right.READ_STATS: STATS,
    Right.READ_HISTORY: {Part.PROFILE, Part.HISTORY},
    Right.WRITE_LISTENS: {Part.SUBMIT, Part.IMPORT},
    Right.WRITE_CORRECTIONS: {Part.CORRECT},
    Right.READ_EMBED: {Part.EMBED},
    Right.READ_METRICS: set(),
}


def public(sharing: Sharing) -> set[Part]:
    """What everybody sees, said a second time."""
    seen = set()
    if sharing.is_public_profile:
        seen.add(Part.PROFILE)
        if sharing.share_top_tracks:
            seen.add(Part.TOP_TRACKS)
        if sharing.share_top_artists:
            seen.add(Part.TOP_ARTISTS)
        if sharing.share_listening_time:
            seen.add(Part.LISTENING_TIME)
        if sharing.share_history:
            seen.add(Part.HISTORY)
    return seen


@pytest.mark.parametrize("sharing", EVERY_SHARING, ids=str)
def test_everybody_sees_what_is_shared_and_nothing_else(sharing: Sharing) -> None:
    assert parts_of(STRANGER, ANNA, sharing) == public(sharing)
    assert parts_of(listener_viewer(BOB), ANNA, sharing) == public(sharing)
    assert parts_of(listener_viewer(ANNA), ANNA, sharing) == ALL
    assert parts_of(OPERATOR, ANNA, sharing) == ALL - {Part.SUBMIT}
    for right in Right:
        assert parts_of(token_viewer(ANNA, right), ANNA, sharing) == public(sharing) | OF_RIGHT[right]
        assert parts_of(token_viewer(BOB, right), ANNA, sharing) == public(sharing)


def test_two_are_compared_when_both_allow_it() -> None:
    allowed = Sharing(allows_comparison=True)
    for theirs, own in product((PRIVATE, allowed), repeat=2):
        seen = parts_of(listener_viewer(BOB), ANNA, theirs, own)
        assert seen == ({Part.COMPARISON} if theirs == own == allowed else set())
    assert parts_of(STRANGER, ANNA, allowed, allowed) == set()
    assert parts_of(token_viewer(BOB, Right.READ_STATS), ANNA, allowed, allowed) == set()


def test_no_token_manages_anything() -> None:
    every = Viewer(Kind.TOKEN, ANNA, frozenset(Right))
    assert Part.MANAGE not in parts_of(every, ANNA, Sharing(*[True] * len(Sharing._fields)))


def test_rights_are_named_exactly() -> None:
    assert rights_of(["stats:read", "history:read"]) == {Right.READ_STATS, Right.READ_HISTORY}
    assert rights_of(["metrics:read"], operator=True) == {Right.READ_METRICS}
    for wrong in ([], ["stats"], ["stats:read", "everything"], ["metrics:read"]):
        with pytest.raises(NoSuchRight, match="a token allows one or more of corrections:write, embed:read"):
            rights_of(wrong)
