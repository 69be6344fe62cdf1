"""The page of one song, recording, artist, album, genre or show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.queries.activity import Bucket, Clock, Step
from myi_pipelines.serving.queries.history import Before, history_of, other_plays
from myi_pipelines.serving.queries.items import (
    DayOfMost,
    ItemPage,
    YearRank,
    albums_of_artist,
    genre_page,
    item_heard,
    item_page,
    meant,
    neighbours,
    recordings,
    show_page,
    show_total,
)
from myi_pipelines.serving.queries.scope import NO_FILTERS, Days, Filters, RangeKind, Scope
from myi_pipelines.serving.queries.tops import Item, Kind, Ranked, TopShow, tops
from myi_pipelines.serving.web.bar import range_label
from myi_pipelines.serving.web.charts.marks import Mark, Tick
from myi_pipelines.serving.web.charts.timeline import Axes, shares, timeline
from myi_pipelines.serving.web.covers import letterform
from myi_pipelines.serving.web.links import FILTERS
from myi_pipelines.serving.web.page import Page, whole_number
from myi_pipelines.serving.web.pages.history import play_row, read_before, write_before
from myi_pipelines.serving.web.series import bars, busiest_hour, day_clock, fullest_hour
from myi_pipelines.serving.web.views import (
    NAMES,
    SHOW_PARTS,
    SHOWS,
    Figure,
    RankList,
    RankRow,
    cover_of,
    find_covers,
    item_rows,
    name_of,
    plays_of_ever,
    rank_row,
)

LISTED = 8
PLAYS = 12
MORE_PLAYS = 60
OF_ALL_TIME = "Of all time."
"""What lists are of that the range does not limit."""
PLAYS_BESIDE = 30
"""Latest plays beside which others are looked for."""
LONGEST_OF_MONTHS = 130
"""Months that are drawn one by one; a longer life is drawn by year."""


def show_item(page: Page, kind: Kind) -> Response:
    """``/song/{id}``, ``/track/{id}``, ``/artist/{id}``, ``/album/{id}``. Old numbers lead on to new ones."""
    number = whole_number(page.request.path_params["id"])
    if number is None:
        raise HTTPException(404)
    now = meant(page.conn, kind, number)
    if now != number:
        return RedirectResponse(page.links.item(kind.value, now), 301)
    found = item_page(page.conn, page.scope, kind, number, with_years=True)
    if found is None or not found.item.play_count:
        raise HTTPException(404)
    page.path = f"{kind.value}/{number}"
    item, formats = found.item, page.formats
    find_covers(page, [item])
    heard = item_heard(page.conn, page.scope, found.tracks, latest=PLAYS_BESIDE, months=found.life)
    return page.render(
        "item.html",
        name_of(item),
        unreached=page.unreached(),
        kind=NAMES[kind].capitalize(),
        name=name_of(item),
        by=_by(page, kind, found),
        cover=cover_of(page, item),
        is_round=kind is Kind.ARTIST,
        sentence=_sentence(page, item),
        numbers=_figures(page, kind, found, heard.most),
        timeline=life(page, found.life, **_alone(item)),
        timeline_note="Since the first play.",
        ranks=rank_chart(page, found.years, item) if len(found.years) > 1 else None,
        clock=_clock(page, item, heard.clock) if found.in_range else None,
        clock_note=range_label(page.range, formats),
        lists=[one for one in _lists(page, kind, found, heard.latest) if one.rows],
        plays=_plays(page, found),
        plays_note=range_label(page.range, formats),
        plays_href=page.links.plays(**_alone(item)),
        hide=(page.links.to("corrections", kind=kind.value, name=item.spotify_id or item.name))
        if page.may(Part.MANAGE)
        else None,
    )


def show_song(page: Page) -> Response:
    return show_item(page, Kind.SONG)


def show_track(page: Page) -> Response:
    return show_item(page, Kind.TRACK)


def show_artist(page: Page) -> Response:
    return show_item(page, Kind.ARTIST)


def show_album(page: Page) -> Response:
    return show_item(page, Kind.ALBUM)


def life(page: Page, buckets: Sequence[Bucket], **changes: Any) -> Markup | None:
    """The months since the first play; years of a long life."""
    if not buckets:
        return None
    if len(buckets) <= LONGEST_OF_MONTHS:
        return bars(page, buckets, Step.MONTH, height=200, **changes)
    years: dict[int, Bucket] = {}
    for one in buckets:
        known = years.get(one.first.year)
        years[one.first.year] = (
            Bucket(known.first, one.last, known.play_count + one.play_count, known.total_ms + one.total_ms)
            if known
            else one
        )
    return bars(page, list(years.values()), Step.YEAR, height=200, **changes)


def _by(page: Page, kind: Kind, found: ItemPage) -> Markup | None:
    """Its artists, and of a recording its album, as links."""
    if not found.item.is_named:
        return Markup('<span class="muted">Spotify’s id is {}</span>').format(found.item.name)
    if kind is Kind.ARTIST or not found.credits:
        return None
    names = Markup(", ").join(
        Markup('<a dir="auto" href="{}">{}</a>').format(page.links.item("artist", number), name)
        for number, name in found.credits
    )
    item = found.item
    if kind is not Kind.ALBUM and item.album and item.album_id:
        names += Markup(', <a class="muted" dir="auto" href="{}">{}</a>').format(
            page.links.item("album", item.album_id), item.album
        )
    return names


def _sentence(page: Page, item: Item) -> str:
    formats = page.formats
    if not item.first_played_at or not item.last_played_at:
        return ""
    first, last = formats.local(item.first_played_at).date(), formats.local(item.last_played_at).date()
    length = f" It is {formats.track_length(item.duration_ms)} long." if item.duration_ms else ""
    if item.play_count == 1:
        return f"Heard once, on {formats.day(first)}.{length}"
    return f"First heard on {formats.day(first)}, last {formats.ago(last, page.today)}.{length}"


def _figures(page: Page, kind: Kind, found: ItemPage, best: DayOfMost | None) -> list[Figure]:
    formats, item = page.formats, found.item
    ever = plays_of_ever(page, item)
    entries = [
        Figure(formats.number(item.play_count), f"{formats.noun(item.play_count, 'play')} ever", ever),
        Figure(formats.length(item.total_ms), "ever", ever),
    ]
    if found.rank_ever:
        plural = {"song": "songs", "recording": "recordings", "artist": "artists", "album": "albums"}[NAMES[kind]]
        path = {Kind.ARTIST: "tops/artists", Kind.ALBUM: "tops/albums"}.get(kind, "tops")
        of = {"of": "recordings"} if kind is Kind.TRACK else {}
        href = page.links.to(path, range="all", **of)
        entries.append(Figure(f"#{formats.number(found.rank_ever.rank)}", f"among your {plural}", href))
    if page.range.kind is not RangeKind.ALL:
        entries.append(_in_range(page, found.in_range, page.links.plays(**_alone(item))))
    if best and best.play_count > 1:
        plays, most = formats.plays(best.play_count), f"on {formats.day(best.day)}, the most in a day"
        entries.append(Figure(plays, most, page.links.plays(range=best.day.isoformat(), **_alone(item))))
    return entries


def _in_range(page: Page, now: Ranked | None, plays: str) -> Figure:
    label = range_label(page.range, page.formats)
    if now is None:
        return Figure("none", label)
    return Figure(page.value_text(now.play_count, now.total_ms), label, plays, f"#{page.formats.number(now.rank)} then")


def _alone(item: Item) -> dict[str, object]:
    """What of an address leaves the item as the only filter: the numbers of its page know no other."""
    return {**dict.fromkeys(FILTERS), item.kind.value: item.id}


def rank_chart(page: Page, years: Sequence[YearRank], item: Item) -> Markup:
    """Its place in each year, the bar is its plays."""
    rows = [
        Mark(
            f"{one.year}: #{page.formats.number(one.rank)}",
            page.value(one.play_count, one.total_ms),
            page.value_text(one.play_count, one.total_ms),
            page.links.plays(range=str(one.year), **_alone(item)),
        )
        for one in reversed(years)
    ]
    return shares(rows)


def _clock(page: Page, item: Item, week: Clock) -> Markup | None:
    if not week.cells:
        return None
    hours = week.hours
    middle = fullest_hour(page, busiest_hour(hours, page.by_time))
    return day_clock(page, hours, middle, **_alone(item))


def _lists(page: Page, kind: Kind, found: ItemPage, latest: Sequence[datetime]) -> list[RankList]:
    listener, item, formats = page.listener, found.item, page.formats
    everything = Days(listener.first_day or page.today, page.today)
    lists = []
    if kind is Kind.SONG:
        found_tracks = recordings(page.conn, listener, item.id)
        tracks = sorted(found_tracks, key=lambda one: -page.value(one.play_count, one.total_ms))
        lists.append(
            RankList("Recordings", OF_ALL_TIME, None, item_rows(page, tracks, by_album=True) if len(tracks) > 1 else [])
        )
    if kind in (Kind.ARTIST, Kind.ALBUM):
        filters = Filters(artist_id=item.id) if kind is Kind.ARTIST else Filters(album_id=item.id)
        scope = Scope(listener, everything, page.scope.measure, filters)
        rows = tops(page.conn, scope, [Kind.SONG], each=LISTED)[Kind.SONG].rows
        find_covers(page, [row.item for row in rows])
        top = page.value(rows[0].play_count, rows[0].total_ms) if rows else 0
        href = page.links.to("tops", range="all", **{kind.value: item.id})
        links = page.links.unfiltered(range="all", **{kind.value: str(item.id)})
        lists.append(RankList("Songs", OF_ALL_TIME, href, [rank_row(page, row, top, links=links) for row in rows]))
    if kind is Kind.ARTIST:
        albums = albums_of_artist(page.conn, listener, item.id, measure=page.scope.measure, each=LISTED)
        lists.append(RankList("Albums", OF_ALL_TIME, None, item_rows(page, albums)))
    near = neighbours(page.conn, Scope(listener, everything), found.tracks, each=LISTED, at=latest)
    rows_near = item_rows(page, [one.track for one in near], [formats.counted(one.play_count, "time") for one in near])
    lists.append(RankList("Often beside it", "Within 20 minutes of its latest plays.", None, rows_near))
    return lists


def _plays(page: Page, item: ItemPage) -> list[object]:
    if not page.may(Part.HISTORY):
        return []
    scope = page.scope._replace(filters=NO_FILTERS)
    found = history_of(page.conn, scope, item.tracks, each=PLAYS, months=item.life)
    find_covers(page, [play.track for play in found.plays])
    return [play_row(page, play, with_day=True) for play in found.plays]


def show_genre(page: Page) -> Response:
    """``/genre?name=``."""
    name = page.query.get("name", "").strip()
    if not name:
        raise HTTPException(404)
    page.path, page.extra = "genre", {"name": name}
    found = genre_page(page.conn, page.scope, name)
    if found.ever is None:
        raise HTTPException(404)
    formats, ever, links = page.formats, found.ever, page.links.unfiltered(genre=name)
    entries = [
        Figure(
            formats.number(ever.play_count),
            f"{formats.noun(ever.play_count, 'play')} ever",
            links.plays(range="all"),
        ),
        Figure(formats.length(ever.total_ms), "ever", links.plays(range="all")),
        Figure(f"#{ever.rank}", "among your genres", page.links.to("tops/genres", range="all")),
    ]
    if page.range.kind is not RangeKind.ALL:
        entries.append(_in_range(page, found.in_range, links.plays()))
    scope = page.scope._replace(filters=Filters(genre=name))
    tops_found = tops(page.conn, scope, [Kind.ARTIST, Kind.SONG], each=LISTED)
    lists = []
    for kind, heading, path in ((Kind.ARTIST, "Artists", "tops/artists"), (Kind.SONG, "Songs", "tops")):
        rows = tops_found[kind].rows
        find_covers(page, [row.item for row in rows])
        top = page.value(rows[0].play_count, rows[0].total_ms) if rows else 0
        shown = [rank_row(page, row, top, links=links) for row in rows]
        lists.append(RankList(heading, "", page.links.to(path, genre=name), shown))
    return page.render(
        "item.html",
        name,
        unreached=page.unreached(),
        kind="Genre",
        name=name,
        by=None,
        cover=letterform(name, "genre"),
        is_round=False,
        sentence="",
        numbers=entries,
        timeline=life(page, found.life, genre=name),
        timeline_note="Since the first play.",
        ranks=None,
        clock=None,
        clock_note="",
        lists=[one for one in lists if one.rows],
        plays=[],
        plays_note="",
        plays_href="",
        hide=None,
    )


def show_show(page: Page) -> Response:
    """``/show/{key}``; ``?before=`` goes on in its plays."""
    try:
        key = UUID(page.request.path_params["key"])
    except ValueError:
        raise HTTPException(404) from None
    found = show_page(page.conn, page.listener, key)
    if found is None:
        raise HTTPException(404)
    page.path = f"show/{key}"
    formats, show = page.formats, found.show
    name = show.show or SHOWS.get(show.kind, "show")
    first, last = formats.local(show.first_played_at).date(), formats.local(show.last_played_at).date()
    values = [
        Mark(
            formats.month(one.first),
            page.value(one.play_count, one.total_ms),
            page.value_text(one.play_count, one.total_ms),
            page.links.to(page.path, range=f"{one.first:%Y-%m}") if one.play_count else None,
        )
        for one in found.life
    ]
    labels = [Tick(index, str(one.first.year)) for index, one in enumerate(found.life) if one.first.month == 1]
    part = SHOW_PARTS.get(show.kind, "play")
    plays = _plays_of_show(page, key, name, f"{part.capitalize()}s")
    return page.render(
        "item.html",
        name,
        unreached=page.unreached(),
        kind=SHOWS.get(show.kind, "show").capitalize(),
        name=name,
        by=None,
        cover=letterform(name, "show"),
        is_round=False,
        sentence=f"First heard on {formats.day(first)}, last {formats.ago(last, page.today)}.",
        numbers=_figures_of_show(page, key, show),
        timeline=timeline(f"Plays of {name}", values, Axes(labels, page.axis), height=200),
        timeline_note="Since the first play.",
        ranks=None,
        clock=None,
        clock_note="",
        lists=[plays] if plays.rows else [],
        plays=[],
        plays_note="",
        plays_href="",
        hide=None,
    )


def _figures_of_show(page: Page, key: UUID, show: TopShow) -> list[Figure]:
    formats, every = page.formats, page.links.to(page.path, range="all")
    part = SHOW_PARTS.get(show.kind, "play")
    numbers = [
        Figure(formats.number(show.play_count), f"{formats.noun(show.play_count, 'play')} ever", every),
        Figure(formats.length(show.total_ms), "ever", every),
        Figure(formats.number(show.episode_count), f"{formats.noun(show.episode_count, part)} ever", every),
    ]
    if page.range.kind is not RangeKind.ALL:
        plays, ms = show_total(page.conn, page.scope, key)
        value = page.value_text(plays, ms) if plays else "none"
        href = f"{page.links.to(page.path)}#list-1" if plays else None
        numbers.append(Figure(value, range_label(page.range, formats), href))
    return numbers


def _plays_of_show(page: Page, key: UUID, name: str, heading: str) -> RankList:
    """The latest of the range, or those before a play."""
    formats, before = page.formats, read_before(page.query.get("before", ""))
    each = MORE_PLAYS if before else PLAYS
    found = other_plays(page.conn, page.scope, before=before, show_key=key, each=each + 1)
    rows = [
        RankRow(
            place="",
            name=one.name or name,
            href=None,
            cover=letterform(name, "show"),
            by=formats.moment(one.played_at),
            value=formats.length(one.ms_played),
            value_href=None,
        )
        for one in found[:each]
    ]
    more = ""
    if len(found) > each:
        last = found[each - 1]
        more = page.links.to(page.path, before=write_before(Before(last.played_at, last.id)))
    return RankList(heading, range_label(page.range, formats), None, rows, more=more)
