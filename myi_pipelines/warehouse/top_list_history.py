"""Spotify's own top lists as the warehouse keeps them: whose are due, the lists of every day, and the latest of them by
catalog key. Asking Spotify is done elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, trying
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.spotify_accounts import LinkedUser

RANKS = 50


class TopLists(NamedTuple):
    """Spotify ids by rank, the first one's first, for each term (``SHORT_TERM``, …)."""

    tracks: Mapping[str, Sequence[str]]
    artists: Mapping[str, Sequence[str]]


class Shown(NamedTuple):
    """Rows of the latest lists."""

    tracks: int
    artists: int


def due_users(conn: Connection, now: datetime) -> list[LinkedUser]:
    """The listeners whose lists are to be asked for, the longest overdue first.

    Every 24 hours for those who were active in the last 48, every 72 for those who were in the last 7 days, once for
    those who have no lists yet. Active means: played something, logged in, or see ``mark_active``.
    """
    return [LinkedUser(*row) for row in conn.execute(statement("top_list_history/due"), {"now": now})]


def mark_active(conn: Connection, user_id: int, now: datetime) -> None:
    """A listener opened a page or ran a command."""
    conn.execute("UPDATE users SET last_active_at = greatest(last_active_at, %s) WHERE id = %s", [now, user_id])


@contextmanager
def refreshing(conn: Connection, user_id: int) -> Iterator[bool]:
    """Whether the caller is the one to refresh a listener's lists in this block; another process may be at it already.

    No transaction stays open meanwhile, and the lock goes with the process.
    """
    with trying(conn, exclusive(Lock.TOP_LISTS, user_id)) as is_mine:
        yield is_mine


def replace_top_lists(conn: Connection, user_id: int, lists: TopLists, now: datetime) -> Shown:
    """Swap all of a listener's lists in one transaction and keep them as those of this day.

    What the catalog does not know is kept too, but not shown before ``show_top_lists`` finds it there.
    """
    day = now.astimezone(UTC).date()
    with conn.transaction():
        acquire(conn, exclusive(Lock.CATALOG))
        conn.execute(statement("top_list_history/keep_tracks"), _columns(user_id, day, lists.tracks))
        conn.execute(statement("top_list_history/keep_artists"), _columns(user_id, day, lists.artists))
        conn.execute("UPDATE users SET top_stats_refreshed_at = %s WHERE id = %s", [now, user_id])
        return show_top_lists(conn, user_id)


def listed_users(conn: Connection) -> list[int]:
    """The listeners of whom any list was kept."""
    rows = conn.execute("SELECT DISTINCT user_id FROM spotify_top_track_history ORDER BY user_id")
    return [user_id for (user_id,) in rows]


def show_top_lists(conn: Connection, user_id: int) -> Shown:
    """Derive a listener's latest lists from the kept ones and the catalog, in one transaction."""
    with conn.transaction():
        acquire(conn, exclusive(Lock.CATALOG))
        conn.execute("DELETE FROM spotify_top_tracks WHERE user_id = %s", [user_id])
        conn.execute("DELETE FROM spotify_top_artists WHERE user_id = %s", [user_id])
        return Shown(
            tracks=conn.execute(statement("top_list_history/show_tracks"), {"user_id": user_id}).rowcount,
            artists=conn.execute(statement("top_list_history/show_artists"), {"user_id": user_id}).rowcount,
        )


def _columns(user_id: int, day: date, lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    rows = [
        (term, rank, spotify_id) for term, ids in lists.items() for rank, spotify_id in enumerate(ids[:RANKS], start=1)
    ]
    return {
        "user_id": user_id,
        "listed_on": day,
        "term": [term for term, _, _ in rows],
        "rank": [rank for _, rank, _ in rows],
        "spotify_id": [spotify_id for _, _, spotify_id in rows],
    }
