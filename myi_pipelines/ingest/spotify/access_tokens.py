"""Access tokens of linked accounts: returned, stored, refreshed by one process at a time, and what a refusal means.
``login`` links accounts, and ``encryption_key`` has the key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from myi_pipelines.ingest.spotify.app_settings import app_of
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.runtime.token_keys import TokenKeys
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
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.token_cipher import DecryptionFailed, TokenKind
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.spotify_accounts import NotLinked, RefreshedTokens, StoredTokens

REFRESH_AHEAD = timedelta(minutes=10)
LAST_USE = timedelta(minutes=1)
NEVER = datetime.min.replace(tzinfo=UTC)

T = TypeVar("T")


class AccessTokens:
    """Valid access tokens of linked accounts, for any thread of any process.

    Most callers need ``call``: it makes a request with a token, renews the token once when Spotify refuses it, and
    counts refusals. Tokens are stored encrypted beside the refresh token, so that processes share them.
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
        """The tokens of the warehouse and the app in the settings."""
        return cls(servers_of(settings).database_url, app_of(settings), TokenKeys.of_settings(settings))

    def of(self, user_id: int) -> str:
        """A token of one account. Refreshes it when it is valid for less than ten minutes.

        Raises LoginNeeded when only a login helps, InvalidClient when Spotify does not know the app, and Unavailable or
        RateLimited when a later try may succeed.
        """
        return self._take(user_id).value

    def renew(self, user_id: int, refused: str) -> str:
        """Another token in place of one that Spotify refused (401). Refreshes it unless another process already did."""
        return self._take(user_id, refused).value

    def call(self, user_id: int, request: Callable[[str], T]) -> T:
        """The result of ``request`` with a token of this account.

        A refused token is renewed once. If Spotify refuses the new one too, that counts as an authorization failure.
        After three consecutive failures the account needs a login. Raises what ``of`` and ``request`` raise.
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
        """The result of ``request`` with a token of any account, for requests that do not depend on the account.

        A refused account is tried last from then on. Raises the last refusal when all accounts are refused.
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
        """The token in the database. Raises LoginNeeded when only a login can replace it."""
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
        """The token that another process received while this one waited for its turn, or a new one from Spotify."""
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
        """The refresh token. One that the key cannot decrypt is not sent and not deleted: the key may be restored."""
        with spotify_accounts.encryption_key_kept(conn):
            stored = _usable(conn, user_id)
            try:
                return self._keys.cipher().decrypt(stored.refresh_token, user_id=user_id)
            except DecryptionFailed as error:
                raise LoginNeeded(str(error)) from None

    def _save(self, conn: Connection, user_id: int, reply: oauth.TokenReply) -> None:
        """Store the access token and, if Spotify sent one, the refresh token in one transaction."""
        with spotify_accounts.encryption_key_kept(conn):
            cipher = self._keys.cipher()
            refreshed = RefreshedTokens(
                refresh_token=cipher.encrypt(reply.refresh_token, user_id=user_id) if reply.refresh_token else None,
                access_token=cipher.encrypt(reply.access_token, user_id=user_id, kind=TokenKind.ACCESS),
                access_token_expires_at=reply.expires_at,
                scopes=reply.scopes,
            )
            spotify_accounts.save_refresh(conn, user_id, refreshed, self._now())

    def _call_again(self, user_id: int, request: Callable[[str], T], refused: str) -> T:
        try:
            return request(self.renew(user_id, refused))
        except Unauthenticated as error:
            with connect(self._database_url) as conn:
                spotify_accounts.record_auth_failure(conn, user_id, str(error), self._now())
            raise


class SpotifyAccess(NamedTuple):
    """What it takes to call the Web API for linked accounts."""

    client: SpotifyClient
    tokens: AccessTokens


class _Token(NamedTuple):
    """An access token, when it expires, and the consecutive refusals of its account."""

    value: str
    expires_at: datetime
    failures: int

    def is_good(self, until: datetime, refused: str | None) -> bool:
        """Whether it is valid until then and is not the token that was refused."""
        return self.expires_at > until and self.value != refused

    def __repr__(self) -> str:
        return f"_Token(expires_at={self.expires_at})"


def _usable(conn: Connection, user_id: int) -> StoredTokens:
    """The stored tokens of an account with a valid authorization. Raises LoginNeeded for other accounts."""
    try:
        stored = spotify_accounts.stored_tokens(conn, user_id)
    except NotLinked as error:
        raise LoginNeeded(str(error)) from None
    if not stored.is_valid:
        raise LoginNeeded(stored.last_failure_reason or "the authorization is not valid")
    return stored
