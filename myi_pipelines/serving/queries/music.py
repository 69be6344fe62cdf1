"""What the music is like: when it was released, how diverse it is, how much of a track is heard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import exp, log
from typing import NamedTuple

from myi_pipelines.serving.queries.activity import Way
from myi_pipelines.serving.queries.artist_years import artist_years
from myi_pipelines.serving.queries.items import YearRank, places_of_artists
from myi_pipelines.serving.queries.periods import clipped, counted, month_of
from myi_pipelines.serving.queries.scope import ONE_DAY, Days, Listener, Measure, Scope
from myi_pipelines.serving.queries.tops import TopGenre
from myi_pipelines.warehouse.database.connections import Connection, fetch_row
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import next_month

MONTHS_OF_SHARES = 12


class ReleaseYear(NamedTuple):
    """The plays of music that was released in a year."""

    year: int | None
    """None: it is not known."""
    play_count: int
    total_ms: int


def _amount(one: ReleaseYear, measure: Measure) -> int:
    return one.total_ms if measure is Measure.TIME else one.play_count


class Releases(NamedTuple):
    """When the music of a scope was released."""

    years: list[ReleaseYear]
    archived: tuple[date, ...]

    @property
    def decades(self) -> list[ReleaseYear]:
        """By the first year of each decade, those with plays."""
        found: dict[int, ReleaseYear] = {}
        for one in self.years:
            if one.year is not None:
                first = one.year // 10 * 10
                before = found.get(first, ReleaseYear(first, 0, 0))
                found[first] = ReleaseYear(first, before.play_count + one.play_count, before.total_ms + one.total_ms)
        return [found[first] for first in sorted(found)]

    @property
    def usual_year(self) -> int | None:
        """The median year of release, by plays; None if none is known."""
        return self.median_year(Measure.PLAYS)

    def median_year(self, measure: Measure) -> int | None:
        """The median year of release, by plays or by time."""
        known = [one for one in self.years if one.year is not None]
        half, seen = sum(_amount(one, measure) for one in known) / 2, 0
        for one in known:
            seen += _amount(one, measure)
            if seen >= half:
                return one.year
        return None


class Diversity(NamedTuple):
    """How plays spread over artists."""

    artists: int
    play_count: int
    """A play counts for every credited artist."""
    effective_artists: float
    """As many artists, played equally often, would be as diverse (the exponential of Shannon's entropy)."""
    evenness: float
    """From 0, nearly all plays are of one artist, to 1, all are played equally often."""
    concentration: float
    """The chance that two plays are of one artist (Simpson's index), 0 to 1."""
    archived: tuple[date, ...]


def releases(conn: Connection, scope: Scope) -> Releases:
    """How often music of each year of release was played in the scope."""
    found = counted(conn, scope)
    by_album = statement("queries/album_plays_ever" if found.is_ever else "queries/album_plays")
    query = statement("queries/decades").format(by_album=by_album.format(counted=found.query))
    rows = conn.execute(query, found.parameters)
    return Releases([ReleaseYear(*row) for row in rows], found.archived)


def diversity(conn: Connection, scope: Scope) -> Diversity:
    """How the plays of the scope spread over artists."""
    found = counted(conn, scope)
    query = statement("queries/diversity").format(counted=found.query)
    artists, plays, entropy, squares = fetch_row(conn, query, found.parameters)
    return _diversity(artists, plays, entropy, squares, found.archived)


def artists_by_year(
    conn: Connection, listener: Listener, *, measure: Measure = Measure.PLAYS, each: int = 10
) -> tuple[dict[int, list[YearRank]], dict[int, Diversity]]:
    """By artist: the places in each local year of those that were among the first of any. By year: how the plays of
    each with plays spread over artists. It reads every month once until something changes."""
    years = artist_years(conn, listener, measure).years
    first = sorted({artist for year in years.values() for artist in year.artists[:each]})
    spreads = {
        year: _diversity(
            len(found.artists),
            sum(found.play_counts),
            sum(plays * log(plays) for plays in found.play_counts),
            sum(plays**2 for plays in found.play_counts),
        )
        for year, found in years.items()
    }
    return places_of_artists(years, first), spreads


def genres_by_year(
    conn: Connection, listener: Listener, *, measure: Measure = Measure.PLAYS
) -> dict[int, list[TopGenre]]:
    """The genres of each local year in which any was played, the most played first, as ``top_genres`` says them."""
    found, user = artist_years(conn, listener, measure), {"user_id": listener.id}
    genres = conn.execute(statement("queries/artists_of_genres"), user, binary=True).fetchall()
    of_artist: dict[int, list[int]] = {}
    for number, (_, artists) in enumerate(genres):
        for artist in artists:
            of_artist.setdefault(artist, []).append(number)
    sums = {year: [[0, 0] for _ in genres] for year in found.years}
    for year, of_year in found.years.items():
        in_year = sums[year]
        for artist, *counts in zip(of_year.artists, of_year.play_counts, of_year.total_ms, strict=True):
            for number in of_artist.get(artist, ()):
                in_year[number][0] += counts[0]
                in_year[number][1] += counts[1]
    if genres and found.are_shared:
        numbers = {genre: number for number, (genre, _) in enumerate(genres)}
        asked = user | {"years": list(found.years)}
        for year, genre, play_count, total_ms in conn.execute(statement("queries/genres_repeated"), asked):
            sums[year][numbers[genre]][0] -= play_count
            sums[year][numbers[genre]][1] -= total_ms
    names = [genre for genre, _ in genres]
    return {year: rows for year, of_year in sums.items() if (rows := _ranked(names, of_year, measure))}


def _ranked(names: Sequence[str], sums: Sequence[Sequence[int]], measure: Measure) -> list[TopGenre]:
    by_time = measure is Measure.TIME

    def order(of: tuple[str, int, int]) -> tuple[int, int, str]:
        genre, play_count, total_ms = of
        return (-total_ms, -play_count, genre) if by_time else (-play_count, -total_ms, genre)

    played = [(genre, plays, ms) for genre, (plays, ms) in zip(names, sums, strict=True) if plays]
    return [TopGenre(rank, *one, None) for rank, one in enumerate(sorted(played, key=order), 1)]


def _diversity(artists: int, plays: int, entropy: float, squares: float, archived: tuple[date, ...] = ()) -> Diversity:
    """``entropy`` is the sum of n ln n over the plays n of each artist, ``squares`` that of n²."""
    if not plays:
        return Diversity(0, 0, 0.0, 0.0, 0.0, archived)
    shannon = max(0.0, log(plays) - entropy / plays)
    evenness = min(1.0, shannon / log(artists)) if artists > 1 else 1.0
    return Diversity(artists, plays, exp(shannon), evenness, squares / plays**2, archived)


def share_heard(conn: Connection, scope: Scope) -> tuple[Days, list[Way]]:
    """How much of the tracks was heard in the UTC months in which the scope lies, and of which days these are.

    Every track of each month is read, so that it is the latest ``MONTHS_OF_SHARES`` months of a long range.
    """
    days = clipped(scope.listener, scope.days)
    if not days.length:
        return days, []
    first, end = month_of(days.first), next_month(month_of(days.last))
    number = max(first.year * 12 + first.month - 1, end.year * 12 + end.month - 1 - MONTHS_OF_SHARES)
    first = date(number // 12, number % 12 + 1, 1)
    asked = {"user_id": scope.listener.id, "first_month": first, "end_month": end}
    rows = conn.execute(statement("queries/share_heard"), asked)
    return Days(first, end - ONE_DAY), [Way(*row) for row in rows]
