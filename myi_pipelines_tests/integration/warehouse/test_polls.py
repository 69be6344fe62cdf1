"""Polling in the warehouse: which users are due, who may poll, what a page adds, and where plays may be missing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from myi_pipelines.warehouse import polls, spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar
from myi_pipelines.warehouse.landing import PolledPlay
from myi_pipelines.warehouse.poll_pacing import COOLDOWN, Quota
from myi_pipelines.warehouse.polls import Gap, Landed, RecentPage
from myi_pipelines.warehouse.spotify_accounts import Authorization, LinkedUser

NOW = datetime(2026, 8, 31, 12, tzinfo=UTC)
QUOTA = Quota(600, timedelta(minutes=5))
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def link(conn: Connection, name: str, now: datetime = NOW - timedelta(days=1)) -> LinkedUser:
    user = spotify_accounts.link_account(conn, name=name, spotify_id=f"{name}-id", account_id=name, display_name=name)
    spotify_accounts.save_authorization(conn, user.user_id, Authorization(b"r", b"a", now, scopes=[]), now)
    return user


def plays(count: int, *, until: datetime = NOW, step: timedelta = timedelta(minutes=3)) -> list[PolledPlay]:
    return [PolledPlay(until - number * step, f"track{number:017}", 180_000) for number in range(count)]


def land(conn: Connection, user: LinkedUser, page: Sequence[PolledPlay], now: datetime = NOW) -> Landed:
    assert polls.claim(conn, user.user_id, now, on_demand=True)
    tracks = {play.spotify_id: {"id": play.spotify_id, "name": f"Song {play.spotify_id}"} for play in page}
    total_demand = polls.linked_demand(conn, now, QUOTA)
    recent = RecentPage(page, tracks)
    return polls.land_page(conn, user.user_id, recent, now=now, total_demand=total_demand)


def count(conn: Connection, table: str) -> int:
    return int(fetch_scalar(conn, f"SELECT count(*) FROM {table}"))


def test_users_without_a_poll_are_due_first_then_the_longest_overdue(conn: Connection) -> None:
    ada, bela, chandra = (link(conn, name) for name in ("ada", "bela", "chandra"))
    assert polls.due_users(conn, NOW) == [ada, bela, chandra]
    assert polls.claim(conn, bela.user_id, NOW, on_demand=False)
    assert polls.claim(conn, ada.user_id, NOW + SECOND, on_demand=False)
    assert polls.due_users(conn, NOW + 2 * SECOND) == [chandra]
    assert polls.due_users(conn, NOW + 2 * COOLDOWN) == [chandra, bela, ada]


def test_only_one_process_may_poll_a_user_at_a_time(conn: Connection, database_url: str) -> None:
    user = link(conn, "ada")

    def attempt(number: int) -> bool:
        with connect(database_url) as mine:
            return polls.claim(mine, user.user_id, NOW + number * SECOND, on_demand=number % 2 == 0)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1


def test_a_poll_on_demand_does_not_break_the_cooldown(conn: Connection) -> None:
    user = link(conn, "ada")
    land(conn, user, plays(3, until=NOW - timedelta(hours=8)))
    assert not polls.claim(conn, user.user_id, NOW + COOLDOWN - SECOND, on_demand=True)
    assert not polls.claim(conn, user.user_id, NOW + COOLDOWN, on_demand=False)
    assert polls.claim(conn, user.user_id, NOW + COOLDOWN, on_demand=True)


def test_a_user_who_needs_a_login_is_due_again_after_it(conn: Connection) -> None:
    user = link(conn, "ada")
    assert polls.claim(conn, user.user_id, NOW, on_demand=False)
    polls.record_failure(conn, user.user_id, "revoked", NOW + timedelta(days=1))
    spotify_accounts.end_authorization(conn, user.user_id, "revoked", NOW)
    later = NOW + timedelta(hours=2)
    assert polls.due_users(conn, later) == []
    link(conn, "ada", NOW + HOUR)
    assert polls.due_users(conn, later) == [user]
    assert polls.claim(conn, user.user_id, later, on_demand=False)
    assert polls.due_users(conn, later + timedelta(minutes=1)) == []


def test_a_page_lands_with_its_tracks_and_invalidates_its_user_months(conn: Connection) -> None:
    user = link(conn, "ada")
    landed = land(conn, user, plays(20))
    assert (landed.added, landed.gap) == (20, None)
    assert landed.next_poll_at == NOW + COOLDOWN
    assert (count(conn, "polled_plays"), count(conn, "spotify_objects")) == (20, 20)
    assert conn.execute("SELECT month::text, stage FROM invalidated_user_months").fetchall() == [
        ("2026-08-01", "EVENTS")
    ]
    assert conn.execute("SELECT last_ingested_at IS NOT NULL FROM users").fetchone() == (True,)


def test_a_page_without_news_writes_nothing(conn: Connection) -> None:
    user = link(conn, "ada")
    page = plays(50)
    land(conn, user, page)
    before = conn.execute("SELECT last_ingested_at FROM users").fetchone()
    conn.execute("DELETE FROM invalidated_user_months; UPDATE spotify_objects SET fetched_at = '2000-01-01'")
    landed = land(conn, user, page, NOW + COOLDOWN)
    assert (landed.added, landed.gap) == (0, None)
    assert conn.execute("SELECT last_ingested_at FROM users").fetchone() == before
    assert count(conn, "invalidated_user_months") == 0
    assert conn.execute("SELECT DISTINCT fetched_at::date::text FROM spotify_objects").fetchall() == [("2000-01-01",)]


def test_late_and_out_of_order_plays_land(conn: Connection) -> None:
    user = link(conn, "ada")
    page = plays(30)
    late, on_time = page[3:20:4], [play for number, play in enumerate(page) if number not in range(3, 20, 4)]
    assert land(conn, user, on_time).added == len(on_time)
    assert land(conn, user, [*late[::-1], *on_time], NOW + COOLDOWN).added == len(late)
    assert count(conn, "polled_plays") == 30


@pytest.mark.parametrize(("shift", "gap"), [(49, False), (50, True), (60, True)])
def test_a_full_page_that_does_not_reach_known_plays_is_a_possible_gap(conn: Connection, shift: int, gap: bool) -> None:
    user = link(conn, "ada")
    step = timedelta(minutes=3)
    first = plays(50, until=NOW - timedelta(hours=20))
    second = plays(50, until=NOW - timedelta(hours=20) + shift * step)
    rest_of_second = [play._replace(spotify_id=play.spotify_id.replace("track", "other")) for play in second[:shift]]
    known = first[: len(second) - len(rest_of_second)]
    assert land(conn, user, first).gap is None
    calm = polls.poll_states(conn)[0].next_poll_at
    assert calm is not None
    landed = land(conn, user, [*rest_of_second, *known], NOW + HOUR)
    assert (landed.gap is not None) is gap
    if gap:
        assert landed.gap == Gap(first[0].played_at, rest_of_second[-1].played_at)
        assert conn.execute("SELECT user_id, found_at FROM possible_gaps").fetchall() == [(user.user_id, NOW + HOUR)]
        assert landed.next_poll_at - (NOW + HOUR) < calm - NOW
        assert polls.poll_states(conn)[0].possible_gaps == 1
    else:
        assert count(conn, "possible_gaps") == 0


@pytest.mark.parametrize("rows", [48, 20, 1])
def test_a_short_page_that_does_not_reach_known_plays_is_a_possible_gap(conn: Connection, rows: int) -> None:
    user = link(conn, "ada")
    land(conn, user, plays(50, until=NOW - timedelta(hours=20)))
    assert land(conn, user, plays(rows), NOW + HOUR).gap is not None


def test_late_plays_that_push_others_out_are_a_possible_gap(conn: Connection) -> None:
    """A phone that was offline uploads more plays than the list has room for, beside newer ones that are known."""
    user = link(conn, "ada")
    before, newer = plays(50, until=NOW - timedelta(hours=10)), plays(29)
    land(conn, user, [*newer, *before][:50])
    late = [play._replace(spotify_id=f"late{n:018}") for n, play in enumerate(plays(100, until=NOW - 2 * HOUR))]
    gap = land(conn, user, [*newer, *late][:50], NOW + COOLDOWN).gap
    assert gap == Gap(before[0].played_at, late[20].played_at)
    assert land(conn, user, [*newer, *late][:50], NOW + 2 * COOLDOWN).gap is None


def test_a_page_that_is_shown_again_a_few_seconds_off_is_no_gap(conn: Connection) -> None:
    user = link(conn, "ada")
    page = plays(50)
    land(conn, user, page)
    for seconds in (-9, 9):
        moved = [play._replace(played_at=play.played_at + seconds * SECOND) for play in page]
        assert land(conn, user, moved, NOW + (20 + seconds) * COOLDOWN).gap is None


def test_a_first_full_page_is_no_gap(conn: Connection) -> None:
    assert land(conn, link(conn, "ada"), plays(50)).gap is None


def test_a_play_gets_its_length_when_a_later_page_has_it(conn: Connection) -> None:
    user = link(conn, "ada")
    page = plays(3)
    assert land(conn, user, [play._replace(duration_ms=None) for play in page]).added == 3
    assert land(conn, user, page, NOW + COOLDOWN).added == 0
    assert conn.execute("SELECT DISTINCT duration_ms FROM polled_plays").fetchall() == [(180_000,)]


def test_the_context_of_a_play_lands_and_is_not_forgotten(conn: Connection) -> None:
    user = link(conn, "ada")
    page = plays(2)
    with_context = [play._replace(context_type="playlist", context_uri="spotify:playlist:1") for play in page]
    contexts = "SELECT context_type, context_uri FROM polled_plays ORDER BY played_at"
    assert land(conn, user, [with_context[0], page[1]]).added == 2
    assert conn.execute(contexts).fetchall() == [(None, None), ("playlist", "spotify:playlist:1")]
    assert land(conn, user, [page[0], with_context[1]], NOW + COOLDOWN).added == 0
    assert conn.execute(contexts).fetchall() == [("playlist", "spotify:playlist:1")] * 2


def test_an_empty_page_and_ancient_plays_add_nothing(conn: Connection) -> None:
    user = link(conn, "ada")
    assert land(conn, user, []).added == 0
    ancient = [PolledPlay(datetime(1970, 1, 1, tzinfo=UTC), "track", None)]
    assert land(conn, user, ancient, NOW + COOLDOWN).added == 0
    assert count(conn, "polled_plays") == 0


def test_nothing_of_a_page_stays_when_landing_fails(conn: Connection) -> None:
    user = link(conn, "ada")
    assert polls.claim(conn, user.user_id, NOW, on_demand=False)
    conn.execute("ALTER TABLE spotify_objects ADD CHECK (spotify_id <> 'track00000000000000004')")
    page = plays(10)
    tracks = {play.spotify_id: {"id": play.spotify_id, "name": "Song"} for play in page}
    total_demand = polls.linked_demand(conn, NOW, QUOTA)
    with pytest.raises(Exception, match="violates check constraint"):
        polls.land_page(conn, user.user_id, RecentPage(page, tracks), now=NOW, total_demand=total_demand)
    assert (count(conn, "polled_plays"), count(conn, "spotify_objects"), count(conn, "invalidated_user_months")) == (
        0,
        0,
        0,
    )
    assert conn.execute("SELECT last_ingested_at FROM users").fetchone() == (None,)
    assert polls.due_users(conn, NOW + COOLDOWN) == [user]


def test_failures_are_counted_until_a_poll_succeeds(conn: Connection) -> None:
    user = link(conn, "ada")
    for failures in (1, 2):
        assert polls.claim(conn, user.user_id, NOW + failures * COOLDOWN, on_demand=False)
        polls.record_failure(conn, user.user_id, "Spotify answered 503", NOW + (failures + 1) * COOLDOWN)
        assert polls.consecutive_failures(conn, user.user_id) == failures
    [state] = polls.poll_states(conn)
    assert (state.last_error, state.last_success_at) == ("Spotify answered 503", None)
    land(conn, user, plays(3), NOW + 3 * COOLDOWN)
    [state] = polls.poll_states(conn)
    assert (state.consecutive_failures, state.last_error, state.last_played_at) == (0, None, NOW)
    assert state.last_success_at == NOW + 3 * COOLDOWN


def test_a_clock_that_was_set_back_does_not_prevent_polls(conn: Connection) -> None:
    user = link(conn, "ada")
    assert polls.claim(conn, user.user_id, NOW + timedelta(days=1), on_demand=False)
    assert polls.due_users(conn, NOW) == [user]
    assert polls.claim(conn, user.user_id, NOW, on_demand=False)
    assert polls.due_users(conn, NOW) == []
    assert not polls.claim(conn, user.user_id, NOW, on_demand=True)
