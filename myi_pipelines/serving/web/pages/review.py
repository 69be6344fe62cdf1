"""A year, a month or a week in review: a statement and a picture at a time, replayable for every past one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from myi_pipelines.serving.queries.activity import Bucket, Step, Totals, activity, clock, totals
from myi_pipelines.serving.queries.discoveries import discovered, discoveries, obsessions
from myi_pipelines.serving.queries.milestones import streaks
from myi_pipelines.serving.queries.scope import (
    Days,
    InvalidRange,
    NamedRange,
    RangeKind,
    Scope,
    parse_range,
    week_number,
    week_of,
)
from myi_pipelines.serving.queries.tops import Kind, TopList, top_genres, tops
from myi_pipelines.serving.web.bar import range_label, range_name
from myi_pipelines.serving.web.cards import Card, Column, card_png, card_svg
from myi_pipelines.serving.web.charts.timeline import bar_line
from myi_pipelines.serving.web.formats import HOUR, MINUTE
from myi_pipelines.serving.web.page import OF_MUSIC, Page
from myi_pipelines.serving.web.pages.overview import NOTHING_FITS, empty
from myi_pipelines.serving.web.series import (
    bars,
    busiest_hour,
    day_calendar,
    day_clock,
    fullest,
    fullest_hour,
    step_for,
)
from myi_pipelines.serving.web.views import RankRow, cover_of, find_covers, item_rows, name_of, rank_row

KINDS = (RangeKind.YEAR, RangeKind.MONTH, RangeKind.WEEK)
EACH = 9
LISTED = 5
STREAK = 5
FORMATS = {"svg": "image/svg+xml", "png": "image/png"}


class Panel(NamedTuple):
    """One statement and one picture."""

    statement: str
    text: str = ""
    picture: Markup = Markup()
    rows: list[RankRow] = []  # noqa: RUF012 (never changed)


class Month(NamedTuple):
    name: str
    href: str | None
    bar: Markup


class Week(NamedTuple):
    name: str
    href: str
    text: str


class Year(NamedTuple):
    name: str
    href: str
    text: str
    months: list[Month]
    weeks: list[Week]


def show_reviews(page: Page) -> Response:
    """``/review``: every year, month and week that can be replayed."""
    first_day = page.listener.first_day
    if first_day is None:
        return empty(page)
    scope = page.scope._replace(days=Days(first_day, page.today))
    months = {one.first.replace(day=1): one for one in activity(page.conn, scope, Step.MONTH).buckets}
    highest = max(page.value(one.play_count, one.total_ms) for one in months.values())
    formats, weeks = page.formats, _weeks(page, scope)
    years = []
    for year in range(page.today.year, first_day.year - 1, -1):
        inside = [months.get(date(year, number, 1)) for number in range(1, 13)]
        plays = sum(one.play_count for one in inside if one)
        if not plays:
            continue
        ms = sum(one.total_ms for one in inside if one)
        shown = [
            Month(
                name,
                page.links.to(f"review/{year}-{number:02}", range=None) if one and one.play_count else None,
                bar_line(page.value(one.play_count, one.total_ms) if one else 0, highest),
            )
            for number, (name, one) in enumerate(zip(formats.months, inside, strict=True), 1)
        ]
        so_far = " so far" if year == page.today.year else ""
        text = f"{formats.length(ms)}, {formats.plays(plays)}{so_far}"
        years.append(Year(str(year), page.links.to(f"review/{year}", range=None), text, shown, weeks.get(year, [])))
    heading = "Every year of yours, every month and week." if years else NOTHING_FITS
    return page.render("reviews.html", "Review", heading=heading, years=years)


def _weeks(page: Page, scope: Scope) -> dict[int, list[Week]]:
    """By year, the weeks with plays."""
    weeks: dict[int, list[Week]] = {}
    for one in activity(page.conn, scope, Step.WEEK).buckets:
        if one.play_count:
            year, number = week_number(week_of(one.first, page.listener.week_starts_on))
            href = page.links.to(f"review/{year}-W{number:02}", range=None)
            name = f"{page.formats.short_day(one.first)}: {page.value_text(one.play_count, one.total_ms)}"
            weeks.setdefault(year, []).append(Week(str(number), href, name))
    return weeks


def show_review(page: Page) -> Response:
    """``/review/{period}``: panels."""
    now = reviewed(page)
    if page.listener.first_day is None:
        return empty(page)
    page.range, page.scope = now, page.scope._replace(days=now.days)
    page.path = f"review/{now.text}"
    page.links = page.links.keeping(range=now.text)
    whole = totals(page.conn, page.scope)
    label = range_label(now, page.formats)
    before = parse_range(now.before, page.today, page.listener) if now.before else None
    found = tops(page.conn, page.scope, [Kind.ARTIST, Kind.SONG, Kind.ALBUM], each=EACH)
    card = build_card(page, whole, found)
    return page.render(
        "review.html",
        f"{label} in review",
        panels=panels(page, whole, before, found) if whole.play_count else [],
        cards={kind: page.links.to(f"review/{now.text}/card.{kind}", range=None) for kind in FORMATS},
        card_text=f"{card.title}: {card.number} {card.unit}. "
        + "; ".join(f"{column.heading}: {', '.join(column.names)}" for column in card.columns),
        file_name=f"myi-{now.text}",
        earlier=page.links.to(f"review/{before.text}", range=None) if before else "",
        earlier_name=range_label(before, page.formats) if before else "",
    )


def show_card(page: Page) -> Response:
    """``/review/{period}/card.svg`` and ``.png``."""
    now = reviewed(page)
    page.range, page.scope = now, page.scope._replace(days=now.days)
    kind = page.request.path_params["format"]
    if kind not in FORMATS:
        raise HTTPException(404)
    card = build_card(page, totals(page.conn, page.scope))
    content = card_png(card) if kind == "png" else str(card_svg(card)).encode()
    return Response(content, media_type=FORMATS[kind])


def reviewed(page: Page) -> NamedRange:
    """The period of the address. Raises HTTPException 404 for one that is none, or has not begun."""
    try:
        now = page.read_range(page.request.path_params["period"])
    except InvalidRange:
        raise HTTPException(404) from None
    if now.kind not in KINDS or now.days.first > page.today:
        raise HTTPException(404)
    return now


def build_card(page: Page, whole: Totals, found: Mapping[Kind, TopList] | None = None) -> Card:
    """What the share card of the page's range shows. ``found``: the top artists and songs, where they are known."""
    formats = page.formats
    if found is None:
        found = tops(page.conn, page.scope, [Kind.ARTIST, Kind.SONG], each=LISTED)
    step = step_for(page.range.days)
    values = [float(one.total_ms) for one in activity(page.conn, page.scope, step).buckets]
    name = page.listener.display_name or page.listener.name
    if whole.total_ms >= 2 * HOUR:
        number, unit = formats.number(whole.total_ms / HOUR), "hours of music"
    else:
        number, unit = formats.number(whole.total_ms / MINUTE), "minutes of music"
    return Card(
        name=name,
        period=range_label(page.range, formats),
        number=number,
        unit=unit,
        bars=values,
        columns=[
            Column("Artists", [row.item.name for row in found[Kind.ARTIST].rows[:LISTED]]),
            Column("Songs", [name_of(row.item) for row in found[Kind.SONG].rows[:LISTED]]),
        ],
        foot=", ".join(
            (
                formats.plays(whole.play_count),
                formats.counted(found[Kind.SONG].items, "song"),
                formats.counted(found[Kind.ARTIST].items, "artist"),
            )
        ),
    )


def panels(page: Page, whole: Totals, before: NamedRange | None, found: Mapping[Kind, TopList]) -> list[Panel]:
    """The statements of a period, the largest first."""
    find_covers(page, [row.item for one in found.values() for row in one.rows])
    made = [
        _amount(page, whole, before),
        _artist(page, found[Kind.ARTIST], whole),
        _song(page, found[Kind.SONG]),
        _albums(page, found[Kind.ALBUM]),
        _met(page),
        _obsession(page),
        _genres(page),
        _fullest_day(page),
        _streak(page),
        _hour(page),
    ]
    return [panel for panel in made if panel is not None]


def _amount(page: Page, whole: Totals, before: NamedRange | None) -> Panel:
    formats = page.formats
    so_far = "So far in" if page.range.is_incomplete else "In"
    text = ""
    if before and page.range.days_before:
        earlier = totals(page.conn, page.scope._replace(days=page.range.days_before))
        if change := formats.change(whole.total_ms, earlier.total_ms):
            same = "the same part of " if page.range.is_incomplete else ""
            text = f"That is {change} in {same}{range_name(before, formats)}."
    step = step_for(page.range.days)
    picture = bars(page, activity(page.conn, page.scope, step).buckets, step)
    return Panel(
        f"{so_far} {range_name(page.range, formats)} you listened for {formats.length(whole.total_ms)}.", text, picture
    )


def _artist(page: Page, found: TopList, whole: Totals) -> Panel | None:
    if not found.rows:
        return None
    formats, first = page.formats, found.rows[0]
    top = page.value(first.play_count, first.total_ms)
    share = formats.percent(first.play_count / whole.play_count)
    name = range_name(page.range, formats)
    statement = f"{name[:1].upper()}{name[1:]} belonged to {first.item.name}."
    amount = f"{formats.plays(first.play_count)} over {formats.length(first.total_ms)}"
    text = f"{amount}, {share} of all you played."
    if found.items == 1:
        statement, text = f"It was one artist: {first.item.name}.", f"{amount}."
    elif _is_tie(page, found):
        statement, text = f"You heard {formats.counted(found.items, 'artist')}.", f"Nobody more than {first.item.name}."
    else:
        text += (
            f" {formats.counted(found.items - 1, 'other artist')} {'shared' if found.items > 2 else 'had'} the rest."
        )
    return Panel(
        statement,
        text,
        rows=[rank_row(page, row, top) for row in found.rows[:LISTED]],
    )


def _is_tie(page: Page, found: TopList) -> bool:
    """Whether the first two of a list have as much as each other."""
    one, two = (page.value(row.play_count, row.total_ms) for row in found.rows[:2])
    return one == two


def _song(page: Page, found: TopList) -> Panel | None:
    if not found.rows:
        return None
    formats, first = page.formats, found.rows[0]
    top = page.value(first.play_count, first.total_ms)
    by = f"It is by {first.item.artist}; you" if first.item.artist else "You"
    often = "once" if first.play_count == 1 else formats.counted(first.play_count, "time")
    statement = f"One song came back more than any other: {name_of(first.item)}."
    text = f"{by} played it {often}, among {formats.counted(found.items, 'song')}."
    if found.items == 1:
        statement, text = f"It was one song: {name_of(first.item)}.", f"{by} played it {often}."
    elif page.by_time:
        statement = f"No song had more of your time: {name_of(first.item)}."
        text = f"{by} played it {often}, for {formats.length(first.total_ms)}."
    elif first.play_count == 1:
        statement, text = "No song was played twice.", f"{formats.counted(found.items, 'song')}, once each."
    elif _is_tie(page, found):
        statement = f"No song came back more often than {name_of(first.item)}."
    return Panel(
        statement,
        text,
        rows=[rank_row(page, row, top) for row in found.rows[:LISTED]],
    )


def _albums(page: Page, found: TopList) -> Panel | None:
    if len(found.rows) < EACH - 3:
        return None
    covers = Markup("").join(
        Markup('<li><a class="cover" href="{}" title="{}">{}<span class="only-read">{}</span></a></li>').format(
            page.links.item("album", row.item.id), row.item.name, cover_of(page, row.item), row.item.name
        )
        for row in found.rows[:6]
    )
    first = found.rows[0].item
    text = f"{first.name} most of all" + (f", by {first.artist}." if first.artist else ".")
    return Panel(
        f"You heard {page.formats.counted(found.items, 'album')}.",
        text,
        Markup('<ul class="mosaic">{}</ul>').format(covers),
    )


def _met(page: Page) -> Panel | None:
    new = sum(one.artists for one in discoveries(page.conn, page.scope))
    found = discovered(page.conn, page.scope, Kind.ARTIST, each=LISTED)
    if not found:
        return None
    rows = item_rows(page, found)
    is_most = len(found) > 1 and found[0].play_count > found[1].play_count
    most = f"{found[0].name} became the most played of them since." if is_most else ""
    text = f"{most} {page.unreached(*OF_MUSIC)}".strip()
    return Panel(f"You met {page.formats.counted(new, 'new artist')}.", text, rows=rows)


def _obsession(page: Page) -> Panel | None:
    found = obsessions(page.conn, page.scope, each=1)
    if not found or page.range.kind is not RangeKind.YEAR:
        return None
    one = found[0]
    by = f" by {one.track.artist}" if one.track.artist else ""
    month = page.formats.month(one.month)
    text = f"{page.formats.plays(one.play_count)} in one month, {page.formats.length(one.total_ms)}."
    text = f"{text} {page.unreached(*OF_MUSIC)}".strip()
    return Panel(f"In {month} you could not stop playing {name_of(one.track)}{by}.", text)


def _streak(page: Page) -> Panel | None:
    longest = streaks(page.conn, page.scope, page.today, each=1).longest
    if not longest or longest[0].days < STREAK:
        return None
    one = longest[0]
    formats = page.formats
    return Panel(
        f"For {formats.counted(one.days, 'day')} in a row there was music.",
        f"From {formats.day(one.first)} to {formats.day(one.last)}, {formats.plays(one.play_count)}.",
    )


def _genres(page: Page) -> Panel | None:
    genres, _ = top_genres(page.conn, page.scope)
    if len(genres) < 3:
        return None
    names = ", ".join(one.genre for one in genres[1:5])
    return Panel(f"It sounded like {genres[0].genre}.", f"And like {names}.")


def _fullest_day(page: Page) -> Panel | None:
    if page.range.kind is RangeKind.WEEK:
        return None
    days: list[Bucket] = activity(page.conn, page.scope, Step.DAY).buckets
    with_music = [one.first for one in days if one.play_count]
    best = fullest(page, days)
    picture = day_calendar(page, days) if page.range.kind is RangeKind.YEAR else Markup()
    music = f"There was music on {page.formats.counted(len(with_music), 'day')}"
    if best is None:
        on = f", {page.formats.day(with_music[0])}" if len(with_music) == 1 else ""
        return Panel(f"{music}{on}.", "", picture)
    return Panel(
        f"{page.formats.day(best.first)} was the fullest day.",
        f"{page.formats.length(best.total_ms)}, {page.formats.plays(best.play_count)}. {music}.",
        picture,
    )


def _hour(page: Page) -> Panel | None:
    week = clock(page.conn, page.scope)
    hour = busiest_hour(week.hours, page.by_time)
    if hour is None:
        return None
    text = page.formats.hours_between(hour)
    picture = day_clock(page, week.hours, fullest_hour(page, hour))
    return Panel(f"Your hour was from {text}.", "", picture)
