"""Trends: how the music of a life changes from year to year. The range above does not limit them; filters do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.queries.activity import Step, activity
from myi_pipelines.serving.queries.discoveries import discoveries
from myi_pipelines.serving.queries.music import diversity, releases
from myi_pipelines.serving.queries.scope import Days, Scope
from myi_pipelines.serving.queries.tops import Kind, TopGenre, TopRow, ranks, top_genres, tops
from myi_pipelines.serving.web.charts.bump import Lane, bump
from myi_pipelines.serving.web.charts.marks import Mark, Tick, table
from myi_pipelines.serving.web.charts.timeline import Axes, Multiple, Part, multiples, shares, stacked, timeline
from myi_pipelines.serving.web.page import Page
from myi_pipelines.serving.web.pages.overview import empty
from myi_pipelines.serving.web.series import bars

PLACES = 10
MULTIPLES = 12
PARTS = 5
MOST_YEARS = 16


def show_trends(page: Page) -> Response:
    """Year by year: totals, ranks, rise and fall, genres."""
    first_day = page.listener.first_day
    if first_day is None:
        return empty(page)
    everything = Days(first_day, page.today)
    scope = page.scope._replace(days=everything)
    years = list(range(max(first_day.year, page.today.year - MOST_YEARS + 1), page.today.year + 1))
    scopes = {year: scope._replace(days=Days(date(year, 1, 1), date(year, 12, 31))) for year in years}
    by_year = {year: tops(page.conn, one, [Kind.ARTIST], each=PLACES)[Kind.ARTIST].rows for year, one in scopes.items()}
    totals = activity(page.conn, scope, Step.YEAR).buckets
    best = max(totals, key=lambda one: page.value(one.play_count, one.total_ms))
    return page.render(
        "trends.html",
        "Trends",
        sentence=f"{best.first.year} was your fullest year, with {page.value_text(best.play_count, best.total_ms)}.",
        years=bars(page, totals, Step.YEAR, height=180),
        noun="artists",
        bump=_bump(page, by_year) if len(years) > 1 else None,
        multiples=_multiples(page, scope, scopes),
        genres=_genres(page, scopes),
        **_age(page, scope),
        **_variety(page, scopes),
        **_stayed(page, scope),
    )


def _bump(page: Page, by_year: dict[int, list[TopRow]]) -> Markup:
    names: dict[int, str] = {}
    ranked: dict[int, dict[int, int]] = {}
    for year, rows in by_year.items():
        for row in rows:
            names[row.item.id] = row.item.name
            ranked.setdefault(row.item.id, {})[year] = row.rank
    lanes = [
        Lane(names[item], [places.get(year) for year in by_year], page.links.item("artist", item))
        for item, places in ranked.items()
    ]
    return bump("Ranks of artists by year", lanes, [str(year) for year in by_year], places=PLACES)


def _multiples(page: Page, scope: Scope, scopes: dict[int, Scope]) -> Markup | None:
    top = tops(page.conn, scope, [Kind.ARTIST], each=MULTIPLES)[Kind.ARTIST].rows
    if not top or len(scopes) < 2:
        return None
    ids = [row.item.id for row in top]
    found = {year: ranks(page.conn, one, {Kind.ARTIST: ids})[Kind.ARTIST] for year, one in scopes.items()}
    series = []
    rows = []
    for row in top:
        of_years = [found[year].get(row.item.id) for year in scopes]
        values = [page.value(one.play_count, one.total_ms) if one else 0 for one in of_years]
        text = page.value_text(row.play_count, row.total_ms)
        series.append(Multiple(row.item.name, text, values, page.links.item("artist", row.item.id)))
        rows.append(
            [row.item.name, *(page.value_text(one.play_count, one.total_ms) if one else "" for one in of_years)]
        )
    years = [str(year) for year in scopes]
    return multiples("Artists by year", series, years[0], years[-1], table=table(["Artist", *years], rows))


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
    usual = found.usual_year
    note = f"Half of your plays are of music from {usual} or before." if usual else ""
    chart = timeline(
        "Plays by decade of release", marks, Axes(labels, page.axis, heads=("Decade", "Plays")), height=190
    )
    return {"decades": chart, "decades_note": note}


def _variety(page: Page, scopes: dict[int, Scope]) -> dict[str, Any]:
    """How many artists, heard equally often, would be as varied."""
    found = {year: diversity(page.conn, one) for year, one in scopes.items()}
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
    if sum(mark.value > 0 for mark in marks) < 2:
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
    if not years:
        return {"stayed": None, "stayed_note": ""}
    formats = page.formats
    rows = [
        Mark(
            str(year),
            stayed / songs if songs else 0,
            f"{formats.percent(stayed / songs if songs else 0)} of {formats.counted(songs, 'new song')}",
            page.links.to("discoveries", range=str(year)),
        )
        for year, (songs, stayed) in sorted(years.items(), reverse=True)
    ]
    return {"stayed": shares(rows, whole=1), "stayed_note": "New songs that were still played a month later."}


def _genres(page: Page, scopes: dict[int, Scope]) -> Markup | None:
    by_year: dict[int, Sequence[TopGenre]] = {year: top_genres(page.conn, one)[0] for year, one in scopes.items()}
    by_year = {year: rows for year, rows in by_year.items() if rows}
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
