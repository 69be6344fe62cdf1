"""Trends: how the music of a life changes from year to year. The range above does not limit them; filters do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.queries.activity import Step, activity
from myi_pipelines.serving.queries.scope import Days, Scope
from myi_pipelines.serving.queries.tops import Kind, TopGenre, TopRow, ranks, top_genres, tops
from myi_pipelines.serving.web.charts.bump import Lane, bump
from myi_pipelines.serving.web.charts.marks import Mark, Tick, table
from myi_pipelines.serving.web.charts.timeline import Axes, Multiple, Part, multiples, stacked
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
        decades=None,
        decades_note="",
        diversity=None,
        diversity_note="",
        stayed=None,
        stayed_note="",
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
