"""The page of one song, recording, artist, album, genre or show."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from myi_pipelines.serving.api.shapes.activity import BucketShown
from myi_pipelines.serving.api.shapes.fields import Milliseconds, Plays, Shape, said
from myi_pipelines.serving.api.shapes.music import ItemShown, RankedShown, TopShowShown


class CreditShown(Shape):
    """An artist of a track."""

    artist_id: int = said("The artist's number in this warehouse.", 77)
    name: str = said("The artist's name.", "Ada Quartet")


class ItemPageShown(Shape):
    """A song, a recording, an artist or an album, ever and in a range."""

    item: ItemShown
    credits: list[CreditShown] = said("The artists of its most played recording, in the order of the credits.", [])
    rank_ever: RankedShown | None = said("Its place among those of its kind in all time.")
    in_range: RankedShown | None = said("Its place in the range; null if it was not played then.")
    tracks: list[int] = said("Its recordings that were ever played, the most played first.", [5310, 5311])
    life: list[BucketShown] = said("Each local month since the first play, those without plays too.", [])


class GenrePageShown(Shape):
    """A genre, ever and in a range."""

    genre: str = said("The genre, as Spotify or MusicBrainz names it.", "chamber pop")
    ever: RankedShown | None = said("Its place in all time.")
    in_range: RankedShown | None = said("Its place in the range; null if it was not played then.")
    life: list[BucketShown] = said("Each local month since the first play, those without plays too.", [])


class ShowPageShown(Shape):
    """A podcast or an audiobook."""

    show: TopShowShown = said("What was ever played of it; its rank is 0.")
    life: list[BucketShown] = said("Each local month since the first play, those without plays too.", [])


class BestDayShown(Shape):
    """The local day on which an item was played most."""

    day: date | None = said("The local day; null if there is none outside the archive.", "2019-11-02")
    play_count: int = said("Plays on that day.", 12)
    total_ms: int = said("Time listened on that day, in milliseconds.", 2_568_000)


class YearShown(Shape):
    """A local year in which an item was played."""

    year: int = said("The local year.", 2023)
    rank: int = said("Its place among those of its kind in that year, from 1.", 4)
    play_count: Plays
    total_ms: Milliseconds


class NeighbourShown(Shape):
    """A recording that was played near an item."""

    track: ItemShown = said("The recording.")
    play_count: int = said("How often within 20 minutes of the item's latest plays.", 9)


class FoundShowShown(Shape):
    """A podcast or audiobook that a search found."""

    kind: str = said("EPISODE: a podcast; CHAPTER: an audiobook; VIDEO.", "EPISODE")
    show: str = said("Its name.", "The Long Wave")
    show_key: UUID = said("Under which it is found.", "5b0a4a6c-0f53-4a5e-8a6e-2f1f5f0c6b3a")
    play_count: Plays
