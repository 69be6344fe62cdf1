"""Linked Spotify accounts: which user has which account, the stored authorization, and how it ends. This module handles
only encrypted tokens. ``ingest.spotify`` has the keys and calls Spotify."""

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
from myi_pipelines.warehouse.users import find_user, known_or_new_user

ALLOWED_FAILURES = 3
FIRST_WARNING = timedelta(days=30)
LAST_WARNING = timedelta(days=7)
LONGEST_REFRESH = "15s"


class LinkRefused(InputError):
    """The account and the listener cannot be linked. The message gives the reason."""


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
    consecutive_failures: int
    last_failure_reason: str | None
    last_synced_at: datetime | None
    """When a poll last succeeded."""


class LinkedUser(NamedTuple):
    """A user with a linked account."""

    user_id: int
    name: str


class StoredTokens(NamedTuple):
    """One stored authorization, with encrypted tokens."""

    user_id: int
    name: str
    refresh_token: bytes
    access_token: bytes | None
    access_token_expires_at: datetime | None
    is_valid: bool
    consecutive_failures: int
    last_failure_reason: str | None


class Authorization(NamedTuple):
    """What a login gave. The tokens are encrypted."""

    refresh_token: bytes
    access_token: bytes
    access_token_expires_at: datetime
    scopes: Sequence[str]


class RefreshedTokens(NamedTuple):
    """What a refresh gave, encrypted. None stands for a value that the reply left out."""

    refresh_token: bytes | None
    access_token: bytes
    access_token_expires_at: datetime
    scopes: Sequence[str] | None


def link_account(
    conn: Connection, *, name: str | None, spotify_id: str, account_id: str | None, display_name: str | None
) -> LinkedUser:
    """Link a Spotify account to a user, and return that user.

    A known account is found by ``account_id``, or by ``spotify_id`` if Spotify sends no ``account_id``, also after a
    logout. With a ``name`` the account is linked to the user of that name, who keeps any history and is created if
    missing. Without a name a new account creates a user with the name of the Spotify profile. The user's authorization
    stays locked until the caller's transaction ends. Raises LinkRefused or InvalidUserName.
    """
    account = {"spotify_id": spotify_id, "account_id": account_id, "display_name": display_name}
    with conn.transaction():
        acquire(conn, exclusive(Lock.LINKING))
        row = conn.execute(statement("spotify_accounts/find"), account).fetchone()
        known = LinkedUser(*row) if row else None
        if name is not None:
            user = LinkedUser(*known_or_new_user(conn, name))
            _require_no_other_account(conn, user, known)
        else:
            user = known or _new_user(conn, display_name, spotify_id)
        _give_account(conn, user, account)
        _lock_authorization(conn, user.user_id)
    return user


def doubts_about_link(conn: Connection, *, name: str, spotify_id: str, account_id: str | None) -> list[str]:
    """Why the account may not be that of the user ``name``: one sentence for each history of another. Reads only."""
    user = find_user(conn, name)
    values = {"user_id": user.id if user else None, "spotify_id": spotify_id, "account_id": account_id}
    return [
        f"{other} has a history of another Spotify account."
        if is_chosen
        else f"This Spotify account has a history already, that of {other}."
        for other, is_chosen in conn.execute(statement("spotify_accounts/other_histories"), values)
    ]


def save_authorization(conn: Connection, user_id: int, authorization: Authorization, now: datetime) -> None:
    """Store the authorization of a login: the account becomes valid for six months."""
    values = authorization._asdict() | {"scopes": list(authorization.scopes), "user_id": user_id, "now": now}
    conn.execute(statement("spotify_accounts/authorize"), values)


def save_refresh(conn: Connection, user_id: int, tokens: RefreshedTokens, now: datetime) -> None:
    """Store the tokens of a refresh. Values that the reply left out stay unchanged."""
    scopes = None if tokens.scopes is None else list(tokens.scopes)
    values = tokens._asdict() | {"scopes": scopes, "user_id": user_id, "now": now}
    conn.execute(statement("spotify_accounts/refresh"), values)


def record_success(conn: Connection, user_id: int) -> None:
    """Record that a call with the user's access token succeeded: earlier authorization failures no longer count."""
    conn.execute(
        "UPDATE spotify_auth SET consecutive_failures = 0 WHERE user_id = %s AND consecutive_failures > 0 AND is_valid",
        [user_id],
    )


def record_auth_failure(conn: Connection, user_id: int, reason: str, now: datetime) -> bool:
    """Count one authorization failure. Returns whether the account is still valid: three consecutive failures end it.

    Only for refusals of the authorization, never for outages, timeouts, rate limits or quotas.
    """
    values = {"user_id": user_id, "reason": reason, "now": now, "allowed": ALLOWED_FAILURES}
    row = conn.execute(statement("spotify_accounts/fail"), values).fetchone()
    return row is not None and bool(row[0])


def end_authorization(conn: Connection, user_id: int, reason: str, now: datetime) -> None:
    """End the authorization: no call is made for the account until the user logs in again."""
    conn.execute(statement("spotify_accounts/end"), {"user_id": user_id, "reason": reason, "now": now})


def unlink(conn: Connection, user_id: int) -> bool:
    """Delete a user's tokens. Returns whether there were any. The history stays, and a later login finds it."""
    with conn.transaction():
        _lock_authorization(conn, user_id)
        return conn.execute("DELETE FROM spotify_auth WHERE user_id = %s", [user_id]).rowcount > 0


def list_accounts(conn: Connection) -> list[Account]:
    """Every linked account, valid or not, sorted by the user's name."""
    return _accounts(conn, None)


def account_of(conn: Connection, user_id: int) -> Account | None:
    """The linked account of a user, valid or not; None without one."""
    return next(iter(_accounts(conn, user_id)), None)


def _accounts(conn: Connection, user_id: int | None) -> list[Account]:
    with conn.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(statement("spotify_accounts/list"), {"user_id": user_id}).fetchall()


def linked_users(conn: Connection) -> list[LinkedUser]:
    """The users whose authorization is valid, sorted by name."""
    return [LinkedUser(account.user_id, account.name) for account in list_accounts(conn) if account.is_valid]


def stored_tokens(conn: Connection, user_id: int) -> StoredTokens:
    """The stored authorization of one user. Raises NotLinked."""
    for tokens in _stored_tokens(conn, user_id):
        return tokens
    raise NotLinked("no Spotify account is linked")


def all_stored_tokens(conn: Connection) -> list[StoredTokens]:
    """Every stored authorization."""
    return _stored_tokens(conn, None)


def replace_tokens(conn: Connection, tokens: StoredTokens) -> None:
    """Store the same tokens, encrypted with another key."""
    conn.execute(
        "UPDATE spotify_auth SET refresh_token_encrypted = %s, access_token_encrypted = %s WHERE user_id = %s",
        [tokens.refresh_token, tokens.access_token, tokens.user_id],
    )


@contextmanager
def refreshing(conn: Connection, user_id: int) -> Iterator[None]:
    """Allow one refresh, login or logout of a user at a time, in all processes. No transaction stays open in the block.

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
    """A transaction in which the encryption key cannot change. Needed to read or write encrypted tokens."""
    with conn.transaction():
        acquire(conn, shared(Lock.ENCRYPTION_KEY))
        yield


@contextmanager
def changing_encryption_key(conn: Connection) -> Iterator[None]:
    """Within the block no other session reads or writes encrypted tokens, or changes the key."""
    with holding(conn, exclusive(Lock.ENCRYPTION_KEY)):
        yield


def expiry_warning(account: Account, now: datetime) -> str | None:
    """The warning for a listener whose authorization ends within 30 days, more urgent within 7 days, else None."""
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
    """Wait until no session is ``refreshing`` the user's tokens, and keep others from it until the transaction ends."""
    acquire(conn, exclusive(Lock.SPOTIFY_AUTH, user_id))


def _stored_tokens(conn: Connection, user_id: int | None) -> list[StoredTokens]:
    with conn.cursor(row_factory=class_row(StoredTokens)) as cursor:
        return cursor.execute(statement("spotify_accounts/tokens"), {"user_id": user_id}).fetchall()


def _require_no_other_account(conn: Connection, user: LinkedUser, known: LinkedUser | None) -> None:
    """Refuse a link that would mix two accounts. After a logout the user and the account are free."""
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


def _new_user(conn: Connection, display_name: str | None, spotify_id: str) -> LinkedUser:
    """Create a user with the name of the Spotify profile. An existing user of that name may be another person."""
    handle = _handle(display_name or "") or _handle(spotify_id) or "listener"
    taken = conn.execute(statement("users/find"), {"name": handle}).fetchone()
    if taken is not None:
        user = LinkedUser(*taken)
        own = "" if _is_linked(conn, user) else f"`myi login --user {user.name}` if it is this account's, or "
        raise LinkRefused(f"there is a listener {user.name!r} already: {own}`myi login --user NAME` with another name")
    return LinkedUser(*known_or_new_user(conn, handle))


def _handle(text: str) -> str:
    """A text as the name of a folder: no slashes, control characters or leading dots, at most 64 characters."""
    words = "".join(" " if sign in "/\\" or unicodedata.category(sign) == "Cc" else sign for sign in text).split()
    return " ".join(words).lstrip(". ")[:64].rstrip()


def _give_account(conn: Connection, user: LinkedUser, account: dict[str, str | None]) -> None:
    """Give Spotify's ids to this user, and remove them from other users."""
    conn.execute(statement("spotify_accounts/release"), {**account, "user_id": user.user_id})
    conn.execute(statement("spotify_accounts/give"), {**account, "user_id": user.user_id})
