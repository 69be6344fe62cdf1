"""Pages that are lists side by side: discoveries, on this day, Spotify's lists, milestones."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.queries.discoveries import discovered, discoveries, forgotten, obsessions, one_hit_wonders
from myi_pipelines.serving.queries.milestones import milestones, on_this_day
from myi_pipelines.serving.queries.spotify_lists import Term, spotify_list
from myi_pipelines.serving.queries.tops import Kind, Ranked
from myi_pipelines.serving.web.bar import Choice, range_phrase
from myi_pipelines.serving.web.charts.marks import Mark, Tick
from myi_pipelines.serving.web.charts.timeline import Axes, timeline
from myi_pipelines.serving.web.page import OF_MUSIC, Page
from myi_pipelines.serving.web.pages.overview import empty
from myi_pipelines.serving.web.views import Figure, RankRow, change_of, find_covers, item_rows

EACH = 10
MONTHS = 40
TERMS = ((Term.SHORT, "short", "4 weeks"), (Term.MEDIUM, "medium", "6 months"), (Term.LONG, "long", "a year"))


class List(NamedTuple):
    name: str
    note: str
    href: str | None
    rows: list[RankRow]


class Wide(NamedTuple):
    name: str
    note: str
    href: str | None
    chart: Markup


def show_discoveries(page: Page) -> Response:
    """What was met in the range and what became of it; forgotten favourites and obsessions."""
    if page.listener.first_day is None:
        return empty(page)
    formats, conn = page.formats, page.conn
    months = discoveries(conn, page.scope)
    artists, songs = sum(one.artists for one in months), sum(one.songs for one in months)
    stayed = sum(one.songs_that_stayed for one in months)
    wide = []
    if len(months) > 1:
        marks = [
            Mark(
                formats.month(one.month),
                one.songs,
                formats.counted(one.songs, "new song"),
                page.links.to("discoveries", range=f"{one.month:%Y-%m}"),
                (one.month.year, one.month.month) == (page.today.year, page.today.month),
            )
            for one in months
        ]
        many = len(months) > 14
        labels = [
            Tick(at, str(one.month.year) if many else formats.months[one.month.month - 1], not many and at % 3 != 0)
            for at, one in enumerate(months)
            if not many or one.month.month == 1
        ]
        axes = Axes(labels, formats.short, heads=("Month", "New songs"))
        wide.append(Wide("New songs", "", None, timeline("New songs by month", marks, axes, height=180)))
    crazes = obsessions(conn, page.scope, each=EACH)
    find_covers(page, [one.track for one in crazes])
    once = one_hit_wonders(conn, page.listener, filters=page.scope.filters, each=EACH)
    lists = [
        List(
            "Artists",
            "First heard then, the most played since.",
            None,
            item_rows(page, discovered(conn, page.scope, Kind.ARTIST, each=EACH)),
        ),
        List("Songs", "", None, item_rows(page, discovered(conn, page.scope, Kind.SONG, each=EACH))),
        List("Albums", "", None, item_rows(page, discovered(conn, page.scope, Kind.ALBUM, each=EACH))),
        List(
            "Obsessions",
            "Played over and over in one month.",
            None,
            item_rows(
                page,
                [one.track for one in crazes],
                [f"{formats.number(one.play_count)} in {formats.short_month(one.month)}" for one in crazes],
            ),
        ),
        List(
            "Forgotten favourites",
            "Not heard for a year, in any range.",
            None,
            item_rows(page, forgotten(conn, page.listener, page.today, filters=page.scope.filters, each=EACH)),
        ),
        List(
            "One-hit wonders", "Artists of whom you know one song.", None, item_rows(page, [one.song for one in once])
        ),
    ]
    heading = (
        f"{range_phrase(page.range, formats)} you met {formats.counted(artists, 'new artist')}."
        if artists
        else f"{range_phrase(page.range, formats)} you met nobody new."
    )
    numbers = []
    if songs:
        numbers = [
            Figure(formats.number(songs), "new songs", page.links.to("tops")),
            Figure(formats.percent(stayed / songs), "of them stayed for a month or more"),
        ]
    return _lists(page, "Discoveries", heading, lists, wide=wide, numbers=numbers, reached=OF_MUSIC)


def show_on_this_day(page: Page) -> Response:
    """This day in every earlier year."""
    if page.listener.first_day is None:
        return empty(page)
    found, _ = on_this_day(page.conn, page.listener, page.today)
    formats = page.formats
    lists = [
        List(
            str(one.day.year),
            f"{formats.plays(one.play_count)}, {formats.length(one.total_ms)}.",
            page.links.day(one.day),
            item_rows(page, [track for track, _ in one.tracks], [formats.plays(count) for _, count in one.tracks]),
        )
        for one in found
    ]
    heading = f"{formats.short_day(page.today)}, in other years."
    nothing = "On this day nothing was played in any year before. Come back tomorrow."
    return _lists(page, "On this day", heading, lists, nothing=nothing)


def show_milestones(page: Page) -> Response:
    """The plays of round numbers."""
    if page.listener.first_day is None:
        return empty(page)
    formats = page.formats
    found = [one for one in reversed(milestones(page.conn, page.listener)) if one.track]
    find_covers(page, [one.track for one in found if one.track])
    rows = [
        row._replace(
            place="",
            name=f"{formats.number(one.number)}: {row.name}" if one.number > 1 else f"The first: {row.name}",
            value=formats.day_and_year(one.day),
            value_href=page.links.day(one.day),
        )
        for one, row in zip(found, item_rows(page, [one.track for one in found if one.track]), strict=True)
    ]
    lists = [List("Plays of round numbers", "", None, rows)] if rows else []
    return _lists(page, "Milestones", "What it adds up to.", lists, nothing="The first milestone is the first play.")


def show_spotify_lists(page: Page) -> Response:
    """What Spotify says is most played, beside what is."""
    term, chosen, _ = next((one for one in TERMS if one[1] == page.query.get("term")), TERMS[0])
    page.extra = {"term": chosen} if chosen != "short" else {}
    formats = page.formats
    before = page.today - timedelta(days=7)
    lists = []
    for kind, name in ((Kind.TRACK, "Recordings"), (Kind.ARTIST, "Artists")):
        found = spotify_list(page.conn, page.listener, kind, term, before=before)
        texts = [change_of(one.rank, Ranked(one.rank_before, 0, 0) if one.rank_before else None)[0] for one in found]
        rows = item_rows(page, [one.item for one in found], texts)
        note = f"As of {formats.moment(found[0].fetched_at)}; changes within a week." if found else ""
        lists.append(List(name, note, None, rows))
    tabs = [
        Choice(name, page.links.to("spotify", term=None if key == "short" else key), key == chosen)
        for _, key, name in TERMS
    ]
    nothing = "Spotify’s own lists come with a linked account: run myi login at the terminal of this installation."
    return _lists(page, "Spotify’s lists", "What Spotify says you play most.", lists, tabs=tabs, nothing=nothing)


def _lists(
    page: Page,
    title: str,
    heading: str,
    lists: list[List],
    *,
    wide: list[Wide] | None = None,
    numbers: list[Figure] | None = None,
    tabs: list[Choice] | None = None,
    nothing: str = "",
    reached: tuple[str, ...] = (),
) -> Response:
    return page.render(
        "lists.html",
        title,
        heading=heading,
        aside="",
        numbers=numbers or [],
        tabs=tabs or [],
        wide=wide or [],
        lists=[one for one in lists if one.rows],
        nothing=nothing,
        unreached=page.unreached(*reached),
    )
