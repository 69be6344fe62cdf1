"""The accounts service: authorization code with PKCE, and refreshing. spotipy's client is not used, because it asks at
the terminal, takes no lock and logs tokens. Stores nothing: the caller decides what to keep."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests

from myi_pipelines.sources.spotify.api_errors import (
    InvalidClient,
    LoginNeeded,
    MalformedReply,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from myi_pipelines.sources.spotify.transport import (
    TIMEOUTS_A_REPLY,
    DeadlineAdapter,
    Session,
    connection_error,
    json_of,
    retry_after_of,
    short_retries,
)

#: Only what the warehouse needs to read.
SCOPES = ("user-read-recently-played", "user-top-read")

_USUAL_LIFE = timedelta(hours=1)
_RATE_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True)
class App:
    """The Spotify app of this installation, with the values of its dashboard. PKCE needs no secret."""

    client_id: str
    redirect_uri: str
    client_secret: str = field(default="", repr=False)
    accounts_url: str = "https://accounts.spotify.com"
    timeout_seconds: float = 10


@dataclass(frozen=True)
class TokenReply:
    """The tokens in a reply. ``refresh_token`` None: keep the old one. ``scopes`` None: the reply names none."""

    access_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str | None = field(repr=False)
    scopes: tuple[str, ...] | None


def utc_now() -> datetime:
    """The default clock."""
    return datetime.now(UTC)


def new_verifier() -> str:
    """A PKCE code verifier: the secret of one login."""
    return secrets.token_urlsafe(64)


def authorize_url(app: App, *, state: str, verifier: str) -> str:
    """The address at which the listener allows this app."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "client_id": app.client_id,
        "response_type": "code",
        "redirect_uri": app.redirect_uri,
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge_method": "S256",
        "code_challenge": challenge,
    }
    return f"{app.accounts_url}/authorize?{urlencode(query)}"


def exchange_code(app: App, code: str, verifier: str, *, now: Callable[[], datetime] = utc_now) -> TokenReply:
    """The tokens for the code of a finished login. Raises the same errors as ``refresh``."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
        "code_verifier": verifier,
    }
    return _request_tokens(app, form, now)


def refresh(app: App, refresh_token: str, *, now: Callable[[], datetime] = utc_now) -> TokenReply:
    """A new access token.

    Raises LoginNeeded when the refresh token is no longer valid, Unauthenticated when the service refuses without a
    documented reason, InvalidClient, RateLimited, Unavailable, or MalformedReply.
    """
    return _request_tokens(app, {"grant_type": "refresh_token", "refresh_token": refresh_token}, now)


def _request_tokens(app: App, form: Mapping[str, str], now: Callable[[], datetime]) -> TokenReply:
    for attempt in short_retries():
        with attempt:
            reply = _post(app, form)
            if reply.status_code >= 500:
                raise Unavailable(f"Spotify's accounts service answered {reply.status_code}")
    return _token_of(reply, now)


def _post(app: App, form: Mapping[str, str]) -> requests.Response:
    # With a secret the app identifies itself in a header, without one in the form.
    credentials = (app.client_id, app.client_secret) if app.client_secret else None
    fields = dict(form) if credentials else {**form, "client_id": app.client_id}
    failed: requests.RequestException
    with Session() as session:
        session.mount(app.accounts_url, DeadlineAdapter(TIMEOUTS_A_REPLY * app.timeout_seconds))
        try:
            return session.post(
                f"{app.accounts_url}/api/token",
                data=fields,
                auth=credentials,
                timeout=app.timeout_seconds,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            failed = error
    raise connection_error(failed, "Spotify's accounts service")


def _token_of(reply: requests.Response, now: Callable[[], datetime]) -> TokenReply:
    body = json_of(reply)
    if reply.status_code != 200:
        raise _refusal(reply, body, now)
    if not isinstance(body, dict) or not isinstance(access_token := body.get("access_token"), str) or not access_token:
        raise MalformedReply("Spotify's accounts service answered without a token")
    refresh_token, scope, life = body.get("refresh_token"), body.get("scope"), body.get("expires_in")
    seconds = timedelta(seconds=min(max(life, 0), 86_400)) if isinstance(life, int | float) else _USUAL_LIFE
    return TokenReply(
        access_token=access_token,
        expires_at=now() + seconds,
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        scopes=tuple(scope.split()) if isinstance(scope, str) else None,
    )


def _refusal(reply: requests.Response, body: Any, now: Callable[[], datetime]) -> Exception:
    if reply.status_code == 429:
        return RateLimited("Spotify's accounts service limits calls", now() + (retry_after_of(reply) or _RATE_PAUSE))
    if not 400 <= reply.status_code < 500:
        return MalformedReply(f"Spotify's accounts service answered {reply.status_code}")
    error = body.get("error") if isinstance(body, dict) else None
    if error == "invalid_grant":
        return LoginNeeded(_reason(body.get("error_description")))
    if error in ("invalid_client", "unauthorized_client"):
        return InvalidClient()
    return Unauthenticated(f"Spotify's accounts service refused with {reply.status_code}")


def _reason(description: object) -> str:
    """Why a grant has ended, in fixed words, because the description may contain anything."""
    reason = description.lower() if isinstance(description, str) else ""
    if "code" in reason or "redirect" in reason:
        return "Spotify does not accept this login's code"
    if "revoked" in reason:
        return "the listener took the authorization back"
    if "expired" in reason:
        return "the authorization is older than six months"
    return "Spotify does not accept the stored authorization"
