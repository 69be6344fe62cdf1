"""Errors as RFC 9457 asks: one clear sentence in ``detail``, the kind of problem in ``type``."""

from __future__ import annotations

import logging
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from myi_pipelines.errors import MyiError
from myi_pipelines.serving.api.shapes.answers import Problem
from myi_pipelines.serving.asgi.error_pages import DATABASE_AWAY, RETRY_SECONDS, log_mistake
from myi_pipelines.serving.queries.scope import InvalidRange
from myi_pipelines.warehouse.users import UnknownTimezone, UnknownUser

logger = logging.getLogger("myi.web")

MEDIA_TYPE = "application/problem+json"
DOCUMENTED = "/api/v1/docs#"


class Kind(NamedTuple):
    """A kind of problem."""

    name: str
    status: int
    title: str
    text: str
    """What is said where nothing more is known."""


BAD_RANGE = Kind("bad-range", 400, "Bad range", "The range names no days.")
BAD_ZONE = Kind("bad-zone", 400, "Bad time zone", "No time zone has that name.")
BAD_CURSOR = Kind(
    "bad-cursor", 400, "Bad cursor", "`after` is no cursor of this list: leave it out to begin at the first page."
)
BAD_PARAMETER = Kind("bad-parameter", 400, "Bad parameter", "A parameter is not what was expected.")
NO_TOKEN = Kind("not-signed-in", 401, "Not signed in", "Send a token: Authorization: Bearer ….")
NOT_FOUND = Kind("not-found", 404, "Not found", "There is no such thing, or it is not shared with you.")
NOT_ALLOWED = Kind("method-not-allowed", 405, "Method not allowed", "This address takes other methods: see Allow.")
MISTAKE = Kind("our-mistake", 500, "Our mistake", "Something went wrong here. It was written to the log.")
AWAY = Kind("database-away", 503, "Database away", "The database does not answer at the moment: try again.")
KINDS = (BAD_RANGE, BAD_ZONE, BAD_CURSOR, BAD_PARAMETER, NO_TOKEN, NOT_FOUND, NOT_ALLOWED, MISTAKE, AWAY)
_BY_STATUS = {401: NO_TOKEN, 404: NOT_FOUND, 405: NOT_ALLOWED}


class BadCursor(MyiError):
    """``after`` is not a cursor that this list gave."""


class BadParameter(MyiError):
    """A parameter cannot be used as given; the text says why."""


class Answered(Exception):
    """The answer is known before the question is asked: the client has it already, or we have kept it."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def add_problems(app: FastAPI) -> None:
    """Let an application answer its errors so."""
    app.add_exception_handler(Answered, _of_answered)
    app.add_exception_handler(InvalidRange, _of_kind(BAD_RANGE))
    app.add_exception_handler(UnknownTimezone, _of_kind(BAD_ZONE))
    app.add_exception_handler(UnknownUser, lambda *_: problem(NOT_FOUND))
    app.add_exception_handler(BadCursor, _of_kind(BAD_CURSOR))
    app.add_exception_handler(MyiError, _of_kind(BAD_PARAMETER))
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    for family in DATABASE_AWAY:
        app.add_exception_handler(family, _of_database)
    app.add_exception_handler(Exception, _of_mistake)


def problem(kind: Kind, detail: str = "", headers: dict[str, str] | None = None, status: int | None = None) -> Response:
    """The answer that tells a problem."""
    body = Problem(
        type=DOCUMENTED + kind.name, title=kind.title, status=status or kind.status, detail=detail or kind.text
    )
    return JSONResponse(
        body.model_dump(), body.status, {"Cache-Control": "no-store", **(headers or {})}, media_type=MEDIA_TYPE
    )


def _of_kind(kind: Kind):  # type: ignore[no-untyped-def]
    def answer(_: Request, error: Exception) -> Response:
        return problem(kind, str(error))

    return answer


def _of_answered(_: Request, error: Exception) -> Response:
    assert isinstance(error, Answered)
    return error.response


def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    names = [str(part) for part in first["loc"][1:]]
    return problem(BAD_PARAMETER, f"{'.'.join(names) or 'the body'}: {_lower(first['msg'])}.")


def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code) or Kind(
        "http", error.status_code, HTTPException(error.status_code).detail, ""
    )
    detail = "" if error.detail == HTTPException(error.status_code).detail else error.detail
    headers = dict(error.headers or {})
    if error.status_code == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return problem(kind, detail, headers, error.status_code)


def _of_database(_: Request, error: Exception) -> Response:
    logger.warning("the database did not answer: %s", type(error).__qualname__)
    return problem(AWAY, headers={"Retry-After": RETRY_SECONDS})


def _of_mistake(_: Request, error: Exception) -> Response:
    return problem(MISTAKE, f"{MISTAKE.text} Its number is {log_mistake(error)}.")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
