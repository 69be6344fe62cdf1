"""Tokens of programs: made and revoked by their owners, shown once, kept as hashes.

Every function takes the keeper's connection. ``user_id`` None means the operator, whose tokens open no listener's data.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from myi_pipelines.errors import InputError
from myi_pipelines.serving.access.secrets import hash_of, new_secret
from myi_pipelines.serving.access.viewers import Kind, Right, Viewer, rights_of
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement

PREFIX = "myi_"
"""Programs that look for secrets in published files find ours by it."""
ROUNDING = timedelta(minutes=5)
"""How exactly the last use is known."""
MOST = 100
"""Tokens of one listener."""
LASTS_AT_MOST = timedelta(days=36_525)
"""How far away the end of a token may be. Instants that Python cannot hold are further away than that."""


class TokenRefused(InputError):
    """A token cannot be made as asked for."""


class Token(NamedTuple):
    """A token, as its owner sees it."""

    id: int
    name: str
    """What it is for."""
    rights: list[str]
    """See ``viewers.Right``."""
    created_at: datetime
    last_used_at: datetime | None
    """To some minutes; None: never."""
    expires_at: datetime | None
    """None: it can be used until it is revoked."""


class NewToken(NamedTuple):
    """A token just made. Its text is known now and never again."""

    token: Token
    text: str


def make_token(
    conn: Connection,
    user_id: int | None,
    name: str,
    rights: Collection[str],
    expires_at: datetime | None = None,
) -> NewToken:
    """Make a token. Raises NoSuchRight and TokenRefused."""
    allowed = rights_of(list(rights), operator=user_id is None)
    if Right.READ_EMBED in allowed and len(allowed) > 1:
        raise TokenRefused("a token for embedding, which may stand in addresses, allows nothing else: make two")
    if not (name := " ".join(name.split())) or len(name) > 100 or not name.isprintable():
        raise TokenRefused("say in 1 to 100 characters what the token is for")
    now = datetime.now(UTC)
    if expires_at is not None and not now < expires_at < now + LASTS_AT_MOST:
        raise TokenRefused("a token ends in the future, and within 100 years")
    if len(tokens_of(conn, user_id)) >= MOST:
        raise TokenRefused(f"there are {MOST} tokens already: revoke one that is not used any more")
    text = new_secret(PREFIX)
    made = {"user_id": user_id, "name": name, "secret_hash": hash_of(text), "expires_at": expires_at}
    with conn.cursor(row_factory=class_row(Token)) as cursor:
        token = cursor.execute(statement("access/add_token"), {**made, "rights": sorted(allowed)}).fetchone()
    assert token is not None
    return NewToken(token, text)


def viewer_of_token(conn: Connection, text: str) -> Viewer | None:
    """Whom a token makes of its holder; None when it is revoked, expired or none."""
    asked = {"secret_hash": hash_of(text), "rounding": ROUNDING}
    row = conn.execute(statement("access/token"), asked, prepare=True).fetchone()
    if row is None:
        return None
    token_id, user_id, name, rights, is_old = row
    if is_old:
        conn.execute("UPDATE api_tokens SET last_used_at = now() WHERE id = %s", [token_id])
    known = frozenset(right for right in Right if right.value in rights)
    return Viewer(Kind.TOKEN, user_id, known, token_id=token_id, token_name=name)


def tokens_of(conn: Connection, user_id: int | None) -> list[Token]:
    """The tokens of somebody, the newest first."""
    with conn.cursor(row_factory=class_row(Token)) as cursor:
        return cursor.execute(statement("access/tokens"), {"user_id": user_id}).fetchall()


def revoke_token(conn: Connection, user_id: int | None, token_id: int) -> bool:
    """Revoke a token of somebody; False where there is none of that number."""
    revoked = conn.execute(
        "DELETE FROM api_tokens WHERE id = %s AND user_id IS NOT DISTINCT FROM %s", [token_id, user_id]
    )
    return revoked.rowcount > 0
