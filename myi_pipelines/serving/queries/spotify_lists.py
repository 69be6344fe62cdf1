"""Spotify's own top lists, and how they changed."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from myi_pipelines.serving.queries.scope import Days, Listener
from myi_pipelines.serving.queries.tops import Item, Kind, items
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement


class Term(StrEnum):
    """Period of Spotify's lists: about 4 weeks, 6 months or one year."""

    SHORT = "SHORT_TERM"
    MEDIUM = "MEDIUM_TERM"
    LONG = "LONG_TERM"


class Listed(NamedTuple):
    """One rank of Spotify's latest list."""

    rank: int
    item: Item
    fetched_at: datetime
    rank_before: int | None
    """In the latest list of before the day that was asked for; None if it was not in it, or there is none."""


class ListedDay(NamedTuple):
    """One rank of Spotify's list of a day."""

    day: date
    rank: int
    item: Item | None
    """None if the warehouse does not know it any more."""


def spotify_list(conn: Connection, listener: Listener, kind: Kind, term: Term, *, before: date) -> list[Listed]:
    """Spotify's latest top recordings (``Kind.TRACK``) or artists of a term; empty without a linked account."""
    asked = {"user_id": listener.id, "term": term.value, "before": before}
    rows = conn.execute(statement(f"queries/spotify_{kind.value}s"), asked).fetchall()
    named = items(conn, listener, kind, [row[1] for row in rows])
    return [Listed(rank, named[item_id], fetched_at, earlier) for rank, item_id, fetched_at, earlier in rows]


def spotify_list_days(
    conn: Connection, listener: Listener, kind: Kind, term: Term, days: Days, *, each: int = 10
) -> list[ListedDay]:
    """The first ranks of Spotify's lists of some UTC days."""
    asked = {
        "user_id": listener.id,
        "term": term.value,
        "first_day": days.first,
        "last_day": days.last,
        "each": each,
    }
    rows = conn.execute(statement(f"queries/spotify_{kind.value}_days"), asked).fetchall()
    named = items(conn, listener, kind, list({row[2] for row in rows if row[2] is not None}))
    return [ListedDay(day, rank, named.get(item_id)) for day, rank, item_id in rows]
