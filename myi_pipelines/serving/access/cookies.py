"""The cookies that we set: the session's, and that of a sign-in at Spotify which is under way."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

from myi_pipelines.serving.access.sessions import LASTS

SECURE_NAME = "__Host-myi"
"""Over https: the prefix makes browsers refuse it from other hosts and over http."""
UNDER_WAY_SECONDS = 600


def session_name(request: HTTPConnection) -> str:
    """The name of the session's cookie. Over http it has the port, which cookies do not know: two installations on one
    machine keep apart."""
    return SECURE_NAME if is_secure(request) else f"myi_{request.url.port or 80}"


def session_secret(request: HTTPConnection) -> str | None:
    """What the browser's cookie holds; None without one."""
    return request.cookies.get(session_name(request))


def set_session(request: HTTPConnection, response: Response, secret: str) -> None:
    """Let the browser keep a session."""
    _set(request, response, session_name(request), secret, round(LASTS.total_seconds()))


def clear_session(request: HTTPConnection, response: Response) -> None:
    """Let the browser forget its session."""
    _set(request, response, session_name(request), "", 0)


def set_under_way(request: HTTPConnection, response: Response, value: str) -> None:
    """Let the browser keep what it needs when it comes back from Spotify; "" lets it forget."""
    _set(request, response, f"{session_name(request)}_spotify", value, UNDER_WAY_SECONDS if value else 0)


def under_way(request: HTTPConnection) -> str:
    """What the browser has kept for coming back from Spotify."""
    return request.cookies.get(f"{session_name(request)}_spotify", "")


def is_secure(request: HTTPConnection) -> bool:
    """Whether the browser asks over https, as far as we and our proxies know."""
    return request.url.scheme in ("https", "wss")


def _set(request: HTTPConnection, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=is_secure(request), httponly=True, samesite="lax"
    )
