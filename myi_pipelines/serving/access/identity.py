"""Finds out who asks: by a token, a proxy of ours, or the cookie of a session, in this order."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from myi_pipelines.serving.access.cookies import session_secret
from myi_pipelines.serving.access.permissions import InvalidToken
from myi_pipelines.serving.access.sessions import viewer_of_session
from myi_pipelines.serving.access.tokens import viewer_of_token
from myi_pipelines.serving.access.viewers import STRANGER, Kind, Right, Viewer
from myi_pipelines.serving.context import Context
from myi_pipelines.warehouse.users import find_user

EMBEDDED = "/embed/"
"""Where any page may send a visitor's browser: no cookie and no proxy says who asks there, and tokens may stand in the
address."""
IN_ADDRESS = "token"
"""The parameter of an address that holds a token."""


def identify(request: HTTPConnection, context: Context) -> Viewer:
    """Who asks. Raises InvalidToken."""
    if text := bearer(request):
        return _of_token(context, text)
    if request.url.path.startswith(EMBEDDED):
        return _of_address(request, context)
    if name := getattr(request.state, "proxy_user", ""):
        return _of_name(context, name)
    if secret := session_secret(request):
        with context.keeping() as conn:
            return viewer_of_session(conn, secret) or STRANGER
    return STRANGER


def bearer(request: HTTPConnection) -> str:
    """The token of the header ``Authorization: Bearer …`` or ``Token …``; empty without one."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() in ("bearer", "token") else ""


def _of_token(context: Context, text: str) -> Viewer:
    with context.keeping() as conn:
        viewer = viewer_of_token(conn, text)
    if viewer is None:
        raise InvalidToken
    return viewer


def _of_address(request: HTTPConnection, context: Context) -> Viewer:
    """By the token of an address, which must be good for nothing else: addresses are written down in many places."""
    text = request.query_params.get(IN_ADDRESS, "")
    if not text:
        return STRANGER
    viewer = _of_token(context, text)
    if viewer.rights != {Right.READ_EMBED}:
        raise InvalidToken
    return viewer


def _of_name(context: Context, name: str) -> Viewer:
    with context.glancing() as conn:
        user = find_user(conn, name)
    return Viewer(Kind.LISTENER, user.id) if user else STRANGER
