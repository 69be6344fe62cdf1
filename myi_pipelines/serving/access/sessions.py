"""Who is signed in, in which browsers: sessions in the database, of which a browser's cookie holds the secret.

Every function takes the keeper's connection. ``user_id`` None means the operator.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.serving.access.secrets import hash_of, new_secret
from myi_pipelines.serving.access.viewers import Kind, Viewer
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

LASTS = timedelta(days=365)
IDLE = timedelta(days=60)
"""A session that is not used for so long ends."""
ROUNDING = timedelta(minutes=5)
"""How exactly the last use is known: a page costs no write."""


class Method(StrEnum):
    """By what somebody signed in."""

    LINK = "LINK"
    PASSWORD = "PASSWORD"
    SPOTIFY = "SPOTIFY"


class Session(NamedTuple):
    """A session, as its owner sees it."""

    id: int
    method: str
    device: str
    """Browser and system, such as "Firefox on Linux"."""
    created_at: datetime
    last_used_at: datetime
    ends_at: datetime


def begin_session(conn: Connection, user_id: int | None, method: Method, device: str) -> str:
    """Begin a session, and return its secret, for the cookie. Sessions and links that have ended are removed."""
    conn.execute(statement("access/remove_ended"), {"idle": IDLE})
    secret = new_secret()
    begun = {"user_id": user_id, "secret_hash": hash_of(secret), "method": method, "device": device[:100]}
    fetch_scalar(conn, statement("access/begin_session"), {**begun, "lasts": LASTS})
    return secret


def viewer_of_session(conn: Connection, secret: str) -> Viewer | None:
    """Who has the cookie with this secret; None when the session has ended or never was."""
    asked = {"secret_hash": hash_of(secret), "idle": IDLE, "rounding": ROUNDING}
    row = conn.execute(statement("access/session"), asked, prepare=True).fetchone()
    if row is None:
        return None
    session_id, user_id, is_old = row
    if is_old:
        conn.execute("UPDATE web_sessions SET last_used_at = now() WHERE id = %s", [session_id])
    return Viewer(Kind.OPERATOR if user_id is None else Kind.LISTENER, user_id, session_id=session_id)


def sessions_of(conn: Connection, user_id: int | None) -> list[Session]:
    """The sessions of somebody, the one used last first."""
    with conn.cursor(row_factory=class_row(Session)) as cursor:
        return cursor.execute(statement("access/sessions"), {"user_id": user_id, "idle": IDLE}).fetchall()


def end_session(conn: Connection, user_id: int | None, session_id: int) -> bool:
    """End a session of somebody; False where there is none of that number."""
    return conn.execute(statement("access/end_session"), {"user_id": user_id, "id": session_id}).rowcount > 0


def end_other_sessions(conn: Connection, user_id: int | None, kept: int | None = None) -> int:
    """End all sessions of somebody but one; return how many."""
    return conn.execute(statement("access/end_other_sessions"), {"user_id": user_id, "kept": kept}).rowcount


def device_of(user_agent: str) -> str:
    """Browser and system in a few words, without versions, of what a browser says of itself."""
    browsers = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "FxiOS/": "Firefox", "Chrome/": "Chrome"}
    browsers |= {"CriOS/": "Chrome", "Safari/": "Safari"}
    systems = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS X": "macOS"}
    systems |= {"CrOS": "ChromeOS", "Linux": "Linux"}
    browser = next((name for sign, name in browsers.items() if sign in user_agent), "A browser")
    system = next((name for sign, name in systems.items() if sign in user_agent), "")
    return f"{browser} on {system}" if system else browser
