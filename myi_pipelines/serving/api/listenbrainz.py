"""What programs that know ListenBrainz ask for, in its shapes: whose token it is, listens, counts and statistics.
What they submit is in ``submit_listens``.

Its ``listened_at`` is the start of a play in whole seconds. Weeks begin on the listener's day. Errors are ``{code,
error}``. Programs find it at ``/1/…`` or ``/apis/listenbrainz/1/…``, whichever address they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from myi_pipelines.serving.access.identity import IN_ADDRESS, bearer
from myi_pipelines.serving.access.permissions import InvalidToken, NotVisible, Part
from myi_pipelines.serving.access.tokens import viewer_of_token
from myi_pipelines.serving.api.asking import Asked, AskingListener
from myi_pipelines.serving.api.listens import Refused
from myi_pipelines.serving.api.problems import AWAY, MISTAKE, Answered
from myi_pipelines.serving.asgi.error_pages import DATABASE_AWAY, RETRY_SECONDS, log_mistake
from myi_pipelines.serving.asgi.etags import with_etag
from myi_pipelines.serving.context import context_of
from myi_pipelines.serving.playing_now import find_playing_now
from myi_pipelines.serving.queries.activity import Bucket, Step, activity, clock, totals
from myi_pipelines.serving.queries.history import Before, Play, history
from myi_pipelines.serving.queries.listeners import load_listener
from myi_pipelines.serving.queries.periods import archived_in
from myi_pipelines.serving.queries.scope import ONE_DAY, Days, Listener, Scope, parse_range
from myi_pipelines.serving.queries.tops import Kind, TopRow, tops
from myi_pipelines.warehouse.users import UnknownUser

PREFIXES = ("", "/apis/listenbrainz")
MOST_LISTENS = 1_000
MOST_RANKS = 1_000
"""Of a list of statistics, as at ListenBrainz."""
LONGEST_PLAY = timedelta(hours=6)
"""A play that began before an instant ended so long after it at most."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Span(NamedTuple):
    """The days of a range of statistics, and in which steps and with which days before it their activity is shown."""

    days: Days
    with_before: Days
    step: Step
    label: str
    """Of each step, for ``strftime``."""


Ask = Callable[[Asked, Mapping[str, str]], "dict[str, Any] | None"]


def validate_token(request: Request) -> Response:
    """``GET /1/validate-token``: whose a token is. A wrong one is no error."""
    text = bearer(request) or request.query_params.get(IN_ADDRESS, "")
    if not text:
        return error_answer(400, "You need to provide an Authorization token.")
    context = context_of(request)
    with context.keeping() as conn:
        viewer = viewer_of_token(conn, text)
    if viewer is None or viewer.user_id is None:
        return _sent({"code": 200, "message": "Token invalid.", "valid": False})
    with context.reading() as conn:
        name = load_listener(conn, viewer.user_id).name
    return _sent({"code": 200, "message": "Token valid.", "valid": True, "user_name": name})


def listens(asked: Asked, query: Mapping[str, str]) -> dict[str, Any]:
    """``GET /1/user/{name}/listens``: plays before ``max_ts`` or after ``min_ts``, the latest first."""
    count = min(_number(query, "count", 25), MOST_LISTENS)
    max_ts, min_ts = _timestamp(query, "max_ts"), _timestamp(query, "min_ts")
    if max_ts is not None and min_ts is not None:
        raise Refused(400, "You may only specify max_ts or min_ts, not both.")
    plays = _after(asked, min_ts, count) if min_ts is not None else _before(asked, max_ts, count)
    latest, oldest = _before(asked, None, 1), _oldest(asked)
    return {
        "count": len(plays),
        "user_id": asked.listener.name,
        "latest_listen_ts": _listened_at(latest[0]) if latest else 0,
        "oldest_listen_ts": _listened_at(oldest) if oldest else 0,
        "listens": [_listen(asked.listener, play) for play in plays],
    }


def listen_count(asked: Asked, query: Mapping[str, str]) -> dict[str, Any]:
    """``GET /1/user/{name}/listen-count``."""
    return {"count": totals(asked.conn, _ever(asked)).play_count}


def playing_now(asked: Asked, query: Mapping[str, str]) -> dict[str, Any]:
    """``GET /1/user/{name}/playing-now``: what a program has said last, until it is over."""
    with context_of(asked.asking.request).keeping() as conn:
        now = find_playing_now(conn, asked.listener.id)
    playing = [{"track_metadata": now.track_metadata, "playing_now": True}] if now else []
    return {"count": len(playing), "user_id": asked.listener.name, "playing_now": True, "listens": playing}


def top(kind: Kind, noun: str, shape: Callable[[TopRow], dict[str, Any]]) -> Ask:
    """``GET /1/stats/user/{name}/artists``, ``releases`` or ``recordings``."""

    def ask(asked: Asked, query: Mapping[str, str]) -> dict[str, Any] | None:
        count, offset, span = _number(query, "count", 25), _number(query, "offset", 0), _span(asked, query)
        last = min(count + offset, MOST_RANKS)
        found = tops(asked.conn, Scope(asked.listener, span.days), [kind], each=max(last, 1))[kind]
        if not found.rows:
            return None
        rows = [shape(row) for row in found.rows[offset:last]]
        return {
            f"{noun}s": rows,
            "count": len(rows),
            f"total_{noun}_count": found.items,
            "offset": offset,
            **_described(asked, query, span.days),
        }

    return ask


def listening_activity(asked: Asked, query: Mapping[str, str]) -> dict[str, Any] | None:
    """``GET /1/stats/user/{name}/listening-activity``: plays in steps of a range and of the one before it."""
    span = _span(asked, query)
    buckets = activity(asked.conn, Scope(asked.listener, span.with_before), span.step).buckets
    if not any(one.play_count for one in buckets):
        return None
    steps = [
        {
            "from_ts": _begins(asked.listener, one.first),
            "to_ts": _begins(asked.listener, one.last + ONE_DAY) - 1,
            "time_range": one.first.strftime(span.label),
            "listen_count": one.play_count,
        }
        for one in buckets
    ]
    return {"listening_activity": steps, **_described(asked, query, span.with_before)}


def daily_activity(asked: Asked, query: Mapping[str, str]) -> dict[str, Any] | None:
    """``GET /1/stats/user/{name}/daily-activity``: plays by hour of the local week."""
    span = _span(asked, query)
    cells = {
        (one.weekday, one.hour): one.play_count for one in clock(asked.conn, Scope(asked.listener, span.days)).cells
    }
    if not cells:
        return None
    days = {
        name: [{"hour": hour, "listen_count": cells.get((weekday, hour), 0)} for hour in range(24)]
        for weekday, name in enumerate(WEEKDAYS)
    }
    return {"daily_activity": days, **_described(asked, query, span.days)}


def _artist(row: TopRow) -> dict[str, Any]:
    return {"artist_name": row.item.name, "artist_mbids": [], "listen_count": row.play_count}


def _release(row: TopRow) -> dict[str, Any]:
    return {
        "artist_name": row.item.artist or "",
        "artist_mbids": [],
        "release_name": row.item.name,
        "release_mbid": None,
        "listen_count": row.play_count,
    }


def _recording(row: TopRow) -> dict[str, Any]:
    return {
        "artist_name": row.item.artist or "",
        "artist_mbids": [],
        "track_name": row.item.name,
        "recording_mbid": None,
        "release_name": row.item.album or "",
        "release_mbid": None,
        "listen_count": row.play_count,
    }


def _of_listener(part: Part, ask: Ask, *, has_etag: bool = True) -> Callable[[Request], Response]:
    """The endpoint of a question about a listener, whose answer is the ``payload``; 204 where there is nothing."""

    def endpoint(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            with AskingListener(request, name).about(part) as asked:
                payload = ask(asked, request.query_params)
                answer = _sent({"payload": payload}) if payload is not None else Response(None, 204)
                return with_etag(answer, asked.etag) if has_etag else answer
        except Refused as refused:
            return error_answer(refused.code, str(refused))
        except Answered as answered:
            return answered.response
        except NotVisible:
            return error_answer(404, f"Cannot find user: {name[:100]}")

    return _with_errors(endpoint)


def _with_errors(endpoint: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def answered(request: Request) -> Response:
        try:
            return endpoint(request)
        except Exception as error:
            return error_of(error)

    return answered


def _routes() -> list[BaseRoute]:
    endpoints = {
        "/1/validate-token": _with_errors(validate_token),
        "/1/user/{name}/listens": _of_listener(Part.HISTORY, listens),
        "/1/user/{name}/playing-now": _of_listener(Part.HISTORY, playing_now, has_etag=False),
        "/1/user/{name}/listen-count": _of_listener(Part.LISTENING_TIME, listen_count),
        "/1/stats/user/{name}/artists": _of_listener(Part.TOP_ARTISTS, top(Kind.ARTIST, "artist", _artist)),
        "/1/stats/user/{name}/releases": _of_listener(Part.TOP_TRACKS, top(Kind.ALBUM, "release", _release)),
        "/1/stats/user/{name}/recordings": _of_listener(Part.TOP_TRACKS, top(Kind.SONG, "recording", _recording)),
        "/1/stats/user/{name}/listening-activity": _of_listener(Part.LISTENING_TIME, listening_activity),
        "/1/stats/user/{name}/daily-activity": _of_listener(Part.STATS, daily_activity),
    }
    return [Route(prefix + path, endpoint) for prefix in PREFIXES for path, endpoint in endpoints.items()]


LISTENBRAINZ: list[BaseRoute] = _routes()


def _before(asked: Asked, max_ts: int | None, count: int) -> list[Play]:
    """Plays that began before an instant, by when they began, the latest first: ``count`` of them, and those that began
    in the same second as the last, so that asking for those before it loses none."""
    if not count:
        return []
    before = None
    if max_ts is not None:
        before = Before(_instant(max_ts) + LONGEST_PLAY, 2**62)
    found: list[Play] = []
    while True:
        page = history(asked.conn, _ever(asked), before=before, each=max(count, 50))
        found += [play for play in page.plays if max_ts is None or _listened_at(play) < max_ts]
        found.sort(key=lambda play: (play.started_at, play.id), reverse=True)
        # What comes on later pages ended, and so began, before the last play of this page ended.
        if page.next is None or (
            len(found) >= count and page.next.played_at.timestamp() < _listened_at(found[count - 1])
        ):
            break
        before = page.next
    if len(found) <= count:
        return found
    last = _listened_at(found[count - 1])
    return [play for place, play in enumerate(found) if place < count or _listened_at(play) == last]


def _after(asked: Asked, min_ts: int, count: int) -> list[Play]:
    """The first plays that began after an instant, the latest of them first."""
    listener, ever = asked.listener, _ever(asked).days
    first = max(ever.first, _instant(min_ts).astimezone(listener.timezone).date())
    if not count or first > ever.last:
        return []
    last, seen = ever.last, 0
    for day in _days_with_plays(asked, Days(first, ever.last)):
        # Those of the first day may have begun before, and the last play of a day may begin on the day before.
        seen += day.play_count if day.first > first else 0
        if seen > count:
            last = min(ever.last, day.last + ONE_DAY)
            break
    scope, found, before = Scope(listener, Days(first, last)), list[Play](), None
    while True:
        page = history(asked.conn, scope, before=before, each=MOST_LISTENS)
        found += [play for play in page.plays if _listened_at(play) > min_ts]
        if page.next is None:
            break
        before = page.next
    found.sort(key=lambda play: (play.started_at, play.id))
    if len(found) > count:
        ends = _listened_at(found[count - 1])
        found = [play for place, play in enumerate(found) if place < count or _listened_at(play) == ends]
    return found[::-1]


def _oldest(asked: Asked) -> Play | None:
    for day in _days_with_plays(asked, _ever(asked).days):
        found, before = list[Play](), None
        while True:
            page = history(asked.conn, Scope(asked.listener, Days(*day[:2])), before=before, each=MOST_LISTENS)
            found += page.plays
            if page.next is None:
                break
            before = page.next
        if found:
            return min(found, key=lambda play: play.started_at)
    return None


def _days_with_plays(asked: Asked, days: Days) -> Iterator[Bucket]:
    """The days with plays, without those of archived months, whose plays cannot be listed one by one."""
    archived = {(month.year, month.month) for month in archived_in(asked.conn, asked.listener, [days])}
    for one in activity(asked.conn, Scope(asked.listener, days), Step.DAY).buckets:
        # The first and the last local day of a month may have plays of two months.
        months = {(day.year, day.month) for day in (one.first - ONE_DAY, one.first, one.first + ONE_DAY)}
        if one.play_count and not months <= archived:
            yield one


def _listen(listener: Listener, play: Play) -> dict[str, Any]:
    track = play.track
    known = {
        "duration_ms": track.duration_ms,
        "ms_played": play.ms_played,
        "spotify_id": f"https://open.spotify.com/track/{track.spotify_id}" if track.spotify_id else None,
        "music_service": "spotify.com" if track.spotify_id else None,
        "submission_client": "MYI",
    }
    return {
        "listened_at": _listened_at(play),
        "recording_msid": str(uuid5(NAMESPACE_URL, f"myi:track:{track.id}")),
        "user_name": listener.name,
        "track_metadata": {
            "artist_name": track.artist or "",
            "track_name": track.name,
            "release_name": track.album or "",
            "additional_info": {name: value for name, value in known.items() if value is not None},
        },
    }


def _listened_at(play: Play) -> int:
    return int(play.started_at.timestamp())


def _span(asked: Asked, query: Mapping[str, str]) -> Span:
    """The days of a range by its name at ListenBrainz; "week" and so on are the last that are over."""
    name, today = query.get("range", "all_time"), asked.today
    if name == "all_time":
        ever = _ever(asked).days
        return Span(ever, ever, Step.YEAR, "%Y")
    if name in ("this_week", "this_month", "this_year"):
        found = asked.range_of(name.removeprefix("this_"))
        days = Days(found.days.first, min(found.days.last, today))
        kind = name.removeprefix("this_")
        return _with_before(days, _around(asked, _day_before(days), kind), kind)
    if name in ("week", "month", "year"):
        days = _around(asked, _day_before(asked.range_of(name).days), name)
        return _with_before(days, _around(asked, _day_before(days), name), name)
    if name in ("quarter", "half_yearly"):
        length = 3 if name == "quarter" else 6
        this = _months(today, length)
        days = _months(_day_before(this), length)
        return _with_before(days, _months(_day_before(days), length), name)
    raise Refused(400, f"Invalid range: {name[:40]}")


def _with_before(days: Days, before: Days, name: str) -> Span:
    step, label = {
        "week": (Step.DAY, "%A %d %B %Y"),
        "month": (Step.DAY, "%d %B %Y"),
        "quarter": (Step.WEEK, "%d %B %Y"),
    }.get(name, (Step.MONTH, "%B %Y"))
    return Span(days, Days(before.first, days.last), step, label)


def _around(asked: Asked, day: date, kind: str) -> Days:
    """The whole week, month or year in which a day lies."""
    if kind == "week":
        first = day - ((day.weekday() - asked.listener.week_starts_on) % 7) * ONE_DAY
        return Days(first, first + 6 * ONE_DAY)
    return _months(day, 1 if kind == "month" else 12)


def _months(day: date, length: int) -> Days:
    """The whole months of a part of the year in which a day lies: a month, a quarter, a half, or all of it."""
    first = date(day.year, (day.month - 1) // length * length + 1, 1)
    following = first.month + length
    end = date(first.year + (following > 12), (following - 1) % 12 + 1, 1)
    return Days(first, end - ONE_DAY)


def _day_before(days: Days) -> date:
    return days.first - ONE_DAY


def _described(asked: Asked, query: Mapping[str, str], days: Days) -> dict[str, Any]:
    as_of = asked.fresh.as_of or asked.fresh.asked_at
    return {
        "range": query.get("range", "all_time"),
        "from_ts": _begins(asked.listener, days.first),
        "to_ts": _begins(asked.listener, days.last + ONE_DAY) - 1,
        "last_updated": int(as_of.timestamp()),
        "user_id": asked.listener.name,
    }


def _ever(asked: Asked) -> Scope:
    return Scope(asked.listener, parse_range("all", asked.today, asked.listener).days)


def _begins(listener: Listener, day: date) -> int:
    return int(datetime.combine(day, time.min, listener.timezone).timestamp())


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Refused(400, f"'{name}' should be a non-negative integer")
    return int(text)


def _timestamp(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise Refused(400, f"'{name}' should be a timestamp in whole seconds")
    return int(text)


def _instant(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _sent(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def error_of(error: Exception, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to what went wrong."""
    if isinstance(error, InvalidToken):
        return error_answer(401, "Invalid authorization token.", headers)
    if isinstance(error, UnknownUser):
        return error_answer(404, "Cannot find user", headers)
    if isinstance(error, HTTPException):
        return error_answer(error.status_code, error.detail, {**(headers or {}), **(error.headers or {})})
    if isinstance(error, DATABASE_AWAY):
        return error_answer(503, AWAY.text, {**(headers or {}), "Retry-After": RETRY_SECONDS})
    return error_answer(500, f"{MISTAKE.text} Its number is {log_mistake(error)}.", headers)


def error_answer(code: int, error: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as ListenBrainz tells it."""
    return JSONResponse({"code": code, "error": error}, code, {"Cache-Control": "no-store", **(headers or {})})
