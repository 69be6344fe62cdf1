"""What was played most: songs, recordings, artists, albums, genres and shows of a range."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.api import cursors
from myi_pipelines.serving.api.answers import listed, track_uris
from myi_pipelines.serving.api.asking import AboutRange, Asked, Page, PageOfTracks
from myi_pipelines.serving.api.routing import USER, many
from myi_pipelines.serving.api.shapes.music import TopGenreShown, TopRowShown, TopShowShown
from myi_pipelines.serving.queries import tops as queries
from myi_pipelines.serving.queries.scope import Days, Unit
from myi_pipelines.serving.queries.tops import Kind, Place, TopList

router = APIRouter(tags=["tops"])

Ask = AboutRange
Of = Annotated[Unit, Query(description="Rank `songs`, or their `recordings`.")]
Against = Annotated[
    str | None,
    Query(
        max_length=60,
        description="Tell each row's place in another range too: `before` (the period before), or any range.",
        examples=["before"],
    ),
]


@many(router, f"{USER}/tops/songs", TopRowShown, as_uris=True)
def top_songs(ask: Ask, page: PageOfTracks, of: Of = Unit.SONGS, against: Against = None) -> Response:
    """The most played songs of a range, or their recordings.

    `format=uris` gives Spotify's addresses of the tracks, a line each, to paste into a playlist.
    """
    kind = Kind.SONG if of is Unit.SONGS else Kind.TRACK
    with ask.about(Part.TOP_TRACKS) as asked:
        found, following = _tops(asked, kind, page, against)
        if ask.wants_uris:
            return track_uris(asked, [row.item.spotify_id for row in found.rows], following=following)
        return _listed(asked, found, following)


@many(router, f"{USER}/tops/artists", TopRowShown)
def top_artists(ask: Ask, page: Page, against: Against = None) -> Response:
    """The most played artists of a range. A play counts for each artist of its track."""
    with ask.about(Part.TOP_ARTISTS) as asked:
        return _listed(asked, *_tops(asked, Kind.ARTIST, page, against))


@many(router, f"{USER}/tops/albums", TopRowShown)
def top_albums(ask: Ask, page: Page, against: Against = None) -> Response:
    """The most played albums of a range. Tracks whose album is unknown are left out."""
    with ask.about(Part.TOP_TRACKS) as asked:
        return _listed(asked, *_tops(asked, Kind.ALBUM, page, against))


@many(router, f"{USER}/tops/genres", TopGenreShown)
def top_genres(ask: Ask, page: Page, against: Against = None) -> Response:
    """The most played genres of a range, as Spotify or, where it tells none, MusicBrainz counts artists to them."""
    with ask.about(Part.TOP_ARTISTS) as asked:
        rows, archived = queries.top_genres(asked.conn, asked.about, before=_against(asked, against))
        of = (asked.listener.id, "genres", *asked.about[1:])
        begins, following = page.slice(len(rows), of)
        shown = rows[begins : begins + page.limit]
        return listed(asked, TopGenreShown, shown, following=following, items=len(rows), archived=archived)


@many(router, f"{USER}/tops/shows", TopShowShown)
def top_shows(ask: Ask, page: Page) -> Response:
    """The most played podcasts and audiobooks of a range, and what else is not music. Filters do not apply."""
    with ask.about(Part.STATS) as asked:
        of = (asked.listener.id, "shows", *asked.about[1:])
        skip = page.skipped(of)
        rows = queries.top_shows(asked.conn, asked.about, each=page.limit + 1, skip=skip)
        following = cursors.encoded([skip + page.limit], of) if len(rows) > page.limit else None
        return listed(asked, TopShowShown, rows[: page.limit], following=following)


def _against(asked: Asked, against: str | None) -> Days | None:
    if against is None:
        return None
    return asked.days.days_before if against == "before" else asked.range_of(against).days


def _tops(asked: Asked, kind: Kind, page: Page, against: str | None) -> tuple[TopList, str | None]:
    of = (asked.listener.id, kind.value, *asked.about[1:])
    after = None
    if page.after:
        play_count, total_ms, tie, rank = cursors.decoded(page.after, (int, int, int, int), of)
        after = Place(int(play_count), int(total_ms), int(tie), int(rank))
    found = queries.tops(
        asked.conn, asked.about, [kind], each=page.limit, after=after, before=_against(asked, against)
    )[kind]
    return found, cursors.encoded(list(found.next), of) if found.next else None


def _listed(asked: Asked, found: TopList, following: str | None) -> Response:
    return listed(asked, TopRowShown, found.rows, following=following, items=found.items, archived=found.archived)
