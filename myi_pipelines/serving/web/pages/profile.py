"""What a stranger sees of a listener who has a public page: what the flags allow, and nothing else."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.queries.activity import activity, totals
from myi_pipelines.serving.queries.tops import Kind, tops
from myi_pipelines.serving.web.page import Page
from myi_pipelines.serving.web.series import bars, step_for
from myi_pipelines.serving.web.views import find_covers, playing_line, rank_row

LISTS = (
    (Kind.ARTIST, "Artists", Part.TOP_ARTISTS),
    (Kind.SONG, "Songs", Part.TOP_TRACKS),
    (Kind.ALBUM, "Albums", Part.TOP_TRACKS),
)
EACH = 10


def show_profile(page: Page) -> Response:
    """``/u/{name}`` for who may see the profile. Its numbers have no links: the plays are not shown."""
    listener, formats = page.listener, page.formats
    kinds = [kind for kind, _, part in LISTS if page.may(part)]
    found = tops(page.conn, page.scope, kinds, each=EACH) if kinds else {}
    find_covers(page, [row.item for one in found.values() for row in one.rows])
    lists: list[dict[str, Any]] = []
    for kind, name, _ in LISTS:
        if kind in found and (rows := found[kind].rows):
            top = page.value(rows[0].play_count, rows[0].total_ms)
            shown = [rank_row(page, row, top)._replace(href=None, value_href=None, by_href=None) for row in rows]
            lists.append({"name": name, "rows": shown})
    chart = sentence = None
    if page.may(Part.LISTENING_TIME):
        now = totals(page.conn, page.scope)
        sentence = f"{formats.length(now.total_ms)} of music, {formats.plays(now.play_count)}."
        if now.play_count:
            step = step_for(page.range.days)
            chart = bars(page, activity(page.conn, page.scope, step).buckets, step)
        else:
            sentence = "nothing was played."
    return page.render(
        "profile.html",
        listener.display_name or listener.name,
        playing=playing_line(page),
        since=formats.month(listener.ever.first) if listener.ever else None,
        sentence=sentence,
        chart=chart,
        lists=lists,
    )
