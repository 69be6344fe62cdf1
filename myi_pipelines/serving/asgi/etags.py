"""Answers that a browser has already: it asks each time, and mostly hears that nothing has changed."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

PRIVATE = "private, no-cache"
"""May be kept by the browser that asked, and must be asked for again."""
VARY = "Cookie, Authorization, Accept-Language"


def etag_of(*parts: object) -> str:
    """A weak ETag of everything that an answer depends on: the listener's ``version``, the local date, the version of
    templates and program (``Context.version``), the viewer's ``key``, the language."""
    digest = hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
    return f'W/"{digest[:24]}"'


def not_modified(request: Request, etag: str) -> Response | None:
    """304 where the browser has the answer of this ETag already; None where it has to be made."""
    if request.method not in ("GET", "HEAD"):
        return None
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=_headers(etag))
    return None


def with_etag(response: Response, etag: str) -> Response:
    """The answer, with the headers that make a browser ask with its ETag next time."""
    for name, value in _headers(etag).items():
        response.headers[name] = value
    return response


def _headers(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": PRIVATE, "Vary": VARY}
