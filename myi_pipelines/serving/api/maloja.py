"""What programs that know Maloja send to its API: scrobbles, and whether the server and their key are right.

The key is a token that may submit plays. It stands in the arguments; in an address it may do nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from myi_pipelines.serving.access.permissions import InvalidToken
from myi_pipelines.serving.api.listens import EARLIEST, LONGEST_S, SECONDS_AHEAD, play_of, track_of
from myi_pipelines.serving.api.problems import AWAY
from myi_pipelines.serving.asgi.error_pages import DATABASE_AWAY, RETRY_SECONDS, log_mistake
from myi_pipelines.serving.context import Context, context_of
from myi_pipelines.serving.submissions import NoScope, Submitter, body_of, land, submitter_of
from myi_pipelines.sources.exports import Play

PREFIX = "/apis/mlj_1"
VERSION = "3.2.4"
"""Of Maloja: programs choose by it how they ask."""
LARGEST_BODY = 16 * 1024
SECONDS_TO_ARRIVE = 5
"""For a body, of which nobody knows yet whose it is: the key stands in it."""
KEYS = ("key", "apikey")
KNOWN = ("artist", "artists", "title", "album", "albumartists", "duration", "length", "time", "nofix")


class Failed(Exception):
    """A request is answered with one of Maloja's errors."""

    def __init__(self, status: int, kind: str, value: object, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = {"type": kind, "value": value, "desc": description}


class Scrobble(NamedTuple):
    """What is scrobbled."""

    artists: list[str]
    title: str
    play: Play
    unknown: list[str]
    """Names of arguments that mean nothing here."""


async def new_scrobble(request: Request) -> Response:
    """``POST newscrobble``: arguments in the address, a form or JSON."""
    context = context_of(request)
    submissions = context.submissions
    rate: Mapping[str, str] = {}
    try:
        arguments, in_address = await _arguments(request)
        key = _key(arguments)
        with submissions.place():
            submitter = await submissions.work(submitter_of, context, key, in_address=in_address)
            rate = submitter.rate.headers()
            with submissions.place_of(submitter):
                answer = await submissions.work(_scrobble, context, submitter, arguments)
    except Failed as failed:
        return _sent({"status": "failure", "error": failed.error}, failed.status, rate)
    except Exception as error:
        return _error_of(error, rate)
    return _sent(answer, 200, rate)


async def test(request: Request) -> Response:
    """``GET test``: that this is a server, and, with a key, that it may scrobble."""
    key = _key(dict(request.query_params))
    if not key:
        return _sent({"status": "ok"})
    context = context_of(request)
    try:
        with context.submissions.place():
            await context.submissions.work(submitter_of, context, key, in_address=True)
    except (InvalidToken, NoScope):
        return _sent({"status": "error", "error": "Wrong API key"}, 403)
    except Exception as error:
        return _error_of(error, {})
    return _sent({"status": "ok"})


async def server_info(request: Request) -> Response:
    """``GET serverinfo``."""
    return _sent(
        {
            "name": "MYI",
            "version": VERSION.split("."),
            "versionstring": VERSION,
            "db_status": {"healthy": True, "rebuildinprogress": False, "complete": True},
        }
    )


MALOJA: list[BaseRoute] = [
    Route(f"{PREFIX}/newscrobble", new_scrobble, methods=["POST"]),
    Route(f"{PREFIX}/test", test),
    Route(f"{PREFIX}/serverinfo", server_info),
]


async def _arguments(request: Request) -> tuple[dict[str, Any], bool]:
    """The arguments, where those of the body count before those of the address; and whether the key is in the latter.

    Raises Failed.
    """
    body = await body_of(request, LARGEST_BODY, SECONDS_TO_ARRIVE)
    arguments: dict[str, Any] = {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        request._body = body
        async with request.form(max_files=0, max_fields=100) as form:
            arguments = _several(form)
    elif body:
        try:
            sent = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            sent = None
        if not isinstance(sent, dict):
            raise Failed(400, "malformed_json", None, "The body is neither a form nor a JSON object.")
        arguments = sent
    in_address = not any(name in arguments for name in KEYS)
    return _several(request.query_params) | arguments, in_address


def _several(fields: FormData | QueryParams) -> dict[str, Any]:
    """Fields by name; ``artist`` may be there several times."""
    found: dict[str, Any] = {name: value for name, value in fields.multi_items() if isinstance(value, str)}
    for name in ("artist", "artists", "albumartists"):
        if values := [value for value in fields.getlist(name) if isinstance(value, str)]:
            found[name] = values
    return found


def _key(arguments: dict[str, Any]) -> str:
    keys = [arguments.pop(name, None) for name in KEYS]
    return next((key for key in keys if isinstance(key, str)), "")


def _scrobble(context: Context, submitter: Submitter, arguments: Mapping[str, Any]) -> dict[str, Any]:
    scrobble = _read(arguments)
    land(context, submitter, [scrobble.play])
    answer: dict[str, Any] = {
        "status": "success",
        "track": {"artists": scrobble.artists, "title": scrobble.title},
        "desc": f"Scrobbled {scrobble.title} by {', '.join(scrobble.artists)}",
    }
    if scrobble.unknown:
        description = "This key was not recognized by the server and has been discarded."
        answer["warnings"] = [
            {"type": "invalid_keyword_ignored", "value": name, "desc": description} for name in scrobble.unknown
        ]
    return answer


def _read(arguments: Mapping[str, Any]) -> Scrobble:
    """What the arguments say. Raises Failed."""
    artists = [*_texts(arguments.get("artist")), *_texts(arguments.get("artists"))]
    title = arguments.get("title")
    album = arguments.get("album")
    track = track_of(
        title if isinstance(title, str) else "",
        artists[0] if artists else "",
        album if isinstance(album, str) else None,
    )
    if track is None:
        needed = {"track_artists": not artists, "track_title": not isinstance(title, str) or not title.strip()}
        missing = [name for name, is_missing in needed.items() if is_missing] or list(needed)
        raise Failed(400, "missing_scrobble_data", missing, "The scrobble is missing needed parameters.")
    began = _whole(arguments.get("time"), "time")
    if began is None:
        began = int(time.time())
    if not EARLIEST <= began < time.time() + SECONDS_AHEAD:
        raise Failed(400, "invalid_value", "time", "The time is before October 2002, or in the future.")
    length_s, heard_s = (_seconds(arguments.get(name), name) for name in ("length", "duration"))
    play = play_of(track, began, length_s, heard_s)
    return Scrobble(artists, track.name or "", play, [name for name in arguments if name not in KNOWN])


def _texts(value: Any) -> list[str]:
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str) and one.strip()]


def _seconds(value: Any, name: str) -> int | None:
    seconds = _whole(value, name)
    return seconds if seconds is not None and 0 < seconds <= LONGEST_S else None


def _whole(value: Any, name: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        return int(float(value))
    except (ValueError, TypeError, OverflowError):
        raise Failed(400, "invalid_value", name, f"The parameter {name} is no number.") from None


def _error_of(error: Exception, rate: Mapping[str, str]) -> Response:
    """The answer to what went wrong, in Maloja's shape."""
    if isinstance(error, InvalidToken | NoScope):
        return _sent({"error": {"type": "authentication_fail", "value": "invalid_key"}}, 403, rate)
    status, kind, description, headers = 500, "unknown_error", "The server has encountered an exception.", dict(rate)
    if isinstance(error, HTTPException):
        status, kind, description = error.status_code, "http_error", error.detail
        headers |= error.headers or {}
    elif isinstance(error, DATABASE_AWAY):
        status, kind, description = 503, "server_not_ready", AWAY.text
        headers["Retry-After"] = RETRY_SECONDS
    else:
        log_mistake(error)
    return _sent({"status": "error", "error": {"type": kind, "value": None, "desc": description}}, status, headers)


def _sent(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(content, status, {"Cache-Control": "no-store", **(headers or {})})
