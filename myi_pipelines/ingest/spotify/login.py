"""Link a Spotify account to a user: make the address at which the listener agrees, then check and store Spotify's
answer. The answer may come from ``login_callback`` or be pasted by hand."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs

from myi_pipelines.errors import FailedError, InputError, UnavailableError
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.api_errors import LoginNeeded
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.oauth import TokenReply
from myi_pipelines.sources.spotify.rate_limits import Priority
from myi_pipelines.sources.spotify.token_cipher import TokenCipher, TokenKind
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.spotify_accounts import Authorization


class NotAnAnswer(InputError):
    """The text is not the address to which Spotify sent the browser."""


class WrongState(InputError):
    """The answer belongs to another login."""


class LoginDenied(FailedError):
    """The listener or Spotify refused the login."""


class LoginFailed(UnavailableError):
    """Spotify did not accept the code of its own answer."""


@dataclass(frozen=True)
class LoginAttempt:
    """One login that is under way. Its secrets stay in this process."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class LoginServices:
    """What a login uses: the app, the clients of Spotify, and the key that encrypts the tokens."""

    app: oauth.App
    client: SpotifyClient
    keys: TokenKeys
    now: Callable[[], datetime] = oauth.utc_now


@dataclass(frozen=True)
class Linked:
    """The account that a login linked, and its user."""

    user_id: int
    name: str
    display_name: str | None


def begin_login(app: oauth.App) -> LoginAttempt:
    """A new attempt. The listener opens its ``url`` and agrees."""
    state, verifier = secrets.token_urlsafe(24), oauth.new_verifier()
    return LoginAttempt(oauth.authorize_url(app, state=state, verifier=verifier), state, verifier)


def code_in(attempt: LoginAttempt, redirected_url: str) -> str:
    """The code in the address to which Spotify sent the browser. Raises NotAnAnswer, WrongState or LoginDenied."""
    query = redirected_url.strip(" \t\r\n\"'<>").partition("?")[2].partition("#")[0]
    parameters = {name: values[0] for name, values in parse_qs(query).items()}
    if "state" not in parameters or not {"code", "error"} & parameters.keys():
        raise NotAnAnswer(
            "this is not the address that Spotify sends the browser to after you agree: "
            "it contains code=… and state=…; copy all of it"
        )
    if not hmac.compare_digest(parameters["state"].encode(), attempt.state.encode()):
        raise WrongState("this address belongs to another login: open the address shown here, and copy where it leads")
    if "code" not in parameters:
        reason = "you did not allow it" if parameters["error"] == "access_denied" else "Spotify refused the login"
        raise LoginDenied(f"{reason}, so nothing was linked; run `myi login` to try again")
    return parameters["code"]


def finish_login(
    conn: Connection,
    services: LoginServices,
    attempt: LoginAttempt,
    redirected_url: str,
    *,
    name: str | None = None,
    confirm: Callable[[str], None] = lambda _: None,
) -> Linked:
    """Link the account of Spotify's answer to the user ``name`` (see ``spotify_accounts.link_account``).

    ``confirm`` is asked before a link that mixes the history of the user with that of another account, or leaves one
    behind; it raises to refuse. Stores everything or nothing. Raises what ``code_in`` raises, LoginFailed, LinkRefused,
    InvalidUserName, and SpotifyError when Spotify cannot be asked now.
    """
    code = code_in(attempt, redirected_url)
    try:
        reply = oauth.exchange_code(services.app, code, attempt.verifier, now=services.now)
    except LoginNeeded as error:
        raise LoginFailed(f"Spotify does not take its code ({error.reason}); run `myi login` again") from None
    if not reply.refresh_token:
        raise LoginFailed("Spotify gave no refresh token, so plays could not be followed; run `myi login` again")
    me = services.client.me(reply.access_token, priority=Priority.LOGIN)
    if name is not None:
        doubts = spotify_accounts.doubts_about_link(conn, name=name, spotify_id=me.spotify_id, account_id=me.account_id)
        if doubts:
            confirm(f"{' '.join(doubts)} Link the account {me.spotify_id} to {name} all the same?")
    now = services.now()
    with conn.transaction():
        user = spotify_accounts.link_account(
            conn, name=name, spotify_id=me.spotify_id, account_id=me.account_id, display_name=me.display_name
        )
        with spotify_accounts.encryption_key_kept(conn):
            authorization = _authorization(services.keys.cipher(), user.user_id, reply, reply.refresh_token)
            spotify_accounts.save_authorization(conn, user.user_id, authorization, now)
    return Linked(user.user_id, user.name, me.display_name)


def _authorization(cipher: TokenCipher, user_id: int, reply: TokenReply, refresh_token: str) -> Authorization:
    return Authorization(
        refresh_token=cipher.encrypt(refresh_token, user_id=user_id),
        access_token=cipher.encrypt(reply.access_token, user_id=user_id, kind=TokenKind.ACCESS),
        access_token_expires_at=reply.expires_at,
        scopes=oauth.SCOPES if reply.scopes is None else reply.scopes,
    )
