"""Trends: how the music of a life changes from year to year. The range does not limit them; filters do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.queries.activity import Bucket, Step, activity
from myi_pipelines.serving.queries.discoveries import discoveries
from myi_pipelines.serving.queries.items import YearRank
from myi_pipelines.serving.queries.music import Diversity, artists_by_year, diversity, genres_by_year, releases
from myi_pipelines.serving.queries.scope import Days, Filters, Scope
from myi_pipelines.serving.queries.tops import Kind, TopGenre, has_genres, items, top_genres, tops
from myi_pipelines.serving.web.charts.bump import Lane, bump
from myi_pipelines.serving.web.charts.marks import Mark, Tick, table
from myi_pipelines.serving.web.charts.timeline import Axes, Multiple, Part, multiples, shares, stacked, timeline
from myi_pipelines.serving.web.page import OF_MUSIC, Page
from myi_pipelines.serving.web.pages.overview import NOTHING_FITS, empty
from myi_pipelines.serving.web.series import FEW, axes, bars, fullest

PLACES = 10
MULTIPLES = 12
PARTS = 5
MOST_YEARS = 16
VARIED = 2
"""Artists that make any variety."""


def show_trends(page: Page) -> Response:
    """Year by year: totals, ranks, rise and fall, genres."""
    first_day, last_day = page.listener.first_day, page.listener.last_day
    if first_day is None or last_day is None:
        return empty(page)
    last = min(page.today, date(last_day.year, 12, 31))
    scope = page.scope._replace(days=Days(first_day, last))
    years = list(range(max(first_day.year, last.year - MOST_YEARS + 1), last.year + 1))
    scopes = {year: scope._replace(days=Days(date(year, 1, 1), date(year, 12, 31))) for year in years}
    totals = activity(page.conn, scope, Step.YEAR).buckets
    places, spreads = _artists_by_year(page, scope, scopes)
    return page.render(
        "trends.html",
        "Trends",
        sentence=_sentence(page, totals),
        aside=f"Of all time, since {page.formats.month(first_day)}.",
        years=bars(page, totals, Step.YEAR, height=180),
        noun="artists",
        **_ranks(page, places, scopes),
        genres=_genres(page, scope, scopes),
        **_age(page, scope),
        **_variety(page, spreads),
        **_stayed(page, scope),
    )


def _sentence(page: Page, totals: Sequence[Bucket]) -> str:
    """Which year was the fullest, if one was."""
    with_plays = [one for one in totals if one.play_count]
    if not with_plays:
        return NOTHING_FITS
    best = max(with_plays, key=lambda one: page.value(one.play_count, one.total_ms))
    value = page.value_text(best.play_count, best.total_ms)
    if len(with_plays) == 1:
        return f"You listened in one year so far, {best.first.year}: {value}."
    if fullest(page, totals) is None:
        return f"No year was fuller than {best.first.year}, with {value}."
    return f"{best.first.year} was your fullest year, with {value}."


def _ranks(page: Page, found: dict[int, list[YearRank]], scopes: dict[int, Scope]) -> dict[str, Any]:
    """The artists that were among the first of any year: their places, and how much the most played were played."""
    if len(scopes) < 2:
        return {"bump": None, "multiples": None}
    names = {id_: one.name for id_, one in items(page.conn, page.listener, Kind.ARTIST, list(found)).items()}
    lanes = []
    for artist, of_years in sorted(found.items()):
        places = {one.year: one.rank for one in of_years if one.rank <= PLACES}
        lanes.append(Lane(names[artist], [places.get(year) for year in scopes], page.links.item("artist", artist)))
    years = [str(year) for year in scopes]
    lowest = max((rank for lane in lanes for rank in lane.ranks if rank), default=1)
    return {
        "bump": bump("Ranks of artists by year", lanes, years, places=lowest),
        "multiples": _multiples(page, found, names, list(scopes)),
    }


def _artists_by_year(
    page: Page, scope: Scope, scopes: dict[int, Scope]
) -> tuple[dict[int, list[YearRank]], dict[int, Diversity]]:
    """Every year of the artists that were among the first of any, with filters the years in which they were; and how
    plays spread over artists in each year."""
    if scope.filters == Filters():
        places, spreads = artists_by_year(page.conn, page.listener, measure=scope.measure, each=PLACES)
        return places, {year: spreads[year] for year in scopes if year in spreads}
    found: dict[int, list[YearRank]] = {}
    for year, one in scopes.items():
        for row in tops(page.conn, one, [Kind.ARTIST], each=PLACES)[Kind.ARTIST].rows:
            found.setdefault(row.item.id, []).append(YearRank(year, row.rank, row.play_count, row.total_ms))
    return found, {year: diversity(page.conn, one) for year, one in scopes.items()}


def _multiples(page: Page, found: dict[int, list[YearRank]], names: dict[int, str], years: list[int]) -> Markup:
    series = []
    rows = []
    sums = {
        artist: (sum(one.play_count for one in of_years), sum(one.total_ms for one in of_years))
        for artist, of_years in found.items()
    }
    for artist in sorted(sums, key=lambda artist: (-page.value(*sums[artist]), artist))[:MULTIPLES]:
        of_years = {one.year: one for one in found[artist]}
        values = [
            page.value(of_years[year].play_count, of_years[year].total_ms) if year in of_years else 0 for year in years
        ]
        text = page.value_text(*sums[artist])
        series.append(Multiple(names[artist], text, values, page.links.item("artist", artist)))
        texts = [
            page.value_text(of_years[year].play_count, of_years[year].total_ms) if year in of_years else ""
            for year in years
        ]
        rows.append([names[artist], *texts])
    heads = [str(year) for year in years]
    return multiples("Artists by year", series, heads[0], heads[-1], table=table(["Artist", *heads], rows))


def _age(page: Page, scope: Scope) -> dict[str, Any]:
    """By decade of release."""
    found = releases(page.conn, scope)
    if not found.decades:
        return {"decades": None, "decades_note": ""}
    known = sum(page.value(one.play_count, one.total_ms) for one in found.decades) or 1
    marks = []
    for one in found.decades:
        value = page.value(one.play_count, one.total_ms)
        text = f"{page.value_text(one.play_count, one.total_ms)}, {page.formats.percent(value / known)}"
        marks.append(Mark(f"{one.year}s", value, text))
    labels = [Tick(index, mark.label, len(marks) > 6 and index % 2 == 1) for index, mark in enumerate(marks)]
    usual = found.median_year(page.scope.measure)
    half = "Half of your time is spent on" if page.by_time else "Half of your plays are of"
    note = f"{half} music from {usual} or before." if usual else ""
    by_measure = axes(page, marks, labels)
    what = by_measure.heads[1]
    chart = timeline(f"{what} by decade of release", marks, by_measure._replace(heads=("Decade", what)), height=190)
    return {"decades": chart, "decades_note": note}


def _variety(page: Page, found: dict[int, Diversity]) -> dict[str, Any]:
    """How many artists, heard equally often, would be as varied."""
    marks = [
        Mark(
            str(year),
            round(one.effective_artists, 1),
            f"{page.formats.number(one.effective_artists)} of {page.formats.counted(one.artists, 'artist')}",
            page.links.to("tops/artists", range=str(year)),
            year == page.today.year,
        )
        for year, one in found.items()
    ]
    if sum(mark.value > 0 for mark in marks) < 2 or max(mark.value for mark in marks) < VARIED:
        return {"diversity": None, "diversity_note": ""}
    labels = [Tick(index, mark.label, index % 2 == 1 and len(marks) > 8) for index, mark in enumerate(marks)]
    chart = timeline("Variety by year", marks, Axes(labels, page.formats.short, heads=("Year", "Artists")), height=180)
    note = "As many artists, heard equally often, would be as varied as what you heard."
    return {"diversity": chart, "diversity_note": note}


def _stayed(page: Page, scope: Scope) -> dict[str, Any]:
    """New songs of each year, and how many of them were heard again a month later."""
    years: dict[int, tuple[int, int]] = {}
    for one in discoveries(page.conn, scope):
        songs, stayed = years.get(one.month.year, (0, 0))
        years[one.month.year] = songs + one.songs, stayed + one.songs_that_stayed
    if sum(songs for songs, _ in years.values()) < FEW:
        return {"stayed": None, "stayed_note": ""}
    formats = page.formats
    note = "New songs that were still played a month later."
    if unreached := page.unreached(*OF_MUSIC):
        note += f" {unreached}"
    rows = [
        Mark(
            str(year),
            stayed / songs if songs else 0,
            f"{formats.percent(stayed / songs if songs else 0)} of {formats.counted(songs, 'new song')}",
            page.links.to("discoveries", range=str(year)),
        )
        for year, (songs, stayed) in sorted(years.items(), reverse=True)
    ]
    return {"stayed": shares(rows, whole=1), "stayed_note": note}


def _genres_by_year(page: Page, scope: Scope, scopes: dict[int, Scope]) -> dict[int, list[TopGenre]]:
    """The genres of those years that have any."""
    if scope.filters == Filters():
        every = genres_by_year(page.conn, page.listener, measure=scope.measure)
        return {year: every[year] for year in scopes if year in every}
    return {year: rows for year, one in scopes.items() if (rows := top_genres(page.conn, one)[0])}


def _genres(page: Page, scope: Scope, scopes: dict[int, Scope]) -> Markup | None:
    if not has_genres(page.conn, page.listener):
        return None
    by_year = _genres_by_year(page, scope, scopes)
    if not by_year:
        return None
    sums: dict[str, int] = {}
    for rows in by_year.values():
        for row in rows:
            sums[row.genre] = sums.get(row.genre, 0) + page.value(row.play_count, row.total_ms)
    largest = sorted(sums, key=lambda genre: -sums[genre])[:PARTS]
    values = {
        year: {row.genre: page.value(row.play_count, row.total_ms) for row in rows} for year, rows in by_year.items()
    }
    parts = [
        Part(genre, [values[year].get(genre, 0) for year in by_year], page.links.to("genre", name=genre))
        for genre in largest
    ]
    rest = [sum(values[year].values()) - sum(values[year].get(genre, 0) for genre in largest) for year in by_year]
    if any(rest):
        parts.append(Part("all others", rest))
    columns = [Mark(str(year), 0, "", page.links.to("tops/genres", range=str(year))) for year in by_year]
    labels = [Tick(index, str(year), index % 2 == 1 and len(by_year) > 6) for index, year in enumerate(by_year)]
    return stacked("Genres by year", parts, Axes(labels, page.formats.percent, heads=("Year", "")), columns)
