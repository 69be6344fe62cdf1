"""What the widget `yourspotify` of Homepage, a start page, asks for: plays, time and artists since a day.

It sends its token in the address, so that only a token for embedding is taken, which can do nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from myi_pipelines.serving.access.identity import IN_ADDRESS
from myi_pipelines.serving.access.permissions import InvalidToken
from myi_pipelines.serving.access.tokens import viewer_of_token
from myi_pipelines.serving.access.viewers import Right
from myi_pipelines.serving.asgi.error_pages import DATABASE_AWAY, RETRY_SECONDS
from myi_pipelines.serving.context import context_of
from myi_pipelines.serving.queries.activity import Step, distinct, filled, totals
from myi_pipelines.serving.queries.listeners import load_listener
from myi_pipelines.serving.queries.scope import EARLIEST, Days, Listener, Scope, week_number, week_of
from myi_pipelines.serving.queries.tops import Kind, tops
from myi_pipelines.warehouse.database.connections import Connection

MOST_SPLITS = 120
"""Parts of an answer: each is counted by itself."""

Ask = Callable[[Connection, Scope], dict[str, Any]]


def songs_per(conn: Connection, scope: Scope) -> dict[str, Any]:
    """Plays, and how many songs they were of."""
    return {"count": totals(conn, scope).play_count, "differents": distinct(conn, scope).songs}


def time_per(conn: Connection, scope: Scope) -> dict[str, Any]:
    """Milliseconds listened."""
    return {"count": totals(conn, scope).total_ms}


def different_artists_per(conn: Connection, scope: Scope) -> dict[str, Any]:
    """The artists: the widget counts them."""
    number = distinct(conn, scope).artists
    rows = tops(conn, scope, [Kind.ARTIST], each=max(number, 1))[Kind.ARTIST].rows
    return {"artists": [{"id": str(row.item.id), "name": row.item.name, "count": row.play_count} for row in rows]}


def _endpoint(ask: Ask) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        context, query = context_of(request), request.query_params
        try:
            with context.keeping() as conn:
                viewer = viewer_of_token(conn, query.get(IN_ADDRESS, ""))
            if viewer is None or viewer.user_id is None or viewer.rights != {Right.READ_EMBED}:
                raise InvalidToken
            split = query.get("timeSplit", "all")
            if split != "all" and split not in tuple(Step):
                return _refused(400, f"timeSplit: expected all, {', '.join(Step)}")
            begins = _instant(query.get("start", ""))
            if begins is None:
                return _refused(400, "start: expected an instant such as 2024-05-03T00:00:00Z")
            with context.reading() as conn:
                listener = load_listener(conn, viewer.user_id)
                today = datetime.now(UTC).astimezone(listener.timezone).date()
                first = min(max(begins.astimezone(listener.timezone).date(), EARLIEST), today)
                days = Days(first, max(today, listener.ever.last if listener.ever else today))
                scopes = _split(Scope(listener, days), split)
                if len(scopes) > MOST_SPLITS:
                    return _refused(400, f"timeSplit: more than {MOST_SPLITS} of a {split}; begin later")
                rows = [{"_id": named, **ask(conn, scope)} for named, scope in scopes]
                return JSONResponse(rows, headers={"Cache-Control": "no-store"})
        except HTTPException as error:
            return _refused(error.status_code, error.detail)
        except DATABASE_AWAY:
            response = _refused(503, "the database does not answer")
            response.headers["Retry-After"] = RETRY_SECONDS
            return response

    return endpoint


HOMEPAGE: list[BaseRoute] = [
    Route("/spotify/songs_per", _endpoint(songs_per)),
    Route("/spotify/time_per", _endpoint(time_per)),
    Route("/spotify/different_artists_per", _endpoint(different_artists_per)),
]


def _split(scope: Scope, split: str) -> list[tuple[dict[str, int] | None, Scope]]:
    """The parts of a scope, and what the original calls each. Of all, it is one, without a name."""
    if split == "all":
        return [(None, scope)]
    step = Step(split)
    parts = filled([], scope.days, step, scope.listener)
    return [(_named(one.first, step, scope.listener), scope._replace(days=Days(one.first, one.last))) for one in parts]


def _named(day: date, step: Step, listener: Listener) -> dict[str, int]:
    match step:
        case Step.YEAR:
            return {"year": day.year}
        case Step.MONTH:
            return {"year": day.year, "month": day.month}
        case Step.WEEK:
            year, week = week_number(week_of(day, listener.week_starts_on))
            return {"year": year, "week": week}
    return {"year": day.year, "month": day.month, "day": day.day}


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)) if 1 < found.year < 9999 else None
    except ValueError:
        return None


def _refused(code: int, error: str) -> Response:
    return JSONResponse({"code": code, "error": error}, code, {"Cache-Control": "no-store"})
