"""The Web API's endpoints: permissions, parameters, and the pages of the answers. `payloads` has the fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from myi_pipelines.simulator.authorizations import AccessRefused, Grant
from myi_pipelines.simulator.availability import UnknownId
from myi_pipelines.simulator.clock import unix_ms
from myi_pipelines.simulator.faults import Kind, api_error, json_response, unauthorized
from myi_pipelines.simulator.listening import TERMS, Play
from myi_pipelines.simulator.payloads import ALBUM_IMAGES, ARTIST_IMAGES, Payload, Shapes
from myi_pipelines.simulator.pictures import draw
from myi_pipelines.simulator.searching import find_tracks
from myi_pipelines.simulator.simulated_spotify import Mode, Spotify

BATCH = {"tracks": 50, "artists": 50, "albums": 20}
TOP_AT_MOST = 99
SEARCH_LIMITS = {Mode.DEVELOPMENT: (5, 10), Mode.EXTENDED: (20, 50)}
GONE = {400: "invalid id", 404: "Resource not found"}


class _Objects(StringConvertor):
    regex = "|".join(BATCH)


class _TopLists(StringConvertor):
    regex = "tracks|artists"


register_url_convertor("object", _Objects())
register_url_convertor("top", _TopLists())


class Delivery(NamedTuple):
    """The plays of a page of recently-played, recorded as delivered once the reply begins."""

    user: str
    plays: list[Play]


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def refuse(status: int, message: str) -> Refused:
    return Refused(api_error(status, message))


def spotify_of(request: Request) -> Spotify:
    spotify = request.app.state.spotify
    assert isinstance(spotify, Spotify)
    return spotify


def shapes_of(request: Request) -> Shapes:
    spotify = spotify_of(request)
    return Shapes(spotify.world, str(request.base_url).rstrip("/"), spotify.mode is Mode.EXTENDED)


def bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _grant(request: Request, scope: str | None = None) -> Grant:
    token = bearer(request)
    if not token:
        raise refuse(401, "No token provided")
    try:
        grant = spotify_of(request).accounts.grant_of(token)
    except AccessRefused as error:
        raise Refused(unauthorized(str(error))) from None
    if scope is not None and scope not in grant.scopes:
        raise refuse(403, "Insufficient client scope")
    return grant


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?\d{1,9}", text) or not least <= int(text) <= most:
        raise refuse(400, f"Invalid {name}")
    return int(text)


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,14}", text):
        raise refuse(400, f"Invalid {name}")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))


async def me(request: Request) -> Response:
    spotify, grant = spotify_of(request), _grant(request)
    user = spotify.user(grant.user)
    assert user is not None
    payload = shapes_of(request).user(user, grant.scopes)
    if Kind.OMIT_ACCOUNT_ID in request.state.reshaping:
        del payload["account_id"]
    return json_response(payload)


async def recently_played(request: Request) -> Response:
    spotify, grant = spotify_of(request), _grant(request, "user-read-recently-played")
    limit = _number(request, "limit", 20, 1, 50)
    after, before = _moment(request, "after"), _moment(request, "before")
    if after is not None and before is not None:
        raise refuse(400, "Only one of after and before may be given")
    plays = spotify.listening.shown(grant.user, spotify.clock.now())
    if after is not None:
        plays = [play for play in plays if _ms_floor(play) > after]
    if before is not None:
        plays = [play for play in plays if _ms_floor(play) < before]
    total, plays = len(plays), plays[:limit]
    request.state.delivery = Delivery(grant.user, plays)
    return json_response({**_recent_page(request, plays, limit), "total": total})


def _ms_floor(play: Play) -> datetime:
    return play.played_at.replace(microsecond=play.played_at.microsecond // 1000 * 1000)


def _recent_page(request: Request, plays: list[Play], limit: int) -> Payload:
    spotify, shapes = spotify_of(request), shapes_of(request)
    items = [
        shapes.played(play, (play.track_id and spotify.availability.played(play.track_id)) or None) for play in plays
    ]
    if Kind.OUT_OF_ORDER in request.state.reshaping:
        items = items[1::2] + items[::2]
    url = f"{shapes.base_url}/v1/me/player/recently-played"
    cursors = next_page = None
    if plays:
        newest, oldest = unix_ms(plays[0].played_at), unix_ms(plays[-1].played_at)
        cursors = {"after": str(newest), "before": str(oldest)}
        next_page = f"{url}?before={oldest}&limit={limit}" if len(plays) == limit else None
    query = f"?{request.url.query}" if request.url.query else ""
    return {"items": items, "next": next_page, "cursors": cursors, "limit": limit, "href": f"{url}{query}"}


async def top(request: Request) -> Response:
    spotify, grant = spotify_of(request), _grant(request, "user-top-read")
    kind = request.path_params["kind"]
    term = request.query_params.get("time_range", "medium_term")
    if term not in TERMS:
        raise refuse(400, "Invalid time range")
    limit, offset = _number(request, "limit", 20, 1, 50), _number(request, "offset", 0, 0, 10_000)
    now, shapes = spotify.clock.now(), shapes_of(request)
    if kind == "tracks":
        ids = spotify.listening.top_tracks(grant.user, term, now)[:TOP_AT_MOST]
        items = [
            shapes.track(track, id_) for id_ in ids[offset : offset + limit]
            if (track := spotify.availability.played(id_)) is not None
        ]  # fmt: skip
    else:
        ids = spotify.listening.top_artists(grant.user, term, now)[:TOP_AT_MOST]
        items = [shapes.artist(spotify.world.artists[id_]) for id_ in ids[offset : offset + limit]]
    url = f"{shapes.base_url}/v1/me/top/{kind}"
    return json_response(shapes.page(url, f"time_range={term}&", items, len(ids), limit, offset))


def _object(request: Request, kind: str, id_: str) -> Payload:
    """One full object. Raises UnknownId."""
    availability, shapes = spotify_of(request).availability, shapes_of(request)
    if kind == "tracks":
        found = availability.track(id_)
        return shapes.track(found.track, found.shown_id, id_)
    if kind == "artists":
        return shapes.artist(availability.artist(id_))
    return shapes.album(availability.album(id_))


async def single(request: Request) -> Response:
    _grant(request)
    try:
        return json_response(_object(request, request.path_params["kind"], request.path_params["id"]))
    except UnknownId as error:
        raise refuse(error.status, GONE[error.status]) from None


async def batch(request: Request) -> Response:
    _grant(request)
    kind = request.path_params["kind"]
    if spotify_of(request).mode is Mode.DEVELOPMENT:
        raise refuse(403, "Forbidden")
    ids = [id_ for id_ in request.query_params.get("ids", "").split(",") if id_]
    if not ids:
        raise refuse(400, "Missing required field: ids")
    if len(ids) > BATCH[kind]:
        raise refuse(400, "Too many ids requested")
    found: list[Payload | None] = []
    for id_ in ids:
        try:
            found.append(_object(request, kind, id_))
        except UnknownId:
            found.append(None)
    return json_response({kind: found})


async def album_tracks(request: Request) -> Response:
    _grant(request)
    limit, offset = _number(request, "limit", 20, 1, 50), _number(request, "offset", 0, 0, 10_000)
    try:
        album = spotify_of(request).availability.album(request.path_params["id"])
    except UnknownId as error:
        raise refuse(error.status, GONE[error.status]) from None
    return json_response(shapes_of(request).album_tracks(album, limit, offset))


async def search(request: Request) -> Response:
    _grant(request)
    spotify, shapes = spotify_of(request), shapes_of(request)
    query = request.query_params.get("q", request.query_params.get("query", "")).strip()
    if not query:
        raise refuse(400, "No search query")
    if request.query_params.get("type") != "track":
        raise refuse(400, "Missing parameter type" if "type" not in request.query_params else "Bad search type")
    default, most = SEARCH_LIMITS[spotify.mode]
    limit, offset = _number(request, "limit", default, 1, most), _number(request, "offset", 0, 0, 1000)
    found = find_tracks(spotify.world, query, spotify.availability.gone)
    items = [shapes.track(track) for track in found[offset : offset + limit]]
    url = f"{shapes.base_url}/v1/search"
    page = shapes.page(url, f"query={quote(query)}&type=track&", items, len(found), limit, offset)
    return json_response({"tracks": page})


async def not_found(request: Request) -> Response:
    return api_error(404, "Service not found")


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response


HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {Refused: _refused}


async def image(request: Request) -> Response:
    """A picture of an album or an artist. Spotify serves these from hosts of their own, and asks for no token."""
    code, seed = request.path_params["name"][:16], request.path_params["name"][16:]
    sizes = {prefix: pixels for kind in (ALBUM_IMAGES, ARTIST_IMAGES) for pixels, prefix in kind.items()}
    if code not in sizes or not re.fullmatch("[0-9a-f]{24}", seed):
        return Response(status_code=404)
    return Response(
        draw(seed, sizes[code]), media_type="image/png", headers={"Cache-Control": "public, max-age=31536000"}
    )


ROUTES = [
    Route("/v1/me", me),
    Route("/v1/me/player/recently-played", recently_played),
    Route("/v1/me/top/{kind:top}", top),
    Route("/v1/albums/{id}/tracks", album_tracks),
    Route("/v1/{kind:object}/{id}", single),
    Route("/v1/{kind:object}", batch),
    Route("/v1/search", search),
    Route("/v1/{rest:path}", not_found),
    Route("/image/{name}", image),
]
