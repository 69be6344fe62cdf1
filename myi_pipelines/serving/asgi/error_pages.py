"""What is said when something is not there, not allowed, or does not work: plainly, and what to do next."""

from __future__ import annotations

import logging
import secrets
import traceback
from typing import NamedTuple
from urllib.parse import quote

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from myi_pipelines.warehouse.users import UnknownUser

logger = logging.getLogger("myi.web")

SIGN_IN = "/sign-in"
_LOGGED = "_logged_by_myi"
RETRY_SECONDS = "5"
DATABASE_AWAY: tuple[type[Exception], ...] = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
)


class Said(NamedTuple):
    """What an error page says."""

    title: str
    text: str


SAID = {
    400: Said("That request does not make sense", "Something in the address or the form is not what was expected."),
    401: Said("Sign in first", "Only somebody who is signed in can see this page."),
    403: Said("Not allowed", "You are signed in, but not for this."),
    404: Said(
        "Nothing here", "There is no such page, or it is not shared with you. If it is yours, sign in and try again."
    ),
    405: Said("Not like that", "This address takes other kinds of requests."),
    413: Said("Too large", "What was sent is larger than this page takes."),
    429: Said("Too many tries", "Wait a while before you try again."),
    500: Said("Something went wrong here", "It is our mistake, not yours. It was written to the log."),
    503: Said(
        "The database is away",
        "Your history is safe, but it cannot be read at the moment. This page works again when the database does.",
    ),
}


def add_error_pages(app: Starlette) -> None:
    """Let an application answer its errors by pages, or by JSON where that is asked for."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(UnknownUser, _of_unknown_user)
    for family in DATABASE_AWAY:
        app.add_exception_handler(family, _of_database)
    app.add_exception_handler(Exception, _of_mistake)


def error_response(request: Request, status: int, *, detail: str = "", retry: str = "") -> Response:
    """A page that says what is wrong, or JSON (RFC 9457) where that is asked for."""
    said = SAID.get(status) or Said("That did not work", "")
    if status == 503 and detail:
        said = Said("Not at this moment", detail)
    text = detail or said.text
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": retry} if retry else {})
    if wants_json(request):
        problem = {"type": "about:blank", "title": said.title, "status": status, "detail": text}
        return JSONResponse(problem, status, headers, media_type="application/problem+json")
    context = getattr(request.state, "context", None)
    if context is None:
        return HTMLResponse(f"<!doctype html><title>{said.title}</title><h1>{said.title}</h1>", status, headers)
    page: Response = context.page("error.html", status, title=said.title, text=text, status_code=status)
    page.headers.update(headers)
    return page


def wants_json(request: Request) -> bool:
    """Whether a program asks, and not a person's browser."""
    accept = request.headers.get("accept", "")
    return "text/html" not in accept and ("json" in accept or request.url.path.startswith("/api/"))


def log_mistake(error: BaseException) -> str:
    """Write down where a mistake happened, without what it says: that may hold names. Return how to find it again."""
    number = secrets.token_hex(4)
    frames = traceback.extract_tb(error.__traceback__)
    places = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    error.__dict__[_LOGGED] = True
    logger.error("mistake %s: %s.%s\n%s", number, type(error).__module__, type(error).__qualname__, places)
    return number


def was_logged(error: BaseException) -> bool:
    """Whether ``log_mistake`` has written it down."""
    return _LOGGED in error.__dict__


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    has_token = "WWW-Authenticate" in (error.headers or {})
    if error.status_code == 401 and not has_token and not wants_json(request) and request.method in ("GET", "HEAD"):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{SIGN_IN}?next={quote(target, safe='')}", 303, {"Cache-Control": "no-store"})
    detail = "" if error.detail == _phrase(error.status_code) else error.detail
    response = error_response(request, error.status_code, detail=detail)
    response.headers.update(error.headers or {})
    return response


def _phrase(status: int) -> str:
    return HTTPException(status).detail


def _of_unknown_user(request: Request, error: Exception) -> Response:
    """Somebody signed in whom the database that is read does not know: a replica not yet, or not any more."""
    return error_response(request, 404)


def _of_database(request: Request, error: Exception) -> Response:
    logger.warning("the database did not answer: %s", type(error).__qualname__)
    return error_response(request, 503, retry=RETRY_SECONDS)


def _of_mistake(request: Request, error: Exception) -> Response:
    return error_response(request, 500, detail=f"{SAID[500].text} Its number is {log_mistake(error)}.")
