"""Two listeners of this installation side by side, if both allow it. Without that there is no such page."""

from __future__ import annotations

from markupsafe import Markup
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import NotVisible
from myi_pipelines.serving.queries.comparison import Shared, compare
from myi_pipelines.serving.queries.listeners import find_listener, listener_settings, listeners
from myi_pipelines.serving.queries.scope import Filters, InvalidRange, Listener, RangeKind, same_range
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.serving.web.bar import range_label
from myi_pipelines.serving.web.page import Page
from myi_pipelines.serving.web.views import Figure, RankList, RankRow, find_covers, item_rows
from myi_pipelines.serving.web.words import isolated
from myi_pipelines.warehouse.users import UnknownUser

EACH = 20
MOST_LISTENERS = 500


def show_compare(page: Page) -> Response:
    """``/compare``: whom one may be compared with; ``?with=name``: the comparison. For oneself and the operator."""
    if not page.viewer.is_operator and page.viewer.user_id != page.listener.id:
        raise NotVisible
    other_name = page.query.get("with", "").strip()
    if not listener_settings(page.conn, page.listener).allows_comparison:
        aside = Markup('Allow it in your <a href="{}">settings</a> first, and let the other one do so too.').format(
            page.links.to("settings")
        )
        return _render(page, "Compare your music with somebody’s.", aside, [], [])
    if not other_name:
        return _render(page, "Compare your music with somebody’s.", _whom(page), [], [])
    return _compared(page, _other(page, other_name))


def _other(page: Page, name: str) -> Listener:
    """The other one, if they agree: 404 says no more than for a name that nobody has."""
    try:
        other = find_listener(page.conn, name)
    except UnknownUser:
        raise NotVisible from None
    if other.id == page.listener.id or not listener_settings(page.conn, other).allows_comparison:
        raise NotVisible
    return other


def _whom(page: Page) -> str | Markup:
    others = listeners(page.conn, each=MOST_LISTENERS)
    willing = [one for one in others if one.allows_comparison and one.id != page.listener.id]
    if not willing:
        return "Nobody else here has allowed it yet."
    links = Markup(", ").join(
        Markup('<a dir="auto" href="{}">{}</a>').format(
            page.links.to("compare", **{"with": one.name}), one.display_name or one.name
        )
        for one in willing
    )
    return Markup("With {}.").format(links)


def _compared(page: Page, other: Listener) -> Response:
    formats = page.formats
    page.extra = {"with": other.name}
    try:
        theirs = same_range(page.range, other)
    except InvalidRange:
        raise NotVisible from None
    mine = page.scope._replace(filters=Filters())  # the other one agreed to be compared, and to nothing more
    found = compare(page.conn, mine, mine._replace(listener=other, days=theirs), each=EACH)
    name = other.display_name or other.name
    find_covers(page, [one.item for shared in found.shared.values() for one in shared])
    lists = [
        RankList(heading, f"Your rank, and {isolated(name)}’s.", None, _rows(page, found.shared.get(kind, [])))
        for kind, heading in ((Kind.ARTIST, "Artists of both"), (Kind.SONG, "Songs of both"))
    ]
    numbers = [
        Figure(f"{found.score} of 100", "in common"),
        Figure(formats.length(found.mine.total_ms), "yours", page.links.plays()),
        Figure(formats.length(found.theirs.total_ms), f"{name}’s"),
    ]
    when = "of all time" if page.range.kind is RangeKind.ALL else range_label(page.range, formats)
    return _render(
        page, f"You and {isolated(name)}, {when}.", page.unreached(), numbers, [one for one in lists if one.rows]
    )


def _rows(page: Page, shared: list[Shared]) -> list[RankRow]:
    texts = [f"#{one.mine.rank} and #{one.theirs.rank}" for one in shared]
    return list(item_rows(page, [one.item for one in shared], texts))


def _render(page: Page, heading: str, aside: str | Markup, numbers: list[Figure], lists: list[RankList]) -> Response:
    return page.render(
        "lists.html",
        "Compare",
        heading=heading,
        aside=aside,
        numbers=numbers,
        tabs=[],
        wide=[],
        lists=lists,
        nothing="You have nothing in common in these days." if numbers else "",
    )
