"""Ranked lists without end: songs or recordings, artists, albums, genres, shows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from myi_pipelines.serving.queries.activity import Bucket, Step, lives
from myi_pipelines.serving.queries.tops import Kind, Place, TopRow, has_genres, top_genres, top_shows, tops
from myi_pipelines.serving.web.bar import Choice
from myi_pipelines.serving.web.charts.timeline import sparkline
from myi_pipelines.serving.web.page import Page, whole_number
from myi_pipelines.serving.web.pages.overview import nothing_played
from myi_pipelines.serving.web.series import bucket_name
from myi_pipelines.serving.web.views import RankRow, find_covers, genre_row, rank_row, show_row

KINDS = (("songs", "Songs"), ("artists", "Artists"), ("albums", "Albums"), ("genres", "Genres"), ("shows", "Shows"))
EACH = 50
MOST_SKIPPED = 10_000
NUMBER = re.compile(r"-?[0-9]{1,18}")
LONGEST_OF_MONTHS = 120
GENRES = 200
"""At most: there are a few thousand, and hardly anybody hears more than some hundred."""
NO_SHOWS = "None were played in these days. Choose another range above, or all time."
OF_GENRES = (
    "A play counts once for each genre of its artists. Genres are Spotify’s or, where it tells none, MusicBrainz’ "
    "(CC BY-NC-SA 3.0)."
)
NO_GENRES_THEN = "No genre is known of what you played in these days. Choose another range above, or all time."
NO_GENRES = (
    "No genres are known yet. Spotify tells them to few apps only; MusicBrainz tells them to everybody who says who "
    "asks: whoever runs this MYI sets MYI_MUSICBRAINZ_CONTACT once, and genres fill in, the most played artists first."
)


def show_tops(page: Page) -> Response:
    """``/tops/{kind}``: `songs` by default; `of=recordings` lists recordings instead."""
    kind = page.request.path_params.get("kind", "songs")
    if kind not in dict(KINDS):
        raise HTTPException(404)
    page.path = f"tops/{kind}" if kind != "songs" else "tops"
    recordings = kind == "songs" and page.query.get("of") == "recordings"
    compare = page.range.days_before
    rows: list[RankRow]
    more = summary = ""
    nothing: str = NO_SHOWS
    if kind == "genres":
        genres, _ = top_genres(page.conn, page.scope, before=compare)
        top = page.value(genres[0].play_count, genres[0].total_ms) if genres else 0
        rows = [genre_row(page, row, top, with_change=bool(compare)) for row in genres[:GENRES]]
        summary = OF_GENRES if rows else ""
        if not rows:
            nothing = NO_GENRES_THEN if has_genres(page.conn, page.listener) else NO_GENRES
    elif kind == "shows":
        skip = min(whole_number(page.query.get("skip")) or 0, MOST_SKIPPED)
        shows = top_shows(page.conn, page.scope, each=EACH + 1, skip=skip)
        top = page.value(shows[0].play_count, shows[0].total_ms) if shows else 0
        rows = [show_row(page, row, top) for row in shows[:EACH]]
        more = page.links.to(page.path, skip=skip + EACH) if len(shows) > EACH else ""
    else:
        of = {"songs": Kind.TRACK if recordings else Kind.SONG, "artists": Kind.ARTIST, "albums": Kind.ALBUM}[kind]
        after, top = read_place(page.query.get("after", ""))
        found = tops(page.conn, page.scope, [of], each=EACH, after=after, before=compare)[of]
        if found.rows and not top:
            top = page.value(found.rows[0].play_count, found.rows[0].total_ms)
        if not found.rows:
            nothing = nothing_played(page)
        find_covers(page, [row.item for row in found.rows])
        drawn = _lives(page, of, found.rows)
        rows = [rank_row(page, row, top, with_change=bool(compare), life=drawn.get(row.item.id)) for row in found.rows]
        noun = "recording" if recordings else kind[:-1]
        summary = page.formats.counted(found.items, noun) + " played" if rows and not after else ""
        if compare and summary and page.range.kind != "all":
            summary += "; arrows compare with the period before"
        if found.archived:
            months = page.formats.counted(len(found.archived), "month")
            summary += f"; {months} of it are in the archive and not counted here"
        more = page.links.to(page.path, after=write_place(found.next, top)) if found.next else ""
    return page.render(
        "tops.html",
        "Tops" if kind == "songs" else dict(KINDS)[kind],
        heading=heading(kind, recordings),
        kinds=[
            Choice(name, page.links.to(f"tops/{key}" if key != "songs" else "tops"), key == kind) for key, name in KINDS
        ],
        units=[
            Choice("Songs", page.links.to("tops", of="songs"), not recordings),
            Choice("Recordings", page.links.to("tops", of="recordings"), recordings),
        ]
        if kind == "songs"
        else [],
        summary=summary,
        rows=rows,
        nothing=nothing,
        more=more,
        unreached=page.unreached() if kind == "shows" else "",
    )


def _lives(page: Page, of: Kind, rows: Sequence[TopRow]) -> dict[int, Markup]:
    """The shape of the life of each song or recording, by month, of a long history by year. Of an artist or an album it
    would be that of hundreds of tracks, which takes too long."""
    first, last = page.listener.first_day, page.listener.last_day
    if of not in (Kind.SONG, Kind.TRACK) or first is None or last is None:
        return {}
    step = Step.MONTH if (last - first).days < LONGEST_OF_MONTHS * 30 else Step.YEAR
    found = lives(page.conn, page.listener, [row.item.id for row in rows], step, are_songs=of is Kind.SONG)
    return {item_id: _life(page, buckets, step) for item_id, buckets in found.items()}


def _life(page: Page, buckets: Sequence[Bucket], step: Step) -> Markup:
    values = [page.value(one.play_count, one.total_ms) for one in buckets]
    best = buckets[values.index(max(values))]
    text = f"most in {bucket_name(page, best, step)}: {page.value_text(best.play_count, best.total_ms)}"
    return sparkline(values, text=text)


def heading(kind: str, recordings: bool) -> str:
    return "Your recordings" if recordings else f"Your {kind}"


def write_place(place: Place, top: int) -> str:
    """Where a list goes on, and how long the longest bar of its first page is."""
    return ",".join(map(str, (*place, top)))


def read_place(text: str) -> tuple[Place | None, int]:
    """The opposite of `write_place`; the beginning of the list for anything else."""
    parts = text.split(",")
    if len(parts) != 5 or not all(NUMBER.fullmatch(part) for part in parts):
        return None, 0
    play_count, total_ms, tie, rank, top = map(int, parts)
    return Place(play_count, total_ms, tie, rank), top
