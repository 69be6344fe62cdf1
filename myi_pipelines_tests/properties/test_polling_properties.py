"""For any listening, offline stretches and polls: every play that left Spotify's list unseen lies in a recorded gap.

The examples are the same on every run. MYI_HYPOTHESIS_EXAMPLES searches among new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.warehouse import polls, spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.landing import PolledPlay
from myi_pipelines.warehouse.poll_pacing import VISIBLE_PLAYS, AggregateDemand, Quota
from myi_pipelines.warehouse.polls import RecentPage
from myi_pipelines_tests.properties.test_listening_properties import bounded

pytestmark = pytest.mark.slow

BEGIN = datetime(2026, 8, 1, tzinfo=UTC)
STEP = timedelta(minutes=3)
NO_DEMAND = AggregateDemand(Quota(600, timedelta(minutes=5)), BEGIN, 0, (0.0, 0.0, 0.0, 0.0))
USER_NUMBERS = count()


class Stretch(NamedTuple):
    """Plays in a row. ``uploaded_after`` is after how many later stretches Spotify learns of them; 0: at once."""

    plays: int
    uploaded_after: int
    is_polled: bool
    """Whether a poll follows."""


class Shown(NamedTuple):
    """A play of a stretch, and from when Spotify knows it."""

    play: PolledPlay
    stretch: int
    visible_from: datetime


stretches = st.lists(
    st.builds(Stretch, st.integers(1, 130), st.sampled_from((0, 0, 1, 2, 3)), st.booleans()), min_size=1, max_size=7
)


def timeline(parts: Sequence[Stretch]) -> tuple[list[Shown], list[datetime]]:
    """Every play, and the times of the polls. Stretches follow one another."""
    ends, moment = [], BEGIN
    for part in parts:
        moment += part.plays * STEP
        ends.append(moment)
        moment += STEP
    shown, numbers = [], count()
    for number, (part, end) in enumerate(zip(parts, ends, strict=True)):
        uploaded = ends[min(number + part.uploaded_after, len(parts) - 1)]
        for back in reversed(range(part.plays)):
            play = PolledPlay(end - back * STEP, f"{next(numbers):022}", 180_000)
            shown.append(Shown(play, number, max(play.played_at, uploaded) if part.uploaded_after else play.played_at))
    return shown, [end for part, end in zip(parts, ends, strict=True) if part.is_polled or end == ends[-1]]


def window(shown: Sequence[Shown], now: datetime) -> list[Shown]:
    """What Spotify's list shows: the latest of what it knows."""
    known = [one for one in shown if one.visible_from <= now]
    return sorted(known, key=lambda one: one.play.played_at, reverse=True)[:VISIBLE_PLAYS]


@given(parts=stretches)
@bounded(60)
def test_every_loss_lies_in_a_recorded_gap(conn: Connection, parts: list[Stretch]) -> None:
    """A stretch of which no play was ever shown cannot be known of."""
    name = f"listener {next(USER_NUMBERS)}"
    user = spotify_accounts.link_account(conn, name=name, spotify_id=name, account_id=name, display_name=name)
    # The listener has listened before, and was polled.
    parts = [Stretch(VISIBLE_PLAYS, 0, is_polled=True), *parts]
    shown, poll_times = timeline(parts)
    seen: set[Shown] = set()
    for now in poll_times:
        page = window(shown, now)
        plays = [one.play for one in page]
        polls.land_page(conn, user.user_id, RecentPage(plays, {}), now=now, total_demand=NO_DEMAND)
        seen.update(page)

    gaps = conn.execute("SELECT after, before FROM possible_gaps WHERE user_id = %s", [user.user_id]).fetchall()
    partly_seen = {one.stretch for one in seen}
    for one in set(shown) - seen:
        is_known_of = one.stretch in partly_seen or not parts[one.stretch].uploaded_after
        assert not is_known_of or any(after < one.play.played_at < before for after, before in gaps), (one, gaps)
