"""The warehouse's side of polling: which users are due, what a page of plays adds, and where plays may be missing.
``ingest.spotify.polling`` calls the API, and ``poll_pacing`` decides when a user is due again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.landing import PolledPlay, land_polled_plays
from myi_pipelines.warehouse.partitions import FIRST_MONTH, ensure_months, month_of, starts_at
from myi_pipelines.warehouse.poll_pacing import (
    COOLDOWN,
    AggregateDemand,
    Listening,
    Quota,
    aggregate_demand,
    fastest_seconds_per_play,
    next_interval,
)
from myi_pipelines.warehouse.shown_plays import TOLERANCE
from myi_pipelines.warehouse.spotify_accounts import LinkedUser
from myi_pipelines.warehouse.spotify_payloads import Payload, SpotifyObject, land_objects


class Gap(NamedTuple):
    """A period in which plays may be missing."""

    after: datetime
    before: datetime


class RecentPage(NamedTuple):
    """A page of a user's recently played tracks."""

    plays: Sequence[PolledPlay]
    tracks: Mapping[str, Payload]
    """The payloads by track id."""


class Landed(NamedTuple):
    """What one page of plays added."""

    added: int
    gap: Gap | None
    next_poll_at: datetime


class PollState(NamedTuple):
    """The state of one user's polls. A time is None until the event has happened once."""

    user_id: int
    name: str
    last_polled_at: datetime | None
    next_poll_at: datetime | None
    last_success_at: datetime | None
    last_played_at: datetime | None
    consecutive_failures: int
    last_error: str | None
    is_refused: bool
    """Whether the last poll failed for a reason that waiting does not mend: only the user or the app's owner can."""
    possible_gaps: int


def due_users(conn: Connection, now: datetime) -> list[LinkedUser]:
    """The users to poll now, the longest overdue first, without those whose account needs a login."""
    rows = conn.execute(statement("polls/due"), {"now": now, "cooldown": COOLDOWN})
    return [LinkedUser(*row) for row in rows]


def poll_states(conn: Connection) -> list[PollState]:
    """The state of polls of every user whose account is valid, sorted by name."""
    with conn.cursor(row_factory=class_row(PollState)) as cursor:
        return cursor.execute(statement("polls/states")).fetchall()


def linked_demand(conn: Connection, now: datetime, quota: Quota) -> AggregateDemand:
    """The demand of all linked users for polls."""
    return aggregate_demand(_listening(conn).values(), now, quota)


def claim(conn: Connection, user_id: int, now: datetime, *, on_demand: bool) -> bool:
    """Whether the caller may poll this user now. Of several processes only one may.

    ``on_demand`` permits a poll before the user is due, but never within the cooldown.
    """
    values = {"user_id": user_id, "now": now, "cooldown": COOLDOWN, "on_demand": on_demand}
    return conn.execute(statement("polls/claim"), values).fetchone() is not None


def land_page(
    conn: Connection, user_id: int, page: RecentPage, *, now: datetime, total_demand: AggregateDemand
) -> Landed:
    """Land a page of the recently-played list and schedule the user's next poll, in one transaction.

    The payloads of new tracks land too. Plays before October 2008 or after tomorrow are left out. ``total_demand``
    shares the quota: it is what ``linked_demand`` returned before the first poll of the tick. If the oldest play of the
    page is not known and an older one is, plays between them may have left the list: a possible gap, however long the
    page is, because a device that was offline uploads its plays late, and the newest of them push out the others.
    """
    plays = [play for play in page.plays if starts_at(FIRST_MONTH) <= play.played_at < _plays_end(now)]
    known = _known(conn, user_id, plays)
    new = [play for play in plays if (play.played_at, play.spotify_id) not in known]
    completed = [play for play in plays if _completes(play, known.get((play.played_at, play.spotify_id)))]
    if new:  # Before the user's lock is taken, because a session that creates partitions may wait for that lock.
        ensure_months(conn, {month_of(play.played_at) for play in new})
    with conn.transaction():
        before = _listening(conn, user_id).get(user_id)
        added, gap = 0, None
        if new:
            gap = _gap_before(conn, user_id, min(play.played_at for play in plays))
        if new or completed:
            added = land_polled_plays(conn, user_id, [*new, *completed])
            new_ids = sorted({play.spotify_id for play in new if play.spotify_id in page.tracks})
            land_objects(conn, [SpotifyObject("track", spotify_id, page.tracks[spotify_id]) for spotify_id in new_ids])
        if gap is not None:
            conn.execute(
                "INSERT INTO possible_gaps (user_id, after, before, found_at) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [user_id, gap.after, gap.before, now],
            )
        own = _updated(before or Listening(), [play.played_at for play in plays], gap, now)
        next_poll_at = now + next_interval(own, total_demand.without(before) if before else total_demand, now)
        _record_success(conn, user_id, own, next_poll_at)
    return Landed(added, gap, next_poll_at)


def record_failure(
    conn: Connection, user_id: int, error: str, next_poll_at: datetime, *, is_refused: bool = False
) -> None:
    """Record why a user could not be polled, whether waiting does not mend that, and when to try again."""
    values = {"user_id": user_id, "error": error, "next_poll_at": next_poll_at, "is_refused": is_refused}
    conn.execute(statement("polls/fail"), values)


def consecutive_failures(conn: Connection, user_id: int) -> int:
    """How many polls of a user failed since the last success."""
    row = conn.execute("SELECT consecutive_failures FROM poll_states WHERE user_id = %s", [user_id]).fetchone()
    return int(row[0]) if row else 0


def _plays_end(now: datetime) -> datetime:
    """The first instant that is too late for any play, as for an import's: the end of tomorrow, UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)


class _Known(NamedTuple):
    """What is known of a play."""

    has_length: bool
    has_context: bool


def _completes(play: PolledPlay, known: _Known | None) -> bool:
    """Whether a row of the page tells what was not known of a known play."""
    if known is None:
        return False
    return bool(play.duration_ms and not known.has_length) or bool(play.context_uri and not known.has_context)


def _known(conn: Connection, user_id: int, plays: Sequence[PolledPlay]) -> dict[tuple[datetime, str], _Known]:
    """What is known of those of the plays that are known."""
    if not plays:
        return {}
    first, last = min(play.played_at for play in plays), max(play.played_at for play in plays)
    rows = conn.execute(statement("polls/known"), {"user_id": user_id, "first": first, "last": last})
    return {(played_at, spotify_id): _Known(*known) for played_at, spotify_id, *known in rows}


def _gap_before(conn: Connection, user_id: int, oldest: datetime) -> Gap | None:
    """The period between the latest known play and the oldest play of a page, if that one is not known."""
    values = {"user_id": user_id, "oldest": oldest, "tolerance": TOLERANCE}
    row = conn.execute(statement("polls/gap_before"), values).fetchone()
    return Gap(row[0], oldest) if row else None


def _listening(conn: Connection, user_id: int | None = None) -> dict[int, Listening]:
    """The recent listening of all linked users, or of one, by user id."""
    rows = conn.execute(statement("polls/listening"), {"user_id": user_id})
    return {linked_id: Listening(*values) for linked_id, *values in rows}


def _updated(before: Listening, played_at: Sequence[datetime], gap: Gap | None, now: datetime) -> Listening:
    """A user's recent listening after a page of plays."""
    ends = [*played_at, *([before.last_played_at] if before.last_played_at else [])]
    seconds_per_play = fastest_seconds_per_play(played_at, now)
    return Listening(max(ends, default=None), seconds_per_play, now if gap else before.last_gap_at)


def _record_success(conn: Connection, user_id: int, own: Listening, next_poll_at: datetime) -> None:
    conn.execute(
        statement("polls/succeed"),
        {
            "user_id": user_id,
            "next_poll_at": next_poll_at,
            "last_played_at": own.last_played_at,
            "seconds_per_play": own.seconds_per_play,
        },
    )
