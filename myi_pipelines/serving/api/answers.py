"""Answers as they are sent: JSON with what is known of the numbers around them, or a list as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from myi_pipelines.serving.api.asking import Asked
from myi_pipelines.serving.api.meta import meta_about
from myi_pipelines.serving.api.shapes.answers import Answer, Listing, Meta, PageShown, Plain, PlainListing
from myi_pipelines.serving.api.shapes.fields import Shape
from myi_pipelines.serving.asgi.etags import VARY, with_etag
from myi_pipelines.serving.context import context_of
from myi_pipelines.text import csv_cell

S = TypeVar("S", bound=Shape)

JSON = "application/json"
CSV = "text/csv; charset=utf-8"
URIS = "text/uri-list"
NOT_KEPT = {"Cache-Control": "private, no-cache", "Vary": VARY}


def answered(asked: Asked, shape: type[S], data: object, *, archived: Sequence[date] = ()) -> Response:
    """The answer to a question: ``data`` has the attributes that the shape reads."""
    answer = Answer[shape].model_construct(data=shape.model_validate(data), meta=meta_of(asked, archived))  # type: ignore[valid-type]
    return _sent(asked, Response(answer.model_dump_json(), media_type=JSON))


def listed(
    asked: Asked,
    shape: type[S],
    rows: Iterable[object],
    *,
    following: str | None = None,
    items: int | None = None,
    archived: Sequence[date] = (),
) -> Response:
    """A page of a list, as JSON or CSV. ``following`` is the cursor of the next page."""
    shapes = [shape.model_validate(row) for row in rows]
    if asked.asking.wants_csv:
        response = Response(as_csv(shape, shapes), media_type=CSV)
        response.headers["Content-Disposition"] = 'attachment; filename="myi.csv"'
    else:
        page = PageShown(items=items, next=following)
        answer = Listing[shape].model_construct(data=shapes, meta=meta_of(asked, archived), page=page)  # type: ignore[valid-type]
        response = Response(answer.model_dump_json(), media_type=JSON)
    link_pages(asked.asking.request, response, following)
    return _sent(asked, response)


def track_uris(asked: Asked, spotify_ids: Iterable[str | None], *, following: str | None) -> Response:
    """Spotify's addresses of tracks, a line each, to paste into a playlist; those without one are left out."""
    lines = [f"spotify:track:{one}\r\n" for one in spotify_ids if one]
    response = Response("".join(lines), media_type=URIS)
    link_pages(asked.asking.request, response, following)
    return _sent(asked, response)


def link_pages(request: Request, response: Response, following: str | None) -> None:
    """Say in ``Link`` where the next page and the first one are (RFC 8288)."""
    url = request.url
    links = [f'<{url.path}?{url.include_query_params(after=following).query}>; rel="next"'] if following else []
    if "after" in request.query_params:
        first = url.remove_query_params("after")
        links.append(f'<{first.path}{"?" if first.query else ""}{first.query}>; rel="first"')
    if links:
        response.headers["Link"] = ", ".join(links)


def plain(shape: type[S], data: object) -> Response:
    """An answer about no listener's numbers, which is made each time."""
    answer = Plain[shape].model_construct(data=shape.model_validate(data))  # type: ignore[valid-type]
    return Response(answer.model_dump_json(), media_type=JSON, headers=NOT_KEPT)


def plain_list(
    request: Request, shape: type[S], rows: Iterable[object], *, following: str | None = None, items: int | None = None
) -> Response:
    """A page of a list about no listener's numbers, which is made each time."""
    shapes = [shape.model_validate(row) for row in rows]
    page = PageShown(items=items, next=following)
    answer = PlainListing[shape].model_construct(data=shapes, page=page)  # type: ignore[valid-type]
    response = Response(answer.model_dump_json(), media_type=JSON, headers=NOT_KEPT)
    link_pages(request, response, following)
    return response


def meta_of(asked: Asked, archived: Sequence[date] = ()) -> Meta:
    """What is known of the numbers of an answer."""
    return meta_about(asked.listener, asked.fresh, asked.range, asked.scope, archived)


def as_csv(shape: type[Shape], rows: Sequence[Shape]) -> str:
    """Rows as CSV (RFC 4180) with a header. A part of a row gives columns with its name before theirs; what is a list
    within a row is left out. No text is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = list(_columns(shape))
    writer.writerow("_".join(path) for path in columns)
    writer.writerows([_cell(_value(row, path)) for path in columns] for row in rows)
    return out.getvalue()


def _columns(shape: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in shape.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), None)
        is_list = any(getattr(one, "__origin__", one) in (list, tuple, dict) for one in kinds)
        if inner is not None and not is_list:
            yield from _columns(inner, (*above, name))
        elif not is_list:
            yield (*above, name)


def _value(row: Any, path: Sequence[str]) -> Any:
    for name in path:
        row = getattr(row, name, None)
    return row


def _cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return csv_cell(value)
        case datetime() | date():
            return value.isoformat()
    return value


def _sent(asked: Asked, response: Response) -> Response:
    with_etag(response, asked.etag)
    response.headers["Vary"] += ", Accept"
    context_of(asked.asking.request).answers.keep(asked.etag, response)
    return response
