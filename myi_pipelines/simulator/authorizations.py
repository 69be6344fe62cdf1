"""Authorizations and tokens as Spotify's accounts service keeps them: codes, PKCE, refresh tokens that expire after six
months, access tokens that expire after an hour. No HTTP here."""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from myi_pipelines.simulator.clock import Clock, months_later

CODE_LIVES = timedelta(minutes=10)
AUTHORIZATION_MONTHS = 6
LOOPBACK = ("127.0.0.1", "::1")


class TokenRefused(Exception):
    """The token endpoint refuses: ``error`` is OAuth's code, ``description`` Spotify's text."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class AuthorizationRefused(Exception):
    """The accounts service shows an error page instead of asking the user."""


class AccessRefused(Exception):
    """An access token that the API does not accept."""


@dataclass(frozen=True)
class AuthorizationRequest:
    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: str | None
    challenge: str | None


@dataclass
class Grant:
    """What a user allowed an app. It expires after six months."""

    user: str
    client_id: str
    scopes: frozenset[str]
    authorized_at: datetime
    uses_pkce: bool
    is_revoked: bool = False


@dataclass
class _Code:
    request: AuthorizationRequest
    user: str
    made_at: datetime


@dataclass
class _Refresh:
    grant: Grant
    is_rotated: bool = False


@dataclass
class Access:
    """What one access token allows. ``ends`` is on the clock of `Accounts._token_time`."""

    grant: Grant
    ends: float


@dataclass(frozen=True)
class IssuedTokens:
    grant: Grant
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    lifetime: int


class Accounts:
    """``client_id`` and ``client_secret`` belong to the only app that exists; None accepts any app. With
    ``tokens_by_real_time`` access tokens expire by the real clock, otherwise by the simulated one."""

    def __init__(
        self,
        clock: Clock,
        client_id: str | None,
        client_secret: str | None,
        lifetime: int,
        *,
        tokens_by_real_time: bool,
    ) -> None:
        self.clock = clock
        self.client_id = client_id
        self.client_secret = client_secret
        self.lifetime = lifetime
        self.tokens_by_real_time = tokens_by_real_time
        self._codes: dict[str, _Code] = {}
        self._refresh: dict[str, _Refresh] = {}
        self._access: dict[str, Access] = {}

    def _token_time(self) -> float:
        return time.time() if self.tokens_by_real_time else self.clock.now().timestamp()

    def check_request(self, query: dict[str, str]) -> AuthorizationRequest:
        """Raises AuthorizationRefused."""
        client_id, redirect_uri = query.get("client_id", ""), query.get("redirect_uri", "")
        if not client_id or self.client_id not in (None, client_id):
            raise AuthorizationRefused("INVALID_CLIENT: Invalid client")
        _check_redirect(redirect_uri)
        if query.get("response_type") != "code":
            raise AuthorizationRefused("response_type must be code")
        challenge = query.get("code_challenge")
        if challenge is not None and query.get("code_challenge_method") != "S256":
            raise AuthorizationRefused("code_challenge_method must be S256")
        scopes = frozenset(query.get("scope", "").split())
        return AuthorizationRequest(client_id, redirect_uri, scopes, query.get("state"), challenge)

    def allow(self, request: AuthorizationRequest, user: str) -> str:
        """The code that the browser brings back to the app."""
        code = secrets.token_urlsafe(96)
        self._codes[code] = _Code(request, user, self.clock.now())
        return code

    def check_client(self, client_id: str | None, secret: str | None) -> None:
        """Raises TokenRefused."""
        if not client_id or self.client_id not in (None, client_id):
            raise TokenRefused("invalid_client", "Invalid client")
        if secret is not None and self.client_secret not in (None, secret):
            raise TokenRefused("invalid_client", "Invalid client secret")

    def exchange(self, form: dict[str, str], client_id: str, secret: str | None) -> IssuedTokens:
        """Tokens for a code. Raises TokenRefused."""
        if "code" not in form:
            raise TokenRefused("invalid_request", "code must be supplied")
        found = self._codes.pop(form["code"], None)
        if found is None or found.request.client_id != client_id:
            raise TokenRefused("invalid_grant", "Invalid authorization code")
        if self.clock.now() - found.made_at > CODE_LIVES:
            raise TokenRefused("invalid_grant", "Authorization code expired")
        if form.get("redirect_uri") != found.request.redirect_uri:
            raise TokenRefused("invalid_grant", "Invalid redirect URI")
        if found.request.challenge is not None:
            if "code_verifier" not in form:
                raise TokenRefused("invalid_request", "code_verifier must be supplied")
            if s256(form["code_verifier"]) != found.request.challenge:
                raise TokenRefused("invalid_grant", "code_verifier was incorrect")
        elif secret is None:
            raise TokenRefused("invalid_client", "Invalid client secret")
        uses_pkce = found.request.challenge is not None
        grant = Grant(found.user, client_id, found.request.scopes, self.clock.now(), uses_pkce)
        return self._issue(grant, self._new_refresh(grant))

    def refresh(self, token: str | None, client_id: str, secret: str | None, *, rotate: bool) -> IssuedTokens:
        """A new access token; with ``rotate`` also a new refresh token in place of the old one. Raises TokenRefused."""
        if not token:
            raise TokenRefused("invalid_request", "refresh_token must be supplied")
        held = self._refresh.get(token)
        if held is None or held.grant.client_id != client_id:
            raise TokenRefused("invalid_grant", "Invalid refresh token")
        if not held.grant.uses_pkce and secret is None:
            raise TokenRefused("invalid_client", "Invalid client secret")
        if held.is_rotated or held.grant.is_revoked:
            raise TokenRefused("invalid_grant", "Refresh token revoked")
        if self.clock.now() >= months_later(held.grant.authorized_at, AUTHORIZATION_MONTHS):
            raise TokenRefused("invalid_grant", "Refresh token expired")
        if rotate:
            held.is_rotated = True
            token = self._new_refresh(held.grant)
        return self._issue(held.grant, token)

    def _new_refresh(self, grant: Grant) -> str:
        token = f"AQ{secrets.token_urlsafe(96)}"
        self._refresh[token] = _Refresh(grant)
        return token

    def _issue(self, grant: Grant, refresh: str) -> IssuedTokens:
        token = f"BQ{secrets.token_urlsafe(150)}"
        self._access[token] = Access(grant, self._token_time() + self.lifetime)
        return IssuedTokens(grant, token, refresh, self.lifetime)

    def grant_of(self, access_token: str) -> Grant:
        """Raises AccessRefused."""
        held = self._access.get(access_token)
        if held is None or held.grant.is_revoked:
            raise AccessRefused("Invalid access token")
        if self._token_time() >= held.ends:
            raise AccessRefused("The access token expired")
        return held.grant

    def user_of(self, *, access_token: str = "", refresh_token: str = "", code: str = "") -> str | None:
        """The user of a token or code, also of an expired one, for the log and for faults; never raises."""
        if access := self._access.get(access_token):
            return access.grant.user
        if held := self._refresh.get(refresh_token):
            return held.grant.user
        return self._codes[code].user if code in self._codes else None

    def all_tokens(self) -> list[str]:
        """Every access and refresh token that was ever issued, for tests that search for leaked tokens."""
        return [*self._access, *self._refresh]

    def revoke(self, user: str) -> None:
        """Revoke a user's tokens, as if the user had removed the app on the account's page."""
        for held in self._refresh.values():
            if held.grant.user == user:
                held.grant.is_revoked = True

    def expire_access_tokens(self) -> None:
        for access in self._access.values():
            access.ends = 0.0


def s256(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636, appendix B).

    >>> s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _check_redirect(uri: str) -> None:
    parts = urlsplit(uri)
    if parts.scheme == "https" and parts.hostname not in (None, "localhost"):
        return
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise AuthorizationRefused("INVALID_CLIENT: Insecure redirect URI")
