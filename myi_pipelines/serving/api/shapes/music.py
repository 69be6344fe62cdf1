"""Songs, recordings, artists, albums, genres and shows, and their places in lists."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from myi_pipelines.serving.api.shapes.fields import Instant, Milliseconds, Plays, Rank, Shape, said


class ItemShown(Shape):
    """A song, a recording, an artist or an album, and what the listener ever played of it."""

    kind: str = said("song, track (a recording), artist or album.", "song")
    id: int = said("Its number in this warehouse.", 1204)
    name: str = said("Its name, as the latest source wrote it.", "Sao Paulo Nights")
    artist: str | None = said(
        "Of a song and an album the first artist, of a recording all; null of an artist, and while unknown.",
        "Ada Quartet",
    )
    artist_id: int | None = said("The first artist's number; an artist's own; null while unknown.", 77)
    album_id: int | None = said("Of a song that of its most played recording; null of an artist.", 903)
    album: str | None = said("The album's name; null of an artist, and while unknown.", "Lines on Paper")
    image_url: str | None = said(
        "Where Spotify has the picture; of songs and recordings the album's.", "https://i.scdn.co/image/ab67616d"
    )
    spotify_id: str | None = said("Spotify's id; null for what Spotify does not know.", "6rqhFgbbKwnb9MLmUQDhG6")
    duration_ms: int | None = said(
        "The length of the recording in milliseconds, as Spotify or, where it tells none, MusicBrainz has it; null "
        "while unknown, and of artists and albums.",
        214_000,
    )
    play_count: int = said("Plays of all time, whatever the range.", 412)
    total_ms: int = said("Time listened of all time, in milliseconds.", 86_400_000)
    first_played_at: datetime | None = said("End of the first play ever, in UTC; null: never.", "2015-03-01T08:12:44Z")
    last_played_at: datetime | None = said("End of the latest play, in UTC; null: never.", "2024-05-03T18:41:07Z")


class RankedShown(Shape):
    """A place in the list that this one is compared with."""

    rank: Rank
    play_count: Plays
    total_ms: Milliseconds


class TopRowShown(Shape):
    """A row of a list of songs, recordings, artists or albums."""

    rank: Rank
    item: ItemShown
    play_count: int = said("Plays in the range.", 41)
    total_ms: int = said("Time listened in the range, in milliseconds.", 8_640_000)
    recordings: int | None = said(
        "Of a song, an artist or an album: how many tracks of it were played; null where that is not counted.", 2
    )
    before: RankedShown | None = said(
        "Its place in the range of `against`; null: it had none, or none was asked.", None
    )


class TopGenreShown(Shape):
    """A row of the list of genres."""

    rank: Rank
    genre: str = said("The genre, as Spotify or MusicBrainz names it.", "chamber pop")
    play_count: int = said("Plays in the range of artists of this genre; a play counts once for each.", 41)
    total_ms: int = said("Time listened in the range, in milliseconds.", 8_640_000)
    before: RankedShown | None = said(
        "Its place in the range of `against`; null: it had none, or none was asked.", None
    )


class TopShowShown(Shape):
    """A row of the list of podcasts, audiobooks and what else is not music."""

    rank: Rank
    kind: str = said("EPISODE: a podcast; CHAPTER: an audiobook; VIDEO; UNIDENTIFIED: nothing tells.", "EPISODE")
    show: str | None = said("The show's or book's name; null if nothing tells it.", "The Long Wave")
    show_key: UUID | None = said(
        "Under which the show is found, however it is spelled.", "5b0a4a6c-0f53-4a5e-8a6e-2f1f5f0c6b3a"
    )
    episode_count: int = said("Episodes or chapters played in the range.", 12)
    play_count: int = said("Plays in the range.", 14)
    total_ms: int = said("Time listened in the range, in milliseconds.", 8_640_000)
    first_played_at: Instant
    last_played_at: Instant
