"""The accounts service's endpoints: the page that asks the user, and the token endpoint. `authorizations` has the rules
of tokens."""

from __future__ import annotations

import binascii
from base64 import b64decode
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from myi_pipelines.simulator import authorize_page
from myi_pipelines.simulator.authorizations import (
    AuthorizationRefused,
    AuthorizationRequest,
    IssuedTokens,
    TokenRefused,
)
from myi_pipelines.simulator.faults import Kind, json_response, token_error
from myi_pipelines.simulator.web_api import spotify_of


def _authorization(request: Request) -> AuthorizationRequest:
    """Raises AuthorizationRefused."""
    return spotify_of(request).accounts.check_request(dict(request.query_params))


async def ask(request: Request) -> Response:
    """Ask the user for consent, as Spotify does after the login."""
    try:
        asked = _authorization(request)
    except AuthorizationRefused as error:
        return HTMLResponse(authorize_page.refusal(str(error)), 400)
    return HTMLResponse(authorize_page.choose_user(asked, spotify_of(request).users))


async def answer(request: Request) -> Response:
    """Send the browser back to the app with a code, or with the user's refusal."""
    spotify = spotify_of(request)
    try:
        asked = _authorization(request)
    except AuthorizationRefused as error:
        return HTMLResponse(authorize_page.refusal(str(error)), 400)
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    user = spotify.user(form.get("user", ""))
    if "deny" in form:
        reply = {"error": "access_denied"}
    elif user is None:
        return HTMLResponse(authorize_page.refusal("No such user"), 400)
    else:
        reply = {"code": spotify.accounts.allow(asked, user.name)}
    if asked.state is not None:
        reply["state"] = asked.state
    joint = "&" if "?" in asked.redirect_uri else "?"
    return RedirectResponse(f"{asked.redirect_uri}{joint}{urlencode(reply)}", 303)


def _basic(request: Request) -> tuple[str | None, str | None]:
    """Client id and secret of an Authorization header. Raises TokenRefused."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None, None
    try:
        client_id, colon, secret = b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise TokenRefused("invalid_client", "Invalid client")
    return unquote(client_id), unquote(secret)


async def token(request: Request) -> Response:
    """Exchange a code, or refresh."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return token_error("unsupported_media_type", "the body must be a form", 415)
    form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
    try:
        return _reply(_issue(request, form), request.state.reshaping)
    except TokenRefused as error:
        return token_error(error.error, error.description, error.status)


def _issue(request: Request, form: dict[str, str]) -> IssuedTokens:
    """Raises TokenRefused."""
    accounts = spotify_of(request).accounts
    grant_type = form.get("grant_type")
    if grant_type not in ("authorization_code", "refresh_token"):
        raise TokenRefused("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
    named, secret = _basic(request)
    client_id = named or form.get("client_id", "")
    secret = secret or form.get("client_secret")
    accounts.check_client(client_id, secret)
    if grant_type == "authorization_code":
        return accounts.exchange(form, client_id, secret)
    rotate = Kind.ROTATE_REFRESH_TOKEN in request.state.reshaping
    return accounts.refresh(form.get("refresh_token"), client_id, secret, rotate=rotate)


def _reply(issued: IssuedTokens, reshaping: frozenset[Kind]) -> Response:
    body: dict[str, str | int] = {
        "access_token": issued.access,
        "token_type": "Bearer",
        "expires_in": issued.lifetime,
        "refresh_token": issued.refresh,
        "scope": " ".join(sorted(issued.grant.scopes)),
    }
    if Kind.EMPTY_REFRESH_TOKEN in reshaping:
        body["refresh_token"] = ""
    if Kind.OMIT_REFRESH_TOKEN in reshaping:
        del body["refresh_token"]
    if Kind.OMIT_SCOPE in reshaping:
        del body["scope"]
    return json_response(body, headers={"Cache-Control": "no-store"})


ROUTES = [
    Route("/authorize", ask, methods=["GET"]),
    Route("/authorize", answer, methods=["POST"]),
    Route("/api/token", token, methods=["POST"]),
]
