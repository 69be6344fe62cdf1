"""Links that sign in once, made at the terminal: ``myi open``. ``user_id`` None means the operator."""

from __future__ import annotations

from datetime import timedelta

from myi_pipelines.errors import InputError
from myi_pipelines.serving.access.secrets import hash_of, new_secret
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

PATH = "/sign-in/link/"
VALID_FOR = timedelta(minutes=10)


class LinkNotValid(InputError):
    """A link was used before, has expired, or never was."""


def make_link(conn: Connection, user_id: int | None, valid_for: timedelta = VALID_FOR) -> str:
    """Make a link, and return its path. ``conn`` is the owner's or the keeper's."""
    secret = new_secret()
    conn.execute(
        "INSERT INTO sign_in_links (user_id, secret_hash, expires_at) VALUES (%s, %s, now() + %s)",
        [user_id, hash_of(secret), valid_for],
    )
    return PATH + secret


def use_link(conn: Connection, secret: str) -> int | None:
    """Use a link up, and return whom it signs in. Of two at once, one succeeds. Raises LinkNotValid."""
    row = conn.execute(statement("access/use_link"), {"secret_hash": hash_of(secret)}).fetchone()
    if row is None:
        raise LinkNotValid("this link was used before or is too old; `myi open` makes another")
    user_id: int | None = row[0]
    return user_id
