"""Users and their settings."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

from psycopg import sql
from psycopg.rows import class_row

from myi_pipelines.errors import InputError
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, ensure_partitions_visible
from myi_pipelines.zones import zone_names

NO_ZONE = "Factory"
"""In every list of time zones: the name of a clock that nobody has set."""
ABBREVIATIONS = {"CET": "Europe/Brussels", "EET": "Europe/Athens", "MET": "Europe/Brussels", "WET": "Europe/Lisbon"}
"""Names of zones that PostgreSQL takes for abbreviations, which know no summer; a place with the clock of each."""


class InvalidUserName(InputError, ValueError):
    """A user name that cannot be the name of a folder."""


class UnknownUser(InputError, LookupError):
    """A user whom the warehouse does not know."""


class UnknownTimezone(InputError, ValueError):
    """A time zone that PostgreSQL does not know."""


class InvalidPreference(InputError, ValueError):
    """A user cannot set this, or not so."""


class UserNameTaken(InputError):
    """Another user has the name."""


class User(NamedTuple):
    """A user of the warehouse."""

    id: int
    name: str
    """The name as it is kept, whatever spelling of it was asked for."""


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
    """The id of the user of a name: see ``known_or_new_user``."""
    return known_or_new_user(conn, name, timezone).id


def known_or_new_user(conn: Connection, name: str, timezone: str | None = None) -> User:
    """The user of a name. An unknown user is created, in UTC unless a time zone is given.

    Names are the same that differ only in their Unicode form, in white space around them or in letter case. A time zone
    that differs from that of a known user is set (see ``set_timezone``). Raises InvalidUserName or UnknownTimezone.
    """
    kept_name = _valid_name(conn, name)
    if timezone is not None:
        require_timezone(conn, timezone)
    with conn.transaction():
        user = find_user(conn, name)
        if user is None:
            conn.execute("INSERT INTO users (name) VALUES (%s) ON CONFLICT DO NOTHING", [kept_name])
            user = known_user(conn, name)
        conn.execute(
            "INSERT INTO user_settings (user_id, timezone) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [user.id, timezone or "UTC"],
        )
    if timezone is not None:
        set_timezone(conn, user.name, timezone)
    return user


def find_user(conn: Connection, name: str) -> User | None:
    """The user whom a name means, in any spelling; None for an unknown one."""
    row = conn.execute(statement("users/find"), {"name": name}).fetchone() if is_text(name) else None
    return User(*row) if row else None


def known_user(conn: Connection, name: str) -> User:
    """The user whom a name means, in any spelling. Raises UnknownUser, whose message lists the known users."""
    user = find_user(conn, name)
    if user is None:
        known = [known for (known,) in conn.execute("SELECT name FROM users ORDER BY name LIMIT 20")]
        hint = f"known users: {', '.join(known)}" if known else "no history was imported yet"
        raise UnknownUser(f"no user is named {name!r}; {hint}")
    return user


def user_named(conn: Connection, name: str) -> int:
    """The id of a known user, in any spelling of the name. Raises UnknownUser."""
    return known_user(conn, name).id


def rename_user(conn: Connection, name: str, new_name: str) -> User:
    """Give a user another name; return the user. The former name is remembered, for the runs that name the user.

    Raises UnknownUser, InvalidUserName, and UserNameTaken when another user has the new name.
    """
    kept_name = _valid_name(conn, new_name)
    with conn.transaction():
        user = known_user(conn, name)
        acquire(conn, exclusive(Lock.USER, user.id))
        other = find_user(conn, kept_name)
        if other is not None and other.id != user.id:
            raise UserNameTaken(
                f"another user is named {other.name!r}; `myi merge-users {user.name} {other.name}` makes them one"
            )
        renamed = {"user_id": user.id, "old": user.name, "new": kept_name}
        conn.execute(statement("users/rename"), renamed)
        conn.execute(statement("users/settle_shared_names"))
    return User(user.id, kept_name)


def former_names(conn: Connection, user_id: int) -> list[str]:
    """Names that a user, or users who were merged into this one, had before, and that no other user has now."""
    return [name for (name,) in conn.execute(statement("users/former_names"), [user_id])]


def archived_ids(conn: Connection, user_id: int) -> list[int]:
    """The ids under which files of the archive may hold rows of a user: the user's own, and those of users who were
    merged into this one."""
    return [user_id, *fetch_scalar(conn, "SELECT former_ids FROM users WHERE id = %s", [user_id])]


def shared_names(conn: Connection) -> list[tuple[str, str]]:
    """Users from before names were compared in all spellings who share one: each with the older user of the name."""
    return [(name, same_as) for name, same_as in conn.execute(statement("users/shared_names"))]


def set_timezone(conn: Connection, name: str, timezone: str) -> int:
    """Set a user's time zone and invalidate the statistics of all of the user's months; return how many there are.

    Returns 0 when the zone is set already. Raises UnknownUser or UnknownTimezone.
    """
    user_id = known_user(conn, name).id
    require_timezone(conn, timezone)
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


def set_hide_incognito(conn: Connection, name: str, *, hide: bool) -> int:
    """Set whether plays of private sessions count, and invalidate the user's months with such plays; return how many.

    Returns 0 when it is set already. Raises UnknownUser.
    """
    user_id = known_user(conn, name).id
    ensure_partitions_visible(conn, IMPORTED_PLAYS)
    with conn.transaction():
        acquire(conn, shared(Lock.ARCHIVE), exclusive(Lock.USER, user_id))
        changed = conn.execute(
            "UPDATE user_settings SET hide_incognito = %(hide)s"
            " WHERE user_id = %(user_id)s AND hide_incognito <> %(hide)s",
            {"hide": hide, "user_id": user_id},
        )
        if changed.rowcount == 0:
            return 0
        return conn.execute(statement("users/invalidate_incognito"), {"user_id": user_id}).rowcount


def hides_incognito(conn: Connection, user_id: int) -> bool:
    """Whether plays of private sessions do not count."""
    return bool(fetch_scalar(conn, "SELECT hide_incognito FROM user_settings WHERE user_id = %s", [user_id]))


def list_users(conn: Connection) -> list[UserSummary]:
    """Every user, by name."""
    with conn.cursor(row_factory=class_row(UserSummary)) as cursor:
        return cursor.execute(statement("users/list")).fetchall()


def _valid_name(conn: Connection, name: str) -> str:
    """A name as it is kept. Raises InvalidUserName for one that cannot be the name of a folder."""
    kept_name = unicodedata.normalize("NFC", name.strip())
    if not is_text(kept_name) or not fetch_scalar(conn, "SELECT is_user_name(%s)", [kept_name]):
        raise InvalidUserName(
            f"user name {name!r}: use 1 to 64 characters without slashes or control characters, not starting with a dot"
        )
    return kept_name


def is_text(name: str) -> bool:
    """Whether PostgreSQL can hold a name: a folder's, or an argument's, may be other bytes than UTF-8."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


_accepted_timezones: set[str] = set()
"""Names that were looked up before: each look-up makes Postgres read all of its time zone files."""


def require_timezone(conn: Connection, timezone: str) -> None:
    """Raise UnknownTimezone for a name that is no time zone, to PostgreSQL and to Python alike: statistics are of the
    one's days, and questions of the other's."""
    if timezone in _accepted_timezones:
        return
    if place := ABBREVIATIONS.get(timezone):
        raise UnknownTimezone(f"time zone {timezone!r} does not say whose summer time; use that of a place: {place}")
    of_postgres = {name for (name,) in conn.execute("SELECT name FROM pg_timezone_names WHERE name ~ '^[A-Z]'")}
    zones = of_postgres & zone_names() - {NO_ZONE, *ABBREVIATIONS}
    if timezone in zones:
        _accepted_timezones.add(timezone)
        return
    near = difflib.get_close_matches(timezone, sorted(zones), n=3, cutoff=0.5) or ["Europe/Berlin", "America/New_York"]
    raise UnknownTimezone(f"time zone {timezone!r} is not known; use an IANA name such as {', '.join(near)}")


PREFERENCES = frozenset(
    {
        "week_starts_on",
        "session_gap_minutes",
        "is_public_profile",
        "share_listening_time",
        "share_top_tracks",
        "share_top_artists",
        "share_history",
        "allows_comparison",
    }
)
"""Columns of ``user_settings`` that change no statistic."""
LONGEST_GAP = 1_440
"""Minutes."""
POSSIBLE = {
    "week_starts_on": (range(7), "weeks begin on one of seven days"),
    "session_gap_minutes": (
        range(1, LONGEST_GAP + 1),
        f"a session ends after 1 to {LONGEST_GAP:,} minutes without a play",
    ),
}
"""Of preferences that are numbers, which are possible, in words."""


def set_preferences(conn: Connection, user_id: int, values: Mapping[str, int | bool]) -> None:
    """Set some of ``PREFERENCES`` of a user. Raises InvalidPreference for another column, or an impossible number."""
    if not values or not values.keys() <= PREFERENCES:
        raise InvalidPreference(f"expected some of {', '.join(sorted(PREFERENCES))}")
    for name, (possible, words) in POSSIBLE.items():
        if name in values and values[name] not in possible:
            raise InvalidPreference(words)
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in sorted(values)
    )
    query = sql.SQL("UPDATE user_settings SET {} WHERE user_id = {}").format(assignments, sql.Placeholder("user_id"))
    conn.execute(query, {**values, "user_id": user_id})
