"""Users and their settings."""

from __future__ import annotations

import difflib
import re
from datetime import date, datetime
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.errors import InputError
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive
from myi_pipelines.warehouse.database.statements import statement

_NAME = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,63}")


class InvalidUserName(InputError, ValueError):
    """A user name that cannot be the name of a folder."""


class UnknownUser(InputError, LookupError):
    """A user whom the warehouse does not know."""


class UnknownTimezone(InputError, ValueError):
    """A time zone that PostgreSQL does not know."""


class UserSummary(NamedTuple):
    """One user as ``myi users`` shows it."""

    id: int
    name: str
    timezone: str
    total_play_count: int
    total_listening_ms: int
    first_played_on: date | None
    """First local day with a play."""
    last_played_at: datetime | None
    last_ingested_at: datetime | None
    invalidated_user_months: int


def ensure_user(conn: Connection, name: str, timezone: str | None = None) -> int:
    """The id of a user. An unknown user is created, in UTC unless a time zone is given.

    A time zone that differs from that of a known user is set (see ``set_timezone``).
    Raises InvalidUserName or UnknownTimezone.
    """
    if not _NAME.fullmatch(name):
        raise InvalidUserName(
            f"user name {name!r}: use 1 to 64 characters without slashes or control characters, not starting with a dot"
        )
    if timezone is not None:
        _require_timezone(conn, timezone)
    with conn.transaction():
        conn.execute("INSERT INTO users (name) VALUES (%s) ON CONFLICT DO NOTHING", [name])
        user_id = user_named(conn, name)
        conn.execute(
            "INSERT INTO user_settings (user_id, timezone) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [user_id, timezone or "UTC"],
        )
    if timezone is not None:
        set_timezone(conn, name, timezone)
    return user_id


def user_named(conn: Connection, name: str) -> int:
    """The id of a known user. Raises UnknownUser, whose message lists the known users."""
    row = conn.execute("SELECT id FROM users WHERE name = %s", [name]).fetchone()
    if row is None:
        known = [known for (known,) in conn.execute("SELECT name FROM users ORDER BY name LIMIT 20")]
        hint = f"known users: {', '.join(known)}" if known else "no history was imported yet"
        raise UnknownUser(f"no user is named {name!r}; {hint}")
    return int(row[0])


def set_timezone(conn: Connection, name: str, timezone: str) -> int:
    """Set a user's time zone and invalidate the statistics of all of the user's months; return how many there are.

    Returns 0 when the zone is set already. Raises UnknownUser or UnknownTimezone.
    """
    user_id = user_named(conn, name)
    _require_timezone(conn, timezone)
    with conn.transaction():
        acquire(conn, exclusive(Lock.USER, user_id))
        changed = conn.execute(
            "UPDATE user_settings SET timezone = %(zone)s WHERE user_id = %(user_id)s AND timezone <> %(zone)s",
            {"zone": timezone, "user_id": user_id},
        )
        if changed.rowcount == 0:
            return 0
        return conn.execute(statement("users/invalidate_all"), [user_id]).rowcount


def first_import_in_utc(conn: Connection, user_id: int) -> bool:
    """Whether a user who has imported nothing so far has the time zone in which everybody starts."""
    return bool(fetch_scalar(conn, statement("users/first_import_in_utc"), [user_id]))


def list_users(conn: Connection) -> list[UserSummary]:
    """Every user, by name."""
    with conn.cursor(row_factory=class_row(UserSummary)) as cursor:
        return cursor.execute(statement("users/list")).fetchall()


_accepted_timezones: set[str] = set()
"""Names that were looked up before: each look-up makes Postgres read all of its time zone files."""


def _require_timezone(conn: Connection, timezone: str) -> None:
    if timezone in _accepted_timezones:
        return
    zones = [name for (name,) in conn.execute("SELECT name FROM pg_timezone_names WHERE name ~ '^[A-Z]' ORDER BY name")]
    if timezone in zones:
        _accepted_timezones.add(timezone)
        return
    near = difflib.get_close_matches(timezone, zones, n=3, cutoff=0.5) or ["Europe/Berlin", "America/New_York"]
    raise UnknownTimezone(f"time zone {timezone!r} is not known; use an IANA name such as {', '.join(near)}")
