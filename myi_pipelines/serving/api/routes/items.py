"""One song, recording, artist, album, genre or show, and search over what a listener ever played.

What the listener never played is not there, though the warehouse may know it from others.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import NotVisible, Part
from myi_pipelines.serving.api.answers import answered, listed
from myi_pipelines.serving.api.asking import (
    AboutListener,
    AboutRange,
    Asked,
    Id,
    Page,
    RowsFormat,
    Text,
)
from myi_pipelines.serving.api.problems import BadParameter
from myi_pipelines.serving.api.routing import USER, many, one
from myi_pipelines.serving.api.shapes.activity import ClockCellShown
from myi_pipelines.serving.api.shapes.items import (
    BestDayShown,
    CreditShown,
    FoundShowShown,
    GenrePageShown,
    ItemPageShown,
    NeighbourShown,
    ShowPageShown,
    YearShown,
)
from myi_pipelines.serving.api.shapes.music import ItemShown
from myi_pipelines.serving.queries import items as queries
from myi_pipelines.serving.queries import search as searching
from myi_pipelines.serving.queries.activity import life
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.serving.queries.tops import items as named

router = APIRouter(tags=["items"])


class Of(StrEnum):
    """Kinds of items, as addresses name them."""

    SONGS = "songs"
    TRACKS = "tracks"
    ARTISTS = "artists"
    ALBUMS = "albums"

    @property
    def kind(self) -> Kind:
        """As queries name it."""
        return Kind(self.value.removesuffix("s"))


Ask = AboutRange
AskListener = AboutListener
KindOf = Annotated[Of, Path(description="`songs`, `tracks` (recordings), `artists` or `albums`.")]
Words = Annotated[
    Text, Query(max_length=200, description="Words, each anywhere in the name; of a song also in its artist's.")
]
ITEM = f"{USER}/items/{{kind}}/{{id}}"


@one(router, ITEM, ItemPageShown)
def item(ask: Ask, kind: KindOf, id: Id) -> Response:  # noqa: A002
    """A song, a recording, an artist or an album: its place ever and in a range, and its life month by month.

    The number of a recording that was merged into another gives that one. Filters do not apply; its plays are at
    `history` with `song`, `track`, `artist` or `album`.
    """
    with ask.about(Part.STATS) as asked:
        found = queries.item_page(asked.conn, asked.about, kind.kind, id)
        if found is None or not found.tracks or not found.item.play_count:
            raise NotVisible
        artists = [CreditShown(artist_id=number, name=name) for number, name in found.credits]
        return answered(asked, ItemPageShown, found._asdict() | {"credits": artists}, archived=found.archived)


@one(router, f"{ITEM}/best-day", BestDayShown)
def item_best_day(ask: AskListener, kind: KindOf, id: Id) -> Response:  # noqa: A002
    """The local day on which an item was played most, the first of equals."""
    with ask.about(Part.STATS) as asked:
        found = queries.day_of_most(asked.conn, asked.listener, _tracks(asked, kind, id))
        day = found or BestDayShown(day=None, play_count=0, total_ms=0)
        return answered(asked, BestDayShown, day)


@many(router, f"{ITEM}/clock", ClockCellShown)
def item_clock(ask: Ask, kind: KindOf, id: Id, _: RowsFormat = None) -> Response:  # noqa: A002
    """Plays and time of an item by hour of the local week, in a range. Hours without plays are left out."""
    with ask.about(Part.STATS) as asked:
        found = queries.item_clock(asked.conn, asked.about, _tracks(asked, kind, id))
        return listed(asked, ClockCellShown, found.cells, items=len(found.cells), archived=found.archived)


@many(router, f"{ITEM}/years", YearShown)
def item_years(ask: Ask, kind: KindOf, id: Id, _: RowsFormat = None) -> Response:  # noqa: A002
    """An item's place in each local year in which it was played, whatever the range; ranked by `by`."""
    with ask.about(Part.STATS) as asked:
        months = life(asked.conn, asked.listener, _tracks(asked, kind, id))
        number = queries.meant(asked.conn, kind.kind, id)
        measure = asked.about.measure
        rows = queries.years_of(asked.conn, asked.listener, kind.kind, number, months=months, measure=measure)
        return listed(asked, YearShown, rows, items=len(rows))


@many(router, f"{ITEM}/neighbours", NeighbourShown)
def item_neighbours(ask: Ask, kind: KindOf, id: Id, page: Page) -> Response:  # noqa: A002
    """What was played within 20 minutes of an item's latest 200 plays in a range, the most frequent first.

    The first `limit` of them: there are no further pages.
    """
    with ask.about(Part.STATS) as asked:
        tracks = _tracks(asked, kind, id)
        return listed(asked, NeighbourShown, queries.neighbours(asked.conn, asked.about, tracks, each=page.limit))


@many(router, f"{ITEM}/recordings", ItemShown)
def item_recordings(ask: AskListener, kind: KindOf, id: Id, page: Page) -> Response:  # noqa: A002
    """The recordings of an item that were ever played, the most played first."""
    with ask.about(Part.STATS) as asked:
        tracks = _tracks(asked, kind, id)
        begins, following = page.slice(len(tracks), (asked.listener.id, kind.value, id, "recordings"))
        chosen = tracks[begins : begins + page.limit]
        found = named(asked.conn, asked.listener, Kind.TRACK, chosen)
        return listed(asked, ItemShown, [found[one] for one in chosen], following=following, items=len(tracks))


@many(router, f"{USER}/items/artists/{{id}}/albums", ItemShown)
def albums_of_artist(ask: AskListener, id: Id, page: Page) -> Response:  # noqa: A002
    """The albums from which tracks of an artist were played, those with the most such plays first.

    The first `limit` of them: there are no further pages.
    """
    with ask.about(Part.STATS) as asked:
        _tracks(asked, Of.ARTISTS, id)
        return listed(asked, ItemShown, queries.albums_of_artist(asked.conn, asked.listener, id, each=page.limit))


@one(router, f"{USER}/genre", GenrePageShown)
def genre(ask: Ask) -> Response:
    """The genre named by `genre`: its place ever and in a range, and its life month by month."""
    with ask.about(Part.STATS) as asked:
        if asked.about.filters.genre is None:
            raise BadParameter("say which genre is meant: genre=…")
        found = queries.genre_page(asked.conn, asked.about, asked.about.filters.genre)
        if found.ever is None:
            raise NotVisible
        return answered(asked, GenrePageShown, found, archived=found.archived)


@one(router, f"{USER}/shows/{{key}}", ShowPageShown)
def show(ask: AskListener, key: Annotated[UUID, Path(description="The `show_key` of a list of shows.")]) -> Response:
    """A podcast or an audiobook: what was ever played of it, month by month."""
    with ask.about(Part.STATS) as asked:
        found = queries.show_page(asked.conn, asked.listener, key)
        if found is None:
            raise NotVisible
        return answered(asked, ShowPageShown, found)


@many(router, f"{USER}/search", ItemShown)
def search(ask: AskListener, page: Page, q: Words = "") -> Response:
    """Artists, albums and songs that the listener ever played, by words of their names.

    Names that begin with the text come first, then the most played. The first `limit` of each kind: there are no
    further pages.
    """
    with ask.about(Part.STATS) as asked:
        return listed(asked, ItemShown, searching.search(asked.conn, asked.listener, q, each=page.limit))


@many(router, f"{USER}/search/shows", FoundShowShown)
def search_shows(ask: AskListener, page: Page, q: Words = "") -> Response:
    """Podcasts and audiobooks that the listener ever played, by words of their names, the most played first."""
    with ask.about(Part.STATS) as asked:
        return listed(asked, FoundShowShown, searching.search_shows(asked.conn, asked.listener, q, each=page.limit))


def _tracks(asked: Asked, kind: Of, number: int) -> list[int]:
    """The tracks of an item that the listener ever played. Raises NotVisible without any."""
    tracks = queries.tracks_of(asked.conn, asked.listener, kind.kind, number)
    if kind is Of.TRACKS and not any(
        one.play_count for one in named(asked.conn, asked.listener, Kind.TRACK, tracks).values()
    ):
        raise NotVisible
    if not tracks:
        raise NotVisible
    return tracks
