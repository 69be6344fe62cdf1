"""Pictures for other pages: a badge, a card. A token that may only embed stands in their address."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part
from myi_pipelines.serving.context import context_of
from myi_pipelines.serving.queries.activity import totals
from myi_pipelines.serving.queries.tops import Kind, tops
from myi_pipelines.serving.web.bar import range_label
from myi_pipelines.serving.web.cards import SANS, card_svg, clipped, png
from myi_pipelines.serving.web.page import Page, open_page
from myi_pipelines.serving.web.pages.review import FORMATS, build_card

KEPT_SECONDS = 600
LEFT, RIGHT = "#2b2228", "#8d1a4d"


def embed(request: Request) -> Response:
    """``/embed/u/{name}/badge.svg`` and ``card.svg``, or ``.png``; ``?range=`` as on pages, ``?of=artist`` a badge of
    the most played artist. 404 without a token that may embed."""
    what, kind = request.path_params["what"], request.path_params["format"]
    if what not in ("badge", "card") or kind not in FORMATS:
        raise HTTPException(404)
    with context_of(request).reading() as conn:
        page = open_page(request, conn, Part.EMBED)
        svg = str(card_svg(build_card(page, totals(conn, page.scope)))) if what == "card" else str(badge(page))
    content = png(svg, 1080 if what == "card" else 480) if kind == "png" else svg.encode()
    headers = {
        "Cache-Control": f"private, max-age={KEPT_SECONDS}",
        "Content-Security-Policy": "default-src 'none'; style-src 'none'; frame-ancestors *",
        "Last-Modified": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    return Response(content, media_type=FORMATS[kind], headers=headers)


def badge(page: Page) -> Markup:
    """Two fields side by side, 20 pixels high, as on pages of source code."""
    formats = page.formats
    label = range_label(page.range, formats)
    if page.query.get("of") == "artist":
        rows = tops(page.conn, page.scope, [Kind.ARTIST], each=1)[Kind.ARTIST].rows
        value = rows[0].item.name if rows else "nobody"
    else:
        value = formats.length(totals(page.conn, page.scope).total_ms)
    return two_fields(f"music, {label}", clipped(value, 28))


def two_fields(left: str, right: str) -> Markup:
    """Widths are estimates: a letter is about 6.6 pixels wide, and the text is fitted to them."""
    wide = [round(len(text) * 6.6) + 14 for text in (left, right)]
    whole = sum(wide)
    texts = "".join(
        f'<text x="{x}" y="14" text-anchor="middle" textLength="{width - 14}" lengthAdjust="spacingAndGlyphs"'
        f' font-size="11" font-family="{SANS}" fill="#ffffff">{escape(text)}</text>'
        for text, x, width in ((left, wide[0] / 2, wide[0]), (right, wide[0] + wide[1] / 2, wide[1]))
    )
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" viewBox="0 0 {whole} 20" role="img">'
        f'<title>{escape(left)}: {escape(right)}</title><rect width="{whole}" height="20" rx="3" fill="{LEFT}"/>'
        f'<path d="M{wide[0]} 0H{whole - 3}a3 3 0 0 1 3 3V17a3 3 0 0 1 -3 3H{wide[0]}Z" fill="{RIGHT}"/>{texts}</svg>'
    )
