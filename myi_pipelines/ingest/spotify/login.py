"""Linking a Spotify account to a listener: from the address where somebody agrees, to the answer that Spotify sends
from there, checked and stored. How the answer gets here (``callback``, or pasted by hand) plays no part."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs

from myi_pipelines.errors import FailedError, InputError, UnavailableError
from myi_pipelines.ingest.spotify.encryption_key import TokenKeys
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.api_errors import LoginNeeded
from myi_pipelines.sources.spotify.client import Me, SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import Priority
from myi_pipelines.sources.spotify.token_cipher import TokenKind
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection


class NotAnAnswer(InputError):
    """This is not the address to which Spotify sent the browser."""


class WrongState(InputError):
    """The answer belongs to another login."""


class LoginDenied(FailedError):
    """The listener, or Spotify, said no."""


class LoginFailed(UnavailableError):
    """Spotify did not honour its own answer."""


@dataclass(frozen=True)
class LoginAttempt:
    """One login that is under way; its secrets stay in this process."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class Linked:
    """The account that a login linked, and to whom."""

    user_id: int
    name: str
    display_name: str | None


def begin_login(app: oauth.App) -> LoginAttempt:
    """A new attempt: somebody opens its ``url`` and agrees."""
    state, verifier = secrets.token_urlsafe(24), oauth.new_verifier()
    return LoginAttempt(oauth.authorize_url(app, state=state, verifier=verifier), state, verifier)


def code_in(attempt: LoginAttempt, redirected_url: str) -> str:
    """The code in the address to which Spotify sent the browser. Raises NotAnAnswer, WrongState or LoginDenied."""
    query = redirected_url.strip(" \t\r\n\"'<>").partition("?")[2].partition("#")[0]
    told = {name: values[0] for name, values in parse_qs(query).items()}
    if "state" not in told or not {"code", "error"} & told.keys():
        raise NotAnAnswer(
            "this is not the address that Spotify sends the browser to after you agree: "
            "it contains code=… and state=…; copy all of it"
        )
    if not hmac.compare_digest(told["state"].encode(), attempt.state.encode()):
        raise WrongState("this address belongs to another login: open the address shown here, and copy where it leads")
    if "code" not in told:
        said = "you did not allow it" if told["error"] == "access_denied" else "Spotify refused the login"
        raise LoginDenied(f"{said}, so nothing was linked; run `myi login` to try again")
    return told["code"]


def finish_login(
    conn: Connection,
    client: SpotifyClient,
    app: oauth.App,
    keys: TokenKeys,
    attempt: LoginAttempt,
    redirected_url: str,
    *,
    name: str | None = None,
    now: Callable[[], datetime] = oauth.utc_now,
) -> Linked:
    """Turn Spotify's answer into a linked account of the listener ``name`` (see ``accounts.link_account``).

    All of it is stored or nothing. Raises what ``code_in`` raises, LoginFailed, LinkRefused, InvalidUserName, and
    SpotifyError when Spotify cannot be asked now.
    """
    code = code_in(attempt, redirected_url)
    try:
        reply = oauth.exchange_code(app, code, attempt.verifier, now=now)
    except LoginNeeded as error:
        raise LoginFailed(f"Spotify does not take its code ({error.reason}); run `myi login` again") from None
    if not reply.refresh_token:
        raise LoginFailed("Spotify gave no refresh token, so plays could not be followed; run `myi login` again")
    me = client.me(reply.access_token, priority=Priority.LOGIN)
    return _store(conn, keys, me, reply, reply.refresh_token, name=name, now=now())


def _store(
    conn: Connection,
    keys: TokenKeys,
    me: Me,
    reply: oauth.TokenReply,
    refresh_token: str,
    *,
    name: str | None,
    now: datetime,
) -> Linked:
    with conn.transaction():
        user = spotify_accounts.link_account(
            conn, name=name, spotify_id=me.spotify_id, account_id=me.account_id, display_name=me.display_name
        )
        with spotify_accounts.encryption_key_kept(conn):
            cipher = keys.cipher()
            spotify_accounts.save_authorization(
                conn,
                user.user_id,
                refresh_token=cipher.encrypt(refresh_token, user_id=user.user_id),
                access_token=cipher.encrypt(reply.access_token, user_id=user.user_id, kind=TokenKind.ACCESS),
                expires_at=reply.expires_at,
                scopes=oauth.SCOPES if reply.scopes is None else reply.scopes,
                now=now,
            )
    return Linked(user.user_id, user.name, me.display_name)
