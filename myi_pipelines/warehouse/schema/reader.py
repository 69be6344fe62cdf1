"""The login that may read the warehouse and nothing else: for people's own SQL, dashboards and BI tools.

It may SELECT the tables and views that ``schema.json`` describes, but for those with secrets. PostgreSQL holds it to
that, whatever a statement says: a transaction that is read-only does not. What PostgreSQL lets everybody do besides is
forbidden here as far as the owner may, and by the superuser of the servers that MYI makes (``runtime.embedded``,
``deploy/postgres``).
"""

from __future__ import annotations

import psycopg

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.schema.keeper import KEPT_TABLES
from myi_pipelines.warehouse.schema.logins import (
    LoginNotUsable,
    confine,
    exists,
    forbid_temporary_tables,
    grant,
    make_login,
    named_after,
    prepare_again,
)
from myi_pipelines.warehouse.schema.tables import tables

SECRET_TABLES = frozenset({"spotify_auth", *KEPT_TABLES})
"""Tables that the reader may not read: Spotify's tokens, encrypted, and what the keeper keeps."""
SESSION_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "10min",
    "idle_in_transaction_session_timeout": "10min",
}
"""What a session of the reader begins with, and may change. What it changes for good is taken back."""


class ReaderNotUsable(LoginNotUsable):
    """There is no login that reads the warehouse, or it can do more than that."""


def reader_of(owner: str) -> str:
    """The name of the login that reads the warehouse of an owner."""
    return named_after(owner, "_reader")


def prepare_reader(conn: Connection, role: str, password: str = "") -> None:
    """Make the reader where there is none, let it read what it may not read yet, and nothing else. ``conn`` is the
    owner's.

    Safe at any time, from several processes at once. Raises ReaderNotUsable when the owner may not make roles or grant
    its tables, or when a role of that name can do more than read.
    """
    found = exists(conn, role)
    if found is None:
        raise ReaderNotUsable(
            f"the role {role} can do more than read: name one that cannot in MYI_READER_DATABASE_URL, "
            "as docs/operations/security.md says"
        )
    if not found:
        _make_role(conn, role, password)
    forbid_temporary_tables(conn)
    confine(conn, role, own=reader_of(conn.info.user), settings=SESSION_SETTINGS)
    grant_reading(conn, role)


def grant_reading(conn: Connection, role: str) -> None:
    """Let a role, which exists, read what it may not read yet. Raises ReaderNotUsable."""
    readable = sorted(set(tables()) - SECRET_TABLES)
    missing = [name for (name,) in conn.execute(statement("schema/ungranted"), {"role": role, "tables": readable})]
    if not missing:
        return
    try:
        grant(conn, role, "SELECT", missing)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ReaderNotUsable(f"{role} cannot be let read the warehouse: {error.diag.message_primary}") from None


def prepare_reader_again(conn: Connection, *, has_new_tables: bool) -> None:
    """At every start: hold the owner's reader, where there is one, to reading, and let it read what is new."""
    prepare_again(conn, reader_of(conn.info.user), SESSION_SETTINGS, grant_reading if has_new_tables else None)


def _make_role(conn: Connection, role: str, password: str) -> None:
    try:
        make_login(conn, role, password, SESSION_SETTINGS)
    except psycopg.errors.InsufficientPrivilege:
        raise ReaderNotUsable(
            f"{conn.info.user} may not make the role that reads the warehouse: let an administrator run "
            f"CREATE ROLE {role} LOGIN PASSWORD '…', and name it in MYI_READER_DATABASE_URL"
        ) from None
