"""Logins that can do one thing only: they are made where the owner may make roles, and refused where they can do more.

Which login may do what is in ``reader`` and ``keeper``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import psycopg
from psycopg import sql

from myi_pipelines.errors import ConfigurationError
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

LONGEST_NAME = 63


class LoginNotUsable(ConfigurationError):
    """There is no such login, or it can do more than it should."""


def named_after(owner: str, suffix: str) -> str:
    """The name of a login of an owner's warehouse."""
    return owner[: LONGEST_NAME - len(suffix)] + suffix


def exists(conn: Connection, role: str) -> bool | None:
    """Whether a role exists; None for one that exists and is powerful."""
    found = conn.execute(statement("schema/role"), {"role": role}).fetchone()
    return None if found and found[0] else found is not None


def make_login(conn: Connection, role: str, password: str, settings: Mapping[str, str]) -> None:
    """Make a login, whose sessions begin with settings. Safe from several processes at once.

    Raises ``psycopg.errors.InsufficientPrivilege`` where the owner may not make roles.
    """
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation), conn.transaction():
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        _begin_with(conn, role, settings)
        if password:
            set_password(conn, role, password)


def set_password(conn: Connection, role: str, password: str) -> None:
    """Give a login a password. The server is sent its hash only, so that no log can hold it."""
    hashed = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    conn.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed.decode())))


def forbid_temporary_tables(conn: Connection) -> None:
    """Let nobody but the owner, whose connection ``conn`` is, make temporary tables in the database.

    PostgreSQL lets everybody. Nothing happens where the database is another's.
    """
    for (database,) in conn.execute(statement("schema/open_to_all")).fetchall():
        with suppress(psycopg.errors.InternalError_):  # Another process does the same right now.
            conn.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))


def let_connect(conn: Connection, role: str) -> None:
    """Let a login connect to the database of ``conn``, the owner's, where not everybody may."""
    for (database,) in conn.execute(statement("schema/unconnectable"), {"role": role}).fetchall():
        to = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(role))
        with suppress(psycopg.errors.InternalError_):  # Another process does the same right now.
            conn.execute(to)


def reset_settings(conn: Connection, role: str, settings: Mapping[str, str]) -> None:
    """Let sessions of a login begin with settings, and no others. PostgreSQL lets a login change its own.

    Nothing happens where the owner may not alter the login, because an administrator made it.
    """
    found = conn.execute(statement("schema/login_settings"), {"role": role}).fetchall()
    if {*found} == {(None, f"{setting}={value}") for setting, value in settings.items()}:
        return
    name = sql.Identifier(role)
    # An internal error: another process does the same right now.
    with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.InternalError_), conn.transaction():
        for database in {database for database, _ in found if database is not None}:
            conn.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(name, sql.Identifier(database)))
        conn.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(name))
        _begin_with(conn, role, settings)


def confine(conn: Connection, role: str, *, own: str, settings: Mapping[str, str]) -> None:
    """Let a login connect, and take back what it changed of itself. The settings of a role that is not ``own``, the one
    that MYI makes, are its administrator's."""
    let_connect(conn, role)
    if role == own:
        reset_settings(conn, role, settings)


def prepare_again(
    conn: Connection, own: str, settings: Mapping[str, str], grant_to: Callable[[Connection, str], None] | None
) -> None:
    """At every start: confine the owner's login, where there is one, and grant it what is new."""
    if exists(conn, own):
        confine(conn, own, own=own, settings=settings)
        if grant_to is not None:
            grant_to(conn, own)


def _begin_with(conn: Connection, role: str, settings: Mapping[str, str]) -> None:
    for setting, value in settings.items():
        conn.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(role), sql.Identifier(setting), sql.Literal(value)
            )
        )


def grant(conn: Connection, role: str, privileges: str, tables: Iterable[str]) -> None:
    """Grant a login privileges, such as ``SELECT, INSERT``, on tables of the warehouse."""
    to, schema = sql.Identifier(role), sql.Identifier(str(fetch_scalar(conn, "SELECT current_schema()")))
    named = sql.SQL(", ").join(map(sql.Identifier, tables))
    with conn.transaction():
        conn.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, to))
        conn.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(privileges), named, to))
