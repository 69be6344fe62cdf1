"""Linked Spotify accounts: who is linked to whom, what is stored of the authorization, and how it ends. Tokens come and
go encrypted here; keys, Spotify and the network are ``sync``'s business."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

from myi_pipelines.errors import BusyError, InputError
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, holding, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.users import ensure_user

ALLOWED_FAILURES = 3
FIRST_WARNING = timedelta(days=30)
LAST_WARNING = timedelta(days=7)
LONGEST_REFRESH = "15s"


class LinkRefused(InputError):
    """The account and the listener cannot be linked; the message says what stands in the way."""


class NotLinked(InputError, LookupError):
    """The listener has no Spotify account."""


class RefreshUnderWay(BusyError):
    """Another process does not finish refreshing this account's token."""


class Account(NamedTuple):
    """One linked Spotify account, as ``myi accounts`` shows it."""

    user_id: int
    name: str
    display_name: str | None
    spotify_id: str | None
    is_valid: bool
    scopes: list[str]
    authorized_at: datetime
    authorization_ends_at: datetime
    last_refresh_at: datetime | None
    consecutive_failures: int
    last_failure_at: datetime | None
    last_failure_reason: str | None
    last_synced_at: datetime | None
    """When a poll last worked."""


class LinkedUser(NamedTuple):
    """A listener whose account can be asked."""

    user_id: int
    name: str


class StoredTokens(NamedTuple):
    """What is kept of one authorization, as it is kept: encrypted."""

    user_id: int
    name: str
    refresh_token: bytes
    access_token: bytes | None
    access_token_expires_at: datetime | None
    is_valid: bool
    consecutive_failures: int
    last_failure_reason: str | None


def link_account(
    conn: Connection, *, name: str | None, spotify_id: str, account_id: str | None, display_name: str | None
) -> LinkedUser:
    """The listener to whom a Spotify account belongs from now on.

    The account is recognized by ``account_id`` where Spotify tells it, else by ``spotify_id``, also after a logout.
    With a ``name`` it is linked to that listener, who keeps any history and is created when not known yet; without one
    a new account makes a new listener, named as on Spotify. The listener's authorization stays locked until the
    caller's transaction ends. Raises LinkRefused, or InvalidUserName.
    """
    account = {"spotify_id": spotify_id, "account_id": account_id, "display_name": display_name}
    with conn.transaction():
        acquire(conn, exclusive(Lock.LINKING))
        row = conn.execute(statement("spotify_accounts/find"), account).fetchone()
        known = LinkedUser(*row) if row else None
        if name is not None:
            user = LinkedUser(ensure_user(conn, name), name)
            _require_no_other_account(conn, user, known)
        else:
            user = known or _new_listener(conn, display_name, spotify_id)
        _give_account(conn, user, account)
        _lock_authorization(conn, user.user_id)
    return user


def save_authorization(
    conn: Connection,
    user_id: int,
    *,
    refresh_token: bytes,
    access_token: bytes,
    expires_at: datetime,
    scopes: Sequence[str],
    now: datetime,
) -> None:
    """Store what a login gave: the account is valid, and its six months begin."""
    values = {
        "user_id": user_id,
        "refresh_token": refresh_token,
        "access_token": access_token,
        "expires_at": expires_at,
        "scopes": list(scopes),
        "now": now,
    }
    conn.execute(statement("spotify_accounts/authorize"), values)


def save_refresh(
    conn: Connection,
    user_id: int,
    *,
    refresh_token: bytes | None,
    access_token: bytes,
    expires_at: datetime,
    scopes: Sequence[str] | None,
    now: datetime,
) -> None:
    """Store what a refresh gave. A refresh token or scopes that the reply left out (None) stay as they were."""
    values = {
        "user_id": user_id,
        "refresh_token": refresh_token,
        "access_token": access_token,
        "expires_at": expires_at,
        "scopes": None if scopes is None else list(scopes),
        "now": now,
    }
    conn.execute(statement("spotify_accounts/refresh"), values)


def record_success(conn: Connection, user_id: int) -> None:
    """A call with the user's access token worked: earlier authorization failures count no more."""
    conn.execute(
        "UPDATE spotify_auth SET consecutive_failures = 0 WHERE user_id = %s AND consecutive_failures > 0 AND is_valid",
        [user_id],
    )


def record_auth_failure(conn: Connection, user_id: int, reason: str, now: datetime) -> bool:
    """Count one authorization failure; whether the account is still valid, which it is not after three in a row.

    Only for refusals of the authorization: never for outages, timeouts, rate limits or quotas.
    """
    values = {"user_id": user_id, "reason": reason, "now": now, "allowed": ALLOWED_FAILURES}
    row = conn.execute(statement("spotify_accounts/fail"), values).fetchone()
    return row is not None and bool(row[0])


def end_authorization(conn: Connection, user_id: int, reason: str, now: datetime) -> None:
    """The authorization is over: the account is asked no more until somebody logs in."""
    conn.execute(statement("spotify_accounts/end"), {"user_id": user_id, "reason": reason, "now": now})


def unlink(conn: Connection, user_id: int) -> bool:
    """Forget a listener's tokens; whether there were any. History stays, and a login with the account finds it."""
    with conn.transaction():
        _lock_authorization(conn, user_id)
        return conn.execute("DELETE FROM spotify_auth WHERE user_id = %s", [user_id]).rowcount > 0


def list_accounts(conn: Connection) -> list[Account]:
    """Every linked account, valid or not, by the listener's name."""
    with conn.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(statement("spotify_accounts/list")).fetchall()


def linked_users(conn: Connection) -> list[LinkedUser]:
    """The listeners whose authorization is valid, by name."""
    return [LinkedUser(account.user_id, account.name) for account in list_accounts(conn) if account.is_valid]


def stored_tokens(conn: Connection, user_id: int) -> StoredTokens:
    """What is kept of one listener's authorization. Raises NotLinked."""
    for tokens in _stored_tokens(conn, user_id):
        return tokens
    raise NotLinked("no Spotify account is linked")


def all_stored_tokens(conn: Connection) -> list[StoredTokens]:
    """What is kept of every authorization."""
    return _stored_tokens(conn, None)


def replace_tokens(conn: Connection, tokens: StoredTokens) -> None:
    """Store the same tokens in another encryption."""
    conn.execute(
        "UPDATE spotify_auth SET refresh_token_encrypted = %s, access_token_encrypted = %s WHERE user_id = %s",
        [tokens.refresh_token, tokens.access_token, tokens.user_id],
    )


@contextmanager
def refreshing(conn: Connection, user_id: int) -> Iterator[None]:
    """One refresh, login or logout of a listener at a time, in all processes; no transaction stays open meanwhile.

    Raises RefreshUnderWay when another process takes longer than any refresh should.
    """
    with ExitStack() as held:
        conn.execute(f"SET lock_timeout = '{LONGEST_REFRESH}'")
        try:
            held.enter_context(holding(conn, exclusive(Lock.SPOTIFY_AUTH, user_id)))
        except psycopg.errors.LockNotAvailable:
            raise RefreshUnderWay(f"another process has been refreshing this token for {LONGEST_REFRESH}") from None
        finally:
            conn.execute("RESET lock_timeout")
        yield


@contextmanager
def encryption_key_kept(conn: Connection) -> Iterator[None]:
    """A transaction in which the encryption key stays what it is: around whatever reads or writes encrypted tokens."""
    with conn.transaction():
        acquire(conn, shared(Lock.ENCRYPTION_KEY))
        yield


@contextmanager
def changing_encryption_key(conn: Connection) -> Iterator[None]:
    """Nobody else reads or writes encrypted tokens, nor changes the key, until the block ends."""
    with holding(conn, exclusive(Lock.ENCRYPTION_KEY)):
        yield


def expiry_warning(account: Account, now: datetime) -> str | None:
    """What to tell a listener whose authorization ends within 30 days, more urgently within 7; None before that."""
    left = account.authorization_ends_at - now
    if left > FIRST_WARNING or not account.is_valid:
        return None
    date = f"{account.authorization_ends_at:%Y-%m-%d}"
    renew = f"`myi login --user {account.name}` renews it"
    if left <= timedelta(0):
        return f"{account.name}: the Spotify authorization ended on {date}; {renew}"
    days = f"{left.days} day{'' if left.days == 1 else 's'}" if left.days else "less than a day"
    urgency = "and new plays will be missed" if left <= LAST_WARNING else "six months after the login"
    return f"{account.name}: the Spotify authorization ends on {date}, in {days}, {urgency}; {renew}"


def _lock_authorization(conn: Connection, user_id: int) -> None:
    """Wait for whoever is ``refreshing``, and keep others from it until the transaction ends."""
    acquire(conn, exclusive(Lock.SPOTIFY_AUTH, user_id))


def _stored_tokens(conn: Connection, user_id: int | None) -> list[StoredTokens]:
    with conn.cursor(row_factory=class_row(StoredTokens)) as cursor:
        return cursor.execute(statement("spotify_accounts/tokens"), {"user_id": user_id}).fetchall()


def _require_no_other_account(conn: Connection, user: LinkedUser, known: LinkedUser | None) -> None:
    """Refuse what would mix two accounts; after a logout either side is free."""
    if known == user:
        return
    if known is not None and _is_linked(conn, known):
        raise LinkRefused(
            f"this Spotify account is linked to {known.name!r}; run `myi logout {known.name}` first to move it"
        )
    if _is_linked(conn, user):
        raise LinkRefused(
            f"{user.name!r} is linked to another Spotify account; run `myi logout {user.name}` first to change it"
        )


def _is_linked(conn: Connection, user: LinkedUser) -> bool:
    return conn.execute("SELECT 1 FROM spotify_auth WHERE user_id = %s", [user.user_id]).fetchone() is not None


def _new_listener(conn: Connection, display_name: str | None, spotify_id: str) -> LinkedUser:
    """A listener named as on Spotify. A name that is taken is not guessed to be the same person's."""
    handle = _handle(display_name or "") or _handle(spotify_id) or "listener"
    taken = conn.execute("SELECT id, name FROM users WHERE lower(name) = lower(%s)", [handle]).fetchone()
    if taken is not None:
        user = LinkedUser(*taken)
        own = "" if _is_linked(conn, user) else f"`myi login --user {user.name}` if it is this account's, or "
        raise LinkRefused(f"there is a listener {user.name!r} already: {own}`myi login --user NAME` with another name")
    return LinkedUser(ensure_user(conn, handle), handle)


def _handle(text: str) -> str:
    """A name that can be a folder's name: no slashes, control characters or leading dots, 64 characters."""
    words = "".join(" " if sign in "/\\" or unicodedata.category(sign) == "Cc" else sign for sign in text).split()
    return " ".join(words).lstrip(". ")[:64].rstrip()


def _give_account(conn: Connection, user: LinkedUser, account: dict[str, str | None]) -> None:
    """Spotify's ids go to this listener, and away from whoever had them."""
    conn.execute(statement("spotify_accounts/release"), {**account, "user_id": user.user_id})
    conn.execute(statement("spotify_accounts/give"), {**account, "user_id": user.user_id})
