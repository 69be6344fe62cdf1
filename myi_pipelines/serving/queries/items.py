"""The page of one song, recording, artist, album, genre or show: what was played of it, when, and beside what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from myi_pipelines.serving.queries.activity import Bucket, Clock, ClockCell, Step, filled, life
from myi_pipelines.serving.queries.artist_years import ArtistYear, artist_years
from myi_pipelines.serving.queries.history import history_of
from myi_pipelines.serving.queries.periods import (
    clipped,
    counted,
    ever,
    filtered_tracks,
    heard,
    heard_days,
    instants_of,
    whole_year,
    windows_of,
    within,
)
from myi_pipelines.serving.queries.scope import EARLIEST, LATEST, Days, Filters, Listener, Measure, Scope
from myi_pipelines.serving.queries.tops import (
    EACH,
    Item,
    Kind,
    Ranked,
    TopGenre,
    TopShow,
    items,
    measured_by,
    numbers,
    ranks,
    top_genres,
)
from myi_pipelines.warehouse.database.connections import Connection, fetch_row
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import month_of

NEAR = timedelta(minutes=20)
MONTHS_AT_FIRST = 4
"""Months in which the day with the most plays is looked for first."""
LATEST_PLAYS = 200
"""Plays of an item around which its neighbours are looked for."""


def playing_song(
    conn: Connection, listener: Listener, *, name: str, artist: str, spotify_id: str | None = None
) -> Item | None:
    """The song that a program means by some words, if the listener ever played it."""
    asked = {"user_id": listener.id, "name": name, "artist": artist, "spotify_id": spotify_id}
    row = conn.execute(statement("queries/playing_song"), asked).fetchone()
    return items(conn, listener, Kind.SONG, [row[0]]).get(row[0]) if row else None


class DayOfMost(NamedTuple):
    """The local day on which an item was played most."""

    day: date
    play_count: int
    total_ms: int


class ItemHeard(NamedTuple):
    """What the events say of an item."""

    clock: Clock
    """In which hours of the local week it was played, in a range."""
    most: DayOfMost | None
    """Ever."""
    latest: list[datetime]
    """When its latest plays ended, the latest first."""


class YearRank(NamedTuple):
    """A local year in which an item was played, with its place among those of its kind."""

    year: int
    rank: int
    play_count: int
    total_ms: int


class Neighbour(NamedTuple):
    """A recording that was played near an item."""

    track: Item
    play_count: int
    """How often within 20 minutes, around the item's latest plays."""


class ItemPage(NamedTuple):
    """What there is to say of a song, a recording, an artist or an album, ever and in a range."""

    item: Item
    credits: list[tuple[int, str]]
    """Number and name of each artist of the most played recording; of an artist itself."""
    rank_ever: Ranked | None
    """None if it was never played."""
    in_range: Ranked | None
    """None if it was not played in the range."""
    days: Days
    """Of which days the page is."""
    tracks: list[int]
    """Its tracks that the listener ever played, the most played first."""
    life: list[Bucket]
    """Each local month since the first play."""
    years: list[YearRank]
    """The local years in which it was played, in order; empty if they were not asked for."""
    archived: tuple[date, ...]
    """UTC months that are missing in ``in_range``."""


class GenrePage(NamedTuple):
    """What there is to say of a genre, ever and in a range."""

    genre: str
    ever: Ranked | None
    in_range: Ranked | None
    life: list[Bucket]
    archived: tuple[date, ...]


class ShowPage(NamedTuple):
    """What there is to say of a podcast's show or an audiobook."""

    show: TopShow
    """Of all time; its rank is 0."""
    life: list[Bucket]


def meant(conn: Connection, kind: Kind, item_id: int) -> int:
    """The number under which an item is found: of a merged track, that of the track that it is the same as."""
    if kind is not Kind.TRACK:
        return item_id
    row = conn.execute(statement("queries/meant_track"), {"id": item_id}).fetchone()
    return int(row[0]) if row else item_id


def tracks_of(conn: Connection, listener: Listener, kind: Kind, item_id: int) -> list[int]:
    """The tracks of an item that a listener ever played, the most played first."""
    match kind:
        case Kind.TRACK:
            return [meant(conn, kind, item_id)]
        case Kind.SONG:
            rows = conn.execute(statement("queries/recordings"), {"user_id": listener.id, "id": item_id})
        case _:
            asked = {
                "user_id": listener.id,
                "artist_id": item_id if kind is Kind.ARTIST else None,
                "album_id": item_id if kind is Kind.ALBUM else None,
            }
            rows = conn.execute(statement("queries/tracks_of_item"), asked)
    return [track_id for (track_id,) in rows]


def item_page(conn: Connection, scope: Scope, kind: Kind, item_id: int, *, with_years: bool = False) -> ItemPage | None:
    """What there is to say of an item, without the scope's filters; None if there is no such item."""
    listener = scope.listener
    item_id = meant(conn, kind, item_id)
    found = items(conn, listener, kind, [item_id]).get(item_id)
    if found is None:
        return None
    tracks, wanted = tracks_of(conn, listener, kind, item_id), {kind: [item_id]}
    months = life(conn, listener, tracks)
    years: list[YearRank] = []
    if with_years:
        years = years_of(conn, listener, kind, item_id, months=months, measure=scope.measure)
    rank_ever = ranks(conn, ever(listener, scope.measure), wanted)[kind].get(item_id)
    ranged = counted(conn, Scope(listener, scope.days))
    year = whole_year(listener, scope.days) if with_years else None
    if ranged.is_ever:
        in_range = rank_ever
    elif year is not None:  # its place is known
        in_range = next((Ranked(*one[1:]) for one in years if one.year == year), None)
    else:
        in_range = ranks(conn, Scope(listener, scope.days, scope.measure), wanted)[kind].get(item_id)
    return ItemPage(
        found,
        [(item_id, found.name)] if kind is Kind.ARTIST else credited(conn, tracks[:1]),
        rank_ever,
        in_range,
        scope.days,
        tracks,
        months,
        years,
        ranged.archived,
    )


def genre_page(conn: Connection, scope: Scope, genre: str) -> GenrePage:
    """What there is to say of a genre."""
    listener = scope.listener
    every, _ = top_genres(conn, ever(listener, scope.measure))
    ranged, archived = top_genres(conn, Scope(listener, scope.days, scope.measure))

    def of(genres: Sequence[TopGenre]) -> Ranked | None:
        return next((Ranked(one.rank, one.play_count, one.total_ms) for one in genres if one.genre == genre), None)

    tracks = filtered_tracks(conn, Scope(listener, scope.days, filters=Filters(genre=genre))) or []
    return GenrePage(genre, of(every), of(ranged), life(conn, listener, tracks), archived)


def show_page(conn: Connection, listener: Listener, show_key: UUID) -> ShowPage | None:
    """What there is to say of a show or an audiobook; None if the listener never played it."""
    asked = {"user_id": listener.id, "show_key": show_key, "zone": listener.timezone.key}
    row = conn.execute(statement("queries/show_names"), asked).fetchone()
    if row is None:
        return None
    months = conn.execute(statement("queries/show_months"), asked).fetchall()
    last = max(months[-1][0], listener.last_day or months[-1][0])
    return ShowPage(TopShow(0, *row), filled(months, Days(months[0][0], last), Step.MONTH, listener))


def show_total(conn: Connection, scope: Scope, show_key: UUID) -> tuple[int, int]:
    """Plays and milliseconds of a show or an audiobook in the days of the scope."""
    at = instants_of(conn, scope.listener, scope.days)
    asked = {
        "user_id": scope.listener.id,
        "zone": scope.listener.timezone.key,
        "first_day": scope.days.first,
        "last_day": scope.days.last,
        "played_from": at.first,
        "played_to": at.end,
        "show_key": show_key,
    }
    plays, ms = fetch_row(conn, statement("queries/show_total"), asked)
    return plays, ms


def credited(conn: Connection, tracks: Sequence[int]) -> list[tuple[int, str]]:
    """Number and name of each artist of some tracks, track by track, in the order of the credits."""
    rows = conn.execute(statement("queries/credits"), {"ids": list(tracks)})
    return list(dict.fromkeys((artist_id, name) for _, artist_id, name in rows))


def recordings(conn: Connection, listener: Listener, song_id: int) -> list[Item]:
    """The recordings of a song that the listener ever played, the most played first."""
    tracks = tracks_of(conn, listener, Kind.SONG, song_id)
    named = items(conn, listener, Kind.TRACK, tracks)
    return [named[track_id] for track_id in tracks]


def albums_of_artist(
    conn: Connection, listener: Listener, artist_id: int, *, measure: Measure = Measure.PLAYS, each: int = EACH
) -> list[Item]:
    """The albums from which tracks of an artist were played, those with the most such plays, or time, first."""
    asked = {"user_id": listener.id, "id": artist_id, "by_time": measure is Measure.TIME, "each": each}
    ids = [row[0] for row in conn.execute(statement("queries/albums_of_artist"), asked)]
    named = items(conn, listener, Kind.ALBUM, ids)
    return [named[album_id] for album_id in ids]


def day_of_most(
    conn: Connection, listener: Listener, tracks: Sequence[int], months: Sequence[Bucket] | None = None
) -> DayOfMost | None:
    """The local day on which some tracks were played most, the first of equals; None if never, or only in the archive.

    The months with the most plays are read, then those that can hold a day with more. ``months``: what ``life`` says.
    """
    if listener.deriving:  # what the months hold may be older than the plays
        return _day_of_most(conn, listener, tracks, [heard_days(listener, Days(EARLIEST, LATEST))])
    if months is None:
        months = life(conn, listener, tracks)
    played = sorted((one for one in months if one.play_count), key=lambda one: (-one.play_count, one.first))
    best = _day_of_most(conn, listener, tracks, _days(played[:MONTHS_AT_FIRST]))
    # No day has more plays than its month.
    others = [one for one in played[MONTHS_AT_FIRST:] if best is None or one.play_count >= best.play_count]
    found = [one for one in (best, _day_of_most(conn, listener, tracks, _days(others))) if one]
    return min(found, key=lambda one: (-one.play_count, -one.total_ms, one.day), default=None)


def _days(buckets: Iterable[Bucket]) -> list[Days]:
    return [Days(one.first, one.last) for one in buckets]


def _day_of_most(
    conn: Connection, listener: Listener, tracks: Sequence[int], spans: Sequence[Days]
) -> DayOfMost | None:
    if not spans:
        return None
    query = statement("queries/day_of_most").format(within=within(windows_of(conn, listener, spans), joining=True))
    asked = {"user_id": listener.id, "zone": listener.timezone.key, "tracks": list(tracks)}
    row = conn.execute(query, asked).fetchone()
    return DayOfMost(*row) if row else None


def item_clock(conn: Connection, scope: Scope, tracks: Sequence[int]) -> Clock:
    """In which hours of the local week the tracks of an item were played in the scope."""
    parameters, archived = heard(conn, Scope(scope.listener, scope.days))
    parameters["tracks"] = list(tracks)
    rows = conn.execute(statement("queries/clock_heard"), parameters)
    return Clock([ClockCell(*row) for row in rows], archived)


def item_heard(
    conn: Connection, scope: Scope, tracks: Sequence[int], *, latest: int, months: Sequence[Bucket]
) -> ItemHeard:
    """What the events say of the tracks of an item. ``months``: what ``life`` says of them.

    Where the scope is all time, the events of all months are read once: opening each takes longer than reading it.
    """
    listener, everything = scope.listener, Days(EARLIEST, LATEST)
    if clipped(listener, scope.days) != clipped(listener, everything) or listener.deriving:
        plays = history_of(conn, Scope(listener, everything), tracks, each=latest, months=months).plays
        most = day_of_most(conn, listener, tracks, months)
        return ItemHeard(item_clock(conn, scope, tracks), most, [play.played_at for play in plays])
    parameters, archived = heard(conn, Scope(listener, everything))
    asked = parameters | {"tracks": list(tracks), "latest": latest}
    cells, most, instants = [], None, []
    for week_hour, day, played_at, *counts in conn.execute(statement("queries/item_heard"), asked):
        if day is not None:
            most = DayOfMost(day, *counts)
        elif played_at is not None:
            instants.append(played_at)
        else:
            cells.append(ClockCell(week_hour // 24, week_hour % 24, *counts))
    return ItemHeard(Clock(sorted(cells), archived), most, instants)


def neighbours(
    conn: Connection, scope: Scope, tracks: Sequence[int], *, each: int = 10, at: Sequence[datetime] | None = None
) -> list[Neighbour]:
    """What was played within 20 minutes of the latest plays of some tracks, the most frequent first.

    ``at``: when those plays ended, if that is known.
    """
    listener = scope.listener
    if at is None:
        plays = history_of(conn, Scope(listener, scope.days), tracks, each=LATEST_PLAYS).plays
        at = [play.played_at for play in plays]
    if not at:
        return []
    asked = {"user_id": listener.id, "tracks": list(tracks), "each": each}
    by_month: dict[date, list[datetime]] = {}
    for played_at in at:
        by_month.setdefault(month_of(played_at), []).append(played_at)
    parts = sql.SQL("\nUNION ALL\n").join([_near(of_month) for of_month in by_month.values()])
    rows = conn.execute(statement("queries/neighbours").format(parts=parts), asked).fetchall()
    named = items(conn, listener, Kind.TRACK, [track_id for track_id, _ in rows])
    return [Neighbour(named[track_id], number) for track_id, number in rows]


def _near(at: Sequence[datetime]) -> sql.Composed:
    """What was played near some plays of one UTC month."""
    return statement("queries/near_plays").format(
        played_at=sql.Literal(list(at)),
        played_from=sql.Literal(min(at) - NEAR),
        played_to=sql.Literal(max(at) + NEAR),
    )


def places_of_artists(years: Mapping[int, ArtistYear], ids: Iterable[int]) -> dict[int, list[YearRank]]:
    """The places of some artists in each local year in which they were played, in order."""
    found: dict[int, list[YearRank]] = {}
    for year, of_year in years.items():
        for artist in set(ids).intersection(of_year.artists):
            at = of_year.artists.index(artist)
            rank = YearRank(year, at + 1, of_year.play_counts[at], of_year.total_ms[at])
            found.setdefault(artist, []).append(rank)
    return found


def years_of(
    conn: Connection,
    listener: Listener,
    kind: Kind,
    item_id: int,
    *,
    months: Iterable[Bucket],
    measure: Measure = Measure.PLAYS,
) -> list[YearRank]:
    """The places of an item in each local year in which it was played, in order. ``months``: what ``life`` says of it.

    It reads the months of these years; of artists all months, once until something changes.
    """
    if kind is Kind.ARTIST:
        return places_of_artists(artist_years(conn, listener, measure).years, [item_id]).get(item_id, [])
    by_time, least = measure is Measure.TIME, dict[int, int]()
    for month in months:
        if month.play_count:
            least[month.first.year] = least.get(month.first.year, 0) + (month.total_ms if by_time else month.play_count)
    query = statement("queries/places_by_year").format(
        played=statement(f"queries/{kind.value}s_of_year").format(**measured_by(measure)),
        ids=numbers(kind, "ids"),
        **measured_by(measure),
    )
    asked = {"user_id": listener.id, "ids": [item_id], "years": list(least), "least": list(least.values())}
    return [YearRank(*row) for row in conn.execute(query, asked)]
