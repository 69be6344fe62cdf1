"""The users of the warehouse as pages need them: who they are, what they set, how fresh their numbers are."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.serving.queries.scope import Listener
from myi_pipelines.warehouse.database.connections import Connection, fetch_row
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.users import UnknownUser, is_text
from myi_pipelines.zones import zone

EACH = 100
"""Listeners of one page."""


class ListedListener(NamedTuple):
    """A user in the list of all, with totals of all time."""

    id: int
    name: str
    display_name: str | None
    play_count: int
    total_ms: int
    last_day: date | None
    """Local day of the latest play of anything; None without plays."""
    allows_comparison: bool


class ListenerSettings(NamedTuple):
    """What a user set. Nothing is shown to others unless ``is_public_profile``, and then only what a flag allows."""

    timezone: str
    """IANA name."""
    week_starts_on: int
    """0 is Monday, 6 Sunday."""
    session_gap_minutes: int
    is_public_profile: bool
    share_listening_time: bool
    """Totals."""
    share_top_tracks: bool
    """Lists of songs, recordings and albums."""
    share_top_artists: bool
    """Lists of artists and genres."""
    share_history: bool
    """Single plays and when they were."""
    allows_comparison: bool
    """With another user of this warehouse who allows it too."""
    hide_incognito: bool
    """Plays of private sessions do not count."""

    @property
    def session_gap(self) -> timedelta:
        """The silence after which another session begins."""
        return timedelta(minutes=self.session_gap_minutes)


class Freshness(NamedTuple):
    """Until when plays are counted, and how many months are not yet."""

    asked_at: datetime
    landed_at: datetime | None
    """When plays last landed, by an import or a poll; None before the first."""
    polled_at: datetime | None
    """When Spotify last answered a poll; None without a linked account."""
    user_months: int
    """UTC months whose numbers are being derived; 0: everything that landed is counted."""
    without_events: int
    """Those of them whose plays are not all in the history yet."""
    first_month: date | None
    last_month: date | None
    since: datetime | None
    """Since when the oldest of them waits."""

    @property
    def as_of(self) -> datetime | None:
        """Until when what happened is in the numbers."""
        known = [at for at in (self.landed_at, self.polled_at) if at is not None]
        return self.since or max(known, default=None)


def find_listener(conn: Connection, name: str) -> Listener:
    """The user whom a name means, in any spelling. Raises UnknownUser, whose text names nobody else."""
    found = _listener(conn, None, name) if is_text(name) else None
    if found is None:
        raise UnknownUser(f"no user is named {name[:80]!r}")
    return found


def load_listener(conn: Connection, user_id: int) -> Listener:
    """A user by id. Raises UnknownUser."""
    found = _listener(conn, user_id, None)
    if found is None:
        raise UnknownUser(f"no user has the id {user_id}")
    return found


def _listener(conn: Connection, user_id: int | None, name: str | None) -> Listener | None:
    asked = {"user_id": user_id, "name": name}
    row = conn.execute(statement("queries/listener"), asked, prepare=True).fetchone()
    if row is None:
        return None
    found_id, found_name, display_name, timezone, starts_on, first, last, version, deriving, *others = row
    return Listener(
        found_id, found_name, display_name, zone(timezone), starts_on, first, last, version, tuple(deriving), *others
    )


def listeners(conn: Connection, *, after: str = "", each: int = EACH) -> list[ListedListener]:
    """The users by name, those after a name."""
    with conn.cursor(row_factory=class_row(ListedListener)) as cursor:
        return cursor.execute(statement("queries/listeners"), {"after": after, "each": each}).fetchall()


def listener_settings(conn: Connection, listener: Listener) -> ListenerSettings:
    """What a user set."""
    return ListenerSettings(*fetch_row(conn, statement("queries/settings"), {"user_id": listener.id}))


def freshness(conn: Connection, listener: Listener) -> Freshness:
    """Until when the plays of a user are counted, and what is being derived."""
    return Freshness(*fetch_row(conn, statement("queries/freshness"), {"user_id": listener.id}))
