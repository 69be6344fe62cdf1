"""Single plays, page by page, and the sessions that they make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.api import cursors
from myi_pipelines.serving.api.answers import answered, listed, track_uris
from myi_pipelines.serving.api.asking import BIGINT, AboutRange, Page, PageOfTracks
from myi_pipelines.serving.api.problems import BAD_CURSOR, BadCursor
from myi_pipelines.serving.api.routing import USER, many, one
from myi_pipelines.serving.api.shapes.plays import OtherPlayShown, PlayShown, SessionsShown
from myi_pipelines.serving.queries import history as queries
from myi_pipelines.serving.queries.history import Before, LocalTime, Sessions
from myi_pipelines.serving.queries.items import tracks_of
from myi_pipelines.serving.queries.tops import Kind

router = APIRouter(tags=["history"])

Ask = AboutRange
SongFilter = Annotated[int | None, Query(ge=1, le=BIGINT, description="Only plays of this song's recordings.")]
TrackFilter = Annotated[int | None, Query(ge=1, le=BIGINT, description="Only plays of this recording.")]
HourFilter = Annotated[int | None, Query(ge=0, le=23, description="Only plays that ended in this local hour.")]
WeekdayFilter = Annotated[int | None, Query(ge=0, le=6, description="Only plays of this local weekday; 0 is Monday.")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@many(router, f"{USER}/history", PlayShown, as_uris=True)
def history(
    ask: Ask,
    page: PageOfTracks,
    song: SongFilter = None,
    track: TrackFilter = None,
    hour: HourFilter = None,
    weekday: WeekdayFilter = None,
) -> Response:
    """The plays of a range, the latest first.

    `format=uris` gives Spotify's addresses of the tracks, a line each, to paste into a playlist.
    """
    with ask.about(Part.HISTORY) as asked:
        of = (asked.listener.id, "history", *asked.about[1:], song, track, hour, weekday)
        at, before = LocalTime(None if hour is None else (hour,), weekday), None
        if page.after:
            ended_at, track_id = cursors.decoded(page.after, (int, int), of)
            before = Before(instant(int(ended_at)), int(track_id))
        if song is None and track is None:
            found = queries.history(asked.conn, asked.about, at=at, before=before, each=page.limit)
        else:
            chosen = [
                tracks_of(asked.conn, asked.listener, kind, number)
                for kind, number in ((Kind.SONG, song), (Kind.TRACK, track))
                if number is not None
            ]
            tracks = [one for one in chosen[0] if all(one in others for others in chosen[1:])]
            found = queries.history_of(asked.conn, asked.about, tracks, at=at, before=before, each=page.limit)
        following = (
            cursors.encoded([microseconds(found.next.played_at), found.next.track_id], of) if found.next else None
        )
        if ask.wants_uris:
            return track_uris(asked, [play.track.spotify_id for play in found.plays], following=following)
        return listed(asked, PlayShown, found.plays, following=following, archived=found.archived)


@many(router, f"{USER}/history/not-music", OtherPlayShown)
def history_not_music(ask: Ask, page: Page) -> Response:
    """The plays of a range that are not music, the latest first. Filters do not apply."""
    with ask.about(Part.HISTORY) as asked:
        of = (asked.listener.id, "not music", *asked.about[1:])
        before = None
        if page.after:
            at, number = cursors.decoded(page.after, (int, int), of)
            before = (instant(int(at)), int(number))
        rows = queries.other_plays(asked.conn, asked.about, before=before, each=page.limit + 1)
        shown = rows[: page.limit]
        following = (
            cursors.encoded([microseconds(shown[-1].played_at), shown[-1].id], of) if len(rows) > page.limit else None
        )
        return listed(asked, OtherPlayShown, shown, following=following)


@one(router, f"{USER}/sessions", SessionsShown)
def sessions(ask: Ask) -> Response:
    """The sessions of the plays of a range: how many, how long, and with what days began.

    Of a range longer than 366 days the latest ones are read.
    """
    with ask.about(Part.STATS) as asked:
        found = queries.sessions(asked.conn, asked.about)
        return answered(asked, SessionsShown, sessions_shown(found), archived=found.archived)


def sessions_shown(found: Sessions) -> dict[str, object]:
    """Sessions as answers tell them."""
    fields = found._asdict() | {"first_day": found.days.first, "last_day": found.days.last}
    return fields | {"gap_minutes": found.gap // timedelta(minutes=1)}


def microseconds(at: datetime) -> int:
    """An instant as a cursor holds it."""
    return (at - _EPOCH) // _MICROSECOND


def instant(number: int) -> datetime:
    """The instant that a cursor holds. Raises BadCursor."""
    try:
        return _EPOCH + number * _MICROSECOND
    except OverflowError:
        raise BadCursor(BAD_CURSOR.text) from None
