"""The login that keeps sessions, links, tokens, passwords and what is playing now, and can do nothing else: the web
server's.

It sees no play that landed and no name; the login that reads sees nothing of what it keeps.
"""

from __future__ import annotations

import psycopg

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
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

KEPT_TABLES = ("api_tokens", "awaited_logins", "playing_now", "sign_in_links", "web_passwords", "web_sessions")
"""All that the keeper may read and write."""
PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE"
SESSION_SETTINGS = {"statement_timeout": "15s", "idle_in_transaction_session_timeout": "60s"}


class KeeperNotUsable(LoginNotUsable):
    """There is no login that keeps sessions, or it can do more than that."""


def keeper_of(owner: str) -> str:
    """The name of the login that keeps the sessions of an owner's warehouse."""
    return named_after(owner, "_keeper")


def prepare_keeper(conn: Connection, role: str, password: str = "") -> None:
    """Make the keeper where there is none, and grant it what it needs and has not. ``conn`` is the owner's.

    Safe at any time, from several processes at once. Raises KeeperNotUsable when the owner may not make roles or grant
    its tables, or when a role of that name can do more than keep sessions.
    """
    found = exists(conn, role)
    if (
        found is None
        or conn.execute(statement("schema/keeper_sees"), {"role": role, "tables": [*KEPT_TABLES]}).rowcount
    ):
        raise KeeperNotUsable(
            f"the role {role} can do more than keep sessions: name one that cannot in MYI_KEEPER_DATABASE_URL, "
            "as docs/operations/security.md says"
        )
    try:
        if not found:
            make_login(conn, role, password, SESSION_SETTINGS)
        forbid_temporary_tables(conn)
        confine(conn, role, own=keeper_of(conn.info.user), settings=SESSION_SETTINGS)
        grant_keeping(conn, role)
    except psycopg.errors.InsufficientPrivilege as error:
        raise KeeperNotUsable(
            f"{conn.info.user} may not make the role that keeps sessions ({error.diag.message_primary}): let an "
            f"administrator run CREATE ROLE {role} LOGIN PASSWORD '…', and name it in MYI_KEEPER_DATABASE_URL"
        ) from None


def grant_keeping(conn: Connection, role: str) -> None:
    """Let a role, which exists, keep what it may not keep yet."""
    parameters = {"role": role, "tables": [*KEPT_TABLES]}
    if missing := [name for (name,) in conn.execute(statement("schema/not_kept"), parameters)]:
        grant(conn, role, PRIVILEGES, missing)


def prepare_keeper_again(conn: Connection, *, has_new_tables: bool) -> None:
    """At every start: hold the owner's keeper, where there is one, to keeping, and let it keep what is new."""
    prepare_again(conn, keeper_of(conn.info.user), SESSION_SETTINGS, grant_keeping if has_new_tables else None)
