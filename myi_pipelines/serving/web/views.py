"""Rows as templates show them: texts in the reader's language, links with the range, covers, bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.api.listens import spotify_id_of, track_of
from myi_pipelines.serving.queries.cover_images import Pictured, kept_covers
from myi_pipelines.serving.queries.items import playing_song
from myi_pipelines.serving.queries.tops import Item, Kind, Ranked, TopGenre, TopRow, TopShow
from myi_pipelines.serving.web.charts.timeline import bar_line
from myi_pipelines.serving.web.covers import letterform
from myi_pipelines.serving.web.links import Links
from myi_pipelines.serving.web.page import Page

NAMES = {Kind.SONG: "song", Kind.TRACK: "recording", Kind.ARTIST: "artist", Kind.ALBUM: "album"}
SHOWS = {"EPISODE": "podcast", "CHAPTER": "audiobook", "VIDEO": "video", "UNIDENTIFIED": "unnamed"}
SHOW_PARTS = {"EPISODE": "episode", "CHAPTER": "chapter", "VIDEO": "video"}
"""What shows of a kind are made of."""
NAMELESS = {
    "EPISODE": "Podcasts without a name",
    "CHAPTER": "Audiobooks without a name",
    "VIDEO": "Videos",
    "UNIDENTIFIED": "Plays that name nothing",
}


UNNAMED = "Unnamed track"


class Figure(NamedTuple):
    """A number with what it counts."""

    value: str
    label: str
    href: str | None = None
    note: str = ""


class Recording(NamedTuple):
    name: str
    href: str
    value: str


class RankRow(NamedTuple):
    """A line of a ranked list."""

    place: str
    name: str
    href: str | None
    cover: Markup
    value: str
    value_href: str | None
    by: str = ""
    by_href: str | None = None
    other: str = ""
    is_round: bool = False
    change: str = ""
    change_is_up: bool = False
    bar: Markup = Markup()
    life: Markup | None = None
    when: str = ""
    recordings: Sequence[Recording] = ()


class RankList(NamedTuple):
    """A ranked list with what stands above and below it."""

    name: str
    note: str
    href: str | None
    """Where all of it is."""
    rows: Sequence[RankRow]
    style: str = ""
    """`moving`: below each place stands how it changed. `numbered`: places are large numbers."""
    more: str = ""
    """Where it goes on."""


class PlayingLine(NamedTuple):
    """What is playing now."""

    name: str
    href: str | None
    by: str
    by_href: str | None
    cover: Markup
    until: str
    """When it is over, in ISO 8601."""


def playing_line(page: Page) -> PlayingLine | None:
    """What is playing now, in the words of the program that says so, with links where the listener knows it."""
    if page.playing is None:
        return None
    said = page.playing.track_metadata
    info = said.get("additional_info") or {}
    track = track_of(said["track_name"], said["artist_name"], said.get("release_name"), spotify_id_of(info))
    if track is None or track.name is None or track.artist is None:
        return None
    song = playing_song(
        page.conn, page.listener, name=track.name, artist=track.artist, spotify_id=track.spotify_id
    )  # fmt: skip
    if song:
        find_covers(page, [song])
    has_pages = page.may(Part.STATS)
    return PlayingLine(
        name=track.name,
        href=page.links.item("song", song.id) if song and has_pages else None,
        by=track.artist,
        by_href=page.links.item("artist", song.artist_id) if song and song.artist_id and has_pages else None,
        cover=cover_of(page, song) if song else letterform(track.album or track.name, track.artist),
        until=page.playing.ends_at.isoformat(timespec="milliseconds"),
    )


def name_of(item: Item) -> str:
    """What an item is called; words for a track of which only the id is known."""
    return item.name if item.is_named else UNNAMED


def by_of(item: Item) -> str:
    """Below the name its artist; of a track without names the id that Spotify knows it by."""
    return item.artist or ("" if item.is_named else item.name)


def find_covers(page: Page, items: Iterable[Item]) -> None:
    """Look up at once which of some items have a picture. Those that nobody looked up get a letter."""
    wanted: dict[Pictured, set[int]] = {Pictured.ARTIST: set(), Pictured.ALBUM: set()}
    for item in items:
        kind, number = _pictured(item)
        if number is not None and (kind.value, number) not in page.covers:
            wanted[kind].add(number)
    for kind, numbers in wanted.items():
        found = kept_covers(page.conn, kind, numbers)
        page.covers |= {(kind.value, number): str(found[number]) if number in found else None for number in numbers}


def cover_of(page: Page, item: Item) -> Markup:
    """The picture of an item: of a song or recording that of its album, so that songs of an album look alike."""
    kind, number = _pictured(item)
    if number is not None and (key := page.covers.get((kind.value, number))):
        return Markup('<img src="/covers/{}" alt="" width="300" height="300" loading="lazy" decoding="async">').format(
            key
        )
    if item.kind is Kind.ARTIST:
        return letterform(item.name, "artist", is_round=True)
    return letterform(item.album or name_of(item), by_of(item))


def _pictured(item: Item) -> tuple[Pictured, int | None]:
    return (Pictured.ARTIST, item.id) if item.kind is Kind.ARTIST else (Pictured.ALBUM, item.album_id)


def rank_row(
    page: Page,
    row: TopRow,
    highest: int,
    *,
    with_change: bool = False,
    life: Markup | None = None,
    links: Links | None = None,
) -> RankRow:
    """A row of a top list. `highest`: the value of the first row, which has the longest bar. `links`: what leads to the
    plays that it counts, where that is not the page's range and filters."""
    formats, item = page.formats, row.item
    change, is_up = change_of(row.rank, row.before) if with_change else ("", False)
    return RankRow(
        place=formats.number(row.rank),
        name=name_of(item),
        href=page.links.item(item.kind.value, item.id),
        cover=cover_of(page, item),
        is_round=item.kind is Kind.ARTIST,
        by=by_of(item),
        by_href=page.links.item("artist", item.artist_id) if item.artist and item.artist_id else None,
        value=_value(page, row.play_count, row.total_ms),
        value_href=plays_of(links or page.links, item),
        other=_other(page, row.play_count, row.total_ms),
        change=change,
        change_is_up=is_up,
        bar=bar_line(page.value(row.play_count, row.total_ms), highest),
        life=life,
        when=f"since {formats.day_and_year(formats.local(item.first_played_at).date())}"
        if item.first_played_at
        else "",
    )


def _value(page: Page, plays: int, ms: int) -> str:
    """What a list is ranked by."""
    return page.formats.length(ms) if page.by_time else page.formats.number(plays)


def _other(page: Page, plays: int, ms: int) -> str:
    """The other measure, below."""
    return page.formats.plays(plays) if page.by_time else page.formats.length(ms)


def plays_of(links: Links, item: Item) -> str:
    """The plays of an item in the range of the links, and with their filters."""
    return links.plays(**{item.kind.value: item.id})


def plays_of_ever(page: Page, item: Item) -> str:
    """All plays of an item."""
    return plays_of(page.links.unfiltered(range="all"), item)


def item_rows(
    page: Page,
    found: Sequence[Item],
    values: Sequence[str] = (),
    hrefs: Sequence[str] = (),
    *,
    by_album: bool = False,
) -> list[RankRow]:
    """Items in their order, with all that was played of them, or with `values`, which lead to `hrefs`."""
    formats = page.formats
    find_covers(page, found)
    return [
        RankRow(
            place=formats.number(place),
            name=name_of(item),
            href=page.links.item(item.kind.value, item.id),
            cover=cover_of(page, item),
            is_round=item.kind is Kind.ARTIST,
            by=item.album or "" if by_album and item.is_named else by_of(item),
            by_href=page.links.item("artist", item.artist_id) if item.artist_id and not by_album else None,
            value=values[place - 1] if values else _value(page, item.play_count, item.total_ms),
            value_href=hrefs[place - 1] if hrefs else None if values else plays_of_ever(page, item),
            other="" if values else _other(page, item.play_count, item.total_ms),
        )
        for place, item in enumerate(found, 1)
    ]


def genre_row(page: Page, row: TopGenre, highest: int, *, with_change: bool) -> RankRow:
    formats = page.formats
    change, is_up = change_of(row.rank, row.before) if with_change else ("", False)
    return RankRow(
        place=formats.number(row.rank),
        name=row.genre,
        href=page.links.to("genre", name=row.genre),
        cover=letterform(row.genre, "genre"),
        value=_value(page, row.play_count, row.total_ms),
        value_href=page.links.plays(genre=row.genre),
        other=_other(page, row.play_count, row.total_ms),
        change=change,
        change_is_up=is_up,
        bar=bar_line(page.value(row.play_count, row.total_ms), highest),
    )


def show_row(page: Page, row: TopShow, highest: int) -> RankRow:
    """A row of the list of shows. What names no show has no page to lead to."""
    formats = page.formats
    name = row.show or NAMELESS.get(row.kind, row.kind.lower())
    href = page.links.to(f"show/{row.show_key}") if row.show_key else None
    parts = [SHOWS.get(row.kind, row.kind.lower())] if row.show else []
    if row.kind in SHOW_PARTS:
        parts.append(formats.counted(row.episode_count, SHOW_PARTS[row.kind]))
    return RankRow(
        place=formats.number(row.rank),
        name=name,
        href=href,
        cover=letterform(name, "show"),
        by=", ".join(parts),
        value=_value(page, row.play_count, row.total_ms),
        value_href=href,
        other=_other(page, row.play_count, row.total_ms),
        bar=bar_line(page.value(row.play_count, row.total_ms), highest),
        when=f"last {formats.day_and_year(formats.local(row.last_played_at).date())}",
    )


def change_of(rank: int, before: Ranked | None) -> tuple[str, bool]:
    """How a rank moved since the period before, and whether that is up.

    >>> change_of(3, Ranked(5, 0, 0)), change_of(3, Ranked(3, 0, 0)), change_of(3, None)
    (('▲ 2', True), ('', False), ('new', False))
    """
    if before is None:
        return "new", False
    if before.rank == rank:
        return "", False
    return (f"▲ {before.rank - rank}", True) if before.rank > rank else (f"▼ {rank - before.rank}", False)
