"""Polling as the warehouse knows it: who is due, what a page of plays adds, and where plays may be missing. Calls of
the API are made elsewhere; when a listener is due again is ``pacing``'s business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.landing import PolledPlay, land_polled_plays
from myi_pipelines.warehouse.partitions import FIRST_MONTH, ensure_months, month_of, starts_at
from myi_pipelines.warehouse.poll_pacing import (
    COOLDOWN,
    VISIBLE_PLAYS,
    AggregateDemand,
    Listening,
    Quota,
    aggregate_demand,
    next_interval,
    pace,
)
from myi_pipelines.warehouse.spotify_accounts import LinkedUser
from myi_pipelines.warehouse.spotify_payloads import Payload, SpotifyObject, land_objects

FULL_PAGE = VISIBLE_PLAYS - 5
"""Rows from which a page counts as full: now and then Spotify sends some that tell no track."""


class Gap(NamedTuple):
    """A stretch in which plays may be missing."""

    after: datetime
    before: datetime


class Landed(NamedTuple):
    """What one page of plays added."""

    added: int
    gap: Gap | None
    next_poll_at: datetime


class PollState(NamedTuple):
    """How one listener's polls go. Times are None until there was one."""

    user_id: int
    name: str
    last_polled_at: datetime | None
    next_poll_at: datetime | None
    last_success_at: datetime | None
    last_played_at: datetime | None
    consecutive_failures: int
    last_error: str | None
    possible_gaps: int


def due_users(conn: Connection, now: datetime) -> list[LinkedUser]:
    """The listeners to poll now, the longest overdue first. Those whose account needs a login are not among them."""
    rows = conn.execute(statement("polls/due"), {"now": now, "cooldown": COOLDOWN})
    return [LinkedUser(*row) for row in rows]


def poll_states(conn: Connection) -> list[PollState]:
    """How polls go of every listener whose account is valid, by name."""
    with conn.cursor(row_factory=class_row(PollState)) as cursor:
        return cursor.execute(statement("polls/states")).fetchall()


def linked_demand(conn: Connection, now: datetime, quota: Quota) -> AggregateDemand:
    """What all linked listeners would like of the quota."""
    return aggregate_demand(_listening(conn).values(), now, quota)


def claim(conn: Connection, user_id: int, now: datetime, *, on_demand: bool) -> bool:
    """Whether the caller is the one to poll this listener now: of several processes only one is told so.

    On demand means before they are due, though never within the cooldown.
    """
    values = {"user_id": user_id, "now": now, "cooldown": COOLDOWN, "on_demand": on_demand}
    return conn.execute(statement("polls/claim"), values).fetchone() is not None


def land_page(
    conn: Connection,
    user_id: int,
    plays: Sequence[PolledPlay],
    tracks: Mapping[str, Payload],
    *,
    page_size: int,
    now: datetime,
    total_demand: AggregateDemand,
) -> Landed:
    """Land a page of the recently-played list and say when the listener is due again, in one transaction.

    ``total_demand`` shares the quota: what ``linked_demand`` returned before the tick's first poll. ``tracks`` are the
    payloads by track id; those of new plays land as well. ``page_size`` counts all the rows that Spotify sent. A full
    page without any known play is a possible gap, unless it is the listener's first.
    """
    plays = [play for play in plays if play.played_at >= starts_at(FIRST_MONTH)]
    known = _known(conn, user_id, plays)
    new = [play for play in plays if (play.played_at, play.spotify_id) not in known]
    lengths = [play for play in plays if play.duration_ms and not known.get((play.played_at, play.spotify_id), True)]
    if new:  # Before the user's lock is taken: whoever makes partitions may be waiting for it.
        ensure_months(conn, {month_of(play.played_at) for play in new})
    with conn.transaction():
        before = _listening(conn, user_id).get(user_id)
        added, gap = 0, None
        if new and page_size >= FULL_PAGE and len(new) == len(plays):
            gap = _gap(conn, user_id, min(play.played_at for play in new))
        if new or lengths:
            added = land_polled_plays(conn, user_id, [*new, *lengths])
            new_ids = sorted({play.spotify_id for play in new if play.spotify_id in tracks})
            land_objects(conn, [SpotifyObject("track", spotify_id, tracks[spotify_id]) for spotify_id in new_ids])
        if gap is not None:
            conn.execute(
                "INSERT INTO possible_gaps (user_id, after, before, found_at) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [user_id, gap.after, gap.before, now],
            )
        own = _heard(before or Listening(), [play.played_at for play in plays], gap, now)
        next_poll_at = now + next_interval(own, total_demand.without(before) if before else total_demand, now)
        _succeed(conn, user_id, own, next_poll_at)
    return Landed(added, gap, next_poll_at)


def record_failure(conn: Connection, user_id: int, error: str, next_poll_at: datetime) -> None:
    """Say why a listener could not be polled and when to try again."""
    conn.execute(statement("polls/fail"), {"user_id": user_id, "error": error, "next_poll_at": next_poll_at})


def consecutive_failures(conn: Connection, user_id: int) -> int:
    """How many polls of a listener failed since one last worked."""
    row = conn.execute("SELECT consecutive_failures FROM poll_states WHERE user_id = %s", [user_id]).fetchone()
    return int(row[0]) if row else 0


def _known(conn: Connection, user_id: int, plays: Sequence[PolledPlay]) -> dict[tuple[datetime, str], bool]:
    """Whether their length is known, of those plays that are."""
    if not plays:
        return {}
    first, last = min(play.played_at for play in plays), max(play.played_at for play in plays)
    rows = conn.execute(statement("polls/known"), {"user_id": user_id, "first": first, "last": last})
    return {(played_at, spotify_id): has_length for played_at, spotify_id, has_length in rows}


def _gap(conn: Connection, user_id: int, before: datetime) -> Gap | None:
    """The time from the latest play that was known to a page that does not reach back to it."""
    row = conn.execute(
        "SELECT max(played_at) FROM polled_plays WHERE user_id = %s AND played_at < %s", [user_id, before]
    ).fetchone()
    return Gap(row[0], before) if row and row[0] is not None else None


def _listening(conn: Connection, user_id: int | None = None) -> dict[int, Listening]:
    """By user id, what polls told of all linked listeners, or of one of them."""
    rows = conn.execute(statement("polls/listening"), {"user_id": user_id})
    return {linked: Listening(*told) for linked, *told in rows}


def _heard(before: Listening, played_at: Sequence[datetime], gap: Gap | None, now: datetime) -> Listening:
    """What is known of a listener after a page of plays."""
    ends = [*played_at, *([before.last_played_at] if before.last_played_at else [])]
    return Listening(max(ends, default=None), pace(played_at, now), now if gap else before.last_gap_at)


def _succeed(conn: Connection, user_id: int, own: Listening, next_poll_at: datetime) -> None:
    conn.execute(
        statement("polls/succeed"),
        {
            "user_id": user_id,
            "next_poll_at": next_poll_at,
            "last_played_at": own.last_played_at,
            "seconds_per_play": own.seconds_per_play,
        },
    )
