"""The login that may read the warehouse and nothing else: for people's own SQL, dashboards and BI tools.

It may SELECT the tables and views that ``schema.json`` describes, but for those with secrets. PostgreSQL holds it to
that, whatever a statement says: a transaction that is read-only does not.
"""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg import sql

from myi_pipelines.errors import ConfigurationError
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.schema.tables import tables

SECRET_TABLES = frozenset({"spotify_auth"})
"""Tables that the reader may not read: they hold tokens, encrypted ones."""
SESSION_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "10min",
    "idle_in_transaction_session_timeout": "10min",
}
"""What a session of the reader begins with, and may change."""
SUFFIX = "_reader"
LONGEST_NAME = 63


class ReaderNotUsable(ConfigurationError):
    """There is no login that reads the warehouse, or it can do more than that."""


def reader_of(owner: str) -> str:
    """The name of the login that reads the warehouse of an owner."""
    return owner[: LONGEST_NAME - len(SUFFIX)] + SUFFIX


def prepare_reader(conn: Connection, role: str, password: str = "") -> None:
    """Make the reader where there is none, and let it read what it may not read yet. ``conn`` is the owner's.

    Safe at any time, from several processes at once. Raises ReaderNotUsable when the owner may not make roles or grant
    its tables, or when a role of that name can do more than read.
    """
    found = conn.execute(statement("schema/role"), {"role": role}).fetchone()
    if found and found[0]:
        raise ReaderNotUsable(
            f"the role {role} can do more than read: name one that cannot in MYI_READER_DATABASE_URL, "
            "as docs/operations/security.md says"
        )
    if not found:
        _make_role(conn, role, password)
    grant_reading(conn, role)


def set_password(conn: Connection, role: str, password: str) -> None:
    """Give the reader a password. The server is sent its hash only, so that no log can hold it."""
    hashed = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    conn.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed.decode())))


def grant_reading(conn: Connection, role: str) -> None:
    """Let a role, which exists, read what it may not read yet. Raises ReaderNotUsable."""
    readable = sorted(set(tables()) - SECRET_TABLES)
    missing = [name for (name,) in conn.execute(statement("schema/ungranted"), {"role": role, "tables": readable})]
    if not missing:
        return
    to, schema = sql.Identifier(role), sql.SQL("{}").format(sql.Identifier(_schema(conn)))
    try:
        with conn.transaction():
            conn.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, to))
            named = sql.SQL(", ").join(map(sql.Identifier, missing))
            conn.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(named, to))
    except psycopg.errors.InsufficientPrivilege as error:
        raise ReaderNotUsable(f"{role} cannot be let read the warehouse: {error.diag.message_primary}") from None


def grant_reading_again(conn: Connection) -> None:
    """After a change of the schema: let the owner's reader, where there is one, read what is new."""
    role = reader_of(conn.info.user)
    if conn.execute(statement("schema/role"), {"role": role}).fetchone() == (False,):
        grant_reading(conn, role)


def _make_role(conn: Connection, role: str, password: str) -> None:
    name = sql.Identifier(role)
    try:
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation), conn.transaction():
            conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
            for setting, value in SESSION_SETTINGS.items():
                conn.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
                )
            if password:
                set_password(conn, role, password)
    except psycopg.errors.InsufficientPrivilege:
        raise ReaderNotUsable(
            f"{conn.info.user} may not make the role that reads the warehouse: let an administrator run "
            f"CREATE ROLE {role} LOGIN PASSWORD '…', and name it in MYI_READER_DATABASE_URL"
        ) from None


def _schema(conn: Connection) -> str:
    row = conn.execute("SELECT current_schema()").fetchone()
    assert row is not None
    return str(row[0])
