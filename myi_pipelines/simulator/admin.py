"""The admin endpoint: moves the clock, adds plays, sets faults, returns the true plays. `control` is its client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from myi_pipelines.simulator.clock import iso_ms
from myi_pipelines.simulator.faults import BadFault, json_response
from myi_pipelines.simulator.listening import Delay, Play
from myi_pipelines.simulator.simulated_spotify import Spotify
from myi_pipelines.simulator.web_api import spotify_of

Answer = Any


class BadOrder(Exception):
    """An admin request that cannot be carried out; the message says why."""


def _time(body: dict[str, Any], name: str) -> datetime:
    moment = _time_or_none(body, name)
    if moment is None:
        raise BadOrder(f"{name} is missing")
    return moment


def _time_or_none(body: dict[str, Any], name: str) -> datetime | None:
    if body.get(name) is None:
        return None
    try:
        moment = datetime.fromisoformat(str(body[name]))
    except ValueError:
        raise BadOrder(f"{name} is {body[name]!r} (expected an ISO time)") from None
    if moment.tzinfo is None:
        raise BadOrder(f"{name} is {body[name]!r} (expected a time with its offset from UTC)")
    return moment.astimezone(UTC)


def _user(spotify: Spotify, body: dict[str, Any]) -> str:
    name = str(body.get("user"))
    if spotify.user(name) is None:
        raise BadOrder(f"no user {name!r}; there are {', '.join(one.name for one in spotify.users)}")
    return name


def _user_or_none(spotify: Spotify, body: dict[str, Any]) -> str | None:
    return None if body.get("user") is None else _user(spotify, body)


def _play(play: Play) -> dict[str, Any]:
    return {
        "track_id": play.track_id,
        "played_at": iso_ms(play.played_at),
        "duration_ms": play.duration_ms,
        "ms_played": play.ms_played,
    }


def now(spotify: Spotify, body: dict[str, Any]) -> Answer:
    return iso_ms(spotify.clock.now())


def advance(spotify: Spotify, body: dict[str, Any]) -> Answer:
    spotify.clock.advance(timedelta(seconds=float(body["seconds"])))
    return iso_ms(spotify.clock.now())


def set_time(spotify: Spotify, body: dict[str, Any]) -> Answer:
    spotify.clock.set(_time(body, "to"))
    return iso_ms(spotify.clock.now())


def users(spotify: Spotify, body: dict[str, Any]) -> Answer:
    fields = ("name", "display_name", "timezone", "spotify_id", "account_id", "country")
    return [{field: getattr(one, field) for field in fields} for one in spotify.users]


def plays(spotify: Spotify, body: dict[str, Any]) -> Answer:
    found = spotify.listening.plays(_user(spotify, body), _time(body, "since"), _time(body, "until"))
    return [_play(play) for play in found]


def shown(spotify: Spotify, body: dict[str, Any]) -> Answer:
    at = _time_or_none(body, "at") or spotify.clock.now()
    return [_play(play) for play in spotify.listening.shown(_user(spotify, body), at)]


def delivered(spotify: Spotify, body: dict[str, Any]) -> Answer:
    found = spotify.delivered[_user(spotify, body)].values()
    return [_play(play) for play in sorted(found, key=lambda play: play.played_at)]


def add_play(spotify: Spotify, body: dict[str, Any]) -> Answer:
    user, played_at, track_id = _user(spotify, body), _time(body, "played_at"), body.get("track_id")
    played_at = played_at.replace(microsecond=played_at.microsecond // 1000 * 1000)
    track = spotify.availability.played(track_id) if track_id is not None else None
    if track_id is not None and track is None:
        raise BadOrder(f"no track {track_id!r} in the catalog")
    duration_ms = track.duration_ms if track else 180_000
    ms_played = int(body.get("ms_played") or duration_ms)
    play = Play(played_at, track_id, duration_ms, ms_played, _time_or_none(body, "visible_from") or played_at)
    spotify.listening.add(user, play)
    return _play(play)


def delay_plays(spotify: Spotify, body: dict[str, Any]) -> Answer:
    delay = Delay(
        _user_or_none(spotify, body), float(body["share"]), timedelta(seconds=float(body["seconds"])),
        spotify.clock.now(), None,
    )  # fmt: skip
    spotify.listening.delays.append(delay)
    return None


def stop_delays(spotify: Spotify, body: dict[str, Any]) -> Answer:
    ended = [one._replace(until=one.until or spotify.clock.now()) for one in spotify.listening.delays]
    spotify.listening.delays = ended


def fault(spotify: Spotify, body: dict[str, Any]) -> Answer:
    times = body.get("times")
    try:
        return spotify.faults.add(
            str(body.get("kind")), path_prefix=body.get("path_prefix"), times=None if times is None else int(times),
            user=_user_or_none(spotify, body), details=dict(body.get("details", {})),
        )  # fmt: skip
    except BadFault as error:
        raise BadOrder(str(error)) from None


def clear_faults(spotify: Spotify, body: dict[str, Any]) -> Answer:
    spotify.faults.clear(body.get("number"))


def revoke(spotify: Spotify, body: dict[str, Any]) -> Answer:
    spotify.accounts.revoke(_user(spotify, body))


def expire_access_tokens(spotify: Spotify, body: dict[str, Any]) -> Answer:
    spotify.accounts.expire_access_tokens()


def relink(spotify: Spotify, body: dict[str, Any]) -> Answer:
    spotify.availability.relink(str(body["asked_id"]), str(body["returned_id"]))


def make_gone(spotify: Spotify, body: dict[str, Any]) -> Answer:
    status = int(body.get("status", 404))
    if status not in (400, 404):
        raise BadOrder(f"status is {status} (expected 400 or 404)")
    spotify.availability.make_gone(str(body["id"]), status)


def restore(spotify: Spotify, body: dict[str, Any]) -> Answer:
    spotify.availability.restore(str(body["id"]))


def requests(spotify: Spotify, body: dict[str, Any]) -> Answer:
    found = spotify.log.find(str(body.get("path_prefix") or ""), _time_or_none(body, "since"))
    return [request.as_json() for request in found]


def clear_requests(spotify: Spotify, body: dict[str, Any]) -> Answer:
    spotify.log.clear()


def catalog(spotify: Spotify, body: dict[str, Any]) -> Answer:
    world = spotify.world
    return {
        "artists": [{"id": one.id, "name": one.name, "genres": one.genres} for one in world.artists.values()],
        "albums": [
            {"id": one.id, "name": one.name, "artist_ids": one.artist_ids, "track_ids": one.track_ids}
            for one in world.albums.values()
        ],
        "tracks": [
            {
                "id": one.id, "name": one.name, "artist_ids": one.artist_ids, "album_id": one.album_id,
                "duration_ms": one.duration_ms, "isrc": one.isrc,
            }
            for one in world.tracks.values()
        ],
        "relinked": spotify.availability.relinked,
        "gone": spotify.availability.gone,
    }  # fmt: skip


ORDERS: dict[str, Callable[[Spotify, dict[str, Any]], Answer]] = {
    order.__name__: order
    for order in (
        now, advance, set_time, users, plays, shown, delivered, add_play, delay_plays, stop_delays, fault, clear_faults,
        revoke, expire_access_tokens, relink, make_gone, restore, requests, clear_requests, catalog,
    )
}  # fmt: skip


async def order(request: Request) -> Response:
    """Carry an order out: its name in the path, its details as a JSON object."""
    name = request.path_params["order"]
    if name not in ORDERS:
        return json_response({"error": f"no order {name!r}; there are {', '.join(ORDERS)}"}, 404)
    try:
        body = await request.json() if await request.body() else {}
        if not isinstance(body, dict):
            raise BadOrder("the details of an order are a JSON object")
        return json_response({"answer": ORDERS[name](spotify_of(request), body)})
    except KeyError as error:
        return json_response({"error": f"{error.args[0]} is missing"}, 400)
    except (BadOrder, ValueError, TypeError) as error:
        return json_response({"error": str(error)}, 400)


ROUTES = [Route("/admin/{order}", order, methods=["POST"])]
