"""Links that sign in once, made at the terminal: ``myi open``. ``user_id`` None means the operator.

To look at a link does nothing: programs do that which show a preview of what is in a message. Its page has a button.
"""

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


def whom_link_signs_in(conn: Connection, secret: str) -> int | None:
    """Whom a link would sign in. Does not use it up. Raises LinkNotValid."""
    row = conn.execute(
        "SELECT user_id FROM sign_in_links WHERE secret_hash = %s AND used_at IS NULL AND expires_at > now()",
        [hash_of(secret)],
    ).fetchone()
    return _user_in(row)


def use_link(conn: Connection, secret: str) -> int | None:
    """Use a link up, and return whom it signs in. Of two at once, one succeeds. Raises LinkNotValid."""
    return _user_in(conn.execute(statement("access/use_link"), {"secret_hash": hash_of(secret)}).fetchone())


def _user_in(row: tuple[int | None] | None) -> int | None:
    if row is None:
        raise LinkNotValid("this link was used before or is too old; `myi open` makes another")
    return row[0]
