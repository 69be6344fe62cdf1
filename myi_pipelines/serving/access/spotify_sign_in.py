"""Sign in by Spotify, and link an account: begun in a browser, answered there. What is needed in between is kept in a
cookie of that browser, so that the answer counts in no other.

An account signs in the listener whom it is linked to, and nobody else.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import URL

from myi_pipelines.errors import InputError, MyiError
from myi_pipelines.ingest.spotify.app_settings import app_of, client_of
from myi_pipelines.ingest.spotify.login import LoginAttempt, LoginServices, begin_login, code_in, finish_login
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.serving.access.viewers import Kind, Viewer
from myi_pipelines.serving.context import Context
from myi_pipelines.serving.forms import own_path
from myi_pipelines.sources.spotify import oauth
from myi_pipelines.sources.spotify.rate_limits import Priority
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.users import known_user

UNKNOWN = "Nobody here has this Spotify account. Sign in another way, and link it in the settings."
NOT_LINKED = "Not linked"
NOT_SIGNED_IN = "Not signed in"


class Doubtful(InputError):
    """The account has, or had, another history: somebody has to say that it is meant. Says what to ask them."""


class Kept(msgspec.Struct, frozen=True):
    """What the browser keeps of what was begun. What a cookie says otherwise is not kept by us."""

    state: str = ""
    verifier: str = ""
    link: int | None = None
    """The listener to link the account to; None: to sign in."""
    next: str = "/"
    """Where to go on."""
    sure: str = ""
    """The digest of the question that was answered with yes."""
    question: str = ""
    """The digest of the question that was asked last."""


@dataclass(frozen=True)
class Outcome:
    """What Spotify's answer has led to."""

    target: str = "/"
    """Where to go on."""
    signs_in: int | None = None
    """The listener to sign in."""
    title: str = ""
    text: str = ""
    """What to say instead of going on."""
    question: str = ""
    """What the browser is to keep, where the text asks whether to link the account: see ``begin``."""
    status: int = 403


class SpotifySignIn:
    """What can be done by Spotify's accounts service."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings

    def is_possible(self, url: URL) -> bool:
        """Whether Spotify sends a browser back to the address by which it asks us now."""
        redirect = urlsplit(self._settings.spotify_redirect_uri)
        return bool(self._settings.spotify_client_id) and (url.scheme, url.netloc) == (redirect.scheme, redirect.netloc)

    def begin(self, link_to: int | None, target: str, sure: str = "") -> tuple[str, str]:
        """The address at Spotify, and what the browser keeps. ``link_to``: the listener to link the account to; None
        signs in. ``sure``: the question that was answered with yes, which is not asked again."""
        attempt = begin_login(app_of(self._settings))
        return attempt.url, _written(Kept(attempt.state, attempt.verifier, link_to, target, sure))

    def question_of(self, kept: str) -> str:
        """The question that this browser was asked last; empty for none."""
        return _read(kept).question

    def state_of(self, kept: str) -> str:
        """The state that the answer must have; empty for what we have not made."""
        return _read(kept).state

    def finish(self, kept: str, query: str, viewer: Viewer) -> Outcome:
        """Do what was begun. Never raises what a person can cause."""
        values = _read(kept)
        attempt = LoginAttempt("", values.state, values.verifier)
        target, link_to = own_path(values.next), values.link
        try:
            if link_to is None:
                return self._sign_in(attempt, query, target)
            if viewer.kind is not Kind.LISTENER or viewer.user_id is None or viewer.user_id != link_to:
                return Outcome(title=NOT_LINKED, text="You have signed out, or in as somebody else, since you began.")
            return self._link(attempt, query, target, viewer.user_id, values.sure)
        except Doubtful as doubt:
            return Outcome(target, text=str(doubt), question=_written(Kept(question=_digest(str(doubt)))), status=409)
        except MyiError as error:
            return Outcome(title=NOT_SIGNED_IN if link_to is None else NOT_LINKED, text=_sentence(str(error)))

    def _sign_in(self, attempt: LoginAttempt, query: str, target: str) -> Outcome:
        code = code_in(attempt, f"?{query}")
        reply = oauth.exchange_code(app_of(self._settings), code, attempt.verifier)
        with client_of(self._settings) as client:
            me = client.me(reply.access_token, priority=Priority.LOGIN)
        with self._context.glancing() as conn:
            account = {"spotify_id": me.spotify_id, "account_id": me.account_id}
            row = conn.execute(statement("access/listener_of_account"), account).fetchone()
        if row is None:
            return Outcome(title=NOT_SIGNED_IN, text=UNKNOWN)
        return Outcome(target, signs_in=int(row[0]))

    def _link(self, attempt: LoginAttempt, query: str, target: str, user_id: int, sure: str) -> Outcome:
        def ask(question: str) -> None:
            if _digest(question) != sure:
                raise Doubtful(question)

        with self._context.owning() as conn, client_of(self._settings) as client:
            row = conn.execute("SELECT name FROM users WHERE id = %s", [user_id]).fetchone()
            name = known_user(conn, str(row[0]) if row else "").name
            services = LoginServices(app_of(self._settings), client, TokenKeys.of_settings(self._settings))
            finish_login(conn, services, attempt, f"?{query}", name=name, confirm=ask)
        return Outcome(target)


def _digest(question: str) -> str:
    """Tells questions apart: a yes counts for the account and the listener that it names, as they are."""
    return hashlib.sha256(question.encode()).hexdigest()


def _written(values: Kept) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode()


def _read(kept: str) -> Kept:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(kept.encode()), type=Kept)
    except (ValueError, RecursionError):
        return Kept()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
