"""Access tokens of linked accounts: handed out, kept, refreshed by one process at a time, and what a refusal means.
Logging in is ``login``'s business, encryption ``keys``'."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from myi_pipelines.ingest.spotify.app_settings import app_of
from myi_pipelines.ingest.spotify.encryption_key import TokenKeys
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.api_errors import (
    Forbidden,
    ForbiddenKind,
    LoginNeeded,
    RateLimited,
    SpotifyError,
    Unauthenticated,
    Unavailable,
)
from myi_pipelines.sources.spotify.token_cipher import DecryptionFailed, TokenKind
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.spotify_accounts import NotLinked, StoredTokens

REFRESH_AHEAD = timedelta(minutes=10)
LAST_USE = timedelta(minutes=1)
NEVER = datetime.min.replace(tzinfo=UTC)

T = TypeVar("T")


class AccessTokens:
    """Valid access tokens of linked accounts, for any thread of any process.

    ``call`` is what most callers want: it asks with a token, renews it once when Spotify refuses it, and keeps count.
    Tokens are kept encrypted beside the refresh token, so a process takes what another one got.
    """

    def __init__(
        self,
        database_url: str,
        app: oauth.App,
        keys: TokenKeys,
        *,
        now: Callable[[], datetime] = oauth.utc_now,
    ) -> None:
        self._database_url = database_url
        self._app = app
        self._keys = keys
        self._now = now
        self._refused: set[int] = set()

    @classmethod
    def of_settings(cls, settings: Settings) -> AccessTokens:
        """Those of the warehouse and the app that the settings name."""
        return cls(servers_of(settings).database_url, app_of(settings), TokenKeys.of_settings(settings))

    def of(self, user_id: int) -> str:
        """A token of one account, refreshed when it has less than ten minutes left.

        Raises LoginNeeded when only a login helps, InvalidClient when Spotify does not know the app, and Unavailable or
        RateLimited when it is worth another try later.
        """
        return self._take(user_id).value

    def renew(self, user_id: int, refused: str) -> str:
        """Another token for one that Spotify refused (401); refreshed, unless somebody has done that already."""
        return self._take(user_id, refused).value

    def call(self, user_id: int, request: Callable[[str], T]) -> T:
        """What ``request`` answers for a token of this account.

        A token that is refused is renewed once. When the new one is refused too, that is an authorization failure:
        three in a row, and the account needs a login. Raises what ``of`` and ``request`` raise.
        """
        token = self._take(user_id)
        try:
            answer = request(token.value)
        except Unauthenticated:
            answer = self._call_again(user_id, request, token.value)
        if token.failures:
            with connect(self._database_url) as conn:
                spotify_accounts.record_success(conn, user_id)
        return answer

    def call_any(self, request: Callable[[str], T]) -> T:
        """What ``request`` answers for a token of whichever account works: for what is the same for everybody.

        An account that is refused is asked last from then on. Raises the last refusal when all of them are.
        """
        with connect(self._database_url) as conn:
            users = spotify_accounts.linked_users(conn)
        refusal: SpotifyError = LoginNeeded("no linked Spotify account is valid")
        for user in sorted(users, key=lambda user: user.user_id in self._refused):
            try:
                return self.call(user.user_id, request)
            except (LoginNeeded, Unauthenticated, Forbidden) as error:
                if isinstance(error, Forbidden) and error.kind is not ForbiddenKind.NOT_REGISTERED:
                    raise
                self._refused.add(user.user_id)
                refusal = error
        raise refusal

    def __repr__(self) -> str:
        return "AccessTokens()"

    def _take(self, user_id: int, refused: str | None = None) -> _Token:
        with connect(self._database_url) as conn:
            kept = self._kept(conn, user_id)
            if kept.is_good(self._now() + REFRESH_AHEAD, refused):
                return kept
            try:
                return self._refreshed_in_turn(conn, user_id, refused)
            except (Unavailable, RateLimited):
                if kept.is_good(self._now() + LAST_USE, refused):
                    return kept
                raise

    def _refreshed_in_turn(self, conn: Connection, user_id: int, refused: str | None) -> _Token:
        try:
            with spotify_accounts.refreshing(conn, user_id):
                return self._refreshed(conn, user_id, refused)
        except spotify_accounts.RefreshUnderWay as error:
            raise Unavailable(str(error)) from None

    def _kept(self, conn: Connection, user_id: int) -> _Token:
        """What the database has. Raises LoginNeeded when that can only be replaced by a login."""
        with spotify_accounts.encryption_key_kept(conn):
            stored = _usable(conn, user_id)
            if stored.access_token is None or stored.access_token_expires_at is None:
                return _Token("", NEVER, stored.consecutive_failures)
            try:
                value = self._keys.cipher().decrypt(stored.access_token, user_id=user_id, kind=TokenKind.ACCESS)
            except DecryptionFailed:
                return _Token("", NEVER, stored.consecutive_failures)
        return _Token(value, stored.access_token_expires_at, stored.consecutive_failures)

    def _refreshed(self, conn: Connection, user_id: int, refused: str | None) -> _Token:
        """What another process got while this one waited for its turn, or else what Spotify gives."""
        kept = self._kept(conn, user_id)
        if kept.is_good(self._now() + REFRESH_AHEAD, refused):
            return kept
        refresh_token = self._refresh_token(conn, user_id)
        try:
            reply = oauth.refresh(self._app, refresh_token, now=self._now)
        except LoginNeeded as error:
            spotify_accounts.end_authorization(conn, user_id, error.reason, self._now())
            raise
        except Unauthenticated as error:
            spotify_accounts.record_auth_failure(conn, user_id, str(error), self._now())
            raise
        self._save(conn, user_id, reply)
        return _Token(reply.access_token, reply.expires_at, kept.failures)

    def _refresh_token(self, conn: Connection, user_id: int) -> str:
        """One that this key does not open for this user is never sent, and stays: the key may come back."""
        with spotify_accounts.encryption_key_kept(conn):
            stored = _usable(conn, user_id)
            try:
                return self._keys.cipher().decrypt(stored.refresh_token, user_id=user_id)
            except DecryptionFailed as error:
                raise LoginNeeded(str(error)) from None

    def _save(self, conn: Connection, user_id: int, reply: oauth.TokenReply) -> None:
        """Access and, where Spotify sent one, refresh token in one transaction."""
        with spotify_accounts.encryption_key_kept(conn):
            cipher = self._keys.cipher()
            spotify_accounts.save_refresh(
                conn,
                user_id,
                refresh_token=cipher.encrypt(reply.refresh_token, user_id=user_id) if reply.refresh_token else None,
                access_token=cipher.encrypt(reply.access_token, user_id=user_id, kind=TokenKind.ACCESS),
                expires_at=reply.expires_at,
                scopes=reply.scopes,
                now=self._now(),
            )

    def _call_again(self, user_id: int, request: Callable[[str], T], refused: str) -> T:
        try:
            return request(self.renew(user_id, refused))
        except Unauthenticated as error:
            with connect(self._database_url) as conn:
                spotify_accounts.record_auth_failure(conn, user_id, str(error), self._now())
            raise


class _Token(NamedTuple):
    """An access token, until when it lives, and how often in a row its account was refused."""

    value: str
    expires_at: datetime
    failures: int

    def is_good(self, until: datetime, refused: str | None) -> bool:
        """Whether it lives that long and is not the one that was refused."""
        return self.expires_at > until and self.value != refused

    def __repr__(self) -> str:
        return f"_Token(expires_at={self.expires_at})"


def _usable(conn: Connection, user_id: int) -> StoredTokens:
    """What is stored of an account that may be asked. Raises LoginNeeded otherwise."""
    try:
        stored = spotify_accounts.stored_tokens(conn, user_id)
    except NotLinked as error:
        raise LoginNeeded(str(error)) from None
    if not stored.is_valid:
        raise LoginNeeded(stored.last_failure_reason or "the authorization is not valid")
    return stored
