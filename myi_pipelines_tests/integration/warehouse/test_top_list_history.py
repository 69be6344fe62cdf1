"""Top lists in the warehouse: which users are due, the replacement of all six lists, and the lists of other days."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from myi_pipelines.warehouse import polls, spotify_accounts, top_list_history
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.spotify_accounts import Authorization, LinkedUser
from myi_pipelines.warehouse.top_list_history import Shown, TopLists

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 31, 3, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TERMS = ("SHORT_TERM", "MEDIUM_TERM", "LONG_TERM")


def link(conn: Connection, name: str, now: datetime = NOW - 100 * DAY) -> LinkedUser:
    user = spotify_accounts.link_account(conn, name=name, spotify_id=f"{name}-id", account_id=name, display_name=name)
    spotify_accounts.save_authorization(conn, user.user_id, Authorization(b"r", b"a", now, scopes=[]), now)
    return user


def ids(*numbers: int) -> list[str]:
    return [f"{number:022}" for number in numbers]


def lists(*numbers: int) -> TopLists:
    return TopLists(dict.fromkeys(TERMS, ids(*numbers)), dict.fromkeys(TERMS, ids(*numbers)))


@pytest.fixture
def user(conn: Connection) -> LinkedUser:
    for number in range(60):
        conn.execute("INSERT INTO artists (spotify_id, name) VALUES (%s, %s)", [*ids(number), f"Artist {number}"])
        conn.execute("INSERT INTO tracks (spotify_id, name) VALUES (%s, %s)", [*ids(number), f"Song {number}"])
    return link(conn, "ada")


def shown(conn: Connection, user: LinkedUser, term: str = "SHORT_TERM") -> list[tuple[int, str]]:
    return conn.execute(
        "SELECT rank, name FROM spotify_top_tracks JOIN tracks ON tracks.id = track_id"
        " WHERE user_id = %s AND term = %s ORDER BY rank",
        [user.user_id, term],
    ).fetchall()


@pytest.mark.parametrize(
    ("idle", "refreshed", "is_due"),
    [
        (1 * HOUR, 24 * HOUR, True),
        (1 * HOUR, 24 * HOUR - timedelta(minutes=20), True),
        (1 * HOUR, 22 * HOUR, False),
        (47 * HOUR, 24 * HOUR, True),
        (49 * HOUR, 24 * HOUR, False),
        (49 * HOUR, 72 * HOUR, True),
        (6 * DAY, 48 * HOUR, False),
        (6 * DAY, 72 * HOUR, True),
        (8 * DAY, 90 * DAY, False),
    ],
)
@pytest.mark.parametrize("activity", ["page or command", "polled play", "imported play", "login"])
def test_lists_are_due_by_the_activity_of_the_user(
    conn: Connection, user: LinkedUser, activity: str, idle: timedelta, refreshed: timedelta, is_due: bool
) -> None:
    top_list_history.replace_top_lists(conn, user.user_id, lists(1), NOW - refreshed)
    at = NOW - idle
    match activity:
        case "page or command":
            top_list_history.mark_active(conn, user.user_id, at)
            top_list_history.mark_active(conn, user.user_id, at - DAY)
        case "polled play":
            polls.claim(conn, user.user_id, NOW, on_demand=False)
            conn.execute("UPDATE poll_states SET last_played_at = %s", [at])
        case "imported play":
            conn.execute("CREATE TABLE listening_events_all PARTITION OF listening_events DEFAULT")
            conn.execute(
                "INSERT INTO listening_events (user_id, track_id, played_at, ms_played, source, is_estimated, is_skip)"
                " SELECT %s, min(id), %s, 200000, 'IMPORT', false, false FROM tracks",
                [user.user_id, at],
            )
        case "login":
            link(conn, "ada", at)
    assert (top_list_history.due_users(conn, NOW) == [user]) is is_due


def test_lists_that_were_never_requested_are_due_for_idle_users_too(conn: Connection, user: LinkedUser) -> None:
    assert top_list_history.due_users(conn, NOW) == [user]
    spotify_accounts.end_authorization(conn, user.user_id, "revoked", NOW)
    assert top_list_history.due_users(conn, NOW) == []


def test_all_lists_are_replaced_together_and_readers_never_see_a_part(
    conn: Connection, user: LinkedUser, database_url: str
) -> None:
    assert top_list_history.replace_top_lists(conn, user.user_id, lists(*range(50)), NOW) == Shown(150, 150)
    with connect(database_url) as reader, conn.transaction(force_rollback=True):
        top_list_history.replace_top_lists(conn, user.user_id, lists(*range(59, 29, -1)), NOW + DAY)
        assert len(shown(conn, user)) == 30
        assert len(shown(reader, user)) == 50
    assert shown(conn, user)[0] == (1, "Song 0")
    assert conn.execute("SELECT top_stats_refreshed_at FROM users").fetchone() == (NOW,)


def test_a_shorter_list_replaces_a_longer_one(conn: Connection, user: LinkedUser) -> None:
    top_list_history.replace_top_lists(conn, user.user_id, lists(*range(50)), NOW)
    top_list_history.replace_top_lists(conn, user.user_id, lists(7, 3), NOW + HOUR)
    assert shown(conn, user) == [(1, "Song 7"), (2, "Song 3")]
    top_list_history.replace_top_lists(conn, user.user_id, lists(), NOW + DAY)
    assert shown(conn, user) == []


def test_an_old_day_keeps_its_ranks(conn: Connection, user: LinkedUser) -> None:
    for day in range(5):
        top_list_history.replace_top_lists(conn, user.user_id, lists(day, 50), NOW + day * DAY)
    top_list_history.replace_top_lists(conn, user.user_id, lists(9), NOW + HOUR)
    for kind in ("track", "artist"):
        history = conn.execute(
            f"SELECT listed_on::text, spotify_id FROM spotify_top_{kind}_history"
            " WHERE term = 'LONG_TERM' AND rank = 1 ORDER BY 1"
        ).fetchall()
        assert history[:2] == [("2026-03-31", ids(9)[0]), ("2026-04-01", ids(1)[0])]
        assert len(history) == 5


def test_two_ids_of_one_track_have_one_rank(conn: Connection, user: LinkedUser) -> None:
    conn.execute("INSERT INTO track_aliases SELECT %s, id FROM tracks WHERE name = 'Song 5'", ids(70))
    top_list_history.replace_top_lists(conn, user.user_id, lists(1, 70, 5, 2, 1), NOW)
    assert shown(conn, user) == [(1, "Song 1"), (2, "Song 5"), (4, "Song 2")]


def test_entries_are_shown_once_the_catalog_knows_them(conn: Connection, user: LinkedUser) -> None:
    assert top_list_history.replace_top_lists(conn, user.user_id, lists(1, 80), NOW) == Shown(3, 3)
    conn.execute("INSERT INTO tracks (spotify_id, name) VALUES (%s, 'New')", ids(80))
    assert top_list_history.show_top_lists(conn, user.user_id) == Shown(6, 3)
    assert shown(conn, user) == [(1, "Song 1"), (2, "New")]


def test_more_than_fifty_ranks_are_cut_off(conn: Connection, user: LinkedUser) -> None:
    assert top_list_history.replace_top_lists(conn, user.user_id, lists(*range(60)), NOW) == Shown(150, 150)


def test_replacements_at_the_same_time_leave_one_of_them_complete(
    conn: Connection, user: LinkedUser, database_url: str
) -> None:
    def replace(first: int) -> None:
        with connect(database_url) as mine:
            top_list_history.replace_top_lists(mine, user.user_id, lists(*range(first, first + 20)), NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, [0, 10, 20, 30] * 3))
    names = [name for _, name in shown(conn, user)]
    first = int(names[0].removeprefix("Song "))
    assert names == [f"Song {number}" for number in range(first, first + 20)]


def test_only_one_process_refreshes_a_user(conn: Connection, user: LinkedUser, database_url: str) -> None:
    with connect(database_url) as other:
        with (
            top_list_history.refreshing(conn, user.user_id) as mine,
            top_list_history.refreshing(other, user.user_id) as theirs,
        ):
            assert (mine, theirs) == (True, False)
        with top_list_history.refreshing(other, user.user_id) as theirs:
            assert theirs
